//! Who is given the keys, and what can be opened with them.

use super::*;

fn exchange(secret: u8) -> KeyExchange {
    KeyExchange::new(Zeroizing::new(vec![secret; 32]))
}

#[test]
fn what_is_sealed_opens_at_its_own_place_and_until_its_key_is_forgotten() {
    let keys = Keyring::default();
    assert_eq!(keys.seal(1, b"hello"), Err(NotOpened), "there is no key");
    keys.rotate().unwrap();
    let sealed = keys.seal(1, b"hello").unwrap();
    assert!(!sealed.windows(5).any(|window| window == b"hello"));
    assert_eq!(**keys.open(1, &sealed).unwrap(), *b"hello");
    assert!(keys.open(2, &sealed).is_err(), "another place");
    keys.rotate().unwrap();
    assert_eq!(**keys.open(1, &sealed).unwrap(), *b"hello");
    let later = keys.seal(1, b"hello").unwrap();
    keys.forget_older();
    assert!(keys.open(1, &sealed).is_err());
    assert_eq!(**keys.open(1, &later).unwrap(), *b"hello");
    for cut in 0..later.len() {
        assert!(keys.open(1, &later[..cut]).is_err());
    }
}

#[test]
fn a_node_with_the_secret_is_given_the_keys_and_nobody_else() {
    let keys = Keyring::default();
    keys.rotate().unwrap();
    let sealed = keys.seal(7, b"hello").unwrap();
    let holder = exchange(1);
    let [asks, stranger] = [exchange(1), exchange(2)];
    let answer = holder.answer(&asks.question(), &keys).unwrap();
    let own = Keyring::default();
    asks.take(&answer, &own).unwrap();
    assert_eq!(**own.open(7, &sealed).unwrap(), *b"hello");
    assert!(exchange(1).take(&answer, &Keyring::default()).is_err(), "it was not to this process");
    let answer = holder.answer(&stranger.question(), &keys).unwrap();
    assert!(stranger.take(&answer, &Keyring::default()).is_err(), "it has another secret");
    let forged = stranger.answer(&asks.question(), &keys).unwrap();
    assert!(asks.take(&forged, &Keyring::default()).is_err(), "who answers has another secret");
}

#[test]
fn keys_of_before_a_wipe_are_gone_and_do_not_come_back_from_a_node_that_slept_through_it() {
    let asleep = Keyring::default();
    asleep.rotate().unwrap();
    asleep.rotate().unwrap();
    let sealed = asleep.seal(1, b"x").unwrap();
    let holder = exchange(1);
    let asks = exchange(1);
    let woken = Keyring::default();
    let give = |from: &Keyring, to: &Keyring| {
        asks.take(&holder.answer(&asks.question(), from).unwrap(), to).unwrap();
    };
    give(&asleep, &woken);
    assert!(woken.wipe(7) && !woken.wipe(7) && !woken.wipe(6));
    assert!(woken.is_empty() && woken.open(1, &sealed).is_err());
    give(&asleep, &woken);
    assert!(woken.is_empty(), "they are older than the wipe");
    // The new active one may count its keys from 1 again.
    let active = Keyring::default();
    active.wipe(7);
    active.rotate().unwrap();
    for node in [&woken, &asleep] {
        give(&active, node);
        assert!(node.open(1, &active.seal(1, b"y").unwrap()).is_ok());
        assert!(node.open(1, &sealed).is_err());
        assert_eq!(node.wiped(), 7);
    }
}

#[test]
fn keys_of_a_node_that_is_behind_are_not_taken() {
    let old = Keyring::default();
    old.rotate().unwrap();
    let holder = exchange(1);
    let asks = exchange(1);
    let ahead = Keyring::default();
    asks.take(&holder.answer(&asks.question(), &old).unwrap(), &ahead).unwrap();
    ahead.rotate().unwrap();
    ahead.forget_older();
    let sealed = ahead.seal(1, b"x").unwrap();
    asks.take(&holder.answer(&asks.question(), &old).unwrap(), &ahead).unwrap();
    assert!(ahead.open(1, &sealed).is_ok());
}
