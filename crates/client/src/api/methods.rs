//! What can be asked: a type for each method, which names its answer.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::cause::Cause;

use super::views::{
    ContactInfo, EngineStatus, FileInfo, Greeting, GroupInfo, Groups, HistoryItem, InviteInfo, InviteText, NewContact,
    Nothing, OutboxItem, SafetyInfo, SentFile, SentText,
};

/// A method: its parameters are its fields.
pub trait Method: Serialize + DeserializeOwned {
    /// What it is called in JSON-RPC.
    const NAME: &'static str;
    /// The method's answer.
    type Answer: Serialize + DeserializeOwned;
}

/// Says why a method did nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct MethodError {
    /// JSON-RPC's code, or the exit code that a command would have.
    pub code: i64,
    /// What happened, and what to do, in English.
    pub message: String,
    /// The same for programs and for other languages; nothing, where a program asked wrongly.
    #[serde(rename = "data", with = "error_data", default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cause>,
}

/// JSON-RPC has a place for more than code and message: `data`.
mod error_data {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::cause::{Cause, known};

    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Data {
        #[serde(deserialize_with = "known")]
        reason: Option<Cause>,
    }

    #[derive(Serialize)]
    struct DataOf<'cause> {
        reason: &'cause Option<Cause>,
    }

    pub(super) fn serialize<S: Serializer>(reason: &Option<Cause>, writer: S) -> Result<S::Ok, S::Error> {
        DataOf { reason }.serialize(writer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Cause>, D::Error> {
        let data = serde_json::Value::deserialize(reader)?;
        Ok(Data::deserialize(data).unwrap_or_default().reason)
    }
}

/// Says when a subscriber has taken what came of a contact, so that it does not come again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Taking {
    /// When it was written to the connection.
    #[default]
    Written,
    /// When it says so (`shown`). Until then it is kept, whatever others have taken.
    Acknowledged,
    /// Never, unless it says so; and it gets nothing that is older than its question.
    Watched,
}

macro_rules! methods {
    ($($(#[$about:meta])* $name:literal $method:ident { $($(#[$field_about:meta])* $field:ident: $type:ty,)* } -> $answer:ty;)*) => {
        $(
            $(#[$about])*
            #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
            #[serde(default)]
            pub struct $method {
                $($(#[$field_about])* pub $field: $type,)*
            }

            impl Method for $method {
                const NAME: &'static str = $name;
                type Answer = $answer;
            }
        )*

        /// The names of all methods.
        pub const METHODS: &[&str] = &[$($name),*];

        /// Returns of each method its name, parameters, and what it answers.
        #[cfg(test)]
        pub(super) fn samples() -> Vec<(&'static str, serde_json::Value, &'static str)> {
            vec![$(($name, serde_json::json!($method::default()), stringify!($answer))),*]
        }
    };
}

methods! {
    /// Tells who answers.
    "hello" Hello {} -> Greeting;
    /// Tells how the connections are.
    "status" Status {} -> EngineStatus;
    /// Asks for notifications from then on. What was not shown yet comes first.
    "subscribe" Subscribe {
        /// What counts as shown.
        taking: Taking,
    } -> Nothing;
    /// Says that what came under a number was shown, so that it does not come again.
    "shown" Shown {
        /// The number of the notification.
        number: u64,
    } -> Nothing;
    /// Erases the profile at once, and ends.
    "panic" Panic {} -> Nothing;

    /// Lists contacts.
    "contacts.list" ListContacts {} -> Vec<ContactInfo>;
    /// Gives a contact another name.
    "contacts.rename" RenameContact {
        /// The contact.
        contact: String,
        /// What it is called from then on, at most 64 bytes.
        new: String,
    } -> Nothing;
    /// Ends a conversation without a word.
    "contacts.block" BlockContact {
        /// The contact.
        contact: String,
    } -> Nothing;
    /// Ends a conversation, and tells the contact.
    "contacts.forget" ForgetContact {
        /// The contact.
        contact: String,
    } -> Nothing;
    /// Goes on sending to a contact whose invite somebody else used, too.
    "contacts.trust" TrustContact {
        /// The contact.
        contact: String,
    } -> Nothing;
    /// Takes note that the safety words were compared.
    "contacts.verify" VerifyContact {
        /// The contact.
        contact: String,
    } -> Nothing;
    /// Tells the safety words of a contact.
    "contacts.words" SafetyWords {
        /// The contact.
        contact: String,
    } -> SafetyInfo;
    /// Lets a contact know only slowly (10 to 60 minutes) that its messages arrived.
    "contacts.slow" SlowContact {
        /// The contact.
        contact: String,
    } -> Nothing;
    /// Begins conversations anew, with keys that a copy of the profile does not have.
    "contacts.heal" HealContacts {
        /// The contact; empty: all contacts and groups, and invites that were not used are taken
        /// back.
        contact: String,
    } -> Nothing;
    /// Agrees to write to a contact at the server to which it wants to move.
    "contacts.agree" AgreeToMove {
        /// The contact.
        contact: String,
    } -> Nothing;

    /// Makes an invite.
    "invites.create" CreateInvite {
        /// What whoever uses it is called.
        name: String,
        /// Whether many can use it; each waits for a yes.
        reusable: bool,
        /// Seconds until it ends; 0: seven days, or thirty if it is reusable.
        expires_s: u64,
    } -> InviteText;
    /// Lists invites, and who waits for a yes.
    "invites.list" ListInvites {} -> Vec<InviteInfo>;
    /// Takes an invite back.
    "invites.revoke" RevokeInvite {
        /// Its number.
        invite: u64,
    } -> Nothing;
    /// Uses somebody's invite.
    "invites.accept" AcceptInvite {
        /// The text of the invite.
        invite: String,
        /// What whoever made it is called; empty: what it calls itself.
        #[serde(rename = "as")]
        name: String,
        /// The first message.
        text: Option<String>,
        /// Whether the invite's server may be another one than one's own.
        foreign: bool,
    } -> NewContact;
    /// Says yes to somebody who used a reusable invite.
    "invites.admit" AdmitRequest {
        /// The number of the invite.
        invite: u64,
        /// Its identity key, or the beginning of it.
        identity: String,
        /// What it is called; empty: what it calls itself.
        #[serde(rename = "as")]
        name: String,
    } -> NewContact;
    /// Says no to somebody who used a reusable invite. It is not told.
    "invites.decline" DeclineRequest {
        /// The number of the invite.
        invite: u64,
        /// Its identity key, or the beginning of it.
        identity: String,
    } -> Nothing;

    /// Sends a text to a contact or a group.
    "send" SendText {
        /// The contact or the group.
        to: String,
        /// The text, at most 47,000 bytes.
        text: String,
        /// Deletes it on both sides so many seconds after the minute in which it was written; what
        /// comes later, once it was shown. 0: never. Not for groups.
        burn_s: u32,
    } -> SentText;
    /// Lists what has not arrived.
    "outbox" ListOutbox {
        /// Only what is for this contact or group; empty: everything.
        with: String,
    } -> Vec<OutboxItem>;
    /// Lists the latest texts of a conversation in this process's memory, the oldest first.
    "history" History {
        /// The contact or the group.
        with: String,
        /// How many at most; 0: all that there are.
        last: u32,
    } -> Vec<HistoryItem>;

    /// Sends a file to a contact.
    "files.send" SendFile {
        /// The contact.
        contact: String,
        /// Its path, absolute.
        path: String,
    } -> SentFile;
    /// Lists files that are being sent, that come, and that wait to be taken.
    "files.list" ListFiles {} -> Vec<FileInfo>;
    /// Takes the files that a contact sends as long as this connection lasts, and those that wait.
    "files.take" TakeFiles {
        /// The contact; empty: whoever sends one.
        contact: String,
        /// The folder into which they are written, absolute. Other folders of the same contact
        /// count no more.
        folder: String,
    } -> Nothing;
    /// Stops sending a file, and tells the contact.
    "files.cancel" CancelFile {
        /// The file.
        file: String,
    } -> Nothing;
    /// Drops a file that comes, or waits to be taken, and tells its sender.
    "files.decline" DeclineFile {
        /// The file.
        file: String,
    } -> Nothing;

    /// Lists groups, and invitations to some.
    "groups.list" ListGroups {} -> Groups;
    /// Tells of one group.
    "groups.show" GroupDetails {
        /// The group.
        group: String,
    } -> GroupInfo;
    /// Makes a group.
    "groups.create" CreateGroup {
        /// What it is called, at most 64 bytes.
        name: String,
    } -> Nothing;
    /// Invites a contact to a group.
    "groups.invite" AddMember {
        /// The group.
        group: String,
        /// The contact.
        contact: String,
    } -> Nothing;
    /// Says yes to an invitation.
    "groups.join" JoinGroup {
        /// The group, as the invitation calls it.
        group: String,
        /// The contact that invites; empty: whoever does.
        from: String,
        /// What one calls the group; empty: as the invitation does.
        #[serde(rename = "as")]
        name: String,
    } -> Nothing;
    /// Says no to an invitation.
    "groups.decline" DeclineOffer {
        /// The group, as the invitation calls it.
        group: String,
        /// The contact that invites; empty: whoever does.
        from: String,
    } -> Nothing;
    /// Removes a member.
    "groups.remove" RemoveMember {
        /// The group.
        group: String,
        /// The member.
        member: String,
    } -> Nothing;
    /// Makes another member the admin.
    "groups.hand_over" HandOverGroup {
        /// The group.
        group: String,
        /// The member.
        member: String,
    } -> Nothing;
    /// Leaves a group.
    "groups.leave" LeaveGroup {
        /// The group.
        group: String,
    } -> Nothing;
}
