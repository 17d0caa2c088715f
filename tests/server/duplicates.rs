//! Sending the same id again is safe.

use ephemeral_core::session;
use ephemeral_core::store;
use ephemeral_test_support::rig::{Options, Rig, assert_near, at, fingerprint, message, pass, unlimited};
use serde_json::{Value, json};

const DAY: u64 = 86_400_000;

fn duplicate(id: &str, expires_at: String) -> Value {
    json!({"type": "accepted", "id": id, "expires_at": expires_at, "duplicate": true})
}

#[tokio::test(start_paused = true)]
async fn the_first_one_counts_whatever_the_second_one_says() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let mut bob = rig.login(2).await;
    let mut carol = rig.login(3).await;
    alice.sends("m", 2, "first").await;
    let first = bob.receives("m").await;
    for second in [
        message("m", 2, "first"),
        message("m", 2, "second"),
        message("m", 3, "to somebody else"),
        json!({"id": "m"}),
        json!({"id": "m", "to": "nobody", "content": ""}),
        json!({"id": "m", "ttl_s": 5, "expires_at": "2026-01-02T13:00:00Z"}),
        json!({"id": "m", "expires_at": "tomorrow"}),
        json!({"id": "m", "ttl_s": -1, "from": fingerprint(2), "delivery_type": "pigeon"}),
        json!({"id": "m", "ttl_s": 7, "to": fingerprint(2), "content": "x".repeat(70_000)}),
    ] {
        assert_eq!(alice.ask(&second).await, duplicate("m", at(DAY)), "{second}");
    }
    assert_eq!(alice.refused(&json!({"id": "m", "to": 5})).await, "malformed", "what cannot be read is not a message");
    bob.hears_nothing().await;
    carol.hears_nothing().await;
    assert_eq!((first["content"].as_str(), rig.waiting()), (Some("first"), 1));
}

#[tokio::test(start_paused = true)]
async fn an_id_is_remembered_after_it_was_delivered_until_its_expiry_and_not_longer() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let mut bob = rig.login(2).await;
    let frame = json!({"id": "m", "to": fingerprint(2), "content": "hi", "ttl_s": 60});
    assert_eq!(alice.ask(&frame).await["duplicate"], json!(false));
    let received = bob.receives("m").await;
    bob.acks(&received).await;
    assert_eq!(alice.next().await["type"], "receipt");
    pass(59).await;
    let mut delivered = duplicate("m", at(60_000));
    delivered["delivered"] = true.into();
    assert_eq!(alice.ask(&frame).await, delivered);
    bob.hears_nothing().await;
    pass(1).await;
    assert_eq!(alice.ask(&frame).await["duplicate"], json!(false), "it is a new message now");
    let again = bob.receives("m").await;
    // 100 ms were spent listening.
    assert_near(&again["expires_at"], 120_100);
}

#[tokio::test(start_paused = true)]
async fn an_id_is_remembered_across_sessions_of_its_sender() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    alice.sends("m", 2, "hi").await;
    drop(alice);
    pass(3600).await;
    let mut alice = rig.login(1).await;
    assert_eq!(alice.ask(&message("m", 2, "hi")).await, duplicate("m", at(DAY)));
    let (_bob, welcome) = rig.login_with(2, json!({})).await;
    assert_eq!(welcome["pending"], json!(1));
}

#[tokio::test(start_paused = true)]
async fn an_id_is_unique_for_its_sender_only() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let mut carol = rig.login(3).await;
    let mut bob = rig.login(2).await;
    alice.sends("m", 2, "from Alice").await;
    carol.sends("m", 2, "from Carol").await;
    assert_eq!(bob.receives("m").await["content"], "from Alice");
    assert_eq!(bob.receives("m").await["content"], "from Carol");
}

#[tokio::test(start_paused = true)]
async fn a_resend_is_answered_also_when_the_mailbox_is_full_by_now() {
    let bounds = store::Config { mailbox_messages: 1, ..store::Config::default() };
    let mut rig = Rig::with(Options { bounds, ..Options::default() });
    let mut alice = rig.login(1).await;
    alice.sends("m", 2, "hi").await;
    assert_eq!(alice.refused(&message("n", 2, "hi")).await, "mailbox_full");
    assert_eq!(alice.ask(&message("m", 2, "hi")).await, duplicate("m", at(DAY)));
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_is_not_remembered() {
    let rules = session::Config { content_bytes: 10, ..unlimited() };
    let mut rig = Rig::with(Options { rules, ..Options::default() });
    let mut alice = rig.login(1).await;
    assert_eq!(alice.refused(&message("m", 2, "much too large")).await, "content_too_large");
    alice.sends("m", 2, "small").await;
}
