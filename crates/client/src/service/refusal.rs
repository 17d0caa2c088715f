//! Why a method did nothing: its code, and a sentence with what to do. All of the service's own
//! sentences are here.

use ephemeral_e2e::core::CoreError;
use ephemeral_e2e::roster::MAX_MEMBERS;

use crate::api::MethodError;
use crate::cause::{Cause, Explanation};
use crate::engine::EngineError;
use crate::names::NameError;
use crate::source::SourceError;
use crate::text::printable;
use crate::vault::VaultError;

/// JSON-RPC 2.0: it is no JSON.
pub const NOT_JSON: i64 = -32_700;
/// JSON-RPC 2.0: it is no request.
pub const NOT_A_REQUEST: i64 = -32_600;
/// JSON-RPC 2.0: there is no such method.
pub const NO_SUCH_METHOD: i64 = -32_601;
/// JSON-RPC 2.0: the parameters are wrong.
pub const WRONG_PARAMETERS: i64 = -32_602;

/// Something on this machine: a file, the output.
pub const LOCAL: i64 = 1;
/// What was asked is wrong.
pub const USAGE: i64 = 2;
/// Something is not as it should be.
pub const REFUSED: i64 = 3;
/// There is no room now.
pub const NOT_NOW: i64 = 5;
/// The invite is none, or its time is over.
pub const DATA: i64 = 65;
/// There is no such contact or group.
pub const NO_SUCH_NAME: i64 = 67;
/// The profile cannot be written or read.
pub const STORAGE: i64 = 74;
/// The profile is in use somewhere else.
pub const IN_USE: i64 = 75;
/// The passphrase is wrong.
pub const PASSPHRASE: i64 = 77;

/// Says why the service does not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MethodRefusal {
    #[error("there is no method {0:?}")]
    NoSuchMethod(String),
    #[error("not a request: {0}")]
    NotJson(String),
    #[error("not a request: it needs a `method`, and an object as its `params`")]
    NotARequest,
    #[error("half a request: its line did not end in time")]
    HalfALine,
    #[error("a request is longer than 512 KiB")]
    LongLine,
    #[error("there are 32 connections with this engine already: end one first")]
    TooManyConnections,
    #[error("this connection is subscribed already")]
    Subscribed,
    #[error("{0}")]
    Parameters(String),
    #[error("a contact needs a name that no other one has")]
    ContactName,
    #[error("it does not want to move")]
    DoesNotMove,
    #[error("several of those who wait begin like this: write more digits")]
    SeveralWait,
    #[error("nobody waits there whose identity begins like this")]
    NobodyWaits,
    #[error("the message is empty")]
    Empty,
    #[error("the message is longer than 47,000 bytes")]
    LongText,
    #[error("a text to a group cannot be asked to be deleted: leave --burn away")]
    GroupBurns,
    #[error("you are no longer a member of this group")]
    Out,
    #[error("the admin has not let you in yet: run `ephemeral recv`")]
    NotYetIn,
    #[error("STOP: the admin shows different members to different people")]
    Forked,
    #[error("there is nobody else in the group")]
    Alone,
    #[error("a group's name has 1 to 64 bytes, and does not begin with group-, contact- or ~")]
    GroupName,
    #[error("a contact or a group is called {} already: choose another name", printable(.0))]
    Taken(String),
    #[error("a contact or a group is called {} already: call it something else with --as NAME", printable(.0))]
    OfferTaken(String),
    #[error("only the admin of {} can do this: {}", printable(.0), printable(.1))]
    NotAdmin(String, String),
    #[error("{} is a member already", printable(.0))]
    MemberAlready(String),
    #[error("a group has at most {MAX_MEMBERS} members")]
    GroupFull,
    #[error("this is you: hand the group over with `ephemeral group hand-over`, and leave it")]
    RemoveMe,
    #[error("you are the admin already")]
    AdminAlready,
    #[error("nobody could change the group any more: hand it over first with `ephemeral group hand-over`")]
    LastAdmin,
    #[error("a file is sent to a contact, not to a group")]
    FileToGroup,
    #[error("a path is absolute: {} is not", printable(.0))]
    Relative(String),
    #[error("no file is called {}", printable(.0))]
    NoSuchFile(String),
    #[error("{} cannot be written into: {}", printable(.0), printable(&.1.text))]
    Folder(String, Explanation),
    #[error("not everything could be erased: {}", printable(&.0.text))]
    NotErased(Explanation),
}

impl MethodRefusal {
    fn code(&self) -> i64 {
        match self {
            Self::NoSuchMethod(_) => NO_SUCH_METHOD,
            Self::NotJson(_) | Self::HalfALine => NOT_JSON,
            Self::NotARequest | Self::LongLine => NOT_A_REQUEST,
            Self::Parameters(_) => WRONG_PARAMETERS,
            Self::TooManyConnections | Self::GroupFull => NOT_NOW,
            Self::NobodyWaits | Self::NoSuchFile(_) => NO_SUCH_NAME,
            Self::DoesNotMove | Self::Out | Self::NotYetIn | Self::Forked | Self::Alone => REFUSED,
            Self::NotAdmin(..) | Self::LastAdmin => REFUSED,
            Self::Folder(..) => LOCAL,
            Self::NotErased(_) => STORAGE,
            Self::ContactName | Self::SeveralWait | Self::Empty | Self::LongText | Self::GroupBurns => USAGE,
            Self::GroupName | Self::Taken(_) | Self::OfferTaken(_) | Self::MemberAlready(_) | Self::RemoveMe => USAGE,
            Self::Subscribed | Self::AdminAlready | Self::FileToGroup | Self::Relative(_) => USAGE,
        }
    }
}

impl From<MethodRefusal> for MethodError {
    fn from(refusal: MethodRefusal) -> Self {
        Self { code: refusal.code(), message: refusal.to_string(), reason: Cause::of_refusal(&refusal) }
    }
}

impl From<NameError> for MethodError {
    fn from(error: NameError) -> Self {
        let reason = Some(Cause::from(&error));
        // The name, and not the sentence around it: the direction of one is not the other's.
        let error = match error {
            NameError::Unknown(name) => NameError::Unknown(printable(&name)),
            NameError::Ambiguous(name, unambiguous) => NameError::Ambiguous(printable(&name), printable(&unambiguous)),
        };
        Self { code: NO_SUCH_NAME, message: error.to_string(), reason }
    }
}

impl From<CoreError> for MethodError {
    fn from(error: CoreError) -> Self {
        let code = match &error {
            CoreError::Stopped | CoreError::NotAState => STORAGE,
            CoreError::Unknown => NO_SUCH_NAME,
            CoreError::Invite(_) | CoreError::Expired | CoreError::OwnInvite => DATA,
            CoreError::Full(_) => NOT_NOW,
            CoreError::TooLong => USAGE,
            CoreError::ForeignServer(_) | CoreError::NotNow(_) | CoreError::Group => REFUSED,
        };
        let hint = match &error {
            CoreError::ForeignServer(_) => ". If its operator may see when you send, add --foreign",
            _ => "",
        };
        Self { code, message: format!("{error}{hint}"), reason: Some((&error).into()) }
    }
}

impl From<VaultError> for MethodError {
    fn from(error: VaultError) -> Self {
        Self { code: STORAGE, message: error.to_string(), reason: Some((&error).into()) }
    }
}

impl From<EngineError> for MethodError {
    fn from(error: EngineError) -> Self {
        let code = match error {
            EngineError::Vault(error) => return error.into(),
            EngineError::Core(error) => return error.into(),
            EngineError::Elsewhere => IN_USE,
            EngineError::Dial(_) | EngineError::Address(..) | EngineError::Task(_) => LOCAL,
        };
        Self { code, message: error.to_string(), reason: Some((&error).into()) }
    }
}

impl From<SourceError> for MethodError {
    fn from(error: SourceError) -> Self {
        let code = match &error {
            SourceError::NotAFile(_) | SourceError::Size { .. } | SourceError::Path(_) => USAGE,
            SourceError::Read { .. } | SourceError::Changed(_) => LOCAL,
        };
        Self { code, message: printable(&error.to_string()), reason: Some((&error).into()) }
    }
}
