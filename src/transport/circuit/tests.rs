//! Who keeps a place, and who loses it to whom.

#![allow(clippy::unwrap_used)]

use super::*;

const BOUNDS: CircuitBounds =
    CircuitBounds { all: 8, newcomers: 6, established: 6, strangers: 4, not_old: 5, building: 4 };

/// A registry, and what it has said of refusals.
struct Rig {
    registry: Registry,
    said: Arc<Mutex<Vec<(CircuitRefused, u64)>>>,
    number: u64,
}

impl Rig {
    fn new(bounds: CircuitBounds) -> Self {
        let said: Arc<Mutex<Vec<_>>> = Arc::default();
        let log = Arc::clone(&said);
        let on_refusal = Arc::new(move |why, peer| {
            let Peer::Circuit(number) = peer else { panic!("a circuit") };
            log.lock().unwrap().push((why, number));
        });
        Self { registry: Registry::new(bounds, Arc::default(), on_refusal), said, number: 0 }
    }

    /// Returns the next circuit, numbered from 1, built.
    fn circuit(&mut self) -> CircuitSlot {
        let slot = self.building().unwrap();
        slot.built();
        slot
    }

    fn building(&mut self) -> Option<CircuitSlot> {
        self.number += 1;
        self.registry.admit(self.number).0
    }

    fn said(&self) -> Vec<(CircuitRefused, u64)> {
        std::mem::take(&mut *self.said.lock().unwrap())
    }

    fn figures(&self) -> (usize, usize) {
        (self.registry.figures().open(), self.registry.figures().established())
    }
}

fn closed(session_handles: &[CircuitSlot]) -> Vec<bool> {
    session_handles.iter().map(|slot| slot.handle().is_closed()).collect()
}

#[test]
fn at_the_bound_the_oldest_newcomer_makes_room_for_the_next() {
    let mut rig = Rig::new(BOUNDS);
    let session_handles: Vec<_> = (0..8).map(|_| rig.circuit()).collect();
    assert_eq!(closed(&session_handles), [true, true, false, false, false, false, false, false]);
    assert_eq!(rig.said(), [(CircuitRefused::Evicted, 1), (CircuitRefused::Evicted, 2)]);
    assert_eq!(rig.figures(), (6, 0));
    drop(session_handles);
    assert_eq!(rig.figures(), (0, 0));
    assert_eq!(rig.registry.figures().refused(CircuitRefused::Evicted), 2);
}

#[test]
fn no_flood_of_newcomers_closes_a_circuit_that_carries_a_session() {
    let mut rig = Rig::new(BOUNDS);
    let good = rig.circuit();
    let session = good.handle().establish(Acquaintance::Stranger).unwrap();
    let flood: Vec<_> = (0..1000).map(|_| rig.circuit()).collect();
    assert!(!good.handle().is_closed());
    assert_eq!(closed(&flood).iter().filter(|closed| !**closed).count(), BOUNDS.newcomers);
    assert_eq!(rig.figures(), (7, 1));
    drop(session);
    assert!(!good.handle().is_closed(), "it is the youngest of the newcomers now");
    let _five: Vec<_> = (0..6).map(|_| rig.circuit()).collect();
    assert!(!good.handle().is_closed());
    let _one_more = rig.circuit();
    assert!(good.handle().is_closed(), "and in the end it goes like any other");
}

#[test]
fn a_good_client_gets_in_and_stays_while_the_flood_goes_on() {
    let mut rig = Rig::new(BOUNDS);
    let _flood: Vec<_> = (0..100).map(|_| rig.circuit()).collect();
    let good = rig.circuit();
    let _meanwhile: Vec<_> = (0..BOUNDS.newcomers - 1).map(|_| rig.circuit()).collect();
    let _session = good.handle().establish(Acquaintance::Stranger).unwrap();
    let _afterwards: Vec<_> = (0..100).map(|_| rig.circuit()).collect();
    assert!(!good.handle().is_closed());
}

#[test]
fn no_circuit_that_carries_a_session_is_ever_closed_for_another() {
    let mut rig = Rig::new(BOUNDS);
    let mut good = Vec::new();
    for _ in 0..BOUNDS.established {
        let slot = rig.circuit();
        good.push((slot.handle().establish(Acquaintance::Old).unwrap(), slot));
    }
    assert_eq!(rig.figures(), (6, 6));
    let more = [rig.circuit(), rig.circuit()];
    let refused: Vec<_> = more.iter().map(|slot| slot.handle().establish(Acquaintance::Old).is_none()).collect();
    assert_eq!(refused, [true, true], "these would take the newcomers' places: their sessions do not begin");
    assert_eq!(rig.said(), [(CircuitRefused::Full, 7), (CircuitRefused::Full, 8)]);
    let _flood: Vec<_> = (0..100).map(|_| rig.circuit()).collect();
    assert_eq!(closed(&more), [true, true]);
    assert!(good.iter().all(|(_, slot)| !slot.handle().is_closed()), "not one of the sessions had to go");

    drop(good.pop());
    let next = rig.circuit();
    assert!(next.handle().establish(Acquaintance::Old).is_some(), "a place has become free");
}

#[test]
fn throw_away_keys_leave_places_to_those_whom_the_store_knows() {
    let mut rig = Rig::new(BOUNDS);
    let mut strangers = Vec::new();
    for _ in 0..BOUNDS.strangers {
        let slot = rig.circuit();
        strangers.push((slot.handle().establish(Acquaintance::Stranger).unwrap(), slot));
    }
    let stranger = rig.circuit();
    assert!(stranger.handle().establish(Acquaintance::Stranger).is_none());
    let _friends: Vec<_> = (BOUNDS.strangers..BOUNDS.established)
        .map(|_| {
            let slot = rig.circuit();
            (slot.handle().establish(Acquaintance::Old).unwrap(), slot)
        })
        .collect();
    assert_eq!(rig.figures().1, BOUNDS.established);
    let more = strangers.first().unwrap().1.handle().establish(Acquaintance::Stranger);
    assert!(more.is_some(), "a circuit that has a place may carry another session");
    drop(more);
    drop(strangers.pop());
    assert!(stranger.handle().establish(Acquaintance::Stranger).is_some());
}

#[test]
fn keys_for_which_messages_were_left_just_now_leave_places_to_those_who_have_been_known_for_long() {
    use Acquaintance::{Old, Recent, Stranger};

    let mut rig = Rig::new(BOUNDS);
    let mut prepared = Vec::new();
    for _ in 0..BOUNDS.not_old {
        let slot = rig.circuit();
        prepared.push((slot.handle().establish(Recent).unwrap(), slot));
    }
    let next = rig.circuit();
    assert_eq!(next.handle().least(), Old);
    assert!(next.handle().establish(Recent).is_none() && next.handle().establish(Stranger).is_none());
    let session = next.handle().establish(Old).unwrap();
    assert_eq!(next.handle().least(), Stranger, "a circuit that has a place may carry another session");
    drop(session);
    drop(prepared.pop());
    assert_eq!(next.handle().least(), Stranger, "no stranger has one");
    for _ in 0..BOUNDS.strangers {
        drop(prepared.pop());
    }
    let strangers: Vec<_> = (0..BOUNDS.strangers).map(|_| rig.circuit()).collect();
    let _sessions: Vec<_> = strangers.iter().map(|slot| slot.handle().establish(Stranger).unwrap()).collect();
    assert_eq!(next.handle().least(), Recent);
}

#[test]
fn where_every_place_is_an_established_ones_a_newcomer_is_refused() {
    let mut rig =
        Rig::new(CircuitBounds { all: 1, newcomers: 1, established: 1, strangers: 1, not_old: 1, building: 1 });
    let only = rig.circuit();
    let _session = only.handle().establish(Acquaintance::Stranger).unwrap();
    assert!(rig.building().is_none());
    assert_eq!(rig.said(), [(CircuitRefused::Full, 2)]);
    assert_eq!(rig.registry.figures().refused(CircuitRefused::Full), 1);
}

#[test]
fn circuits_that_stand_and_sessions_that_begin_are_evidence_and_those_that_fail_are_not() {
    let mut rig = Rig::new(BOUNDS);
    let evidence = |rig: &Rig| rig.registry.figures().evidence();
    let building = rig.building().unwrap();
    assert_eq!(evidence(&rig), 0);
    building.built();
    assert_eq!(evidence(&rig), 1);
    let _session = building.handle().establish(Acquaintance::Stranger).unwrap();
    assert_eq!(evidence(&rig), 2);
}

#[test]
fn the_end_of_a_session_costs_no_walk_along_the_line() {
    let circuits = 100_000;
    let mut rig = Rig::new(CircuitBounds { building: circuits, ..CircuitBounds::of(circuits) });
    let slots: Vec<_> = (0..circuits / 2).map(|_| rig.building().unwrap()).collect();
    let start = std::time::Instant::now();
    for slot in slots.iter().rev().take(2000) {
        drop(slot.handle().establish(Acquaintance::Old).unwrap());
    }
    // Walking along it took 2000 times some milliseconds.
    assert!(start.elapsed() < std::time::Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
fn circuits_that_are_never_built_hold_up_nobody_but_each_other() {
    let mut rig = Rig::new(BOUNDS);
    let good = rig.circuit();
    let hanging: Vec<_> = (0..100).map(|_| rig.building().unwrap()).collect();
    assert!(!good.handle().is_closed());
    assert_eq!(closed(&hanging).iter().filter(|closed| !**closed).count(), BOUNDS.building);
}

#[test]
fn two_sessions_of_a_circuit_count_until_both_have_ended() {
    let mut rig = Rig::new(BOUNDS);
    let good = rig.circuit();
    let first = good.handle().establish(Acquaintance::Stranger).unwrap();
    let second = good.handle().establish(Acquaintance::Stranger).unwrap();
    drop(first);
    assert_eq!(rig.figures(), (1, 1));
    drop(second);
    assert_eq!(rig.figures(), (1, 0));
}

#[test]
fn a_circuit_that_was_closed_is_so_for_every_handle_and_its_session_ends_without_harm() {
    let mut rig = Rig::new(BOUNDS);
    let slot = rig.circuit();
    let handle = slot.handle().clone();
    let session = handle.establish(Acquaintance::Stranger).unwrap();
    handle.close();
    assert!(slot.handle().is_closed());
    drop(slot);
    assert_eq!(rig.figures(), (0, 0), "its place is free at once");
    drop(session);
    assert_eq!(rig.figures(), (0, 0));
}

#[test]
fn each_kind_has_places_that_the_other_cannot_take() {
    for circuits in 4..2000 {
        let CircuitBounds { all, newcomers, established, strangers, not_old, building } = CircuitBounds::of(circuits);
        assert_eq!(all, circuits);
        assert!(newcomers < all && established < all, "{circuits}");
        assert!((1..=not_old).contains(&strangers) && not_old <= established, "{circuits}");
        assert!(circuits < 12 || (strangers < not_old && not_old < established), "{circuits}");
        assert!((1..=newcomers).contains(&building) && established >= 1, "{circuits}");
    }
    assert_eq!(
        CircuitBounds::of(512),
        CircuitBounds { all: 512, newcomers: 384, established: 384, strangers: 256, not_old: 320, building: 192 }
    );
}

#[test]
fn twenty_people_with_nine_circuits_each_fit_after_a_start_and_newcomers_beside_them() {
    let circuits = crate::transport::onion_service::Config::default().circuits;
    let mut rig = Rig::new(CircuitBounds::of(circuits));
    // The store knows nobody yet: all of them are strangers.
    let people: Vec<_> = (0..20 * 9).map(|_| rig.circuit()).collect();
    let sessions: Vec<_> = people.iter().map(|slot| slot.handle().establish(Acquaintance::Stranger).unwrap()).collect();
    let newcomers: Vec<_> = (0..100).map(|_| rig.circuit()).collect();
    assert!(closed(&newcomers).iter().chain(&closed(&people)).all(|closed| !closed));
    assert_eq!(rig.said(), []);
    // What configuration.md says: 18 circuits a person.
    for people in 1..200 {
        let CircuitBounds { strangers, .. } = CircuitBounds::of(18 * people);
        assert!(strangers >= 9 * people, "{people}");
    }
    assert_eq!(rig.figures().1, sessions.len());
}

#[test]
fn every_reason_has_a_counter_and_a_word_of_its_own() {
    let figures = CircuitStats::default();
    let words: std::collections::BTreeSet<_> = CircuitRefused::ALL.iter().map(|why| why.name()).collect();
    assert_eq!(words.len(), CircuitRefused::ALL.len());
    for why in CircuitRefused::ALL {
        figures.count(why);
        assert_eq!(figures.refused(why), 1);
    }
}
