//! Whether a recipient who declines receipts was online stays a secret: no attempt of a sender
//! tells.

use super::*;

/// Returns a store in which Alice has sent Bob a message, and he has taken it, or was never there.
fn after(was_there: bool, bounds: Config) -> (Store, AccountId) {
    let mut store = store_with(bounds);
    let (alice, _) = store.attach(NOW, ALICE, true);
    store.put(NOW, alice, &letter("m", BOB, NOW)).unwrap();
    let (bob, _) = store.attach(NOW, BOB, false);
    if was_there {
        let seq = fetch(&mut store, NOW, bob, 1)[0];
        assert_eq!(acknowledge(&mut store, bob, seq), Ok(0));
    }
    (store, alice)
}

#[test]
fn what_he_took_counts_in_his_mailbox_until_it_expires() {
    let one = Config { mailbox_messages: 1, ..Config::default() };
    let few_bytes = Config { mailbox_bytes: 9, ..Config::default() };
    for bounds in [one, few_bytes] {
        for was_there in [true, false] {
            let (mut store, alice) = after(was_there, bounds);
            let (carol, _) = store.attach(NOW, CAROL, true);
            for sender in [alice, carol] {
                assert_eq!(store.put(NOW, sender, &letter("n", BOB, NOW)), Err(QuotaExceeded::Mailbox));
            }
            let then = NOW.plus(MINUTE);
            assert_eq!(expire(&mut store, then).0, [("m".to_owned(), ReceiptStatus::Expired)]);
            assert!(store.put(then, alice, &letter("n", BOB, then)).is_ok());
        }
    }
}

#[test]
fn what_he_took_counts_among_what_its_sender_has_waiting_until_it_expires() {
    let cost = RECORD_COST + "m".len() + 5;
    for was_there in [true, false] {
        let (mut store, alice) = after(was_there, Config { sender_bytes: 2 * cost - 1, ..Config::default() });
        assert_eq!(store.put(NOW, alice, &letter("n", CAROL, NOW)), Err(QuotaExceeded::Sender));
        let then = NOW.plus(MINUTE);
        expire(&mut store, then);
        assert!(store.put(then, alice, &letter("n", CAROL, then)).is_ok());
    }
}

#[test]
fn what_he_took_counts_in_its_senders_share_of_his_mailbox() {
    for was_there in [true, false] {
        let (mut store, alice) = after(was_there, Config { mailbox_messages: 8, ..Config::default() });
        assert_eq!(store.put(NOW, alice, &letter("n", BOB, NOW)), Err(QuotaExceeded::Mailbox));
    }
}

#[test]
fn its_content_is_erased_when_he_took_it_and_nothing_is_left_when_it_has_expired() {
    let (mut store, _) = after(true, Config::default());
    assert_eq!(&***store.unended[0].whole_body(), "m", "the id alone, to tell its sender by");
    let figures = store.figures();
    assert_eq!((figures.messages, figures.bytes), (0, RECORD_COST + 1));
    expire(&mut store, NOW.plus(MINUTE));
    let figures = store.figures();
    assert_eq!((figures.bytes, figures.records), (0, 0));
}
