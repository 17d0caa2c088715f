//! What is written down, and what is made of it.

use ephemeral_core::protocol::{ClockReading, Fingerprint, Millis, WallTime};

use super::entry::{decode, encode_ended, encode_message};
use super::*;

fn entry<'entry>(id: &'entry str, content: &'entry str) -> JournalEntry<'entry> {
    JournalEntry {
        sender: Fingerprint::from_bytes([1; 32]),
        recipient: Fingerprint::from_bytes([2; 32]),
        id,
        escaped_content: content,
        id_hash: 7,
        seq: 9,
        expires_at: Millis(60_000),
        lifetime: 50_000,
    }
}

fn log() -> (Arc<JournalQueue>, SealedLog) {
    let keys = Arc::new(Keyring::default());
    keys.rotate().unwrap();
    let queue = JournalQueue::new(keys, Clock::System, JournalMeta::default());
    (Arc::clone(&queue), SealedLog::new(queue, &[]))
}

#[test]
fn another_machines_clock_reads_the_same_moment() {
    let here = ClockReading { steady: Millis(10_000), wall: WallTime(1_000_000), resolution_ms: 1 };
    let there = ClockReading { steady: Millis(777_000), wall: WallTime(1_002_000), resolution_ms: 1 };
    let message = decode(&encode_message(&entry("id", "hello"), &here), &there).unwrap();
    assert_eq!(message.expires_at, Millis(777_000 + 48_000), "50 seconds, less the two that have passed");
    let waiting = message.waiting.unwrap();
    assert_eq!((&**waiting.body, waiting.id_bytes, waiting.seq, waiting.lifetime), ("idhello", 2, 9, 50_000));
    let sender = Fingerprint::from_bytes([1; 32]);
    let left = EndedEntry { sender: &sender, id_hash: 7, expires_at: Millis(60_000) };
    let ended = decode(&encode_ended(&left, &here), &there).unwrap();
    assert!(ended.waiting.is_none() && ended.expires_at == message.expires_at && ended.id_hash == 7);
}

#[test]
fn what_is_damaged_is_no_entry() {
    let now = Clock::System.read();
    let whole = encode_message(&entry("é", "hello"), &now);
    for cut in 0..whole.len() - "éhello".len() + 1 {
        assert!(decode(&whole[..cut], &now).is_none(), "{cut}");
    }
    let mut other = whole.to_vec();
    other[0] = 3;
    assert!(decode(&other, &now).is_none());
    let meta = JournalMeta { epoch: [3; 16], hash_key: [4, 5], promised: 6, whole: true, wiped: 7 };
    assert_eq!(JournalMeta::decode(&meta.encode()), Some(meta));
    assert_eq!(JournalMeta::decode(&meta.encode()[1..]), None);
}

#[test]
fn the_positions_tell_what_was_taken_and_places_are_used_again() {
    let (queue, mut log) = log();
    let empty = log.position();
    assert!(empty > 0, "what is written holds later");
    log.accept(5, &entry("a", "x")).unwrap();
    let first = log.position();
    log.accept(6, &entry("b", "x")).unwrap();
    log.forget(5);
    let last = log.position();
    assert!(empty < first && first < last);
    let (taken, position) = queue.take(1, 1 << 20);
    assert!(matches!(taken[..], [JournalWrite::Put(0, _, Some(_))]));
    assert_eq!(position, first);
    let (taken, position) = queue.take(9, 1 << 20);
    assert!(matches!(taken[..], [JournalWrite::Put(1, _, _), JournalWrite::Forget(0)]));
    assert_eq!(position, last);
    log.accept(7, &entry("c", "x")).unwrap();
    assert!(matches!(queue.take(9, 1).0[..], [JournalWrite::Put(0, _, _)]));
}

#[test]
fn a_full_queue_refuses_messages_and_takes_what_has_to_be_taken() {
    let (queue, mut log) = log();
    let mut accepted = 0;
    while log.accept(accepted, &entry("a", "x")).is_ok() {
        accepted += 1;
    }
    assert_eq!(accepted as usize, ENTRIES);
    log.forget(0);
    assert_eq!(queue.waiting(), ENTRIES + 1);
    let _ = queue.take(2, 1 << 20);
    assert_eq!(log.accept(0, &entry("a", "x")), Ok(()));
}

#[test]
fn what_is_erased_cannot_be_read_any_more() {
    let (queue, mut log) = log();
    log.accept(0, &entry("a", "x")).unwrap();
    let (taken, _) = queue.take(1, 1);
    let [JournalWrite::Put(place, sealed, _)] = &taken[..] else { panic!("one") };
    assert!(queue.keys.open(*place, sealed).is_ok());
    log.erase();
    log.begin([1; 16], &Seed { hash_key: [1, 2], first_seq: 3 });
    assert!(queue.keys.open(*place, sealed).is_err());
    let (taken, _) = queue.take(9, 1 << 20);
    assert!(matches!(taken[..], [JournalWrite::Purge, JournalWrite::Put(META, _, None)]));
}
