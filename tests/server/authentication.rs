//! Challenge and answer.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use ephemeral_test_support::rig::{HOST, Rig, fingerprint, key, message, sign};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::raw::{BINARY, CLOSE, Frame, PING, PONG, Raw, nameless_request, upgrade_request};

/// Answers the challenge of a new connection with what `answer` makes of it, and returns how it is
/// closed.
async fn closed_after(rig: &mut Rig, answer: impl FnOnce(&Value) -> Value) -> (u16, String) {
    let mut socket = rig.socket(1).await;
    let challenge = socket.next().await;
    socket.send(&answer(&challenge)).await;
    socket.closed().await
}

fn auth_failed() -> (u16, String) {
    (4401, "auth_failed".into())
}

fn auth_required() -> (u16, String) {
    (4401, "auth_required".into())
}

#[tokio::test(start_paused = true)]
async fn the_challenge_names_the_host_and_has_a_nonce_that_is_used_once() {
    let mut rig = Rig::new();
    let mut nonces = Vec::new();
    for _ in 0..3 {
        let mut challenge = rig.socket(1).await.next().await;
        let nonce = challenge["nonce"].take();
        assert_eq!(
            challenge,
            json!({"type": "challenge", "nonce": null, "server": HOST, "version": 1, "timeout_ms": 10000})
        );
        nonces.push(BASE64URL_NOPAD.decode(nonce.as_str().unwrap().as_bytes()).unwrap());
    }
    assert!(nonces.iter().all(|nonce| nonce.len() == 32));
    assert!(nonces[0] != nonces[1] && nonces[1] != nonces[2] && nonces[0] != nonces[2]);
}

#[tokio::test(start_paused = true)]
async fn the_signature_is_over_the_host_of_this_request_without_port_in_lower_case() {
    let mut rig = Rig::new();
    for (header, host) in [
        ("LocalHost:8443", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]:9", "[::1]"),
        ("127.0.0.1:1", "127.0.0.1"),
    ] {
        let mut raw = Raw::connect(&mut rig);
        raw.write(upgrade_request(&fingerprint(1), header)).await;
        assert_eq!(raw.head().await.status, 101);
        let challenge = raw.next().await;
        assert_eq!(challenge["server"], json!(host));
        raw.send(&[Frame::text(json!({"type": "auth", "signature": sign(&challenge, 1, host)}).to_string())]).await;
        assert_eq!(raw.next().await["type"], "welcome", "{header}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_signature_over_another_host_is_wrong_also_over_another_of_the_servers_own() {
    let mut rig = Rig::new();
    for host in ["127.0.0.1", "evil.example", "localhost:8443", "LOCALHOST", ""] {
        let closed =
            closed_after(&mut rig, |challenge| json!({"type": "auth", "signature": sign(challenge, 1, host)})).await;
        assert_eq!(closed, auth_failed(), "{host}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_signature_of_another_key_is_wrong() {
    let mut rig = Rig::new();
    let closed =
        closed_after(&mut rig, |challenge| json!({"type": "auth", "signature": sign(challenge, 2, HOST)})).await;
    assert_eq!(closed, auth_failed());
}

/// Upgrades without a name in the URL, and answers the challenge with what `answer` makes of it.
async fn nameless(rig: &mut Rig, answer: impl FnOnce(&Value) -> Value) -> Raw {
    let mut raw = Raw::connect(rig);
    raw.write(nameless_request()).await;
    assert_eq!(raw.head().await.status, 101);
    let challenge = raw.next().await;
    raw.send(&[Frame::text(answer(&challenge).to_string())]).await;
    raw
}

#[tokio::test(start_paused = true)]
async fn the_identity_may_be_named_in_the_answer_instead_of_the_url() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let auth = |challenge: &Value| json!({"type": "auth", "fingerprint": fingerprint(2), "signature": sign(challenge, 2, HOST)});
    let mut bob = nameless(&mut rig, auth).await;
    let welcome = bob.next().await;
    assert_eq!((&welcome["type"], &welcome["fingerprint"]), (&json!("welcome"), &json!(fingerprint(2))));
    assert_eq!(bob.next().await, json!({"type": "caught_up"}));
    assert_eq!(rig.unauthenticated(), 0, "its slot is free as any other's is");
    alice.sends("m", 2, "to whoever named itself so").await;
    assert_eq!(bob.next().await["id"], "m");
    let again = nameless(&mut rig, auth).await.next().await;
    assert_eq!(again["type"], "welcome");
    assert_eq!(bob.closed().await, (4409, "replaced".into()), "it is one identity, however it is named");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_names_nobody_or_somebody_else_is_refused() {
    let mut rig = Rig::new();
    let nobody = |challenge: &Value| json!({"type": "auth", "signature": sign(challenge, 1, HOST)});
    assert_eq!(nameless(&mut rig, nobody).await.closed().await, auth_required());
    let no_key = |challenge: &Value| json!({"type": "auth", "fingerprint": "00".repeat(32), "signature": sign(challenge, 1, HOST)});
    assert_eq!(nameless(&mut rig, no_key).await.closed().await, auth_required());
    let other = |challenge: &Value| json!({"type": "auth", "fingerprint": fingerprint(2), "signature": sign(challenge, 1, HOST)});
    assert_eq!(nameless(&mut rig, other).await.closed().await, auth_failed());
    // The URL names 1.
    for signer in [1, 2] {
        let closed = closed_after(
            &mut rig,
            |challenge| json!({"type": "auth", "fingerprint": fingerprint(2), "signature": sign(challenge, signer, HOST)}),
        );
        assert_eq!(closed.await, auth_failed(), "signed by {signer}");
    }
    let (_, welcome) = rig.login_with(1, json!({"fingerprint": fingerprint(1)})).await;
    assert_eq!(welcome["fingerprint"], fingerprint(1), "the same twice is no contradiction");
}

#[tokio::test(start_paused = true)]
async fn a_signature_is_good_for_one_connection() {
    let mut rig = Rig::new();
    let mut first = rig.socket(1).await;
    let auth = json!({"type": "auth", "signature": sign(&first.next().await, 1, HOST)});
    assert_eq!(closed_after(&mut rig, |_| auth.clone()).await, auth_failed());
    assert_eq!(first.ask(&auth).await["type"], "welcome", "so that it was the nonce");
}

#[tokio::test(start_paused = true)]
async fn only_the_one_canonical_form_of_a_signature_is_read() {
    let mut rig = Rig::new();
    // The order of the group, little-endian: s + L passes where only the equation is checked (RFC
    // 8032, section 5.1.7).
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let malleable = |signature: &str| {
        let mut bytes = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
        let mut carry = 0;
        for (byte, add) in bytes.iter_mut().skip(32).zip(order) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            *byte = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        BASE64URL_NOPAD.encode(&bytes)
    };
    let cut = |signature: &str| {
        BASE64URL_NOPAD.encode(BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap().split_last().unwrap().1)
    };
    let forms: [&dyn Fn(&str) -> String; 6] = [
        &malleable,
        &cut,
        &|text| format!("{text}=="),
        &|text| format!("{text} "),
        &|text| format!("{text}AA"),
        &|_| String::new(),
    ];
    for (number, form) in forms.iter().enumerate() {
        let closed =
            closed_after(&mut rig, |challenge| json!({"type": "auth", "signature": form(&sign(challenge, 1, HOST))}))
                .await;
        assert_eq!(closed, auth_failed(), "form {number}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_signed_bytes_are_those_of_the_specification() {
    use ed25519_dalek::Signer;
    let mut rig = Rig::new();
    let mut socket = rig.socket(1).await;
    let challenge = socket.next().await;
    let nonce = BASE64URL_NOPAD.decode(challenge["nonce"].as_str().unwrap().as_bytes()).unwrap();
    let public = key(1).verifying_key().to_bytes();
    let bytes = [b"ephemeral-messenger/auth/v1\0localhost\0".as_slice(), &nonce, &public].concat();
    let signature = BASE64URL_NOPAD.encode(&key(1).sign(&bytes).to_bytes());
    assert_eq!(socket.ask(&json!({"type": "auth", "signature": signature})).await["type"], "welcome");
}

#[tokio::test(start_paused = true)]
async fn any_other_frame_before_welcome_ends_the_connection() {
    let mut rig = Rig::new();
    let others = [
        message("m", 2, "early").to_string(),
        json!({"type": "ack", "seq": 1}).to_string(),
        json!({"type": "welcome"}).to_string(),
        json!({"type": "auth", "signature": 5}).to_string(),
        json!({"type": "auth", "signature": "AAAA", "receipts": "no"}).to_string(),
        json!({"type": "auth", "signature": "AAAA", "window": 1.5}).to_string(),
        r#"{"type":"auth","signature":"AAAA","signature":"AAAA"}"#.to_owned(),
        "{}".to_owned(),
        "not JSON".to_owned(),
        String::new(),
    ];
    for other in others {
        let mut socket = rig.socket(1).await;
        socket.next().await;
        socket.send_text(&other).await;
        assert_eq!(socket.closed().await, auth_required(), "{other}");
    }
    assert_eq!(rig.waiting(), 0, "the message was not taken");
    let mut raw = Raw::upgrade(&mut rig, 1).await;
    raw.send(&[Frame::new(BINARY, "x")]).await;
    assert_eq!(raw.closed().await, auth_required());
}

#[tokio::test(start_paused = true)]
async fn there_is_no_second_try() {
    let mut rig = Rig::new();
    let mut raw = Raw::upgrade(&mut rig, 1).await;
    let challenge = raw.next().await;
    let [wrong, right] = [2, 1]
        .map(|number| Frame::text(json!({"type": "auth", "signature": sign(&challenge, number, HOST)}).to_string()));
    raw.send(&[wrong, right]).await;
    assert_eq!(raw.frame().await.map(|(opcode, _)| opcode), Some(CLOSE), "no welcome");
    assert_eq!(rig.hub.figures().0, 0);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_in_time_is_closed_pings_do_not_help() {
    let mut rig = Rig::new();
    let start = Instant::now();
    let mut raw = Raw::upgrade(&mut rig, 1).await;
    assert_eq!(raw.next().await["type"], "challenge");
    for second in 1..10 {
        tokio::time::sleep_until(start + Duration::from_secs(second)).await;
        raw.send(&[Frame::new(PING, "still here")]).await;
        assert_eq!(raw.frame().await, Some((PONG, b"still here".to_vec())));
    }
    assert_eq!(raw.closed().await, (4408, "auth_timeout".into()));
    assert!((10_000..12_100).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    assert_eq!(rig.unauthenticated(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_has_not_authenticated_may_send_16_kib_and_no_more() {
    let mut rig = Rig::new();
    for frames in [vec![Frame::new(PING, [0; 100]); 200], vec![Frame::text("x".repeat(20_000))]] {
        let mut raw = Raw::upgrade(&mut rig, 1).await;
        raw.send(&frames).await;
        assert_eq!(raw.closed().await, (1009, "frame_too_large".into()));
    }
    let mut raw = Raw::upgrade(&mut rig, 1).await;
    raw.send(&vec![Frame::new(PING, [0; 100]); 100]).await;
    raw.authenticate(1).await;
    raw.send(&[Frame::text(message("m", 2, &"x".repeat(30_000)).to_string())]).await;
    assert_eq!(raw.next().await["type"], "caught_up");
    assert_eq!(raw.next().await["type"], "accepted", "afterwards it may");
}

#[tokio::test(start_paused = true)]
async fn a_close_before_authentication_is_answered() {
    let mut rig = Rig::new();
    let mut raw = Raw::upgrade(&mut rig, 1).await;
    raw.send(&[Frame::close(1000, "bye")]).await;
    assert_eq!(raw.closed().await.0, 1000);
}
