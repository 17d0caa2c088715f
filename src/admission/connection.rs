//! One connection, as its peer's: dropping it gives back what it used.

use std::sync::Arc;

use super::{Admission, FrameAccount, PeerEntry, PeerKey, Refused, Slot, lock};
use crate::events::{Kind, Subject};
use crate::hub::Signal;
use ephemeral_core::limits::RateStatus;
use ephemeral_core::protocol::Fingerprint;

/// Decides what becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is answered.
    Allow(RateStatus),
    /// There were too many: it has to wait.
    RateLimited(RateStatus),
    /// Its peer is blocked, for so many seconds more.
    Blocked(u64),
    /// Nothing is counted.
    Free,
}

/// A connection of a peer.
pub struct PeerConnection {
    admission: Arc<Admission>,
    key: PeerKey,
    /// Where it is counted.
    entry: PeerEntry,
    /// Whether the peer is a trusted proxy: everybody's, and not to be blocked.
    is_proxy: bool,
    /// What the connection itself took from the rate: it pays for the first request.
    paid: Option<RateStatus>,
    session: Option<Fingerprint>,
}

impl PeerConnection {
    pub(super) fn enter(admission: Arc<Admission>, key: PeerKey, is_proxy: bool) -> Result<Self, Refused> {
        let now = admission.hub.now();
        let (entry, blocked, pace, opened) = {
            let mut table = lock(admission.table(&key));
            let entry = table.entry(now, key);
            let blocked = table.blocked(now, key).is_some();
            if blocked && matches!(key, PeerKey::Circuit(_)) {
                (entry, true, None, Ok(()))
            } else {
                (entry, blocked, table.request(now, entry), table.open(now, entry))
            }
        };
        if entry.is_coalesced() {
            admission.note_key(Kind::Coalesced, &entry.key);
        }
        let Some(pace) = pace else {
            admission.note_key(Kind::RefusedBlocked, &key);
            return Err(Refused::Blocked);
        };
        if opened.is_err() {
            admission.note_key(Kind::Crowded, &key);
            return Err(Refused::TooManyConnections);
        }
        if pace.wait_ms.is_some() && !blocked {
            admission.note_key(Kind::RateLimited, &key);
        }
        Ok(Self { admission, key, entry, is_proxy, paid: Some(pace), session: None })
    }

    /// Decides about one more request; the first one was paid for by the connection.
    pub fn request(&mut self) -> Decision {
        let now = self.admission.hub.now();
        let (until, pace) = {
            let mut table = lock(self.admission.table(&self.key));
            let until = table.blocked(now, self.key);
            let is_new = until.is_none() && self.paid.is_none();
            (until, if is_new { table.request(now, self.entry) } else { None })
        };
        if let Some(until) = until {
            self.report(Kind::RefusedBlocked);
            return Decision::Blocked(until.since(now).div_ceil(1000));
        }
        if pace.is_some_and(|pace| pace.wait_ms.is_some()) {
            self.report(Kind::RateLimited);
        }
        match pace.or(self.paid.take()) {
            Some(pace) if pace.wait_ms.is_some() => Decision::RateLimited(pace),
            Some(pace) => Decision::Allow(pace),
            None => Decision::Free,
        }
    }

    /// Counts something that it did, and does what the table of [`Kind`] says of it: nothing more,
    /// or a strike. It is noted of the fingerprint, once that is known.
    pub fn report(&self, kind: Kind) {
        match &self.session {
            Some(fingerprint) => {
                let now = self.admission.hub.now();
                self.admission.events.note(now, kind, Some(&Subject::Fingerprint(fingerprint)));
            }
            None => self.admission.note_key(kind, &self.key),
        }
        if !kind.is_strike() {
            return;
        }
        if !self.is_proxy {
            self.admission.strike_peer(self.entry);
        }
        if let Some(fingerprint) = &self.session {
            self.admission.strike_fingerprint(fingerprint);
        }
    }

    /// Tells whether the peer is blocked.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.admission.blocked(self.admission.hub.now(), self.key).is_some()
    }

    /// Counts it as a session, which `signal` reaches: from now on strikes count for `fingerprint`
    /// too, and a block of the peer does not concern it.
    pub fn established(&mut self, fingerprint: Fingerprint, signal: &Signal) {
        // A block that came since it was let in found no session to end.
        let now = self.admission.hub.now();
        if lock(&self.admission.fingerprints).blocked(now, &fingerprint).is_some() {
            signal.evict();
        }
        if let PeerKey::Circuit(number) = self.key {
            *lock(&self.admission.circuit_sessions).entry(number).or_default() += 1;
        }
        self.session = Some(fingerprint);
    }

    /// Counts a slot as this peer's. `decision`: what was decided of its request.
    pub fn hold(&self, slot: &Slot, decision: &Decision) {
        let over = !matches!(decision, Decision::Allow(_) | Decision::Free);
        slot.rename(self.key, over);
    }

    /// Returns its share in the budget for messages that are not complete.
    #[must_use]
    pub fn frames(&self) -> FrameAccount {
        self.admission.frames.account(self.key)
    }

    /// Returns the limits that it is counted by.
    #[must_use]
    pub fn admission(&self) -> &Arc<Admission> {
        &self.admission
    }

    /// Tells whether the connection itself came too early, or of a blocked peer, so that nobody has
    /// to give way for it; and whether it had been told.
    pub(super) fn standing(&self) -> PeerStanding {
        match self.paid {
            _ if self.is_proxy => PeerStanding::Good,
            _ if self.is_blocked() => PeerStanding::Blocked,
            Some(pace) if pace.ignores => PeerStanding::Told,
            Some(pace) if pace.wait_ms.is_some() => PeerStanding::OverRate,
            _ => PeerStanding::Good,
        }
    }

    pub(super) fn key(&self) -> PeerKey {
        self.key
    }
}

/// The standing of a peer that has just connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PeerStanding {
    Good,
    /// It has to wait, and is to be told so.
    OverRate,
    /// It has to wait, and was told before.
    Told,
    Blocked,
}

impl Drop for PeerConnection {
    fn drop(&mut self) {
        lock(self.admission.table(&self.key)).close(self.admission.hub.now(), self.entry);
        if let (PeerKey::Circuit(number), Some(_)) = (self.key, self.session) {
            let mut sessions = lock(&self.admission.circuit_sessions);
            if let Some(count) = sessions.get_mut(&number) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    sessions.remove(&number);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::super::Peer;
    use super::*;
    use crate::clock::Clock;
    use crate::events::Events;
    use crate::hub::{self, Hub};
    use ephemeral_core::limits::{self, Rate};
    use ephemeral_core::protocol::WallTime;
    use ephemeral_core::store;

    /// Returns a peer that is let in, while another session of the same address and key gets
    /// something blocked.
    fn is_let_in_while(blocks: impl Fn(&mut PeerConnection, Fingerprint, &Signal)) -> bool {
        let settings = hub::Config { bounds: store::Config::default(), rate: Rate::new(60, 60), sessions: 10 };
        let hub = Hub::new(settings, Clock::anchored(WallTime(1_767_355_200_000))).unwrap();
        let events = Arc::new(Events::new(hub.now()).unwrap());
        let policy = limits::Config { strikes: 2, ..limits::Config::default() };
        let admission = Admission::new(policy, 10, Arc::clone(&hub), events);
        let someone = Fingerprint::from(&SigningKey::from_bytes(&[1; 32]).verifying_key());
        let peer = PeerKey::of(Peer::Address([192, 0, 2, 1].into()));
        let enter = || PeerConnection::enter(Arc::clone(&admission), peer, false).unwrap();
        let mut connection = enter();
        let mut other = enter();
        assert!(!admission.bars(&someone) && !connection.is_blocked(), "the last look before it is let in");
        let session_handle = hub.join(someone, false, 1).unwrap().session_handle;
        blocks(&mut other, someone, &Signal::default());
        connection.established(someone, session_handle.signal());
        !session_handle.signal().is_evicted()
    }

    #[test]
    fn a_session_whose_key_is_blocked_while_it_is_let_in_ends_at_once_and_one_whose_address_is_does_not() {
        let strikes = |other: &PeerConnection, count| (0..count).for_each(|_| other.report(Kind::Malformed));
        assert!(is_let_in_while(|other, _, _| strikes(other, 3)), "the address");
        let of_key = |count| {
            is_let_in_while(|other, someone, signal| {
                other.established(someone, signal);
                strikes(other, count);
            })
        };
        assert!(of_key(2), "it is not blocked yet");
        assert!(!of_key(3));
    }
}
