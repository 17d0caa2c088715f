//! The wire protocol, version 1: pure types. Frames, fingerprints, the challenge and its signature, sanitizing, time.

mod auth;
mod client_frame;
mod fingerprint;
mod sanitize;
mod server_event;
mod server_frame;
mod time;

pub use auth::{Challenge, NONCE_BYTES, SignatureError, signed_bytes};
pub use client_frame::{AuthFrame, ClientFrame, FrameError, MessageFrame};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use sanitize::{Sanitize, SanitizeError};
pub use server_event::{ReceivedMessage, ServerEvent};
pub use server_frame::{
    Accepted, CAUGHT_UP, ChallengeFrame, CloseReason, DeliveryType, ErrorCode, ErrorFrame, MessageOut, Receipt,
    ReceiptStatus, SessionLimits, Welcome, encode,
};
pub use time::Millis;

/// The protocol version that the challenge names.
pub const VERSION: u32 = 1;
