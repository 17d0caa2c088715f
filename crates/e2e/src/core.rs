//! The core: everything that a profile knows, and the only way to its effects.
//!
//! It does no I/O and has no clock. Whoever runs it calls [`Core::tick`] when [`Core::next_due`]
//! says so, hands in what comes from servers, and carries out what [`Core::commit`] returns. A
//! ratchet that moved back because a state was not written would encrypt two messages with one key,
//! so that there are no effects without a commit, and no core after a failed one.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::authority::Authority;
use crate::bytes::Key;
use crate::effect::{Effect, FrameId, LinkId};
use crate::envelope;
use crate::group::Group;
use crate::link::pseudonym::ToldEpoch;
use crate::link::{Link, SPREAD};
use crate::profile::{Dropped, ProfileState};
use crate::servers::Moves;

mod contacts;
mod door;
mod files;
mod groups;
#[cfg(test)]
mod inside;
mod receive;
mod room;
mod views;

pub use contacts::{MAX_CONTACTS, Sent};
pub use door::{Accept, InviteOptions, MAX_DOORS};
pub use files::{ComingView, SendingView, WaitingView};
pub use groups::MAX_GROUPS;
pub use receive::IncomingFrame;
pub use room::{Obstacle, Room};
pub use views::groups::{GroupView, MemberView, OfferView, PartView};
pub use views::{ContactView, InviteView, OutgoingView, RequestView, Standing};

use door::Door;

/// The version of the state's format.
const VERSION: u32 = 1;
/// Says why a call had no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CoreError {
    /// A commit failed: this process may not go on with this state.
    #[error("the state could not be written, so that nothing can go on")]
    Stopped,
    /// The bytes are no state of this version.
    #[error("not a state of this version")]
    NotAState,
    /// There is no such contact, invite, request or group.
    #[error("no such contact, invite or group")]
    Unknown,
    /// The invite is damaged, not genuine, or not for this version.
    #[error(transparent)]
    Invite(#[from] crate::invite::InviteError),
    /// The invite has ended.
    #[error("the invite has expired")]
    Expired,
    /// The invite is one's own.
    #[error("this is an invite of your own")]
    OwnInvite,
    /// The invite leads to another server, which the user did not agree to.
    #[error("the invite leads to another server: {0:?}")]
    ForeignServer(Authority),
    /// A bound on invites, contacts, members or waiting texts is reached.
    #[error("there is no room for more: {0}")]
    Full(Room),
    /// The text or name is longer than one message can hold.
    #[error("too long")]
    TooLong,
    /// The conversation is over, held, or its identity is not known yet.
    #[error("not possible with this contact now: {0}")]
    NotNow(Obstacle),
    /// The change of the group is not valid, or one is not its admin.
    #[error("the group cannot be changed like this")]
    Group,
}

/// Says why [`Core::commit`] had no effects.
#[derive(Debug, thiserror::Error)]
pub enum CommitError<E> {
    /// The state could not be written. The core is stopped: nothing that it did since the last
    /// commit may be seen.
    #[error("the state could not be written: {0}")]
    Write(E),
    /// It could not be written before.
    #[error("the state could not be written before")]
    Stopped,
}

/// Holds effects that may be carried out, since the state that knows of them was written.
#[derive(Debug)]
#[must_use = "what was committed has to be carried out"]
pub struct Effects(Vec<Effect>);

impl IntoIterator for Effects {
    type Item = Effect;
    type IntoIter = std::vec::IntoIter<Effect>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[derive(Serialize, Deserialize)]
struct State {
    version: u32,
    profile: ProfileState,
    doors: Vec<Door>,
    links: Vec<Link>,
    groups: Vec<Group>,
}

/// Holds a profile: identity, invites, contacts, groups.
pub struct Core {
    state: State,
    stopped: bool,
    /// The length of the last state, so that the next one is written into one allocation.
    length: usize,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Core").field("links", &self.state.links.len()).finish_non_exhaustive()
    }
}

impl Core {
    /// Makes a new profile. `authority`: one's own server. `name`: what contacts are told, at most
    /// 64 bytes.
    pub fn create(authority: Authority, name: &str, wall_ms: u64) -> Result<Self, CoreError> {
        if name.len() > crate::payload::MAX_NAME {
            return Err(CoreError::TooLong);
        }
        let profile = ProfileState::new(authority, name.to_owned(), wall_ms);
        let state = State { version: VERSION, profile, doors: Vec::new(), links: Vec::new(), groups: Vec::new() };
        Ok(Self { state, stopped: false, length: 1 << 16 })
    }

    /// Opens a state that [`Self::commit`] wrote. What the last process may not have got round to
    /// is done again.
    pub fn open(bytes: &[u8], wall_ms: u64) -> Result<Self, CoreError> {
        let state: State = serde_json::from_slice(bytes).map_err(|_| CoreError::NotAState)?;
        if state.version != VERSION {
            return Err(CoreError::NotAState);
        }
        let mut core = Self { state, stopped: false, length: bytes.len() };
        core.state.profile.clock.advance(wall_ms);
        core.state.profile.reopen();
        for link in &mut core.state.links {
            link.reopen(&mut core.state.profile);
        }
        Ok(core)
    }

    /// Opens a backup: every conversation is reset before anything is encrypted with a ratchet that
    /// went on meanwhile.
    pub fn restore(bytes: &[u8], wall_ms: u64) -> Result<Self, CoreError> {
        let mut core = Self::open(bytes, wall_ms)?;
        core.state.profile.effects.retain(|effect| !matches!(effect, Effect::Send { .. }));
        for link in &mut core.state.links {
            link.restored(&mut core.state.profile);
        }
        Ok(core)
    }

    /// Writes the state with `write`, which returns once it is durable, and hands out the effects
    /// it knows of.
    ///
    /// If it fails, the core is stopped: its state is ahead of what a restart would find.
    pub fn commit<E>(&mut self, write: impl FnOnce(&[u8]) -> Result<(), E>) -> Result<Effects, CommitError<E>> {
        if self.stopped {
            return Err(CommitError::Stopped);
        }
        // Twice the last length: the buffer is not moved, which would leave secrets behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.length * 2));
        self.stopped = true;
        if serde_json::to_writer(&mut *bytes, &self.state).is_err() {
            return Err(CommitError::Stopped);
        }
        self.length = bytes.len();
        write(&bytes).map_err(CommitError::Write)?;
        self.stopped = false;
        Ok(Effects(std::mem::take(&mut self.state.profile.effects)))
    }

    fn running(&mut self, wall_ms: u64) -> Result<(), CoreError> {
        if self.stopped {
            return Err(CoreError::Stopped);
        }
        self.state.profile.clock.advance(wall_ms);
        Ok(())
    }

    /// Goes by these moves of servers from now on, until the process ends. Mailboxes on a server
    /// that has another name now are replaced, so that contacts learn it.
    pub fn follow(&mut self, moves: Moves) {
        for link in &mut self.state.links {
            link.follow(&moves);
        }
        self.state.profile.follow(moves);
    }

    /// Does what is due.
    pub fn tick(&mut self, wall_ms: u64) -> Result<(), CoreError> {
        self.running(wall_ms)?;
        self.tick_groups();
        let State { version: _, profile, doors: _, links, groups: _ } = &mut self.state;
        for link in links.iter_mut() {
            link.tick(profile);
        }
        self.prune();
        Ok(())
    }

    /// Returns in how many milliseconds [`Self::tick`] is to be called.
    pub fn next_due(&self) -> u64 {
        if self.state.profile.jitter.hasty { SPREAD / 60 } else { SPREAD }
    }

    /// Makes every wait that only hides when something is done a sixtieth of what it is, until the
    /// process ends. Servers can then tell by the time which mailboxes are one person's.
    pub fn hurry(&mut self) {
        let profile = &mut self.state.profile;
        profile.jitter.hasty = true;
        for mailbox in &mut profile.mailboxes {
            mailbox.connect_at = mailbox.connect_at.min(profile.clock.elapsed);
        }
        for effect in &mut profile.effects {
            match effect {
                Effect::Open(access) => access.after_ms = 0,
                Effect::Send { after_ms, .. } | Effect::Acknowledge { after_ms, .. } => *after_ms /= 60,
                Effect::Close(_) | Effect::Show { .. } => {}
            }
        }
    }

    fn prune(&mut self) {
        let State { version: _, profile, doors, links, groups: _ } = &mut self.state;
        profile.prune();
        door::prune(doors, profile);
        let age = profile.clock.age;
        let grace = 8 * crate::clock::DAY;
        links.retain(|link| link.left.is_none_or(|left| age < left + grace));
        let is_there = |id| links.iter().any(|link| link.id == id && link.left.is_none());
        profile.offers.retain(is_there);
        self.forget_names_at_doors();
        self.tick_files();
    }

    /// Takes note that a server accepted a frame under an epoch.
    pub fn accepted(&mut self, frame: FrameId, epoch: &str, wall_ms: u64) -> Result<(), CoreError> {
        self.running(wall_ms)?;
        for link in &mut self.state.links {
            link.accepted(frame, epoch);
        }
        Ok(())
    }

    /// Takes note that a server refused a frame, or that its time ran out there.
    pub fn lost(&mut self, frame: FrameId, wall_ms: u64) -> Result<(), CoreError> {
        self.running(wall_ms)?;
        for link in &mut self.state.links {
            link.lost(frame, &mut self.state.profile);
        }
        Ok(())
    }

    /// Takes note of a server's `welcome` to one of this profile's pseudonyms, a mailbox or the
    /// sender of a frame: its epoch, and its time in milliseconds since 1970. What that pseudonym
    /// sent under another epoch is lost, and goes again.
    pub fn welcomed(
        &mut self,
        pseudonym: &Key,
        authority: &Authority,
        epoch: &str,
        server_ms: u64,
        wall_ms: u64,
    ) -> Result<(), CoreError> {
        self.running(wall_ms)?;
        let State { version: _, profile, doors: _, links, groups: _ } = &mut self.state;
        if profile.here().is(authority) && !profile.clock.compare(server_ms) {
            profile.tell_dispute();
        }
        let told = ToldEpoch { pseudonym, authority, epoch };
        for link in links.iter_mut() {
            link.epoch(&told, profile);
        }
        Ok(())
    }

    /// Takes an event out of the inbox, since it was shown; a chunk of a file: since it was
    /// written, or is not wanted. Of a large file, the contact is told only now that it arrived, so
    /// that it sends no more than is wanted.
    pub fn shown(&mut self, id: u64) {
        let State { version: _, profile, doors: _, links, groups: _ } = &mut self.state;
        let chunk = profile.waiting_chunk(id).map(|(link, mid, _)| (link, mid));
        if let Some((link, mid)) = chunk
            && let Some(link) = links.iter_mut().find(|known| known.id == link)
        {
            let wait = link.acks.wait(&mut profile.jitter);
            link.received.release(mid, profile.clock.elapsed, wait);
        }
        profile.shown(id);
    }

    /// Returns what was dropped without any reaction.
    pub fn dropped(&self) -> Dropped {
        self.state.profile.dropped
    }

    /// Returns one's own Curve25519 and Ed25519 key.
    pub fn identity(&self) -> (Key, Key) {
        (self.state.profile.identity.curve(), self.state.profile.identity.ed())
    }

    fn link(&mut self, id: LinkId) -> Result<&mut Link, CoreError> {
        self.state.links.iter_mut().find(|link| link.id == id).ok_or(CoreError::Unknown)
    }
}

/// Returns the bytes of an envelope, or `None` if `content` is no envelope.
fn envelope(content: &str) -> Option<Vec<u8>> {
    envelope::from_text(content).ok()
}
