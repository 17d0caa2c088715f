//! Proof of identity: a challenge, and the signature that answers it.

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 32;

/// What separates this signature from any other that the key might make.
const CONTEXT: &[u8] = b"ephemeral-messenger/auth/v1";

/// A challenge: used for one connection, and once.
#[derive(Clone)]
pub struct Challenge {
    /// 32 random bytes.
    pub nonce: [u8; NONCE_BYTES],
}

/// The signature is not that key's over that challenge, or is not 64 bytes of base64url.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature is not valid for this challenge")]
pub struct SignatureError;

impl Challenge {
    /// Returns a new challenge from the operating system's random numbers.
    ///
    /// # Errors
    /// If the operating system has none.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce)?;
        Ok(Self { nonce })
    }

    /// Returns the nonce as it stands in the challenge frame.
    #[must_use]
    pub fn nonce_text(&self) -> String {
        BASE64URL_NOPAD.encode(&self.nonce)
    }

    /// Reads a nonce from a challenge frame; `None` if it is not 32 bytes of base64url.
    #[must_use]
    pub fn from_nonce_text(text: &str) -> Option<Self> {
        let nonce = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok()?;
        Some(Self { nonce })
    }

    /// Checks a signature as it stands in the `auth` frame (RFC 8032, strict verification).
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify(&self, host: &str, key: &VerifyingKey, signature: &str) -> Result<(), SignatureError> {
        let bytes = BASE64URL_NOPAD.decode(signature.as_bytes()).map_err(|_| SignatureError)?;
        let signature = Signature::from_slice(&bytes).map_err(|_| SignatureError)?;
        let message = signed_bytes(host, &self.nonce, key);
        key.verify_strict(&message, &signature).map_err(|_| SignatureError)
    }

    /// Returns the client's answer: its signature over the host **it dialled**, never the one the
    /// server claims.
    #[must_use]
    pub fn sign(&self, host: &str, key: &SigningKey) -> String {
        let message = signed_bytes(host, &self.nonce, &key.verifying_key());
        BASE64URL_NOPAD.encode(&key.sign(&message).to_bytes())
    }
}

/// Returns the bytes that are signed: context, zero byte, host, zero byte, nonce, public key.
/// `host`: ASCII, lower case, no port.
#[must_use]
pub fn signed_bytes(host: &str, nonce: &[u8; NONCE_BYTES], key: &VerifyingKey) -> Vec<u8> {
    [CONTEXT, b"\0", host.as_bytes(), b"\0", nonce, key.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_good_for_one_host_one_nonce_and_one_key() {
        let alice = SigningKey::from_bytes(&[1; 32]);
        let bob = SigningKey::from_bytes(&[2; 32]);
        let challenge = Challenge { nonce: [3; 32] };
        let signature = challenge.sign("example.onion", &alice);
        assert_eq!(challenge.verify("example.onion", &alice.verifying_key(), &signature), Ok(()));
        assert_eq!(challenge.verify("other.onion", &alice.verifying_key(), &signature), Err(SignatureError));
        assert_eq!(challenge.verify("example.onion", &bob.verifying_key(), &signature), Err(SignatureError));
        let replayed = Challenge { nonce: [4; 32] };
        assert_eq!(replayed.verify("example.onion", &alice.verifying_key(), &signature), Err(SignatureError));
    }

    #[test]
    fn a_signature_in_another_encoding_is_refused() {
        let alice = SigningKey::from_bytes(&[1; 32]);
        let challenge = Challenge { nonce: [3; 32] };
        let signature = challenge.sign("h", &alice);
        for wrong in
            ["", "AAAA", &format!("{signature}="), &format!("{signature}A"), &signature.replace(['-', '_'], "+")]
        {
            if *wrong != signature {
                assert_eq!(challenge.verify("h", &alice.verifying_key(), wrong), Err(SignatureError));
            }
        }
    }

    #[test]
    fn the_signed_bytes_are_those_of_the_specification() {
        let key = SigningKey::from_bytes(&[1; 32]).verifying_key();
        let bytes = signed_bytes("h", &[9; 32], &key);
        assert_eq!(&bytes[..30], b"ephemeral-messenger/auth/v1\0h\0");
        assert_eq!(bytes.len(), 30 + 64);
    }
}
