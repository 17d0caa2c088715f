//! Fixed-size values and the cursor that every parser of this crate reads with.
//!
//! [`Key`] is for what may be seen, [`Secret`] for what may not: the latter is wiped when dropped
//! and prints nothing.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Holds 32 public bytes: a public key, or the hash of something.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Key(pub [u8; 32]);

impl Key {
    /// Tells whether all bytes are zero, which stands for "not known".
    pub fn is_zero(&self) -> bool {
        self.0 == [0; 32]
    }

    /// Returns the bytes as 64 lower-case hex digits, as the server writes fingerprints.
    pub fn to_hex(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Key({}…)", data_encoding::HEXLOWER.encode(&self.0[..4]))
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64URL_NOPAD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        decode_fixed(deserializer).map(|bytes| Self(*bytes))
    }
}

/// Holds 32 secret bytes, which are wiped when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; 32]);

impl Secret {
    /// Takes the bytes over. The caller wipes its own copy.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Makes a random secret.
    pub fn random() -> Self {
        let mut secret = Self([0; 32]);
        crate::random::fill(&mut secret.0);
        secret
    }

    /// Shows the bytes to code that computes with them.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Lets code write into the bytes, so that no other copy of them comes into being.
    pub(crate) fn expose_mut(&mut self) -> &mut [u8; 32] {
        &mut self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = Zeroizing::new(BASE64URL_NOPAD.encode(&self.0));
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        decode_fixed(deserializer).map(|bytes| Self(*bytes))
    }
}

fn decode_fixed<'de, D: Deserializer<'de>, const N: usize>(deserializer: D) -> Result<Zeroizing<[u8; N]>, D::Error> {
    let text = Zeroizing::new(String::deserialize(deserializer)?);
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(de::Error::custom)?;
    let bytes = Zeroizing::new(bytes);
    let fixed = <[u8; N]>::try_from(bytes.as_slice()).map_err(|_| de::Error::custom("wrong length"))?;
    Ok(Zeroizing::new(fixed))
}

/// Serializes byte strings of any length as base64url, for `#[serde(with = …)]`.
pub(crate) mod text {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        let text = Zeroizing::new(BASE64URL_NOPAD.encode(bytes));
        serializer.serialize_str(&text)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        BASE64URL_NOPAD.decode(text.as_bytes()).map_err(de::Error::custom)
    }
}

/// Reads a layout from front to back; every step fails instead of reading past the end.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(length)?;
        self.0 = tail;
        Some(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn key(&mut self) -> Option<Key> {
        self.array().map(Key)
    }

    pub(crate) fn secret(&mut self) -> Option<Secret> {
        let mut secret = Secret([0; 32]);
        secret.0.copy_from_slice(self.take(32)?);
        Some(secret)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Takes a string of UTF-8 whose length stands in one byte before it.
    pub(crate) fn short_text(&mut self) -> Option<&'a str> {
        let length = self.byte()?;
        std::str::from_utf8(self.take(usize::from(length))?).ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
