//! Who may come in, at what rate, and who is blocked: the limits, keyed by peer and by fingerprint,
//! and their events.
//!
//! Every connection is a [`PeerConnection`] of its peer, and holds a [`Slot`] until it has
//! authenticated. What it does wrong is a strike for the peer, and for the fingerprint once it has
//! authenticated; before that a fingerprint is only what somebody claims, and nobody is blocked for
//! what others say.
//!
//! A peer that is blocked gets nobody new in. It costs no session: several people may be behind one
//! address. A session answers for its own fingerprint, whose block ends it. On TCP a blocked peer
//! is told so (403); a blocked circuit is closed once it carries no session.

mod connection;
mod entrance;
mod frame_budget;
mod peer_key;
mod peer_table;
mod slots;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::events::{Events, Kind, Pseudonym, Subject};
use crate::hub::Hub;
pub use connection::{Decision, PeerConnection};
pub use entrance::{Admitted, Refused};
use ephemeral_core::limits::{self, Bucket, KeyTable, StrikeOutcome};
use ephemeral_core::protocol::{Fingerprint, Millis, WallTime};
pub use frame_budget::{FrameAccount, FrameBudget, HeldMessage, INCOMPLETE_BYTES, MessageGaveWay, SMALL_MESSAGE};
pub use peer_key::Peer;
use peer_key::PeerKey;
use peer_table::{ADDRESSES, CIRCUITS, PeerEntry, PeerTable};
pub use slots::{HandshakeSlots, Slot};

/// Fingerprints that are remembered for what they did wrong, at most: some 2 MB. Strangers cannot
/// fill this table.
const FINGERPRINTS: usize = 16_384;

/// Keeps the limits.
pub struct Admission {
    hub: Arc<Hub>,
    events: Arc<Events>,
    slots: Arc<HandshakeSlots>,
    frames: Arc<FrameBudget>,
    /// How far connections are ahead of the rate of all.
    pace: Mutex<Bucket>,
    // Circuits and addresses have nothing to do with each other: neither can crowd the other out.
    circuits: Mutex<PeerTable>,
    addresses: Mutex<PeerTable>,
    fingerprints: Mutex<KeyTable<Fingerprint>>,
    /// How many sessions each circuit carries, of those that carry any.
    circuit_sessions: Mutex<HashMap<u64, usize>>,
}

/// A block, as it is shown.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct BlockEntry {
    /// Who, for today.
    pub who: Pseudonym,
    /// When it ends by itself.
    pub until: WallTime,
}

impl Admission {
    /// Makes one that knows nobody yet. `unauthenticated`: how many slots there are.
    #[must_use]
    pub fn new(policy: limits::Config, unauthenticated: usize, hub: Arc<Hub>, events: Arc<Events>) -> Arc<Self> {
        Arc::new(Self {
            hub,
            events,
            slots: HandshakeSlots::new(unauthenticated),
            frames: FrameBudget::new(),
            pace: Mutex::default(),
            circuits: Mutex::new(PeerTable::new(policy, &CIRCUITS)),
            addresses: Mutex::new(PeerTable::new(policy, &ADDRESSES)),
            fingerprints: Mutex::new(KeyTable::new(policy, FINGERPRINTS)),
            circuit_sessions: Mutex::default(),
        })
    }

    /// Changes what holds from now on. Strikes and blocks stay as they are. Where more slots are
    /// taken than there are to be, some give way at once.
    pub fn set_policy(&self, policy: limits::Config, unauthenticated: usize) {
        lock(&self.circuits).set_policy(policy);
        lock(&self.addresses).set_policy(policy);
        lock(&self.fingerprints).set_policy(policy);
        for key in self.slots.set_bound(unauthenticated) {
            self.note_key(Kind::GaveWay, &key);
        }
    }

    /// Returns what happened so far.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Returns the slots of connections that have not authenticated.
    #[must_use]
    pub fn slots(&self) -> &Arc<HandshakeSlots> {
        &self.slots
    }

    /// Returns the budget for messages that are not complete.
    #[must_use]
    pub fn frames(&self) -> &Arc<FrameBudget> {
        &self.frames
    }

    /// Notes something that concerns a peer which has no connection.
    pub fn note(&self, kind: Kind, peer: Peer) {
        self.note_key(kind, &PeerKey::of(peer));
    }

    /// Notes something that nobody in particular did.
    pub fn note_nobody(&self, kind: Kind) {
        self.events.note(self.hub.now(), kind, None);
    }

    /// Tells whether `fingerprint`, which has proved itself, is blocked. That is noted.
    #[must_use]
    pub fn bars(&self, fingerprint: &Fingerprint) -> bool {
        let now = self.hub.now();
        let blocked = lock(&self.fingerprints).blocked(now, fingerprint).is_some();
        if blocked {
            self.events.note(now, Kind::RefusedBlocked, Some(&Subject::Fingerprint(fingerprint)));
        }
        blocked
    }

    /// Tells whether a circuit has to be closed: it is blocked, and carries no session. If so, it
    /// is forgotten when its last connection has ended.
    #[must_use]
    pub fn is_over(&self, peer: Peer) -> bool {
        let Peer::Circuit(number) = peer else { return false };
        if lock(&self.circuit_sessions).contains_key(&number) {
            return false;
        }
        let now = self.hub.now();
        let key = PeerKey::Circuit(number);
        lock(&self.circuits).blocked(now, key).is_some()
    }

    /// Forgets a circuit that is closed, if it has no connection left.
    pub fn retire(&self, peer: Peer) {
        lock(&self.circuits).retire(PeerKey::of(peer));
    }

    /// Lists everybody who is blocked, the one that stays longest first.
    #[must_use]
    pub fn blocks(&self) -> Vec<BlockEntry> {
        let clocks = self.hub.clocks();
        let now = clocks.steady;
        let mut blocks: Vec<_> = self
            .blocked_peers(now)
            .into_iter()
            .map(|block| BlockEntry { who: self.name(now, &block.key), until: clocks.wall_at(block.until) })
            .collect();
        let fingerprints: Vec<_> = lock(&self.fingerprints).blocks(now).collect();
        blocks.extend(fingerprints.iter().map(|block| BlockEntry {
            who: self.events.pseudonym(now, &Subject::Fingerprint(&block.key)),
            until: clocks.wall_at(block.until),
        }));
        blocks.sort_by_key(|block| std::cmp::Reverse(block.until));
        blocks
    }

    /// Ends the block of the peer or fingerprint that is called `who` today. Returns whether there
    /// was one.
    pub fn unblock(&self, who: &str) -> bool {
        let now = self.hub.now();
        let is_called = |name: Pseudonym| name.to_string() == who;
        let mut peers = self.blocked_peers(now).into_iter();
        if let Some(block) = peers.find(|block| is_called(self.name(now, &block.key))) {
            self.note_key(Kind::Unblocked, &block.key);
            return lock(self.table(&block.key)).unblock(now, &block.key);
        }
        let fingerprints: Vec<_> = lock(&self.fingerprints).blocks(now).map(|block| block.key).collect();
        let found =
            fingerprints.into_iter().find(|key| is_called(self.events.pseudonym(now, &Subject::Fingerprint(key))));
        found.is_some_and(|key| {
            self.events.note(now, Kind::Unblocked, Some(&Subject::Fingerprint(&key)));
            lock(&self.fingerprints).unblock(now, &key)
        })
    }

    /// Returns how `who` is called today.
    #[must_use]
    pub fn pseudonym(&self, who: &Subject<'_>) -> Pseudonym {
        self.events.pseudonym(self.hub.now(), who)
    }

    /// Forgets what need not be remembered. Call it about once a minute.
    pub fn settle(&self) {
        let now = self.hub.now();
        lock(&self.circuits).sweep(now);
        lock(&self.addresses).sweep(now);
        lock(&self.fingerprints).sweep(now);
        self.slots.settle();
        self.events.settle(now);
    }

    /// Returns how many peers, networks and fingerprints are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        lock(&self.circuits).len() + lock(&self.addresses).len() + lock(&self.fingerprints).len()
    }

    /// Returns the table that a peer is in.
    fn table(&self, key: &PeerKey) -> &Mutex<PeerTable> {
        match key {
            PeerKey::Circuit(_) => &self.circuits,
            PeerKey::V4(..) | PeerKey::V6(..) => &self.addresses,
        }
    }

    fn blocked_peers(&self, now: Millis) -> Vec<limits::Block<PeerKey>> {
        let mut blocks = lock(&self.circuits).blocks(now);
        blocks.extend(lock(&self.addresses).blocks(now));
        blocks
    }

    /// Returns until when a peer is blocked.
    fn blocked(&self, now: Millis, key: PeerKey) -> Option<Millis> {
        lock(self.table(&key)).blocked(now, key)
    }

    fn name(&self, now: Millis, key: &PeerKey) -> Pseudonym {
        peer_key::with_identity(key, |who| self.events.pseudonym(now, who))
    }

    fn note_key(&self, kind: Kind, key: &PeerKey) {
        let now = self.hub.now();
        peer_key::with_identity(key, |who| self.events.note(now, kind, Some(who)));
    }

    /// Counts a strike for a peer. It ends no session.
    fn strike_peer(&self, entry: PeerEntry) {
        let outcome = lock(self.table(&entry.key)).strike(self.hub.now(), entry);
        if outcome == StrikeOutcome::Blocked {
            self.note_key(Kind::Blocked, &entry.key);
        }
    }

    /// Counts a strike for a fingerprint that has proved itself. Its session ends if it was one too
    /// many.
    fn strike_fingerprint(&self, fingerprint: &Fingerprint) {
        let now = self.hub.now();
        let outcome = lock(&self.fingerprints).strike(now, *fingerprint);
        if outcome == StrikeOutcome::Blocked {
            self.events.note(now, Kind::Blocked, Some(&Subject::Fingerprint(fingerprint)));
            self.hub.evict(fingerprint);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
