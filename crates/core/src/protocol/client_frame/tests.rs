//! Frames of every shape.

use super::*;

fn code(text: &str) -> ErrorCode {
    ClientFrame::parse(text).expect_err(text).code
}

fn message(text: &str) -> MessageFrame<'_> {
    match ClientFrame::parse(text) {
        Ok(ClientFrame::Message(frame)) => frame,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_frame_without_a_type_is_a_message() {
    let frame = message(r#"{"to":"t","content":"c"}"#);
    assert_eq!((frame.to.as_deref(), frame.content.as_deref()), (Some("t"), Some("c")));
    assert_eq!(message(r#"{"type":"message","id":"7c1e"}"#).id.as_deref(), Some("7c1e"));
}

#[test]
fn text_without_escapes_is_borrowed_and_escapes_are_read() {
    assert!(matches!(message(r#"{"content":"plain"}"#).content, Some(Cow::Borrowed("plain"))));
    assert_eq!(message(r#"{"content":"\u0041\n\ud83e\udd80","t\u006f":"x"}"#).content.as_deref(), Some("A\n🦀"));
    assert_eq!(message(r#"{"t\u006f":"x"}"#).to.as_deref(), Some("x"));
}

#[test]
fn null_is_absent() {
    let frame = message(r#"{"type":null,"id":null,"to":null,"content":null,"ttl_s":null,"delivery_type":null}"#);
    assert_eq!((frame.id, frame.to, frame.content, frame.ttl_s), (None, None, None, None));
}

#[test]
fn what_is_not_an_object_is_malformed() {
    for text in [
        "",
        " ",
        "null",
        "1",
        "[]",
        "\"x\"",
        "{",
        "{}}",
        "{\"to\"}",
        "{'to':1}",
        "{\"to\":1,}",
        "nonsense",
        "{}{}",
        "\u{feff}{}",
        "{\"content\":\"a\u{1}b\"}",
        "{\"content\":\"\\x\"}",
        "{\"ttl_s\":01}",
        "{\"ttl_s\":+1}",
        "{\"ttl_s\":NaN}",
        "{1:2}",
        "{\"to\":\"a\",\"to\":\"b\"}",
    ] {
        assert_eq!(code(text), ErrorCode::Malformed, "{text}");
    }
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        assert!(ClientFrame::parse(&format!(r#"{{"x":{deep}}}"#)).is_ok(), "an unknown field is ignored");
        let error = ClientFrame::parse(&format!(r#"{{"to":{deep}}}"#)).map(|_| ()).map_err(|error| error.code);
        assert_eq!(error, Err(ErrorCode::Malformed));
        let error = ClientFrame::parse(&open.repeat(100_000)).map(|_| ()).map_err(|error| error.code);
        assert_eq!(error, Err(ErrorCode::Malformed));
    }
}

#[test]
fn a_field_of_the_wrong_type_is_malformed_and_the_id_is_kept() {
    for field in [
        r#""from":1"#,
        r#""to":[]"#,
        r#""content":{"a":[1]}"#,
        r#""expires_at":5"#,
        r#""ttl_s":"5""#,
        r#""ttl_s":1.5"#,
        r#""ttl_s":1e30"#,
        r#""delivery_type":true"#,
        r#""type":7"#,
        r#""to":"a","to":"b""#,
    ] {
        let text = format!(r#"{{{field},"id":"x-1"}}"#);
        let error = ClientFrame::parse(&text).expect_err(&text);
        assert_eq!((error.code, error.id.as_deref()), (ErrorCode::Malformed, Some("x-1")), "{text}");
    }
    assert_eq!(code(r#"{"id":5}"#), ErrorCode::Malformed);
}

#[test]
fn a_field_of_another_frames_is_ignored_whatever_its_type() {
    let ack = ClientFrame::parse(r#"{"type":"ack","seq":17,"content":5,"id":[]}"#);
    assert_eq!(ack, Ok(ClientFrame::Ack { seq: 17, id: None }));
    assert!(message(r#"{"seq":"x","window":[],"signature":1,"content":"c"}"#).content.is_some());
}

#[test]
fn an_id_is_1_to_64_of_its_alphabet() {
    for id in ["a", "A-Z_09", &"x".repeat(64)] {
        assert_eq!(message(&format!(r#"{{"id":"{id}"}}"#)).id.as_deref(), Some(id));
    }
    for id in ["", "a b", "a.b", "é", &"x".repeat(65)] {
        assert_eq!(code(&format!(r#"{{"id":"{id}"}}"#)), ErrorCode::InvalidId, "{id}");
    }
}

#[test]
fn an_unknown_type_is_told_apart_also_when_it_is_the_servers_own() {
    for kind in ["", "hello", "welcome", "challenge", "accepted", "receipt", "error", "caught_up", "MESSAGE"] {
        assert_eq!(code(&format!(r#"{{"type":"{kind}"}}"#)), ErrorCode::UnknownType, "{kind}");
    }
}

#[test]
fn an_ack_needs_a_sequence_number() {
    for text in [
        r#"{"type":"ack"}"#,
        r#"{"type":"ack","seq":-1}"#,
        r#"{"type":"ack","seq":"1"}"#,
        r#"{"type":"ack","seq":1.5}"#,
    ] {
        assert_eq!(code(text), ErrorCode::Malformed, "{text}");
    }
}

#[test]
fn an_auth_frame_may_leave_out_all_but_its_signature() {
    let Ok(ClientFrame::Auth(frame)) = ClientFrame::parse(r#"{"type":"auth","signature":"s"}"#) else { panic!() };
    assert_eq!((frame.signature.as_ref(), frame.receipts, frame.window), ("s", true, None));
    let text = r#"{"type":"auth","signature":"s","receipts":false,"window":99999999999,"extra":{}}"#;
    let Ok(ClientFrame::Auth(frame)) = ClientFrame::parse(text) else { panic!() };
    assert_eq!((frame.receipts, frame.window), (false, Some(u32::MAX)));
    assert_eq!(frame.fingerprint, None);
    let text = r#"{"type":"auth","fingerprint":"f","signature":"s"}"#;
    let Ok(ClientFrame::Auth(frame)) = ClientFrame::parse(text) else { panic!() };
    assert_eq!(frame.fingerprint.as_deref(), Some("f"));
    assert_eq!(code(r#"{"type":"auth","signature":"s","receipts":"no"}"#), ErrorCode::Malformed);
    assert_eq!(code(r#"{"type":"auth","signature":"s","fingerprint":1}"#), ErrorCode::Malformed);
}

#[test]
fn a_number_without_a_fraction_is_an_integer_however_it_is_written() {
    for (written, expected) in [
        ("3600", 3600),
        ("3600.0", 3600),
        ("3600.000", 3600),
        ("36e2", 3600),
        ("3.6E+3", 3600),
        ("-0.0", 0),
        ("-1.0", -1),
        ("9007199254740992.0", 1 << 53),
        ("18446744073709551615", i64::MAX),
    ] {
        assert_eq!(message(&format!(r#"{{"ttl_s":{written}}}"#)).ttl_s, Some(expected), "{written}");
    }
    for not_one in ["3600.5", "1e-3", "9007199254740994.0", "1e30", "1e400", "-1e400", "\"3600\""] {
        assert_eq!(code(&format!(r#"{{"ttl_s":{not_one}}}"#)), ErrorCode::Malformed, "{not_one}");
    }
    let ack = ClientFrame::parse(r#"{"type":"ack","seq":17.0}"#);
    assert_eq!(ack, Ok(ClientFrame::Ack { seq: 17, id: None }));
    let Ok(ClientFrame::Auth(auth)) = ClientFrame::parse(r#"{"type":"auth","window":8.0}"#) else { panic!() };
    assert_eq!(auth.window, Some(8));
}

#[test]
fn half_of_a_surrogate_pair_is_the_fault_of_its_field_and_of_no_other() {
    for half in
        [r"\ud83d", r"\uDC00", r"\udc00\ud800", r"\ud800\ud800", r"x\udbffx", r"\ud800\n", r"\ud83d\ud83e\udd80"]
    {
        let text = format!(r#"{{"id":"x-1","content":"{half}","to":"t"}}"#);
        let frame = message(&text);
        assert_eq!((frame.id.as_deref(), frame.to.as_deref()), (Some("x-1"), Some("t")), "{half}");
        assert!(frame.content_is_torn, "{half}");
        for name in ["x", "timestamp", "signature"] {
            let text = format!(r#"{{"{name}":"{half}","y":[{{"z{half}":"{half}"}}],"content":"\ud83e\udd80"}}"#);
            let frame = message(&text);
            assert_eq!((frame.content.as_deref(), frame.content_is_torn), (Some("🦀"), false), "{text}");
        }
        assert_eq!(code(&format!(r#"{{"type":"{half}"}}"#)), ErrorCode::UnknownType);
        assert_eq!(code(&format!(r#"{{"id":"{half}"}}"#)), ErrorCode::InvalidId);
        assert_eq!(code(&format!(r#"{{"ttl_s":"{half}"}}"#)), ErrorCode::Malformed);
        assert_eq!(message(&format!(r#"{{"{half}":1,"to":"t"}}"#)).to.as_deref(), Some("t"), "an unknown field");
    }
    assert!(!message(r#"{"content":"\\ud800 \ufffd"}"#).content_is_torn, "no half: a backslash and letters");
    assert!(!message(r#"{"content":"\"","x":"\ud800"}"#).content_is_torn, "a quote does not end it");
}

#[test]
fn a_number_beyond_every_float_is_the_fault_of_its_field_and_of_no_other() {
    for number in ["1e400", "-1e400", "1.5E+999", &format!("{}.0", "9".repeat(400)), &"9".repeat(400)] {
        for name in ["ttl_s", "to", "content"] {
            let text = format!(r#"{{"{name}":{number},"id":"x-1"}}"#);
            let error = ClientFrame::parse(&text).expect_err(&text);
            assert_eq!((error.code, error.id.as_deref()), (ErrorCode::Malformed, Some("x-1")), "{text}");
            assert!(error.message.contains(name), "{} names another field", error.message);
        }
        let text = format!(r#"{{"x":{number},"y":[{number}],"ttl_s":5}}"#);
        assert_eq!(message(&text).ttl_s, Some(5));
    }
}
