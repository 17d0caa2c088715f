//! What is told without being asked: notifications of the method `event`, of which `event` names
//! the kind.

use serde::{Deserialize, Serialize};

use crate::cause::{Cause, known};

/// The parameters of a notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventParams {
    /// Its number, if it comes again until it was shown: [`super::Shown`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// What happened.
    #[serde(flatten)]
    pub event: Notification,
}

/// Something that happened. What came of a contact is told until it was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are named in the variants' descriptions, and in docs/client.md")]
pub enum Notification {
    /// A text came. `missing`: one before it has not come. `at`: as the sender says.
    /// `gone_at`: when it is deleted on both sides, if it is.
    Text {
        contact: String,
        id: String,
        at: String,
        text: String,
        burn_s: u32,
        missing: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gone_at: Option<String>,
    },
    /// A text of one's own, sent by whatever program: told to the others that use this engine.
    Sent {
        to: String,
        id: String,
        at: String,
        text: String,
        burn_s: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gone_at: Option<String>,
    },
    /// A text waits at the contact's server. `id` is empty for a first message without a text.
    AtServer { contact: String, id: String },
    /// A server did not take a message now, or not for long enough: it is sent again.
    SentAgain { contact: String, why: Option<String> },
    /// A contact has a text.
    Arrived { contact: String, id: String },
    /// A text was given up.
    NotDelivered { contact: String, id: String },
    /// A contact came into being by a one-time invite.
    Contact { contact: String, invite: u64, calls_itself: String },
    /// Somebody used a reusable invite, and waits for a yes.
    Request { invite: u64, identity: String, calls_itself: String, text: Option<String> },
    /// A contact answered for the first time.
    Answered { contact: String, calls_itself: String },
    /// A contact wants to be written to at another server.
    WantsToMove { contact: String, server: String },
    /// Somebody else used the invite of a contact: sending is held.
    Contested { contact: String },
    /// A contact is not who the invite says.
    NotWhoInviteSays { contact: String },
    /// A contact ended the conversation.
    Left { contact: String },
    /// Something is wrong with a conversation.
    Unstable { contact: String },
    /// A contact answered after a backup was restored, or the conversation begun anew.
    Resumed { contact: String },
    /// A contact did not answer that for a week: a new invite is needed.
    NeedsInvite { contact: String },
    /// The clocks of this machine and of the server disagree.
    ClockDisputed {},
    /// Contacts, invites or groups were changed by whatever program uses this engine: list them
    /// again.
    Changed {},
    /// A file waits to be taken.
    File { contact: String, id: String, name: String, size: u64 },
    /// More of a file came, or arrived with the contact (`mine`): so many of its bytes.
    FileProgress { contact: String, file: String, name: String, arrived: u64, size: u64, mine: bool },
    /// A file that came is whole.
    FileSaved { contact: String, name: String, size: u64, sha256: String, path: String },
    /// A file that came is not what its sender said.
    FileDamaged { contact: String, name: String, size: u64, sha256: String },
    /// The rest of a file does not come any more. `gone`: what had come was deleted by somebody.
    FileLost { contact: String, name: String, size: u64, sha256: String, gone: bool },
    /// A file waits until others are complete: as much as may come at a time is coming.
    FileWaits { contact: String, name: String, size: u64 },
    /// Files cannot be written into a folder: they wait.
    FolderFailed {
        folder: String,
        why: String,
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
        reason: Option<Cause>,
    },
    /// A contact has all of a file.
    FileArrived { contact: String, file: String, name: String },
    /// A contact does not want a file, or no more of it.
    FileDeclined { contact: String, file: String, name: String },
    /// A file was given up.
    FileNotDelivered { contact: String, file: String, name: String },
    /// A file that is being sent cannot be read.
    FileUnreadable {
        file: String,
        why: String,
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
        reason: Option<Cause>,
    },
    /// A contact invites to a group.
    GroupOffer { contact: String, group: String, group_id: String },
    /// One is a member of a group.
    GroupJoined { group: String },
    /// A text of a group came.
    GroupText { group: String, member: String, id: String, at: String, text: String, missing: bool },
    /// A text of a group waits at the server for a member.
    GroupAtServer { group: String, member: String, id: String },
    /// A member of a group has a text.
    GroupArrived { group: String, member: String, id: String },
    /// A text to a member was given up.
    GroupNotDelivered { group: String, member: String, id: String },
    /// A group has these members now.
    GroupMembers { group: String, members: Vec<String> },
    /// Others in a group may see something that one does not.
    GroupGap { group: String },
    /// The admin of a group shows different members to different people.
    GroupForked { group: String },
    /// One is no longer a member of a group.
    GroupRemoved { group: String },
    /// A connection is being made.
    Connecting {},
    /// Tor in this process is being started; so many percent.
    TorStarting { percent: u8 },
    /// Tor in this process runs, and looks for the server.
    TorSearching {},
    /// A server answers.
    Online { server: String },
    /// There is no connection with a server.
    Offline {
        server: String,
        why: String,
        retry_in_s: u64,
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
        reason: Option<Cause>,
    },
    /// A server cannot be used.
    Unusable {
        server: String,
        why: String,
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
        reason: Option<Cause>,
    },
    /// A server keeps messages for less than a day.
    ShortMemory { server: String },
    /// Another process uses a copy of this profile.
    Elsewhere {},
    /// Each mailbox was fetched from since the start.
    AllFetched {},
    /// Nothing waits to be sent, acknowledged or written any more.
    Settled {},
    /// An event of a later version.
    #[serde(other)]
    Unknown,
}
