//! Who may come in, at what pace, and who is blocked: the limits, keyed by peer and by fingerprint, and their events.
//!
//! Every connection is a [`PeerConnection`] of its peer. What it does wrong is a strike for the peer, and for the fingerprint once
//! it has authenticated; before that a fingerprint is only what somebody claims, and nobody is blocked for what
//! others say. Who is blocked loses its sessions, and on the clearnet is told so (403); a blocked circuit is closed.

mod connection;
mod peer_key;
mod slots;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::events::{Events, Kind, Pseudonym, Subject};
use crate::hub::{Hub, Signal};
use crate::transport::Peer;
pub use connection::{Decision, PeerConnection, Refused};
use ephemeral_core::limits::{self, KeyTable, StrikeOutcome};
use ephemeral_core::protocol::{Fingerprint, Millis, WallTime};
use peer_key::PeerKey;
pub use slots::{HandshakeSlots, Slot};

/// Peers that are remembered at the same time, at most: some 10 MB.
const PEERS: usize = 65_536;
/// Fingerprints that are, for what they did wrong: some 2 MB. Strangers cannot fill this one.
const FINGERPRINTS: usize = 16_384;

/// Keeps the limits.
pub struct Admission {
    hub: Arc<Hub>,
    events: Arc<Events>,
    peers: Mutex<Peers>,
    fingerprints: Mutex<KeyTable<Fingerprint>>,
}

struct Peers {
    table: KeyTable<PeerKey>,
    /// The sessions of each peer that has any.
    sessions: HashMap<PeerKey, Vec<Arc<Signal>>>,
}

/// One block, as it is shown.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct BlockEntry {
    /// Who, for today.
    pub who: Pseudonym,
    /// When it ends by itself.
    pub until: WallTime,
}

impl Admission {
    /// One that knows nobody yet.
    #[must_use]
    pub fn new(policy: limits::Config, hub: Arc<Hub>, events: Arc<Events>) -> Arc<Self> {
        let peers = Peers { table: KeyTable::new(policy, PEERS), sessions: HashMap::new() };
        let fingerprints = Mutex::new(KeyTable::new(policy, FINGERPRINTS));
        Arc::new(Self { hub, events, peers: Mutex::new(peers), fingerprints })
    }

    /// What holds from now on. Strikes and blocks stay as they are.
    pub fn set_policy(&self, policy: limits::Config) {
        self.peers().table.set_policy(policy);
        self.fingerprints().set_policy(policy);
    }

    /// What happened so far.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// A connection of `peer` begins.
    ///
    /// # Errors
    /// [`Refused`]: it has to be closed.
    pub fn enter(self: &Arc<Self>, peer: Peer) -> Result<PeerConnection, Refused> {
        PeerConnection::enter(Arc::clone(self), PeerKey::of(peer))
    }

    /// Notes what a peer did that is not a strike.
    pub fn note(&self, kind: Kind, peer: Peer) {
        self.note_key(kind, &PeerKey::of(peer));
    }

    /// Notes what nobody in particular did.
    pub fn note_nobody(&self, kind: Kind) {
        self.events.note(self.hub.now(), kind, None);
    }

    /// Whether a peer is blocked.
    #[must_use]
    pub fn is_blocked(&self, peer: Peer) -> bool {
        self.peers().table.blocked(self.hub.now(), &PeerKey::of(peer)).is_some()
    }

    /// Whether `fingerprint`, which has proved itself, is blocked. It is noted.
    #[must_use]
    pub fn bars(&self, fingerprint: &Fingerprint) -> bool {
        let now = self.hub.now();
        let blocked = self.fingerprints().blocked(now, fingerprint).is_some();
        if blocked {
            self.events.note(now, Kind::RefusedBlocked, Some(&Subject::Fingerprint(fingerprint)));
        }
        blocked
    }

    /// Everybody who is blocked, the one that stays longest first.
    #[must_use]
    pub fn blocks(&self) -> Vec<BlockEntry> {
        let clocks = self.hub.clocks();
        let now = clocks.steady;
        let peers: Vec<_> = self.peers().table.blocks(now).collect();
        let fingerprints: Vec<_> = self.fingerprints().blocks(now).collect();
        let peers =
            peers.iter().map(|block| (peer_key::with_identity(&block.key, |who| self.name(now, who)), block.until));
        let fingerprints = fingerprints
            .iter()
            .map(|block| (Some(self.events.pseudonym(now, &Subject::Fingerprint(&block.key))), block.until));
        let entry = |(who, until): (Option<_>, _)| Some(BlockEntry { who: who?, until: clocks.wall_at(until) });
        let mut blocks: Vec<_> = peers.chain(fingerprints).filter_map(entry).collect();
        blocks.sort_by_key(|block| std::cmp::Reverse(block.until));
        blocks
    }

    /// Ends the block of whoever is called `who` today. Whether there was one.
    pub fn unblock(&self, who: &str) -> bool {
        let now = self.hub.now();
        let peers: Vec<_> = self.peers().table.blocks(now).map(|block| block.key).collect();
        let peer = peers.into_iter().find(|key| {
            peer_key::with_identity(key, |identity| self.name(now, identity))
                .is_some_and(|name| name.to_string() == who)
        });
        if let Some(key) = peer {
            self.note_key(Kind::Unblocked, &key);
            return self.peers().table.unblock(now, &key);
        }
        let fingerprints: Vec<_> = self.fingerprints().blocks(now).map(|block| block.key).collect();
        let found = fingerprints
            .into_iter()
            .find(|key| self.events.pseudonym(now, &Subject::Fingerprint(key)).to_string() == who);
        found.is_some_and(|key| {
            self.events.note(now, Kind::Unblocked, Some(&Subject::Fingerprint(&key)));
            self.fingerprints().unblock(now, &key)
        })
    }

    /// Forgets what need not be remembered. Call it about once a minute.
    pub fn settle(&self) {
        let now = self.hub.now();
        self.peers().table.sweep(now);
        self.fingerprints().sweep(now);
        self.events.settle(now);
    }

    /// How many peers and fingerprints are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.peers().table.len() + self.fingerprints().len()
    }

    fn name(&self, now: Millis, who: &Subject<'_>) -> Pseudonym {
        self.events.pseudonym(now, who)
    }

    fn note_key(&self, kind: Kind, key: &PeerKey) {
        let now = self.hub.now();
        if peer_key::with_identity(key, |who| self.events.note(now, kind, Some(who))).is_none() {
            self.events.note(now, kind, None);
        }
    }

    /// A strike for a peer. Its sessions end if it was one too many.
    fn strike_peer(&self, kind: Kind, key: &PeerKey) {
        if *key == PeerKey::Local {
            return;
        }
        self.note_key(kind, key);
        let sessions = {
            let mut peers = self.peers();
            match peers.table.strike(self.hub.now(), *key) {
                StrikeOutcome::Counted => return,
                StrikeOutcome::Blocked => peers.sessions.get(key).cloned().unwrap_or_default(),
            }
        };
        self.note_key(Kind::Blocked, key);
        sessions.iter().for_each(|session| session.evict());
    }

    /// A strike for a fingerprint that has proved itself. Its session ends if it was one too many.
    fn strike_fingerprint(&self, fingerprint: &Fingerprint) {
        let now = self.hub.now();
        let struck = self.fingerprints().strike(now, *fingerprint);
        if struck == StrikeOutcome::Blocked {
            self.events.note(now, Kind::Blocked, Some(&Subject::Fingerprint(fingerprint)));
            self.hub.evict(fingerprint);
        }
    }

    fn peers(&self) -> MutexGuard<'_, Peers> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fingerprints(&self) -> MutexGuard<'_, KeyTable<Fingerprint>> {
        self.fingerprints.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
