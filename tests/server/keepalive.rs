//! How sessions stay alive, and how silent or slow ones end.

use std::time::Duration;

use ephemeral_test_support::rig::{Options, Rig, message, pass};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep_until, timeout};

use crate::raw::{Frame, PING, PONG, Raw, TEXT};

fn too_slow() -> (u16, String) {
    (4408, "too_slow".into())
}

#[tokio::test(start_paused = true)]
async fn the_server_pings_every_15_to_45_seconds_at_no_interval_that_could_be_recognized() {
    let mut rig = Rig::new();
    let mut raw = Raw::login(&mut rig, 1).await;
    let mut last = Instant::now();
    let mut pauses = Vec::new();
    for _ in 0..200 {
        assert_eq!(raw.frame().await.map(|(opcode, _)| opcode), Some(PING));
        pauses.push(last.elapsed().as_secs_f64());
        last = Instant::now();
        raw.send(&[Frame::new(PONG, "")]).await;
    }
    assert!(pauses.iter().all(|pause| (14.9..45.1).contains(pause)), "{pauses:?}");
    let within = |low: f64, high: f64| pauses.iter().filter(|&&pause| pause >= low && pause < high).count();
    assert!(within(15.0, 25.0) > 20 && within(25.0, 35.0) > 20 && within(35.0, 45.0) > 20, "{pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn the_server_pings_also_while_frames_go_to_and_fro() {
    let mut rig = Rig::new();
    let mut raw = Raw::login(&mut rig, 1).await;
    let start = Instant::now();
    let mut pings = 0;
    for second in 1..=100 {
        sleep_until(start + Duration::from_secs(second) + Duration::from_millis(500)).await;
        raw.send(&[Frame::text("{}")]).await;
        while raw.frame().await.expect("a frame").0 == PING {
            pings += 1;
        }
    }
    assert!((2..=6).contains(&pings), "{pings} pings in 100 s");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_silent_for_90_seconds_is_closed() {
    let mut rig = Rig::new();
    let mut raw = Raw::login(&mut rig, 1).await;
    let start = Instant::now();
    assert_eq!(raw.closed().await, too_slow());
    assert!((90_000..92_100).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    assert_eq!(rig.hub.figures().0, 0);
}

#[tokio::test(start_paused = true)]
async fn the_90_seconds_begin_with_whatever_was_heard_last() {
    let mut rig = Rig::new();
    for heard in [Frame::new(PONG, ""), Frame::new(PING, "x"), Frame::text("{}")] {
        let mut raw = Raw::login(&mut rig, 1).await;
        pass(59).await;
        raw.send(&[heard]).await;
        let start = Instant::now();
        assert_eq!(raw.closed().await, too_slow());
        assert!((90_000..92_100).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_pings_stays_for_days() {
    let mut rig = Rig::new();
    let mut socket = rig.login(1).await;
    assert!(timeout(Duration::from_secs(2 * 86_400), socket.next_frame()).await.is_err());
    socket.goes_on().await;
}

#[tokio::test(start_paused = true)]
async fn a_ping_is_answered_with_its_payload() {
    let mut rig = Rig::new();
    let mut raw = Raw::login(&mut rig, 1).await;
    for payload in [&b""[..], b"x", &[0xff; 125]] {
        raw.send(&[Frame::new(PING, payload)]).await;
        assert_eq!(raw.frame().await, Some((PONG, payload.to_vec())));
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_for_20_seconds_is_closed_and_loses_nothing() {
    let mut rig = Rig::with(Options { pipe: 4096, ..Options::default() });
    let mut alice = rig.login(1).await;
    let mut bob = Raw::login(&mut rig, 2).await;
    let start = Instant::now();
    for number in 0..20 {
        alice.sends(&format!("m-{number}"), 2, &"x".repeat(1000)).await;
    }
    sleep_until(start + Duration::from_millis(19_900)).await;
    assert_eq!(rig.hub.figures().0, 2);
    sleep_until(start + Duration::from_millis(20_100)).await;
    assert_eq!(rig.hub.figures().0, 1, "its session is over");
    assert_eq!(bob.closed().await, too_slow(), "it is told if it reads at last");
    let (mut bob, welcome) = rig.login_with(2, json!({})).await;
    assert_eq!(welcome["pending"], json!(20));
    for number in 0..20 {
        bob.receives(&format!("m-{number}")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_does_not_slow_down_the_sender_or_others() {
    let mut rig = Rig::with(Options { pipe: 4096, ..Options::default() });
    let mut alice = rig.login(1).await;
    let _slow = Raw::login(&mut rig, 2).await;
    let mut carol = rig.login(3).await;
    let start = Instant::now();
    for number in 0..50 {
        alice.sends(&format!("m-{number}"), 2, &"x".repeat(1000)).await;
        alice.sends(&format!("n-{number}"), 3, "hi").await;
        let message = carol.receives(&format!("n-{number}")).await;
        carol.acks(&message).await;
        assert_eq!(alice.next().await["type"], "receipt");
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_slowly_is_not_closed() {
    let mut rig = Rig::with(Options { pipe: 1024, ..Options::default() });
    let mut alice = rig.login(1).await;
    let mut bob = Raw::login(&mut rig, 2).await;
    alice.sends("m", 2, &"x".repeat(60_000)).await;
    drop(alice);
    let mut read = 0;
    let mut frame = Vec::new();
    while read < 60_000 {
        let mut some = [0; 600];
        read += bob.stream.read_exact(&mut some).await.unwrap();
        frame.extend(some);
        pass(1).await;
    }
    assert!(frame.windows(7).any(|bytes| bytes == b"xxxxxxx"));
    assert_eq!(rig.hub.figures().0, 1, "a hundred seconds and more, but it reads");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_and_does_not_read_is_closed_too() {
    let mut rig = Rig::with(Options { pipe: 1024, ..Options::default() });
    let mut raw = Raw::login(&mut rig, 1).await;
    let frame = Frame::text(message("m", 2, "hi").to_string());
    let flood = async {
        loop {
            raw.send(std::slice::from_ref(&frame)).await;
        }
    };
    assert!(timeout(Duration::from_secs(10), flood).await.is_err(), "nothing is read from it any more");
    pass(15).await;
    assert_eq!(rig.hub.figures().0, 0);
}

#[tokio::test(start_paused = true)]
async fn a_ping_that_was_held_up_does_not_put_the_next_ones_off() {
    let mut rig = Rig::with(Options { pipe: 4096, ..Options::default() });
    let mut alice = rig.login(1).await;
    let mut bob = Raw::login(&mut rig, 2).await;
    assert_eq!(bob.frame().await.map(|(opcode, _)| opcode), Some(PING));
    let pinged = Instant::now();
    bob.send(&[Frame::new(PONG, "")]).await;
    // Stalls for longer than the time to the next ping, and not long enough to be given up.
    for number in 0..8 {
        alice.sends(&format!("m-{number}"), 2, &"x".repeat(1000)).await;
    }
    pass(19).await;
    let mut pings = 0;
    while pinged.elapsed().as_secs() < 136 {
        match bob.frame().await.expect("a frame").0 {
            PING => pings += 1,
            TEXT => {}
            other => panic!("{other}"),
        }
        bob.send(&[Frame::new(PONG, "")]).await;
    }
    assert!(pings >= 3, "{pings} pings in 136 s");
}
