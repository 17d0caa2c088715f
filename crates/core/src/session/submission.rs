//! What a message frame means: section 3.2, as far as the frame itself tells.

use std::borrow::Cow;

use super::{Config, Established, Refusal};
use crate::protocol::{ClockReading, ErrorCode, Fingerprint, MessageFrame, Millis, WallTime};
use crate::store::{EscapedContent, NewMessage};

/// A message frame that has been looked at.
#[derive(Debug)]
pub struct Submission<'frame> {
    /// The client's id or, without one, a random one.
    pub id: Cow<'frame, str>,
    /// Whether it is the client's: only then does an error carry it.
    pub named: bool,
    /// The message. It counts only if the id is new: the first message of an id counts, whatever
    /// the second is.
    pub verdict: Result<NewMessage<'frame>, Refusal>,
}

impl<'frame> Submission<'frame> {
    pub(super) fn new(
        session: &Established,
        mut frame: MessageFrame<'frame>,
        rules: &Config,
        clocks: &ClockReading,
    ) -> Self {
        let id = frame.id.take();
        let named = id.is_some();
        let id = id.unwrap_or_else(|| Cow::Owned(uuid::Uuid::new_v4().to_string()));
        Self { id, named, verdict: judge(session, frame, rules, clocks) }
    }

    /// Returns the message, if it may be kept.
    #[must_use]
    pub fn message(&self) -> Option<&NewMessage<'frame>> {
        self.verdict.as_ref().ok()
    }
}

fn judge<'frame>(
    session: &Established,
    frame: MessageFrame<'frame>,
    rules: &Config,
    clocks: &ClockReading,
) -> Result<NewMessage<'frame>, Refusal> {
    use ErrorCode as Code;
    let refuse = |code, message| Err(Refusal::new(code, message));
    let (expires_at, given) = expiry(&frame, rules, clocks)?;
    if let Some(from) = &frame.from
        && Fingerprint::from_hex(from) != Ok(session.fingerprint)
    {
        return refuse(Code::FromMismatch, "`from` is not the fingerprint of this session");
    }
    let Some(Ok(to)) = frame.to.as_deref().map(Fingerprint::from_hex) else {
        return refuse(Code::InvalidRecipient, "`to` is not a fingerprint: 64 hex digits");
    };
    if frame.delivery_type.as_deref().is_some_and(|delivery_type| delivery_type != "direct") {
        return refuse(Code::UnsupportedDeliveryType, "the only `delivery_type` is `direct`");
    }
    let content = frame.content.unwrap_or_default();
    if content.len() > rules.content_bytes {
        return refuse(Code::ContentTooLarge, "the content is larger than `limits.content_bytes`");
    }
    if frame.content_is_torn {
        return refuse(Code::InvalidContent, "`content` has one half of a surrogate pair (\\ud800 to \\udfff)");
    }
    let Ok(sanitized) = rules.sanitize.apply(&content) else {
        return refuse(Code::InvalidContent, "the content holds characters that this server does not accept");
    };
    if sanitized.is_empty() {
        return refuse(Code::ContentEmpty, "the content is empty");
    }
    let escaped_content = match (&content, &sanitized) {
        // What JSON has as it is needs no escapes here either.
        (&Cow::Borrowed(content), Cow::Borrowed(_)) => {
            debug_assert!(!content.bytes().any(is_special), "a string of JSON");
            EscapedContent::Borrowed(content)
        }
        _ => EscapedContent::Owned(escape(&sanitized)),
    };
    Ok(NewMessage { to, escaped_content, expires_at, given })
}

/// Returns when a message will be gone: when its sender asks for, at most after the longest time
/// there is; and how the sender wrote it, if it did and is given that. By the wall clock of this
/// moment the time becomes a life: a clock that is set later changes nothing.
fn expiry(
    frame: &MessageFrame<'_>,
    rules: &Config,
    clocks: &ClockReading,
) -> Result<(Millis, Option<WallTime>), Refusal> {
    let malformed = |message| Err(Refusal::new(ErrorCode::Malformed, message));
    let now = clocks.steady;
    let in_seconds = |seconds: u64| now.plus(seconds.saturating_mul(1000));
    let (asked, given) = match (&frame.expires_at, frame.ttl_s) {
        (Some(_), Some(_)) => return malformed("`expires_at` and `ttl_s` exclude each other"),
        (None, None) => (in_seconds(rules.default_ttl_s), None),
        (None, Some(ttl_s)) => (in_seconds(u64::try_from(ttl_s).unwrap_or(0)), None),
        (Some(text), None) => match WallTime::parse(text) {
            Some(time) => (clocks.steady_at(time), Some(time)),
            None => return malformed("`expires_at` is not a time as RFC 3339 writes it"),
        },
    };
    if asked <= now {
        return Err(Refusal::new(ErrorCode::AlreadyExpired, "the message's time has run out already"));
    }
    let latest = in_seconds(rules.max_ttl_s);
    Ok(if asked <= latest { (asked, given) } else { (latest, None) })
}

/// Returns whether a byte has to be escaped.
const fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Returns the inside of a JSON string. It is kept as it will be delivered.
fn escape(content: &str) -> zeroize::Zeroizing<String> {
    let escapes = content.bytes().filter(|byte| matches!(byte, b'"' | b'\\' | b'\n' | b'\r' | b'\t')).count();
    // It must not grow: what it has grown out of would be freed without being overwritten.
    let mut escaped = zeroize::Zeroizing::new(String::with_capacity(content.len() + escapes));
    let mut rest = content;
    while let Some(place) = rest.bytes().position(is_special) {
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
