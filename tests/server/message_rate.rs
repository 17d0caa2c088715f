//! How many messages a client may send, wherever it connects from.

use std::net::IpAddr;
use std::time::Duration;

use ephemeral::events::Kind;
use ephemeral::transport::Peer;
use ephemeral_core::session;
use ephemeral_test_support::rig::{HOST, Options, Rig, fingerprint, message, pass};
use serde_json::json;

use crate::raw::{Frame, PING, Raw, upgrade_request};

/// How many messages the defaults let through at once.
const BURST: u32 = 64;

/// Makes a server with the protocol's defaults: 100 a minute, 64 at once.
fn rig() -> Rig {
    Rig::with(Options { rules: session::Config::default(), ..Options::default() })
}

#[tokio::test(start_paused = true)]
async fn past_the_burst_a_sender_is_told_when_to_try_again() {
    let mut rig = rig();
    let mut alice = rig.login(1).await;
    for number in 0..BURST {
        alice.sends(&number.to_string(), 2, "hi").await;
    }
    let answer = alice.ask(&message("more", 2, "hi")).await;
    let sentence = answer["message"].clone();
    assert_eq!(
        answer,
        json!({"type": "error", "code": "rate_limited", "message": sentence, "id": "more", "retry_after_ms": 600})
    );
    assert_eq!(rig.waiting(), BURST as usize);
    tokio::time::sleep(Duration::from_millis(600)).await;
    alice.sends("more", 2, "hi").await;
    assert_eq!(alice.refused(&message("again", 2, "hi")).await, "rate_limited");
}

#[tokio::test(start_paused = true)]
async fn a_minute_lets_through_the_rate() {
    let mut rig = rig();
    let mut alice = rig.login(1).await;
    let mut accepted = 0;
    for number in 0..600 {
        // To some of them: one mailbox has room for an eighth of its messages from her.
        let to = 2 + u8::try_from(number % 4).unwrap();
        let answer = alice.ask(&message(&format!("m-{number}"), to, "hi")).await;
        accepted += usize::from(answer["type"] == "accepted");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(accepted, BURST as usize + 99, "64 at once, then one each 600 ms");
}

#[tokio::test(start_paused = true)]
async fn the_rate_is_counted_by_fingerprint_and_not_by_connection_or_address() {
    let mut rig = rig();
    let mut alice = rig.login(1).await;
    for number in 0..BURST {
        alice.sends(&number.to_string(), 2, "hi").await;
    }
    drop(alice);
    let elsewhere = Peer::Address(IpAddr::from([192, 0, 2, 1]));
    let mut raw = Raw { stream: rig.connect_as(elsewhere) };
    raw.write(upgrade_request(&fingerprint(1), HOST)).await;
    assert_eq!(raw.head().await.status, 101);
    raw.authenticate(1).await;
    assert_eq!(raw.next().await["type"], "caught_up");
    raw.send(&[Frame::text(message("more", 2, "hi").to_string())]).await;
    assert_eq!(raw.next().await["code"], "rate_limited");
    let mut carol = rig.login(3).await;
    carol.sends("of-another-client", 2, "hi").await;
}

#[tokio::test(start_paused = true)]
async fn the_rate_outlives_a_session_however_slow_it_is() {
    let rules = session::Config { messages_per_minute: 1, message_burst: 5, ..session::Config::default() };
    let mut rig = Rig::with(Options { rules, ..Options::default() });
    let mut alice = rig.login(1).await;
    for number in 0..5 {
        let id = number.to_string();
        alice.ask(&json!({"id": id, "to": fingerprint(2), "content": "hi", "ttl_s": 1})).await;
    }
    drop(alice);
    pass(50).await;
    let mut alice = rig.login(1).await;
    assert_eq!(alice.ask(&message("more", 2, "hi")).await["retry_after_ms"], json!(10_000));
    drop(alice);
    pass(130).await;
    let mut alice = rig.login(1).await;
    let mut answers = Vec::new();
    for number in 0..5 {
        answers.push(alice.ask(&message(&format!("m-{number}"), 2, "hi")).await["type"].clone());
    }
    assert_eq!(answers, ["accepted", "accepted", "accepted", "error", "error"], "three minutes have passed");
}

#[tokio::test(start_paused = true)]
async fn acknowledgements_are_not_counted() {
    let mut rig = rig();
    let mut alice = rig.login(1).await;
    for number in 0..10 {
        alice.sends(&number.to_string(), 1, "to self").await;
        let note = alice.receives(&number.to_string()).await;
        for _ in 0..10 {
            alice.acks(&note).await;
        }
        assert_eq!(alice.next().await["type"], "receipt");
    }
    alice.hears_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn frames_that_do_nothing_are_read_at_a_pace_and_cost_nothing_else() {
    let mut rig = Rig::new();
    for frame in [Frame::new(PING, "x"), Frame::text(r#"{"type":"ack","seq":0}"#), Frame::text(r#"{"type":"what?"}"#)] {
        let mut raw = Raw::login(&mut rig, 1).await;
        let start = tokio::time::Instant::now();
        for _ in 0..600 {
            raw.send(std::slice::from_ref(&frame)).await;
        }
        raw.send(&[Frame::text(message("m", 2, "hi").to_string())]).await;
        while !matches!(raw.next().await["type"].as_str(), Some("accepted")) {}
        let took = start.elapsed().as_secs();
        assert!((28..35).contains(&took), "300 at once, then ten a second: {took} s");
    }
    assert_eq!(rig.events(Kind::Blocked), 0);
}
