//! Who takes most of the store, and out with it.

use super::*;

fn person(number: u8) -> Fingerprint {
    Fingerprint::from_bytes([number; 32])
}

/// Returns a store in which each of so many people has sent as many messages to herself as her
/// number says.
fn store_of(people: u8) -> Store {
    let mut store = store();
    for number in 1..=people {
        let (account, _) = store.attach(NOW, person(number), true);
        for id in 0..number {
            store.put(NOW, account, &letter(&id.to_string(), person(number), NOW)).unwrap();
        }
    }
    store
}

#[test]
fn the_largest_senders_are_named_in_their_order() {
    let store = store_of(200);
    let mut largest = Vec::new();
    let mut next = Some(0);
    while let Some(first) = next {
        next = store.look_for_largest(first, 3, &mut largest);
    }
    let named: Vec<_> = largest.iter().map(|sender| (sender.fingerprint, sender.messages)).collect();
    assert_eq!(named, [(person(200), 200), (person(199), 199), (person(198), 198)]);
    assert!(largest[2].bytes > 198 * RECORD_COST);
}

#[test]
fn what_one_sender_has_waiting_can_be_dropped_and_the_others_messages_stay() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    let (bob, _) = store.attach(NOW, BOB, true);
    for id in 0..30 {
        store.put(NOW, alice, &letter(&id.to_string(), BOB, NOW)).unwrap();
    }
    store.put(NOW, bob, &letter("kept", BOB, NOW)).unwrap();
    assert_eq!(fetch(&mut store, NOW, bob, 2).len(), 2);
    let mut ended = Vec::new();
    let mut freed = Vec::new();
    assert_eq!(store.drop_some_from(alice, 0, &mut ended, &mut freed), (30, None));
    assert_eq!(ended.len(), 30);
    assert!(ended.iter().all(|end| end.status == ReceiptStatus::Expired && end.sender == alice && end.to == BOB));
    assert!(freed.contains(&bob), "there is room in the window");
    assert_eq!(fetch(&mut store, NOW, bob, 2).len(), 1, "the other one's");
    assert_eq!(store.figures().messages, 1);
    assert_eq!(store.known_until(alice, "7"), Some(NOW.plus(MINUTE)), "it is a duplicate if it is sent again");
    assert_eq!(expire(&mut store, NOW.plus(MINUTE)).0, [("kept".to_owned(), ReceiptStatus::Expired)]);
    assert_eq!(store.figures().records, 0);
}

#[test]
fn a_call_drops_so_many_at_most_and_says_where_to_go_on() {
    let bounds = Config { mailbox_messages: 10_000, sender_bytes: usize::MAX, ..Config::default() };
    let mut store = store_with(bounds);
    let (alice, _) = store.attach(NOW, ALICE, true);
    for id in 0..3000 {
        store.put(NOW, alice, &letter(&id.to_string(), ALICE, NOW)).unwrap();
    }
    let mut dropped = 0;
    let mut calls = 0;
    let mut next = Some(0);
    while let Some(first) = next {
        let (some, then) = store.drop_some_from(alice, first, &mut Vec::new(), &mut Vec::new());
        assert!(some <= EXPIRED_AT_ONCE, "{some} at once");
        dropped += some;
        calls += 1;
        next = then;
    }
    assert_eq!((dropped, store.figures().messages), (3000, 0));
    assert!(calls >= 3000 / EXPIRED_AT_ONCE);
}
