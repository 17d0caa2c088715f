//! What happens to sessions when the server shuts down.

use ephemeral_core::store::StoreStats;
use ephemeral_test_support::rig::{self, Rig, message, settle};
use serde_json::json;
use tokio::io::AsyncReadExt;

use crate::raw::Raw;

fn draining() -> (u16, String) {
    (1001, "draining".into())
}

#[tokio::test(start_paused = true)]
async fn every_session_is_closed_with_1001() {
    let mut rig = Rig::new();
    let mut sessions = [rig.login(1).await, rig.login(2).await, rig.login(3).await];
    rig.drain();
    for session in &mut sessions {
        assert_eq!(session.closed().await, draining());
    }
    assert_eq!(rig.hub.figures().0, 0);
}

#[tokio::test(start_paused = true)]
async fn who_has_not_authenticated_yet_is_told_too() {
    let mut rig = Rig::new();
    let mut socket = rig.socket(1).await;
    assert_eq!(socket.next().await["type"], "challenge");
    rig.drain();
    assert_eq!(socket.closed().await, draining());
}

#[tokio::test(start_paused = true)]
async fn a_sender_in_the_middle_of_something_is_told_that_it_is_not_kept() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    alice.send(&message("m", 2, "hi")).await;
    rig.drain();
    let answer = alice.next().await;
    assert_eq!((&answer["code"], &answer["id"]), (&json!("draining"), &json!("m")));
    assert_eq!(alice.closed().await, draining());
    assert_eq!(rig.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_answers_the_challenge_too_late_does_not_join() {
    let mut rig = Rig::new();
    let mut socket = rig.socket(1).await;
    let challenge = socket.next().await;
    socket.send(&json!({"type": "auth", "signature": rig::sign(&challenge, 1, rig::HOST)})).await;
    rig.drain();
    assert_eq!(socket.closed().await, draining());
    assert_eq!(rig.hub.figures().0, 0);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_at_once() {
    let mut rig = Rig::new();
    let mut raw = Raw::connect(&mut rig);
    raw.write("GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let length = raw.head().await.header("content-length").unwrap().parse().unwrap();
    raw.stream.read_exact(&mut vec![0; length]).await.unwrap();
    rig.drain();
    settle().await;
    assert_eq!(rig.unauthenticated(), 0);
}

#[tokio::test(start_paused = true)]
async fn sessions_that_do_not_read_do_not_hold_the_shutdown_up() {
    let mut rig = Rig::with(rig::Options { pipe: 1024, ..rig::Options::default() });
    let mut alice = rig.login(1).await;
    let _bob = Raw::login(&mut rig, 2).await;
    for number in 0..8 {
        alice.sends(&format!("m-{number}"), 2, &"x".repeat(1000)).await;
    }
    rig.drain();
    assert_eq!(alice.closed().await, draining());
    rig::pass(3).await;
    assert_eq!(rig.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn everything_that_waited_is_erased_at_the_end() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    alice.sends("m", 2, "hi").await;
    rig.drain();
    assert_eq!(alice.closed().await, draining());
    assert_eq!(rig.waiting(), 1, "not before the sessions have ended");
    rig.hub.erase();
    assert_eq!(rig.hub.figures(), (0, StoreStats::default()));
    settle().await;
    assert_eq!(rig.hub.figures(), (0, StoreStats::default()), "nor does what ends later count");
}
