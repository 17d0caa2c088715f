//! The rules of a store, one by one. That they hold in every order is
//! `tests/server/store_properties.rs`'s matter.

mod expiry;
mod resuming;
mod secret;
mod senders;
mod shares;

use super::*;
use crate::protocol::DeliveryType;

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

/// A message, in few words.
#[derive(Clone, Copy)]
struct Letter<'letter> {
    id: &'letter str,
    to: Fingerprint,
    escaped_content: &'letter str,
    expires_at: Millis,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Put {
    online: Option<AccountId>,
    expires_at: Millis,
}

/// Returns the exact time behind one of the server's own.
fn exact(time: WireTime) -> Millis {
    let WireTime::Own { at, .. } = time else { panic!("{time:?}") };
    at
}

impl Store {
    fn put(&mut self, now: Millis, sender: AccountId, letter: &Letter<'_>) -> Result<Put, QuotaExceeded> {
        let Letter { id, to, escaped_content, expires_at } = *letter;
        let message = NewMessage { to, escaped_content: escaped_content.to_owned().into(), expires_at, given: None };
        let Deposited { online, expires_at, position: _ } = self.deposit(now, sender, id, &message)?;
        Ok(Put { online, expires_at: exact(expires_at) })
    }

    fn known_until(&self, sender: AccountId, id: &str) -> Option<Millis> {
        self.known(sender, id).map(exact)
    }
}

/// Returns a message of five bytes that expires after a minute.
fn letter(id: &str, to: Fingerprint, now: Millis) -> Letter<'_> {
    Letter { id, to, escaped_content: "hello", expires_at: now.plus(MINUTE) }
}

/// Returns the sequence numbers of all that can be delivered.
fn fetch(store: &mut Store, now: Millis, account: AccountId, window: usize) -> Vec<u64> {
    let mut fetched = Vec::new();
    while let Some(next) = store.deliver(now, account, window) {
        if let Next::Message(message) = next {
            fetched.push(message.seq);
        }
    }
    fetched
}

/// Expires what is due at `now`. Returns the ends that are told, and the accounts that are freed.
fn expire(store: &mut Store, now: Millis) -> (Vec<(String, ReceiptStatus)>, Vec<AccountId>) {
    let mut ended = Vec::new();
    let mut freed = Vec::new();
    store.expire(now, &mut ended, &mut freed);
    (ended.into_iter().map(|ended| (ended.id, ended.status)).collect(), freed)
}

/// Returns whom the expiry wakes.
fn online(deposited: &Result<Put, QuotaExceeded>) -> Result<Option<AccountId>, QuotaExceeded> {
    deposited.map(|deposited| deposited.online)
}

/// Acknowledges all that was delivered.
fn acknowledge_all(store: &mut Store, account: AccountId) {
    let seq = store.accounts[account.0].delivered_up_to;
    acknowledge(store, account, seq).unwrap();
}

fn acknowledge(store: &mut Store, account: AccountId, seq: u64) -> Result<usize, NeverDelivered> {
    let mut ended = Vec::new();
    while store.acknowledge(NOW, account, seq, &mut ended)? {}
    Ok(ended.len())
}

#[test]
fn a_message_is_kept_where_it_is_overwritten_when_it_is_erased() {
    fn is_overwritten_when_dropped<T: zeroize::ZeroizeOnDrop>(_: &T) {}
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    store.put(NOW, alice, &letter("m", ALICE, NOW)).unwrap();
    let body = store.unended[0].whole_body();
    is_overwritten_when_dropped(body);
    assert_eq!(&***body, "mhello", "id and content are nowhere else");
    let seq = fetch(&mut store, NOW, alice, 1)[0];
    acknowledge(&mut store, alice, seq).unwrap();
    assert!(store.unended.get(0).is_none(), "it is dropped with the ack, though the id is remembered");
    assert_eq!(store.known_until(alice, "m"), Some(NOW.plus(MINUTE)));
}

#[test]
fn a_message_is_erased_at_the_moment_it_expires_and_not_before() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    store.put(NOW, alice, &letter("m", BOB, NOW)).unwrap();
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
    store.put(NOW, alice, &letter("m", ALICE, NOW)).unwrap();
    assert!(store.deliver(NOW.plus(MINUTE), alice, 1).is_some_and(|next| matches!(next, Next::CaughtUp)));
    assert!(store.deliver(NOW.plus(MINUTE), alice, 1).is_none());
    assert_eq!(store.known_until(alice, "m"), None, "nor is its id known");
    assert_eq!(fetch(&mut store, NOW.plus(MINUTE - 1), alice, 1), [0; 0], "whatever the clock says afterwards");
    assert_eq!(store.figures().messages, 1, "it still takes room");
    assert_eq!(expire(&mut store, NOW.plus(MINUTE)).0, [("m".to_owned(), ReceiptStatus::Expired)]);
    assert_eq!(store.figures().messages, 0);
}

#[test]
fn a_message_that_expires_while_it_is_out_makes_room_for_the_next() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    let seq = store.accounts[alice.0].next_seq;
    store.put(NOW, alice, &letter("first", ALICE, NOW)).unwrap();
    store.put(NOW, alice, &letter("second", ALICE, NOW.plus(1))).unwrap();
    assert_eq!(fetch(&mut store, NOW, alice, 1), [seq]);
    let then = NOW.plus(MINUTE);
    assert_eq!(expire(&mut store, then).1, [alice], "who has to look again");
    assert_eq!(fetch(&mut store, then, alice, 1), [seq + 1]);
}

#[test]
fn the_last_old_message_that_expires_unsent_makes_its_recipient_catch_up() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    store.put(NOW, alice, &letter("first", ALICE, NOW.plus(1))).unwrap();
    store.put(NOW, alice, &letter("second", ALICE, NOW)).unwrap();
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
    store.put(NOW, alice, &letter("to-bob", BOB, NOW)).unwrap();
    store.put(NOW, alice, &letter("out", ALICE, NOW.plus(1))).unwrap();
    store.put(NOW, alice, &letter("next", ALICE, NOW.plus(2))).unwrap();
    store.put(NOW, alice, &letter("behind", ALICE, NOW)).unwrap();
    assert_eq!(fetch(&mut store, NOW, alice, 1).len(), 1);
    let (ended, freed) = expire(&mut store, NOW.plus(MINUTE));
    assert_eq!((ended.len(), freed.len()), (2, 0));
}

#[test]
fn an_ack_of_what_expired_in_the_meantime_is_not_an_error_and_makes_no_second_receipt() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    store.put(NOW, alice, &letter("m", ALICE, NOW)).unwrap();
    let seq = fetch(&mut store, NOW, alice, 1)[0];
    assert_eq!(expire(&mut store, NOW.plus(MINUTE)).0.len(), 1);
    assert_eq!(acknowledge(&mut store, alice, seq), Ok(0));
}

#[test]
fn what_was_acknowledged_may_be_acknowledged_again_in_a_later_session_but_nothing_undelivered() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    let seq = store.accounts[alice.0].next_seq;
    for id in ["first", "second"] {
        store.put(NOW, alice, &letter(id, ALICE, NOW)).unwrap();
    }
    assert_eq!(fetch(&mut store, NOW, alice, 2), [seq, seq + 1]);
    assert_eq!(acknowledge(&mut store, alice, seq), Ok(1));
    store.detach(NOW, alice);
    let (alice, pending) = store.attach(NOW, ALICE, true);
    assert_eq!(pending, 1);
    assert_eq!(acknowledge(&mut store, alice, seq), Ok(0));
    assert_eq!(acknowledge(&mut store, alice, seq + 1), Err(NeverDelivered), "delivered in another session only");
    assert_eq!(store.figures().messages, 1);
}

#[test]
fn a_takeover_delivers_again_what_the_older_session_had_and_calls_only_that_stored() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    let seq = store.accounts[alice.0].next_seq;
    store.put(NOW, alice, &letter("m", ALICE, NOW)).unwrap();
    assert!(matches!(store.deliver(NOW, alice, 1), Some(Next::CaughtUp)));
    let Some(Next::Message(first)) = store.deliver(NOW, alice, 1) else { panic!("no message") };
    assert_eq!((first.seq, first.delivery_type), (seq, DeliveryType::Direct));
    store.put(NOW, alice, &letter("n", ALICE, NOW)).unwrap();
    assert_eq!(store.attach(NOW, ALICE, true), (alice, 2));
    let Some(Next::Message(again)) = store.deliver(NOW, alice, 2) else { panic!("no message") };
    assert_eq!((again.seq, again.delivery_type), (seq, DeliveryType::Stored));
    let Some(Next::Message(other)) = store.deliver(NOW, alice, 2) else { panic!("no message") };
    assert_eq!((other.seq, other.delivery_type), (seq + 1, DeliveryType::Direct), "it only waited for the window");
    assert!(matches!(store.deliver(NOW, alice, 2), Some(Next::CaughtUp)));
}

#[test]
fn a_message_that_waited_for_the_window_only_is_direct() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    let seq = store.accounts[alice.0].next_seq;
    for id in ["first", "second"] {
        store.put(NOW, alice, &letter(id, ALICE, NOW)).unwrap();
    }
    assert_eq!(fetch(&mut store, NOW, alice, 1), [seq]);
    acknowledge(&mut store, alice, seq).unwrap();
    let Some(Next::Message(second)) = store.deliver(NOW, alice, 1) else { panic!("no message") };
    assert_eq!(second.delivery_type, DeliveryType::Direct);
}

#[test]
fn a_sender_is_told_that_it_was_delivered_only_if_the_recipient_wants_that() {
    let expired = vec![("m".to_owned(), ReceiptStatus::Expired)];
    for (wants_receipts, receipts, afterwards) in [(true, 1, vec![]), (false, 0, expired)] {
        let mut store = store();
        let (alice, _) = store.attach(NOW, ALICE, true);
        let (bob, _) = store.attach(NOW, BOB, wants_receipts);
        store.put(NOW, alice, &letter("m", BOB, NOW)).unwrap();
        let seq = fetch(&mut store, NOW, bob, 1)[0];
        assert_eq!(acknowledge(&mut store, bob, seq), Ok(receipts));
        let then = expire(&mut store, NOW.plus(MINUTE)).0;
        assert_eq!(then, afterwards, "one end is enough; and in secret it is the one that nobody brought about");
    }
}

#[test]
fn an_expiry_is_told_whether_the_recipient_wants_receipts_or_not() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    store.attach(NOW, BOB, false);
    store.put(NOW, alice, &letter("m", BOB, NOW)).unwrap();
    assert_eq!(expire(&mut store, NOW.plus(MINUTE)).0, [("m".to_owned(), ReceiptStatus::Expired)]);
}

#[test]
fn a_sender_who_left_is_told_nothing() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    store.put(NOW, alice, &letter("m", BOB, NOW)).unwrap();
    store.detach(NOW, alice);
    assert_eq!(expire(&mut store, NOW.plus(MINUTE)).0, []);
}

#[test]
fn the_memory_of_an_id_counts_in_its_senders_quota_until_it_expires() {
    let mut store = store_with(Config { sender_bytes: RECORD_COST + "m".len() + 5, ..Config::default() });
    let (alice, _) = store.attach(NOW, ALICE, true);
    store.put(NOW, alice, &letter("m", ALICE, NOW)).unwrap();
    let seq = fetch(&mut store, NOW, alice, 1)[0];
    acknowledge(&mut store, alice, seq).unwrap();
    assert_eq!(store.put(NOW, alice, &letter("n", ALICE, NOW)), Err(QuotaExceeded::Sender));
    let then = NOW.plus(MINUTE);
    expire(&mut store, then);
    assert_eq!(store.known_until(alice, "m"), None);
    assert_eq!(online(&store.put(then, alice, &letter("n", ALICE, then))), Ok(Some(alice)));
}

#[test]
fn each_bound_is_reached_exactly_and_names_itself() {
    let cost = RECORD_COST + "m".len() + 5;
    let roomy = Config::default();
    for (bounds, full) in [
        (Config { mailbox_messages: 2, ..roomy }, QuotaExceeded::Mailbox),
        (Config { mailbox_bytes: 14, ..roomy }, QuotaExceeded::Mailbox),
        (Config { sender_bytes: 3 * cost - 1, ..roomy }, QuotaExceeded::Sender),
        (Config { total_bytes: 3 * cost - 1, ..roomy }, QuotaExceeded::Store),
    ] {
        let mut store = store_with(bounds);
        let (alice, _) = store.attach(NOW, ALICE, true);
        // Its own mailbox is nobody's share.
        for id in ["1", "2"] {
            assert_eq!(online(&store.put(NOW, alice, &letter(id, ALICE, NOW))), Ok(Some(alice)), "{bounds:?}");
        }
        let before = store.figures();
        assert_eq!(store.put(NOW, alice, &letter("3", ALICE, NOW)), Err(full));
        assert_eq!(store.figures(), before, "nothing was evicted, nothing was kept");
    }
}

#[test]
fn a_recipient_that_was_never_online_costs_its_place_too() {
    let enough = RECORD_COST + "m".len() + 5 + ACCOUNT_COST;
    for (total_bytes, answer) in [(enough, Ok(None)), (enough - 1, Err(QuotaExceeded::Store))] {
        let mut store = store_with(Config { total_bytes, ..Config::default() });
        let (alice, _) = store.attach(NOW, ALICE, true);
        assert_eq!(online(&store.put(NOW, alice, &letter("m", BOB, NOW))), answer);
        assert_eq!(store.find(&BOB).is_some(), answer.is_ok());
    }
}

#[test]
fn an_account_is_forgotten_a_minute_after_its_last_session() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    store.detach(NOW, alice);
    expire(&mut store, NOW.plus(MINUTE - 1));
    assert_eq!(store.find(&ALICE), Some(alice));
    expire(&mut store, NOW.plus(MINUTE));
    assert_eq!((store.find(&ALICE), store.figures()), (None, StoreStats::default()));
}

#[test]
fn an_account_that_came_back_is_not_forgotten_while_it_is_online() {
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
        store.put(now, alice, &letter("m", ALICE, now)).unwrap();
        let seq = fetch(&mut store, now, alice, 1)[0];
        assert!(seq > highest, "{seq} after {highest}");
        highest = seq;
        store.detach(now, alice);
        // The store's time goes on from the latest that it was told.
        let then = store.latest.plus(MINUTE);
        expire(&mut store, then);
        assert_eq!(store.find(&ALICE), None, "it has been forgotten");
    }
}

#[test]
fn new_mailboxes_numbers_do_not_show_how_fast_the_clock_runs() {
    const TIMES: u64 = 200;
    let mut store = store();
    let mut first_of = |number: u64| {
        let now = NOW.plus(number * 1000);
        let mut key = [7; 32];
        key[..8].copy_from_slice(&number.to_le_bytes());
        let (account, _) = store.attach(now, Fingerprint::from_bytes(key), true);
        store.put(now, account, &letter("m", Fingerprint::from_bytes(key), now)).unwrap();
        let first = fetch(&mut store, now, account, 1)[0];
        store.detach(now, account);
        first
    };
    let firsts: Vec<_> = (0..TIMES).map(&mut first_of).collect();
    // By a clock, each would be a second and a million numbers after the one before.
    let off = firsts.windows(2).map(|pair| pair[1].abs_diff(pair[0] + 1_000_000) / 1_000_000);
    let far_off = off.filter(|&seconds| seconds >= 5).count() as u64;
    assert!(far_off > TIMES / 2, "only {far_off} of {TIMES} are five seconds off: {firsts:?}");
}

#[test]
fn numbers_that_nobody_has_seen_do_not_push_those_of_others_up() {
    let mut store = store();
    let (alice, _) = store.attach(NOW, ALICE, true);
    for number in 0..200_u64 {
        let now = NOW.plus(number * 10);
        let mut key = [7; 32];
        key[..8].copy_from_slice(&number.to_le_bytes());
        let id = number.to_string();
        let gone_soon = Letter { expires_at: now.plus(5), ..letter(&id, Fingerprint::from_bytes(key), now) };
        store.put(now, alice, &gone_soon).unwrap();
        expire(&mut store, now.plus(6));
    }
    assert_eq!(store.seq_floor, 0);
}

#[test]
fn a_new_mailboxs_numbers_do_not_show_how_much_others_receive() {
    let first_of_carol = |others: u32| {
        let mut store = store();
        let (alice, _) = store.attach(NOW, ALICE, true);
        for number in 0..others {
            store.put(NOW, alice, &letter(&number.to_string(), ALICE, NOW)).unwrap();
        }
        let then = NOW.plus(MINUTE);
        expire(&mut store, then);
        store.put(then, alice, &letter("m", CAROL, then)).unwrap();
        let (carol, _) = store.attach(then, CAROL, true);
        fetch(&mut store, then, carol, 1)
    };
    assert_eq!(first_of_carol(500), first_of_carol(0));
}
