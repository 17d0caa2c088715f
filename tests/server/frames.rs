//! WebSocket frames that a library would not send, and those that a library may.

use ephemeral_core::session;
use ephemeral_test_support::rig::{self, Options, Rig, message, unlimited};
use serde_json::json;

use crate::raw::{self, BINARY, CLOSE, CONTINUATION, Frame, PING, PONG, Raw};

/// Returns how a session is closed after these bytes. Whatever it was, others are not disturbed.
async fn closed_after(bytes: &[u8]) -> (u16, String) {
    let mut rig = Rig::new();
    let mut bob = rig.login(2).await;
    let mut raw = Raw::login(&mut rig, 1).await;
    raw.write(bytes).await;
    let closed = raw.closed().await;
    assert_eq!(rig.hub.figures().0, 1);
    bob.goes_on().await;
    closed
}

fn protocol_error() -> (u16, String) {
    (1002, "protocol_error".into())
}

fn invalid_utf8() -> (u16, String) {
    (1007, "invalid_utf8".into())
}

#[tokio::test(start_paused = true)]
async fn a_message_in_fragments_is_one_message() {
    let mut rig = Rig::new();
    let mut raw = Raw::login(&mut rig, 1).await;
    let text = message("m", 1, "in 🦀 pieces").to_string();
    for size in [1, 2, 3, 50, text.len()] {
        let mut frames = vec![Frame::text("").unfinished()];
        frames.extend(text.as_bytes().chunks(size).map(|chunk| Frame::new(CONTINUATION, chunk).unfinished()));
        frames.push(Frame::new(CONTINUATION, ""));
        raw.send(&frames).await;
        let answer = raw.next().await;
        assert_eq!((&answer["type"], &answer["duplicate"]), (&json!("accepted"), &json!(size > 1)));
        if size == 1 {
            assert_eq!(raw.next().await["content"], "in 🦀 pieces");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn control_frames_may_come_between_fragments() {
    let mut rig = Rig::new();
    let mut raw = Raw::login(&mut rig, 1).await;
    let text = message("m", 2, "hi").to_string();
    let (first, second) = text.as_bytes().split_at(20);
    raw.send(&[
        Frame::text(first).unfinished(),
        Frame::new(PING, "between"),
        Frame::new(PONG, "unasked"),
        Frame::new(CONTINUATION, second),
    ])
    .await;
    let mut frames = [raw.frame().await.unwrap(), raw.frame().await.unwrap()];
    frames.sort();
    assert_eq!(frames[1], (PONG, b"between".to_vec()));
    let answer: serde_json::Value = serde_json::from_slice(&frames[0].1).unwrap();
    assert_eq!(answer["type"], "accepted");
}

#[tokio::test(start_paused = true)]
async fn a_frame_may_come_byte_by_byte_and_several_in_one_piece() {
    let mut rig = Rig::new();
    let mut raw = Raw::login(&mut rig, 1).await;
    for byte in Frame::text(message("a", 2, "hi").to_string()).bytes() {
        raw.write([byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(raw.next().await["id"], "a");
    let frames = ["b", "c", "d"].map(|id| Frame::text(message(id, 2, "hi").to_string()));
    raw.send(&frames).await;
    for id in ["b", "c", "d"] {
        assert_eq!(raw.next().await["id"], id);
    }
}

#[tokio::test(start_paused = true)]
async fn binary_frames_are_not_supported() {
    let text = message("m", 2, "hi").to_string();
    let fragments = [Frame::new(BINARY, "a").unfinished(), Frame::new(CONTINUATION, "b")];
    for bytes in [Frame::new(BINARY, text).bytes(), Frame::new(BINARY, "").bytes(), raw::bytes_of(&fragments)] {
        assert_eq!(closed_after(&bytes).await, (1003, "unsupported_data".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn violations_of_the_websocket_protocol_are_closed_with_1002() {
    let text = || Frame::text("{}");
    for (what, frames) in [
        ("unmasked", vec![text().unmasked()]),
        ("unmasked, empty", vec![Frame::new(PING, "").unmasked()]),
        ("reserved bit 1 (compression)", vec![text().with_reserved(4)]),
        ("reserved bit 2", vec![text().with_reserved(2)]),
        ("reserved bit 3", vec![text().with_reserved(1)]),
        ("reserved bit of a control frame", vec![Frame::new(PING, "").with_reserved(4)]),
        ("reserved bit of a continuation", vec![text().unfinished(), Frame::new(CONTINUATION, "").with_reserved(4)]),
        ("continuation of nothing", vec![Frame::new(CONTINUATION, "{}")]),
        ("unfinished continuation of nothing", vec![Frame::new(CONTINUATION, "{}").unfinished()]),
        ("text within a message", vec![text().unfinished(), text()]),
        ("binary within a message", vec![text().unfinished(), Frame::new(BINARY, "")]),
        ("fragmented ping", vec![Frame::new(PING, "a").unfinished()]),
        ("fragmented close", vec![Frame::close(1000, "").unfinished()]),
        ("long ping", vec![Frame::new(PING, [0; 126])]),
        ("long close", vec![Frame::close(1000, "x".repeat(124))]),
    ] {
        assert_eq!(closed_after(&raw::bytes_of(&frames)).await, protocol_error(), "{what}");
    }
    for opcode in (3..=7).chain(11..=15) {
        assert_eq!(closed_after(&Frame::new(opcode, "x").bytes()).await, protocol_error(), "opcode {opcode}");
    }
}

#[tokio::test(start_paused = true)]
async fn text_that_is_not_utf_8_is_closed_with_1007() {
    for bad in [&b"\xff"[..], b"{\"a\":\"\xc3\"}", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xf0\x9f\xa6"] {
        assert_eq!(closed_after(&Frame::text(bad).bytes()).await, invalid_utf8(), "{bad:?}");
        let (first, second) = bad.split_at(bad.len() / 2);
        let fragments = [Frame::text(first).unfinished(), Frame::new(CONTINUATION, second)];
        assert_eq!(closed_after(&raw::bytes_of(&fragments)).await, invalid_utf8(), "in fragments: {bad:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_is_too_large_is_closed_with_1009() {
    let rules = session::Config { content_bytes: 1000, ..unlimited() };
    let largest = rules.frame_bytes();
    let mut rig = Rig::with(Options { rules, ..Options::default() });
    let padded = |bytes: usize| {
        format!("{}{}", message("m", 2, "hi"), " ".repeat(bytes - message("m", 2, "hi").to_string().len()))
    };
    let mut raw = Raw::login(&mut rig, 1).await;
    raw.send(&[Frame::text(padded(largest))]).await;
    assert_eq!(raw.next().await["type"], "accepted", "the largest is not too large");

    let too_large = padded(largest + 1);
    let halves = too_large.as_bytes().split_at(largest / 2);
    for bytes in [
        Frame::text(&too_large).bytes(),
        raw::bytes_of(&[Frame::text(halves.0).unfinished(), Frame::new(CONTINUATION, halves.1)]),
        // Nothing but the header: it is not waited for.
        Frame::text("").header(largest as u64 + 1),
        Frame::text("").header(1 << 40),
        Frame::text("").header(u64::MAX >> 1),
    ] {
        let mut raw = Raw::login(&mut rig, 1).await;
        raw.write(bytes).await;
        assert_eq!(raw.closed().await, (1009, "frame_too_large".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn the_reason_is_read_also_by_a_peer_that_is_in_the_middle_of_sending() {
    let mut rig = Rig::with(Options { pipe: 4096, ..Options::default() });
    let mut raw = Raw::login(&mut rig, 1).await;
    raw.send(&[Frame::text("x".repeat(600_000))]).await;
    assert_eq!(raw.closed().await, (1009, "frame_too_large".into()));
}

#[tokio::test(start_paused = true)]
async fn a_close_is_answered_with_its_code() {
    let mut rig = Rig::new();
    for code in [1000, 1001, 1002, 1003, 1007, 1009, 1011, 3000, 4000, 4999] {
        let mut raw = Raw::login(&mut rig, 1).await;
        raw.send(&[Frame::close(code, "bye")]).await;
        assert_eq!(raw.closed().await.0, code);
    }
    let mut raw = Raw::login(&mut rig, 1).await;
    raw.send(&[Frame::new(CLOSE, "")]).await;
    assert_eq!(raw.frame().await, Some((CLOSE, Vec::new())));
    assert_eq!(raw.frame().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_close_with_a_code_that_may_not_be_sent_is_a_violation() {
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535] {
        for why in ["", "a reason"] {
            assert_eq!(closed_after(&Frame::close(code, why).bytes()).await, protocol_error(), "{code}");
        }
    }
    assert_eq!(closed_after(&Frame::new(CLOSE, "x").bytes()).await, protocol_error(), "half a code");
    assert_eq!(closed_after(&Frame::close(1000, [0xff]).bytes()).await, invalid_utf8());
    let mut rig = Rig::new();
    let mut raw = Raw::login(&mut rig, 1).await;
    for byte in Frame::close(1005, "byte by byte").bytes() {
        raw.write([byte]).await;
        rig::settle().await;
    }
    assert_eq!(raw.closed().await, protocol_error());
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_before_a_close_counts_and_what_comes_after_does_not() {
    let mut rig = Rig::new();
    let mut raw = Raw::login(&mut rig, 1).await;
    let [before, after] = ["before", "after"].map(|id| Frame::text(message(id, 2, "hi").to_string()));
    raw.send(&[before, Frame::close(1000, ""), after]).await;
    assert_eq!(raw.next().await["id"], "before");
    assert_eq!(raw.closed().await.0, 1000);
    assert_eq!(rig.waiting(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_off_in_a_frame_leaves_nothing_behind() {
    let mut rig = Rig::new();
    let bytes = Frame::text(message("m", 2, "hi").to_string()).bytes();
    for cut in [1, 2, 5, bytes.len() - 1] {
        let mut raw = Raw::login(&mut rig, 1).await;
        raw.write(bytes.get(..cut).unwrap()).await;
        drop(raw);
        rig::settle().await;
        assert_eq!((rig.hub.figures().0, rig.waiting()), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_in_one_burst_with_a_close_is_answered_before_the_close() {
    let burst = |count: usize| {
        let mut frames: Vec<Frame> =
            (0..count).map(|n| Frame::text(message(&format!("m-{n}"), 2, "hi").to_string())).collect();
        frames.push(Frame::close(1000, "bye"));
        raw::bytes_of(&frames)
    };
    // In one piece, and cut where the header of the close has come in part, or without its payload.
    for (count, cut) in [(0, 0), (1, 0), (1, 6), (1, 7), (1, 8), (3, 9), (3, 10), (20, 0), (80, 0)] {
        let mut rig = Rig::with(Options { rules: unlimited(), ..Options::default() });
        let mut raw = Raw::login(&mut rig, 1).await;
        let bytes = burst(count);
        let (first, rest) = bytes.split_at(bytes.len() - cut);
        raw.write(first).await;
        tokio::task::yield_now().await;
        raw.write(rest).await;
        for number in 0..count {
            let answer = raw.next().await;
            assert_eq!((&answer["type"], &answer["id"]), (&json!("accepted"), &json!(format!("m-{number}"))));
        }
        assert_eq!(raw.frame().await, Some((CLOSE, [&1000_u16.to_be_bytes()[..], b"bye"].concat())), "{count}, {cut}");
        assert_eq!(raw.frame().await, None);
        assert_eq!(rig.hub.figures().1.messages, count);
    }
}
