//! Holds a client's identity: an Ed25519 key. Its public half, the fingerprint, is the address that
//! others write to.

use std::fmt;

use ed25519_dalek::SigningKey;
use zeroize::Zeroizing;

use ephemeral_core::protocol::{Challenge, Fingerprint};

/// A key and its fingerprint. The key is overwritten in memory when it is dropped; `Debug` shows
/// neither.
#[derive(Clone)]
pub struct Identity {
    key: SigningKey,
    fingerprint: Fingerprint,
}

impl Identity {
    /// Bytes of the secret.
    pub const SEED_BYTES: usize = 32;

    /// Makes a new one, from the operating system's random numbers.
    ///
    /// # Errors
    /// If the operating system has none.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut seed = Zeroizing::new([0; Self::SEED_BYTES]);
        getrandom::fill(seed.as_mut_slice())?;
        Ok(Self::from_seed(&seed))
    }

    /// Returns the identity with this secret (RFC 8032's private key).
    #[must_use]
    pub fn from_seed(seed: &[u8; Self::SEED_BYTES]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let fingerprint = Fingerprint::from(&key.verifying_key());
        Self { key, fingerprint }
    }

    /// Returns the address that others write to.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Answers a challenge. `host` is the one that was dialled: a hostile server that relays
    /// another one's challenge gets a signature that is good for nobody but itself.
    pub(crate) fn sign(&self, challenge: &Challenge, host: &str) -> String {
        challenge.sign(host, &self.key)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Identity(…)")
    }
}
