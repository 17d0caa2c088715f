//! How a peer or a fingerprint is called where it must not be named.

use std::fmt;
use std::hash::Hasher;

use data_encoding::BASE32_NOPAD;
use serde::{Serialize, Serializer};
use siphasher::sip::SipHasher24;
use zeroize::Zeroize;

use ephemeral_core::protocol::{Fingerprint, Millis};

/// A day, in milliseconds: how long a pseudonym means the same.
const DAY_MS: u64 = 86_400_000;

/// The true identity. Never written anywhere.
#[derive(Clone, Copy)]
pub enum Subject<'who> {
    /// A rendezvous circuit.
    Circuit(u64),
    /// An address, or the network that is counted as one.
    Address(&'who [u8]),
    /// A client's key.
    Fingerprint(&'who Fingerprint),
}

/// A name for one day: `circuit-`, `address-` or `key-`, and 13 characters that say nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pseudonym {
    kind: &'static str,
    hash: u64,
}

impl fmt::Display for Pseudonym {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = BASE32_NOPAD.encode(&self.hash.to_be_bytes()).to_ascii_lowercase();
        write!(formatter, "{}-{name}", self.kind)
    }
}

impl Serialize for Pseudonym {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The key of the day.
pub(super) struct Pseudonyms {
    pub(super) key: [u64; 2],
    day: u64,
}

impl Pseudonyms {
    pub(super) fn new(now: Millis) -> Result<Self, getrandom::Error> {
        Ok(Self { key: [getrandom::u64()?, getrandom::u64()?], day: now.0 / DAY_MS })
    }

    /// Replaces the key where another day has begun: the old one is gone.
    pub(super) fn rotate(&mut self, now: Millis) {
        let day = now.0 / DAY_MS;
        if day != self.day {
            // Without random numbers the key is still another one; nobody has the old one to
            // compare.
            let fresh = |old: u64| getrandom::u64().unwrap_or_else(|_| old.rotate_left(17) ^ 0x9e37_79b9_7f4a_7c15);
            self.key = self.key.map(fresh);
            self.day = day;
        }
    }

    /// Returns the name of `who` today.
    pub(super) fn of(&mut self, now: Millis, who: &Subject<'_>) -> Pseudonym {
        self.rotate(now);
        let mut hasher = SipHasher24::new_with_keys(self.key[0], self.key[1]);
        let kind = match who {
            Subject::Circuit(number) => {
                hasher.write(b"c");
                hasher.write_u64(*number);
                "circuit"
            }
            Subject::Address(bytes) => {
                hasher.write(b"a");
                hasher.write(bytes);
                "address"
            }
            Subject::Fingerprint(fingerprint) => {
                hasher.write(b"f");
                hasher.write(fingerprint.as_bytes());
                "key"
            }
        };
        Pseudonym { kind, hash: hasher.finish() }
    }
}

impl Drop for Pseudonyms {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}
