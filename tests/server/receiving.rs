//! How waiting messages reach their recipient: order, window, `caught_up`.

use ephemeral_test_support::rig::{Rig, pass, seq};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn sequence_numbers_rise_and_each_senders_order_is_kept() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let mut carol = rig.login(3).await;
    let mut bob = rig.login(2).await;
    for number in 0..10 {
        alice.sends(&format!("a-{number}"), 2, "hi").await;
        carol.sends(&format!("c-{number}"), 2, "hi").await;
    }
    let mut ids = Vec::new();
    let mut last = 0;
    for _ in 0..20 {
        let message = bob.next().await;
        assert!(seq(&message) > last, "{message} after {last}");
        last = seq(&message);
        ids.push(message["id"].as_str().unwrap().to_owned());
    }
    for sender in ["a", "c"] {
        let of_sender = ids.iter().filter(|id| id.starts_with(sender)).cloned().collect::<Vec<_>>();
        assert_eq!(of_sender, (0..10).map(|number| format!("{sender}-{number}")).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn sequence_numbers_rise_also_after_a_long_time_offline() {
    let (mut rig, mut alice) = Rig::with_waiting(3).await;
    let (mut bob, _) = rig.login_with_window(2, 32).await;
    bob.receives("m-0").await;
    bob.receives("m-1").await;
    let last = bob.receives("m-2").await;
    bob.acks(&last).await;
    assert_eq!(alice.next().await["type"], "receipt");
    drop((alice, bob));
    pass(3 * 86_400).await;
    assert_eq!(rig.hub.figures().1.accounts, 0, "nothing is known of either any more");
    let mut alice = rig.login(1).await;
    let mut bob = rig.login(2).await;
    alice.sends("n", 2, "hi").await;
    assert!(seq(&bob.receives("n").await) > seq(&last));
}

#[tokio::test(start_paused = true)]
async fn what_waited_is_stored_and_what_did_not_is_direct() {
    let (mut rig, mut alice) = Rig::with_waiting(1).await;
    let (mut bob, pending) = rig.login_with_window(2, 32).await;
    assert_eq!(pending, json!(1));
    alice.sends("later", 2, "hi").await;
    assert_eq!(bob.receives("m-0").await["delivery_type"], "stored");
    bob.catches_up().await;
    assert_eq!(bob.receives("later").await["delivery_type"], "direct");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_only_waited_for_the_window_is_direct() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let (mut bob, _) = rig.login_with_window(2, 1).await;
    bob.catches_up().await;
    alice.sends("a", 2, "hi").await;
    alice.sends("b", 2, "hi").await;
    let first = bob.receives("a").await;
    pass(30).await;
    bob.acks(&first).await;
    assert_eq!(bob.receives("b").await["delivery_type"], "direct");
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_window_is_out_unacknowledged() {
    let (mut rig, _alice) = Rig::with_waiting(5).await;
    let (mut bob, pending) = rig.login_with_window(2, 2).await;
    assert_eq!(pending, json!(5));
    let mut delivered = vec![bob.receives("m-0").await, bob.receives("m-1").await];
    for number in 2..5 {
        bob.hears_nothing().await;
        bob.acks(&delivered[number - 2]).await;
        delivered.push(bob.receives(&format!("m-{number}")).await);
    }
    // All that waited has been sent, though not all of it is acknowledged.
    bob.catches_up().await;
    bob.hears_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn the_window_of_a_session_that_does_not_say_is_the_servers() {
    let (mut rig, _alice) = Rig::with_waiting(40).await;
    let (mut bob, _) = rig.login_with(2, json!({})).await;
    for number in 0..32 {
        bob.receives(&format!("m-{number}")).await;
    }
    bob.hears_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn caught_up_comes_at_once_where_nothing_waits_and_once_a_session() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let (mut bob, pending) = rig.login_with_window(2, 32).await;
    assert_eq!(pending, json!(0));
    bob.catches_up().await;
    alice.sends("a", 2, "hi").await;
    let message = bob.receives("a").await;
    bob.acks(&message).await;
    bob.hears_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn caught_up_comes_after_what_waited_and_before_what_came_later() {
    let (mut rig, mut alice) = Rig::with_waiting(3).await;
    let (mut bob, _) = rig.login_with_window(2, 2).await;
    bob.receives("m-0").await;
    let second = bob.receives("m-1").await;
    alice.sends("later", 2, "hi").await;
    bob.hears_nothing().await;
    bob.acks(&second).await;
    bob.receives("m-2").await;
    bob.catches_up().await;
    assert_eq!(bob.receives("later").await["delivery_type"], "direct");
}
