//! The wire protocol, version 1: pure types. Frames, fingerprints, the challenge and its signature,
//! sanitizing, time.
//!
//! What a client has to do to prove who it is:
//!
//! ```
//! use ed25519_dalek::SigningKey;
//! use ephemeral_core::protocol::{Challenge, Fingerprint};
//!
//! let key = SigningKey::from_bytes(&[7; 32]);
//! let fingerprint = Fingerprint::from(&key.verifying_key());
//!
//! // From the challenge frame, and for the host that was dialled.
//! let challenge = Challenge::from_nonce_text("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").expect("32 bytes");
//! let signature = challenge.sign("example.onion", &key);
//!
//! // What the server does with it.
//! let key = fingerprint.verifying_key().expect("a key");
//! assert!(challenge.verify("example.onion", &key, &signature).is_ok());
//! assert!(challenge.verify("elsewhere.onion", &key, &signature).is_err());
//! ```

mod auth;
mod client_frame;
mod fingerprint;
mod host;
mod message_id;
mod sanitize;
mod server_event;
mod server_frame;
mod time;

pub use auth::{Challenge, NONCE_BYTES, SignatureError, signed_bytes};
pub use client_frame::{AuthFrame, ClientFrame, FrameError, MessageFrame};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use host::{full_onion_address, host_address, host_name, written_address};
pub use message_id::{MESSAGE_ID_BYTES, is_message_id};
pub use sanitize::{Sanitize, SanitizeError};
pub use server_event::{ReceivedMessage, ServerEvent};
pub use server_frame::{
    AcceptedFrame, CAUGHT_UP, ChallengeFrame, CloseReason, DeliveryType, ErrorCode, ErrorFrame, MessageOut,
    ReceiptFrame, ReceiptStatus, SessionLimits, WelcomeFrame, encode,
};
pub use time::{ClockReading, MINUTE_MS, Millis, WallTime, WireTime};

/// The protocol version that the challenge names.
pub const VERSION: u32 = 1;
