//! The notice of a move: an onion service's old key says which address follows it. Anyone who knows
//! the old address can check it, since the address is the public key.

use std::io::ErrorKind;
use std::path::Path;

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use tor_hscrypto::pk::HsId;

use super::ServiceKey;
use super::private_file::{self, FileError};
use super::service_key::written;
use ephemeral_core::protocol::WallTime;

/// What the signature is for, and nothing else.
const DOMAIN: &[u8] = b"ephemeral-messenger/moved/v1";
/// The `type` of a notice.
const TYPE: &str = "moved";

/// Why a notice is not believed.
#[derive(Debug, thiserror::Error)]
pub enum MovedError {
    /// It is something else.
    #[error("this is not a notice of a move: {0}")]
    Malformed(String),
    /// Nobody moves that often.
    #[error("more than {} notices, or more than {} bytes", Notice::MOST, Notice::MOST_BYTES)]
    TooMuch,
    /// One of the addresses is not one.
    #[error("`{0}` in the notice is not the address of an onion service, in lower case and with `.onion`")]
    Address(&'static str),
    /// The move leads to where it comes from.
    #[error("the notice says that a service has moved to where it is")]
    Nowhere,
    /// The time is none.
    #[error("`at` in the notice is not a time as RFC 3339 writes it")]
    Time,
    /// Somebody else made it, or it was changed.
    #[error("the signature in the notice is not that of the old address: do not follow it")]
    Signature,
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A notice whose signature is right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "NoticeWire")]
pub struct Notice {
    from: String,
    to: String,
    /// The time, as it was signed.
    at: String,
    when: WallTime,
    signature: [u8; 64],
}

/// The written form. Unknown fields are ignored: they are not signed.
#[derive(Serialize, Deserialize)]
struct NoticeWire {
    #[serde(rename = "type")]
    kind: String,
    from: String,
    to: String,
    at: String,
    signature: String,
}

impl From<Notice> for NoticeWire {
    fn from(notice: Notice) -> Self {
        let signature = BASE64URL_NOPAD.encode(&notice.signature);
        Self { kind: TYPE.to_owned(), from: notice.from, to: notice.to, at: notice.at, signature }
    }
}

impl Notice {
    /// Where the notices of this server's own moves are, below the state directory.
    pub const FILE: &str = "moved.json";
    /// Notices in one text, at most.
    pub const MOST: usize = 16;
    /// Bytes of such a text, at most.
    pub const MOST_BYTES: usize = 16 * 1024;

    /// Signs a new notice: the service with this key is at `to` from now on.
    ///
    /// # Errors
    /// [`MovedError`] if `to` is no address, or that of the key.
    pub fn sign(key: &ServiceKey, to: &str, now: WallTime) -> Result<Self, MovedError> {
        let from = key.address().to_owned();
        let at = now.to_string();
        let signature = key.sign(&signed(&from, to, &at));
        let wire = NoticeWire {
            kind: TYPE.to_owned(),
            from,
            to: to.to_owned(),
            at,
            signature: BASE64URL_NOPAD.encode(&signature),
        };
        Self::check(wire)
    }

    /// Reads one notice, or a list of them, and checks each signature.
    ///
    /// # Errors
    /// [`MovedError`] if any of them is not to be believed.
    pub fn read(text: &str) -> Result<Vec<Self>, MovedError> {
        if text.len() > Self::MOST_BYTES {
            return Err(MovedError::TooMuch);
        }
        let malformed = |error: serde_json::Error| MovedError::Malformed(error.to_string());
        let wires = if text.trim_start().starts_with('[') {
            serde_json::from_str::<Vec<NoticeWire>>(text).map_err(malformed)?
        } else {
            vec![serde_json::from_str::<NoticeWire>(text).map_err(malformed)?]
        };
        if wires.len() > Self::MOST {
            return Err(MovedError::TooMuch);
        }
        wires.into_iter().map(Self::check).collect()
    }

    /// Reads a file of them; without one there are none.
    ///
    /// # Errors
    /// [`MovedError`] if any of them is not to be believed.
    pub fn read_file(path: &Path) -> Result<Vec<Self>, MovedError> {
        match private_file::read_text(path, Self::MOST_BYTES) {
            Ok(text) => Self::read(&text),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) if error.kind() == ErrorKind::FileTooLarge => Err(MovedError::TooMuch),
            Err(error) => Err(error.into()),
        }
    }

    /// Finishes a change of the file that was interrupted between the new key and its notice: a
    /// notice that was staged, and whose last one leads to `address`, the service's own, becomes
    /// the file. Returns whether there was one.
    ///
    /// # Errors
    /// [`MovedError`] if it cannot be put in place. A staged file that is not to be believed is
    /// left alone.
    pub fn adopt(path: &Path, address: &str) -> Result<bool, MovedError> {
        let staged = private_file::staged(path);
        let leads_here = |notices: &[Self]| notices.last().is_some_and(|notice| notice.to == address);
        if !Self::read_file(&staged).is_ok_and(|notices| leads_here(&notices)) {
            return Ok(false);
        }
        private_file::put_in_place(&staged, path)?;
        Ok(true)
    }

    /// Returns the time for a notice that follows these: now, or just after the latest, whatever
    /// the clock did since.
    #[must_use]
    pub fn time_after(notices: &[Self], now: WallTime) -> WallTime {
        let latest = notices.iter().map(|notice| notice.when).max();
        latest.map_or(now, |latest| now.max(latest.plus(1)))
    }

    /// Returns a list of notices, as [`read`](Self::read) reads it, with a line for each.
    #[must_use]
    pub fn write(notices: &[Self]) -> String {
        let lines: Vec<_> = notices.iter().map(|notice| serde_json::to_string(notice).unwrap_or_default()).collect();
        format!("[{}]\n", lines.join(",\n"))
    }

    /// Returns the old address, with `.onion`.
    #[must_use]
    pub fn from(&self) -> &str {
        &self.from
    }

    /// Returns the new address.
    #[must_use]
    pub fn to(&self) -> &str {
        &self.to
    }

    /// Returns when it was signed, by the signer's clock.
    #[must_use]
    pub fn at(&self) -> WallTime {
        self.when
    }

    /// Returns the moves that lead on from an address, in their order. Each is later than the one
    /// before, so that a service which has returned to an earlier address is found, and the way
    /// always ends.
    #[must_use]
    pub fn way<'a>(notices: &'a [Self], address: &str) -> Vec<&'a Self> {
        let mut way: Vec<&Self> = Vec::new();
        let mut at = address;
        loop {
            let since = way.last().map(|notice| notice.when);
            let next =
                notices.iter().filter(|notice| notice.from == at && since.is_none_or(|since| notice.when > since));
            match next.max_by_key(|notice| notice.when) {
                Some(next) => {
                    at = &next.to;
                    way.push(next);
                }
                None => return way,
            }
        }
    }

    fn check(wire: NoticeWire) -> Result<Self, MovedError> {
        if wire.kind != TYPE {
            return Err(MovedError::Malformed(format!("its type is not {TYPE:?}")));
        }
        let from = service(&wire.from).ok_or(MovedError::Address("from"))?;
        service(&wire.to).ok_or(MovedError::Address("to"))?;
        if wire.from == wire.to {
            return Err(MovedError::Nowhere);
        }
        let when = WallTime::parse(&wire.at).ok_or(MovedError::Time)?;
        let bytes = BASE64URL_NOPAD.decode(wire.signature.as_bytes()).ok();
        let signature: [u8; 64] = bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(MovedError::Signature)?;
        VerifyingKey::from_bytes(from.as_ref())
            .and_then(|key| {
                key.verify_strict(&signed(&wire.from, &wire.to, &wire.at), &Signature::from_bytes(&signature))
            })
            .map_err(|_| MovedError::Signature)?;
        Ok(Self { from: wire.from, to: wire.to, at: wire.at, when, signature })
    }
}

/// Returns the bytes that are signed. None of the three parts can have a zero byte in it.
fn signed(from: &str, to: &str, at: &str) -> Vec<u8> {
    [DOMAIN, from.as_bytes(), to.as_bytes(), at.as_bytes()].join(&0)
}

/// Returns the service with this name, if it is written as services are: no subdomain, lower case.
/// Then there is one text for each, which is what the signature is over.
fn service(address: &str) -> Option<HsId> {
    let id: HsId = address.parse().ok()?;
    (written(id) == address).then_some(id)
}

#[cfg(test)]
mod tests;
