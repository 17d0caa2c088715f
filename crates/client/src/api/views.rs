//! What answers are made of. Times are RFC 3339 in UTC, to the minute where a contact says them.

use serde::{Deserialize, Serialize};

use crate::cause::{Cause, known};

/// The answer of what was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nothing {}

/// The engine that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// The version of the methods and events: 1.
    pub version: u32,
    /// What one calls oneself.
    pub name: String,
    /// One's own server.
    pub server: String,
}

/// The state of the connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineStatus {
    /// How Tor stands: `idle`, `starting`, `searching`; empty where there is none.
    pub tor: String,
    /// The percentage of `starting`.
    pub tor_percent: u8,
    /// The servers that were dialled.
    pub servers: Vec<ServerStatus>,
    /// Whether nothing waits to be sent, acknowledged or written.
    pub settled: bool,
    /// Whether each mailbox was fetched from since the start.
    pub fetched: bool,
}

/// The state of the connections with a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerStatus {
    /// Its name.
    pub server: String,
    /// Whether it is one's own.
    pub own: bool,
    /// `connecting`, `online`, `offline`, or `unusable`.
    pub state: String,
    /// Why it is offline or unusable, in English.
    pub why: Option<String>,
    /// The same for programs and for other languages.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    pub reason: Option<Cause>,
    /// Seconds since the state is so.
    pub for_s: u64,
    /// Seconds until the next attempt.
    pub retry_in_s: Option<u64>,
}

/// A contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactInfo {
    /// What it is called.
    pub contact: String,
    /// Its identity key in hexadecimal digits.
    pub identity: String,
    /// Whether it answered.
    pub answered: bool,
    /// Whether its safety words were compared.
    pub verified: bool,
    /// Whether somebody else used its invite: sending is held.
    pub contested: bool,
    /// Whether the conversation is over.
    pub left: bool,
    /// The server to which it wants to move.
    pub wants_to_move: Option<String>,
    /// How many texts and parts of files it has not acknowledged.
    pub outgoing: usize,
}

/// The safety words of a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafetyInfo {
    /// Eighteen words.
    pub words: Vec<String>,
    /// The same as digits.
    pub digits: String,
    /// The text of the QR code.
    pub qr: String,
    /// Whether they were compared.
    pub verified: bool,
}

/// An invite that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteText {
    /// Its number.
    pub invite: u64,
    /// What is given to somebody.
    pub text: String,
}

/// An invite of one's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteInfo {
    /// Its number.
    pub invite: u64,
    /// What whoever uses it is called.
    pub name: String,
    /// Whether many can use it.
    pub reusable: bool,
    /// Its end.
    pub not_after: String,
    /// Whether it was used.
    pub used: bool,
    /// The contact that used it, if it is one still.
    pub used_by: Option<String>,
    /// People who wait for a yes.
    pub requests: Vec<RequestInfo>,
}

/// A request of somebody who waits for a yes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestInfo {
    /// The identity key in hexadecimal digits.
    pub identity: String,
    /// What it calls itself.
    pub calls_itself: String,
}

/// A contact that came into being.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewContact {
    /// What it is called.
    pub contact: String,
}

/// How far a text or a file came. It never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StandingName {
    /// It is kept until the contact has answered, for the first time or after the conversation was
    /// begun anew, or until the member's program is known.
    Kept,
    /// No server has it.
    Sending,
    /// It waits at the contact's server.
    AtServer,
    /// The contact has it.
    Arrived,
    /// It was given up.
    NotDelivered,
    /// The contact does not want the file.
    Declined,
}

/// A text that was taken over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentText {
    /// Its id.
    pub id: String,
    /// How far it came: it is kept, or being sent.
    pub standing: StandingName,
    /// When it was written.
    pub at: String,
    /// When it is deleted on both sides, if it is.
    pub gone_at: Option<String>,
    /// How many others there are, if it is for a group.
    pub members: Option<usize>,
}

/// A text to a contact, a text to a member of a group, or a file that has not arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxItem {
    /// The contact, or the group.
    pub to: String,
    /// The member, if it is a group's.
    pub member: Option<String>,
    /// The text, or the file.
    pub id: String,
    /// The file's name, if it is one.
    pub file: Option<String>,
    /// When it was written; empty for a file.
    pub at: String,
    /// How far it came.
    pub standing: StandingName,
}

/// A text of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryItem {
    /// Its id.
    pub id: String,
    /// Who wrote it: the contact or the member; nothing: oneself.
    pub from: Option<String>,
    /// When it was written.
    pub at: String,
    /// The text.
    pub text: String,
    /// How far it came, if one wrote it oneself.
    pub standing: Option<StandingName>,
    /// When it is deleted on both sides, if it is.
    pub gone_at: Option<String>,
    /// Whether one before it has not come.
    pub missing: bool,
}

/// A file that is being sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentFile {
    /// The file.
    pub file: String,
    /// Its name, without a path.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256 in hexadecimal digits.
    pub sha256: String,
    /// Whether what was sent before of another file at this path was given up.
    pub replaced: bool,
}

/// A file that is being sent, comes, or waits to be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInfo {
    /// The file.
    pub file: String,
    /// The contact.
    pub contact: String,
    /// Its name, without a path.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Whether one sends it oneself.
    pub mine: bool,
    /// Whether it waits: for the contact's yes, or for one's own.
    pub waits: bool,
    /// How many bytes have arrived.
    pub arrived: u64,
}

/// Groups, and invitations to some.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Groups {
    /// The groups.
    pub groups: Vec<GroupInfo>,
    /// The invitations that wait for a yes.
    pub offers: Vec<GroupOfferInfo>,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupInfo {
    /// What it is called.
    pub group: String,
    /// Its id in hexadecimal digits.
    pub group_id: String,
    /// Whether one is its admin.
    pub admin: bool,
    /// Whether one is a member already, and still.
    pub member: bool,
    /// Whether one is no longer a member.
    pub out: bool,
    /// Whether its admin showed different members to different people.
    pub forked: bool,
    /// Its members.
    pub members: Vec<MemberInfo>,
    /// The contacts that were invited and have not answered, if one is the admin.
    pub invited: Vec<String>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberInfo {
    /// What it is called; `~` marks a name that only the admin gives.
    pub member: String,
    /// Its identity key in hexadecimal digits.
    pub identity: String,
    /// Whether it is the admin.
    pub admin: bool,
    /// Whether it is oneself.
    pub me: bool,
}

/// An invitation to a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupOfferInfo {
    /// What the group is called.
    pub group: String,
    /// Its id in hexadecimal digits.
    pub group_id: String,
    /// The contact that invites.
    pub from: String,
}
