//! What the server has room for, and what it says at each bound.

use ephemeral_core::store::{self, ACCOUNT_COST, RECORD_COST};
use ephemeral_test_support::rig::{self, Options, Rig, Socket, fingerprint, message, pass, settle, sign};
use serde_json::json;

async fn rig_with(bounds: store::Config) -> (Rig, Socket) {
    let mut rig = Rig::with(Options { bounds, ..Options::default() });
    let alice = rig.login(1).await;
    (rig, alice)
}

/// Returns all that waits for Bob arrives, and he acknowledges it.
async fn bob_fetches(rig: &mut Rig, ids: &[&str]) -> Socket {
    let (mut bob, _) = rig.login_with(2, json!({})).await;
    for id in ids {
        let message = bob.receives(id).await;
        bob.acks(&message).await;
    }
    bob.catches_up().await;
    bob
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_holds_so_many_messages_and_evicts_none() {
    let (mut rig, mut alice) = rig_with(store::Config { mailbox_messages: 3, ..store::Config::default() }).await;
    let mut carol = rig.login(3).await;
    let mut dave = rig.login(4).await;
    let mut erin = rig.login(5).await;
    alice.sends("a", 2, "hi").await;
    carol.sends("b", 2, "hi").await;
    dave.sends("c", 2, "hi").await;
    for _ in 0..3 {
        let answer = alice.ask(&message("d", 2, "hi")).await;
        assert_eq!((&answer["code"], &answer["id"]), (&json!("mailbox_full"), &json!("d")));
    }
    assert_eq!(erin.refused(&message("d", 2, "hi")).await, "mailbox_full", "whoever writes");
    alice.sends("elsewhere", 6, "hi").await;
    bob_fetches(&mut rig, &["a", "b", "c"]).await;
    assert_eq!(erin.ask(&message("d", 2, "hi")).await["type"], "accepted", "an acknowledgement makes room");
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_holds_so_many_bytes() {
    let (mut rig, mut alice) = rig_with(store::Config { mailbox_bytes: 100, ..store::Config::default() }).await;
    let mut carol = rig.login(3).await;
    let mut dave = rig.login(4).await;
    assert_eq!(alice.refused(&message("m", 2, &"x".repeat(101))).await, "mailbox_full");
    alice.sends("a", 2, &"x".repeat(60)).await;
    assert_eq!(carol.refused(&message("b", 2, &"x".repeat(41))).await, "mailbox_full");
    carol.sends("b", 2, &"x".repeat(15)).await;
    assert_eq!(dave.refused(&message("c", 2, "x")).await, "mailbox_full", "the last quarter is not for strangers");
    bob_fetches(&mut rig, &["a", "b"]).await;
    assert_eq!(alice.next().await["type"], "receipt");
    alice.sends("c", 2, &"x".repeat(100)).await;
}

#[tokio::test(start_paused = true)]
async fn one_stranger_fills_an_eighth_of_a_mailbox_and_all_of_them_three_quarters() {
    let (mut rig, mut alice) = rig_with(store::Config { mailbox_messages: 16, ..store::Config::default() }).await;
    let mut bob = rig.login(2).await;
    bob.sends("hello", 1, "hi").await;
    drop(bob);
    for stranger in 10..16 {
        let mut stranger = rig.login(stranger).await;
        stranger.sends("a", 2, "hi").await;
        stranger.sends("b", 2, "hi").await;
        assert_eq!(stranger.refused(&message("c", 2, "hi")).await, "mailbox_full");
    }
    assert_eq!(rig.login(20).await.refused(&message("a", 2, "hi")).await, "mailbox_full", "another stranger");
    alice.next().await;
    for id in ["a", "b", "c", "d"] {
        alice.sends(id, 2, "hi").await;
    }
    assert_eq!(alice.refused(&message("e", 2, "hi")).await, "mailbox_full", "to her he has written: not to all alike");
}

#[tokio::test(start_paused = true)]
async fn what_was_delivered_and_not_acknowledged_still_takes_room() {
    let (mut rig, mut alice) = rig_with(store::Config { mailbox_messages: 1, ..store::Config::default() }).await;
    let mut bob = rig.login(2).await;
    alice.sends("a", 2, "hi").await;
    let first = bob.receives("a").await;
    assert_eq!(alice.refused(&message("b", 2, "hi")).await, "mailbox_full");
    bob.acks(&first).await;
    assert_eq!(alice.next().await["type"], "receipt");
    alice.sends("b", 2, "hi").await;
}

#[tokio::test(start_paused = true)]
async fn a_sender_has_so_many_bytes_waiting_whoever_they_are_for() {
    let (mut rig, mut alice) = rig_with(store::Config { sender_bytes: 1200, ..store::Config::default() }).await;
    alice.sends("a", 2, &"x".repeat(400)).await;
    let refused = alice.ask(&message("b", 3, &"x".repeat(450))).await;
    assert_eq!((&refused["code"], &refused["id"]), (&json!("sender_quota"), &json!("b")));
    alice.sends("b", 3, &"x".repeat(350)).await;
    assert_eq!(alice.refused(&message("c", 4, &"x".repeat(100))).await, "sender_quota");
    let mut dave = rig.login(4).await;
    dave.sends("c", 2, &"x".repeat(450)).await;
    assert_eq!(rig.waiting(), 3, "another sender has room of its own, and nothing made way");
}

#[tokio::test(start_paused = true)]
async fn a_senders_quota_is_freed_by_acknowledgement_but_for_the_ids_that_are_remembered() {
    let (mut rig, mut alice) =
        rig_with(store::Config { sender_bytes: 10 * RECORD_COST, ..store::Config::default() }).await;
    let mut bob = rig.login(2).await;
    let mut accepted = 0;
    loop {
        let answer = alice
            .ask(
                &json!({"id": format!("{accepted:02}"), "to": fingerprint(2), "content": "x".repeat(200), "ttl_s": 60}),
            )
            .await;
        if answer["type"] == "error" {
            assert_eq!(answer["code"], "sender_quota");
            break;
        }
        accepted += 1;
        let message = bob.next().await;
        bob.acks(&message).await;
        assert_eq!(alice.next().await["status"], "delivered");
    }
    assert_eq!((accepted, rig.waiting()), (8, 0), "eight ids, and no room for a ninth with 200 bytes of content");
    pass(60).await;
    alice.sends("again", 2, &"x".repeat(10 * RECORD_COST - RECORD_COST - 5)).await;
}

#[tokio::test(start_paused = true)]
async fn the_store_holds_so_many_bytes_in_all() {
    let total = 2 * ACCOUNT_COST + 2 * (RECORD_COST + 1 + 500);
    let (mut rig, mut alice) = rig_with(store::Config { total_bytes: total, ..store::Config::default() }).await;
    let mut carol = rig.login(3).await;
    alice.sends("a", 2, &"x".repeat(500)).await;
    carol.sends("b", 4, &"x".repeat(500)).await;
    for (sender, to) in [(&mut alice, 2), (&mut carol, 4)] {
        let refused = sender.ask(&message("c", to, "x")).await;
        assert_eq!((&refused["code"], &refused["id"]), (&json!("store_full"), &json!("c")));
    }
    assert_eq!(rig.waiting(), 2);
    bob_fetches(&mut rig, &["a"]).await;
    assert_eq!(alice.next().await["type"], "receipt");
    alice.sends("c", 2, "x").await;
}

#[tokio::test(start_paused = true)]
async fn every_quota_is_freed_by_expiry() {
    let total = ACCOUNT_COST + RECORD_COST + 101;
    for bounds in [
        store::Config { mailbox_messages: 1, ..store::Config::default() },
        store::Config { mailbox_bytes: 100, ..store::Config::default() },
        store::Config { sender_bytes: RECORD_COST + 101, ..store::Config::default() },
        store::Config { total_bytes: total, ..store::Config::default() },
    ] {
        let (_rig, mut alice) = rig_with(bounds).await;
        let full = "x".repeat(100);
        let first = json!({"id": "a", "to": fingerprint(2), "content": full, "ttl_s": 10});
        assert_eq!(alice.ask(&first).await["type"], "accepted");
        assert_eq!(alice.ask(&message("b", 2, &full)).await["type"], "error");
        pass(10).await;
        assert_eq!(alice.next().await["status"], "expired");
        alice.sends("b", 2, &full).await;
    }
}

#[tokio::test(start_paused = true)]
async fn at_several_bounds_the_mailbox_is_named_first_then_the_sender_then_the_store() {
    let one = RECORD_COST + 2;
    let full = store::Config {
        mailbox_messages: 1,
        mailbox_bytes: 1,
        sender_bytes: one,
        total_bytes: ACCOUNT_COST + one,
        kept_for_online: 0,
        ..store::Config::default()
    };
    let wide = store::Config::default();
    for (bounds, code) in [
        (full, "mailbox_full"),
        (store::Config { mailbox_messages: wide.mailbox_messages, ..full }, "mailbox_full"),
        (
            store::Config { mailbox_messages: wide.mailbox_messages, mailbox_bytes: wide.mailbox_bytes, ..full },
            "sender_quota",
        ),
        (store::Config { total_bytes: full.total_bytes, ..wide }, "store_full"),
    ] {
        let (_rig, mut alice) = rig_with(bounds).await;
        alice.sends("a", 2, "x").await;
        assert_eq!(alice.refused(&message("b", 2, "x")).await, code);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_too_many_is_told_that_the_server_is_overloaded() {
    let mut rig = Rig::with(Options { sessions: 2, ..Options::default() });
    let _alice = rig.login(1).await;
    let bob = rig.login(2).await;
    let mut carol = rig.socket(3).await;
    let challenge = carol.next().await;
    carol.send(&json!({"type": "auth", "signature": sign(&challenge, 3, rig::HOST)})).await;
    assert_eq!(carol.closed().await, (4503, "overloaded".into()));
    let bob_again = rig.login(2).await;
    drop((bob, bob_again));
    settle().await;
    let mut carol = rig.login(3).await;
    carol.goes_on().await;
}
