//! Fuzzing: the bytes that a front sends to the hub on the connection of a seat.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Builder;
use tokio::time::{Instant, timeout};

use crate::rig::{Rig, fingerprint, settle};

/// A front that says nothing more is given up within this time.
const LIFETIME: Duration = Duration::from_secs(10);
/// Bytes of a frame before its payload.
const HEAD: usize = 5;
/// The kinds of frames: two that a front sends, and four that a hub does.
const REQUEST: u8 = 0;
const TEXT: u8 = 1;
const WELCOME: u8 = 2;
const ANSWER: u8 = 3;
const DELIVERY: u8 = 4;
const END: u8 = 5;
/// The client for whom the seeds ask.
const CLIENT: u8 = 1;

/// Panics where bytes of a front, however they come, get more than they are worth: a session
/// without its client's signature, two answers to one text, something that is no frame, or what
/// stays when the front is gone.
pub fn check(data: &[u8]) {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let whole = answers(&[data]).await;
        let (one, other) = data.split_at(data.len() / 2);
        let halves = answers(&[one, other]).await;
        check_answers(data, &whole);
        check_answers(data, &halves);
        let begins = |answers: &[u8]| answers.first().copied();
        assert_eq!(begins(&whole), begins(&halves), "whether there is a seat depends on how the bytes arrive");
    });
}

/// Returns whether these bytes get a seat.
#[must_use]
pub fn is_seated(data: &[u8]) -> bool {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(answers(&[data])).first() == Some(&WELCOME)
}

/// Returns all that the hub says until it ends the connection, or has answered all.
async fn answers(pieces: &[&[u8]]) -> Vec<u8> {
    let mut rig = Rig::new();
    let start = Instant::now();
    let mut front = rig.connect_seat();
    let mut answers = Vec::new();
    for piece in pieces {
        let (mut reader, mut writer) = tokio::io::split(&mut front);
        // It may have ended already, and it does not read on where its answers are not read.
        let writing = async {
            let _ = writer.write_all(piece).await;
            settle().await;
        };
        let reading = async {
            let mut bytes = [0; 1024];
            while let Ok(count @ 1..) = reader.read(&mut bytes).await {
                answers.extend_from_slice(&bytes[..count]);
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = writing => {}
            () = reading => {}
        }
    }
    front.shutdown().await.unwrap();
    timeout(2 * LIFETIME, front.read_to_end(&mut answers)).await.expect("the connection ends").unwrap();
    assert!(start.elapsed() <= LIFETIME, "it lasted {:?}", start.elapsed());
    settle().await;
    assert_eq!((rig.hub.figures().0, rig.hub.elsewhere()), (0, (0, 0)), "something of the seat is left");
    answers
}

/// Returns the frames of these bytes, and what is left.
fn frames(mut bytes: &[u8]) -> (Vec<(u8, &[u8])>, &[u8]) {
    let mut frames = Vec::new();
    while let Some((&[kind, ref length @ ..], rest)) = bytes.split_first_chunk::<HEAD>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap();
        let Some((payload, rest)) = rest.split_at_checked(length) else { break };
        frames.push((kind, payload));
        bytes = rest;
    }
    (frames, bytes)
}

fn check_answers(data: &[u8], answers: &[u8]) {
    let (asked, _) = frames(data);
    let (said, rest) = frames(answers);
    assert!(rest.is_empty(), "a frame is cut off");
    let Some(((first, payload), later)) = said.split_first() else { return };
    assert!(asked.first().is_some_and(|(kind, _)| *kind == REQUEST), "an answer to nothing");
    match *first {
        WELCOME => {
            let welcome: Value = serde_json::from_slice(payload).expect("JSON");
            let frame: Value = welcome["welcome"].as_str().and_then(|frame| serde_json::from_str(frame).ok()).unwrap();
            assert_eq!(frame["fingerprint"], fingerprint(CLIENT), "nobody else has signed anything");
        }
        END => assert!(later.is_empty(), "something after the end"),
        other => panic!("it begins with a frame of kind {other}"),
    }
    let of = |kind: u8| later.iter().filter(|(other, _)| *other == kind).count();
    let texts = asked.iter().filter(|(kind, _)| *kind == TEXT).count();
    assert!(of(ANSWER) <= texts, "{} answers to {texts} texts", of(ANSWER));
    assert!(of(END) <= 1 && (of(END) == 0 || later.last().is_some_and(|(kind, _)| *kind == END)), "an end in between");
    for (kind, payload) in later {
        let text = match *kind {
            // Two flags, and the number of an acknowledgement.
            ANSWER => &payload[10..],
            // What it is, and its number.
            DELIVERY => &payload[9..],
            END => continue,
            other => panic!("a frame of kind {other}"),
        };
        assert!(text.is_empty() || serde_json::from_slice::<Value>(text).is_ok(), "an answer that is no JSON");
    }
}
