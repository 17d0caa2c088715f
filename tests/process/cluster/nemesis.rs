//! Machines and NATS servers that die, stand still and lose what they have, one after another and
//! two at once, while people talk: what they were told is checked at the end.

#![allow(clippy::print_stdout, reason = "a run by hand reports what it has seen")]

use std::fmt;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::time::sleep;

use super::people::{AGAIN, Cluster, PATIENCE};
use super::talkers::Talkers;

/// Who talks.
const PEOPLE: u8 = 4;
/// So many messages are accepted while something is broken, and again when it is mended.
const PROGRESS: usize = 40;
/// A seed of another run: the numbers that it printed.
const SEED: &str = "EPHEMERAL_NEMESIS_SEED";
/// How long a run by hand goes on, in minutes.
const MINUTES: &str = "EPHEMERAL_NEMESIS_MINUTES";

/// What happens to a cluster of which everything is well.
#[derive(Debug, Clone, Copy)]
enum Fault {
    ActiveKilled,
    ActiveTerminated,
    ActiveStandsStill,
    StandbyKilled,
    StandbyStandsStill,
    NatsLeaderKilled,
    NatsFollowerKilled,
    NatsLeaderStandsStill,
    NatsServerErased,
    ActiveAndNatsLeaderKilled,
    ActiveAndNatsFollowerKilled,
    AllNatsKilled,
}

const FAULTS: [Fault; 12] = [
    Fault::ActiveKilled,
    Fault::NatsLeaderKilled,
    Fault::ActiveAndNatsFollowerKilled,
    Fault::ActiveStandsStill,
    Fault::NatsServerErased,
    Fault::AllNatsKilled,
    Fault::ActiveTerminated,
    Fault::ActiveAndNatsLeaderKilled,
    Fault::NatsLeaderStandsStill,
    Fault::StandbyKilled,
    Fault::NatsFollowerKilled,
    Fault::StandbyStandsStill,
];

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
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
    async fn start() -> Self {
        let seed = std::env::var(SEED).map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
        println!("{SEED}={seed}");
        let mut cluster = Cluster::start().await;
        cluster.is_whole().await;
        let talkers = Talkers::start(PEOPLE, cluster.urls());
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
        let active = self.cluster.says_it_is_active().await;
        let leader = self.cluster.nats.leader().expect("a leader");
        let other = (leader + self.random.usize(1..3)) % 3;
        let by = 1 - active;
        match fault {
            Fault::ActiveKilled => self.cluster.kill(active),
            Fault::ActiveTerminated => self.cluster.terminate(active).await,
            Fault::ActiveStandsStill => self.cluster.signal(active, Signal::STOP),
            Fault::StandbyKilled => self.cluster.kill(by),
            Fault::StandbyStandsStill => self.cluster.signal(by, Signal::STOP),
            Fault::NatsLeaderKilled => self.cluster.nats.kill(leader),
            Fault::NatsFollowerKilled | Fault::NatsServerErased => self.cluster.nats.kill(other),
            Fault::NatsLeaderStandsStill => self.cluster.nats.signal(leader, Signal::STOP),
            Fault::ActiveAndNatsLeaderKilled => {
                self.cluster.kill(active);
                self.cluster.nats.kill(leader);
            }
            Fault::ActiveAndNatsFollowerKilled => {
                self.cluster.kill(active);
                self.cluster.nats.kill(other);
            }
            Fault::AllNatsKilled => {
                for number in 0..3 {
                    self.cluster.nats.kill(number);
                }
                for number in 0..3 {
                    self.cluster.nats.begin(number);
                }
            }
        }
        let stall = self.progress(&fault.to_string()).await;
        self.mend(fault, [active, by], [leader, other]).await;
        self.progress(&format!("{fault} was mended")).await;
        self.stalls.push((fault, stall));
    }

    async fn mend(&mut self, fault: Fault, [active, by]: [usize; 2], [leader, other]: [usize; 2]) {
        match fault {
            Fault::ActiveKilled | Fault::ActiveTerminated => self.cluster.begin(active),
            Fault::ActiveStandsStill => self.cluster.signal(active, Signal::CONT),
            Fault::StandbyKilled => self.cluster.begin(by),
            Fault::StandbyStandsStill => self.cluster.signal(by, Signal::CONT),
            Fault::NatsLeaderKilled => self.cluster.nats.begin(leader),
            Fault::NatsFollowerKilled => self.cluster.nats.begin(other),
            Fault::NatsServerErased => {
                self.cluster.nats.erase(other);
                self.cluster.nats.begin(other);
            }
            Fault::NatsLeaderStandsStill => self.cluster.nats.signal(leader, Signal::CONT),
            Fault::ActiveAndNatsLeaderKilled => {
                self.cluster.begin(active);
                self.cluster.nats.begin(leader);
            }
            Fault::ActiveAndNatsFollowerKilled => {
                self.cluster.begin(active);
                self.cluster.nats.begin(other);
            }
            Fault::AllNatsKilled => {}
        }
        self.cluster.is_whole().await;
        self.talkers.find(self.cluster.urls());
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
    let mut nemesis = Nemesis::start().await;
    for fault in FAULTS {
        nemesis.happen(fault).await;
    }
    nemesis.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes as long as it is told: EPHEMERAL_NEMESIS_MINUTES=30"]
async fn nothing_that_was_told_is_untrue_for_half_an_hour() {
    let minutes = std::env::var(MINUTES).map_or(30, |minutes| minutes.parse().unwrap());
    let begun = Instant::now();
    let mut nemesis = Nemesis::start().await;
    while begun.elapsed() < Duration::from_secs(60 * minutes) {
        let fault = FAULTS[nemesis.random.usize(0..FAULTS.len())];
        nemesis.happen(fault).await;
    }
    nemesis.ends().await;
}
