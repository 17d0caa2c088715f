//! The door: who is blocked and who is over its rate is asked first, and then there is a slot.

use std::sync::Arc;

use super::connection::PeerStanding;
use super::{Admission, Peer, PeerConnection, PeerKey, Slot, lock};
use crate::events::Kind;
use ephemeral_core::limits::Rate;

/// New connections a minute that are taken on, from wherever they come, and at once. Beyond that
/// only peers get in that have hardly come lately: most of the processor stays with the sessions,
/// however many knock.
const ADMISSIONS_PER_MINUTE: u32 = 60_000;
const ADMISSIONS_AT_ONCE: u32 = 256;
/// A peer that has come no more often than that lately gets in whatever the others do.
const HARDLY: f64 = 4.0;

/// Says why a connection is closed before anything was read from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The peer has as many as it may have.
    TooManyConnections,
    /// The peer is blocked, and nobody can be told.
    Blocked,
    /// The peer has to wait, and there is no slot that is free.
    RateLimited,
    /// Connections come faster than they can be taken on, and many of them are this peer's; or all
    /// slots are taken, and no holder of one has had the time to log in, or takes much
    /// more than this peer.
    Overloaded,
}

/// A connection that has come in.
pub struct Admitted {
    /// Counts it as its peer's. `None`: a trusted proxy's, each of whose requests is somebody
    /// else's.
    pub connection: Option<PeerConnection>,
    /// Held until it has authenticated.
    pub slot: Slot,
}

impl Admission {
    /// Lets a connection in, or not. `costly`: it begins with a TLS handshake, so that nobody is
    /// told anything for free; who is blocked or has been told to wait is not told again.
    ///
    /// # Errors
    /// [`Refused`]: it has to be closed. It is noted.
    pub fn admit(self: &Arc<Self>, peer: Peer, costly: bool) -> Result<Admitted, Refused> {
        let connection = PeerConnection::enter(Arc::clone(self), PeerKey::of(peer), false)?;
        let slot = match connection.standing() {
            PeerStanding::Blocked if costly => {
                connection.report(Kind::RefusedBlocked);
                return Err(Refused::Blocked);
            }
            PeerStanding::Told if costly => return Err(Refused::RateLimited),
            PeerStanding::Blocked | PeerStanding::Told | PeerStanding::OverRate => {
                self.slots.take_spare(connection.key()).ok_or(Refused::RateLimited)?
            }
            PeerStanding::Good => self.slot(&connection)?,
        };
        Ok(Admitted { connection: Some(connection), slot })
    }

    /// Lets in a connection of a trusted proxy, which has yet to say whose it is.
    ///
    /// # Errors
    /// [`Refused::Overloaded`]: it has to be closed. It is noted.
    pub fn admit_proxy(self: &Arc<Self>, proxy: Peer) -> Result<Admitted, Refused> {
        let slot = self.take_slot(PeerKey::of(proxy), true)?;
        Ok(Admitted { connection: None, slot })
    }

    /// Counts one request of somebody whom a trusted proxy names, or of the proxy itself.
    ///
    /// # Errors
    /// [`Refused`]: it must not be answered.
    pub fn enter(self: &Arc<Self>, peer: Peer, is_proxy: bool) -> Result<PeerConnection, Refused> {
        PeerConnection::enter(Arc::clone(self), PeerKey::of(peer), is_proxy)
    }

    fn slot(self: &Arc<Self>, connection: &PeerConnection) -> Result<Slot, Refused> {
        let key = connection.key();
        let rate = Rate::new(ADMISSIONS_PER_MINUTE, ADMISSIONS_AT_ONCE);
        let paced = rate.take(&mut lock(&self.pace), self.hub.now()).is_err();
        if paced && self.slots.has_taken_more_than(HARDLY, key) {
            connection.report(Kind::Overload);
            return Err(Refused::Overloaded);
        }
        self.take_slot(key, false)
    }

    fn take_slot(&self, key: PeerKey, unnamed: bool) -> Result<Slot, Refused> {
        let Some((slot, gave_way)) = self.slots.take(key, unnamed) else {
            self.note_key(Kind::Overload, &key);
            return Err(Refused::Overloaded);
        };
        if let Some(gave_way) = gave_way {
            self.note_key(Kind::GaveWay, &gave_way);
        }
        Ok(slot)
    }
}

impl Admitted {
    /// Counts it as that of the client whom a PROXY header names. `costly`: a TLS handshake
    /// follows.
    ///
    /// # Errors
    /// [`Refused`]: it has to be closed.
    pub fn named(self, admission: &Arc<Admission>, client: Peer, costly: bool) -> Result<Self, Refused> {
        let connection = admission.enter(client, false)?;
        let standing = connection.standing();
        match standing {
            PeerStanding::Blocked if costly => {
                connection.report(Kind::RefusedBlocked);
                return Err(Refused::Blocked);
            }
            PeerStanding::Told if costly => return Err(Refused::RateLimited),
            _ => self.slot.rename(connection.key(), standing != PeerStanding::Good),
        }
        Ok(Self { connection: Some(connection), slot: self.slot })
    }
}
