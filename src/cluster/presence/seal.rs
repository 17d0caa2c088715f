//! How machines tell each other what they are over NATS, which may read nothing and forge nothing.

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use super::PresenceNotice;
use crate::cluster::keys::NotOpened;
use crate::cluster::seal::{NONCE, derived};

/// Bytes of a sealed notice, at most: with as many introduction points, clients and machines as
/// there can be, it has less.
pub const NOTICE_BYTES: usize = 32 << 10;
/// A notice is filled up to a multiple of this, so that its length says little.
const STEP: usize = 4 << 10;
const DERIVE: &[u8; NONCE] = b"ephemeral cluster here 1";
const SAID: &[u8] = b"ephemeral-messenger/cluster/presence/v1";

/// The key of these messages.
pub struct PresenceSeal(XChaCha20Poly1305);

impl PresenceSeal {
    /// Derives the key of a cluster's secret.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(derived(secret, DERIVE))
    }

    /// Seals a notice.
    ///
    /// # Errors
    /// If it is too large, or the operating system has no random numbers.
    pub fn seal(&self, notice: &PresenceNotice) -> Result<Vec<u8>, NotOpened> {
        let mut plain = serde_json::to_vec(notice).map_err(|_| NotOpened)?;
        // Blanks behind JSON mean nothing.
        plain.resize(plain.len().next_multiple_of(STEP), b' ');
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| NotOpened)?;
        let payload = Payload { msg: &plain, aad: SAID };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).map_err(|_| NotOpened)?;
        let whole = [&nonce[..], &sealed].concat();
        if whole.len() > NOTICE_BYTES { Err(NotOpened) } else { Ok(whole) }
    }

    /// Opens a notice.
    ///
    /// # Errors
    /// [`NotOpened`] if nobody of this cluster wrote it, or it is too large.
    pub fn open(&self, sealed: &[u8]) -> Result<PresenceNotice, NotOpened> {
        if sealed.len() > NOTICE_BYTES {
            return Err(NotOpened);
        }
        let (nonce, msg) = sealed.split_first_chunk::<NONCE>().ok_or(NotOpened)?;
        let payload = Payload { msg, aad: SAID };
        let plain = self.0.decrypt(&XNonce::from(*nonce), payload).map_err(|_| NotOpened)?;
        serde_json::from_slice(&plain).map_err(|_| NotOpened)
    }
}
