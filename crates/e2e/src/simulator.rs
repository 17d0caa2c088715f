//! A simulator: real cores, a server that does its worst, clocks that jump, and processes that are
//! killed.
//!
//! What holds without a rollback: two days after the server became honest no text is lost, none is
//! shown twice, no key encrypts two plaintexts, nobody resets, nobody nudges more than five times a
//! day, and no text is sealed to a root once a plain card is known. With one: the conversation
//! heals. `E2E_RUNS` sets the number of runs, `E2E_SEED` the first one.

mod anew;
mod attacks;
mod contact;
mod files;
mod groups;
mod insiders;
mod moving;
mod pair;
mod person;
mod promises;
mod server;
mod timing;

use std::collections::BTreeSet;

use crate::authority::Authority;
use crate::bytes::Key;
use crate::clock::{HOUR, MINUTE, SECOND};
use crate::core::{Accept, InviteOptions};
use crate::link::send::trace;
use person::Person;
use server::{HostileServer, Malice};

/// 2026-01-01.
const START: u64 = 1_767_225_600_000;
/// How far clocks are off: not at all, 40 days, until 2035, a day either way.
const SHIFTS: [i64; 5] = [0, 40 * 86_400_000, 3_300 * 86_400_000, 86_400_000, -86_400_000];
/// Bounds the state of who has one contact, in bytes: under attack, and once all is quiet again.
const LARGEST_STATE: usize = 2_000_000;
const QUIET_STATE: usize = 120_000;
const RUNS: u64 = 200;

/// A repeatable source of decisions (SplitMix64).
#[derive(Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

/// Says what is done to a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Calm,
    Loss20,
    Loss50,
    Hostile,
    Epochs,
    Pretence,
    Kills,
    Both,
    Clocks,
    TwoServers,
    Rollback,
}

const MODES: [Mode; 11] = [
    Mode::Calm,
    Mode::Loss20,
    Mode::Loss50,
    Mode::Hostile,
    Mode::Epochs,
    Mode::Pretence,
    Mode::Kills,
    Mode::Both,
    Mode::Clocks,
    Mode::TwoServers,
    Mode::Rollback,
];

fn malice(mode: Mode) -> Malice {
    let usual = Malice { lose: 20, duplicate: 10, reorder: 90, hold: 20, inject: 0, replay: 0, forget: 0, pretend: 0 };
    match mode {
        Mode::Calm => Malice::default(),
        Mode::Loss50 => Malice { lose: 50, ..usual },
        Mode::Hostile => Malice { inject: 20, replay: 20, hold: 40, ..usual },
        Mode::Epochs => Malice { forget: 10, ..usual },
        Mode::Pretence => Malice { pretend: 100, ..usual },
        _ => usual,
    }
}

struct Run {
    seed: u64,
    mode: Mode,
    dice: Dice,
    now: u64,
    people: [Person; 2],
    servers: Vec<HostileServer>,
    rolled_back: Option<u64>,
    snapshots: Vec<[Vec<u8>; 2]>,
    faults: Vec<String>,
}

fn authority(of: u8) -> Authority {
    Authority::from_onion_key(&Key([of; 32]), 80)
}

impl Run {
    fn new(seed: u64) -> Self {
        let mode = MODES[usize::try_from(seed).unwrap() % MODES.len()];
        let dice = Dice(seed);
        let second = if mode == Mode::TwoServers { 2 } else { 1 };
        let people = [(0, 1), (1, second)].map(|(who, at)| Person::new(who, authority(at), START, seed));
        let servers = vec![HostileServer::new(authority(1)), HostileServer::new(authority(2))];
        Self {
            seed,
            mode,
            dice,
            now: START,
            people,
            servers,
            rolled_back: None,
            snapshots: Vec::new(),
            faults: Vec::new(),
        }
    }

    fn introduce(&mut self) {
        let reusable = self.dice.percent(30);
        let invite = |run: &mut Self, of: usize, reusable| {
            let options = InviteOptions { name: "peer".to_owned(), reusable, ..InviteOptions::default() };
            run.people[of].core.invite(options, run.now).unwrap();
            run.people[of].settle(&mut run.servers, run.now);
            run.people[of].invites.pop().unwrap()
        };
        let accept = |run: &mut Self, by: usize, text: &str| {
            let hello = run.people[by].next_text();
            let accept = Accept { name: "peer".to_owned(), text: Some(hello), foreign: run.mode == Mode::TwoServers };
            run.people[by].core.accept(text, accept, run.now).unwrap();
            run.people[by].settle(&mut run.servers, run.now);
        };
        let first = invite(self, 0, reusable);
        let other = (self.mode == Mode::Both).then(|| invite(self, 1, false));
        accept(self, 1, &first);
        if let Some(other) = other {
            accept(self, 0, &other);
        }
    }

    fn step(&mut self, malice: Malice, talk: u64, length: u64) {
        self.now += length;
        for server in &mut self.servers {
            server.misbehave(malice, self.now, &mut self.dice);
        }
        for who in [0, 1] {
            if self.mode == Mode::Clocks && talk > 0 {
                self.people[who].shift_clock(&SHIFTS, &mut self.dice);
            }
            let deadly = self.mode == Mode::Kills && talk > 0;
            if self.dice.percent(talk) {
                if deadly && self.dice.percent(15) {
                    self.people[who].talk_and_die(self.now, &mut self.dice);
                } else {
                    self.people[who].talk(self.now);
                }
            }
            if self.dice.percent(70) || talk == 0 {
                let kill = deadly && self.dice.percent(15);
                let when = kill.then(|| self.dice.below(4));
                self.people[who].act(&mut self.servers, malice, self.now, when, &mut self.dice);
            }
        }
    }

    fn roll_back(&mut self) {
        let back = 1 + usize::try_from(self.dice.below(20)).unwrap();
        let who = usize::try_from(self.dice.below(2)).unwrap();
        if self.rolled_back.is_none() && self.snapshots.len() >= back {
            let states = &self.snapshots[self.snapshots.len() - back];
            self.people[who].reopen(states[who].clone(), self.now);
            for person in &mut self.people {
                person.mark();
            }
            self.rolled_back = Some(self.now);
        }
    }

    fn play(&mut self) {
        self.introduce();
        let malice = malice(self.mode);
        for step in 0..70u64 {
            let lengths = [SECOND, 20 * SECOND, 2 * MINUTE, 10 * MINUTE, HOUR, 5 * HOUR];
            let length = lengths[usize::try_from(self.dice.below(6)).unwrap()];
            self.step(malice, 40, length);
            if self.mode == Mode::Rollback {
                // Who goes back to before the first answer has lost the contact, which no protocol
                // can give back.
                if self.people.iter().all(Person::is_answered) {
                    self.snapshots.push([self.people[0].disk.clone(), self.people[1].disk.clone()]);
                }
                if step >= 45 {
                    self.roll_back();
                }
            }
        }
        for person in &mut self.people {
            person.clock_shift = 0;
        }
        for server in &mut self.servers {
            server.release();
        }
        // Honest from here on: two days are enough, but for a reset, which is repeated once a day.
        self.be_honest(2);
        if self.rolled_back.is_none() {
            self.faults = self.losses();
        }
        self.be_honest(2);
    }

    fn be_honest(&mut self, days: usize) {
        for _ in 0..days * 8 {
            self.step(Malice::default(), 0, 3 * HOUR - 2 * MINUTE);
            self.step(Malice::default(), 0, 2 * MINUTE);
        }
    }

    /// Lets the two talk a little each day until nothing is left of old sessions.
    fn rest(&mut self) {
        for _ in 0..12 {
            for person in &mut self.people {
                person.talk(self.now);
            }
            for _ in 0..3 {
                self.step(Malice::default(), 0, 8 * HOUR);
            }
        }
    }

    /// Returns what was said, or since a rollback, and never shown.
    fn losses(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (from, to) in [(0, 1), (1, 0)] {
            let said = &self.people[from].said;
            let since = if self.rolled_back.is_some() { self.people[from].marked } else { 0 };
            let heard: BTreeSet<&String> = self.people[to].heard.iter().collect();
            let lost: Vec<_> = said[since..].iter().filter(|text| !heard.contains(text)).collect();
            if !lost.is_empty() {
                faults.push(format!("{from} to {to}: lost {lost:?} of {}", said.len()));
            }
        }
        faults
    }

    fn check(&mut self) -> Vec<String> {
        let mut faults = std::mem::take(&mut self.faults);
        faults.extend(self.losses());
        for (who, person) in self.people.iter().enumerate() {
            let heard: BTreeSet<&String> = person.heard.iter().collect();
            if self.rolled_back.is_none() && heard.len() != person.heard.len() {
                faults.push(format!("{who} was shown something twice"));
            }
            let (sessions, plain, roots, _) = person.sizes();
            if sessions > 2 || plain > 8 || roots > 3 {
                faults.push(format!("{who} keeps {sessions} sessions, {plain} cards, {roots} roots"));
            }
            if person.largest > LARGEST_STATE || person.disk.len() > QUIET_STATE {
                faults.push(format!("{who} keeps {} bytes, and once {}", person.disk.len(), person.largest));
            }
        }
        if self.people[0].front() != self.people[1].front() {
            faults.push("the two encrypt with different sessions".to_owned());
        }
        faults
    }

    /// Holds what was counted to what was promised without a rollback.
    fn judge(&self, figures: &trace::TraceFigures) -> Vec<String> {
        let mut faults = Vec::new();
        let mut never = |count: u64, what: &str| {
            if count > 0 {
                faults.push(format!("{count} {what}"));
            }
        };
        never(figures.reused, "keys encrypted two plaintexts");
        never(figures.resets, "resets");
        never(figures.under_root, "texts under a root");
        // A clock that jumps by weeks makes days go by.
        if self.mode != Mode::Clocks && figures.nudges_a_day > 5 {
            faults.push(format!("{} nudges in a day", figures.nudges_a_day));
        }
        faults
    }
}

struct Outcome {
    figures: trace::TraceFigures,
    texts: u64,
    largest: usize,
    quiet: usize,
    faults: Vec<String>,
}

fn play(seed: u64) -> Outcome {
    trace::take();
    let mut run = Run::new(seed);
    run.play();
    run.rest();
    let mut faults = run.check();
    let figures = trace::take();
    if run.rolled_back.is_none() {
        faults.extend(run.judge(&figures));
    }
    let texts = run.people.iter().map(|person| person.said.len() as u64).sum();
    let faults = faults.into_iter().map(|fault| format!("run {} ({:?}): {fault}", run.seed, run.mode)).collect();
    let largest = run.people.iter().map(|person| person.largest).max().unwrap_or_default();
    let quiet = run.people.iter().map(|person| person.disk.len()).max().unwrap_or_default();
    Outcome { figures, texts, largest, quiet, faults }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
#[allow(clippy::print_stdout, reason = "a long run by hand is read")]
fn nothing_is_lost_shown_twice_or_encrypted_with_one_key_and_rollbacks_heal() {
    let runs = number("E2E_RUNS", RUNS);
    let first = number("E2E_SEED", 0);
    let threads = 2;
    let workers: Vec<_> = (0..threads)
        .map(|worker| {
            let seeds = (first..first + runs).filter(move |seed| seed % threads == worker);
            std::thread::spawn(move || seeds.map(play).collect::<Vec<_>>())
        })
        .collect();
    let results: Vec<Outcome> = workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
    let faults: Vec<_> = results.iter().flat_map(|result| &result.faults).collect();
    let sum = |of: fn(&Outcome) -> u64| results.iter().map(of).sum::<u64>();
    let most = |of: fn(&Outcome) -> usize| results.iter().map(of).max().unwrap_or_default();
    let summary = format!(
        "{runs} runs, {} texts, {} envelopes, {} resets, {} nudges, at most {} in a day; \
         states of at most {} bytes, and {} when all is quiet",
        sum(|run| run.texts),
        sum(|run| run.figures.envelopes),
        sum(|run| run.figures.resets),
        sum(|run| run.figures.nudges),
        most(|run| run.figures.nudges_a_day),
        most(|run| run.largest),
        most(|run| run.quiet),
    );
    #[allow(clippy::print_stdout, reason = "the figure of a run by hand")]
    {
        println!("{summary}");
    }
    assert!(faults.is_empty(), "{summary}: {} faults: {:#?}", faults.len(), &faults[..faults.len().min(20)]);
}
