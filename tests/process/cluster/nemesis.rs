//! Machines and NATS servers that die, stand still, lose what they have and are cut off, one after
//! another and two at once, while people talk: what they were told is checked at the end.

#![allow(clippy::print_stdout, reason = "a run by hand reports what it has seen")]

use std::time::{Duration, Instant};

use ephemeral_test_support::nats::Place;
use rustix::process::Signal;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};

use super::faults::{CUT, ERASED, Fault, KILLED, PAIRS, PAUSED, ROLLED, SLOW, STOPPED, What, Who};
use super::ledger::Ledger;
use super::machines::{Cluster, ClusterPlan};
use super::mesh::FRONT;
use super::people::{AGAIN, PATIENCE};
use super::talkers::Talkers;

/// Who talks.
const PEOPLE: u8 = 6;
/// So many messages are accepted while something is broken, and again when it is mended.
const PROGRESS: usize = 40;
/// So many clusters are struck at once: more would keep each other, and theirs, from the processor.
static TURNS: Semaphore = Semaphore::const_new(3);
/// A seed of another run: the numbers that it printed.
const SEED: &str = "EPHEMERAL_NEMESIS_SEED";
/// How long a run by hand goes on, in minutes.
const MINUTES: &str = "EPHEMERAL_NEMESIS_MINUTES";

struct Nemesis {
    cluster: Cluster,
    talkers: Talkers,
    random: fastrand::Rng,
    /// The longest time in which nobody was accepted, of each fault.
    stalls: Vec<(Fault, Duration)>,
    /// The active machine as it was seen last, and the ledger's last event then.
    seen: (usize, usize),
    /// How often another machine was the active one although nothing had happened to it.
    surprises: usize,
    _turn: SemaphorePermit<'static>,
}

impl Nemesis {
    /// Starts a cluster in networks that can be cut. `ahead`: by how much its machines' clocks are.
    async fn start(has_certificates: bool, ahead: Option<[&'static str; 2]>) -> Self {
        let turn = TURNS.acquire().await.unwrap();
        let seed = std::env::var(SEED).map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
        println!("{SEED}={seed}");
        let plan = ClusterPlan { has_certificates, ahead, has_cables: true, ..ClusterPlan::default() };
        let mut cluster = Cluster::planned(plan).begun().await;
        cluster.is_whole().await;
        let seen = (cluster.active().await, 0);
        let ledger = Ledger::new(if ahead.is_some() { 2 } else { 0 });
        let talkers = Talkers::start(PEOPLE, cluster.urls(), ledger);
        let random = fastrand::Rng::with_seed(seed);
        Self { cluster, talkers, random, stalls: Vec::new(), seen, surprises: 0, _turn: turn }
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

    /// Returns the active machine. Where it is another one than before, sessions at that one may
    /// have ended.
    async fn active(&mut self) -> usize {
        let active = self.cluster.active().await;
        let (before, event) = std::mem::replace(&mut self.seen, (active, self.talkers.ledger().events()));
        if active != before {
            self.talkers.ledger().failed_over(event, self.cluster.url(before).to_string());
        }
        active
    }

    /// Lets something happen, waits until people can talk again, mends it, and waits until
    /// everything is well.
    async fn happen(&mut self, fault: Fault) {
        let struck = self.places(fault).await;
        println!("{fault}: {struck:?}");
        self.strikes(&struck);
        self.cut(&struck, true);
        for (what, place) in &struck {
            self.strike(*what, *place).await;
        }
        let begun = Instant::now();
        if fault.leaves_nobody() {
            self.are_held_up(&struck).await;
            self.mend(&struck);
        }
        let until = begun.elapsed();
        let stall = until + self.progress(&fault.to_string()).await;
        if !fault.leaves_nobody() {
            self.are_held_up(&struck).await;
            self.mend(&struck);
        }
        self.cluster.is_whole().await;
        self.talkers.find(self.cluster.urls());
        self.progress(&format!("{fault} was mended")).await;
        let before = self.seen.0;
        if self.active().await != before && !fault.is_of_hub() {
            self.surprises += 1;
        }
        self.talkers.ledger().is_mended();
        self.stalls.push((fault, stall));
    }

    /// Has the ledger know whose sessions may end.
    fn strikes(&self, struck: &[(What, Place)]) {
        let machine = |(_, place): &(What, Place)| match *place {
            Place::Machine(number) => Some(self.cluster.url(number).to_string()),
            Place::Server(_) => None,
        };
        self.talkers.ledger().is_struck(struck.iter().filter_map(machine).collect());
    }

    /// Returns who that is now.
    async fn places(&mut self, fault: Fault) -> Vec<(What, Place)> {
        let active = self.active().await;
        let leader = self.leader().await;
        let follower = (leader + self.random.usize(1..3)) % 3;
        let places = |who| match who {
            Who::Active => vec![Place::Machine(active)],
            Who::Standby => vec![Place::Machine(1 - active)],
            Who::Front => vec![Place::Machine(FRONT)],
            Who::NatsLeader => vec![Place::Server(leader)],
            Who::NatsFollower => vec![Place::Server(follower)],
            Who::AllNats => (0..3).map(Place::Server).collect(),
        };
        fault.0.iter().flat_map(|(what, who)| places(*who).into_iter().map(|place| (*what, place))).collect()
    }

    /// Returns the NATS server that leads the journal, once there is one.
    async fn leader(&self) -> usize {
        let looking = async {
            loop {
                match self.cluster.nats.leader() {
                    Some(leader) => return leader,
                    None => sleep(AGAIN).await,
                }
            }
        };
        timeout(PATIENCE, looking).await.expect("a leader")
    }

    /// Cuts all that are to be cut off, or lose their links, or connects them again.
    fn cut(&self, struck: &[(What, Place)], is_cut: bool) {
        let those = |wanted| struck.iter().filter(move |(what, _)| *what == wanted).map(|(_, place)| *place);
        self.cluster.cut_off(&those(What::IsCutOff).collect::<Vec<_>>(), is_cut);
        let links: Vec<_> = those(What::LosesLinks).collect();
        if !links.is_empty() {
            self.cluster.cut_links(&links, is_cut);
        }
    }

    async fn strike(&mut self, what: What, place: Place) {
        let cluster = &mut self.cluster;
        match (what, place) {
            (What::Dies | What::IsErased, Place::Machine(number)) => cluster.kill(number),
            (What::Dies | What::IsErased, Place::Server(number)) => cluster.nats.kill(number),
            (What::Ends, Place::Machine(number)) => cluster.terminate(number).await,
            (What::Ends, Place::Server(number)) => cluster.nats.terminate(number),
            (What::StandsStill, Place::Machine(number)) => cluster.signal(number, Signal::STOP),
            (What::StandsStill, Place::Server(number)) => cluster.nats.signal(number, Signal::STOP),
            (What::IsRolled, Place::Machine(number)) => {
                cluster.terminate(number).await;
                cluster.begin(number);
            }
            (What::IsRolled, Place::Server(number)) => {
                cluster.nats.terminate(number);
                cluster.nats.begin(number);
            }
            (What::HasSlowDisk, Place::Server(number)) => cluster.nats.slow_down(number),
            (What::HasSlowDisk, Place::Machine(_)) => unreachable!("machines have nothing on a disk"),
            (What::IsCutOff | What::LosesLinks, _) => {}
        }
    }

    /// Waits until each slow disk was in somebody's way.
    async fn are_held_up(&self, struck: &[(What, Place)]) {
        let begun = Instant::now();
        for (what, place) in struck {
            let Place::Server(number) = *place else { continue };
            while *what == What::HasSlowDisk
                && self.cluster.nats.is_slow(number)
                && self.cluster.nats.held_up(number) == 0
            {
                assert!(begun.elapsed() < PATIENCE, "NATS server {number} used no disk");
                sleep(AGAIN).await;
            }
        }
    }

    fn mend(&mut self, struck: &[(What, Place)]) {
        self.cut(struck, false);
        let cluster = &mut self.cluster;
        for (what, place) in struck {
            match (what, *place) {
                (What::StandsStill, Place::Machine(number)) => cluster.signal(number, Signal::CONT),
                (What::StandsStill, Place::Server(number)) => cluster.nats.signal(number, Signal::CONT),
                (What::Dies | What::Ends, Place::Machine(number)) => cluster.begin(number),
                (What::Dies | What::Ends, Place::Server(number)) => cluster.nats.begin(number),
                (What::IsErased, Place::Machine(number)) => {
                    cluster.managers[number].as_mut().unwrap().kept = None;
                    cluster.begin(number);
                }
                (What::IsErased, Place::Server(number)) => {
                    cluster.nats.erase(number);
                    cluster.nats.begin(number);
                }
                (What::HasSlowDisk, Place::Server(number)) => cluster.nats.speed_up(number),
                (What::IsRolled | What::IsCutOff | What::LosesLinks | What::HasSlowDisk, _) => {}
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
        println!("another machine was the active one for no reason: {} times", self.surprises);
        assert_eq!(ledger.broken(), Vec::<String>::new(), "{}", self.cluster.everything());
    }
}

/// Has these happen to a cluster, one after the other, while people talk.
async fn strike(has_certificates: bool, ahead: Option<[&'static str; 2]>, faults: impl IntoIterator<Item = Fault>) {
    let mut nemesis = Nemesis::start(has_certificates, ahead).await;
    for fault in faults {
        nemesis.happen(fault).await;
    }
    nemesis.ends().await;
}

/// The clocks of the machines.
const APART: Option<[&str; 2]> = Some(["+60s", "-60s"]);

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_told_is_untrue_whatever_dies_or_stands_still() {
    strike(true, None, KILLED.into_iter().chain(PAUSED)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_told_is_untrue_whoever_is_cut_off_where_clocks_are_two_minutes_apart() {
    strike(false, APART, CUT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_told_is_untrue_whatever_is_stopped_or_erased_or_started_again_in_haste() {
    strike(false, None, STOPPED.into_iter().chain(ROLLED).chain(ERASED)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_told_is_untrue_where_disks_are_slow() {
    strike(true, None, SLOW).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_told_is_untrue_whichever_two_are_struck_at_once() {
    strike(false, None, PAIRS).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes as long as it is told: EPHEMERAL_NEMESIS_MINUTES=30"]
async fn nothing_that_was_told_is_untrue_for_half_an_hour() {
    let minutes = std::env::var(MINUTES).map_or(30, |minutes| minutes.parse().unwrap());
    let begun = Instant::now();
    let mut nemesis = Nemesis::start(true, APART).await;
    let faults: Vec<_> = Fault::all().collect();
    while begun.elapsed() < Duration::from_secs(60 * minutes) {
        let number = nemesis.random.usize(0..faults.len());
        nemesis.happen(faults[number]).await;
    }
    nemesis.ends().await;
}
