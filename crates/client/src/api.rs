//! The methods that a program can call on an engine, and the notifications that it gets: one
//! contract for the commands, the terminal, and programs over a socket or pipes (JSON-RPC 2.0).
//!
//! | file | contents |
//! | --- | --- |
//! | `methods` | what can be asked: a type for each method, which names its answer |
//! | `views` | what answers are made of |
//! | `notification` | what is told without being asked |
//!
//! Names of contacts and groups are those that the person gave them: whatever [`crate::names`]
//! finds by. Unknown fields, methods and events are to be ignored: later versions have more.

mod methods;
mod notification;
#[cfg(test)]
mod tests;
mod views;

pub use crate::cause::Cause;
pub use methods::{
    AcceptInvite, AddMember, AdmitRequest, AgreeToMove, BlockContact, CancelFile, CreateGroup, CreateInvite,
    DeclineFile, DeclineOffer, DeclineRequest, ForgetContact, GroupDetails, HandOverGroup, HealContacts, Hello,
    History, JoinGroup, LeaveGroup, ListContacts, ListFiles, ListGroups, ListInvites, ListOutbox, METHODS, Method,
    MethodError, Panic, RemoveMember, RenameContact, RevokeInvite, SafetyWords, SendFile, SendText, Shown, SlowContact,
    Status, Subscribe, TakeFiles, Taking, TrustContact, VerifyContact,
};
pub use notification::{EventParams, Notification};
pub use views::{
    ContactInfo, EngineStatus, FileInfo, Greeting, GroupInfo, GroupOfferInfo, Groups, HistoryItem, InviteInfo,
    InviteText, MemberInfo, NewContact, Nothing, OutboxItem, RequestInfo, SafetyInfo, SentFile, SentText, ServerStatus,
    StandingName,
};

/// The version of the methods and notifications.
pub const VERSION: u32 = 1;
