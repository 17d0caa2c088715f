//! Fuzzing: one text frame, as a session reads it, before and after it has authenticated.

use ephemeral_core::protocol::{ClientFrame, CloseReason, ErrorCode, Sanitize};
use ephemeral_core::session::Action;
use serde_json::Value;

use crate::session_rules::{
    CLOCKS, challenged, challenged_nameless, check_action, expected, good_signature, is_id, own, rules, session,
};

/// Panics where what the server makes of it breaks the protocol.
pub fn check(data: &[u8]) {
    // Of other bytes the WebSocket makes no text.
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(error) = ClientFrame::parse(text) {
        assert!(matches!(error.code, ErrorCode::Malformed | ErrorCode::UnknownType | ErrorCode::InvalidId));
        assert!(error.id.as_deref().is_none_or(is_id), "an error carries well-formed ids only");
    }
    for sanitize in [Sanitize::Clean, Sanitize::Reject, Sanitize::Ciphertext] {
        check_action(text, &rules(sanitize));
    }
    check_by_type(text);
    check_auth(text);
}

/// Checks that an object, written anew by another library with every field once, is answered by its
/// type.
fn check_by_type(text: &str) {
    let Ok(json @ Value::Object(_)) = serde_json::from_str::<Value>(text) else { return };
    let answer = match session().on_text(&json.to_string(), &rules(Sanitize::Clean), &CLOCKS) {
        Action::Submit(_) => Ok("message"),
        Action::Acknowledge(_) => Ok("ack"),
        Action::Reply(reply) => {
            let reply: Value = serde_json::from_str(&reply.frame).expect("JSON");
            assert_eq!(reply["id"].as_str(), json["id"].as_str().filter(|id| is_id(id)), "errors carry the id");
            Err(reply["code"].as_str().expect("a code").to_owned())
        }
    };
    assert_eq!(answer, expected(&json).map_err(str::to_owned));
}

/// Checks that only the one right signature, in the one right encoding, establishes a session.
fn check_auth(text: &str) {
    let rules = rules(Sanitize::Clean);
    for awaiting in [challenged(), challenged_nameless()] {
        match awaiting.answer(text, &rules) {
            Ok(session) => {
                assert!(text.contains(good_signature()) || text.contains('\\'), "a signature was forged");
                assert_eq!(session.fingerprint, own(), "who has signed");
                assert!((1..=rules.window).contains(&session.window));
            }
            Err(reason) => assert!(matches!(reason, CloseReason::AuthRequired | CloseReason::AuthFailed)),
        }
    }
}
