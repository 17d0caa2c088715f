//! The identity key of an onion service, and the file in which C tor keeps it
//! (`hs_ed25519_secret_key`).

use std::fmt;

use safelog::DisplayRedacted as _;
use sha3::{Digest as _, Sha3_256};
use tor_hscrypto::pk::{HsId, HsIdKey, HsIdKeypair};
use tor_llcrypto::pk::ed25519::{ExpandedKeypair, Keypair};
use zeroize::Zeroizing;

/// What C tor's file begins with: 29 characters and three zeros.
const C_TOR_HEADER: [u8; 32] = *b"== ed25519v1-secret: type0 ==\0\0\0";

/// What the digest of an address begins with.
const DIGEST: &[u8] = b"ephemeral-messenger/address/v1";

/// Why something is not the key of an onion service.
#[derive(Debug, thiserror::Error)]
pub enum ServiceKeyError {
    /// It is not C tor's file.
    #[error(
        "it is not C tor's `hs_ed25519_secret_key`: that has {} bytes and begins with `== ed25519v1-secret: type0 ==`",
        ServiceKey::C_TOR_BYTES
    )]
    NotCTors,
    /// The bytes are no key that a service may have.
    #[error("the key in it is not valid")]
    Invalid,
    /// There is no new one without them.
    #[error("the system has no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

/// The identity key of an onion service: anyone who has it, is the service. Overwritten in memory
/// when it is dropped; `Debug` does not show it.
pub struct ServiceKey {
    /// Scalar and hash prefix (RFC 8032, section 5.1.5, steps 1 and 2).
    secret: Zeroizing<[u8; Self::BYTES]>,
    address: String,
}

impl ServiceKey {
    /// Bytes of the secret in its expanded form, the only one in which both C tor and Arti keep it.
    pub const BYTES: usize = 64;
    /// Bytes of C tor's file.
    pub const C_TOR_BYTES: usize = C_TOR_HEADER.len() + Self::BYTES;

    /// Returns a new key.
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn generate() -> Result<Self, ServiceKeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice())?;
        Ok(Self::from_pair(&HsIdKeypair::from(ExpandedKeypair::from(&Keypair::from_bytes(&seed)))))
    }

    /// Returns the key with this expanded secret.
    ///
    /// # Errors
    /// [`ServiceKeyError::Invalid`] if its public half could not be the name of a service: the
    /// neutral element, or another point of small order.
    pub fn from_expanded(secret: &[u8; Self::BYTES]) -> Result<Self, ServiceKeyError> {
        let pair = ExpandedKeypair::from_secret_key_bytes(*secret).ok_or(ServiceKeyError::Invalid)?;
        let public = ed25519_dalek::VerifyingKey::from_bytes(pair.public().as_bytes());
        match public {
            Ok(public) if !public.is_weak() => Ok(Self::from_pair(&HsIdKeypair::from(pair))),
            _ => Err(ServiceKeyError::Invalid),
        }
    }

    /// Reads C tor's file.
    ///
    /// # Errors
    /// [`ServiceKeyError`] if it is another one, or has no valid key in it.
    pub fn from_c_tor(file: &[u8]) -> Result<Self, ServiceKeyError> {
        let secret = file.strip_prefix(&C_TOR_HEADER).ok_or(ServiceKeyError::NotCTors)?;
        Self::from_expanded(secret.try_into().map_err(|_| ServiceKeyError::NotCTors)?)
    }

    /// Returns the key as C tor's file has it.
    #[must_use]
    pub fn to_c_tor(&self) -> Zeroizing<Vec<u8>> {
        let mut file = Zeroizing::new(Vec::with_capacity(Self::C_TOR_BYTES));
        file.extend(C_TOR_HEADER);
        file.extend(self.secret.iter());
        file
    }

    /// Returns the expanded secret.
    #[must_use]
    pub fn expanded(&self) -> &[u8; Self::BYTES] {
        &self.secret
    }

    /// Returns the service's name, with `.onion`, in lower case.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns an Ed25519 signature that everybody who knows the address can check, since the
    /// address *is* the public key. The caller separates domains: Tor itself signs with keys that
    /// are derived from this one, never with this one.
    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        // The secret was valid when this was made, and nothing changes it.
        ExpandedKeypair::from_secret_key_bytes(*self.secret).map_or([0; 64], |pair| pair.sign(message).to_bytes())
    }

    /// Returns the key as Arti keeps it.
    pub(super) fn to_pair(&self) -> Option<HsIdKeypair> {
        ExpandedKeypair::from_secret_key_bytes(*self.secret).map(HsIdKeypair::from)
    }

    pub(super) fn from_pair(pair: &HsIdKeypair) -> Self {
        let expanded: &ExpandedKeypair = pair.as_ref();
        let secret = Zeroizing::new(expanded.to_secret_key_bytes());
        Self { secret, address: written(HsIdKey::from(pair).id()) }
    }
}

impl fmt::Debug for ServiceKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ServiceKey(…)")
    }
}

/// Returns what is the same for the same address and says nothing of it, in hex.
#[must_use]
pub fn address_digest(address: &str) -> String {
    let digest = Sha3_256::new().chain_update(DIGEST).chain_update(address.to_ascii_lowercase()).finalize();
    data_encoding::HEXLOWER.encode(&digest)
}

/// Returns the one way in which a service's name is written.
pub(super) fn written(id: HsId) -> String {
    id.display_unredacted().to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_survives_c_tors_file_and_keeps_its_address() {
        let key = ServiceKey::generate().unwrap();
        let file = key.to_c_tor();
        assert_eq!(file.len(), 96);
        let again = ServiceKey::from_c_tor(&file).unwrap();
        assert_eq!((again.address(), again.expanded()), (key.address(), key.expanded()));
        assert!(crate::is_onion_address(key.address()), "{}", key.address());
        assert_ne!(ServiceKey::generate().unwrap().address(), key.address());
    }

    #[test]
    fn what_is_not_c_tors_file_is_refused() {
        let good = ServiceKey::generate().unwrap().to_c_tor().to_vec();
        let mut long = good.clone();
        long.push(0);
        let mut public = good.clone();
        public.splice(..32, *b"== ed25519v1-public: type0 ==\0\0\0");
        for wrong in [&[][..], &good[..95], &good[..32], &long, &public] {
            assert!(matches!(ServiceKey::from_c_tor(wrong), Err(ServiceKeyError::NotCTors)), "{} bytes", wrong.len());
        }
        let mut zero = good;
        zero[32..64].fill(0);
        assert!(matches!(ServiceKey::from_c_tor(&zero), Err(ServiceKeyError::Invalid)), "the neutral element");
    }

    #[test]
    fn the_secret_is_in_no_debug_print() {
        let key = ServiceKey::generate().unwrap();
        assert_eq!(format!("{key:?}"), "ServiceKey(…)");
    }
}
