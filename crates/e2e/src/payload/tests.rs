//! Tests of payloads.

use super::*;
use crate::identity::IdentityKeys;

fn hello() -> Hello {
    let identity = IdentityKeys::generate();
    Hello { proof: identity.proof(), your_curve: Key([1; 32]), your_ed: Key([0; 32]), invite: Key([2; 32]), born: 7 }
}

fn text() -> Payload {
    Payload { mid: 1, prev: 2, content: Some(Content::Text("grüß dich".to_owned())), ..Payload::default() }
}

fn chunk(size: u64, index: u32) -> FileChunk {
    let count = u32::try_from(size.div_ceil(CHUNK as u64)).unwrap();
    let length = (size - u64::from(index) * CHUNK as u64).min(CHUNK as u64);
    let data = vec![1; usize::try_from(length).unwrap()];
    FileChunk { id: [3; 16], index, count, size, sha256: Key([4; 32]), name: "a".to_owned(), data }
}

fn group() -> GroupContent {
    GroupContent {
        id: [5; 16],
        roster: [6; 16],
        gmid: 7,
        prev: 8,
        heads: vec![Head { member: [9; 8], gmid: 10 }],
        text: Some("all of you".to_owned()),
        signed: vec![vec![11]],
        door: Some(vec![12]),
        offer: Some("club".to_owned()),
    }
}

#[test]
fn every_kind_of_payload_is_read_as_it_was_written() {
    let control = Payload { acks: vec![1, 2], card: Some(vec![1; 1_258]), hello: Some(hello()), ..Payload::default() };
    let grouped = Payload { content: Some(Content::Group(group())), ..text() };
    let filed = Payload { content: Some(Content::File(chunk(50_000, 1))), ..text() };
    let ending = Payload { ended: vec![[1; 16]; MAX_ENDED], ..Payload::default() };
    for payload in [Payload::default(), control, text(), grouped, filed, ending] {
        assert_eq!(Payload::from_bytes(&payload.to_bytes()), Ok(payload));
    }
}

#[test]
fn fields_over_their_limits_drop_the_payload() {
    let long = |content| Payload { content: Some(content), ..text() };
    let over = [
        Payload { acks: vec![1; 33], ..text() },
        Payload { acks: vec![0], ..text() },
        Payload { card: Some(vec![0; MAX_CARD + 1]), ..text() },
        Payload { profile: "x".repeat(65), ..text() },
        Payload { burn_s: MAX_BURN_S + 1, ..text() },
        Payload { ended: vec![[1; 16]; MAX_ENDED + 1], ..text() },
        long(Content::Text("x".repeat(MAX_TEXT + 1))),
        long(Content::Group(GroupContent { heads: vec![Head { member: [0; 8], gmid: 1 }; 5], ..group() })),
        long(Content::Group(GroupContent { offer: Some("x".repeat(65)), ..group() })),
        long(Content::File(FileChunk { name: "x".repeat(121), ..chunk(1, 0) })),
        long(Content::File(FileChunk { size: MAX_FILE + 1, ..chunk(1, 0) })),
    ];
    for payload in over {
        assert!(matches!(Payload::from_bytes(&payload.to_bytes()), Err(PayloadError::Limit(_))), "{payload:?}");
    }
}

#[test]
fn fields_that_contradict_each_other_drop_the_payload() {
    let contradictions = [
        Payload { mid: 0, ..text() },
        Payload { content: None, ..text() },
        Payload { burn_s: 1, content: Some(Content::Group(group())), ..text() },
        Payload { content: Some(Content::File(FileChunk { count: 2, ..chunk(1, 0) })), ..text() },
        Payload { content: Some(Content::File(FileChunk { index: 1, ..chunk(1, 0) })), ..text() },
        Payload { content: Some(Content::Group(GroupContent { gmid: 0, ..group() })), ..text() },
    ];
    for payload in contradictions {
        assert_eq!(Payload::from_bytes(&payload.to_bytes()), Err(PayloadError::Contradiction), "{payload:?}");
    }
    // Fields 7 and 10 at once.
    let mut both = text().to_bytes().to_vec();
    both.extend_from_slice(&Payload { content: Some(Content::File(chunk(1, 0))), ..text() }.to_bytes());
    assert_eq!(Payload::from_bytes(&both), Err(PayloadError::Contradiction));
}

#[test]
fn unknown_fields_are_ignored_and_text_has_to_be_utf_8() {
    let mut later = text().to_bytes().to_vec();
    later.extend_from_slice(&[0x7a, 1, 0xff]);
    assert_eq!(Payload::from_bytes(&later), Ok(text()));
    let broken = [&text().to_bytes()[..18], &[0x3a, 1, 0xff]].concat();
    assert_eq!(Payload::from_bytes(&broken), Err(PayloadError::Malformed));
    // Half of a surrogate pair, as a program writes it that does not know better.
    let surrogate = [&text().to_bytes()[..18], &[0x3a, 3, 0xed, 0xa0, 0x80]].concat();
    assert_eq!(Payload::from_bytes(&surrogate), Err(PayloadError::Malformed));
}

#[test]
fn the_name_of_a_file_leads_nowhere() {
    let name = |name: &str| FileChunk { name: name.to_owned(), ..chunk(1, 0) }.safe_name();
    assert_eq!(name("../../etc/passwd"), "passwd");
    assert_eq!(name("C:\\x\\.profile"), "profile");
    assert_eq!(name("a\u{1b}[2Jb\n"), "a[2Jb");
    assert_eq!(name("../.."), "file");
    assert_eq!(name("holiday\u{202e}gpj.exe"), "holidaygpj.exe");
    assert_eq!(name("\u{200b}\u{2060}-rf "), "rf");
    assert_eq!(name("a.txt\u{3164}. "), "a.txt");
    assert_eq!(name("گزارش\u{200c}ها.pdf"), "گزارش\u{200c}ها.pdf");
    assert_eq!(name(""), "file");
}
