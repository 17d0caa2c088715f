//! The protocol's state machine: frame in, action out. No socket, no clock, no task.
//!
//! Its two states are two types: [`AwaitingAuth`] knows a challenge and nothing of any mailbox; only a valid answer
//! makes it an [`Established`], and only that understands messages.

use std::borrow::Cow;
use std::time::Duration;

use ed25519_dalek::VerifyingKey;

use crate::protocol::{
    AuthFrame, Challenge, ChallengeFrame, ClientFrame, CloseReason, ErrorCode, ErrorFrame, Fingerprint, FrameError,
    MessageFrame, Millis, Sanitize, SessionLimits, VERSION, encode,
};
use crate::store;

/// What holds for every session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Bytes of content in one message, at most.
    pub content_bytes: usize,
    /// What is done to a message's content.
    pub sanitize: Sanitize,
    /// How long a message waits when its sender does not say, in seconds.
    pub default_ttl_s: u64,
    /// How long a message may wait at most, in seconds.
    pub max_ttl_s: u64,
    /// Messages a minute a fingerprint.
    pub messages_per_minute: u32,
    /// Messages at once, before the rate counts.
    pub message_burst: u32,
    /// Unacknowledged messages out, at most.
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
            message_burst: 10,
            window: 32,
        }
    }
}

impl Config {
    /// The values in force for a session with this window, as `welcome` tells them.
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

    /// Bytes of the largest frame that can be a message: every byte of its content may be written as `\u00xx`.
    #[must_use]
    pub const fn frame_bytes(&self) -> usize {
        self.content_bytes * 6 + 4096
    }
}

/// A session that has been challenged.
pub struct AwaitingAuth {
    /// Whose key has to sign.
    pub fingerprint: Fingerprint,
    /// That key.
    pub key: VerifyingKey,
    /// The host of the request, without port, lower case.
    pub host: String,
    /// The challenge.
    pub challenge: Challenge,
}

impl AwaitingAuth {
    /// The first frame.
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
    /// Why the session is closed: there is no second try, a nonce is used once.
    pub fn answer(self, text: &str, rules: &Config) -> Result<Established, CloseReason> {
        let Ok(ClientFrame::Auth(AuthFrame { signature, receipts, window, .. })) = ClientFrame::parse(text) else {
            return Err(CloseReason::AuthRequired);
        };
        self.challenge.verify(&self.host, &self.key, &signature).map_err(|_| CloseReason::AuthFailed)?;
        let window = window.unwrap_or(rules.window).clamp(1, rules.window.max(1));
        Ok(Established { fingerprint: self.fingerprint, receipts, window })
    }
}

/// A session whose client has proved who it is.
#[derive(Debug, Clone, Copy)]
pub struct Established {
    /// Whose it is.
    pub fingerprint: Fingerprint,
    /// Whether senders are told when this recipient acknowledges.
    pub receipts: bool,
    /// Unacknowledged messages out, at most.
    pub window: u32,
}

/// What a frame asks for.
#[derive(Debug)]
pub enum Action<'frame> {
    /// Keep this message, or refuse it.
    Submit(Submission<'frame>),
    /// Erase what was delivered, up to and including a sequence number.
    Acknowledge {
        /// That number.
        seq: u64,
        /// What an error about it has to name.
        id: Option<Cow<'frame, str>>,
    },
    /// Nothing: it is refused.
    Reply {
        /// Why.
        code: ErrorCode,
        /// The answer.
        frame: String,
    },
}

/// A message frame that has been looked at.
#[derive(Debug)]
pub struct Submission<'frame> {
    /// The client's id or, without one, a random one.
    pub id: Cow<'frame, str>,
    /// Whether it is the client's: only then does an error carry it.
    pub named: bool,
    /// What it says. It counts only if the id is new: the first message of an id counts, whatever the second says.
    pub verdict: Result<Draft, Refusal>,
}

/// A message that may be kept, if its recipient is a key and there is room.
#[derive(Debug, PartialEq, Eq)]
pub struct Draft {
    /// For whom; not yet known to be a key.
    pub to: Fingerprint,
    /// The content, sanitized, as the inside of a JSON string. Overwritten when it is dropped.
    pub escaped_content: zeroize::Zeroizing<String>,
    /// When it will be gone.
    pub expires_at: Millis,
}

/// Why something is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// For programs.
    pub code: ErrorCode,
    /// For people.
    pub message: &'static str,
    /// When it is worth another try.
    pub retry_after_ms: Option<u64>,
}

impl Refusal {
    /// One that another try does not help.
    #[must_use]
    pub const fn new(code: ErrorCode, message: &'static str) -> Self {
        Self { code, message, retry_after_ms: None }
    }

    /// The error frame.
    #[must_use]
    pub fn frame(&self, id: Option<&str>) -> String {
        encode(&ErrorFrame { code: self.code, message: self.message, id, retry_after_ms: self.retry_after_ms })
    }
}

impl Established {
    /// Takes one text frame.
    #[must_use]
    pub fn on_text<'frame>(&self, text: &'frame str, rules: &Config, now: Millis) -> Action<'frame> {
        match ClientFrame::parse(text) {
            Ok(ClientFrame::Message(mut frame)) => {
                let id = frame.id.take();
                let named = id.is_some();
                let id = id.unwrap_or_else(|| Cow::Owned(uuid::Uuid::new_v4().to_string()));
                Action::Submit(Submission { id, named, verdict: self.judge(&frame, rules, now) })
            }
            Ok(ClientFrame::Ack { seq, id }) => Action::Acknowledge { seq, id },
            Ok(ClientFrame::Auth(AuthFrame { id, .. })) => {
                let refusal = Refusal::new(ErrorCode::Malformed, "this session is authenticated already");
                Action::Reply { code: refusal.code, frame: refusal.frame(id.as_deref()) }
            }
            Err(FrameError { code, message, id }) => {
                Action::Reply { code, frame: Refusal::new(code, message).frame(id.as_deref()) }
            }
        }
    }

    /// Section 3.2, as far as the frame itself tells.
    fn judge(&self, frame: &MessageFrame<'_>, rules: &Config, now: Millis) -> Result<Draft, Refusal> {
        use ErrorCode as Code;
        let refuse = |code, message| Err(Refusal::new(code, message));
        let expires_at = expiry(frame, rules, now)?;
        if let Some(from) = &frame.from
            && Fingerprint::from_hex(from) != Ok(self.fingerprint)
        {
            return refuse(Code::FromMismatch, "`from` is not the fingerprint of this session");
        }
        let Some(Ok(to)) = frame.to.as_deref().map(Fingerprint::from_hex) else {
            return refuse(Code::InvalidRecipient, "`to` is not a fingerprint: 64 hex digits");
        };
        if frame.delivery_type.as_deref().is_some_and(|delivery_type| delivery_type != "direct") {
            return refuse(Code::UnsupportedDeliveryType, "the only `delivery_type` is `direct`");
        }
        let content = frame.content.as_deref().unwrap_or_default();
        if content.len() > rules.content_bytes {
            return refuse(Code::ContentTooLarge, "the content is larger than `limits.content_bytes`");
        }
        let Ok(content) = rules.sanitize.apply(content) else {
            return refuse(Code::InvalidContent, "the content holds characters that this server does not accept");
        };
        if content.is_empty() {
            return refuse(Code::ContentEmpty, "the content is empty");
        }
        Ok(Draft { to, escaped_content: escape(&content), expires_at })
    }
}

/// When a message will be gone: what its sender asks for, at most the longest time there is.
fn expiry(frame: &MessageFrame<'_>, rules: &Config, now: Millis) -> Result<Millis, Refusal> {
    let malformed = |message| Err(Refusal::new(ErrorCode::Malformed, message));
    let latest = now.plus(rules.max_ttl_s.saturating_mul(1000));
    let asked = match (&frame.expires_at, frame.ttl_s) {
        (Some(_), Some(_)) => return malformed("`expires_at` and `ttl_s` exclude each other"),
        (None, None) => now.plus(rules.default_ttl_s.saturating_mul(1000)),
        (None, Some(ttl_s)) => now.plus(u64::try_from(ttl_s).unwrap_or(0).saturating_mul(1000)),
        (Some(text), None) => match Millis::parse(text) {
            Some(time) => time,
            None => return malformed("`expires_at` is not a time as RFC 3339 writes it"),
        },
    };
    if asked <= now {
        return Err(Refusal::new(ErrorCode::AlreadyExpired, "the message's time has run out already"));
    }
    Ok(asked.min(latest))
}

/// The inside of a JSON string. It is kept as it will be delivered.
fn escape(content: &str) -> zeroize::Zeroizing<String> {
    // In blocks without a branch, which the compiler makes vectors of: most content has nothing to escape.
    let special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    if !content.as_bytes().chunks(64).any(|block| block.iter().fold(false, |any, &byte| any | special(byte))) {
        return zeroize::Zeroizing::new(content.to_owned());
    }
    let escapes = content.bytes().filter(|byte| matches!(byte, b'"' | b'\\' | b'\n' | b'\r' | b'\t')).count();
    // It must not grow: what it has grown out of would be freed without being overwritten.
    let mut escaped = zeroize::Zeroizing::new(String::with_capacity(content.len() + escapes));
    let mut rest = content;
    while let Some(place) = rest.bytes().position(special) {
        let (plain, special) = rest.split_at(place);
        escaped.push_str(plain);
        let mut characters = special.chars();
        match characters.next() {
            Some('"') => escaped.push_str("\\\""),
            Some('\\') => escaped.push_str("\\\\"),
            Some('\n') => escaped.push_str("\\n"),
            Some('\r') => escaped.push_str("\\r"),
            Some('\t') => escaped.push_str("\\t"),
            // Sanitizing leaves no other control characters.
            _ => {}
        }
        rest = characters.as_str();
    }
    escaped.push_str(rest);
    escaped
}

#[cfg(test)]
mod tests;
