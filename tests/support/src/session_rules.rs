//! What a session has to make of a frame, in other words than the server's: section 3 of the
//! protocol.

use std::sync::LazyLock;

use data_encoding::HEXLOWER_PERMISSIVE;
use ed25519_dalek::SigningKey;
use ephemeral_core::protocol::{
    Challenge, ClockReading, ErrorCode, Fingerprint, MINUTE_MS, Millis, Sanitize, WallTime,
};
use ephemeral_core::session::{self, Acknowledgement, Action, AwaitingAuth, Established};
use serde::de::IgnoredAny;
use serde_json::Value;

/// The `Host` with which the session was opened.
pub const HOST: &str = "example.onion";
/// The time at which everything is said: 2026-01-02T12:00:00Z.
pub const NOW: WallTime = WallTime(1_767_355_200_000);
/// The same by both clocks.
pub const CLOCKS: ClockReading = ClockReading { steady: Millis(5_000_000), wall: NOW, resolution_ms: MINUTE_MS };
/// Bytes of content, at most.
pub const CONTENT_BYTES: usize = 100;

/// Returns the client's key.
pub fn key() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

/// Returns the client's fingerprint.
pub fn own() -> Fingerprint {
    static OWN: LazyLock<Fingerprint> = LazyLock::new(|| Fingerprint::from(&key().verifying_key()));
    *OWN
}

/// Returns a session that waits for the answer to its challenge, its client named in the URL.
pub fn challenged() -> AwaitingAuth {
    static KEY: LazyLock<ed25519_dalek::VerifyingKey> = LazyLock::new(|| key().verifying_key());
    AwaitingAuth { claimed: Some(*KEY), host: HOST.to_owned(), challenge: Challenge { nonce: [9; 32] } }
}

/// Returns one whose client has not said who it is.
pub fn challenged_nameless() -> AwaitingAuth {
    AwaitingAuth { claimed: None, ..challenged() }
}

/// Returns the answer that it accepts.
pub fn good_signature() -> &'static str {
    static SIGNATURE: LazyLock<String> = LazyLock::new(|| Challenge { nonce: [9; 32] }.sign(HOST, &key()));
    &SIGNATURE
}

/// Returns a session that is established.
pub fn session() -> Established {
    Established { fingerprint: own(), receipts: true, window: 32 }
}

/// Returns rules that allow little, so that all of them are met.
pub fn rules(sanitize: Sanitize) -> session::Config {
    session::Config {
        content_bytes: CONTENT_BYTES,
        sanitize,
        default_ttl_s: 600,
        max_ttl_s: 3600,
        ..session::Config::default()
    }
}

/// Returns whether a character is refused by section 3.2 of the protocol, in other words than the
/// server's.
pub fn is_control(character: char) -> bool {
    let control = matches!(u32::from(character), 0..=0x1f | 0x7f..=0x9f) && !"\t\n\r".contains(character);
    control || "\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}".contains(character)
}

/// Tells whether an id is well-formed.
pub fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.chars().all(|c| matches!(c, 'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '-'))
}

fn text<'json>(json: &'json Value, name: &str) -> Option<&'json str> {
    json[name].as_str()
}

/// Returns the value of a frame that a session has understood. `None` where `serde_json` does not
/// have values for all of it: what is ignored may nest as deep as it likes, and have numbers and
/// characters that nothing else can hold.
fn value(text: &str) -> Option<Value> {
    assert!(serde_json::from_str::<IgnoredAny>(text).is_ok(), "not JSON, and yet understood");
    serde_json::from_str(text).ok()
}

/// Returns a whole number, however it is written; beyond the range of the server's it is the
/// largest of these.
fn integer(json: &Value, name: &str) -> Option<i64> {
    let exact = |number: &f64| number.trunc() == *number && (-(2_f64.powi(53))..=2_f64.powi(53)).contains(number);
    let whole = |number: f64| format!("{number:.0}").parse().ok();
    let value = &json[name];
    value.as_i64().or_else(|| value.as_u64().map(|_| i64::MAX)).or_else(|| value.as_f64().filter(exact).and_then(whole))
}

/// Returns the time that was asked for, however far away; `None` where it is not a time.
fn asked_expiry(json: &Value) -> Option<WallTime> {
    match (text(json, "expires_at"), integer(json, "ttl_s")) {
        (Some(time), None) => WallTime::parse(time),
        (None, Some(ttl)) => Some(NOW.plus(u64::try_from(ttl).unwrap_or(0).saturating_mul(1000))),
        (None, None) => Some(NOW.plus(600_000)),
        (Some(_), Some(_)) => None,
    }
}

/// Returns whether the error that `refusal` names is there.
fn is_justified(refusal: ErrorCode, json: &Value, rules: &session::Config) -> bool {
    let content = text(json, "content").unwrap_or_default();
    match refusal {
        ErrorCode::Malformed => asked_expiry(json).is_none(),
        ErrorCode::AlreadyExpired => asked_expiry(json).is_some_and(|time| time <= NOW),
        ErrorCode::FromMismatch => text(json, "from").is_some_and(|from| from.to_lowercase() != own().to_string()),
        ErrorCode::InvalidRecipient => HEXLOWER_PERMISSIVE
            .decode(text(json, "to").unwrap_or_default().as_bytes())
            .map_or(true, |bytes| bytes.len() != 32),
        ErrorCode::UnsupportedDeliveryType => text(json, "delivery_type").is_some_and(|kind| kind != "direct"),
        ErrorCode::ContentTooLarge => content.len() > CONTENT_BYTES,
        ErrorCode::ContentEmpty => content.chars().all(is_control),
        ErrorCode::InvalidContent => match rules.sanitize {
            Sanitize::Clean => false,
            Sanitize::Reject => content.chars().any(is_control),
            Sanitize::Ciphertext => {
                let body = content.trim_end_matches('=');
                let alphabet = |extra: &str| body.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c));
                body.is_empty() || content.len() - body.len() > 2 || !(alphabet("+/") || alphabet("-_"))
            }
        },
        _ => false,
    }
}

/// Checks that the action follows from the text, whatever that is.
pub fn check_action(text: &str, rules: &session::Config) {
    match session().on_text(text, rules, &CLOCKS) {
        Action::Reply(reply) => {
            let reply: Value = serde_json::from_str(&reply.frame).expect("JSON");
            assert_eq!(&reply["type"], "error");
            assert!(matches!(reply["code"].as_str(), Some("malformed" | "unknown_type" | "invalid_id")));
            assert!(reply["message"].as_str().is_some_and(|message| !message.is_empty()));
            assert!(reply["id"].is_null() || reply["id"].as_str().is_some_and(is_id));
        }
        Action::Acknowledge(Acknowledgement { seq, id }) => {
            let Some(json) = value(text) else { return };
            assert_eq!(&json["type"], "ack");
            assert_eq!(id.as_deref(), json["id"].as_str().filter(|id| is_id(id)), "an error would carry the id");
            assert_eq!(integer(&json, "seq").and_then(|known| u64::try_from(known).ok()), Some(seq));
        }
        Action::Submit(submission) => {
            let Some(json) = value(text) else { return };
            assert!(json["type"].is_null() || json["type"] == "message");
            assert!(is_id(&submission.id));
            assert!(json["id"].is_null() || json["id"] == *submission.id);
            match &submission.verdict {
                Err(refusal) => {
                    assert!(is_justified(refusal.code, &json, rules), "{:?} without reason", refusal.code);
                }
                Ok(message) => {
                    use ErrorCode as Code;
                    for code in [
                        Code::Malformed,
                        Code::AlreadyExpired,
                        Code::FromMismatch,
                        Code::InvalidRecipient,
                        Code::UnsupportedDeliveryType,
                        Code::ContentTooLarge,
                        Code::ContentEmpty,
                        Code::InvalidContent,
                    ] {
                        assert!(!is_justified(code, &json, rules), "accepted in spite of {:?}", code);
                    }
                    let asked = asked_expiry(&json).expect("a time");
                    let expires_at = CLOCKS.wall_at(message.expires_at);
                    let latest = NOW.plus(3_600_000);
                    assert!(expires_at > NOW && expires_at <= latest);
                    assert_eq!(expires_at, asked.min(latest));
                    let given = json["expires_at"].is_string() && asked <= latest;
                    assert_eq!(message.given, given.then_some(asked), "what the sender wrote is echoed");
                    assert_eq!(message.to.to_string(), json["to"].as_str().expect("a text").to_lowercase());
                    let read: String =
                        serde_json::from_str(&format!("\"{}\"", &*message.escaped_content)).expect("a JSON string");
                    let sent = json["content"].as_str().expect("a text");
                    let clean: String = sent.chars().filter(|&character| !is_control(character)).collect();
                    assert_eq!(&read, &clean, "the content that is kept");
                    assert!(!read.is_empty() && read.len() <= CONTENT_BYTES);
                }
            }
        }
    }
}

/// Returns what an object is answered with, as section 3 has it: `Err` with the code of the error.
pub fn expected(json: &Value) -> Result<&'static str, &'static str> {
    let is_text = |name: &str| json[name].is_null() || json[name].is_string();
    let is_integer = |name: &str| json[name].is_null() || integer(json, name).is_some();
    match &json["type"] {
        Value::String(kind) if kind == "ack" => {
            integer(json, "seq").filter(|seq| *seq >= 0).map(|_| "ack").ok_or("malformed")
        }
        Value::String(kind) if kind == "auth" => Err("malformed"),
        Value::String(kind) if kind != "message" => Err("unknown_type"),
        Value::Null | Value::String(_) => {
            let texts = ["id", "from", "to", "content", "expires_at", "delivery_type"];
            if !texts.into_iter().all(is_text) || !is_integer("ttl_s") {
                Err("malformed")
            } else if json["id"].as_str().is_some_and(|id| !is_id(id)) {
                Err("invalid_id")
            } else {
                Ok("message")
            }
        }
        _ => Err("malformed"),
    }
}
