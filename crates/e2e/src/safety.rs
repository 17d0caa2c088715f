//! Safety numbers: what two people compare to know that nobody is between them.

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha512};

use crate::bytes::Key;
use crate::label::{label, message};

const SCHEME: &str = "ephemeral-verify:";

/// Holds the hashes of two identities, the smaller first, so that both sides hold the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafetyNumber([[u8; 64]; 2]);

/// Names one party: its Curve25519 and its Ed25519 identity key.
pub type Party = (Key, Key);

impl SafetyNumber {
    /// Computes the number of two parties, in any order.
    pub fn new(one: Party, other: Party) -> Self {
        let mut hashes = [fingerprint(one), fingerprint(other)];
        hashes.sort_unstable();
        Self(hashes)
    }

    /// Returns twelve groups of five digits. Each party's six stand for 99.7 bits.
    pub fn digits(&self) -> String {
        let groups = self.0.iter().flat_map(|hash| hash[..30].chunks(5)).map(|five| {
            let value = five.iter().fold(0u64, |value, byte| (value << 8) | u64::from(*byte));
            format!("{:05}", value % 100_000)
        });
        groups.collect::<Vec<_>>().join(" ")
    }

    /// Returns eighteen indices into the English word list of BIP-39, nine for each party: its
    /// first 99 bits.
    ///
    /// There is no checksum word.
    pub fn words(&self) -> [u16; 18] {
        let mut words = [0; 18];
        for (word, slot) in words.iter_mut().enumerate() {
            let party = word / 9;
            let at = word % 9 * 11;
            for bit in at..at + 11 {
                let byte = self.0[party][bit / 8];
                *slot = (*slot << 1) | u16::from((byte >> (7 - bit % 8)) & 1);
            }
        }
        words
    }

    /// Returns the text for a QR code.
    pub fn qr_text(&self) -> String {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&self.0[0][..32]);
        bytes[32..].copy_from_slice(&self.0[1][..32]);
        format!("{SCHEME}{}", BASE64URL_NOPAD.encode(&bytes))
    }

    /// Tells whether the text of the other side's QR code is that of this number, as a whole.
    pub fn matches_qr(&self, text: &str) -> bool {
        text.trim() == self.qr_text()
    }
}

fn fingerprint((curve, ed): Party) -> [u8; 64] {
    Sha512::digest(message(label!("safety"), &[&curve.0, &ed.0])).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_see_the_same_number_and_it_depends_on_every_key() {
        let alice = (Key([1; 32]), Key([2; 32]));
        let bob = (Key([3; 32]), Key([4; 32]));
        let number = SafetyNumber::new(alice, bob);
        assert_eq!(number, SafetyNumber::new(bob, alice));
        assert_eq!(number.digits().len(), 71);
        assert!(number.matches_qr(&SafetyNumber::new(bob, alice).qr_text()));
        let swapped = SafetyNumber::new((alice.0, bob.1), (bob.0, alice.1));
        assert_ne!(number.digits(), swapped.digits());
        assert!(!number.matches_qr(&swapped.qr_text()));
    }

    #[test]
    fn words_are_the_first_bits_of_each_hash() {
        let number = SafetyNumber::new((Key([1; 32]), Key([2; 32])), (Key([3; 32]), Key([4; 32])));
        let first = u16::from(number.0[0][0]) << 3 | u16::from(number.0[0][1]) >> 5;
        assert_eq!(number.words()[0], first);
        let tenth = u16::from(number.0[1][0]) << 3 | u16::from(number.0[1][1]) >> 5;
        assert_eq!(number.words()[9], tenth);
        assert!(number.words().iter().all(|word| *word < 2_048));
    }
}
