//! Requests, connections, strikes and blocks of many keys.

use super::*;

const NOW: Millis = Millis(1_000_000_000);

fn policy() -> Config {
    Config { requests: Rate::new(100, 10), connections: 2, strikes: 10, window_ms: 60_000, duration_ms: 900_000 }
}

fn table() -> KeyTable<u32> {
    KeyTable::new(policy(), 100)
}

#[test]
fn a_key_has_its_own_rate_and_is_told_how_long_to_wait() {
    let mut table = table();
    for left in (0..10).rev() {
        let pace = table.request(NOW, 1);
        assert_eq!((pace.wait_ms, pace.ignores, pace.left), (None, false, left));
    }
    let first = table.request(NOW, 1);
    assert_eq!(first, RateStatus { wait_ms: Some(600), ignores: false, burst: 10, left: 0, reset_ms: 6000 });
    assert!(table.request(NOW, 1).ignores, "it has been told");
    assert_eq!(table.request(NOW, 2).wait_ms, None, "another key");
    assert_eq!(table.request(NOW.plus(600), 1).wait_ms, None);
    assert!(!table.request(NOW.plus(600), 1).ignores, "told anew");
}

#[test]
fn connections_of_one_key_are_bounded_and_given_back() {
    let mut table = table();
    assert_eq!((table.open(NOW, 1), table.open(NOW, 1), table.open(NOW, 1)), (Ok(()), Ok(()), Err(TooManyConnections)));
    assert_eq!(table.open(NOW, 2), Ok(()));
    table.close(NOW, 1);
    assert_eq!(table.open(NOW, 1), Ok(()));
    for key in [1, 1, 2] {
        table.close(NOW, key);
    }
    assert!(table.is_empty(), "nothing to remember");
}

#[test]
fn more_strikes_than_allowed_within_the_window_are_a_block_that_ends_by_itself() {
    let mut table = table();
    for _ in 0..10 {
        assert_eq!(table.strike(NOW, 1), StrikeOutcome::Counted);
    }
    assert_eq!(table.blocked(NOW, &1), None);
    assert_eq!(table.strike(NOW.plus(59_999), 1), StrikeOutcome::Blocked);
    let until = NOW.plus(59_999 + 900_000);
    assert_eq!(table.blocked(NOW.plus(59_999), &1), Some(until));
    assert_eq!(table.blocks(NOW.plus(59_999)).collect::<Vec<_>>(), [Block { key: 1, until }]);
    assert_eq!(
        table.strike(NOW.plus(70_000), 1),
        StrikeOutcome::Counted,
        "a block is not made longer by who is blocked"
    );
    assert_eq!(table.blocked(until, &1), None);
    assert_eq!(table.strike(until, 1), StrikeOutcome::Counted, "it begins anew");
}

#[test]
fn strikes_grow_old() {
    let mut table = table();
    for number in 0..100 {
        assert_eq!(table.strike(NOW.plus(number * 6000), 1), StrikeOutcome::Counted, "{number}: ten a minute");
    }
}

#[test]
fn a_block_can_be_ended_before_its_time() {
    let mut table = table();
    for _ in 0..11 {
        table.strike(NOW, 1);
    }
    assert!(table.blocked(NOW, &1).is_some());
    assert!(table.unblock(NOW, &1) && !table.unblock(NOW, &1));
    assert_eq!(table.blocked(NOW, &1), None);
    assert!(table.is_empty());
}

#[test]
fn a_full_table_forgets_what_it_may_and_remembers_what_it_must() {
    let mut table = KeyTable::new(policy(), 10);
    for _ in 0..11 {
        table.strike(NOW, 0);
    }
    for key in 1..10 {
        table.request(NOW, key);
    }
    assert_eq!(table.len(), 10);
    assert_eq!(table.request(NOW.plus(2000), 10).wait_ms, None);
    assert_eq!(table.len(), 2, "the others' rates were unused again");
    assert!(table.blocked(NOW.plus(2000), &0).is_some());
}

#[test]
fn those_for_whom_there_is_no_room_share_what_one_of_them_would_get() {
    let mut table = KeyTable::new(policy(), 2);
    assert_eq!((table.open(NOW, 1), table.open(NOW, 2)), (Ok(()), Ok(())));
    let passed = (3..100).filter(|&key| table.request(NOW, key).wait_ms.is_none()).count();
    assert_eq!((passed, table.len()), (10, 2));
    assert_eq!((table.open(NOW, 3), table.open(NOW, 4), table.open(NOW, 5)), (Ok(()), Ok(()), Err(TooManyConnections)));
    assert_eq!(table.request(NOW, 1).wait_ms, None, "who has an entry is not disturbed");
    table.close(NOW, 3);
    assert_eq!(table.open(NOW, 6), Ok(()));
}

#[test]
fn a_stranger_that_got_an_entry_meanwhile_gives_back_what_the_strangers_had() {
    let mut table = KeyTable::new(policy(), 1);
    assert_eq!((table.open(NOW, 1), table.open(NOW, 2)), (Ok(()), Ok(())));
    table.close(NOW, 1);
    table.request(NOW, 2);
    table.close(NOW, 2);
    assert_eq!(table.strangers.connections, 0);
}
