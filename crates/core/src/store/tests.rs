//! The rules of a store, one by one. That they hold in every order is `tests/store_properties.rs`'s matter.

use super::*;

const NOW: Millis = Millis(1_767_355_200_000);
const MINUTE: u64 = 60_000;
const ALICE: Fingerprint = Fingerprint::from_bytes([1; 32]);
const BOB: Fingerprint = Fingerprint::from_bytes([2; 32]);
const CAROL: Fingerprint = Fingerprint::from_bytes([3; 32]);

fn store_with(bounds: Config) -> Store {
    Store::new(bounds, Seed { hash_key: [1, 2], first_seq: 1000 }, NOW)
}

fn store() -> Store {
    store_with(Config::default())
}

/// Five bytes of content that expire after a minute.
fn letter(id: &str, to: Fingerprint, now: Millis) -> (&str, NewMessage) {
    (id, NewMessage { to, escaped_content: "hello".to_owned().into(), expires_at: now.plus(MINUTE), given: None })
}

/// Keeps a message. Returns its recipient, if that is online.
fn deposit(
    store: &mut Store,
    now: Millis,
    sender: AccountId,
    (id, message): &(&str, NewMessage),
) -> Result<Option<AccountId>, QuotaExceeded> {
    store.deposit(now, sender, id, message).map(|deposited| deposited.online)
}

/// The exact time behind one of the server's own.
fn exact(time: WireTime) -> Millis {
    let WireTime::Own { at, .. } = time else { panic!("{time:?}") };
    at
}

/// The sequence numbers of all that can be delivered.
fn fetch(store: &mut Store, now: Millis, account: AccountId, window: usize) -> Vec<u64> {
    let mut fetched = Vec::new();
    while let Some(next) = store.deliver(now, account, window) {
        if let Next::Message(message) = next {
            fetched.push(message.seq);
        }
    }
    fetched
}

/// What expires at `now`: the ends that are told, and who is freed.
fn expire(store: &mut Store, now: Millis) -> (Vec<(String, ReceiptStatus)>, Vec<AccountId>) {
    let (mut ended, mut freed) = (Vec::new(), Vec::new());
    store.expire(now, &mut ended, &mut freed);
    (ended.into_iter().map(|ended| (ended.id, ended.status)).collect(), freed)
}

fn acknowledge(store: &mut Store, account: AccountId, seq: u64) -> Result<usize, NeverDelivered> {
    let mut ended = Vec::new();
    store.acknowledge(NOW, account, seq, &mut ended).map(|()| ended.len())
}

#[test]
fn a_message_is_kept_where_it_is_overwritten_when_it_is_erased() {
    fn is_overwritten_when_dropped<T: zeroize::ZeroizeOnDrop>(_: &T) {}
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    deposit(&mut store, NOW, alice, &letter("m", ALICE, NOW)).unwrap();
    let body = store.records[0].body.as_ref().unwrap();
    is_overwritten_when_dropped(body);
    assert_eq!(&***body, "mhello", "id and content are nowhere else");
    let seq = fetch(&mut store, NOW, alice, 1)[0];
    acknowledge(&mut store, alice, seq).unwrap();
    assert!(store.records[0].body.is_none(), "it is dropped with the ack, though the id is remembered");
    assert_eq!(store.known(alice, "m").map(exact), Some(NOW.plus(MINUTE)));
}

#[test]
fn a_message_is_erased_at_the_moment_it_expires_and_not_before() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    deposit(&mut store, NOW, alice, &letter("m", BOB, NOW)).unwrap();
    assert_eq!(store.next_due(), Some(NOW.plus(MINUTE)));
    assert_eq!(expire(&mut store, NOW.plus(MINUTE - 1)), (vec![], vec![]));
    assert_eq!(store.figures().messages, 1);
    assert_eq!(expire(&mut store, NOW.plus(MINUTE)).0, [("m".to_owned(), ReceiptStatus::Expired)]);
    assert_eq!((store.figures().messages, store.figures().records, store.records.len()), (0, 0, 0));
}

#[test]
fn an_expired_message_is_not_delivered_even_if_nobody_has_swept() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    deposit(&mut store, NOW, alice, &letter("m", ALICE, NOW)).unwrap();
    assert!(store.deliver(NOW.plus(MINUTE), alice, 1).is_some_and(|next| matches!(next, Next::CaughtUp)));
    assert!(store.deliver(NOW.plus(MINUTE), alice, 1).is_none());
    assert_eq!(fetch(&mut store, NOW.plus(MINUTE - 1), alice, 1), [1000]);
}

#[test]
fn a_message_that_expires_while_it_is_out_makes_room_for_the_next() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    deposit(&mut store, NOW, alice, &letter("first", ALICE, NOW)).unwrap();
    deposit(&mut store, NOW, alice, &letter("second", ALICE, NOW.plus(1))).unwrap();
    assert_eq!(fetch(&mut store, NOW, alice, 1), [1000]);
    let then = NOW.plus(MINUTE);
    assert_eq!(expire(&mut store, then).1, [alice], "who has to look again");
    assert_eq!(fetch(&mut store, then, alice, 1), [1001]);
}

#[test]
fn the_last_old_message_that_expires_unsent_makes_its_recipient_catch_up() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    deposit(&mut store, NOW.plus(1), alice, &letter("first", ALICE, NOW.plus(1))).unwrap();
    deposit(&mut store, NOW, alice, &letter("second", ALICE, NOW)).unwrap();
    store.attach(NOW, ALICE, true);
    assert!(matches!(store.deliver(NOW, alice, 1), Some(Next::Message(_))));
    assert!(store.deliver(NOW, alice, 1).is_none());
    let then = NOW.plus(MINUTE);
    assert_eq!(expire(&mut store, then).1, [alice], "who has to look again");
    assert!(matches!(store.deliver(then, alice, 1), Some(Next::CaughtUp)));
}

#[test]
fn nobody_is_freed_who_is_offline_or_was_not_held_back() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    deposit(&mut store, NOW, alice, &letter("to-bob", BOB, NOW)).unwrap();
    deposit(&mut store, NOW.plus(1), alice, &letter("out", ALICE, NOW.plus(1))).unwrap();
    deposit(&mut store, NOW.plus(2), alice, &letter("next", ALICE, NOW.plus(2))).unwrap();
    deposit(&mut store, NOW, alice, &letter("behind", ALICE, NOW)).unwrap();
    assert_eq!(fetch(&mut store, NOW, alice, 1).len(), 1);
    let (ended, freed) = expire(&mut store, NOW.plus(MINUTE));
    assert_eq!((ended.len(), freed.len()), (2, 0));
}

#[test]
fn an_ack_of_what_expired_in_the_meantime_is_not_an_error_and_makes_no_second_receipt() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    deposit(&mut store, NOW, alice, &letter("m", ALICE, NOW)).unwrap();
    let seq = fetch(&mut store, NOW, alice, 1)[0];
    assert_eq!(expire(&mut store, NOW.plus(MINUTE)).0.len(), 1);
    assert_eq!(acknowledge(&mut store, alice, seq), Ok(0));
}

#[test]
fn what_was_acknowledged_may_be_acknowledged_again_in_a_later_session_but_nothing_undelivered() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    for id in ["first", "second"] {
        deposit(&mut store, NOW, alice, &letter(id, ALICE, NOW)).unwrap();
    }
    assert_eq!(fetch(&mut store, NOW, alice, 2), [1000, 1001]);
    assert_eq!(acknowledge(&mut store, alice, 1000), Ok(1));
    store.detach(NOW, alice);
    let (alice, pending) = store.attach(NOW, ALICE, true);
    assert_eq!(pending, 1);
    assert_eq!(acknowledge(&mut store, alice, 1000), Ok(0));
    assert_eq!(acknowledge(&mut store, alice, 1001), Err(NeverDelivered), "delivered in another session only");
    assert_eq!(store.figures().messages, 1);
}

#[test]
fn a_takeover_delivers_again_what_the_older_session_had_and_calls_only_that_stored() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    deposit(&mut store, NOW, alice, &letter("m", ALICE, NOW)).unwrap();
    assert!(matches!(store.deliver(NOW, alice, 1), Some(Next::CaughtUp)));
    let Some(Next::Message(first)) = store.deliver(NOW, alice, 1) else { panic!("no message") };
    assert_eq!((first.seq, first.delivery_type), (1000, DeliveryType::Direct));
    deposit(&mut store, NOW, alice, &letter("n", ALICE, NOW)).unwrap();
    assert_eq!(store.attach(NOW, ALICE, true), (alice, 2));
    let Some(Next::Message(again)) = store.deliver(NOW, alice, 2) else { panic!("no message") };
    assert_eq!((again.seq, again.delivery_type), (1000, DeliveryType::Stored));
    let Some(Next::Message(other)) = store.deliver(NOW, alice, 2) else { panic!("no message") };
    assert_eq!((other.seq, other.delivery_type), (1001, DeliveryType::Direct), "it only waited for the window");
    assert!(matches!(store.deliver(NOW, alice, 2), Some(Next::CaughtUp)));
}

#[test]
fn a_message_that_waited_for_the_window_only_is_direct() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    for id in ["first", "second"] {
        deposit(&mut store, NOW, alice, &letter(id, ALICE, NOW)).unwrap();
    }
    assert_eq!(fetch(&mut store, NOW, alice, 1), [1000]);
    acknowledge(&mut store, alice, 1000).unwrap();
    let Some(Next::Message(second)) = store.deliver(NOW, alice, 1) else { panic!("no message") };
    assert_eq!(second.delivery_type, DeliveryType::Direct);
}

#[test]
fn a_sender_is_told_that_it_was_delivered_only_if_the_recipient_wants_that() {
    for (wants_receipts, receipts) in [(true, 1), (false, 0)] {
        let mut store = store();
        let (alice, _) = store.attach(NOW, ALICE, true);
        let (bob, _) = store.attach(NOW, BOB, wants_receipts);
        deposit(&mut store, NOW, alice, &letter("m", BOB, NOW)).unwrap();
        let seq = fetch(&mut store, NOW, bob, 1)[0];
        assert_eq!(acknowledge(&mut store, bob, seq), Ok(receipts));
        assert_eq!(expire(&mut store, NOW.plus(MINUTE)).0, [], "one end is enough");
    }
}

#[test]
fn an_expiry_is_told_whether_the_recipient_wants_receipts_or_not() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    store.attach(NOW, BOB, false);
    deposit(&mut store, NOW, alice, &letter("m", BOB, NOW)).unwrap();
    assert_eq!(expire(&mut store, NOW.plus(MINUTE)).0, [("m".to_owned(), ReceiptStatus::Expired)]);
}

#[test]
fn a_sender_who_left_is_told_nothing() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    deposit(&mut store, NOW, alice, &letter("m", BOB, NOW)).unwrap();
    store.detach(NOW, alice);
    assert_eq!(expire(&mut store, NOW.plus(MINUTE)).0, []);
}

#[test]
fn the_memory_of_an_id_counts_in_its_senders_quota_until_it_expires() {
    let mut store = store_with(Config { sender_bytes: RECORD_COST + "m".len() + 5, ..Config::default() });
    let (alice, _) = store.attach(NOW, ALICE, true);
    deposit(&mut store, NOW, alice, &letter("m", ALICE, NOW)).unwrap();
    let seq = fetch(&mut store, NOW, alice, 1)[0];
    acknowledge(&mut store, alice, seq).unwrap();
    assert_eq!(deposit(&mut store, NOW, alice, &letter("n", ALICE, NOW)), Err(QuotaExceeded::Sender));
    let then = NOW.plus(MINUTE);
    expire(&mut store, then);
    assert_eq!(store.known(alice, "m"), None);
    assert_eq!(deposit(&mut store, then, alice, &letter("n", ALICE, then)), Ok(Some(alice)));
}

#[test]
fn each_bound_is_reached_exactly_and_names_itself() {
    let cost = RECORD_COST + "m".len() + 5;
    let roomy = Config::default();
    for (bounds, full) in [
        (Config { mailbox_messages: 2, ..roomy }, QuotaExceeded::Mailbox),
        (Config { mailbox_bytes: 14, ..roomy }, QuotaExceeded::Mailbox),
        (Config { sender_bytes: 3 * cost - 1, ..roomy }, QuotaExceeded::Sender),
        (Config { total_bytes: 3 * cost + ACCOUNT_COST - 1, ..roomy }, QuotaExceeded::Store),
    ] {
        let mut store = store_with(bounds);
        let (alice, _) = store.attach(NOW, ALICE, true);
        for id in ["1", "2"] {
            assert_eq!(deposit(&mut store, NOW, alice, &letter(id, BOB, NOW)), Ok(None), "{bounds:?}");
        }
        let before = store.figures();
        assert_eq!(deposit(&mut store, NOW, alice, &letter("3", BOB, NOW)), Err(full));
        assert_eq!(store.figures(), before, "nothing was evicted, nothing was kept");
    }
}

#[test]
fn a_recipient_that_was_never_online_costs_its_place_too() {
    let enough = RECORD_COST + "m".len() + 5 + ACCOUNT_COST;
    for (total_bytes, answer) in [(enough, Ok(None)), (enough - 1, Err(QuotaExceeded::Store))] {
        let mut store = store_with(Config { total_bytes, ..Config::default() });
        let (alice, _) = store.attach(NOW, ALICE, true);
        assert_eq!(deposit(&mut store, NOW, alice, &letter("m", BOB, NOW)), answer);
        assert_eq!(store.find(&BOB).is_some(), answer.is_ok());
    }
}

#[test]
fn what_is_kept_for_those_who_are_online_is_only_for_them() {
    let cost = RECORD_COST + 1 + 4;
    let total_bytes = 3 * cost + 2 * ACCOUNT_COST - 1;
    let mut store = store_with(Config { total_bytes, kept_for_online: cost, ..Config::default() });
    let (alice, _) = store.attach(NOW, ALICE, true);
    let letter = |id, to| {
        let (expires_at, given) = (NOW.plus(1000), None);
        (id, NewMessage { to, escaped_content: "text".to_owned().into(), expires_at, given })
    };
    assert_eq!(deposit(&mut store, NOW, alice, &letter("1", BOB)), Ok(None));
    assert_eq!(deposit(&mut store, NOW, alice, &letter("2", CAROL)), Err(QuotaExceeded::Store));
    assert_eq!(deposit(&mut store, NOW, alice, &letter("2", ALICE)), Ok(Some(alice)));
}

#[test]
fn a_party_is_forgotten_a_minute_after_its_last_session() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    store.detach(NOW, alice);
    expire(&mut store, NOW.plus(MINUTE - 1));
    assert_eq!(store.find(&ALICE), Some(alice));
    expire(&mut store, NOW.plus(MINUTE));
    assert_eq!((store.find(&ALICE), store.figures()), (None, StoreStats::default()));
}

#[test]
fn a_party_that_came_back_is_not_forgotten_while_it_is_online() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    store.detach(NOW, alice);
    assert_eq!(store.attach(NOW.plus(1), ALICE, true).0, alice);
    expire(&mut store, NOW.plus(10 * MINUTE));
    assert_eq!(store.find(&ALICE), Some(alice));
}

#[test]
fn leaving_and_coming_back_does_not_refill_the_message_rate() {
    let rate = Rate::new(1, 2);
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    assert_eq!(store.take_rate(NOW, alice, &rate), Ok(()));
    assert_eq!(store.take_rate(NOW, alice, &rate), Ok(()));
    store.detach(NOW, alice);
    // Longer than an account lingers, shorter than its rate takes to recover.
    let then = NOW.plus(MINUTE + 1);
    expire(&mut store, then);
    let (alice, _) = store.attach(then, ALICE, true);
    assert_eq!(store.take_rate(then, alice, &rate), Ok(()));
    assert_eq!(store.take_rate(then, alice, &rate), Err(MINUTE - 1));
}

#[test]
fn a_mailbox_that_is_made_again_goes_on_with_higher_numbers_even_if_the_clock_was_set_back() {
    let mut store = store();
    let mut highest = 0;
    for now in [NOW.plus(60 * MINUTE), NOW.plus(1), NOW.plus(2)] {
        expire(&mut store, now);
        let (alice, _) = store.attach(now, ALICE, true);
        deposit(&mut store, now, alice, &letter("m", ALICE, now)).unwrap();
        let seq = fetch(&mut store, now, alice, 1)[0];
        assert!(seq > highest, "{seq} after {highest}");
        highest = seq;
        store.detach(now, alice);
        expire(&mut store, now.plus(MINUTE));
        assert_eq!(store.find(&ALICE), None, "it has been forgotten");
    }
}

#[test]
fn a_new_mailboxs_numbers_do_not_show_how_much_others_receive() {
    let first_of_carol = |others: u32| {
        let mut store = store();
        let (alice, _) = store.attach(NOW, ALICE, true);
        for number in 0..others {
            deposit(&mut store, NOW, alice, &letter(&number.to_string(), BOB, NOW)).unwrap();
        }
        let then = NOW.plus(MINUTE);
        expire(&mut store, then);
        deposit(&mut store, then, alice, &letter("m", CAROL, then)).unwrap();
        let (carol, _) = store.attach(then, CAROL, true);
        fetch(&mut store, then, carol, 1)
    };
    assert_eq!(first_of_carol(500), first_of_carol(0));
}

#[test]
fn the_same_time_of_the_same_message_is_rounded_in_the_same_way_and_others_in_others() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    let mut draws = std::collections::BTreeSet::new();
    for number in 0..100 {
        let (id, message) = letter("", ALICE, NOW);
        let id = format!("{id}{number}");
        let first = store.deposit(NOW, alice, &id, &message).unwrap().expires_at;
        assert_eq!(store.known(alice, &id), Some(first), "a duplicate is answered as the first one was");
        let WireTime::Own { draw, .. } = first else { panic!("{first:?}") };
        draws.insert(draw);
    }
    let times = |store: &mut Store| {
        store.attach(NOW, ALICE, true);
        let mut times = Vec::new();
        while let Some(next) = store.deliver(NOW, alice, 100) {
            if let Next::Message(message) = next {
                times.push((message.timestamp, message.expires_at));
            }
        }
        times
    };
    let first = times(&mut store);
    assert_eq!(times(&mut store), first, "delivered again with the same times");
    for (timestamp, expires_at) in first {
        let (WireTime::Own { at, draw }, WireTime::Own { draw: of_expiry, .. }) = (timestamp, expires_at) else {
            panic!()
        };
        assert_eq!((at, draws.contains(&of_expiry)), (NOW, true));
        draws.insert(draw);
    }
    assert_eq!(draws.len(), 200, "each has two random numbers of its own");
}

#[test]
fn a_time_that_a_sender_wrote_is_told_as_it_was_written() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    let given = |ahead: u64| NewMessage {
        to: ALICE,
        escaped_content: "hello".to_owned().into(),
        expires_at: NOW.plus(MINUTE),
        given: Some(WallTime(NOW.0 + MINUTE + ahead)),
    };
    // The wall clock was set in between, more often than there is room to remember.
    for ahead in 0..300 {
        store.deposit(NOW, alice, &format!("{ahead}"), &given(ahead)).unwrap();
    }
    for ahead in 0..255 {
        let told = store.known(alice, &format!("{ahead}"));
        assert_eq!(told, Some(WireTime::Given(WallTime(NOW.0 + MINUTE + ahead))), "{ahead}");
    }
    assert_eq!(store.known(alice, "255").map(exact), Some(NOW.plus(MINUTE)), "like any other");
    store.deposit(NOW, alice, "again", &given(7)).unwrap();
    assert_eq!(store.known(alice, "again"), Some(WireTime::Given(WallTime(NOW.0 + MINUTE + 7))));
    assert_eq!(store.given_ahead.len(), 255);
}
