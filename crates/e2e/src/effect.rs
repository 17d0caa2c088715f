//! What the core wants done, and what people are to be told.
//!
//! There is no way to an [`Effect`] but through [`crate::core::Core::commit`], which hands them out
//! after the state that knows of them was written.

use serde::{Deserialize, Serialize};

use crate::authority::Authority;
use crate::bytes::{Key, Secret};
use crate::files::FileId;
use crate::payload::FileChunk;
use crate::roster::GroupId;

/// Names a contact, or a member of a group, within one profile.
pub type LinkId = u64;
/// Names an invite within one profile.
pub type InviteId = u64;
/// Names a frame that is to be sent. It becomes the frame's `id` at the server.
pub type FrameId = u64;

/// Something to be done by whoever runs the core.
#[derive(Debug)]
pub enum Effect {
    /// Acknowledge a frame to the server, on its own mailbox's session, so many milliseconds from
    /// now.
    Acknowledge {
        /// The mailbox it came for.
        mailbox: Key,
        /// Its `seq`.
        seq: u64,
        /// Milliseconds to wait.
        after_ms: u64,
    },
    /// Send a frame with the server's longest `ttl_s`, at most 604,800, and report
    /// [`crate::core::Core::accepted`].
    Send {
        /// The frame.
        frame: Frame,
        /// Milliseconds to wait, so that what one profile sends from several mailboxes does not
        /// leave at one moment.
        after_ms: u64,
    },
    /// Connect as a mailbox from then on: see [`MailboxAccess`].
    Open(MailboxAccess),
    /// Never connect as this mailbox again.
    Close(Key),
    /// Tell the user, and then call [`crate::core::Core::shown`] with the id.
    Show {
        /// The entry in the inbox.
        id: u64,
        /// What to tell.
        event: Event,
    },
}

/// Holds what is needed to fetch from a mailbox.
#[derive(Clone, Debug)]
pub struct MailboxAccess {
    /// The public key, which is its name at the server.
    pub key: Key,
    /// The Ed25519 seed to authenticate with.
    pub seed: Secret,
    /// The server.
    pub authority: Authority,
    /// Milliseconds to wait before the first connection.
    pub after_ms: u64,
    /// When something last came or went, in milliseconds that count up while the profile exists.
    pub active_at: u64,
    /// Whether it is the door of an invite: it only fetches, and is polled.
    pub door: bool,
    /// For how many milliseconds from now somebody is likely to be waiting for what comes: the
    /// invite of this door has just been made.
    pub awaited_ms: u64,
}

/// Holds what is needed to ask a server of somebody else under which epoch it is.
#[derive(Clone, Debug)]
pub struct Lookout {
    /// The public key of the pseudonym that sends there, which is its name at the server.
    pub key: Key,
    /// The Ed25519 seed to authenticate with.
    pub seed: Secret,
    /// The server.
    pub authority: Authority,
}

/// Holds a frame to be sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Frame {
    /// Its `id`: the same after a restart.
    pub id: FrameId,
    /// The Ed25519 seed of the pseudonym to send as. `None`: a random key, on a circuit of its own,
    /// never used again.
    pub sender: Option<Secret>,
    /// The recipient's mailbox.
    pub to: Key,
    /// The recipient's server.
    pub authority: Authority,
    /// The `content`.
    pub content: String,
}

/// Something that people are to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are named in the variants' descriptions")]
pub enum Event {
    /// An invite was made and may be shown: `text`.
    Invite { invite: InviteId, text: String },
    /// A contact came into being by a one-time invite (`invite`) that somebody used.
    Contact { link: LinkId, invite: InviteId, profile: String },
    /// Somebody answered a reusable invite and waits for a yes: [`crate::core::Core::admit`].
    Request { invite: InviteId, identity: Key, profile: String, text: Option<String> },
    /// A contact answered for the first time.
    Answered { link: LinkId, profile: String },
    /// A text came. `missing`: one before it has not come yet. `at`: minutes since 1970, as the
    /// sender says.
    Text { link: LinkId, mid: u64, text: String, at: u32, burn_s: u32, missing: bool },
    /// A chunk of a file came. [`crate::core::Core::shown`] when it was written: see
    /// [`crate::core::Core::begin_file`].
    File { link: LinkId, mid: u64, chunk: FileChunk },
    /// The contact has all of a file.
    FileDelivered { link: LinkId, file: FileId, name: String },
    /// The contact does not want a file, or no more of it.
    FileDeclined { link: LinkId, file: FileId, name: String },
    /// The contact sends no more of a file. `begun`: some of it was written, and it is in
    /// [`crate::core::Core::files_coming`] as one that is stale.
    FileWithdrawn { link: LinkId, file: FileId, name: String, size: u64, sha256: Key, begun: bool },
    /// A file was given up: the contact did not take it within 16 days, or is gone.
    FileNotDelivered { link: LinkId, file: FileId, name: String },
    /// The contact has this text.
    Delivered { link: LinkId, mid: u64 },
    /// The text was given up after 16 days.
    NotDelivered { link: LinkId, mid: u64 },
    /// A contact wants to be written to at another server: [`crate::core::Core::agree`].
    WantsToMove { link: LinkId, authority: Authority },
    /// Somebody else used an invite that this contact had used: sending is held until
    /// [`crate::core::Core::verify`] or [`crate::core::Core::trust`]. `other`: the other's
    /// Curve25519 and Ed25519 key.
    Contested { link: LinkId, other: (Key, Key) },
    /// The contact showed another Ed25519 key than the invite or than before.
    NotWhoInviteSays { link: LinkId },
    /// The contact deleted this conversation.
    Left { link: LinkId },
    /// Five resets a day did not help: something is wrong with this conversation.
    Unstable { link: LinkId },
    /// The contact answered after a backup was restored, or after [`crate::core::Core::heal`].
    Resumed { link: LinkId },
    /// The contact did not answer that within 7 days: it probably forgot what this side knows of
    /// it, and needs a new invite.
    NeedsInvite { link: LinkId },
    /// The machine's clock and a server's differ by more than an hour: nothing is deleted for age.
    ClockDisputed,
    /// The admin of a group invites to it: [`crate::core::Core::join`].
    GroupOffer { group: GroupId, admin: LinkId, name: String },
    /// A member asks to come into a group of one's own: [`crate::core::Core::add_member`] was
    /// called before.
    GroupJoined { group: GroupId },
    /// A text of a group came. `missing`: one before it of the same member has not come yet.
    GroupText { group: GroupId, member: Key, gmid: u64, text: String, at: u32, missing: bool },
    /// A member of a group has this text.
    GroupDelivered { group: GroupId, member: Key, gmid: u64 },
    /// A text to a member of a group was given up after 16 days.
    GroupNotDelivered { group: GroupId, member: Key, gmid: u64 },
    /// A member saw a text, named by the first bytes of its author's key, that did not come here
    /// within a day.
    GroupGap { group: GroupId, author: [u8; 8], gmid: u64 },
    /// The members of a group are now these, by their Curve25519 keys.
    GroupMembers { group: GroupId, members: Vec<Key> },
    /// The admin showed different members to different people: nothing is sent to the group any
    /// more.
    GroupForked { group: GroupId },
    /// One is no longer a member.
    GroupRemoved { group: GroupId },
}

impl Event {
    /// Returns how many bytes of texts and files are in it.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Text { text, .. } | Self::GroupText { text, .. } | Self::Invite { text, .. } => text.len(),
            Self::File { chunk, .. } => chunk.data.len(),
            Self::Request { text, .. } => text.as_ref().map_or(0, String::len),
            _ => 0,
        }
    }
}
