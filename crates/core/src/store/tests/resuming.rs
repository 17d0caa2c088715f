//! Sessions that go on in a store that was restored.

use super::*;

/// A journal that nobody reads.
struct Nowhere;

impl Journal for Nowhere {
    fn accept(&mut self, _: u32, _: &JournalEntry<'_>) -> Result<(), NoRoom> {
        Ok(())
    }

    fn end(&mut self, _: u32, _: &EndedEntry<'_>) {}

    fn forget(&mut self, _: u32) {}

    fn promise(&mut self, _: u64) {}

    fn erase(&mut self) {}

    fn begin(&mut self, _: [u8; 16], _: &Seed) {}

    fn cost(&self) -> fn(usize) -> usize {
        |_| 0
    }
}

/// Returns a store to which these messages of Alice to Bob were left, each with its number and the
/// time from now to its expiry.
fn restored(messages: &[(&'static str, u64, u64)]) -> Store {
    restored_of_life(messages, MINUTE)
}

/// Returns the same where each was to live for so long.
fn restored_of_life(messages: &[(&'static str, u64, u64)], life: u64) -> Store {
    let mut restoring = Restoring::begin(Config::default(), Seed { hash_key: [1, 2], first_seq: 1000 }, NOW, |_| 0);
    for &(id, seq, rest) in messages {
        let body = zeroize::Zeroizing::new(format!("{id}hello").into_boxed_str());
        let id_bytes = u8::try_from(id.len()).unwrap();
        let lifetime = u32::try_from(life).unwrap();
        let waiting = Some(WaitingMessage { recipient: BOB, seq, lifetime, body, id_bytes });
        let id_hash = seq;
        restoring.recall(Remembered { sender: ALICE, id_hash, expires_at: NOW.plus(rest), waiting });
    }
    restoring.finish(Box::new(Nowhere))
}

#[test]
fn those_who_were_known_for_long_are_so_after_a_restart() {
    let day = 2 * OLD_MS;
    let old = restored_of_life(&[("recent", 12, day), ("old", 11, OLD_MS)], day);
    let recent = restored_of_life(&[("recent", 11, OLD_MS + 1)], day);
    for person in [ALICE, BOB] {
        assert_eq!(old.acquaintance(NOW, &person), Acquaintance::Old);
        assert_eq!(recent.acquaintance(NOW, &person), Acquaintance::Recent);
    }
    assert_eq!(old.acquaintance(NOW, &CAROL), Acquaintance::Stranger);
}

fn ids(receipts: &[Receipt]) -> Vec<&str> {
    receipts.iter().map(|receipt| receipt.id.as_str()).collect()
}

#[test]
fn what_was_sent_is_not_sent_again_and_can_be_acknowledged_also_where_it_is_gone() {
    let mut store = restored(&[("one", 11, MINUTE), ("two", 12, MINUTE), ("three", 13, MINUTE)]);
    let (bob, _) = store.attach(NOW, BOB, true);
    store.go_on(bob, &SessionProgress { began_at: 10, sent_up_to: 12, caught_up: true });
    assert_eq!(fetch(&mut store, NOW, bob, 32), [13]);
    let mut ended = Vec::new();
    assert_eq!(store.acknowledge(NOW, bob, 12, &mut ended), Ok(false));
    assert_eq!(store.figures().messages, 1);
    // Another machine had heard an acknowledgement of what is not here.
    let (again, _) = store.attach(NOW, BOB, true);
    store.go_on(again, &SessionProgress { began_at: 10, sent_up_to: u64::MAX, caught_up: true });
    assert_eq!(fetch(&mut store, NOW, again, 32), [0; 0]);
    assert_eq!(store.acknowledge(NOW, again, 13, &mut ended), Ok(false));
    assert_eq!(store.acknowledge(NOW, again, u64::MAX, &mut ended), Err(NeverDelivered));
}

#[test]
fn a_session_that_was_not_told_that_it_has_caught_up_is_told_so_after_what_had_waited_for_it() {
    let mut store = restored(&[("one", 11, MINUTE), ("two", 12, MINUTE), ("three", 13, MINUTE)]);
    let (bob, _) = store.attach(NOW, BOB, true);
    store.go_on(bob, &SessionProgress { began_at: 13, sent_up_to: 11, caught_up: false });
    let mut next = || match store.deliver(NOW, bob, 32) {
        Some(Next::Message(message)) => (message.seq, Some(message.delivery_type)),
        Some(Next::CaughtUp) => (0, None),
        None => panic!("there is more"),
    };
    assert_eq!(next(), (12, Some(DeliveryType::Stored)));
    assert_eq!(next(), (0, None));
    assert_eq!(next(), (13, Some(DeliveryType::Direct)));
}

#[test]
fn receipts_are_kept_for_a_while_for_a_sender_whose_session_goes_on() {
    let mut store = restored(&[("expired", 11, 0), ("one", 12, MINUTE), ("two", 13, 10 * MINUTE)]);
    let (bob, _) = store.attach(NOW, BOB, true);
    fetch(&mut store, NOW, bob, 32);
    let mut ended = Vec::new();
    assert_eq!(store.acknowledge(NOW, bob, 12, &mut ended), Ok(false));
    assert_eq!(ended, [], "nobody is there to be told");
    let (alice, _) = store.attach(NOW, ALICE, true);
    assert_eq!(ids(&store.go_on(alice, &SessionProgress::default())), ["expired", "one"]);
    assert_eq!(ids(&store.go_on(alice, &SessionProgress::default())), [""; 0], "each once");
    store.detach(NOW, alice);
    // Later, nobody is awaited any more.
    let later = NOW.plus(2 * MINUTE);
    expire(&mut store, later);
    assert_eq!(store.acknowledge(later, bob, 13, &mut ended), Ok(false));
    let (alice, _) = store.attach(later, ALICE, true);
    assert_eq!(ids(&store.go_on(alice, &SessionProgress::default())), [""; 0]);
}

#[test]
fn a_sender_whose_session_was_lost_is_awaited_and_another_one_is_not() {
    let mut store = store();
    let [alice, carol] = [ALICE, CAROL].map(|who| store.attach(NOW, who, true).0);
    let (bob, _) = store.attach(NOW, BOB, true);
    for (sender, id) in [(alice, "of-alice"), (carol, "of-carol")] {
        store.put(NOW, sender, &letter(id, BOB, NOW)).unwrap();
    }
    let earlier =
        Receipt { id: "earlier".to_owned(), to: BOB, status: ReceiptStatus::Delivered, at: store.on_wire(NOW, 1) };
    store.await_sender(alice, vec![earlier]);
    store.detach(NOW, alice);
    store.detach(NOW, carol);
    let seqs = fetch(&mut store, NOW, bob, 32);
    let mut ended = Vec::new();
    store.acknowledge(NOW, bob, *seqs.last().unwrap(), &mut ended).unwrap();
    assert_eq!(ended, []);
    let [alice, carol] = [ALICE, CAROL].map(|who| store.attach(NOW, who, true).0);
    assert_eq!(ids(&store.go_on(alice, &SessionProgress::default())), ["earlier", "of-alice"]);
    assert_eq!(ids(&store.go_on(carol, &SessionProgress::default())), [""; 0]);
    // Nobody waits for ever.
    store.await_sender(alice, Vec::new());
    expire(&mut store, NOW.plus(MINUTE));
    assert!(store.awaited.is_some());
    expire(&mut store, NOW.plus(2 * MINUTE));
    assert!(store.awaited.is_none());
}

/// Returns somebody by his number.
fn person(number: usize) -> Fingerprint {
    let mut bytes = [9; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Fingerprint::from_bytes(bytes)
}

#[test]
fn neither_sessions_that_go_on_nor_receipts_for_people_who_are_not_here_are_awaited_without_bound() {
    let senders = |store: &Store| store.awaited.as_ref().map_or(0, |awaited| awaited.senders.len());
    let keep = |store: &mut Store, sender: AccountId, number: usize| {
        let at = store.on_wire(NOW, 1);
        let id = "one".to_owned();
        store.keep_receipt(person(number), Completion { sender, id, to: BOB, status: ReceiptStatus::Delivered, at });
    };
    let mut store = restored(&[]);
    for number in 0..=awaited::MOST {
        let (account, _) = store.attach(NOW, person(number), true);
        store.go_on(account, &SessionProgress { began_at: 10, sent_up_to: 10, caught_up: true });
    }
    assert_eq!(senders(&store), awaited::MOST);
    let (last, _) = store.attach(NOW, person(awaited::MOST), true);
    keep(&mut store, last, awaited::MOST);
    assert_eq!(senders(&store), awaited::MOST, "nor one for whom there was no room then");
    let mut store = restored(&[]);
    let (alice, _) = store.attach(NOW, ALICE, true);
    for number in 0..=awaited::MOST {
        keep(&mut store, alice, number);
    }
    assert_eq!(senders(&store), awaited::MOST);
    let at = store.on_wire(NOW, 1);
    store.await_sender(alice, vec![Receipt { id: "two".to_owned(), to: BOB, status: ReceiptStatus::Delivered, at }]);
    let kept: usize = store.awaited.as_ref().unwrap().senders.values().map(|sender| sender.receipts.len()).sum();
    assert_eq!(kept, awaited::MOST);
}
