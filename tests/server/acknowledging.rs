//! What an acknowledgement does, and what happens without one.

use ephemeral_test_support::rig::{Rig, pass, seq, settle};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_covers_all_that_was_delivered_before_and_nothing_after() {
    let (mut rig, _alice) = Rig::with_waiting(4).await;
    let (mut first, _) = rig.login_with_window(2, 32).await;
    first.receives("m-0").await;
    let second = first.receives("m-1").await;
    first.receives("m-2").await;
    first.acks(&second).await;
    settle().await;
    assert_eq!(rig.waiting(), 2, "two are erased");
    drop(first);
    let (mut again, pending) = rig.login_with_window(2, 32).await;
    assert_eq!(pending, json!(2));
    again.receives("m-2").await;
    again.receives("m-3").await;
    again.catches_up().await;
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_has_no_answer_and_repeating_it_changes_nothing() {
    let (mut rig, _alice) = Rig::with_waiting(3).await;
    let (mut bob, _) = rig.login_with_window(2, 32).await;
    let first = bob.receives("m-0").await;
    let second = bob.receives("m-1").await;
    bob.receives("m-2").await;
    bob.catches_up().await;
    for message in [&second, &second, &first, &second] {
        bob.acks(message).await;
        bob.hears_nothing().await;
        assert_eq!(rig.waiting(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_of_an_earlier_session_changes_nothing_in_the_next() {
    let (mut rig, _alice) = Rig::with_waiting(2).await;
    let (mut first, _) = rig.login_with_window(2, 32).await;
    let acknowledged = first.receives("m-0").await;
    first.acks(&acknowledged).await;
    settle().await;
    drop(first);
    let (mut again, _) = rig.login_with_window(2, 32).await;
    again.receives("m-1").await;
    again.catches_up().await;
    again.acks(&acknowledged).await;
    again.hears_nothing().await;
    assert_eq!(rig.waiting(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_of_what_this_session_was_never_sent_is_malformed() {
    let (mut rig, _alice) = Rig::with_waiting(3).await;
    let (mut first, _) = rig.login_with_window(2, 2).await;
    first.receives("m-0").await;
    let second = first.receives("m-1").await;
    for seq in
        [json!(seq(&second) + 1), json!(u64::MAX), json!(0), json!(-1), json!(1.5), json!("1"), json!(null), json!([])]
    {
        assert_eq!(first.refused(&json!({"type": "ack", "seq": seq})).await, "malformed", "{seq}");
    }
    assert_eq!(first.refused(&json!({"type": "ack"})).await, "malformed");
    assert_eq!(rig.waiting(), 3, "nothing was acknowledged");
    drop(first);
    let (mut again, _) = rig.login_with_window(2, 1).await;
    again.receives("m-0").await;
    assert_eq!(again.refused(&json!({"type": "ack", "seq": seq(&second)})).await, "malformed", "in this session");
    assert_eq!(rig.waiting(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_before_anything_was_delivered_is_malformed() {
    let mut rig = Rig::new();
    let mut bob = rig.login(2).await;
    for seq in [0_u64, 1, 1 << 40, u64::MAX] {
        assert_eq!(bob.refused(&json!({"type": "ack", "seq": seq})).await, "malformed");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unacknowledged_message_is_delivered_again_after_reconnect() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let mut first = rig.login(2).await;
    alice.sends("a", 2, "hi").await;
    alice.sends("b", 2, "hi").await;
    let mut before = [first.receives("a").await, first.receives("b").await];
    drop(first);
    pass(60).await;
    let (mut again, pending) = rig.login_with_window(2, 32).await;
    assert_eq!(pending, json!(2));
    let after = [again.receives("a").await, again.receives("b").await];
    for message in &mut before {
        assert_eq!(message["delivery_type"], "direct");
        message["delivery_type"] = json!("stored");
    }
    assert_eq!(before, after, "nothing else is different");
    again.catches_up().await;
    again.hears_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_delivered_twice_within_a_session() {
    let (mut rig, mut alice) = Rig::with_waiting(3).await;
    let (mut bob, _) = rig.login_with_window(2, 32).await;
    let first = bob.receives("m-0").await;
    bob.receives("m-1").await;
    bob.receives("m-2").await;
    bob.catches_up().await;
    bob.acks(&first).await;
    assert_eq!(alice.next().await["type"], "receipt");
    alice.sends("m-3", 2, "hi").await;
    bob.receives("m-3").await;
    bob.hears_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn messages_keep_moving_while_sender_and_recipient_take_turns_in_going_away() {
    let mut rig = Rig::new();
    for round in 0..5 {
        let mut alice = rig.login(1).await;
        alice.sends(&format!("r-{round}"), 2, "hi").await;
        drop(alice);
        pass(100).await;
        let (mut bob, pending) = rig.login_with_window(2, 32).await;
        assert_eq!(pending, json!(1));
        let message = bob.receives(&format!("r-{round}")).await;
        bob.acks(&message).await;
        settle().await;
        assert_eq!(rig.waiting(), 0);
        drop(bob);
        pass(100).await;
    }
}
