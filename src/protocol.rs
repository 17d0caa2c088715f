//! The wire protocol, version 1: pure types. Frames, fingerprints, the challenge and its signature, sanitizing, time.

mod auth;
mod fingerprint;
mod sanitize;
mod time;

pub use auth::{Challenge, NONCE_BYTES, SignatureError, signed_bytes};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use sanitize::{Sanitize, SanitizeError};
pub use time::Millis;

/// The protocol version that the challenge names.
pub const VERSION: u32 = 1;
