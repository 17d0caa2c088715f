//! Machines and NATS servers that die, stand still, lose what they have and are cut off, one after
//! another and two at once, while people talk: what they were told is checked at the end.

#![allow(clippy::print_stdout, reason = "a run by hand reports what it has seen")]

use std::fmt;
use std::time::{Duration, Instant};

use ephemeral_test_support::nats::Place;
use rustix::process::Signal;
use tokio::time::sleep;

use super::ledger::Ledger;
use super::machines::Cluster;
use super::people::{AGAIN, PATIENCE};
use super::talkers::Talkers;

/// Who talks.
const PEOPLE: u8 = 4;
/// So many messages are accepted while something is broken, and again when it is mended.
const PROGRESS: usize = 40;
/// A seed of another run: the numbers that it printed.
const SEED: &str = "EPHEMERAL_NEMESIS_SEED";
/// How long a run by hand goes on, in minutes.
const MINUTES: &str = "EPHEMERAL_NEMESIS_MINUTES";

/// Whom something happens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Active,
    Standby,
    NatsLeader,
    NatsFollower,
    AllNats,
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Dies,
    /// A service manager stops it.
    Ends,
    StandsStill,
    /// It dies, and its disk is lost.
    IsErased,
    /// From everybody who is not cut off with it, but for people.
    IsCutOff,
}

/// What happens at once to a cluster of which everything is well.
#[derive(Debug, Clone, Copy)]
struct Fault(What, &'static [Who]);

const FAULTS: [Fault; 12] = [
    Fault(What::Dies, &[Who::Active]),
    Fault(What::Dies, &[Who::NatsLeader]),
    Fault(What::Dies, &[Who::Active, Who::NatsFollower]),
    Fault(What::StandsStill, &[Who::Active]),
    Fault(What::IsErased, &[Who::NatsFollower]),
    Fault(What::Dies, &[Who::AllNats]),
    Fault(What::Ends, &[Who::Active]),
    Fault(What::Dies, &[Who::Active, Who::NatsLeader]),
    Fault(What::StandsStill, &[Who::NatsLeader]),
    Fault(What::Dies, &[Who::Standby]),
    Fault(What::Dies, &[Who::NatsFollower]),
    Fault(What::StandsStill, &[Who::Standby]),
];

/// What can happen where the network can be cut, too.
const CUTS: [Fault; 5] = [
    Fault(What::IsCutOff, &[Who::Active]),
    Fault(What::IsCutOff, &[Who::NatsLeader]),
    Fault(What::IsCutOff, &[Who::Active, Who::NatsFollower]),
    Fault(What::IsCutOff, &[Who::Standby]),
    Fault(What::IsCutOff, &[Who::Active, Who::NatsLeader]),
];

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} {:?}", self.1, self.0)
    }
}

struct Nemesis {
    cluster: Cluster,
    talkers: Talkers,
    random: fastrand::Rng,
    /// The longest time in which nobody was accepted, of each fault.
    stalls: Vec<(Fault, Duration)>,
}

impl Nemesis {
    async fn start(mut cluster: Cluster, ledger: Ledger) -> Self {
        let seed = std::env::var(SEED).map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
        println!("{SEED}={seed}");
        cluster.is_whole().await;
        let talkers = Talkers::start(PEOPLE, cluster.urls(), ledger);
        Self { cluster, talkers, random: fastrand::Rng::with_seed(seed), stalls: Vec::new() }
    }

    /// Waits until more messages were accepted. Returns the longest time without any.
    async fn progress(&mut self, after: &str) -> Duration {
        let begun = Instant::now();
        let before = self.talkers.ledger().accepted();
        let mut last = (before, begun);
        let mut longest = Duration::ZERO;
        loop {
            let accepted = self.talkers.ledger().accepted();
            if accepted > last.0 {
                longest = longest.max(last.1.elapsed());
                last = (accepted, Instant::now());
            }
            if accepted >= before + PROGRESS {
                return longest;
            }
            self.talkers.are_well();
            assert!(begun.elapsed() < PATIENCE, "nothing is accepted after {after}: {}", self.cluster.everything());
            sleep(AGAIN / 5).await;
        }
    }

    /// Lets something happen, waits until people can talk again, mends it, and waits until
    /// everything is well.
    async fn happen(&mut self, fault: Fault) {
        let Fault(what, who) = fault;
        let places = self.places(who).await;
        if what == What::IsCutOff {
            self.cluster.nats.cut_off(&places, true);
        }
        for place in &places {
            self.strike(what, *place).await;
        }
        if who == [Who::AllNats] {
            self.mend(what, &places);
        }
        let stall = self.progress(&fault.to_string()).await;
        if who != [Who::AllNats] {
            self.mend(what, &places);
        }
        self.cluster.is_whole().await;
        self.talkers.find(self.cluster.urls());
        self.progress(&format!("{fault} was mended")).await;
        self.stalls.push((fault, stall));
    }

    /// Returns who that is now.
    async fn places(&mut self, who: &[Who]) -> Vec<Place> {
        let active = self.cluster.says_it_is_active().await;
        let leader = self.cluster.nats.leader().expect("a leader");
        let follower = (leader + self.random.usize(1..3)) % 3;
        let place = |who: &Who| match who {
            Who::Active => vec![Place::Machine(active)],
            Who::Standby => vec![Place::Machine(1 - active)],
            Who::NatsLeader => vec![Place::Server(leader)],
            Who::NatsFollower => vec![Place::Server(follower)],
            Who::AllNats => (0..3).map(Place::Server).collect(),
        };
        who.iter().flat_map(place).collect()
    }

    async fn strike(&mut self, what: What, place: Place) {
        match (what, place) {
            (What::Dies | What::IsErased, Place::Machine(number)) => self.cluster.kill(number),
            (What::Dies | What::IsErased | What::Ends, Place::Server(number)) => self.cluster.nats.kill(number),
            (What::Ends, Place::Machine(number)) => self.cluster.terminate(number).await,
            (What::StandsStill, Place::Machine(number)) => self.cluster.signal(number, Signal::STOP),
            (What::StandsStill, Place::Server(number)) => self.cluster.nats.signal(number, Signal::STOP),
            (What::IsCutOff, _) => {}
        }
    }

    fn mend(&mut self, what: What, places: &[Place]) {
        if what == What::IsCutOff {
            self.cluster.nats.cut_off(places, false);
        }
        for place in places {
            match (what, *place) {
                (What::StandsStill, Place::Machine(number)) => self.cluster.signal(number, Signal::CONT),
                (What::StandsStill, Place::Server(number)) => self.cluster.nats.signal(number, Signal::CONT),
                (What::IsCutOff, _) => {}
                (_, Place::Machine(number)) => self.cluster.begin(number),
                (_, Place::Server(number)) => {
                    if what == What::IsErased {
                        self.cluster.nats.erase(number);
                    }
                    self.cluster.nats.begin(number);
                }
            }
        }
    }

    /// Waits until all that was accepted has come, and checks what was told.
    async fn ends(mut self) {
        self.talkers.fall_silent();
        let begun = Instant::now();
        while !self.talkers.is_settled() {
            self.talkers.are_well();
            let missing = format!("{:?}", self.talkers.ledger().missing());
            assert!(begun.elapsed() < PATIENCE, "not answered, or lost: {missing}; {}", self.cluster.everything());
            sleep(AGAIN).await;
        }
        let ledger = self.talkers.ledger();
        println!("{}", ledger.summary());
        for (fault, stall) in &self.stalls {
            println!("{fault}: nobody was accepted for {stall:.1?}");
        }
        assert_eq!(ledger.broken(), Vec::<String>::new(), "{}", self.cluster.everything());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_told_is_untrue_whatever_dies() {
    let mut nemesis = Nemesis::start(Cluster::linked("").await, Ledger::new(0)).await;
    for fault in FAULTS {
        nemesis.happen(fault).await;
    }
    nemesis.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_told_is_untrue_whoever_is_cut_off_where_clocks_are_two_minutes_apart() {
    let cluster = Cluster::on_cables(["+60s", "-60s"]).await;
    let mut nemesis = Nemesis::start(cluster, Ledger::new(2)).await;
    for fault in CUTS {
        nemesis.happen(fault).await;
    }
    nemesis.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes as long as it is told: EPHEMERAL_NEMESIS_MINUTES=30"]
async fn nothing_that_was_told_is_untrue_for_half_an_hour() {
    let minutes = std::env::var(MINUTES).map_or(30, |minutes| minutes.parse().unwrap());
    let begun = Instant::now();
    let cluster = Cluster::on_cables(["+60s", "-60s"]).await;
    let mut nemesis = Nemesis::start(cluster, Ledger::new(2)).await;
    while begun.elapsed() < Duration::from_secs(60 * minutes) {
        let number = nemesis.random.usize(0..FAULTS.len() + CUTS.len());
        let fault = FAULTS.iter().chain(&CUTS).nth(number).copied().unwrap();
        nemesis.happen(fault).await;
    }
    nemesis.ends().await;
}
