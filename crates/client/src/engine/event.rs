//! What an engine tells the program that runs it, and why it cannot go on.

use std::time::Duration;

use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::core::{CoreError, SendingView};
use ephemeral_e2e::effect::{Event, LinkId};

use crate::DialError;
use crate::cause::Explanation;
use crate::url::UrlError;
use crate::vault::VaultError;

/// Says why an engine cannot go on, or does not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// What was asked is not possible.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// There is no way to a server.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The name of a server is not one.
    #[error("{0}: {1}")]
    Address(String, UrlError),
    /// A copy of this profile is used at the same time.
    #[error("this profile runs somewhere else, too: a copy of it must not be used beside it")]
    Elsewhere,
    /// A task ended that never ends by itself.
    #[error("a connection's task failed: {0}")]
    Task(String),
}

/// An event for the program that runs an engine.
#[derive(Debug)]
pub enum EngineEvent {
    /// Something to show. Then call [`Engine::shown`](super::Engine::shown): until then it comes
    /// again with each start.
    Event {
        /// Its name for [`Engine::shown`](super::Engine::shown).
        id: u64,
        /// What happened.
        event: Event,
    },
    /// A text or a chunk of a file waits at the contact's server.
    AtServer {
        /// The contact, or the member of a group.
        link: LinkId,
        /// The content, if there is any in the message.
        mid: Option<u64>,
    },
    /// The contact's server did not take a message, or not for long enough. It is sent again later.
    Dropped {
        /// The contact, or the member of a group.
        link: LinkId,
        /// The server's reason in words, if it refused.
        why: Option<String>,
    },
    /// A connection is being made, for a mailbox of one's own or to send.
    Connecting,
    /// A server answers.
    Online(Authority),
    /// There is no connection. The next attempt begins after `retry_in`.
    Offline {
        /// The server.
        server: String,
        /// The reason, fit for a terminal.
        why: Explanation,
        /// How long it waits.
        retry_in: Duration,
    },
    /// A server cannot be used, and trying again is of no use.
    Unusable {
        /// The server.
        server: String,
        /// The reason, fit for a terminal.
        why: Explanation,
    },
    /// A server keeps messages for less than a day: mailboxes that are not always connected may
    /// lose some.
    ShortMemory(Authority),
    /// Another process uses a copy of this profile.
    Elsewhere,
    /// Each mailbox was fetched from since the start.
    AllFetched,
    /// A contact has so many chunks of a file.
    FileSent {
        /// The file, and how far it came.
        file: SendingView,
    },
    /// A file cannot be read. It goes on when it can, in another process.
    FileUnreadable {
        /// The file.
        file: SendingView,
        /// The reason.
        why: Explanation,
    },
    /// Nothing waits to be sent, acknowledged or written any more.
    Settled,
}
