//! What a sender may send, and what it is told.

use ephemeral_core::protocol::Sanitize;
use ephemeral_core::session;
use ephemeral_test_support::rig::{Rig, at, fingerprint, message, unlimited};
use serde_json::{Value, json};

const DAY: u64 = 86_400_000;

/// Returns the base frame with some fields set, others removed (null counts as absent).
fn with(fields: &Value) -> Value {
    let mut frame = message("m", 2, "hi");
    frame.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    frame
}

#[tokio::test(start_paused = true)]
async fn only_to_and_content_are_required_and_the_server_makes_the_id() {
    let (_rig, mut alice, mut bob) = Rig::with_two(unlimited()).await;
    let mut ids = Vec::new();
    for frame in [
        json!({"to": fingerprint(2), "content": "hi"}),
        json!({"type": "message", "to": fingerprint(2), "content": "hi", "id": null}),
    ] {
        let answer = alice.ask(&frame).await;
        let id = answer["id"].as_str().unwrap().to_owned();
        assert_eq!(answer, json!({"type": "accepted", "id": id, "expires_at": at(DAY), "duplicate": false}));
        assert!(
            id.len() == 36 && id.chars().all(|character| character.is_ascii_hexdigit() || character == '-'),
            "{id}"
        );
        bob.receives(&id).await;
        ids.push(id);
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test(start_paused = true)]
async fn fields_that_the_server_does_not_know_or_sets_itself_are_never_relayed() {
    let (_rig, mut alice, mut bob) = Rig::with_two(unlimited()).await;
    let frame = with(&json!({
        "timestamp": "1999-01-01T00:00:00Z", "seq": 5, "x": {"y": [1]}, "reply_to": "z", "status": "delivered",
        "delivery_type": "direct", "from": fingerprint(1), "signature": "s", "window": 3, "server_time": 7
    }));
    assert_eq!(alice.ask(&frame).await["type"], "accepted");
    let mut received = bob.receives("m").await;
    assert!(received["seq"].take().is_u64());
    assert_eq!(
        received,
        json!({
            "type": "message", "id": "m", "from": fingerprint(1), "to": fingerprint(2), "content": "hi",
            "timestamp": at(0), "expires_at": at(DAY), "delivery_type": "direct", "seq": null
        })
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_message_may_not_be_is_refused_with_its_code_and_its_id() {
    let (rig, mut alice, mut bob) = Rig::with_two(session::Config { content_bytes: 100, ..unlimited() }).await;
    let point = |low: &str| format!("{low}{}", "00".repeat(31));
    for (fields, code) in [
        (json!({"from": fingerprint(2)}), "from_mismatch"),
        (json!({"from": ""}), "from_mismatch"),
        (json!({"from": "me"}), "from_mismatch"),
        (json!({"to": null}), "invalid_recipient"),
        (json!({"to": ""}), "invalid_recipient"),
        (json!({"to": "bob"}), "invalid_recipient"),
        (json!({"to": fingerprint(2) + "0"}), "invalid_recipient"),
        (json!({"to": point("02")}), "invalid_recipient"),
        (json!({"to": point("01")}), "invalid_recipient"),
        (json!({"to": format!("f1{}7f", "ff".repeat(30))}), "invalid_recipient"),
        (json!({"content": null}), "content_empty"),
        (json!({"content": ""}), "content_empty"),
        (json!({"content": "\u{0}\u{202e}"}), "content_empty"),
        (json!({"content": "x".repeat(101)}), "content_too_large"),
        (json!({"content": "é".repeat(51)}), "content_too_large"),
        (json!({"ttl_s": 1, "expires_at": "2026-01-02T13:00:00Z"}), "malformed"),
        (json!({"expires_at": "tomorrow"}), "malformed"),
        (json!({"expires_at": ""}), "malformed"),
        (json!({"expires_at": "2026-01-02T12:00:00Z"}), "already_expired"),
        (json!({"expires_at": "1969-01-01T00:00:00Z"}), "already_expired"),
        (json!({"ttl_s": 0}), "already_expired"),
        (json!({"ttl_s": -1}), "already_expired"),
        (json!({"delivery_type": "stored"}), "unsupported_delivery_type"),
        (json!({"delivery_type": "Direct"}), "unsupported_delivery_type"),
        (json!({"delivery_type": ""}), "unsupported_delivery_type"),
    ] {
        let answer = alice.ask(&with(&fields)).await;
        let sentence = answer["message"].as_str().unwrap_or_default();
        assert!(sentence.contains(' '), "{answer}");
        assert_eq!(answer, json!({"type": "error", "code": code, "message": sentence, "id": "m"}), "{fields}");
    }
    bob.hears_nothing().await;
    assert_eq!((rig.waiting(), rig.hub.figures().1.records), (0, 0), "nothing was kept");
    alice.sends("m", 2, "the id is still free").await;
}

#[tokio::test(start_paused = true)]
async fn an_error_about_a_frame_without_an_id_carries_none() {
    let (_rig, mut alice, _bob) = Rig::with_two(unlimited()).await;
    for frame in [
        json!({"content": "hi"}),
        json!({"to": fingerprint(2)}),
        json!({"to": 5}),
        json!({"type": "hello"}),
        json!({"to": fingerprint(2), "content": "hi", "id": "not well formed"}),
    ] {
        let answer = alice.ask(&frame).await;
        assert_eq!((&answer["type"], answer.get("id")), (&json!("error"), None), "{frame}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_about_any_frame_with_a_well_formed_id_carries_it() {
    let (_rig, mut alice, _bob) = Rig::with_two(unlimited()).await;
    for (frame, code) in [
        (r#"{"type":"hello","id":"f-1"}"#, "unknown_type"),
        (r#"{"type":"welcome","id":"f-1"}"#, "unknown_type"),
        (r#"{"type":5,"id":"f-1"}"#, "malformed"),
        (r#"{"to":5,"id":"f-1"}"#, "malformed"),
        (r#"{"id":"f-1","to":"a","to":"b"}"#, "malformed"),
        (r#"{"to":"a","to":"b","id":"f-1"}"#, "malformed"),
        (r#"{"type":"ack","id":"f-1"}"#, "malformed"),
        (r#"{"type":"ack","id":"f-1","seq":9007199254740991}"#, "malformed"),
        (r#"{"type":"auth","id":"f-1","signature":"s"}"#, "malformed"),
        (r#"{"type":"auth","id":"f-1","signature":[]}"#, "malformed"),
    ] {
        alice.send_text(frame).await;
        let answer = alice.next().await;
        assert_eq!((&answer["code"], &answer["id"]), (&json!(code), &json!("f-1")), "{frame}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_is_1_to_64_of_its_alphabet() {
    let (_rig, mut alice, _bob) = Rig::with_two(unlimited()).await;
    for id in ["", "a b", "a.b", "é", "a/b", "x\n", &"x".repeat(65)] {
        assert_eq!(alice.refused(&with(&json!({"id": id}))).await, "invalid_id", "{id:?}");
    }
    for id in ["a", "-", "_", "AZaz09-_", &"x".repeat(64)] {
        alice.sends(id, 2, "hi").await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_of_several_faults_is_named_in_a_fixed_order() {
    let (_rig, mut alice, _bob) =
        Rig::with_two(session::Config { content_bytes: 4, sanitize: Sanitize::Reject, ..unlimited() }).await;
    // Each step mends the first fault of the one before.
    let mut frame = json!({
        "id": "m", "ttl_s": 0, "from": "x", "to": "x", "delivery_type": "x", "content": "\u{1}\u{1}\u{1}\u{1}\u{1}"
    });
    for (code, field, mended) in [
        ("already_expired", "ttl_s", json!(9)),
        ("from_mismatch", "from", json!(fingerprint(1))),
        ("invalid_recipient", "to", json!(fingerprint(2))),
        ("unsupported_delivery_type", "delivery_type", json!("direct")),
        ("content_too_large", "content", json!("\u{1}")),
        ("invalid_content", "content", json!("")),
        ("content_empty", "content", json!("hi")),
    ] {
        assert_eq!(alice.refused(&frame).await, code);
        frame[field] = mended;
    }
    assert_eq!(alice.ask(&frame).await["type"], "accepted");
}

#[tokio::test(start_paused = true)]
async fn hex_is_folded_to_lower_case_wherever_it_is_read() {
    let (_rig, mut alice, mut bob) = Rig::with_two(unlimited()).await;
    let frame = with(&json!({"to": fingerprint(2).to_uppercase(), "from": fingerprint(1).to_uppercase()}));
    assert_eq!(alice.ask(&frame).await["type"], "accepted");
    let message = bob.receives("m").await;
    assert_eq!((&message["to"], &message["from"]), (&json!(fingerprint(2)), &json!(fingerprint(1))));
    bob.acks(&message).await;
    assert_eq!(alice.next().await["to"], json!(fingerprint(2)));
}

#[tokio::test(start_paused = true)]
async fn many_frames_at_once_are_each_answered_in_order() {
    let (_rig, mut alice, mut bob) = Rig::with_two(unlimited()).await;
    for number in 0..120 {
        alice.send(&message(&format!("m-{number}"), 2, "hi")).await;
        alice.send(&json!({"id": format!("e-{number}")})).await;
    }
    for number in 0..120 {
        let accepted = alice.next().await;
        let refused = alice.next().await;
        assert_eq!((&accepted["type"], &accepted["id"]), (&json!("accepted"), &json!(format!("m-{number}"))));
        assert_eq!((&refused["type"], &refused["id"]), (&json!("error"), &json!(format!("e-{number}"))));
    }
    for number in 0..120 {
        let message = bob.receives(&format!("m-{number}")).await;
        bob.acks(&message).await;
    }
}

#[tokio::test(start_paused = true)]
async fn accepted_does_not_say_whether_the_recipient_is_online_or_ever_was() {
    let (_rig, mut alice, _bob) = Rig::with_two(unlimited()).await;
    let online = alice.sends("a", 2, "hi").await;
    let never = alice.sends("b", 99, "hi").await;
    assert_eq!(online["expires_at"], never["expires_at"]);
    assert_eq!(
        online.as_object().unwrap().keys().collect::<Vec<_>>(),
        never.as_object().unwrap().keys().collect::<Vec<_>>()
    );
}

#[tokio::test(start_paused = true)]
async fn one_may_write_to_oneself() {
    let (_rig, mut alice, _bob) = Rig::with_two(unlimited()).await;
    alice.sends("note", 1, "to self").await;
    let note = alice.receives("note").await;
    assert_eq!(
        (&note["from"], &note["to"], &note["delivery_type"]),
        (&json!(fingerprint(1)), &json!(fingerprint(1)), &json!("direct"))
    );
    alice.acks(&note).await;
    assert_eq!(
        alice.next().await,
        json!({"type": "receipt", "id": "note", "to": fingerprint(1), "status": "delivered", "at": at(0)})
    );
}
