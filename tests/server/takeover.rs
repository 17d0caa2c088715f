//! A second session of the same client.

use ephemeral_core::session;
use ephemeral_test_support::rig::{self, Options, Rig, message, settle};
use serde_json::json;

fn replaced() -> (u16, String) {
    (4409, "replaced".into())
}

#[tokio::test(start_paused = true)]
async fn the_older_session_is_closed_and_what_it_had_not_acknowledged_goes_to_the_newer() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let mut older = rig.login(2).await;
    for id in ["a", "b", "c"] {
        alice.sends(id, 2, "hi").await;
    }
    let first = older.receives("a").await;
    older.receives("b").await;
    older.receives("c").await;
    older.acks(&first).await;
    assert_eq!(alice.next().await["id"], "a");
    let (mut newer, welcome) = rig.login_with(2, json!({})).await;
    assert_eq!(welcome["pending"], json!(2));
    assert_eq!(older.closed().await, replaced());
    assert_eq!(newer.receives("b").await["delivery_type"], "stored");
    let last = newer.receives("c").await;
    newer.catches_up().await;
    newer.acks(&last).await;
    assert_eq!([alice.next().await["id"].take(), alice.next().await["id"].take()], [json!("b"), json!("c")]);
    assert_eq!(rig.hub.figures().0, 2);
}

#[tokio::test(start_paused = true)]
async fn what_never_waited_for_its_recipient_to_come_online_is_direct_also_after_a_takeover() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let (mut older, _) = rig.login_with(2, json!({"window": 1})).await;
    older.catches_up().await;
    alice.sends("delivered", 2, "hi").await;
    alice.sends("waits-for-the-window", 2, "hi").await;
    older.receives("delivered").await;
    let (mut newer, welcome) = rig.login_with(2, json!({})).await;
    assert_eq!(welcome["pending"], json!(2));
    assert_eq!(newer.receives("delivered").await["delivery_type"], "stored");
    assert_eq!(newer.receives("waits-for-the-window").await["delivery_type"], "direct");
    newer.catches_up().await;
}

#[tokio::test(start_paused = true)]
async fn what_waited_before_the_older_session_is_stored_in_the_newer_one_too() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    alice.sends("a", 2, "hi").await;
    alice.sends("b", 2, "hi").await;
    let (mut older, _) = rig.login_with(2, json!({"window": 1})).await;
    older.receives("a").await;
    let (mut newer, _) = rig.login_with(2, json!({})).await;
    assert_eq!(newer.receives("a").await["delivery_type"], "stored");
    assert_eq!(newer.receives("b").await["delivery_type"], "stored");
}

#[tokio::test(start_paused = true)]
async fn a_failed_authentication_does_not_disturb_the_session_that_is_there() {
    let mut rig = Rig::new();
    let mut session = rig.login(2).await;
    let mut intruder = rig.socket(2).await;
    let challenge = intruder.next().await;
    intruder.send(&json!({"type": "auth", "signature": rig::sign(&challenge, 3, rig::HOST)})).await;
    assert_eq!(intruder.closed().await, (4401, "auth_failed".into()));
    session.goes_on().await;
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_of_the_older_session_after_the_takeover_has_no_effect() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let mut older = rig.login(2).await;
    alice.sends("a", 2, "hi").await;
    let first = older.receives("a").await;
    let (mut newer, _) = rig.login_with(2, json!({})).await;
    older.acks(&first).await;
    older.send(&message("late", 1, "hi")).await;
    assert_eq!(older.closed().await, replaced());
    newer.receives("a").await;
    assert_eq!(rig.waiting(), 1);
    alice.hears_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn receipts_go_to_the_newer_session() {
    let mut rig = Rig::new();
    let mut older = rig.login(1).await;
    let mut bob = rig.login(2).await;
    older.sends("a", 2, "hi").await;
    let received = bob.receives("a").await;
    let mut newer = rig.login(1).await;
    assert_eq!(older.closed().await, replaced());
    bob.acks(&received).await;
    assert_eq!(newer.next().await["type"], "receipt");
}

#[tokio::test(start_paused = true)]
async fn the_newer_sessions_own_wishes_hold() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let _older = rig.login_with(2, json!({"receipts": true, "window": 1})).await;
    let (mut newer, welcome) = rig.login_with(2, json!({"receipts": false, "window": 2})).await;
    assert_eq!(welcome["limits"]["window"], json!(2));
    newer.catches_up().await;
    alice.sends("a", 2, "hi").await;
    alice.sends("b", 2, "hi").await;
    newer.receives("a").await;
    let last = newer.receives("b").await;
    newer.acks(&last).await;
    alice.hears_nothing().await;
    assert_eq!(rig.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_older_session_does_not_end_the_newer() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let older = rig.login(2).await;
    let mut newer = rig.login(2).await;
    drop(older);
    settle().await;
    alice.sends("a", 2, "hi").await;
    assert_eq!(newer.receives("a").await["delivery_type"], "direct");
    assert_eq!(rig.hub.figures().0, 2);
}

#[tokio::test(start_paused = true)]
async fn takeovers_may_follow_each_other_quickly() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    alice.sends("a", 2, "hi").await;
    let mut sessions = Vec::new();
    for _ in 0..10 {
        sessions.push(rig.login_with(2, json!({})).await.0);
    }
    let mut last = sessions.pop().unwrap();
    for older in &mut sessions {
        assert_eq!(older.closed().await, replaced());
    }
    last.receives("a").await;
    last.catches_up().await;
    last.hears_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn a_takeover_does_not_renew_the_message_rate() {
    let rules = session::Config { messages_per_minute: 60, message_burst: 2, ..session::Config::default() };
    let mut rig = Rig::with(Options { rules, ..Options::default() });
    let mut older = rig.login(1).await;
    older.sends("a", 2, "hi").await;
    older.sends("b", 2, "hi").await;
    let mut newer = rig.login(1).await;
    assert_eq!(newer.refused(&message("c", 2, "hi")).await, "rate_limited");
}
