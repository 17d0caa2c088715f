//! When messages end that nobody has fetched.

use ephemeral_core::session;
use ephemeral_test_support::rig::{Options, Rig, UP, assert_near, at, fingerprint, message, pass, settle, unlimited};
use serde_json::{Value, json};

fn lasting(id: &str, seconds: u64) -> Value {
    json!({"id": id, "to": fingerprint(2), "content": "hi", "ttl_s": seconds})
}

#[tokio::test(start_paused = true)]
async fn a_message_lasts_as_long_as_its_sender_says_and_at_most_the_longest_time() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let longest = at(604_800_000);
    for (field, value, expected) in [
        ("ttl_s", json!(null), at(86_400_000)),
        ("ttl_s", json!(604_800), longest.clone()),
        ("ttl_s", json!(604_801), longest.clone()),
        ("ttl_s", json!(u64::MAX), longest.clone()),
        ("expires_at", json!(null), at(86_400_000)),
        ("expires_at", json!("2026-01-02T12:00:00.001Z"), at(1)),
        ("expires_at", json!("2026-01-02T14:30:00+02:00"), at(1_800_000)),
        ("expires_at", json!("2026-01-02t07:00:30.5-05:00"), at(30_500)),
        ("expires_at", json!("2026-01-02T12:00:01.234567Z"), at(1234)),
        ("expires_at", json!("9999-12-31T23:59:59Z"), longest),
    ] {
        let answer = alice.ask(&json!({"to": fingerprint(2), "content": "hi", field: value})).await;
        assert_eq!(answer["expires_at"], json!(expected), "{field} {value}");
    }
    // The server's own times are whole minutes.
    let answer = alice.ask(&lasting("short", 1)).await;
    assert_near(&answer["expires_at"], 1000);
}

#[tokio::test(start_paused = true)]
async fn the_configured_times_are_in_force() {
    let rules = session::Config { default_ttl_s: 60, max_ttl_s: 120, ..unlimited() };
    let mut rig = Rig::with(Options { rules, ..Options::default() });
    let mut alice = rig.login(1).await;
    assert_eq!(alice.sends("default", 2, "hi").await["expires_at"], json!(at(60_000)));
    assert_eq!(alice.ask(&lasting("cut", 600)).await["expires_at"], json!(at(120_000)));
}

#[tokio::test(start_paused = true)]
async fn the_time_in_force_travels_with_the_message() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let mut bob = rig.login(2).await;
    pass(5).await;
    alice.ask(&lasting("m", 9_999_999)).await;
    let received = bob.receives("m").await;
    assert_near(&received["timestamp"], 5000);
    assert_near(&received["expires_at"], 604_805_000);
}

#[tokio::test(start_paused = true)]
async fn an_expired_message_is_erased_at_that_moment_and_never_delivered() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    alice.ask(&lasting("short", 10)).await;
    alice.ask(&lasting("long", 20)).await;
    let bytes = rig.hub.figures().1.bytes;
    tokio::time::sleep_until(tokio::time::Instant::now() + std::time::Duration::from_millis(9_999)).await;
    assert_eq!((rig.hub.now(), rig.waiting()), (UP.plus(9_999), 2));
    settle().await;
    settle().await;
    assert_eq!((rig.hub.now(), rig.waiting()), (UP.plus(10_001), 1));
    assert!(rig.hub.figures().1.bytes < bytes);
    let (mut bob, welcome) = rig.login_with(2, json!({})).await;
    assert_eq!(welcome["pending"], json!(1));
    bob.receives("long").await;
    bob.catches_up().await;
    bob.hears_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn a_later_message_that_expires_sooner_is_erased_in_time() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    for (id, seconds) in [("a", 5000), ("b", 3), ("c", 2), ("d", 4)] {
        alice.ask(&lasting(id, seconds)).await;
    }
    for left in [4, 3, 2, 1] {
        assert_eq!(rig.waiting(), left);
        pass(if left == 4 { 2 } else { 1 }).await;
        settle().await;
    }
    assert_eq!(rig.waiting(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_expires_while_it_waits_for_the_window_is_never_delivered() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let (mut bob, _) = rig.login_with(2, json!({"window": 1})).await;
    bob.catches_up().await;
    alice.sends("a", 2, "hi").await;
    alice.ask(&lasting("b", 10)).await;
    alice.sends("c", 2, "hi").await;
    let first = bob.receives("a").await;
    pass(11).await;
    bob.acks(&first).await;
    bob.receives("c").await;
}

#[tokio::test(start_paused = true)]
async fn the_place_in_the_window_of_a_message_that_expired_is_free_at_once() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    alice.ask(&lasting("a", 10)).await;
    alice.ask(&lasting("b", 20)).await;
    let (mut bob, _) = rig.login_with(2, json!({"window": 1})).await;
    let first = bob.receives("a").await;
    bob.hears_nothing().await;
    bob.receives("b").await;
    assert_eq!(rig.hub.now(), UP.plus(10_000));
    bob.catches_up().await;
    bob.acks(&first).await;
    bob.hears_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn a_recipient_has_caught_up_when_what_it_waited_for_has_expired() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    alice.sends("a", 2, "hi").await;
    alice.ask(&lasting("b", 10)).await;
    let (mut bob, welcome) = rig.login_with(2, json!({"window": 1})).await;
    assert_eq!(welcome["pending"], json!(2));
    bob.receives("a").await;
    bob.hears_nothing().await;
    bob.catches_up().await;
    assert_eq!(rig.hub.now(), UP.plus(10_000));
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_of_a_message_that_expired_in_the_meantime_is_not_an_error() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let mut bob = rig.login(2).await;
    alice.sends("a", 2, "hi").await;
    alice.ask(&lasting("b", 10)).await;
    bob.receives("a").await;
    let expired = bob.receives("b").await;
    pass(10).await;
    assert_eq!(alice.next().await["status"], "expired");
    bob.acks(&expired).await;
    bob.hears_nothing().await;
    assert_eq!(alice.next().await["id"], "a", "what came before it is acknowledged all the same");
    assert_eq!(rig.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_expired_message_is_not_delivered_again() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let mut bob = rig.login(2).await;
    alice.ask(&lasting("m", 10)).await;
    bob.receives("m").await;
    drop(bob);
    pass(10).await;
    let (mut bob, welcome) = rig.login_with(2, json!({})).await;
    assert_eq!(welcome["pending"], json!(0));
    bob.catches_up().await;
    bob.hears_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_in_the_store_when_everything_has_expired() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    for number in 10..30 {
        alice.ask(&message(&format!("m-{number}"), number, "hi")).await;
    }
    drop(alice);
    pass(86_400 + 3600).await;
    assert_eq!(rig.hub.figures(), (0, ephemeral_core::store::StoreStats::default()));
}
