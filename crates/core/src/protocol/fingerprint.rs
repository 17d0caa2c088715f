//! A client's identity: its Ed25519 public key.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::VerifyingKey;
use serde::{Serialize, Serializer};

/// An Ed25519 public key, written as 64 lower-case hex digits. The key *is* the address.
///
/// `Debug` does not show it: who talks to whom never reaches a log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; Self::BYTES]);

/// Why a text is not a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FingerprintError {
    /// Wrong length, or not hex.
    #[error("a fingerprint is 64 hex digits")]
    NotHex,
    /// Not the canonical encoding of a point of large order (RFC 8032, section 5.1.3).
    #[error("the fingerprint is not a valid Ed25519 public key")]
    NotAKey,
}

impl Fingerprint {
    /// Bytes of a key.
    pub const BYTES: usize = 32;

    /// Makes a fingerprint of a key's bytes, unchecked: [`verifying_key`](Self::verifying_key)
    /// tells whether they are a key.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Returns the key's bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Reads 64 hex digits of either case. It does not check that they are a key: that costs a
    /// point decompression (about 8 µs), which a caller who knows the fingerprint already need not
    /// pay.
    ///
    /// # Errors
    /// [`FingerprintError::NotHex`].
    pub fn from_hex(text: &str) -> Result<Self, FingerprintError> {
        let digits: &[u8; 2 * Self::BYTES] = text.as_bytes().try_into().map_err(|_| FingerprintError::NotHex)?;
        let mut bytes = [0; Self::BYTES];
        // Without a branch, as every message has some of this.
        let mut all = 0;
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let high = value(pair[0]);
            let low = value(pair[1]);
            all |= high | low;
            *byte = high << 4 | low & 0x0f;
        }
        if all > 0x0f { Err(FingerprintError::NotHex) } else { Ok(Self(bytes)) }
    }

    /// Returns the key, if this is the canonical encoding of a point that is not of small order.
    ///
    /// # Errors
    /// [`FingerprintError::NotAKey`].
    pub fn verifying_key(&self) -> Result<VerifyingKey, FingerprintError> {
        if !self.is_canonical() {
            return Err(FingerprintError::NotAKey);
        }
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| FingerprintError::NotAKey)?;
        if key.is_weak() { Err(FingerprintError::NotAKey) } else { Ok(key) }
    }

    /// Returns whether y < p = 2^255 - 19: the decompression below accepts y + p too, and one key
    /// would have two addresses. (The other non-canonical form, x = 0 with a sign, is of small
    /// order.)
    fn is_canonical(&self) -> bool {
        let [low, middle @ .., high] = &self.0;
        !(high & 0x7f == 0x7f && middle.iter().all(|&byte| byte == 0xff) && *low >= 0xed)
    }

    /// Returns the 64 lower-case hex digits, on the stack.
    pub(crate) fn hex<'buffer>(&self, buffer: &'buffer mut [u8; 64]) -> &'buffer str {
        for (pair, byte) in buffer.chunks_exact_mut(2).zip(self.0) {
            pair[0] = digit(byte >> 4);
            pair[1] = digit(byte & 0x0f);
        }
        std::str::from_utf8(buffer).unwrap_or_default()
    }
}

/// Returns the hex digit of a number below 16.
const fn digit(number: u8) -> u8 {
    number + if number > 9 { b'a' - 10 } else { b'0' }
}

/// Returns the number of a hex digit, or one above 15.
const fn value(digit: u8) -> u8 {
    let number = digit.wrapping_sub(b'0');
    let letter = (digit | 0x20).wrapping_sub(b'a');
    if number < 10 {
        number
    } else if letter < 6 {
        letter + 10
    } else {
        0xff
    }
}

impl From<&VerifyingKey> for Fingerprint {
    fn from(key: &VerifyingKey) -> Self {
        Self(key.to_bytes())
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    /// Reads and checks.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fingerprint = Self::from_hex(text)?;
        fingerprint.verifying_key().map(|_| fingerprint)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.hex(&mut [0; 64]))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Fingerprint(…)")
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.hex(&mut [0; 64]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_case_is_folded() {
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key();
        let text = Fingerprint::from(&key).to_string();
        assert_eq!(text.to_uppercase().parse::<Fingerprint>().unwrap().to_string(), text);
        assert_eq!(text.len(), 64);
    }

    #[test]
    fn what_is_not_a_key_of_large_order_in_its_canonical_form_is_refused() {
        let with = |low: u8, fill: u8, high: u8| {
            let mut bytes = [fill; 32];
            bytes[0] = low;
            bytes[31] = high;
            Fingerprint::from_bytes(bytes).verifying_key().map(|_| ())
        };
        assert_eq!(with(0, 0, 0), Err(FingerprintError::NotAKey), "y = 0: order 4");
        assert_eq!(with(1, 0, 0), Err(FingerprintError::NotAKey), "the identity");
        assert_eq!(with(1, 0, 0x80), Err(FingerprintError::NotAKey), "the identity with a sign");
        assert_eq!(with(0xec, 0xff, 0x7f), Err(FingerprintError::NotAKey), "y = -1: order 2");
        assert_eq!(with(2, 0, 0), Err(FingerprintError::NotAKey), "not on the curve");
        // Some y < 19 is on the curve and of large order; y + p encodes the same point.
        let small = (2..19).find(|&y| with(y, 0, 0).is_ok()).expect("a small y on the curve");
        assert_eq!(with(0xed + small, 0xff, 0x7f), Err(FingerprintError::NotAKey), "y + p");
    }

    #[test]
    fn what_is_not_64_hex_digits_is_refused() {
        for text in ["", "abc", &"g".repeat(64), &"a".repeat(63), &"a".repeat(65), &"é".repeat(32)] {
            assert_eq!(text.parse::<Fingerprint>(), Err(FingerprintError::NotHex));
        }
    }

    #[test]
    fn every_digit_is_read_and_written_and_nothing_else_is_one() {
        for first in '\0'..='\u{7f}' {
            let text = format!("{first}{}", "0".repeat(63));
            let read = Fingerprint::from_hex(&text);
            assert_eq!(read.is_ok(), first.is_ascii_hexdigit(), "{first:?}");
            assert!(read.is_err() || read.unwrap().to_string() == text.to_lowercase(), "{first:?}");
            let number =
                first.to_digit(16).map(|number| Fingerprint::from_bytes([u8::try_from(number).unwrap() * 17; 32]));
            assert_eq!(Fingerprint::from_hex(&first.to_string().repeat(64)).ok(), number, "{first:?}");
        }
    }

    #[test]
    fn debug_output_does_not_show_it() {
        assert_eq!(format!("{:?}", Fingerprint::from_bytes([0xab; 32])), "Fingerprint(…)");
    }
}
