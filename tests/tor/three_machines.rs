//! Three machines of a cluster at one address: one of them is killed while everybody writes. And a
//! machine that fetched the key is reached like the one that it has it from.

#![allow(clippy::print_stdout, reason = "it reports how long people waited")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use ephemeral_client::Arti;
use ephemeral_core::protocol::Fingerprint;
use ephemeral_test_support::daemon::{PATIENCE, Person};
use futures::future::join_all;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::network;
use crate::union::{OneAddress, client};

/// People who write.
const PEOPLE: u8 = 9;
/// How long sessions that came to a dead machine are away: but for those whose first attempt hangs,
/// as happens on a network of so few relays. Beside it, a second one begins after 4 to 5 s.
const BACK: Duration = Duration::from_secs(7);
/// So many are back by then, at least, and all of them by that.
const MOST: usize = 6;
const LATE: Duration = Duration::from_secs(30);
/// How long the next machine may take to take over from the active one.
const TAKEN_OVER: Duration = Duration::from_secs(5);
/// Between two messages of one person.
const PACE: Duration = Duration::from_millis(100);
/// So many clients come afresh while a machine is dead.
const FRESH: usize = 20;

/// How long somebody was without an answer at most, and what went wrong for them.
type Waited = (Duration, Vec<String>);

/// Writes to somebody until told to stop.
async fn writes(mut person: Person, to: Fingerprint, orders: Orders) -> Waited {
    let mut longest = Duration::ZERO;
    while !*orders.stops.borrow() {
        let before = person.accepted;
        let begun = Instant::now();
        person.send(to, "hello".to_owned());
        person.until("an answer", |person| person.accepted > before).await;
        longest = longest.max(begun.elapsed());
        orders.answered.send_modify(|answered| *answered += 1);
        sleep(PACE).await;
    }
    (longest, person.troubles)
}

/// The values that all writers share.
#[derive(Clone)]
struct Orders {
    stops: watch::Receiver<bool>,
    answered: watch::Sender<usize>,
}

/// People who write to each other.
struct Writers {
    stop: watch::Sender<bool>,
    writing: JoinSet<Waited>,
}

impl Writers {
    /// Has them come and write, until each has been answered several times.
    async fn begin(machines: &OneAddress, first: u8, tors: &[Arc<Arti>]) -> Self {
        let (stop, stops) = watch::channel(false);
        let (answered, mut seen) = watch::channel(0);
        let orders = Orders { stops, answered };
        let mut people = Vec::new();
        for (number, tor) in (first..).zip(tors) {
            let mut person = Person::new(number, Arc::clone(tor) as _, &machines.url);
            person.until("a session", |person| person.connected == 1).await;
            people.push(person);
        }
        let everybody: Vec<_> = people.iter().map(|person| person.fingerprint).collect();
        let mut writing = JoinSet::new();
        for (number, person) in people.into_iter().enumerate() {
            let next = everybody[(number + 1) % everybody.len()];
            writing.spawn(writes(person, next, orders.clone()));
        }
        let enough = seen.wait_for(|answered| *answered >= 5 * tors.len());
        timeout(PATIENCE, enough).await.expect("answers in time").unwrap();
        Self { stop, writing }
    }

    /// Has them stop. Returns how long each waited, in rising order.
    async fn end(self) -> Vec<Waited> {
        self.stop.send_replace(true);
        let mut waited = timeout(PATIENCE, self.writing.join_all()).await.expect("an answer to everybody");
        waited.sort_unstable();
        waited
    }
}

/// Returns a machine that stands by, or else the active one, to which circuits lead.
async fn somebody(machines: &OneAddress, is_active: bool) -> usize {
    let begun = Instant::now();
    loop {
        for number in (0..machines.daemons.len()).filter(|number| machines.daemons[*number].is_some()) {
            let figures = machines.status(number).await;
            let circuits = figures["onion"]["circuits"].as_u64().unwrap_or(0);
            if circuits > 0 && (figures["cluster"]["role"] == "active") == is_active {
                return number;
            }
        }
        assert!(begun.elapsed() < PATIENCE, "nobody came to such a machine");
        sleep(PACE).await;
    }
}

/// Has fresh clients come one after the other. Returns what those were told that failed.
async fn fresh_ones_fail(machines: &OneAddress, fresh: &Arti) -> Vec<String> {
    let mut failed = Vec::new();
    let mut slowest = Duration::ZERO;
    for _ in 0..FRESH {
        let begun = Instant::now();
        let asked = timeout(PATIENCE, machines.ask_once(&fresh.isolated())).await.expect("an answer, or a failure");
        failed.extend(asked.err());
        slowest = slowest.max(begun.elapsed());
    }
    println!("of {FRESH} fresh clients, {} failed; the slowest took {slowest:.1?}", failed.len());
    failed
}

/// Has fresh people come at once, for whom there may be no active machine yet. Nobody is sent away
/// for that.
async fn fresh_ones_are_served(machines: &OneAddress, fresh: &Arti) {
    let coming = (0..FRESH).map(|number| async move {
        let number = 200 + u8::try_from(number).unwrap();
        let begun = Instant::now();
        let mut person = Person::new(number, Arc::new(fresh.isolated()) as _, &machines.url);
        person.until("a session", |person| person.connected == 1).await;
        (begun.elapsed(), person.troubles)
    });
    let mut came = join_all(coming).await;
    came.sort_unstable();
    let (slowest, troubles) = came.last().unwrap();
    println!("of {FRESH} fresh people that came at once, the slowest was in after {slowest:.1?}: {troubles:?}");
    let sent_away: Vec<_> = came.iter().flat_map(|(_, troubles)| troubles).filter(|why| why.contains("503")).collect();
    assert!(sent_away.is_empty() && *slowest < LATE, "{came:?}");
}

/// Ends the writing, and checks how long people were without an answer.
async fn are_back(writers: Writers, within: Duration) {
    let waited = writers.end().await;
    let times: Vec<_> = waited.iter().map(|(waited, _)| *waited).collect();
    let (longest, troubles) = waited.last().unwrap();
    println!("those who wrote waited for {times:.1?} at most; the last of them: {troubles:?}");
    let back = times.iter().filter(|waited| **waited < within).count();
    assert!(back >= MOST && *longest < LATE, "away for {times:.1?}: {troubles:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_machines_at_one_address_any_may_be_killed_and_everybody_is_back_within_seconds() {
    let _turn = network::turn().await;
    let mut machines = OneAddress::of(3);
    machines.passes_on = true;
    machines.make_key();
    machines.start().await;
    let tors: Vec<_> = (1..=PEOPLE).map(|number| Arc::new(client(&machines, &format!("client-{number}")))).collect();
    let fresh = client(&machines, "fresh");
    let writers = Writers::begin(&machines, 1, &tors).await;
    let by = somebody(&machines, false).await;
    machines.kill(by).await;
    assert_eq!(fresh_ones_fail(&machines, &fresh).await, Vec::<String>::new(), "fresh clients never fail");
    are_back(writers, BACK).await;

    machines.begin(by);
    machines.daemon(by).reachable().await;
    machines.publish(3).await;
    let writers = Writers::begin(&machines, 100, &tors).await;
    let active = somebody(&machines, true).await;
    machines.kill(active).await;
    // Until another one has taken over, they wait for it.
    fresh_ones_are_served(&machines, &fresh).await;
    are_back(writers, BACK + TAKEN_OVER).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_fetched_the_key_is_reached_by_the_address_and_publishes_it_when_the_first_is_dead() {
    let _turn = network::turn().await;
    let mut machines = OneAddress::of(2);
    machines.begin(0);
    machines.url = machines.daemon(0).reachable().await;
    let code = machines.run(0, &["cluster", "invite"], "").await;
    machines.run(1, &["cluster", "join", "-"], &format!("{code}\n")).await;
    machines.begin(1);
    assert_eq!(machines.daemon(1).reachable().await, machines.url);
    machines.publish(2).await;
    let tor = client(&machines, "client");
    machines.all_answer(&tor).await;
    machines.kill(0).await;
    assert_eq!(machines.publish(1).await, 1, "the one that fetched the key publishes it");
    assert_eq!(machines.ask(&tor).await.0, "b");
}
