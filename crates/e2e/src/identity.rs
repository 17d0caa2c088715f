//! Who a profile is: a Curve25519 key that authenticates conversations, an Ed25519 key that signs
//! invites and rosters.
//!
//! Both live in an Olm [`Account`]. The identity's own account has no prekeys: it makes outgoing
//! sessions. Each invite and each root card has a copy of it with exactly one fallback key, so that
//! a prekey lives as long as what names it and dies with it (`Prekey`).

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vodozemac::olm::{Account, AccountPickle, InboundCreationResult, PreKeyMessage, Session, SessionConfig};
use vodozemac::{Curve25519PublicKey, Ed25519PublicKey, Ed25519Signature};

use crate::bytes::{Key, Reader};
use crate::label::{label, message};

/// The length of an [`IdentityProof`] in bytes.
pub const PROOF_LENGTH: usize = 128;

/// Says what is wrong with an identity or a session that was to be made with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The bytes are not a proof.
    #[error("an identity proof has 128 bytes and a valid Ed25519 key")]
    Malformed,
    /// The Ed25519 key did not sign this Curve25519 key.
    #[error("the identity proof's signature is wrong")]
    Signature,
    /// A Diffie-Hellman result would have been zero, or a key is not one.
    #[error("a key of the other side is of small order")]
    WeakKey,
    /// No session comes of this pre-key message.
    #[error("the pre-key message makes no session")]
    NoSession,
}

/// Holds the keys of a profile.
pub struct IdentityKeys(Account);

impl Clone for IdentityKeys {
    fn clone(&self) -> Self {
        Self(Account::from_pickle(self.0.pickle()))
    }
}

impl Serialize for IdentityKeys {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.pickle().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for IdentityKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        AccountPickle::deserialize(deserializer).map(|pickle| Self(Account::from_pickle(pickle)))
    }
}

impl std::fmt::Debug for IdentityKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("IdentityKeys").field(&self.curve()).finish()
    }
}

impl IdentityKeys {
    /// Makes a new identity.
    pub fn generate() -> Self {
        Self(Account::new())
    }

    /// Returns the Curve25519 key.
    pub fn curve(&self) -> Key {
        Key(self.0.curve25519_key().to_bytes())
    }

    /// Returns the Ed25519 key.
    pub fn ed(&self) -> Key {
        Key(*self.0.ed25519_key().as_bytes())
    }

    /// Signs with the Ed25519 key. The message begins with a label of its own: see
    /// [`crate::label`].
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// Returns the statement that binds the two keys together.
    pub fn proof(&self) -> IdentityProof {
        let curve = self.curve();
        let signature = self.sign(&message(label!("identity"), &[&curve.0]));
        IdentityProof { curve, ed: self.ed(), signature }
    }

    /// Starts an Olm session (version 1) with the owner of an identity key and a prekey.
    pub(crate) fn outbound(&self, peer: &Key, prekey: &Key) -> Result<Session, IdentityError> {
        let peer = Curve25519PublicKey::from_bytes(peer.0);
        let prekey = Curve25519PublicKey::from_bytes(prekey.0);
        self.0.create_outbound_session(SessionConfig::version_1(), peer, prekey).map_err(|_| IdentityError::WeakKey)
    }
}

/// Holds a copy of the identity's account with exactly one fallback key: the secret half of a
/// prekey.
#[derive(Serialize, Deserialize)]
pub(crate) struct Prekey {
    account: IdentityKeys,
    /// The public half. vodozemac shows it only until it is marked as published.
    public: Key,
    /// The ids of all sessions that were accepted with it, so that a replayed first message makes
    /// no second one.
    sessions: Vec<String>,
}

impl std::fmt::Debug for Prekey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Prekey(…)")
    }
}

/// Bounds the sessions remembered for one prekey. A prekey that made as many makes no more.
const MAX_SESSIONS: usize = 4096;

impl Prekey {
    pub(crate) fn generate(identity: &IdentityKeys) -> Self {
        let mut account = identity.clone();
        account.0.generate_fallback_key();
        let public = account.0.fallback_key().into_values().next();
        let public = public.map(|key| Key(key.to_bytes())).unwrap_or_default();
        Self { account, public, sessions: Vec::new() }
    }

    pub(crate) fn public(&self) -> Key {
        self.public
    }

    pub(crate) fn knows_session(&self, id: &str) -> bool {
        self.sessions.iter().any(|known| known == id)
    }

    pub(crate) fn remember_session(&mut self, id: String) {
        self.sessions.push(id);
    }

    /// Decrypts a first message on a copy of the account: nothing changes until the caller accepts
    /// its hello.
    pub(crate) fn inbound(&self, first: &PreKeyMessage) -> Result<InboundCreationResult, IdentityError> {
        if self.sessions.len() >= MAX_SESSIONS || self.knows_session(&first.session_id()) {
            return Err(IdentityError::NoSession);
        }
        let mut copy = self.account.clone();
        copy.0
            .create_inbound_session(SessionConfig::version_1(), first.identity_key(), first)
            .map_err(|_| IdentityError::NoSession)
    }
}

/// States that the owner of an Ed25519 key has a Curve25519 key: `curve 32 | ed 32 | signature 64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityProof {
    /// The Curve25519 identity key.
    pub curve: Key,
    /// The Ed25519 identity key.
    pub ed: Key,
    signature: [u8; 64],
}

impl IdentityProof {
    /// Writes the 128 bytes.
    pub fn to_bytes(&self) -> [u8; PROOF_LENGTH] {
        let mut bytes = [0; PROOF_LENGTH];
        bytes[..32].copy_from_slice(&self.curve.0);
        bytes[32..64].copy_from_slice(&self.ed.0);
        bytes[64..].copy_from_slice(&self.signature);
        bytes
    }

    /// Reads 128 bytes and checks the signature and the keys.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IdentityError> {
        let mut reader = Reader::new(bytes);
        let (Some(curve), Some(ed), Some(signature), true) =
            (reader.key(), reader.key(), reader.array(), reader.is_empty())
        else {
            return Err(IdentityError::Malformed);
        };
        check_agreement_key(&curve)?;
        verify(&ed, &message(label!("identity"), &[&curve.0]), &signature)?;
        Ok(Self { curve, ed, signature })
    }
}

/// Checks a signature of an Ed25519 identity key.
pub(crate) fn verify(ed: &Key, message: &[u8], signature: &[u8; 64]) -> Result<(), IdentityError> {
    check_signature_key(ed)?;
    let key = Ed25519PublicKey::from_slice(&ed.0).map_err(|_| IdentityError::Malformed)?;
    let signature = Ed25519Signature::from_slice(signature).map_err(|_| IdentityError::Signature)?;
    key.verify(message, &signature).map_err(|_| IdentityError::Signature)
}

/// Refuses a Curve25519 key with which every agreement would end in zero (RFC 7748, 6.1).
pub(crate) fn check_agreement_key(key: &Key) -> Result<(), IdentityError> {
    let probe = vodozemac::Curve25519SecretKey::new();
    let shared = probe.diffie_hellman(&Curve25519PublicKey::from_bytes(key.0));
    shared.map(drop).ok_or(IdentityError::WeakKey)
}

/// Refuses what `docs/protocol.md` does not take for a fingerprint: not canonical, not on the
/// curve, of small order.
pub(crate) fn check_signature_key(key: &Key) -> Result<(), IdentityError> {
    let compressed = curve25519_dalek::edwards::CompressedEdwardsY(key.0);
    let point = compressed.decompress().ok_or(IdentityError::WeakKey)?;
    if point.is_small_order() || point.compress() != compressed {
        return Err(IdentityError::WeakKey);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_read_back_and_every_flipped_bit_of_it_is_refused() {
        let proof = IdentityKeys::generate().proof();
        let bytes = proof.to_bytes();
        assert_eq!(IdentityProof::from_bytes(&bytes), Ok(proof));
        for at in 0..bytes.len() {
            let mut damaged = bytes;
            damaged[at] ^= 1;
            assert!(IdentityProof::from_bytes(&damaged).is_err(), "byte {at}");
        }
        assert!(IdentityProof::from_bytes(&bytes[..127]).is_err());
    }

    #[test]
    fn keys_of_small_order_are_refused() {
        let mut one = [0; 32];
        one[0] = 1;
        for weak in [Key([0; 32]), Key(one)] {
            assert!(check_agreement_key(&weak).is_err());
            assert!(check_signature_key(&weak).is_err());
        }
        // p + 1 is another spelling of 1, and p + 4 of a point of the whole group, if there is one.
        let mut high = [0xff; 32];
        high[0] = 0xee;
        high[31] = 0x7f;
        assert!(check_signature_key(&Key(high)).is_err());
    }

    #[test]
    fn a_prekey_makes_one_session_of_a_first_message_and_none_of_its_replay() {
        let alice = IdentityKeys::generate();
        let bob = IdentityKeys::generate();
        let mut prekey = Prekey::generate(&bob);
        let mut session = alice.outbound(&bob.curve(), &prekey.public()).unwrap();
        let vodozemac::olm::OlmMessage::PreKey(first) = session.encrypt(b"hello").unwrap() else { panic!() };
        let made = prekey.inbound(&first).unwrap();
        assert_eq!(made.plaintext, b"hello");
        assert!(prekey.inbound(&first).is_ok(), "nothing is remembered before the hello was accepted");
        prekey.remember_session(made.session.session_id());
        assert!(prekey.inbound(&first).is_err());
    }
}
