//! Servers: their addresses, the ways to them, and why a connection ended.

use ephemeral_tor::{MovedError, Notice, PathFix, TorError, TorStep};

use super::Cause;
use super::files::named;
use crate::DialError;
use crate::connection::{ConnectError, Lost, NAMELESS, status_words};
use crate::moved::{BookError, MOST};
use crate::url::UrlError;

impl From<&UrlError> for Cause {
    fn from(error: &UrlError) -> Self {
        match error {
            UrlError::NoScheme => Self::UrlForm {},
            UrlError::Https => Self::UrlHttps {},
            UrlError::NotOnlyAHost => Self::UrlOnlyHost {},
            UrlError::Host => Self::UrlHost {},
            UrlError::Onion => Self::UrlOnion {},
            UrlError::Port => Self::UrlPort {},
        }
    }
}

impl From<&DialError> for Cause {
    fn from(error: &DialError) -> Self {
        match error {
            DialError::OnionDirectly => Self::DialOnionDirectly {},
            DialError::NoWay(why) => why.cause.clone().unwrap_or_else(|| Self::words(&why.text)),
            DialError::Timeout(limit) => Self::DialTimeout { seconds: limit.as_secs() },
            DialError::Tcp(error) => Self::DialTcp { why: Box::new(error.into()) },
            DialError::Socks { proxy, source } => Self::DialSocks { proxy: proxy.to_string(), why: source.to_string() },
            DialError::Tor(error) => error.into(),
        }
    }
}

impl From<&TorError> for Cause {
    fn from(error: &TorError) -> Self {
        match error {
            TorError::Table(why) => Self::words(why),
            TorError::Path { path, why } => Self::TorPath { path: named(path), why: why.clone() },
            TorError::Unsafe { path, fix } => Self::TorUnsafe { path: named(path), fix: Box::new(fix.into()) },
            TorError::InUse(path) => Self::TorInUse { path: named(path) },
            TorError::File(error) => error.into(),
            TorError::Service(why) => Self::TorService { why: why.clone() },
            TorError::Runtime(error) => Self::TorRuntime { why: Box::new(error.into()) },
            TorError::Arti { action, source: _ } => {
                let text = error.to_string();
                // Arti's own words are English.
                let why = text.get(action.to_string().len() + 2..).unwrap_or_default().to_owned();
                match action {
                    TorStep::Network => Self::TorNoNetwork { why },
                    TorStep::Server => Self::TorNoServer { why },
                    _ => Self::words(text),
                }
            }
        }
    }
}

impl From<&PathFix> for Cause {
    fn from(fix: &PathFix) -> Self {
        match fix {
            PathFix::Mode { path, mode } => Self::TorFixMode { mode: mode.clone(), path: named(path) },
            PathFix::Owner(user) => Self::TorFixOwner { user: u64::from(*user) },
        }
    }
}

impl From<&MovedError> for Cause {
    fn from(error: &MovedError) -> Self {
        match error {
            MovedError::Malformed(why) => Self::MovedMalformed { why: why.clone() },
            MovedError::TooMuch => Self::MovedTooMuch { most: Notice::MOST as u64, bytes: Notice::MOST_BYTES as u64 },
            MovedError::Address(field) => Self::MovedAddress { field: (*field).to_owned() },
            MovedError::Nowhere => Self::MovedNowhere {},
            MovedError::Time => Self::MovedTime {},
            MovedError::Signature => Self::MovedSignature {},
            MovedError::File(error) => error.into(),
        }
    }
}

impl From<&BookError> for Cause {
    fn from(error: &BookError) -> Self {
        match error {
            BookError::Notice(error) => error.into(),
            BookError::Contradiction { from, known } => {
                Self::MovedContradiction { from: from.clone(), known: known.clone() }
            }
            BookError::TooMany => Self::MovedTooMany { most: MOST as u64 },
            BookError::File(error) => error.into(),
        }
    }
}

impl From<&ConnectError> for Cause {
    fn from(error: &ConnectError) -> Self {
        match error {
            ConnectError::Dial(error) => error.into(),
            ConnectError::Refused { status, code, retry_after: _ } => {
                let words = status_words(*status, code);
                match code.as_str() {
                    NAMELESS => Self::ConnectOldServer { status: words },
                    _ => Self::ConnectRefused { status: words },
                }
            }
            ConnectError::Timeout(what) => Self::ConnectTimeout { what: (*what).to_owned() },
            ConnectError::Lost(lost) => lost.into(),
        }
    }
}

impl From<&Lost> for Cause {
    fn from(lost: &Lost) -> Self {
        match lost {
            Lost::Closed { code: 1005, reason } if reason.is_empty() => Self::LostClosed {},
            Lost::Closed { code, reason } if reason.is_empty() => Self::LostClosedCode { code: u64::from(*code) },
            Lost::Closed { code, reason } => Self::LostClosedReason { code: u64::from(*code), reason: reason.clone() },
            Lost::Dropped => Self::LostDropped {},
            Lost::Io(error) => Self::LostIo { why: Box::new(error.into()) },
            Lost::Silent => Self::LostSilent {},
            Lost::NotReading => Self::LostNotReading {},
            Lost::Protocol(what) => Self::LostProtocol { what: (*what).to_owned() },
        }
    }
}
