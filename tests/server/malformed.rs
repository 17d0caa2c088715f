//! Text frames that are not what they should be. The session goes on.

use ephemeral::events::Kind;
use ephemeral_core::limits;
use ephemeral_test_support::rig::{Options, Rig, fingerprint, lenient, message};
use serde_json::{Value, json};

/// Returns what a session answers to each of these frames; it goes on after every one.
async fn codes(frames: &[String]) -> Vec<Value> {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let mut codes = Vec::new();
    for frame in frames {
        alice.send_text(frame).await;
        let answer = alice.next().await;
        assert!(answer["message"].as_str().is_some_and(|sentence| sentence.contains(' ')), "{answer} to {frame:.80}");
        codes.push(answer["code"].clone());
    }
    alice.sends("m", 2, "the session goes on").await;
    alice.hears_nothing().await;
    assert_eq!(rig.waiting(), 1);
    codes
}

async fn assert_all(code: &str, frames: &[String]) {
    for (answer, frame) in codes(frames).await.iter().zip(frames) {
        assert_eq!(answer, code, "to {frame:.80}");
    }
}

fn to(rest: &str) -> String {
    format!(r#"{{"to":"{}",{rest}}}"#, fingerprint(2))
}

#[tokio::test(start_paused = true)]
async fn what_is_not_a_json_object_is_malformed() {
    let bad = [
        "",
        " ",
        "null",
        "true",
        "1",
        "\"x\"",
        "[]",
        "[{}]",
        "{",
        "}",
        "{}}",
        "{}{}",
        "{} {}",
        "{\"to\"}",
        "{\"to\":}",
        "{'to':1}",
        "{to:1}",
        "{\"to\":1,}",
        "{,}",
        "{1:2}",
        "nonsense",
        "\u{feff}{}",
        "//{}",
        "{}\0",
        "{\"ttl_s\":01}",
        "{\"ttl_s\":+1}",
        "{\"ttl_s\":NaN}",
        "{\"ttl_s\":Infinity}",
        "{\"ttl_s\":1e}",
        "{\"ttl_s\":.5}",
        "{\"x\":tru}",
        "{\"content\":\"\u{1}\"}",
        "{\"content\":\"\n\"}",
        "{\"content\":\"\\x\"}",
        "{\"content\":\"\\u12\"}",
        "{\"content\":\"",
        "{\"content\":\"\\\"}",
    ];
    assert_all("malformed", &bad.map(str::to_owned)).await;
}

#[tokio::test(start_paused = true)]
async fn content_with_half_of_a_surrogate_pair_is_refused_as_that_and_is_no_strike() {
    let bad = [r"\ud800", r"\udc00", r"\udc00\ud800", r"\ud800\ud800", r"x\udbffx", r"\ud800\n"];
    assert_all("invalid_content", &bad.map(|content| to(&format!(r#""content":"{content}""#)))).await;
    let policy = limits::Config { strikes: 3, ..lenient() };
    let mut rig = Rig::with(Options { policy, ..Options::default() });
    let mut alice = rig.login(1).await;
    for _ in 0..20 {
        alice.send_text(&to(r#""content":"x\ud83d","id":"abc1""#)).await;
        let answer = alice.next().await;
        assert_eq!((&answer["code"], &answer["id"]), (&json!("invalid_content"), &json!("abc1")));
        assert!(answer["message"].as_str().unwrap().contains("`content`"), "{answer}");
    }
    assert_eq!(rig.events(Kind::Malformed), 0);
    assert_eq!(alice.refused(&message("abc1", 2, "")).await, "content_empty", "nothing of it was kept");
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let mut bob = rig.login(2).await;
    alice.send_text(&to(r#""content":"\ud83e\udd80","id":"pair""#)).await;
    assert_eq!(alice.next().await["type"], "accepted");
    assert_eq!(bob.receives("pair").await["content"], "🦀");
}

#[tokio::test(start_paused = true)]
async fn a_field_of_the_wrong_type_is_malformed() {
    let values = ["1", "true", "[]", "{}", "[\"x\"]", "1.5"];
    for field in ["id", "from", "content", "expires_at", "delivery_type", "type"] {
        assert_all("malformed", &values.map(|value| to(&format!(r#""{field}":{value}"#)))).await;
    }
    assert_all("malformed", &values.map(|value| format!(r#"{{"to":{value}}}"#))).await;
    let integers = ["\"1\"", "1.5", "1e-3", "1e400", "true", "[]", "{}", "123456789012345678901234567890"];
    assert_all("malformed", &integers.map(|value| to(&format!(r#""content":"hi","ttl_s":{value}"#)))).await;
}

#[tokio::test(start_paused = true)]
async fn a_known_field_that_stands_there_twice_is_malformed_and_an_unknown_one_is_not() {
    let twice = [r#""content":"a","content":"a""#, r#""content":"a","to":"x""#, r#""type":"message","type":"message""#];
    assert_all("malformed", &twice.map(to)).await;
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    alice.send_text(&to(r#""content":"hi","x":1,"x":2"#)).await;
    assert_eq!(alice.next().await["type"], "accepted");
}

#[tokio::test(start_paused = true)]
async fn a_field_that_is_null_is_absent() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let nulls =
        r#""type":null,"id":null,"from":null,"timestamp":null,"expires_at":null,"ttl_s":null,"delivery_type":null"#;
    alice.send_text(&to(&format!(r#"{nulls},"content":"hi""#))).await;
    assert_eq!(alice.next().await["type"], "accepted");
    assert_eq!(alice.refused(&json!({"to": fingerprint(2), "content": null})).await, "content_empty");
    assert_eq!(alice.refused(&json!({"to": null, "content": "hi"})).await, "invalid_recipient");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_type_is_told_apart_also_when_it_is_the_servers_own() {
    let types = [
        "",
        "hello",
        "Message",
        "ACK",
        "challenge",
        "welcome",
        "accepted",
        "error",
        "receipt",
        "caught_up",
        "message ",
    ];
    assert_all("unknown_type", &types.map(|kind| to(&format!(r#""content":"hi","type":"{kind}""#)))).await;
}

#[tokio::test(start_paused = true)]
async fn fields_that_belong_to_another_frame_are_ignored() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    alice.send_text(&to(r#""content":"hi","seq":"x","window":[],"receipts":5,"signature":{},"timestamp":7"#)).await;
    assert_eq!(alice.next().await["type"], "accepted");
    alice.sends("note", 1, "hi").await;
    let note = alice.receives("note").await;
    alice.send(&json!({"type": "ack", "seq": note["seq"], "content": 5, "to": [], "id": {}})).await;
    assert_eq!(alice.next().await["type"], "receipt");
}

#[tokio::test(start_paused = true)]
async fn deep_nesting_neither_harms_nor_counts_where_it_is_ignored() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = |depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
        let unfinished = format!("{{\"x\":{}", open.repeat(60_000));
        assert_all("malformed", &[unfinished, to(&format!(r#""content":{}"#, deep(60_000)))]).await;
        let mut rig = Rig::new();
        let mut alice = rig.login(1).await;
        alice.send_text(&to(&format!(r#""content":"hi","x":{}"#, deep(50_000)))).await;
        assert_eq!(alice.next().await["type"], "accepted");
    }
}

#[tokio::test(start_paused = true)]
async fn escapes_in_names_and_values_are_read() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let mut bob = rig.login(2).await;
    let frame = to(r#""c\u006fntent":"\u0041\t\/\"\\","\u0069d":"\u006d","type":"mess\u0061ge""#);
    alice.send_text(&frame).await;
    assert_eq!(alice.next().await["id"], "m");
    assert_eq!(bob.receives("m").await["content"], "A\t/\"\\");
    assert_eq!(alice.ask(&message("m", 2, "x")).await["duplicate"], json!(true));
}

#[tokio::test(start_paused = true)]
async fn a_number_that_is_too_large_is_the_fault_of_its_field() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    alice.send_text(&to(r#""content":"hi","ttl_s":1e400,"id":"m""#)).await;
    let answer = alice.next().await;
    assert_eq!((&answer["code"], &answer["id"]), (&json!("malformed"), &json!("m")));
    assert!(answer["message"].as_str().unwrap().contains("`ttl_s`"), "{answer}");
    alice.send_text(&to(r#""content":"hi","x":1e400,"id":"m""#)).await;
    assert_eq!(alice.next().await["type"], "accepted", "an unknown field is ignored");
}

#[tokio::test(start_paused = true)]
async fn numbers_and_times_of_other_languages_are_read() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    for (fields, expires_at) in [
        (r#""ttl_s":3600.0"#, "2026-01-02T13:00:00.000Z"),
        (r#""ttl_s":36e2"#, "2026-01-02T13:00:00.000Z"),
        (r#""expires_at":"2026-01-02T13:00:00.123456789012Z""#, "2026-01-02T13:00:00.123Z"),
    ] {
        alice.send_text(&to(&format!(r#""content":"hi",{fields}"#))).await;
        assert_eq!(alice.next().await["expires_at"], expires_at, "{fields}");
    }
    alice.sends("note", 1, "hi").await;
    let note = alice.receives("note").await;
    alice.send_text(&format!(r#"{{"type":"ack","seq":{}.0}}"#, note["seq"])).await;
    assert_eq!(alice.next().await["type"], "receipt");
}
