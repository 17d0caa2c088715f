//! Encrypts and decrypts with age (age-encryption.org/v1): with a passphrase, and with a state's
//! key.

use std::io::Read as _;
use std::iter;

use age::armor::ArmoredReader;
use age::secrecy::{ExposeSecret as _, SecretString};
use ephemeral_e2e::vault;
use zeroize::Zeroizing;

use super::{Passphrase, VaultError};

/// scrypt's cost, 2^18 as the age program has it: 256 MiB of memory and about a second for each
/// guess.
const WORK: u8 = 18;
/// What is tried at most, a gibibyte: a file of somebody else's must not take all the memory.
const MOST_WORK: u8 = 20;
/// What age adds to 64 KiB, and the most that it puts in front of all.
const TAG_BYTES: usize = 16;
const HEADER_BYTES: usize = 4096;
/// Bytes of a sealed key, and of a sealed state, at most.
pub(super) const MOST_KEY_BYTES: usize = 4096;
pub(super) const MOST_STATE_BYTES: usize =
    vault::MAX_STATE + vault::BLOCK + (vault::MAX_STATE / vault::BLOCK + 2) * TAG_BYTES + HEADER_BYTES;

/// Says why something cannot be decrypted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum OpenError {
    /// It is sealed for another key, or with another passphrase.
    #[error("it is encrypted with another key")]
    OtherKey,
    /// It is not what was written.
    #[error("{0}")]
    Damaged(String),
}

/// Encrypts a state, its length hidden, with a passphrase alone.
pub(super) fn state_with_passphrase(state: &[u8], passphrase: &Passphrase) -> Result<Vec<u8>, VaultError> {
    with_passphrase(&encoded(state)?, passphrase)
}

/// Decrypts what [`state_with_passphrase`] has encrypted.
pub(super) fn open_state_with_passphrase(
    sealed: &[u8],
    passphrase: &Passphrase,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    decoded(&open_with_passphrase(sealed, passphrase)?)
}

/// Opens one vault's states. The public half of the key is in no file, so that the key cannot be
/// computed from one.
pub(super) struct StateKey(age::x25519::Identity);

impl StateKey {
    pub(super) fn generate() -> Self {
        Self(age::x25519::Identity::generate())
    }

    /// Returns the key encrypted with a passphrase: an identity file of the age program's.
    pub(super) fn seal_itself(&self, passphrase: &Passphrase) -> Result<Vec<u8>, VaultError> {
        let text = self.0.to_string();
        let text = text.expose_secret();
        let mut line = Zeroizing::new(String::with_capacity(text.len() + 1));
        line.push_str(text);
        line.push('\n');
        with_passphrase(line.as_bytes(), passphrase)
    }

    /// Returns the key that [`Self::seal_itself`] has encrypted.
    pub(super) fn open_itself(sealed: &[u8], passphrase: &Passphrase) -> Result<Self, OpenError> {
        let line = open_with_passphrase(sealed, passphrase)?;
        let text = std::str::from_utf8(&line).map_err(|_| OpenError::Damaged("it holds no key".to_owned()))?;
        text.trim_end().parse().map(Self).map_err(|why: &str| OpenError::Damaged(why.to_owned()))
    }

    /// Encrypts a state, its length hidden. Each call has a key of its own.
    pub(super) fn seal(&self, state: &[u8]) -> Result<Vec<u8>, VaultError> {
        encrypt(&self.0.to_public(), &encoded(state)?)
    }

    /// Decrypts a state.
    pub(super) fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        decoded(&decrypt(&self.0, sealed)?)
    }
}

fn encoded(state: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    vault::encode(state).map_err(|_| VaultError::TooLong)
}

fn decoded(padded: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let state = vault::decode(padded).map_err(|error| OpenError::Damaged(error.to_string()))?;
    Ok(Zeroizing::new(state.to_vec()))
}

fn with_passphrase(bytes: &[u8], passphrase: &Passphrase) -> Result<Vec<u8>, VaultError> {
    let mut recipient = age::scrypt::Recipient::new(passphrase.secret());
    recipient.set_work_factor(work());
    encrypt(&recipient, bytes)
}

fn open_with_passphrase(sealed: &[u8], passphrase: &Passphrase) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let secret: SecretString = passphrase.secret();
    let mut identity = age::scrypt::Identity::new(secret);
    identity.set_max_work_factor(MOST_WORK);
    decrypt(&identity, sealed)
}

/// Returns [`WORK`], and in this crate's own tests next to nothing: those are compiled for
/// themselves, and never shipped.
const fn work() -> u8 {
    if cfg!(test) { 2 } else { WORK }
}

fn encrypt(recipient: &impl age::Recipient, bytes: &[u8]) -> Result<Vec<u8>, VaultError> {
    age::encrypt(recipient, bytes).map_err(|error| VaultError::Encrypt(error.to_string()))
}

fn decrypt(identity: &impl age::Identity, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    // Also one that went through `age -a`, to be printed or sent.
    let decryptor = age::Decryptor::new_buffered(ArmoredReader::new(sealed)).map_err(said)?;
    let mut reader = decryptor.decrypt(iter::once(identity as _)).map_err(said)?;
    // It is shorter than what is encrypted, so that no reallocation leaves a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(sealed.len()));
    reader.read_to_end(&mut bytes).map_err(|error| OpenError::Damaged(error.to_string()))?;
    Ok(bytes)
}

fn said(error: age::DecryptError) -> OpenError {
    use age::DecryptError::{DecryptionFailed, KeyDecryptionFailed, NoMatchingKeys};

    match error {
        DecryptionFailed | KeyDecryptionFailed | NoMatchingKeys => OpenError::OtherKey,
        error => OpenError::Damaged(error.to_string()),
    }
}
