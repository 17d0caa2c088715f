//! Who gets bytes, who waits, and who gives way.

use super::*;

const NOW: Duration = Duration::from_secs(100);
/// When what was given at [`NOW`] may have to make room.
const LATER: Duration = Duration::from_secs(110);

fn peer(number: u8) -> PeerKey {
    PeerKey::V4([192, 0, 2, number], 32)
}

/// Begins a message of a peer that wants so many bytes. Returns it, and whether it has them.
fn begin(ledger: &mut Ledger, number: u8, bytes: usize) -> (u64, bool) {
    begin_at(NOW, ledger, number, bytes)
}

fn begin_at(now: Duration, ledger: &mut Ledger, number: u8, bytes: usize) -> (u64, bool) {
    let message = ledger.begin(peer(number), &Arc::default());
    (message, ledger.grow(now, message, bytes))
}

#[test]
fn a_message_that_may_be_on_its_way_makes_room_for_nobody() {
    let mut ledger = Ledger::new(1000);
    let (young, _) = begin(&mut ledger, 1, 1000);
    let (waiting, has) = begin_at(LATER - Duration::from_millis(1), &mut ledger, 2, 100);
    assert!(!has && !ledger.gave_way(young));
    assert!(!ledger.grow(LATER, waiting, 100) && ledger.gave_way(young), "now it has had its time");
}

#[test]
fn the_oldest_message_of_the_peer_with_most_gives_way_and_nobody_gets_more_than_there_is() {
    let mut ledger = Ledger::new(1000);
    let (light, _) = begin(&mut ledger, 1, 100);
    let heavy: Vec<_> = (0..3).map(|_| begin(&mut ledger, 2, 300).0).collect();
    let (waiting, has) = begin_at(LATER, &mut ledger, 3, 200);
    assert!(!has && ledger.used() == 1000);
    assert_eq!(heavy.iter().map(|&message| ledger.gave_way(message)).collect::<Vec<_>>(), [true, false, false]);
    assert!(!ledger.gave_way(light));
    assert!(!ledger.grow(LATER, waiting, 200), "its session has not ended yet");
    assert!(!ledger.gave_way(heavy[1]), "one is enough");
    ledger.end(NOW, heavy[0], false);
    assert!(ledger.grow(NOW, waiting, 200) && ledger.used() == 900);
}

#[test]
fn a_peer_with_most_makes_only_its_own_give_way() {
    let mut ledger = Ledger::new(1000);
    let (own, _) = begin(&mut ledger, 1, 600);
    let (other, _) = begin(&mut ledger, 2, 300);
    let (_, has) = begin_at(LATER, &mut ledger, 1, 400);
    assert!(!has && ledger.gave_way(own) && !ledger.gave_way(other));
}

#[test]
fn who_has_left_messages_unfinished_waits_for_those_who_have_not() {
    let mut ledger = Ledger::new(1000);
    let (gone, _) = begin(&mut ledger, 1, 1000);
    ledger.end(NOW, gone, false);
    let (all, _) = begin(&mut ledger, 2, 1000);
    let (again, _) = begin_at(NOW, &mut ledger, 1, 500);
    let (honest, _) = begin_at(LATER, &mut ledger, 3, 500);
    assert!(ledger.gave_way(all), "to the honest one");
    ledger.end(NOW, all, false);
    assert!(ledger.grow(NOW, honest, 500) && ledger.grow(NOW, again, 500), "there is room for both now");
    let (third, has) = begin_at(LATER + GRACE, &mut ledger, 4, 100);
    assert!(!has && ledger.gave_way(again) && !ledger.gave_way(honest));
    ledger.end(NOW, honest, true);
    assert!(ledger.grow(NOW, third, 100));
}

#[test]
fn a_message_larger_than_the_budget_is_taken_alone() {
    let mut ledger = Ledger::new(1000);
    let (small, _) = begin(&mut ledger, 1, 10);
    let (large, has) = begin(&mut ledger, 2, 5000);
    assert!(!has);
    ledger.end(NOW, small, true);
    assert!(ledger.grow(NOW, large, 5000));
    ledger.end(NOW, large, true);
    assert!(ledger.used() == 0 && ledger.peers.is_empty() && ledger.messages.is_empty());
}

#[test]
fn a_message_grows_with_its_fragments() {
    let mut ledger = Ledger::new(1000);
    let (message, _) = begin(&mut ledger, 1, 400);
    assert!(ledger.grow(NOW, message, 900) && ledger.used() == 900);
    assert!(ledger.grow(NOW, message, 100), "it has that already");
    ledger.end(NOW, message, true);
    assert!(ledger.used() == 0 && ledger.peers.is_empty());
}

#[test]
fn what_is_remembered_of_unfinished_messages_is_bounded() {
    let mut ledger = Ledger::new(1000);
    for number in 0..20_000_u32 {
        let message = ledger.begin(PeerKey::V4(number.to_be_bytes(), 32), &Arc::default());
        assert!(ledger.grow(NOW, message, 500));
        ledger.end(NOW, message, false);
    }
    assert!(ledger.peers.len() <= REMEMBERED, "{}", ledger.peers.len());
}

#[test]
fn a_complete_message_that_is_kept_takes_room_and_makes_none() {
    let mut ledger = Ledger::new(1000);
    let (incomplete, _) = begin(&mut ledger, 1, 300);
    ledger.hold(peer(1), 700);
    assert!(ledger.is_used_up());
    let (waiting, has) = begin_at(LATER, &mut ledger, 2, 200);
    assert!(!has && ledger.gave_way(incomplete), "the other one of that peer does");
    ledger.release(LATER, peer(1), 700);
    assert!(ledger.grow(LATER, waiting, 200));
    assert_eq!((ledger.used(), ledger.held), (500, 0));
}

#[test]
fn nobody_gives_way_where_that_makes_no_room() {
    let mut ledger = Ledger::new(1000);
    let (incomplete, _) = begin(&mut ledger, 1, 100);
    ledger.hold(peer(1), 900);
    let (_, has) = begin_at(LATER, &mut ledger, 2, 200);
    assert!(!has && !ledger.gave_way(incomplete));
}

#[test]
fn a_peer_is_remembered_as_long_as_something_of_it_is_kept() {
    let mut ledger = Ledger::new(1000);
    ledger.hold(peer(1), 100);
    ledger.hold(peer(1), 100);
    ledger.release(NOW, peer(1), 100);
    assert_eq!(ledger.peers.len(), 1);
    ledger.release(NOW, peer(1), 100);
    assert_eq!((ledger.peers.len(), ledger.used()), (0, 0));
}
