//! What machines know each other by: an Ed25519 key each, made at the first start and kept in the
//! state directory.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use ed25519_dalek::SigningKey;
use ephemeral_tor::private_file::{self, FileError};
use ephemeral_tor::{TorError, private_directory};
use zeroize::Zeroizing;

/// The file with the key, below the state directory.
pub const KEY_FILE: &str = "link.key";
/// Bytes of the file: a seed.
const SEED_BYTES: usize = 32;
/// How an Ed25519 public key begins as a `SubjectPublicKeyInfo` (RFC 8410, section 4).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// How a seed begins as a private key of PKCS #8 (RFC 8410, section 7).
const PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Why there is no key for the link.
#[derive(Debug, thiserror::Error)]
pub enum LinkKeyError {
    /// The state directory cannot be used.
    #[error(transparent)]
    Directory(#[from] TorError),
    /// The file cannot be read or made.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is something else.
    #[error("{} is not this machine's key for the link: restore it, or remove it for a new one", .0.display())]
    Damaged(PathBuf),
    /// There is no new one without them.
    #[error("the system has no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

/// The public key of a machine: 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeKey([u8; 32]);

impl NodeKey {
    /// Returns its bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// Returns the key with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the key as TLS carries it.
    pub(super) fn to_spki(self) -> Vec<u8> {
        [SPKI.as_slice(), &self.0].concat()
    }
}

impl fmt::Display for NodeKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("NodeKey(…)")
    }
}

impl FromStr for NodeKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let says = "must be a machine's key, 64 hex digits: `ephemeral-server link-key` on that machine prints it";
        let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| says)?;
        bytes.try_into().map(Self).map_err(|_| says)
    }
}

/// The secret key of this machine. Overwritten in memory when it is dropped.
pub struct LinkKey(SigningKey);

impl LinkKey {
    /// Reads the key, and makes one if there is none.
    ///
    /// # Errors
    /// [`LinkKeyError`], which says what to mend.
    pub fn open(state_dir: &Path) -> Result<Self, LinkKeyError> {
        match Self::read(state_dir)? {
            Some(key) => Ok(key),
            None => Self::make(state_dir),
        }
    }

    fn read(state_dir: &Path) -> Result<Option<Self>, LinkKeyError> {
        let path = state_dir.join(KEY_FILE);
        match private_file::read_own(&path, SEED_BYTES) {
            Ok(bytes) => match <&[u8; SEED_BYTES]>::try_from(bytes.as_slice()) {
                Ok(seed) => Ok(Some(Self(SigningKey::from_bytes(seed)))),
                Err(_) => Err(LinkKeyError::Damaged(path)),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == ErrorKind::FileTooLarge => Err(LinkKeyError::Damaged(path)),
            Err(error) => Err(error.into()),
        }
    }

    fn make(state_dir: &Path) -> Result<Self, LinkKeyError> {
        private_directory(state_dir)?;
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        getrandom::fill(seed.as_mut_slice())?;
        match private_file::create_new(&state_dir.join(KEY_FILE), seed.as_slice()) {
            Ok(()) => Ok(Self(SigningKey::from_bytes(&seed))),
            // Another process has made it meanwhile: a daemon that starts while it is asked for.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Self::read(state_dir)?.ok_or_else(|| LinkKeyError::Damaged(state_dir.join(KEY_FILE)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the public key, which other machines are told.
    #[must_use]
    pub fn public(&self) -> NodeKey {
        NodeKey(self.0.verifying_key().to_bytes())
    }

    /// Returns the key as TLS takes it.
    pub(super) fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([PKCS8.as_slice(), self.0.as_bytes()].concat())
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LinkKey(…)")
    }
}
