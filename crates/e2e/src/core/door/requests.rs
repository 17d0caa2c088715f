//! The user's answer to those who wrote to a reusable invite.

use zeroize::Zeroizing;

use super::super::{Core, CoreError};
use super::{GRACE, Request};
use crate::bytes::Key;
use crate::clock::HOUR;
use crate::effect::{Event, InviteId};
use crate::link::receive::FirstMessage;
use crate::link::sessions::Olm;
use crate::link::{Link, LinkKind};
use crate::payload::{Content, Payload};

const MAX_REQUESTS: usize = 64;
const REQUESTS_AN_HOUR: usize = 8;

impl Core {
    /// Accepts a first message, or keeps it for the user. Returns whether it is to be remembered.
    pub(super) fn admit_or_ask(&mut self, at: usize, opening: FirstMessage, peer: Key) -> bool {
        let door = &mut self.state.doors[at];
        let clock = &self.state.profile.clock;
        if clock.wall > door.not_after + GRACE {
            return false;
        }
        // With whom it is over, the user is asked again.
        let talks = |link: &Link| link.kind == LinkKind::Contact && link.peer == peer && link.left.is_none();
        if door.one_time || self.state.links.iter().any(talks) {
            self.admit_opening(at, opening, peer);
            return true;
        }
        door.recent.retain(|came| clock.elapsed < came + HOUR);
        if door.requests.len() >= MAX_REQUESTS || door.recent.len() >= REQUESTS_AN_HOUR {
            // Not even remembered, so that its repetition counts.
            return false;
        }
        door.recent.push(clock.elapsed);
        if let Some(prekey) = &mut door.prekey {
            prekey.remember_session(opening.session.session_id());
        }
        let text = match &opening.payload.content {
            Some(Content::Text(text)) => Some(text.clone()),
            _ => None,
        };
        let profile = opening.payload.profile.clone();
        let payload = opening.payload.to_bytes().to_vec();
        let FirstMessage { session, number, .. } = opening;
        door.requests.push(Request { olm: Olm(session), payload, peer, number, came: clock.settled_age() });
        let invite = door.id;
        self.state.profile.tell(Event::Request { invite, identity: peer, profile, text });
        true
    }

    /// Says yes to somebody who answered a reusable invite. `name`: what the contact is called, at
    /// most 64 bytes.
    pub fn admit(&mut self, invite: InviteId, identity: &Key, name: &str, wall_ms: u64) -> Result<(), CoreError> {
        self.running(wall_ms)?;
        if name.len() > crate::payload::MAX_NAME {
            return Err(CoreError::TooLong);
        }
        let at = self.state.doors.iter().position(|door| door.id == invite).ok_or(CoreError::Unknown)?;
        let door = &mut self.state.doors[at];
        let which = door.requests.iter().position(|request| request.peer == *identity).ok_or(CoreError::Unknown)?;
        let Request { olm, payload, peer, number, came: _ } = door.requests.remove(which);
        let payload = Payload::from_bytes(&Zeroizing::new(payload)).map_err(|_| CoreError::Unknown)?;
        let hello = payload.hello.clone().ok_or(CoreError::Unknown)?;
        let before = std::mem::replace(&mut door.name, name.to_owned());
        self.admit_opening(at, FirstMessage { session: olm.0, payload, hello, number }, peer);
        self.state.doors[at].name = before;
        Ok(())
    }

    /// Says no to somebody who answered a reusable invite. Its session stays known, so that it
    /// cannot ask again with it.
    pub fn decline(&mut self, invite: InviteId, identity: &Key, wall_ms: u64) -> Result<(), CoreError> {
        self.running(wall_ms)?;
        let door = self.state.doors.iter_mut().find(|door| door.id == invite).ok_or(CoreError::Unknown)?;
        let before = door.requests.len();
        door.requests.retain(|request| request.peer != *identity);
        if door.requests.len() < before { Ok(()) } else { Err(CoreError::Unknown) }
    }
}
