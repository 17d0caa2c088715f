//! One connection, as its peer's: dropping it gives back what it used.

use std::sync::Arc;

use super::{Admission, PeerKey};
use crate::events::Kind;
use crate::hub::Signal;
use ephemeral_core::limits::RateStatus;
use ephemeral_core::protocol::Fingerprint;

/// Why a connection is refused before anything was read from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The peer has as many as it may have.
    TooManyConnections,
    /// The circuit is blocked. (A blocked address is told so over HTTP.)
    Blocked,
}

/// What becomes of a request.
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

/// One connection of a peer.
pub struct PeerConnection {
    admission: Arc<Admission>,
    key: PeerKey,
    /// What the connection itself took from the rate: it pays for the first request.
    paid: Option<RateStatus>,
    session: Option<(Fingerprint, Arc<Signal>)>,
}

impl PeerConnection {
    pub(super) fn enter(admission: Arc<Admission>, key: PeerKey) -> Result<Self, Refused> {
        if key == PeerKey::Local {
            return Ok(Self { admission, key, paid: None, session: None });
        }
        let now = admission.hub.now();
        let (blocked, pace, opened) = {
            let table = &mut admission.peers().table;
            let blocked = table.blocked(now, &key).is_some();
            if blocked && matches!(key, PeerKey::Circuit(_)) {
                (true, None, Ok(()))
            } else {
                (blocked, Some(table.request(now, key)), table.open(now, key))
            }
        };
        let Some(pace) = pace else {
            admission.note_key(Kind::RefusedBlocked, &key);
            return Err(Refused::Blocked);
        };
        if opened.is_err() {
            admission.note_key(Kind::Crowded, &key);
            if pace.ignores {
                admission.strike_peer(Kind::RateIgnored, &key);
            }
            return Err(Refused::TooManyConnections);
        }
        if !blocked {
            note_pace(&admission, &key, &pace);
        }
        Ok(Self { admission, key, paid: Some(pace), session: None })
    }

    /// One more request; the first one was paid for by the connection.
    pub fn request(&mut self) -> Decision {
        if self.key == PeerKey::Local {
            return Decision::Free;
        }
        let now = self.admission.hub.now();
        let (until, pace) = {
            let table = &mut self.admission.peers().table;
            let until = table.blocked(now, &self.key);
            (until, if until.is_none() && self.paid.is_none() { Some(table.request(now, self.key)) } else { None })
        };
        if let Some(until) = until {
            self.admission.note_key(Kind::RefusedBlocked, &self.key);
            return Decision::Blocked(until.since(now).div_ceil(1000));
        }
        if let Some(pace) = &pace {
            note_pace(&self.admission, &self.key, pace);
        }
        match pace.or(self.paid.take()) {
            Some(pace) if pace.wait_ms.is_some() => Decision::RateLimited(pace),
            Some(pace) => Decision::Allow(pace),
            None => Decision::Free,
        }
    }

    /// It has done what it must not do.
    pub fn strike(&self, kind: Kind) {
        self.admission.strike_peer(kind, &self.key);
        if let Some((fingerprint, _)) = &self.session {
            self.admission.strike_fingerprint(fingerprint);
        }
    }

    /// Notes what it did that is not a strike: of the fingerprint, once that is known.
    pub fn note(&self, kind: Kind) {
        match &self.session {
            Some((fingerprint, _)) => {
                let who = crate::events::Subject::Fingerprint(fingerprint);
                self.admission.events.note(self.admission.hub.now(), kind, Some(&who));
            }
            None => self.admission.note_key(kind, &self.key),
        }
    }

    /// Whether the peer is blocked.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.admission.peers().table.blocked(self.admission.hub.now(), &self.key).is_some()
    }

    /// It has become a session, which `signal` reaches: from now on strikes count for `fingerprint` too.
    pub fn established(&mut self, fingerprint: Fingerprint, signal: &Arc<Signal>) {
        let mut peers = self.admission.peers();
        peers.sessions.entry(self.key).or_default().push(Arc::clone(signal));
        // A block that came since it was let in found no session to end.
        let now = self.admission.hub.now();
        let blocked = peers.table.blocked(now, &self.key).is_some();
        drop(peers);
        if blocked || self.admission.fingerprints().blocked(now, &fingerprint).is_some() {
            signal.evict();
        }
        self.session = Some((fingerprint, Arc::clone(signal)));
    }

    /// Who keeps the limits.
    #[must_use]
    pub fn admission(&self) -> &Arc<Admission> {
        &self.admission
    }
}

fn note_pace(admission: &Admission, key: &PeerKey, pace: &RateStatus) {
    if pace.ignores {
        admission.strike_peer(Kind::RateIgnored, key);
    } else if pace.wait_ms.is_some() {
        admission.note_key(Kind::RateLimited, key);
    }
}

impl Drop for PeerConnection {
    fn drop(&mut self) {
        if self.key == PeerKey::Local {
            return;
        }
        let now = self.admission.hub.now();
        let peers = &mut *self.admission.peers();
        peers.table.close(now, self.key);
        if let Some((_, signal)) = &self.session
            && let Some(sessions) = peers.sessions.get_mut(&self.key)
        {
            sessions.retain(|session| !Arc::ptr_eq(session, signal));
            if sessions.is_empty() {
                peers.sessions.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::clock::Clock;
    use crate::events::Events;
    use crate::hub::{self, Hub};
    use crate::transport::Peer;
    use ephemeral_core::limits::{self, Rate};
    use ephemeral_core::protocol::WallTime;
    use ephemeral_core::store;

    /// Somebody who is let in, while another connection of the same peer gets it blocked.
    fn is_let_in_while(blocks: impl Fn(&PeerConnection)) -> bool {
        let settings = hub::Config { bounds: store::Config::default(), rate: Rate::new(60, 60), sessions: 10 };
        let hub = Hub::new(settings, Clock::anchored(WallTime(1_767_355_200_000))).unwrap();
        let events = Arc::new(Events::new(hub.now()).unwrap());
        let admission =
            Admission::new(limits::Config { strikes: 2, ..limits::Config::default() }, Arc::clone(&hub), events);
        let someone = Fingerprint::from(&SigningKey::from_bytes(&[1; 32]).verifying_key());
        let peer = Peer::Address([192, 0, 2, 1].into());
        let (mut connection, other) = (admission.enter(peer).unwrap(), admission.enter(peer).unwrap());
        assert!(!admission.bars(&someone) && !connection.is_blocked(), "the last look before it is let in");
        let session_handle = hub.join(someone, false, 1).unwrap().session_handle;
        blocks(&other);
        connection.established(someone, session_handle.signal());
        !session_handle.signal().is_evicted()
    }

    #[test]
    fn a_session_whose_peer_is_blocked_while_it_is_let_in_ends_at_once() {
        let strikes = |other: &PeerConnection, count| (0..count).for_each(|_| other.strike(Kind::Malformed));
        assert!(is_let_in_while(|other| strikes(other, 2)), "it is not blocked yet");
        assert!(!is_let_in_while(|other| strikes(other, 3)));
    }
}
