//! Cards: what somebody needs to seal an envelope to somebody else, until told otherwise.
//!
//! A card names an X-Wing key and a pre-shared key. A *root* card also says where to send, and has
//! a prekey with which a new Olm session can be started. Layout, rules and lifetimes:
//! `docs/e2e.md`, "Cards".

use hpke::kem::XWing;
use hpke::{Deserializable, Kem, Serializable};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::authority::Authority;
use crate::bytes::{Key, Reader, Secret, text};
use crate::identity::{check_agreement_key, check_signature_key};
use crate::label::{hash, label};

/// The length of an X-Wing public key in bytes.
pub const KEM_LENGTH: usize = 1216;
/// The longest card in bytes: with route and prekey, and an authority of 80 bytes.
pub const MAX_CARD: usize = 10 + 32 + KEM_LENGTH + 32 + 32 + 1 + crate::authority::MAX_AUTHORITY;
const VERSION: u8 = 1;
const ROOT: u8 = 1;
const ROUTE: u8 = 2;
const PREKEY: u8 = 4;

/// The first four bytes of a card's id: what an envelope shows of the card it is sealed to.
pub type Hint = [u8; 4];

/// Says why a card is ignored. The message that brought it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// The length is not what the flags say, a flag is unknown, or flags do not go together.
    #[error("the card is not of this version or damaged")]
    Malformed,
    /// The KEM refuses its key, or the prekey or the mailbox is of small order.
    #[error("a key of the card is not one")]
    BadKey,
    /// The server is neither an onion address nor one's own.
    #[error("the card names a server that is not an onion address")]
    BadAuthority,
}

/// Says where envelopes go: a mailbox on a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The mailbox's Ed25519 key, which is its name at the server.
    pub mailbox: Key,
    /// The server.
    pub authority: Authority,
}

/// Holds a card as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Orders the cards of one owner: milliseconds since 1970, or one more than the last; 0 in
    /// invites.
    pub no: u64,
    /// Whether resets and nudges go to it from now on.
    pub root: bool,
    /// The pre-shared key.
    pub psk: Secret,
    /// The X-Wing public key, 1,216 bytes.
    #[serde(with = "text")]
    pub kem: Vec<u8>,
    /// The Curve25519 prekey for new Olm sessions. A root card has one.
    pub prekey: Option<Key>,
    /// Where to send. A card without one keeps the route of the card before.
    pub route: Option<Route>,
}

impl Card {
    /// Returns SHA-256 over the label, the pre-shared key and the KEM key: the `psk_id` of HPKE.
    pub fn id(&self) -> Key {
        id(&self.psk, &self.kem)
    }

    /// Writes the card.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_CARD));
        let mut flags = 0;
        for (flag, set) in [(ROOT, self.root), (ROUTE, self.route.is_some()), (PREKEY, self.prekey.is_some())] {
            if set {
                flags |= flag;
            }
        }
        bytes.extend_from_slice(&[VERSION, flags]);
        bytes.extend_from_slice(&self.no.to_be_bytes());
        bytes.extend_from_slice(self.psk.expose());
        bytes.extend_from_slice(&self.kem);
        if let Some(prekey) = &self.prekey {
            bytes.extend_from_slice(&prekey.0);
        }
        if let Some(route) = &self.route {
            let name = route.authority.as_str().as_bytes();
            bytes.extend_from_slice(&route.mailbox.0);
            bytes.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
            bytes.extend_from_slice(name);
        }
        bytes
    }

    /// Reads and checks a card that somebody else made. `own` is the authority of one's own server.
    pub fn from_bytes(bytes: &[u8], own: &Authority) -> Result<Self, CardError> {
        let mut reader = Reader::new(bytes);
        let raw = RawCard::read(&mut reader).filter(|_| reader.is_empty()).ok_or(CardError::Malformed)?;
        let RawCard { flags, no, psk, kem, prekey, route } = raw;
        let root = flags & ROOT != 0;
        if root && (prekey.is_none() || route.is_none()) {
            return Err(CardError::Malformed);
        }
        check_kem(kem)?;
        if let Some(prekey) = &prekey {
            check_agreement_key(prekey).map_err(|_| CardError::BadKey)?;
        }
        let route = route.map(|(mailbox, name)| checked_route(mailbox, name, own)).transpose()?;
        Ok(Self { no, root, psk, kem: kem.to_vec(), prekey, route })
    }
}

/// Refuses an X-Wing key that the KEM does not take: a wrong length, or ML-KEM coefficients that
/// are not reduced.
pub(crate) fn check_kem(kem: &[u8]) -> Result<(), CardError> {
    <XWing as Kem>::PublicKey::from_bytes(kem).map(drop).map_err(|_| CardError::BadKey)
}

fn checked_route(mailbox: Key, name: &[u8], own: &Authority) -> Result<Route, CardError> {
    check_signature_key(&mailbox).map_err(|_| CardError::BadKey)?;
    let name = std::str::from_utf8(name).map_err(|_| CardError::BadAuthority)?;
    let authority = Authority::foreign(name, own).map_err(|_| CardError::BadAuthority)?;
    Ok(Route { mailbox, authority })
}

fn id(psk: &Secret, kem: &[u8]) -> Key {
    hash(label!("card"), &[psk.expose(), kem])
}

/// Returns the hint of a card's id.
pub(crate) fn hint(id: &Key) -> Hint {
    let mut hint = Hint::default();
    hint.copy_from_slice(&id.0[..4]);
    hint
}

struct RawCard<'a> {
    flags: u8,
    no: u64,
    psk: Secret,
    kem: &'a [u8],
    prekey: Option<Key>,
    route: Option<(Key, &'a [u8])>,
}

impl<'a> RawCard<'a> {
    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let version = reader.byte()?;
        let flags = reader.byte()?;
        if version != VERSION || flags & !(ROOT | ROUTE | PREKEY) != 0 {
            return None;
        }
        let no = reader.u64()?;
        let psk = reader.secret()?;
        let kem = reader.take(KEM_LENGTH)?;
        let prekey = if flags & PREKEY != 0 { Some(reader.key()?) } else { None };
        let route = if flags & ROUTE != 0 {
            let mailbox = reader.key()?;
            let length = reader.byte()?;
            Some((mailbox, reader.take(usize::from(length))?))
        } else {
            None
        };
        Some(Self { flags, no, psk, kem, prekey, route })
    }
}

/// Holds the secret half of a card of one's own, and its id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CardKeys {
    seed: Secret,
    psk: Secret,
    id: Key,
}

impl CardKeys {
    /// Makes random keys.
    pub fn generate() -> Self {
        Self::from_parts(Secret::random(), Secret::random())
    }

    /// Derives the keys of a short invite from its secret (HKDF-SHA256, RFC 5869).
    ///
    /// The 32 bytes for `kem` *are* the X-Wing decapsulation key: `DeriveKeyPair`, which differs
    /// between drafts under one KEM id, is not used.
    pub fn from_short_invite(secret: &Secret) -> Self {
        let salt = label!("short-invite");
        Self::from_parts(derive(salt, secret, b"kem"), derive(salt, secret, b"psk"))
    }

    /// Takes the X-Wing decapsulation key and the pre-shared key.
    pub fn from_parts(seed: Secret, psk: Secret) -> Self {
        let id = id(&psk, &kem_public(&seed));
        Self { seed, psk, id }
    }

    /// Returns the X-Wing public key, 1,216 bytes. It is computed anew from the seed.
    pub fn kem(&self) -> Vec<u8> {
        kem_public(&self.seed)
    }

    /// Returns the card's id.
    pub fn id(&self) -> &Key {
        &self.id
    }

    /// Returns the pre-shared key.
    pub fn psk(&self) -> &Secret {
        &self.psk
    }

    /// Returns the X-Wing decapsulation key.
    pub fn seed(&self) -> &Secret {
        &self.seed
    }
}

fn kem_public(seed: &Secret) -> Vec<u8> {
    // Every 32 bytes are a decapsulation key (draft-connolly-cfrg-xwing-kem, 5.2), so the empty
    // answer is never given.
    let private = <XWing as Kem>::PrivateKey::from_bytes(seed.expose());
    private.map(|private| XWing::sk_to_pk(&private).to_bytes().to_vec()).unwrap_or_default()
}

/// Expands a secret for one purpose (HKDF-SHA256, RFC 5869).
pub(crate) fn derive(salt: &[u8], secret: &Secret, info: &[u8]) -> Secret {
    let mut output = Secret::new([0; 32]);
    let expanded = hkdf::Hkdf::<Sha256>::new(Some(salt), secret.expose()).expand(info, output.expose_mut());
    // 32 bytes are far below HKDF's limit of 8,160.
    debug_assert!(expanded.is_ok());
    output
}

/// Derives the seed of the Ed25519 key with which one's own `mailbox` writes to another server.
pub fn sender_seed(mailbox: &Secret, authority: &Authority) -> Secret {
    derive(label!("sender"), mailbox, authority.as_str().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Authority {
        Authority::from_onion_key(&Key([7; 32]), 80)
    }

    fn root() -> Card {
        let keys = CardKeys::generate();
        let prekey = crate::identity::IdentityKeys::generate().curve();
        let mailbox = crate::identity::IdentityKeys::generate().ed();
        let route = Route { mailbox, authority: own() };
        Card { no: 5, root: true, psk: keys.psk().clone(), kem: keys.kem(), prekey: Some(prekey), route: Some(route) }
    }

    #[test]
    fn a_card_is_read_as_it_was_written_and_has_the_id_of_its_keys() {
        let keys = CardKeys::generate();
        let plain = Card { no: 9, root: false, psk: keys.psk().clone(), kem: keys.kem(), prekey: None, route: None };
        assert_eq!(plain.id(), *keys.id());
        for (card, length) in [(root(), 1_385), (plain, 1_258)] {
            let bytes = card.to_bytes();
            assert_eq!(bytes.len(), length);
            assert_eq!(Card::from_bytes(&bytes, &own()), Ok(card));
        }
    }

    #[test]
    fn a_card_with_a_wrong_length_flag_or_key_is_refused() {
        let bytes = root().to_bytes();
        let refused = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut damaged = bytes.to_vec();
            change(&mut damaged);
            Card::from_bytes(&damaged, &own()).unwrap_err()
        };
        assert_eq!(refused(&|card| card.push(0)), CardError::Malformed);
        assert_eq!(refused(&|card| card.truncate(card.len() - 1)), CardError::Malformed);
        assert_eq!(refused(&|card| card[0] = 2), CardError::Malformed);
        assert_eq!(refused(&|card| card[1] |= 8), CardError::Malformed);
        assert_eq!(refused(&|card| card[1] = ROOT), CardError::Malformed);
        assert_eq!(refused(&|card| card[42..426].fill(0xff)), CardError::BadKey);
        assert_eq!(refused(&|card| card[1258..1290].fill(0)), CardError::BadKey);
        assert_eq!(refused(&|card| card[1290..1322].fill(0)), CardError::BadKey);
        assert_eq!(refused(&|card| card[1323] = b'.'), CardError::BadAuthority);
    }

    #[test]
    fn a_short_invite_gives_both_sides_the_same_card() {
        let secret = Secret::random();
        let one = CardKeys::from_short_invite(&secret);
        let other = CardKeys::from_short_invite(&secret);
        assert_eq!(one.id(), other.id());
        assert_ne!(one.seed(), one.psk());
    }
}
