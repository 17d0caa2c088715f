//! The labels that keep one use of a key or a hash apart from every other.
//!
//! A changed rule gets a new label; nothing is negotiated.

/// Joins the prefix of this version to a name: the `LABEL(x)` of `docs/e2e.md`.
macro_rules! label {
    ($name:literal) => {
        concat!("ephemeral-messenger/e2e/v1/", $name).as_bytes()
    };
}

pub(crate) use label;

use sha2::{Digest, Sha256};

use crate::bytes::Key;

/// Returns SHA-256 over a label, a zero byte and the parts one after the other.
///
/// The caller sees to it that the parts have lengths that do not depend on each other.
pub(crate) fn hash(label: &[u8], parts: &[&[u8]]) -> Key {
    let mut state = Sha256::new();
    state.update(label);
    state.update([0]);
    for part in parts {
        state.update(part);
    }
    Key(state.finalize().into())
}

/// Returns a label, a zero byte and the parts as one message to be signed.
pub(crate) fn message(label: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut message = label.to_vec();
    message.push(0);
    for part in parts {
        message.extend_from_slice(part);
    }
    message
}
