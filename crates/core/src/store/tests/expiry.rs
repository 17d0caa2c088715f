//! However much is due at one moment, each call does a bounded part of it.

use super::*;

/// Returns a store with many messages of `size` bytes that expire at the same moment, each to
/// somebody else.
fn crowd(messages: u32, size: usize) -> (Store, AccountId) {
    let bounds = Config { sender_bytes: usize::MAX, total_bytes: 1 << 40, ..Config::default() };
    let mut store = store_with(bounds);
    let (alice, _) = store.attach(NOW, ALICE, true);
    let content = "x".repeat(size);
    for number in 0..messages {
        let mut to = [8; 32];
        to[..4].copy_from_slice(&number.to_le_bytes());
        let letter = Letter {
            id: &number.to_string(),
            to: Fingerprint::from_bytes(to),
            escaped_content: &content,
            expires_at: NOW.plus(MINUTE),
        };
        store.put(NOW, alice, &letter).unwrap();
    }
    (store, alice)
}

/// Returns how many messages each call erases.
fn parts(store: &mut Store, now: Millis) -> Vec<usize> {
    let mut parts = Vec::new();
    loop {
        let before = store.figures().records;
        let mut ended = Vec::new();
        let mut freed = Vec::new();
        let more = store.expire(now, &mut ended, &mut freed);
        parts.push(before - store.figures().records);
        assert!(ended.len() <= EXPIRED_AT_ONCE, "{} ends are collected", ended.len());
        if !more {
            return parts;
        }
        assert!(parts.len() < 100_000, "it comes to no end");
    }
}

#[test]
fn a_call_erases_so_many_messages_at_most_and_fewer_if_they_are_long() {
    for (size, at_once) in [(1, EXPIRED_AT_ONCE), (2560, EXPIRED_AT_ONCE / 10), (65_536, 1), (1 << 20, 1)] {
        let messages = 5 * at_once;
        let (mut store, _) = crowd(u32::try_from(messages).unwrap(), size);
        let parts = parts(&mut store, NOW.plus(MINUTE));
        assert!(parts.iter().all(|&erased| erased <= at_once), "{size}: {parts:?}");
        assert_eq!((parts.iter().sum::<usize>(), store.figures().records), (messages, 0));
    }
}

#[test]
fn what_is_due_is_gone_for_everybody_before_its_turn_to_be_erased_comes() {
    let (mut store, alice) = crowd(3000, 1);
    let (bob, _) = store.attach(NOW, BOB, true);
    let then = NOW.plus(MINUTE);
    for number in 0..100 {
        let id = format!("due-{number}");
        let letter = Letter { id: &id, to: BOB, escaped_content: "x", expires_at: then };
        store.put(NOW, alice, &letter).unwrap();
    }
    store.put(NOW, alice, &letter("later", BOB, NOW.plus(1))).unwrap();
    assert_eq!(fetch(&mut store, NOW, bob, 32).len(), 32);
    let mut ended = Vec::new();
    let mut freed = Vec::new();
    assert!(store.expire(then, &mut ended, &mut freed), "only a part of it was erased");
    assert_eq!(store.known_until(alice, "due-99"), None);
    assert_eq!(fetch(&mut store, then, bob, 32).len(), 1, "what has expired takes no room in the window");
    assert!(store.figures().messages > 2000);
    assert_eq!(store.attach(then, BOB, true).1, 1, "`pending` is what can be delivered");
    assert!(store.put(then, alice, &letter("due-99", CAROL, then)).is_ok(), "its id may be used again");
    while store.expire(then, &mut ended, &mut freed) {}
    assert_eq!(store.known_until(alice, "due-99"), Some(then.plus(MINUTE)), "and is not forgotten with the older one");
    assert_eq!(store.figures().messages, 2);
}

#[test]
fn an_empty_store_that_was_full_has_given_its_memory_back() {
    let (mut store, alice) = crowd(20_000, 1);
    assert!(store.records.capacity() >= 20_000 && store.accounts.capacity() >= 20_000);
    parts(&mut store, NOW.plus(MINUTE));
    assert!(store.records.capacity() + store.accounts.capacity() < 1000);
    assert_eq!((store.due.len(), store.pairs.len(), store.ids.len(), store.by_fingerprint.len()), (0, 0, 0, 1));
    assert!(store.unended.capacity() < 200);
    assert_eq!(store.find(&ALICE), Some(alice));
}

#[test]
fn a_window_of_long_messages_is_acknowledged_and_dropped_in_parts() {
    let long = "x".repeat(65_536);
    let bounds = Config { mailbox_bytes: 1 << 30, ..Config::default() };
    let mut store = store_with(bounds);
    let (alice, _) = store.attach(NOW, ALICE, true);
    let (bob, _) = store.attach(NOW, BOB, true);
    for number in 0..20 {
        let letter = Letter { id: &number.to_string(), to: BOB, escaped_content: &long, expires_at: NOW.plus(MINUTE) };
        store.put(NOW, alice, &letter).unwrap();
    }
    let last = *fetch(&mut store, NOW, bob, 16).last().unwrap();
    let mut ended = Vec::new();
    let mut parts = 1;
    while store.acknowledge(NOW, bob, last, &mut ended).unwrap() {
        assert_eq!((ended.len(), store.figures().messages), (parts, 20 - parts), "one at a time");
        parts += 1;
    }
    assert_eq!((parts, ended.len()), (16, 16));
    let mut next = Some(0);
    let mut parts = Vec::new();
    while let Some(first) = next {
        let (dropped, then) = store.drop_some_from(alice, first, &mut ended, &mut Vec::new());
        parts.push(dropped);
        next = then;
    }
    assert_eq!((parts.iter().sum::<usize>(), store.figures().messages), (4, 0));
    assert!(parts.iter().all(|&dropped| dropped <= 1), "{parts:?}");
}
