//! Long messages on their way to somebody who does not read: what they may hold, and that others
//! have theirs.

use std::time::Duration;

use ephemeral::admission::INCOMPLETE_BYTES;
use ephemeral::events::Kind;
use ephemeral::pump;
use ephemeral::transport::Peer;
use ephemeral_test_support::rig::{HOST, Options, Rig, fingerprint, pass, settle, unlimited};
use serde_json::json;

use crate::raw::{Frame, Raw, upgrade_request};

/// The longest content there is, each byte of which takes two in JSON.
const LONG: usize = 65_536;

fn rig() -> Rig {
    // Nobody is closed for not reading: only others make them give way.
    let timing = pump::Config { write_timeout: Duration::from_secs(3600), ..pump::Config::default() };
    Rig::with(Options { rules: unlimited(), timing, pipe: 4096, ..Options::default() })
}

/// Logs in from an address of its own, or one that it shares.
async fn login_from(rig: &mut Rig, number: u8, address: u8) -> Raw {
    let mut raw = Raw { stream: rig.connect_as(Peer::Address([10, 0, 0, address].into())) };
    raw.write(upgrade_request(&fingerprint(number), HOST)).await;
    assert_eq!(raw.head().await.status, 101);
    raw.authenticate(number).await;
    assert_eq!(raw.next().await["type"], "caught_up");
    raw
}

fn used(rig: &Rig) -> usize {
    rig.server.admission.frames().used()
}

#[tokio::test(start_paused = true)]
async fn long_messages_that_nobody_reads_stay_within_the_budget_and_a_recipient_who_reads_has_its_own() {
    let mut rig = rig();
    let content = "\"".repeat(LONG);
    let mut unread = Vec::new();
    for number in 1..=200 {
        unread.push(login_from(&mut rig, number, number % 50).await);
    }
    let mut honest = login_from(&mut rig, 250, 250).await;
    for sender in 0..4 {
        let mut sender_socket = rig.login(201 + sender).await;
        for number in 1..=50 {
            sender_socket.sends(&number.to_string(), sender * 50 + number, &content).await;
            settle().await;
            assert!(used(&rig) <= INCOMPLETE_BYTES, "{} bytes", used(&rig));
        }
    }
    assert!(used(&rig) >= INCOMPLETE_BYTES - 2 * LONG, "{} bytes", used(&rig));

    let mut friend = rig.login(249).await;
    friend.sends("short", 250, "first a short one").await;
    assert_eq!(honest.next().await["id"], "short");
    friend.sends("long", 250, &content).await;
    let message = honest.next().await;
    assert_eq!((&message["id"], &message["content"]), (&json!("long"), &json!(content)));
    let gave_way = rig.events(Kind::TooSlow);
    assert!((1..=80).contains(&gave_way), "for it, and for those that waited before it: {gave_way}");

    drop((unread, honest));
    pass(5).await;
    assert_eq!((used(&rig), rig.hub.figures().0), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn long_and_short_messages_come_in_their_order_whatever_has_to_wait_for_room() {
    let mut rig = rig();
    let mut alice = rig.login(1).await;
    let (mut bob, _) = rig.login_with(2, json!({})).await;
    bob.catches_up().await;
    let lengths = [10, 5000, 4096, 4097, LONG, 20_000, 20_000, 3, LONG, 15_000, 1000, LONG, LONG];
    for (number, length) in lengths.into_iter().enumerate() {
        alice.sends(&number.to_string(), 2, &"x".repeat(length)).await;
    }
    for (number, length) in lengths.into_iter().enumerate() {
        let message = bob.receives(&number.to_string()).await;
        assert_eq!(message["content"].as_str().map(str::len), Some(length));
        if number % 3 == 0 {
            bob.acks(&message).await;
        }
    }
    bob.goes_on().await;
    assert_eq!(used(&rig), 0, "what was read has given its room back");
}

#[tokio::test(start_paused = true)]
async fn a_long_message_that_expires_while_it_waits_for_room_holds_none_and_its_recipient_is_answered_meanwhile() {
    /// So many of that size leave less room than one of the longest needs.
    const UNREAD: u8 = 139;
    const SIZE: usize = 120_000;
    let mut rig = rig();
    let mut alice = rig.login(201).await;
    let longest = json!({"id": "m", "to": fingerprint(250), "content": "\"".repeat(LONG), "ttl_s": 5});
    assert_eq!(alice.ask(&longest).await["type"], "accepted");
    let mut unread = Vec::new();
    let content = "\"".repeat(SIZE / 2);
    let mut sender = rig.login(209).await;
    for number in 1..=UNREAD {
        unread.push(login_from(&mut rig, number, 1).await);
        if number % 50 == 1 {
            sender = rig.login(210 + number / 50).await;
        }
        sender.sends(&number.to_string(), number, &content).await;
    }
    settle().await;
    let before = used(&rig);
    assert_eq!(before, usize::from(UNREAD) * SIZE);

    let mut bob = Raw { stream: rig.connect_as(Peer::Address([10, 0, 0, 250].into())) };
    bob.write(upgrade_request(&fingerprint(250), HOST)).await;
    assert_eq!(bob.head().await.status, 101);
    bob.authenticate(250).await;
    bob.send(&[Frame::text(json!({"type": "are you there?"}).to_string())]).await;
    assert_eq!(bob.next().await["code"], "unknown_type");
    pass(6).await;
    assert_eq!((&bob.next().await["type"], &alice.next().await["status"]), (&json!("caught_up"), &json!("expired")));
    alice.sends("n", 250, "what came after it").await;
    assert_eq!(bob.next().await["id"], "n");
    assert_eq!((used(&rig), rig.events(Kind::TooSlow)), (before, 0));
}
