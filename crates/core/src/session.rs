//! The protocol's state machine: frame in, action out; what came of the action in, answer out. No
//! socket, no clock, no task. Every frame that a client is sent, and every reason for which its
//! session is closed, is made here.
//!
//! Its two states are two types: [`AwaitingAuth`] knows a challenge and nothing of any mailbox;
//! only a valid answer makes it an [`Established`], and only that understands messages.

mod reply;
mod submission;

use std::time::Duration;

use ed25519_dalek::VerifyingKey;
use serde::Serialize;

use crate::protocol::{
    AuthFrame, CAUGHT_UP, Challenge, ChallengeFrame, ClientFrame, ClockReading, CloseReason, ErrorCode, Fingerprint,
    FrameError, ReceiptFrame, Sanitize, SessionLimits, VERSION, WelcomeFrame, WireTime, encode,
};
use crate::store::{self, Delivery, Next};
pub use reply::{Acknowledgement, Refusal, Reply};
pub use submission::Submission;

/// The rules of every session. Each is serialized under its name in the configuration file,
/// `table.key`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Config {
    /// How long a message waits when its sender does not say, in seconds.
    #[serde(rename = "store.default_ttl_s")]
    pub default_ttl_s: u64,
    /// How long a message may wait at most, in seconds.
    #[serde(rename = "store.max_ttl_s")]
    pub max_ttl_s: u64,
    /// Bytes of content in one message, at most.
    #[serde(rename = "store.content_bytes")]
    pub content_bytes: usize,
    /// Which content is accepted, and how it is changed.
    #[serde(rename = "store.sanitize")]
    pub sanitize: Sanitize,
    /// Messages a minute a fingerprint.
    #[serde(rename = "limits.messages_per_minute")]
    pub messages_per_minute: u32,
    /// Messages at once, before the rate counts: a text to a group of 50 is 49 of them.
    #[serde(rename = "limits.message_burst")]
    pub message_burst: u32,
    /// Unacknowledged messages out, at most.
    #[serde(rename = "session.window")]
    pub window: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            content_bytes: 65536,
            sanitize: Sanitize::Clean,
            default_ttl_s: 86400,
            max_ttl_s: 604_800,
            messages_per_minute: 100,
            message_burst: 64,
            window: 32,
        }
    }
}

impl Config {
    /// Returns the values in force for a session with this window, as `welcome` has them.
    #[must_use]
    pub fn limits(&self, bounds: &store::Config, window: u32) -> SessionLimits {
        SessionLimits {
            content_bytes: self.content_bytes,
            ttl_s: self.default_ttl_s,
            max_ttl_s: self.max_ttl_s,
            messages_per_minute: self.messages_per_minute,
            burst: self.message_burst,
            window,
            mailbox_messages: bounds.mailbox_messages,
            mailbox_bytes: bounds.mailbox_bytes,
        }
    }

    /// Returns the bytes of the largest frame that can be a message: every byte of its content may
    /// be written as `\u00xx`.
    #[must_use]
    pub const fn frame_bytes(&self) -> usize {
        self.content_bytes * 6 + 4096
    }
}

/// A session that has been challenged.
pub struct AwaitingAuth {
    /// The key that the URL named, if it did: that one has to sign.
    pub claimed: Option<VerifyingKey>,
    /// The host of the request, without port, lower case.
    pub host: String,
    /// The challenge.
    pub challenge: Challenge,
}

impl AwaitingAuth {
    /// Returns the first frame.
    #[must_use]
    pub fn first_frame(&self, timeout: Duration) -> String {
        encode(&ChallengeFrame {
            nonce: &self.challenge.nonce_text(),
            server: &self.host,
            version: VERSION,
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// Takes the client's first text frame.
    ///
    /// # Errors
    /// The reason for which the session is closed: there is no second try, a nonce is used once.
    pub fn answer(self, text: &str, rules: &Config) -> Result<Established, CloseReason> {
        let Ok(ClientFrame::Auth(AuthFrame { fingerprint, signature, receipts, window, id: _ })) =
            ClientFrame::parse(text)
        else {
            return Err(CloseReason::AuthRequired);
        };
        let key = signer(self.claimed, fingerprint.as_deref())?;
        self.challenge.verify(&self.host, &key, &signature).map_err(|_| CloseReason::AuthFailed)?;
        let window = window.unwrap_or(rules.window).clamp(1, rules.window.max(1));
        Ok(Established { fingerprint: Fingerprint::from(&key), receipts, window })
    }
}

/// Returns the key that has to sign: the URL, the frame, or both name the same one.
fn signer(claimed: Option<VerifyingKey>, named: Option<&str>) -> Result<VerifyingKey, CloseReason> {
    let Some(named) = named else { return claimed.ok_or(CloseReason::AuthRequired) };
    let named = Fingerprint::from_hex(named).map_err(|_| CloseReason::AuthRequired)?;
    match claimed {
        Some(claimed) if Fingerprint::from(&claimed) == named => Ok(claimed),
        Some(_) => Err(CloseReason::AuthFailed),
        None => named.verifying_key().map_err(|_| CloseReason::AuthRequired),
    }
}

/// A session whose client has proved who it is.
#[derive(Debug, Clone, Copy)]
pub struct Established {
    /// The client's fingerprint.
    pub fingerprint: Fingerprint,
    /// Whether senders get receipts when this recipient acknowledges.
    pub receipts: bool,
    /// Unacknowledged messages out, at most.
    pub window: u32,
}

/// The state of the hub as a session that begins finds it.
#[derive(Debug, Clone, Copy)]
pub struct Beginning<'hub> {
    /// The random id of the store's lifetime.
    pub epoch: &'hub str,
    /// Messages that wait.
    pub pending: usize,
    /// The moment.
    pub at: WireTime,
    /// The store's bounds.
    pub bounds: store::Config,
    /// The signed list of the service's nodes, if there is one.
    pub nodes: Option<&'hub serde_json::Value>,
}

/// The action that a frame asks for.
#[derive(Debug)]
pub enum Action<'frame> {
    /// The frame asks to keep this message.
    Submit(Submission<'frame>),
    /// The frame asks to erase what was delivered.
    Acknowledge(Acknowledgement<'frame>),
    /// The frame asks for nothing: it is refused.
    Reply(Reply),
}

impl Established {
    /// Returns the frame that begins the session.
    #[must_use]
    pub fn welcome(&self, rules: &Config, beginning: &Beginning<'_>, clocks: &ClockReading) -> String {
        encode(&WelcomeFrame {
            fingerprint: self.fingerprint,
            epoch: beginning.epoch,
            pending: beginning.pending,
            server_time: clocks.on_wire(beginning.at),
            limits: rules.limits(&beginning.bounds, self.window),
            nodes: beginning.nodes,
        })
    }

    /// Takes one text frame.
    #[must_use]
    pub fn on_text<'frame>(&self, text: &'frame str, rules: &Config, clocks: &ClockReading) -> Action<'frame> {
        match ClientFrame::parse(text) {
            Ok(ClientFrame::Message(frame)) => Action::Submit(Submission::new(self, frame, rules, clocks)),
            Ok(ClientFrame::Ack { seq, id }) => Action::Acknowledge(Acknowledgement { seq, id }),
            Ok(ClientFrame::Auth(AuthFrame { id, .. })) => {
                let refusal = Refusal::new(ErrorCode::Malformed, "this session is authenticated already");
                Action::Reply(refusal.reply(id.as_deref()))
            }
            Err(FrameError { code, message, id }) => Action::Reply(Refusal::new(code, message).reply(id.as_deref())),
        }
    }

    /// Returns the frame of what the hub has for a client.
    #[must_use]
    pub fn frame(delivery: &Delivery<'_>, clocks: &ClockReading) -> String {
        match delivery {
            Delivery::Receipt(store::Receipt { id, to, status, at }) => {
                ReceiptFrame { id, to: *to, status: *status, at: clocks.on_wire(*at) }.encode()
            }
            Delivery::Mailbox(Next::Message(message)) => message.encode(clocks),
            Delivery::Mailbox(Next::CaughtUp) => CAUGHT_UP.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
