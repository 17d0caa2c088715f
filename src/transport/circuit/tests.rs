//! Who keeps a place, and who loses it to whom.

#![allow(clippy::unwrap_used)]

use super::*;

const BOUNDS: CircuitBounds = CircuitBounds { all: 8, newcomers: 6, established: 6, building: 4 };

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

    /// The next circuit, numbered from 1, built.
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
    let session = good.handle().established();
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
    let _session = good.handle().established();
    let _afterwards: Vec<_> = (0..100).map(|_| rig.circuit()).collect();
    assert!(!good.handle().is_closed());
}

#[test]
fn circuits_with_sessions_cannot_take_the_newcomers_places() {
    let mut rig = Rig::new(BOUNDS);
    let mut good = Vec::new();
    for _ in 0..BOUNDS.established {
        let slot = rig.circuit();
        good.push((slot.handle().established(), slot));
    }
    assert_eq!(rig.figures(), (6, 6));
    let more = [rig.circuit(), rig.circuit()];
    let _sessions: Vec<_> = more.iter().map(|slot| slot.handle().established()).collect();
    assert_eq!(rig.figures(), (8, 6), "these are not safe");
    let newcomer = rig.circuit();
    assert_eq!(closed(&more), [true, false]);
    let _next = rig.circuit();
    assert!(newcomer.handle().is_closed(), "but come after those without a session");
    assert!(good.iter().all(|(_, slot)| !slot.handle().is_closed()));

    drop(good.pop());
    let _fill: Vec<_> = (0..20).map(|_| rig.circuit()).collect();
    assert_eq!(closed(&more), [true, false], "a place among the safe ones has gone to it");
    assert_eq!(rig.figures().1, 6);
}

#[test]
fn where_every_place_is_an_established_ones_a_newcomer_is_refused() {
    let mut rig = Rig::new(CircuitBounds { all: 1, newcomers: 1, established: 1, building: 1 });
    let only = rig.circuit();
    let _session = only.handle().established();
    assert!(rig.building().is_none());
    assert_eq!(rig.said(), [(CircuitRefused::Full, 2)]);
    assert_eq!(rig.registry.figures().refused(CircuitRefused::Full), 1);
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
    let (first, second) = (good.handle().established(), good.handle().established());
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
    let session = handle.established();
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
        let CircuitBounds { all, newcomers, established, building } = CircuitBounds::of(circuits);
        assert_eq!(all, circuits);
        assert!(newcomers < all && established < all, "{circuits}");
        assert!((1..=newcomers).contains(&building) && established >= 1, "{circuits}");
    }
    assert_eq!(CircuitBounds::of(512), CircuitBounds { all: 512, newcomers: 384, established: 384, building: 192 });
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
