//! The notice of a move: an onion service's old key says which address follows it. Whoever knows
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
    /// From there to there.
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
#[serde(into = "Wire")]
pub struct Notice {
    from: String,
    to: String,
    /// As it was signed.
    at: String,
    when: WallTime,
    signature: [u8; 64],
}

/// How it is written. Unknown fields are ignored: they are not signed.
#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(rename = "type")]
    kind: String,
    from: String,
    to: String,
    at: String,
    signature: String,
}

impl From<Notice> for Wire {
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

    /// A new one: the service with this key is at `to` from now on.
    ///
    /// # Errors
    /// [`MovedError`] if `to` is no address, or that of the key.
    pub fn sign(key: &ServiceKey, to: &str, now: WallTime) -> Result<Self, MovedError> {
        let (from, at) = (key.address().to_owned(), now.to_string());
        let signature = key.sign(&signed(&from, to, &at));
        let wire =
            Wire { kind: TYPE.to_owned(), from, to: to.to_owned(), at, signature: BASE64URL_NOPAD.encode(&signature) };
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
            serde_json::from_str::<Vec<Wire>>(text).map_err(malformed)?
        } else {
            vec![serde_json::from_str::<Wire>(text).map_err(malformed)?]
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

    /// A list of them, as [`read`](Self::read) reads it, with a line for each.
    #[must_use]
    pub fn write(notices: &[Self]) -> String {
        let lines: Vec<_> = notices.iter().map(|notice| serde_json::to_string(notice).unwrap_or_default()).collect();
        format!("[{}]\n", lines.join(",\n"))
    }

    /// The old address, with `.onion`.
    #[must_use]
    pub fn from(&self) -> &str {
        &self.from
    }

    /// The new one.
    #[must_use]
    pub fn to(&self) -> &str {
        &self.to
    }

    /// When it was signed, by the signer's clock.
    #[must_use]
    pub fn at(&self) -> WallTime {
        self.when
    }

    /// The moves that lead on from an address, in their order. Each is later than the one before,
    /// so that a service which has returned to an earlier address is found, and the way always
    /// ends.
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

    fn check(wire: Wire) -> Result<Self, MovedError> {
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

/// None of the three can have a zero byte in it.
fn signed(from: &str, to: &str, at: &str) -> Vec<u8> {
    [DOMAIN, from.as_bytes(), to.as_bytes(), at.as_bytes()].join(&0)
}

/// The service with this name, if it is written as services are: no subdomain, lower case. Then
/// there is one text for each, which is what the signature is over.
fn service(address: &str) -> Option<HsId> {
    let id: HsId = address.parse().ok()?;
    (written(id) == address).then_some(id)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn key() -> ServiceKey {
        ServiceKey::generate().unwrap()
    }

    fn moved(from: &ServiceKey, to: &ServiceKey, at: u64) -> Notice {
        Notice::sign(from, to.address(), WallTime(at)).unwrap()
    }

    #[test]
    fn a_notice_is_read_alone_and_in_a_list() {
        let (old, new) = (key(), key());
        let notice = moved(&old, &new, 1_767_355_200_000);
        let text = serde_json::to_string(&notice).unwrap();
        assert_eq!(Notice::read(&text).unwrap(), std::slice::from_ref(&notice));
        assert_eq!(Notice::read(&Notice::write(&[notice.clone(), notice.clone()])).unwrap(), [notice.clone(), notice]);
        assert_eq!(Notice::read("[]").unwrap(), []);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&json["type"], &json["from"], &json["to"]),
            (&"moved".into(), &old.address().into(), &new.address().into())
        );
        assert_eq!(json["at"], "2026-01-02T12:00:00.000Z");
    }

    #[test]
    fn a_notice_that_was_changed_in_any_part_is_not_believed() {
        let (old, new, other) = (key(), key(), key());
        let text = serde_json::to_string(&moved(&old, &new, 7)).unwrap();
        let swapped =
            text.replace(old.address(), "X").replace(new.address(), old.address()).replace('X', new.address());
        for changed in [
            text.replace(new.address(), other.address()),
            text.replace(old.address(), other.address()),
            text.replace(".007Z", ".008Z"),
            text.replace("1970-01-01T00:00:00.007Z", "1970-01-01T01:00:00.007+01:00"),
            swapped,
        ] {
            assert!(matches!(Notice::read(&changed), Err(MovedError::Signature)), "{changed}");
        }
    }

    #[test]
    fn the_signature_of_somebody_else_is_not_believed() {
        let (old, new, thief) = (key(), key(), key());
        let mut wire = Wire::from(moved(&old, &new, 7));
        wire.signature = BASE64URL_NOPAD.encode(&thief.sign(&signed(&wire.from, &wire.to, &wire.at)));
        assert!(matches!(Notice::check(wire), Err(MovedError::Signature)));
        // The same bytes with the key's own signature, for another purpose.
        let mut wire = Wire::from(moved(&old, &new, 7));
        let elsewhere = [b"ephemeral-messenger/auth/v1", wire.from.as_bytes(), wire.to.as_bytes()].join(&0);
        wire.signature = BASE64URL_NOPAD.encode(&old.sign(&elsewhere));
        assert!(matches!(Notice::check(wire), Err(MovedError::Signature)));
    }

    #[test]
    fn what_is_not_a_notice_is_refused_with_what_is_wrong_with_it() {
        let (old, new) = (key(), key());
        let text = serde_json::to_string(&moved(&old, &new, 7)).unwrap();
        let says = |text: &str| Notice::read(text).unwrap_err().to_string();
        assert!(says("hello").contains("not a notice"));
        assert!(says("{}").contains("missing field"));
        assert!(says(&text.replace("\"moved\"", "\"message\"")).contains("type"));
        assert!(says(&text.replacen(old.address(), &old.address().to_uppercase(), 1)).contains("`from`"));
        assert!(says(&text.replacen(new.address(), &format!("www.{}", new.address()), 1)).contains("`to`"));
        assert!(says(&text.replace("1970-", "last year ")).contains("`at`"));
        assert!(says(&text.replace("\"from\"", "\"from\":\"x\",\"from\"")).contains("duplicate"));
        assert!(says(&format!("{text}{}", " ".repeat(Notice::MOST_BYTES))).contains("more than"));
        assert!(matches!(Notice::sign(&old, old.address(), WallTime(7)), Err(MovedError::Nowhere)));
    }

    #[test]
    fn a_notice_follows_in_time_whatever_the_clock_did() {
        let (a, b, c) = (key(), key(), key());
        let ahead = moved(&a, &b, 2_000_000);
        let now = Notice::time_after(std::slice::from_ref(&ahead), WallTime(1_000_000));
        let right = Notice::sign(&b, c.address(), now).unwrap();
        let notices = [ahead, right];
        assert_eq!(Notice::way(&notices, a.address()).last().unwrap().to(), c.address());
        assert_eq!(Notice::time_after(&notices, WallTime(3_000_000)), WallTime(3_000_000));
        assert_eq!(Notice::time_after(&[], WallTime(7)), WallTime(7));
    }

    #[test]
    fn a_staged_notice_is_adopted_where_its_key_came_into_force_and_nowhere_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(Notice::FILE);
        let (old, new) = (key(), key());
        assert!(!Notice::adopt(&path, new.address()).unwrap(), "there is none");
        private_file::stage(&path, Notice::write(&[moved(&old, &new, 7)]).as_bytes()).unwrap();
        assert!(!Notice::adopt(&path, old.address()).unwrap(), "the old key is still in force");
        assert!(Notice::adopt(&path, new.address()).unwrap());
        assert_eq!(Notice::read_file(&path).unwrap().len(), 1);
        std::fs::write(private_file::staged(&path), "half a not").unwrap();
        assert!(!Notice::adopt(&path, new.address()).unwrap());
        assert_eq!(Notice::read_file(&path).unwrap().len(), 1);
    }

    #[test]
    fn the_way_leads_over_several_moves_and_always_ends() {
        let (a, b, c) = (key(), key(), key());
        let targets = |notices: &[Notice], from: &ServiceKey| {
            Notice::way(notices, from.address()).last().map(|notice| notice.to.clone())
        };
        let chain = [moved(&b, &c, 2), moved(&a, &b, 1)];
        assert_eq!(targets(&chain, &a).as_deref(), Some(c.address()));
        assert_eq!(targets(&chain, &c), None);
        // There and back: whoever knows either address ends at the one it came back to.
        let back = [moved(&a, &b, 1), moved(&b, &a, 2)];
        assert_eq!(targets(&back, &a).as_deref(), Some(a.address()));
        assert_eq!(targets(&back, &b).as_deref(), Some(a.address()));
    }
}
