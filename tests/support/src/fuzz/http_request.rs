//! Fuzzing: the bytes of a connection, from the first of a request to what a session makes of them
//! that is never signed.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Builder;
use tokio::time::{Instant, timeout};

use crate::rig::{Rig, pass, settle};

/// Any connection that does not authenticate ends within this time, whatever it says: the time for
/// a request, then for authentication, then for the close handshake.
const LIFETIME: Duration = Duration::from_secs(30);
/// What every response has.
const HEADERS: [&str; 7] = [
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "cache-control",
    "content-security-policy",
];

/// Panics where the answers to these bytes, sent at once or in two pieces, are none of HTTP and the
/// protocol.
pub fn check(data: &[u8]) {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let whole = check_answers(&answers(&[data]).await);
        let halves = check_answers(&answers(&<[&[u8]; 2]>::from(data.split_at(data.len() / 2))).await);
        // hyper looks at a head when it begins and again when it may have ended: one that comes in
        // pieces, and is wrong already, stays unfinished. The whole beginning of HTTP/2 is
        // recognised, and closes the connection without an answer; in pieces it is a bad head.
        let other_version = data.starts_with(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        if !matches!((whole, halves), (Some(400 | 414 | 431), None)) && !other_version {
            assert_eq!(whole, halves, "the first answer depends on how the bytes arrive");
        }
    });
}

/// Returns all that comes back until the server closes.
async fn answers(pieces: &[&[u8]]) -> Vec<u8> {
    let mut rig = Rig::new();
    let start = Instant::now();
    let mut stream = rig.connect();
    for piece in pieces {
        // It may have closed already.
        let _ = stream.write_all(piece).await;
        settle().await;
    }
    let mut answers = Vec::new();
    timeout(2 * LIFETIME, stream.read_to_end(&mut answers)).await.expect("the connection ends").unwrap();
    assert!(start.elapsed() <= LIFETIME, "it lasted {:?}", start.elapsed());
    // The server gives the peer a moment to close as well.
    pass(5).await;
    assert_eq!((rig.connections(), rig.unauthenticated()), (0, 0), "something of the connection is left");
    assert_eq!(rig.hub.figures().0, 0, "a session without a signature");
    answers
}

/// Returns the first status, if there is any answer.
fn check_answers(mut bytes: &[u8]) -> Option<u16> {
    let mut first = None;
    while !bytes.is_empty() {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head");
        let (head, rest) = bytes.split_at(end + 4);
        let head = std::str::from_utf8(head).expect("a head of text");
        let (status, length) = check_head(head);
        first.get_or_insert(status);
        if status == 101 {
            check_frames(rest);
            break;
        }
        // The answer to HEAD has a length and no body.
        let length = if matches!(rest.first(), Some(b'{' | b'#')) { length } else { 0 };
        assert!(length <= rest.len(), "the answer is cut off");
        let (body, rest) = rest.split_at(length);
        if !body.is_empty() {
            check_body(status, body);
        }
        bytes = rest;
    }
    first
}

/// Returns the status, and how long the body is.
fn check_head(head: &str) -> (u16, usize) {
    let mut lines = head.trim_end().split("\r\n");
    let status_line = lines.next().expect("a line");
    let status = status_line.strip_prefix("HTTP/1.1 ").or_else(|| status_line.strip_prefix("HTTP/1.0 "));
    let status = status.and_then(|rest| rest.get(..3)?.parse().ok()).expect("a status");
    let headers: Vec<_> = lines.map(|line| line.split_once(": ").expect("a header")).collect();
    let all = |name: &str| headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name)).collect::<Vec<_>>();
    for name in HEADERS {
        assert_eq!(all(name).len(), 1, "{name} once on every response: {status}");
    }
    assert!(all("server").is_empty(), "a `Server` header");
    let length = all("content-length").first().map_or(0, |(_, length)| length.parse().expect("a length"));
    (status, length)
}

fn check_body(status: u16, body: &[u8]) {
    if body.starts_with(b"#") {
        assert!(status == 200 && body.ends_with(b"# EOF\n"), "the text of Prometheus");
        return;
    }
    let body: Value = serde_json::from_slice(body).expect("a body of JSON");
    if status == 200 {
        assert_eq!(body["status"], "healthy");
        return;
    }
    assert!((400..=503).contains(&status), "an unknown status: {status}");
    assert!(body["error"].as_str().is_some_and(|sentence| sentence.contains(' ')), "an error without a sentence");
    let code = body["code"].as_str().expect("a code");
    assert!(!code.is_empty() && code.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase()), "{code}");
}

/// Checks the server's frames: a challenge, pongs, and a close at the end.
fn check_frames(mut bytes: &[u8]) {
    let mut closed = false;
    let mut challenged = false;
    while let [first, length, rest @ ..] = bytes {
        assert!(!closed, "something after the close");
        assert_eq!(first & 0xf0, 0x80, "the server's frames are final and have no reserved bits");
        let (length, rest) = match (length, rest) {
            (0..126, rest) => (usize::from(*length), rest),
            (126, [high, low, rest @ ..]) => (usize::from(u16::from_be_bytes([*high, *low])), rest),
            _ => panic!("a masked or a huge frame"),
        };
        assert!(length <= rest.len(), "a frame is cut off");
        let (payload, rest) = rest.split_at(length);
        match first & 0x0f {
            1 => {
                let frame: Value = serde_json::from_slice(payload).expect("JSON");
                assert!(!challenged && frame["type"] == "challenge", "a second frame before authentication");
                challenged = true;
            }
            8 => {
                closed = true;
                assert!(length == 0 || length >= 2, "half a code");
                assert!(std::str::from_utf8(payload.get(2..).unwrap_or_default()).is_ok(), "a reason of text");
            }
            10 => {}
            other => panic!("opcode {other} before authentication"),
        }
        bytes = rest;
    }
    assert!(bytes.is_empty(), "half a frame");
    assert!(challenged, "no challenge after 101");
}
