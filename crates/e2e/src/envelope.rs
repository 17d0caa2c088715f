//! Envelopes: the only thing a server ever sees of a message.
//!
//! An Olm message is padded to one of three sizes and sealed with HPKE (RFC 9180) in mode PSK to
//! the key of a card: KEM 0x647a (X-Wing), KDF 0x0001 (HKDF-SHA256), AEAD 0x0003
//! (ChaCha20-Poly1305), single shot. Layout: `docs/e2e.md`.

use data_encoding::BASE64URL_NOPAD;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, PskBundle, Serializable};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::bytes::{Key, Reader, Secret};
use crate::card::{CardKeys, Hint, hint};
use crate::label::label;

/// The sizes of an envelope in bytes. As base64url they are 4,096, 16,384 and 65,536 characters.
pub const SIZES: [usize; 3] = [3_072, 12_288, 49_152];
/// The least size of what is sent to an invite's door, so that the length of a first text does not
/// show.
pub const DOOR_SIZE: usize = SIZES[1];
/// What an envelope has beside its contents: hint, encapsulated key, tag, length and number.
pub const OVERHEAD: usize = HINT + ENC + TAG + HEAD;
/// Numbers of envelopes are below this.
pub const NUMBER_LIMIT: u64 = (1 << 48) - 1;
const HINT: usize = 4;
const ENC: usize = 1_120;
const TAG: usize = 16;
const HEAD: usize = 2 + 6;

/// Says why an envelope was not made or not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// The contents fit into no size.
    #[error("{0} bytes fit into no envelope")]
    TooLong(usize),
    /// The text or its length is not that of an envelope.
    #[error("not an envelope")]
    Malformed,
    /// The envelope does not open, or not into what it should hold.
    #[error("the envelope does not open")]
    NotAuthentic,
    /// The number is used up, or the card's key is not one.
    #[error("nothing can be sealed to this card any more")]
    Unsealable,
}

/// Names what an envelope is sealed to. All of it stands in a card, or is derived from an invite.
#[derive(Clone, Copy, Debug)]
pub struct Address<'a> {
    /// The mailbox's Ed25519 key.
    pub mailbox: &'a Key,
    /// The pre-shared key.
    pub psk: &'a Secret,
    /// The card's id.
    pub id: &'a Key,
    /// The X-Wing public key.
    pub kem: &'a [u8],
}

/// Holds what was in an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Orders the envelopes of one sender in one link.
    pub number: u64,
    /// One byte of type and an Olm message.
    pub contents: Zeroizing<Vec<u8>>,
}

/// The first eight bytes of SHA-256 over an envelope's bytes: how a repetition is recognised.
pub(crate) type Digest = u64;

/// Pads and seals `contents` to `address` in the smallest size that is at least `least` bytes.
pub fn seal(address: Address<'_>, number: u64, contents: &[u8], least: usize) -> Result<Vec<u8>, EnvelopeError> {
    let needed = contents.len() + OVERHEAD;
    let size = SIZES.into_iter().find(|size| *size >= needed.max(least));
    let size = size.ok_or(EnvelopeError::TooLong(contents.len()))?;
    let length = u16::try_from(contents.len()).map_err(|_| EnvelopeError::TooLong(contents.len()))?;
    if number >= NUMBER_LIMIT {
        return Err(EnvelopeError::Unsealable);
    }
    let mut plain = Zeroizing::new(Vec::with_capacity(size));
    plain.extend_from_slice(&length.to_be_bytes());
    plain.extend_from_slice(&number.to_be_bytes()[2..]);
    plain.extend_from_slice(contents);
    plain.resize(size - HINT - ENC - TAG, 0);

    let public = <XWing as Kem>::PublicKey::from_bytes(address.kem).map_err(|_| EnvelopeError::Unsealable)?;
    let psk = PskBundle::new(address.psk.expose(), &address.id.0).map_err(|_| EnvelopeError::Unsealable)?;
    let sealed = hpke::single_shot_seal::<ChaCha20Poly1305, HkdfSha256, XWing>(
        &OpModeS::Psk(psk),
        &public,
        label!("envelope"),
        &plain,
        &address.mailbox.0,
    );
    let (enc, ciphertext) = sealed.map_err(|_| EnvelopeError::Unsealable)?;
    let mut envelope = Vec::with_capacity(size);
    envelope.extend_from_slice(&hint(address.id));
    envelope.extend_from_slice(&enc.to_bytes());
    envelope.extend_from_slice(&ciphertext);
    Ok(envelope)
}

/// Opens an envelope that came for `mailbox` with the keys of one card.
pub fn open(keys: &CardKeys, mailbox: &Key, envelope: &[u8]) -> Result<Opened, EnvelopeError> {
    if !SIZES.contains(&envelope.len()) {
        return Err(EnvelopeError::Malformed);
    }
    let mut reader = Reader::new(envelope);
    let (Some(shown), Some(enc), Some(ciphertext)) =
        (reader.array::<HINT>(), reader.take(ENC), reader.take(envelope.len() - HINT - ENC))
    else {
        return Err(EnvelopeError::Malformed);
    };
    if shown != hint(keys.id()) {
        return Err(EnvelopeError::NotAuthentic);
    }
    let private = <XWing as Kem>::PrivateKey::from_bytes(keys.seed().expose());
    let private = private.map_err(|_| EnvelopeError::NotAuthentic)?;
    let enc = <XWing as Kem>::EncappedKey::from_bytes(enc).map_err(|_| EnvelopeError::NotAuthentic)?;
    let psk = PskBundle::new(keys.psk().expose(), &keys.id().0).map_err(|_| EnvelopeError::NotAuthentic)?;
    let plain = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, XWing>(
        &OpModeR::Psk(psk),
        &private,
        &enc,
        label!("envelope"),
        ciphertext,
        &mailbox.0,
    );
    let plain = Zeroizing::new(plain.map_err(|_| EnvelopeError::NotAuthentic)?);
    unpad(&plain).ok_or(EnvelopeError::NotAuthentic)
}

fn unpad(plain: &[u8]) -> Option<Opened> {
    let mut reader = Reader::new(plain);
    let length = usize::from(reader.u16()?);
    let high = reader.u16()?;
    let low = reader.u32()?;
    let number = (u64::from(high) << 32) | u64::from(low);
    let contents = Zeroizing::new(reader.take(length)?.to_vec());
    let rest = plain.get(HEAD + length..)?;
    let padded = rest.iter().all(|byte| *byte == 0);
    (padded && number < NUMBER_LIMIT).then_some(Opened { number, contents })
}

/// Writes an envelope as the `content` of a frame: base64url without padding.
pub fn to_text(envelope: &[u8]) -> String {
    BASE64URL_NOPAD.encode(envelope)
}

/// Reads the `content` of a frame. Only the three lengths and the alphabet of base64url pass.
pub fn from_text(content: &str) -> Result<Vec<u8>, EnvelopeError> {
    // The sizes are divisible by three, so that their text has neither padding nor spare bits.
    if !SIZES.iter().any(|size| size / 3 * 4 == content.len()) {
        return Err(EnvelopeError::Malformed);
    }
    BASE64URL_NOPAD.decode(content.as_bytes()).map_err(|_| EnvelopeError::Malformed)
}

/// Returns the hint that an envelope shows.
pub(crate) fn shown_hint(envelope: &[u8]) -> Option<Hint> {
    Reader::new(envelope).array()
}

pub(crate) fn digest(envelope: &[u8]) -> Digest {
    let digest = Sha256::digest(envelope);
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address<'a>(keys: &'a CardKeys, kem: &'a [u8], mailbox: &'a Key) -> Address<'a> {
        Address { mailbox, psk: keys.psk(), id: keys.id(), kem }
    }

    #[test]
    fn contents_of_every_size_come_out_as_they_went_in() {
        let keys = CardKeys::generate();
        let kem = keys.kem();
        let mailbox = Key([3; 32]);
        let longest = SIZES[2] - OVERHEAD;
        let cases = [(0, 0, SIZES[0]), (1_924, 0, SIZES[0]), (1_925, 0, SIZES[1]), (1, DOOR_SIZE, SIZES[1])];
        for (length, least, size) in cases.into_iter().chain([(longest, 0, SIZES[2])]) {
            let contents = vec![9; length];
            let envelope = seal(address(&keys, &kem, &mailbox), 77, &contents, least).unwrap();
            assert_eq!(envelope.len(), size);
            assert_eq!(from_text(&to_text(&envelope)).unwrap(), envelope);
            let opened = open(&keys, &mailbox, &envelope).unwrap();
            assert_eq!(opened.number, 77);
            assert_eq!(*opened.contents, contents);
        }
        let too_long = seal(address(&keys, &kem, &mailbox), 1, &vec![0; longest + 1], 0);
        assert_eq!(too_long, Err(EnvelopeError::TooLong(longest + 1)));
    }

    #[test]
    fn an_envelope_opens_for_no_other_mailbox_card_or_byte() {
        let keys = CardKeys::generate();
        let kem = keys.kem();
        let mailbox = Key([3; 32]);
        let envelope = seal(address(&keys, &kem, &mailbox), 1, b"x", 0).unwrap();
        assert!(open(&keys, &Key([4; 32]), &envelope).is_err());
        let other_psk = CardKeys::from_parts(keys.seed().clone(), Secret::random());
        assert!(open(&other_psk, &mailbox, &envelope).is_err());
        for at in [0, 4, 1_091, 1_092, 1_123, 1_124, 3_055, 3_071] {
            let mut damaged = envelope.clone();
            damaged[at] ^= 1;
            assert!(open(&keys, &mailbox, &damaged).is_err(), "byte {at}");
        }
    }

    #[test]
    fn text_of_another_length_or_alphabet_is_malformed() {
        let text = to_text(&[0xff; SIZES[0]]);
        assert!(from_text(&text.replace('_', "/")).is_err());
        assert!(from_text(&format!("{text}=")).is_err());
        assert!(from_text("").is_err());
        let mut inside = text;
        inside.replace_range(0..1, "=");
        assert!(from_text(&inside).is_err());
    }

    #[test]
    fn the_last_number_is_never_sealed() {
        let keys = CardKeys::generate();
        let kem = keys.kem();
        let mailbox = Key([3; 32]);
        assert!(seal(address(&keys, &kem, &mailbox), NUMBER_LIMIT, b"", 0).is_err());
        assert!(seal(address(&keys, &kem, &mailbox), NUMBER_LIMIT - 1, b"", 0).is_ok());
    }
}
