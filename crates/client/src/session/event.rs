//! Names the things that happen in a session.

use std::time::Duration;

use crate::connection::{ConnectError, Welcome};
use ephemeral_core::protocol::{ErrorCode, ReceiptStatus, ReceivedMessage};

/// An event of a [`Session`](super::Session).
#[derive(Debug)]
pub enum ClientEvent {
    /// An attempt to connect begins.
    Connecting,
    /// The server has taken this client's identity: messages go and come.
    Connected {
        /// The server's greeting.
        welcome: Welcome,
        /// Whether the server has lost its store since the last connection: the messages that
        /// waited there are gone.
        new_epoch: bool,
    },
    /// There is no connection. The next attempt begins after `retry_in`.
    Disconnected {
        /// The reason.
        why: ConnectError,
        /// How long the session waits.
        retry_in: Duration,
    },
    /// The server has accepted a message.
    Accepted {
        /// The message's id.
        id: String,
        /// When it expires, RFC 3339.
        expires_at: String,
        /// Whether the server knew it already: an earlier attempt had got through.
        duplicate: bool,
    },
    /// The server has refused a message. It is not sent again.
    Refused {
        /// The message's id.
        id: String,
        /// The reason, for programs.
        code: ErrorCode,
        /// The reason in the server's words: make them printable before they reach a terminal.
        message: String,
    },
    /// The server takes no messages for a while. They are sent after that.
    Delayed {
        /// How long.
        retry_in: Duration,
    },
    /// A message was delivered, or has expired.
    Receipt {
        /// The message's id.
        id: String,
        /// Which of the two.
        status: ReceiptStatus,
    },
    /// The server has forgotten a message that it had accepted, and no receipt came: its time is
    /// over, and whether it was delivered will not be known.
    Forgotten {
        /// The message's id.
        id: String,
    },
    /// A message came. It comes again, in a later connection, unless it is confirmed with
    /// [`Session::ack`](super::Session::ack).
    Message(ReceivedMessage),
    /// The messages that had been waiting have all come.
    CaughtUp,
    /// The server complains about something that is no message.
    Complaint {
        /// For programs.
        code: ErrorCode,
        /// The server's words.
        message: String,
    },
}
