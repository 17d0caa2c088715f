//! The rules of a session, one by one. That no text gets around them is
//! `tests/session_properties.rs`'s matter.

use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

use super::*;
use crate::protocol::{MINUTE_MS, Millis, WallTime};
use crate::store::{
    Accepted, AcknowledgeError, EscapedContent, JoinError, NewMessage, QuotaExceeded, SessionEnd, SubmitError,
};

const NOW: Millis = Millis(5_000_000);
/// 2026-01-02T12:00:00Z.
const WALL: WallTime = WallTime(1_767_355_200_000);
const CLOCKS: ClockReading = ClockReading { steady: NOW, wall: WALL, resolution_ms: MINUTE_MS };
const HOST: &str = "example.onion";

fn key() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

fn own() -> Fingerprint {
    Fingerprint::from(&key().verifying_key())
}

fn challenged() -> AwaitingAuth {
    AwaitingAuth {
        claimed: Some(key().verifying_key()),
        host: HOST.to_owned(),
        challenge: Challenge { nonce: [9; 32] },
    }
}

fn answer(frame: &Value) -> Result<Established, CloseReason> {
    challenged().answer(&frame.to_string(), &Config::default())
}

fn session() -> Established {
    Established { fingerprint: own(), receipts: true, window: 32 }
}

/// Returns the verdict on a message to oneself with these fields besides.
fn verdict(fields: Value, rules: &Config) -> Result<NewMessage<'static>, ErrorCode> {
    let mut frame = json!({"to": own(), "content": "hello"});
    frame.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let text = frame.to_string().leak();
    match session().on_text(text, rules, &CLOCKS) {
        Action::Submit(Submission { verdict, .. }) => verdict.map_err(|refusal| refusal.code),
        other => panic!("{other:?}"),
    }
}

fn reply(frame: &Value) -> Value {
    match session().on_text(&frame.to_string(), &Config::default(), &CLOCKS) {
        Action::Reply(reply) => {
            let frame: Value = serde_json::from_str(&reply.frame).unwrap();
            assert_eq!(frame["code"], serde_json::to_value(reply.error).unwrap());
            frame
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_frame_is_the_challenge_of_the_specification() {
    let frame: Value = serde_json::from_str(&challenged().first_frame(Duration::from_secs(10))).unwrap();
    let nonce = "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk";
    assert_eq!(frame, json!({"type": "challenge", "nonce": nonce, "server": HOST, "version": 1, "timeout_ms": 10000}));
}

#[test]
fn anything_but_an_answer_to_the_challenge_ends_the_session() {
    for frame in [json!({"to": own(), "content": "hello"}), json!({"type": "ack", "seq": 1}), json!([]), json!({})] {
        assert_eq!(answer(&frame).err(), Some(CloseReason::AuthRequired), "{frame}");
    }
    assert_eq!(answer(&json!({"type": "auth"})).err(), Some(CloseReason::AuthFailed), "no signature");
}

#[test]
fn only_a_signature_by_this_key_for_this_host_and_this_challenge_counts() {
    let challenge = Challenge { nonce: [9; 32] };
    let other = SigningKey::from_bytes(&[2; 32]);
    let good = challenge.sign(HOST, &key());
    assert!(answer(&json!({"type": "auth", "signature": good})).is_ok());
    for bad in [
        challenge.sign("other.onion", &key()),
        challenge.sign(HOST, &other),
        Challenge { nonce: [8; 32] }.sign(HOST, &key()),
        format!("{good}="),
    ] {
        assert_eq!(answer(&json!({"type": "auth", "signature": bad})).err(), Some(CloseReason::AuthFailed));
    }
}

#[test]
fn the_answer_names_the_identity_where_the_url_does_not_and_never_another_one() {
    let challenge = Challenge { nonce: [9; 32] };
    let other = SigningKey::from_bytes(&[2; 32]);
    let good = challenge.sign(HOST, &key());
    let wrong = challenge.sign(HOST, &other);
    let others = Fingerprint::from(&other.verifying_key());
    let answer = |claimed: bool, fingerprint: &Value, signature: &str| {
        let mut session = challenged();
        session.claimed = session.claimed.filter(|_| claimed);
        let frame = json!({"type": "auth", "fingerprint": fingerprint, "signature": signature}).to_string();
        session.answer(&frame, &Config::default()).map(|session| session.fingerprint)
    };
    let own_name = json!(own());
    let others_name = json!(others);
    let capitals = json!(own().to_string().to_uppercase());
    for (claimed, named, signature, outcome) in [
        (false, &own_name, &good, Ok(own())),
        (false, &capitals, &good, Ok(own())),
        (false, &others_name, &wrong, Ok(others)),
        (false, &own_name, &wrong, Err(CloseReason::AuthFailed)),
        (false, &others_name, &good, Err(CloseReason::AuthFailed)),
        (false, &Value::Null, &good, Err(CloseReason::AuthRequired)),
        (false, &json!(""), &good, Err(CloseReason::AuthRequired)),
        (false, &json!(7), &good, Err(CloseReason::AuthRequired)),
        // Of small order: no key.
        (false, &json!("00".repeat(32)), &good, Err(CloseReason::AuthRequired)),
        (true, &own_name, &good, Ok(own())),
        (true, &others_name, &wrong, Err(CloseReason::AuthFailed)),
        (true, &others_name, &good, Err(CloseReason::AuthFailed)),
        (true, &json!("nobody"), &good, Err(CloseReason::AuthRequired)),
    ] {
        assert_eq!(answer(claimed, named, signature), outcome, "{claimed} {named}");
    }
}

#[test]
fn the_window_is_cut_to_the_servers_own_and_is_at_least_one() {
    let signature = Challenge { nonce: [9; 32] }.sign(HOST, &key());
    for (asked, given) in [(json!(null), 32), (json!(0), 1), (json!(-5), 1), (json!(7), 7), (json!(1_000_000), 32)] {
        let session = answer(&json!({"type": "auth", "signature": signature, "window": asked})).unwrap();
        assert_eq!(session.window, given, "{asked}");
    }
}

#[test]
fn receipts_are_given_unless_the_recipient_says_otherwise() {
    let signature = Challenge { nonce: [9; 32] }.sign(HOST, &key());
    for (asked, given) in [(json!(null), true), (json!(true), true), (json!(false), false)] {
        let session = answer(&json!({"type": "auth", "signature": signature, "receipts": asked})).unwrap();
        assert_eq!(session.receipts, given, "{asked}");
    }
}

#[test]
fn the_limits_are_those_of_this_session() {
    let limits = Config::default().limits(&store::Config::default(), 5);
    assert_eq!(
        serde_json::to_value(limits).unwrap(),
        json!({
            "content_bytes": 65536, "ttl_s": 86400, "max_ttl_s": 604_800, "messages_per_minute": 100, "burst": 64,
            "window": 5, "mailbox_messages": 1000, "mailbox_bytes": 16_777_216
        })
    );
}

#[test]
fn each_rule_that_is_broken_has_its_code() {
    use ErrorCode as Code;
    let rules = Config { content_bytes: 5, ..Config::default() };
    for (fields, code) in [
        (json!({"from": "f".repeat(64)}), Code::FromMismatch),
        (json!({"from": ""}), Code::FromMismatch),
        (json!({"to": null}), Code::InvalidRecipient),
        (json!({"to": "nobody"}), Code::InvalidRecipient),
        (json!({"content": null}), Code::ContentEmpty),
        (json!({"content": ""}), Code::ContentEmpty),
        (json!({"content": "\u{202e}"}), Code::ContentEmpty),
        (json!({"content": "éé12"}), Code::ContentTooLarge),
        (json!({"delivery_type": "stored"}), Code::UnsupportedDeliveryType),
        (json!({"ttl_s": 5, "expires_at": "2026-01-02T13:00:00Z"}), Code::Malformed),
        (json!({"expires_at": "tomorrow"}), Code::Malformed),
        (json!({"expires_at": "2026-01-02T12:00:00Z"}), Code::AlreadyExpired),
        (json!({"ttl_s": 0}), Code::AlreadyExpired),
        (json!({"ttl_s": -1}), Code::AlreadyExpired),
    ] {
        assert_eq!(verdict(fields.clone(), &rules).err(), Some(code), "{fields}");
    }
    assert!(verdict(json!({}), &rules).is_ok(), "the bound itself is allowed");
    let reject = Config { sanitize: Sanitize::Reject, ..Config::default() };
    assert_eq!(verdict(json!({"content": "\u{202e}"}), &reject).err(), Some(Code::InvalidContent));
}

#[test]
fn the_time_in_force_is_the_one_asked_for_cut_to_the_longest_there_is() {
    for (fields, seconds) in [
        (json!({}), 86400),
        (json!({"ttl_s": 1}), 1),
        (json!({"ttl_s": i64::MAX}), 604_800),
        (json!({"expires_at": "2026-01-02T13:00:00+00:30"}), 1800),
        (json!({"expires_at": "9999-12-31T23:59:59Z"}), 604_800),
    ] {
        let message = verdict(fields.clone(), &Config::default()).unwrap();
        assert_eq!(message.expires_at, NOW.plus(1000 * seconds), "{fields}");
    }
}

#[test]
fn fingerprints_are_folded_where_they_are_read() {
    let upper = own().to_string().to_uppercase();
    assert_eq!(verdict(json!({"to": upper, "from": upper}), &Config::default()).unwrap().to, own());
}

#[test]
fn content_is_kept_as_the_inside_of_a_json_string_that_is_overwritten_when_it_is_dropped() {
    fn is_overwritten_when_dropped<T: zeroize::ZeroizeOnDrop>(_: &T) {}
    let message = verdict(json!({"content": "\"a\\b\"\n\u{0}\r\t/🦀"}), &Config::default()).unwrap();
    let EscapedContent::Owned(content) = message.escaped_content else { panic!("{message:?}") };
    assert_eq!(**content, *"\\\"a\\\\b\\\"\\n\\r\\t/🦀");
    is_overwritten_when_dropped(&content);
    assert_eq!(content.capacity(), content.len(), "it has not grown out of another place");
}

#[test]
fn content_that_is_kept_as_it_came_is_not_copied_before_it_is() {
    for content in ["hello", "שלום 🦀", "-_AZaz09"] {
        let text = json!({"to": own(), "content": content}).to_string();
        let Action::Submit(submission) = session().on_text(&text, &Config::default(), &CLOCKS) else {
            panic!("{text}")
        };
        let message = submission.verdict.unwrap();
        assert!(matches!(message.escaped_content, EscapedContent::Borrowed(same) if same == content), "{content}");
    }
    for content in ["line\nbreak", "\u{202e}left", "a\"b"] {
        let message = verdict(json!({"content": content}), &Config::default()).unwrap();
        assert!(matches!(message.escaped_content, EscapedContent::Owned(_)), "{content}");
    }
}

#[test]
fn a_message_without_an_id_gets_a_random_one() {
    let frame = json!({"to": own(), "content": "hello"}).to_string();
    let id = || match session().on_text(&frame, &Config::default(), &CLOCKS) {
        Action::Submit(Submission { id, .. }) => id.into_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(id().len(), 36, "a UUID");
    assert_ne!(id(), id());
}

#[test]
fn an_error_carries_the_id_of_the_frame_whatever_its_type() {
    for (frame, code) in [
        (json!({"type": "auth", "signature": "", "id": "i-1"}), "malformed"),
        (json!({"type": "ack", "id": "i-1"}), "malformed"),
        (json!({"type": "welcome", "id": "i-1"}), "unknown_type"),
        (json!({"to": 5, "id": "i-1"}), "malformed"),
    ] {
        let reply = reply(&frame);
        assert_eq!((&reply["code"], &reply["id"]), (&json!(code), &json!("i-1")), "{frame}");
    }
    let text = json!({"type": "ack", "seq": 5, "id": "i-1"}).to_string();
    let action = session().on_text(&text, &Config::default(), &CLOCKS);
    assert!(matches!(action, Action::Acknowledge(Acknowledgement { seq: 5, id: Some(id) }) if id == "i-1"));
}

#[test]
fn an_id_that_is_not_well_formed_is_not_repeated() {
    assert_eq!(reply(&json!({"id": "a b", "to": own(), "content": "hello"}))["code"], "invalid_id");
    assert_eq!(reply(&json!({"id": "a b", "type": "auth", "signature": ""})).get("id"), None);
}

#[test]
fn the_largest_message_fits_into_the_largest_frame_however_it_is_written() {
    let rules = Config { content_bytes: 1000, ..Config::default() };
    let content = "\\u0061".repeat(rules.content_bytes);
    let frame = format!(
        r#"{{"type":"message","id":"{}","from":"{own}","to":"{own}","content":"{content}","timestamp":"{time}",
        "expires_at":"{time}","delivery_type":"direct"}}"#,
        "i".repeat(64),
        own = own(),
        time = "2026-01-02T13:00:00.000000000+00:00",
    );
    assert!(frame.len() <= rules.frame_bytes());
    let Action::Submit(submission) = session().on_text(&frame, &rules, &CLOCKS) else { panic!("not a message") };
    assert_eq!(submission.verdict.unwrap().escaped_content.len(), rules.content_bytes);
}

#[test]
fn a_time_that_the_sender_wrote_is_kept_for_the_answer_unless_it_is_cut() {
    let given = |fields| verdict(fields, &Config::default()).unwrap().given;
    assert_eq!(given(json!({})), None);
    assert_eq!(given(json!({"ttl_s": 60})), None);
    assert_eq!(given(json!({"expires_at": "2026-01-02T12:00:01.234567Z"})), Some(WALL.plus(1234)));
    assert_eq!(given(json!({"expires_at": "2026-01-09T12:00:00Z"})), Some(WALL.plus(604_800_000)));
    assert_eq!(given(json!({"expires_at": "2026-01-09T12:00:00.001Z"})), None, "cut");
}

/// Returns a message frame that has been looked at.
fn submission(text: &str) -> Submission<'_> {
    match session().on_text(text, &Config::default(), &CLOCKS) {
        Action::Submit(submission) => submission,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_comes_of_a_message_is_answered_or_ends_the_session() {
    let text = json!({"id": "i-1", "to": own(), "content": "hello"}).to_string();
    let answer = |outcome| submission(&text).answer(outcome, &CLOCKS);
    let json = |outcome| -> Value { serde_json::from_str(&answer(outcome).unwrap().frame).unwrap() };
    for (at, draw, written) in [
        (NOW.plus(60_000), 0, "2026-01-02T12:01:00.000Z"),
        (NOW.plus(61_000), u32::MAX, "2026-01-02T12:01:00.000Z"),
        (NOW.plus(61_000), 0, "2026-01-02T12:02:00.000Z"),
    ] {
        let accepted = Accepted { expires_at: WireTime::Own { at, draw }, duplicate: false, delivered: false };
        let expected = json!({"type": "accepted", "id": "i-1", "expires_at": written, "duplicate": false});
        assert_eq!(json(Ok(accepted)), expected);
    }
    let given = Accepted { expires_at: WireTime::Given(WALL.plus(1234)), duplicate: true, delivered: false };
    assert_eq!(json(Ok(given))["expires_at"], "2026-01-02T12:00:01.234Z");
    for (error, code) in [
        (SubmitError::Draining, "draining"),
        (SubmitError::NoMessage, "internal"),
        (SubmitError::NotAKey, "invalid_recipient"),
        (SubmitError::Quota(QuotaExceeded::Mailbox), "mailbox_full"),
        (SubmitError::Quota(QuotaExceeded::Sender), "sender_quota"),
        (SubmitError::Quota(QuotaExceeded::Store), "store_full"),
    ] {
        let frame = json(Err(error));
        assert_eq!((&frame["code"], &frame["id"]), (&json!(code), &json!("i-1")), "{error:?}");
        assert_eq!(serde_json::to_value(answer(Err(error)).unwrap().error).unwrap(), code);
    }
    let limited = json(Err(SubmitError::RateLimited { wait_ms: 600 }));
    assert_eq!((&limited["code"], &limited["retry_after_ms"]), (&json!("rate_limited"), &json!(600)));
    let replaced = answer(Err(SubmitError::Ended(SessionEnd::Replaced)));
    assert_eq!(replaced.err(), Some(CloseReason::Replaced));
}

#[test]
fn a_refused_message_whose_id_is_new_is_answered_with_its_own_fault() {
    let text = json!({"id": "i-1", "to": own(), "content": ""}).to_string();
    let reply = submission(&text).answer(Err(SubmitError::NoMessage), &CLOCKS).unwrap();
    assert_eq!(reply.error, Some(ErrorCode::ContentEmpty));
    let unnamed = json!({"to": own(), "content": ""}).to_string();
    let reply = submission(&unnamed).answer(Err(SubmitError::NoMessage), &CLOCKS).unwrap();
    assert!(!reply.frame.contains("\"id\""), "{}", reply.frame);
}

#[test]
fn only_an_acknowledgement_that_is_wrong_is_answered() {
    let acknowledgement = Acknowledgement { seq: 5, id: Some("i-1".into()) };
    assert!(acknowledgement.answer(Ok(())).unwrap().is_none());
    let reply = acknowledgement.answer(Err(AcknowledgeError::NeverDelivered)).unwrap().unwrap();
    assert_eq!(reply.error, Some(ErrorCode::Malformed));
    assert!(reply.frame.contains(r#""id":"i-1""#), "{}", reply.frame);
    let over = acknowledgement.answer(Err(AcknowledgeError::Ended(SessionEnd::TooSlow)));
    assert_eq!(over.err(), Some(CloseReason::TooSlow));
}

#[test]
fn a_session_that_cannot_begin_or_go_on_is_closed_with_the_reason() {
    assert_eq!(CloseReason::from(JoinError::Overloaded), CloseReason::Overloaded);
    assert_eq!(CloseReason::from(JoinError::Draining), CloseReason::Draining);
    assert_eq!(CloseReason::from(SessionEnd::Draining), CloseReason::Draining);
}

#[test]
fn welcome_and_receipts_tell_the_time_to_the_minute() {
    let at = WireTime::Own { at: NOW.plus(30_000), draw: 0 };
    let beginning = Beginning { epoch: "e", pending: 7, at, bounds: store::Config::default(), nodes: None };
    let welcome = session().welcome(&Config::default(), &beginning, &CLOCKS);
    let welcome: Value = serde_json::from_str(&welcome).unwrap();
    assert_eq!(welcome["server_time"], "2026-01-02T12:01:00.000Z");
    assert_eq!((&welcome["pending"], &welcome["epoch"]), (&json!(7), &json!("e")));
    let receipt = store::Receipt { id: "i-1".into(), to: own(), status: crate::protocol::ReceiptStatus::Expired, at };
    let frame: Value = serde_json::from_str(&Established::frame(&Delivery::Receipt(receipt), &CLOCKS)).unwrap();
    let expected = json!({
        "type": "receipt", "id": "i-1", "to": own().to_string(), "status": "expired", "at": "2026-01-02T12:01:00.000Z"
    });
    assert_eq!(frame, expected);
    assert_eq!(Established::frame(&Delivery::Mailbox(Next::CaughtUp), &CLOCKS), CAUGHT_UP);
}
