//! Messages that begin and do not end: what they may hold, and how long.

use std::time::Duration;

use ephemeral::admission::INCOMPLETE_BYTES;
use ephemeral::events::Kind;
use ephemeral::transport::Peer;
use ephemeral_test_support::rig::{HOST, Rig, fingerprint, message, pass, settle};
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use crate::raw::{CONTINUATION, Frame, PING, Raw, upgrade_request};

/// Bytes of the largest frame, where `content_bytes` is the default.
const FRAME: usize = 65_536 * 6 + 4096;

fn too_slow() -> (u16, String) {
    (4408, "too_slow".into())
}

fn peer(number: u8) -> Peer {
    Peer::Address([10, 0, 0, number].into())
}

/// Logs in from an address with the key of this number.
async fn login_from(rig: &mut Rig, number: u8, peer: Peer) -> Raw {
    let mut raw = Raw { stream: rig.connect_as(peer) };
    raw.write(upgrade_request(&fingerprint(number), HOST)).await;
    assert_eq!(raw.head().await.status, 101);
    raw.authenticate(number).await;
    raw.next().await;
    raw
}

/// Begins a message of so many bytes.
async fn begin(raw: &mut Raw, bytes: usize) {
    let mut beginning = Frame::text("").header(bytes as u64);
    beginning.extend([b' '; 1000]);
    raw.write(beginning).await;
    settle().await;
}

fn used(rig: &Rig) -> usize {
    rig.server.admission.frames().used()
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_not_finished_in_time_ends_the_session_also_if_a_byte_comes_now_and_then() {
    let mut rig = Rig::new();
    for (bytes, seconds) in [(10, 20), (60_000, 20), (70_000, 40), (FRAME, 140_u64)] {
        let mut raw = Raw::login(&mut rig, 1).await;
        let start = Instant::now();
        raw.write(Frame::text("").header(bytes as u64)).await;
        let mut trickled = 0;
        while trickled < seconds - 1 {
            pass(1).await;
            trickled += 1;
            if trickled < bytes as u64 {
                raw.write(" ").await;
            }
        }
        assert_eq!(rig.hub.figures().0, 1, "it has time: {bytes} bytes");
        assert_eq!(raw.closed().await, too_slow());
        let took = start.elapsed().as_secs();
        assert!((seconds..seconds + 3).contains(&took), "{bytes} bytes: {took} s");
        pass(3).await;
        assert_eq!(used(&rig), 0);
    }
    assert_eq!((rig.events(Kind::TooSlow), rig.events(Kind::Blocked)), (4, 0), "noted, not a strike");
}

#[test]
fn the_largest_frame_is_what_these_tests_take_it_for() {
    assert_eq!(ephemeral_core::session::Config::default().frame_bytes(), FRAME);
}

#[tokio::test(start_paused = true)]
async fn a_message_in_pieces_with_pauses_is_put_together() {
    let mut rig = Rig::new();
    let mut raw = Raw::login(&mut rig, 1).await;
    let text = message("m", 2, &"x".repeat(65_536)).to_string();
    for piece in [1000, 3000, 20_000] {
        let id = format!("m-{piece}");
        let bytes = Frame::text(text.replace("\"m\"", &format!("{id:?}"))).bytes();
        for chunk in bytes.chunks(piece) {
            raw.write(chunk).await;
            pass(u64::from(piece > 1000)).await;
        }
        let answer = raw.next().await;
        assert_eq!((&answer["type"], &answer["id"]), (&"accepted".into(), &id.into()), "{answer}");
        assert_eq!(used(&rig), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn half_sent_messages_of_many_peers_stay_within_the_budget_and_an_honest_one_gets_through() {
    let mut rig = Rig::new();
    let mut honest = rig.login(250).await;
    let mut half = Vec::new();
    for number in 1..=200 {
        let mut raw = login_from(&mut rig, number, peer(number % 50)).await;
        begin(&mut raw, FRAME).await;
        half.push(raw);
        assert!(used(&rig) <= INCOMPLETE_BYTES, "{} bytes", used(&rig));
    }
    assert!(used(&rig) > INCOMPLETE_BYTES / 2, "{} bytes", used(&rig));
    let start = Instant::now();
    for number in 0..20 {
        // To one each: nobody may fill another's mailbox.
        honest.sends(&format!("m-{number}"), 2 + number, &"x".repeat(65_536)).await;
    }
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    assert!(rig.events(Kind::TooSlow) > 0, "{} gave way", rig.events(Kind::TooSlow));
    drop(half);
    pass(3).await;
    assert_eq!(used(&rig), 0);
    honest.goes_on().await;
}

#[tokio::test(start_paused = true)]
async fn the_oldest_unfinished_message_of_the_peer_with_most_gives_way() {
    let mut rig = Rig::new();
    let mut light = login_from(&mut rig, 1, peer(1)).await;
    let whole = Frame::text(" ".repeat(300_000)).bytes();
    let (beginning, rest) = whole.split_at(5000);
    light.write(beginning).await;
    settle().await;
    let mut heavy = Vec::new();
    for number in 2..=90 {
        let mut raw = login_from(&mut rig, number, peer(2)).await;
        begin(&mut raw, FRAME).await;
        heavy.push(raw);
    }
    assert_eq!(heavy[0].closed().await, too_slow());
    assert_eq!(heavy[1].closed().await, too_slow());
    light.write(rest).await;
    // Spaces are no frame of this protocol, but the session is there to say so.
    assert_eq!(light.next().await["code"], "malformed");
}

#[tokio::test(start_paused = true)]
async fn fragments_are_not_more_than_one_frame_may_be_and_no_memory_is_reserved_for_more() {
    let mut rig = Rig::new();
    let mut raw = Raw::login(&mut rig, 1).await;
    raw.send(&[Frame::text(" ".repeat(5000)).unfinished()]).await;
    settle().await;
    assert_eq!(used(&rig), 10_000);
    raw.write(Frame::new(CONTINUATION, "").header((FRAME - 4999) as u64)).await;
    assert_eq!(raw.closed().await, (1009, "frame_too_large".into()));
    pass(3).await;
    assert_eq!(used(&rig), 0);
}

#[tokio::test(start_paused = true)]
async fn before_authentication_the_header_of_a_large_frame_is_the_end_of_it() {
    let mut rig = Rig::new();
    for (bytes, code) in [(20_000, 1009), (FRAME, 1009)] {
        let mut raw = Raw::upgrade(&mut rig, 1).await;
        raw.write(Frame::text("").header(bytes as u64)).await;
        assert_eq!(raw.closed().await.0, code, "{bytes} bytes");
    }
    let mut raw = Raw::upgrade(&mut rig, 1).await;
    raw.stream.write_all(&Frame::new(PING, "").header(390_000)).await.unwrap();
    assert_eq!(raw.closed().await.0, 1002, "a frame of control is short");
}
