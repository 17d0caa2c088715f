//! How long a connection lasts that does not become a session.

use std::time::Duration;

use ephemeral_test_support::rig::{self, HOST, Options, Rig, fingerprint, settle};
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout};

use crate::raw::{self, Frame, PONG, Raw, bytes_of, upgrade_request};

const REQUEST: &str = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Returns how many seconds pass until the server closes.
async fn lasts(raw: &mut Raw) -> u64 {
    let start = Instant::now();
    timeout(Duration::from_secs(3600), raw.stream.read_to_end(&mut Vec::new())).await.expect("an end").unwrap();
    start.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn unfinished_requests_end_with_the_time_for_authentication() {
    let mut rig = Rig::new();
    for half in ["", "G", "GET /health HTTP/1.1\r\n", "GET /health HTTP/1.1\r\nHost: localhost\r\n"] {
        let mut raw = Raw::connect(&mut rig);
        raw.write(half).await;
        let seconds = lasts(&mut raw).await;
        assert!(seconds <= 10, "{half:?}: {seconds} s");
    }
    assert_eq!(rig.unauthenticated(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_comes_byte_by_byte_does_not_last_longer() {
    let mut rig = Rig::new();
    let mut raw = Raw::connect(&mut rig);
    let start = Instant::now();
    let (mut read, mut write) = tokio::io::split(&mut raw.stream);
    let trickle = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if tokio::io::AsyncWriteExt::write_all(&mut write, b"G").await.is_err() {
                return;
            }
        }
    };
    let mut rest = Vec::new();
    let end = read.read_to_end(&mut rest);
    tokio::select! {
        () = trickle => {}
        ended = end => { ended.unwrap(); }
    }
    assert!(start.elapsed() <= Duration::from_secs(11), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let mut rig = Rig::new();
    let mut raw = Raw::connect(&mut rig);
    raw.write(format!("POST /health HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000000\r\n\r\nabc")).await;
    assert_eq!(raw.head().await.status, 405);
    assert!(lasts(&mut raw).await <= 10);
}

#[tokio::test(start_paused = true)]
async fn a_connection_carries_several_requests_and_ends_when_it_is_idle() {
    let mut rig = Rig::new();
    let mut raw = Raw::connect(&mut rig);
    for _ in 0..20 {
        raw.write(REQUEST).await;
        let length = raw.head().await.header("content-length").unwrap().parse().unwrap();
        raw.stream.read_exact(&mut vec![0; length]).await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    assert!(lasts(&mut raw).await <= 90);
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_sent_at_once_are_answered_in_order() {
    let mut rig = Rig::new();
    let close = REQUEST.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").replace("/health", "/nothing");
    let answers = rig.exchange(format!("{REQUEST}{REQUEST}{close}").as_bytes()).await;
    let statuses = answers.split("HTTP/1.1 ").skip(1).map(|answer| answer.get(..3).unwrap()).collect::<Vec<_>>();
    assert_eq!(statuses, ["200", "200", "404"]);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_its_answers_does_not_hold_the_connection() {
    let mut rig = Rig::with(Options { pipe: 1024, unauthenticated: 1, ..Options::default() });
    let mut raw = Raw::connect(&mut rig);
    let flood = async {
        loop {
            raw.write(REQUEST).await;
        }
    };
    assert!(timeout(Duration::from_secs(1), flood).await.is_err(), "the pipe is full");
    assert_eq!(rig.unauthenticated(), 1);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(rig.unauthenticated(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_right_after_the_upgrade_request_belongs_to_the_session() {
    let mut rig = Rig::new();
    let mut raw = Raw::connect(&mut rig);
    let ping = Frame::new(raw::PING, "early");
    raw.write([upgrade_request(&fingerprint(1), HOST).into_bytes(), bytes_of(&[ping.clone(), ping])].concat()).await;
    assert_eq!(raw.head().await.status, 101);
    let challenge = raw.frame().await.expect("a challenge");
    let challenge = serde_json::from_slice(&challenge.1).unwrap();
    assert_eq!(raw.frame().await, Some((PONG, b"early".to_vec())));
    let auth = serde_json::json!({"type": "auth", "signature": rig::sign(&challenge, 1, HOST)}).to_string();
    raw.send(&[Frame::text(auth)]).await;
    assert_eq!(raw.next().await["type"], "welcome");
}

#[tokio::test(start_paused = true)]
async fn a_message_right_after_the_upgrade_request_is_not_taken() {
    let mut rig = Rig::new();
    let mut raw = Raw::connect(&mut rig);
    let message = Frame::text(rig::message("m", 2, "early").to_string());
    raw.write([upgrade_request(&fingerprint(1), HOST).into_bytes(), message.bytes()].concat()).await;
    assert_eq!(raw.head().await.status, 101);
    assert_eq!(raw.closed().await, (4401, "auth_required".into()));
    assert_eq!(rig.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn garbage_after_the_upgrade_is_a_violation_of_the_protocol() {
    let mut rig = Rig::new();
    for garbage in ["GET / HTTP/1.1\r\n\r\n".as_bytes(), &[0xff; 64], &[0; 64]] {
        let mut raw = Raw::upgrade(&mut rig, 1).await;
        raw.write(garbage).await;
        assert_eq!(raw.closed().await.0, 1002, "{garbage:?}");
    }
    settle().await;
    assert_eq!(rig.unauthenticated(), 0);
}
