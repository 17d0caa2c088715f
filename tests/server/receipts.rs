//! What senders are told about the end of their messages.

use ephemeral_core::store;
use ephemeral_test_support::rig::{self, Options, Rig, Socket, assert_near, fingerprint, message, pass, settle};
use serde_json::{Value, json};

/// Checks that the next frame is this receipt, with the time to the minute.
#[track_caller]
fn assert_receipt(frame: &Value, id: &str, status: &str, milliseconds: u64) {
    let expected = json!({"type": "receipt", "id": id, "to": fingerprint(2), "status": status, "at": frame["at"]});
    assert_eq!(*frame, expected);
    assert_near(&frame["at"], milliseconds);
}

async fn sends_for(alice: &mut Socket, id: &str, seconds: u64) {
    let frame = json!({"id": id, "to": fingerprint(2), "content": "hi", "ttl_s": seconds});
    assert_eq!(alice.ask(&frame).await["type"], "accepted");
}

#[tokio::test(start_paused = true)]
async fn a_receipt_says_when_the_recipient_acknowledged() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let mut bob = rig.login(2).await;
    alice.sends("m", 2, "hi").await;
    let received = bob.receives("m").await;
    pass(7).await;
    bob.acks(&received).await;
    assert_receipt(&alice.next().await, "m", "delivered", 7000);
}

#[tokio::test(start_paused = true)]
async fn delivery_without_acknowledgement_makes_no_receipt() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let mut bob = rig.login(2).await;
    alice.sends("m", 2, "hi").await;
    bob.receives("m").await;
    alice.hears_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn one_acknowledgement_of_many_makes_a_receipt_for_each() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let mut carol = rig.login(3).await;
    let mut bob = rig.login(2).await;
    for (sender, id) in [(1, "a"), (3, "b"), (1, "c")] {
        let sender = if sender == 1 { &mut alice } else { &mut carol };
        sender.sends(id, 2, "hi").await;
    }
    bob.receives("a").await;
    bob.receives("b").await;
    let last = bob.receives("c").await;
    bob.acks(&last).await;
    assert_receipt(&alice.next().await, "a", "delivered", 0);
    assert_receipt(&alice.next().await, "c", "delivered", 0);
    assert_receipt(&carol.next().await, "b", "delivered", 0);
    alice.hears_nothing().await;
    carol.hears_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn a_recipient_that_wants_no_receipts_makes_none_of_delivery() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let (mut bob, _) = rig.login_with(2, json!({"receipts": false})).await;
    bob.catches_up().await;
    alice.sends("m", 2, "hi").await;
    let received = bob.receives("m").await;
    bob.acks(&received).await;
    alice.hears_nothing().await;
    assert_eq!(rig.waiting(), 0, "it was acknowledged");
    sends_for(&mut alice, "n", 5).await;
    bob.receives("n").await;
    pass(6).await;
    // That is not the recipient's doing.
    assert_receipt(&alice.next().await, "n", "expired", 5100);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_ran_out_makes_a_receipt_at_that_moment() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    sends_for(&mut alice, "m", 61).await;
    pass(60).await;
    alice.hears_nothing().await;
    assert_receipt(&alice.next().await, "m", "expired", 61_000);
    assert_eq!(rig.hub.now(), rig::UP.plus(61_000));
}

#[tokio::test(start_paused = true)]
async fn a_message_has_one_end_and_one_receipt() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let mut bob = rig.login(2).await;
    sends_for(&mut alice, "acknowledged", 5).await;
    let received = bob.receives("acknowledged").await;
    bob.acks(&received).await;
    bob.acks(&received).await;
    assert_receipt(&alice.next().await, "acknowledged", "delivered", 0);
    pass(10).await;
    alice.hears_nothing().await;

    sends_for(&mut alice, "expired", 5).await;
    let received = bob.receives("expired").await;
    pass(5).await;
    assert_receipt(&alice.next().await, "expired", "expired", 15_100);
    bob.acks(&received).await;
    bob.hears_nothing().await;
    alice.hears_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_is_offline_at_the_end_is_not_told_later() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let mut bob = rig.login(2).await;
    alice.sends("acknowledged", 2, "hi").await;
    sends_for(&mut alice, "expired", 5).await;
    drop(alice);
    settle().await;
    let received = bob.receives("acknowledged").await;
    bob.acks(&received).await;
    pass(10).await;
    let mut alice = rig.login(1).await;
    alice.hears_nothing().await;
    assert_eq!(rig.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_asks_later_by_the_id_learns_of_a_delivery_that_it_may_know_of() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let mut bob = rig.login(2).await;
    alice.sends("open", 2, "hi").await;
    let question = |id: &str| json!({"id": id, "to": fingerprint(2), "content": ""});
    let answer = alice.ask(&question("open")).await;
    assert_eq!((&answer["duplicate"], answer.get("delivered")), (&true.into(), None), "it waits");
    drop(alice);
    settle().await;
    let received = bob.receives("open").await;
    bob.acks(&received).await;
    drop(bob);
    settle().await;

    let mut alice = rig.login(1).await;
    let answer = alice.ask(&question("open")).await;
    assert_eq!((&answer["type"], &answer["delivered"]), (&"accepted".into(), &true.into()));
    alice.sends("secret", 2, "hi").await;
    let (mut bob, _) = rig.login_with(2, json!({"receipts": false})).await;
    let received = bob.receives("secret").await;
    bob.acks(&received).await;
    let answer = alice.ask(&question("secret")).await;
    assert_eq!((&answer["type"], answer.get("delivered")), (&"accepted".into(), None), "it may not know");
    assert_eq!(alice.ask(&question("nothing")).await["code"], "content_empty");
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_reconnected_is_told() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let mut bob = rig.login(2).await;
    alice.sends("m", 2, "hi").await;
    drop(alice);
    pass(80).await;
    let mut alice = rig.login(1).await;
    let received = bob.receives("m").await;
    bob.acks(&received).await;
    assert_eq!(alice.next().await["id"], "m");
}

#[tokio::test(start_paused = true)]
async fn a_resend_makes_no_second_receipt() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let mut bob = rig.login(2).await;
    alice.sends("m", 2, "hi").await;
    let received = bob.receives("m").await;
    bob.acks(&received).await;
    assert_receipt(&alice.next().await, "m", "delivered", 0);
    assert_eq!(alice.ask(&message("m", 2, "hi")).await["duplicate"], json!(true));
    alice.hears_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_lets_too_many_receipts_pile_up_is_closed() {
    let bounds = store::Config { mailbox_messages: 200_000, ..store::Config::default() };
    let mut rig = Rig::with(Options { bounds, pipe: 1024, ..Options::default() });
    let mut alice = rig.login(1).await;
    for number in 0..17_000 {
        sends_for(&mut alice, &number.to_string(), 10).await;
    }
    pass(9).await;
    assert_eq!((rig.waiting(), rig.hub.figures().0), (17_000, 1));
    pass(2).await;
    assert_eq!((rig.waiting(), rig.hub.figures().0), (0, 0));
    assert_eq!(alice.closed().await, (4408, "too_slow".into()));
}
