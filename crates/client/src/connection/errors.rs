//! Names the reasons why there is no connection, or no longer one. Texts of the server are in them
//! only in printable form.

use std::time::Duration;

use http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::super::DialError;
use super::super::text::printable;

/// The reason why a connection ended.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// The server closed it with a code.
    #[error("the server closed the connection{}", why(*code, reason))]
    Closed {
        /// The WebSocket close code (protocol, section 3.4); 1005 if the server gave none.
        code: u16,
        /// The name beside it; empty if there was none.
        reason: String,
    },
    /// It ended without a goodbye, at whatever byte: also before the answer to the upgrade, or
    /// within it.
    #[error("the connection broke off")]
    Dropped,
    /// The network or the operating system ended it.
    #[error("the connection broke off: {0}")]
    Io(#[source] std::io::Error),
    /// No sign of life, or no answer, came in time.
    #[error("the server does not answer any more")]
    Silent,
    /// Nothing could be written in time.
    #[error("the server does not read any more")]
    NotReading,
    /// The server broke the protocol.
    #[error("the server sent {0}")]
    Protocol(&'static str),
}

impl Lost {
    pub(super) fn closed(frame: Option<CloseFrame>) -> Self {
        match frame {
            Some(frame) => Self::Closed { code: frame.code.into(), reason: printable(&frame.reason) },
            None => Self::Closed { code: 1005, reason: String::new() },
        }
    }

    /// Returns the server's close code, if it gave one.
    #[must_use]
    pub fn close_code(&self) -> Option<u16> {
        match self {
            Self::Closed { code, .. } => Some(*code),
            _ => None,
        }
    }
}

/// Writes a close code and its name behind a sentence, as far as there are any.
fn why(code: u16, reason: &str) -> String {
    match (code, reason) {
        (1005, "") => " without saying why".to_owned(),
        (code, "") => format!(": code {code}"),
        (code, reason) => format!(": {code} {reason}"),
    }
}

/// What a server answers that takes the identity in the URL only. No other does, for a URL without
/// one.
pub(crate) const NAMELESS: &str = "invalid_fingerprint";

/// Writes an HTTP status with the server's code for it, or with the usual words.
pub(crate) fn status_words(status: u16, code: &str) -> String {
    let usual = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    match (code, usual) {
        ("", Some(words)) => format!("{status} {words}"),
        ("", None) => format!("status {status}"),
        (code, _) => format!("{status} {code}"),
    }
}

/// Says what to do about a refusal, behind it.
fn advice(code: &str) -> &'static str {
    match code {
        NAMELESS => {
            ". It is older than this client, and wants the identity in the URL, which proxies log: its operator has \
             to update it"
        }
        _ => "",
    }
}

/// The reason why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The server was not reached.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// It answered, but did not upgrade.
    #[error("the server refused the connection: {}{}", status_words(*status, code), advice(code))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The `code` of the error body (protocol, section 2); empty if it could not be read.
        code: String,
        /// `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// It did not answer in time.
    #[error("no {0} from the server in time")]
    Timeout(&'static str),
    /// The connection ended before `welcome`.
    #[error(transparent)]
    Lost(#[from] Lost),
}

impl ConnectError {
    /// Returns whether trying again is of no use: another server, another address or another client
    /// is needed.
    ///
    /// An end of the connection never is, at whatever byte it comes.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Dial(error) => error.is_permanent(),
            // 403 is a block, 408 and 429 are matters of time; what is not an error is no WebSocket
            // server.
            Self::Refused { status, .. } => !(matches!(status, 403 | 408 | 425 | 429) || *status >= 500),
            Self::Timeout(_) => false,
            Self::Lost(Lost::Protocol(_)) => true,
            Self::Lost(lost) => lost.close_code() == Some(4401),
        }
    }

    /// Returns how long the server wants to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
