//! What a turn does under one hold of the lock, and what is left for after it.

use ephemeral_core::store::Seed;

use super::*;

#[test]
fn receipts_that_are_too_many_are_freed_after_the_lock() {
    let mut online = OnlineTable::default();
    let mut wakes = Wakes::default();
    let mut store = Store::new(store::Config::default(), Seed { hash_key: [1, 2], first_seq: 1 }, UP);
    let (sender, _) = store.attach(UP, person(1), true);
    online.begin(sender, (1, 1), Arc::default(), &mut wakes);
    for number in 0..=RECEIPTS {
        let at = WireTime::Own { at: UP, draw: 0 };
        let receipt = Receipt { id: number.to_string(), to: person(2), status: ReceiptStatus::Expired, at };
        online.tell(sender, receipt, &mut wakes);
    }
    assert!(online.get(sender).unwrap().overrun);
    assert_eq!(online.waiting(), (0, 0));
    let dropped: Vec<usize> = wakes.dropped.iter().map(ReceiptQueue::len).collect();
    assert_eq!(dropped, [RECEIPTS + 1], "whoever holds the lock is not kept waiting for that");
}

#[tokio::test(start_paused = true)]
async fn requests_of_one_turn_are_answered_as_if_each_had_its_own_and_see_one_another() {
    let hub = hub();
    let alice = join(&hub, 1);
    let bob = join(&hub, 2);
    collect(&bob);
    let expires_at = hub.now().plus(60_000);
    let message = NewMessage { to: person(2), escaped_content: "hello".to_owned().into(), expires_at, given: None };
    let mut wakes = Wakes::default();
    let mut turn = alice.turn(hub.now(), &mut wakes).unwrap();
    let (first, _) = turn.submit("m", Some(&message)).unwrap().parts();
    let (again, _) = turn.submit("m", Some(&message)).unwrap().parts();
    assert_eq!((first.duplicate, again.duplicate), (false, true));
    // Its key is checked while the lock is free, and it has it again.
    let nobody = NewMessage { to: Fingerprint::from_bytes([0; 32]), ..message };
    assert_eq!(turn.submit("n", Some(&nobody)), Err(SubmitError::NotAKey));
    assert_eq!(turn.acknowledge(1), Err(AcknowledgeError::NeverDelivered));
    drop(turn);
    assert!(bob.signal().poll(Waker::noop()), "it is told in the same turn");
    assert_eq!(collect(&bob).len(), 1);
    assert_eq!(hub.totals(), Totals { accepted: 1, duplicates: 1, rejected: 1, ..Totals::default() });
}

#[tokio::test(start_paused = true)]
async fn a_long_turn_hands_the_lock_on() {
    let hub = hub();
    let alice = join(&hub, 1);
    let mut wakes = Wakes::default();
    let mut turn = alice.turn(hub.now(), &mut wakes).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let asking = std::thread::spawn({
        let hub = Arc::clone(&hub);
        let asked = Arc::clone(&asked);
        move || {
            asked.store(1, Ordering::SeqCst);
            let _ = hub.figures();
            asked.store(2, Ordering::SeqCst);
        }
    });
    // The thread waits for the lock sooner or later, and has it before the turn is over.
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while asked.load(Ordering::SeqCst) < 2 {
        assert!(std::time::Instant::now() < deadline, "the lock is not handed on");
        let _ = turn.submit("m", None);
    }
    drop(turn);
    asking.join().unwrap();
}
