//! The user's answer to those who wrote to a reusable invite.

use zeroize::Zeroizing;

use super::super::{Core, CoreError};
use super::Request;
use crate::bytes::Key;
use crate::effect::InviteId;
use crate::link::receive::Opening;
use crate::payload::Payload;

impl Core {
    /// Says yes to somebody who answered a reusable invite. `name`: what the contact is called, at most 64 bytes.
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
        self.admit_opening(at, Opening { session: olm.0, payload, hello, number }, peer);
        self.state.doors[at].name = before;
        Ok(())
    }

    /// Says no to somebody who answered a reusable invite. Its session stays known, so that it cannot ask again with it.
    pub fn decline(&mut self, invite: InviteId, identity: &Key, wall_ms: u64) -> Result<(), CoreError> {
        self.running(wall_ms)?;
        let door = self.state.doors.iter_mut().find(|door| door.id == invite).ok_or(CoreError::Unknown)?;
        let before = door.requests.len();
        door.requests.retain(|request| request.peer != *identity);
        if door.requests.len() < before { Ok(()) } else { Err(CoreError::Unknown) }
    }
}
