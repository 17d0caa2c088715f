//! The keys that follow from the cluster's secret: one for each kind of message.

use chacha20poly1305::aead::{Aead as _, KeyInit as _};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

pub(super) const NONCE: usize = 24;

/// Derives the key of one kind of message, which `label` names.
pub(super) fn derived(secret: &[u8], label: &[u8; NONCE]) -> XChaCha20Poly1305 {
    let mut key = Zeroizing::new([0; 32]);
    for (byte, of_secret) in key.iter_mut().zip(secret) {
        *byte = *of_secret;
    }
    let cipher = XChaCha20Poly1305::new((&*key).into());
    // The keystream is a function of the secret that says nothing about it.
    let stream = Zeroizing::new(cipher.encrypt(&XNonce::from(*label), &[0; 32][..]).unwrap_or_default());
    for (byte, of_stream) in key.iter_mut().zip(&*stream) {
        *byte = *of_stream;
    }
    XChaCha20Poly1305::new((&*key).into())
}
