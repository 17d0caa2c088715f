//! The code that an operator carries from one machine to another: 128 random bits, and 32 more by
//! which a typing error is noticed before anybody is asked.

use std::fmt;

use chacha20poly1305::aead::{Aead as _, KeyInit as _};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

use crate::cluster::seal::NONCE;

const RANDOM: usize = 16;
const CHECK: usize = 4;
/// Letters of a group.
const GROUP: usize = 4;
/// Letters of a code, without what is between the groups.
const LETTERS: usize = (RANDOM + CHECK) * 8 / 5;
const CHECKS: &[u8; NONCE] = b"ephemeral join code chec";

/// A text is no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no code of `cluster invite`, or one letter of it is another: it has {LETTERS} letters and digits from A to Z and \
     2 to 7, in groups of {GROUP}"
)]
pub struct NotAJoinCode;

/// A code. It is overwritten in memory when it is dropped; `Debug` does not show it.
pub struct JoinCode(Zeroizing<[u8; RANDOM]>);

impl JoinCode {
    /// Makes one.
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut code = Zeroizing::new([0; RANDOM]);
        getrandom::fill(&mut *code)?;
        Ok(Self(code))
    }

    /// Reads one as it was written or typed: small letters, spaces and line ends do not matter.
    ///
    /// # Errors
    /// [`NotAJoinCode`].
    pub fn parse(text: &str) -> Result<Self, NotAJoinCode> {
        let mut letters = Zeroizing::new(Vec::with_capacity(LETTERS));
        for byte in text.bytes().filter(|byte| *byte != b'-' && !byte.is_ascii_whitespace()) {
            if letters.len() == LETTERS {
                return Err(NotAJoinCode);
            }
            letters.push(byte.to_ascii_uppercase());
        }
        let mut bytes = Zeroizing::new([0; RANDOM + CHECK]);
        if BASE32_NOPAD.decode_len(letters.len()) != Ok(bytes.len()) {
            return Err(NotAJoinCode);
        }
        BASE32_NOPAD.decode_mut(&letters, bytes.as_mut_slice()).map_err(|_| NotAJoinCode)?;
        let mut code = Self(Zeroizing::default());
        for (byte, read) in code.0.iter_mut().zip(bytes.iter()) {
            *byte = *read;
        }
        if bytes.ends_with(&code.check()) { Ok(code) } else { Err(NotAJoinCode) }
    }

    /// Writes it in groups, to be typed.
    #[must_use]
    pub fn written(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(RANDOM + CHECK));
        bytes.extend_from_slice(&*self.0);
        bytes.extend_from_slice(&self.check());
        let letters = Zeroizing::new(BASE32_NOPAD.encode(&bytes));
        // With the capacity from the start, no reallocation leaves a copy behind.
        let mut written = Zeroizing::new(String::with_capacity(LETTERS + LETTERS / GROUP));
        for (number, letter) in letters.chars().enumerate() {
            if number != 0 && number % GROUP == 0 {
                written.push('-');
            }
            written.push(letter);
        }
        written
    }

    pub(super) fn bytes(&self) -> &[u8; RANDOM] {
        &self.0
    }

    /// Returns the bits by which a typing error is noticed: they say nothing of the others to who
    /// does not have those.
    fn check(&self) -> [u8; CHECK] {
        let mut key = Zeroizing::new([0; 2 * RANDOM]);
        for (byte, of_code) in key.iter_mut().zip(self.0.iter().chain(self.0.iter())) {
            *byte = *of_code;
        }
        let tag = XChaCha20Poly1305::new((&*key).into()).encrypt(&XNonce::from(*CHECKS), &[][..]).unwrap_or_default();
        tag.first_chunk().copied().unwrap_or_default()
    }
}

impl fmt::Debug for JoinCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JoinCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed_and_a_wrong_letter_is_noticed() {
        let code = JoinCode::generate().unwrap();
        let written = code.written();
        assert_eq!((written.len(), written.split('-').count()), (39, 8), "{}", &*written);
        for typed in [written.to_lowercase(), written.replace('-', " "), format!("{}\n", written.replace('-', ""))] {
            assert_eq!(JoinCode::parse(&typed).unwrap().bytes(), code.bytes(), "{typed}");
        }
        for place in (0..written.len()).filter(|place| written.as_bytes()[*place] != b'-') {
            let mut wrong = written.as_bytes().to_vec();
            wrong[place] = if wrong[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(JoinCode::parse(&String::from_utf8(wrong).unwrap()).unwrap_err(), NotAJoinCode, "{place}");
        }
        for wrong in ["", "AAAA", written.get(..38).unwrap(), &format!("{}A", &*written), "é", &"1".repeat(32)] {
            assert_eq!(JoinCode::parse(wrong).unwrap_err(), NotAJoinCode, "{wrong}");
        }
        assert_eq!(format!("{code:?}"), "JoinCode(…)");
    }
}
