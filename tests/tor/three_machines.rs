//! Three machines of a cluster at one address: one of them is killed while everybody writes. And a
//! machine that fetched the key is reached like the one that it has it from.

#![allow(clippy::print_stdout, reason = "it reports how long people waited")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use ephemeral_client::Arti;
use ephemeral_core::protocol::Fingerprint;
use ephemeral_test_support::daemon::{PATIENCE, Person};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::network;
use crate::union::{OneAddress, client};

/// People who write.
const PEOPLE: u8 = 9;
/// How long a session that came to a machine that is dead may be away.
const BACK: Duration = Duration::from_secs(7);
/// The same where the active machine dies: the next one takes over after 3 to 5 seconds first.
const TAKEN_OVER: Duration = Duration::from_secs(5);
/// Between two messages of one person.
const PACE: Duration = Duration::from_millis(100);
/// So many clients come afresh while a machine is dead, at most so long after each other.
const FRESH: usize = 20;

/// Writes to somebody until told to stop. Returns how long it waited for an answer at most.
async fn writes(mut person: Person, to: Fingerprint, mut stops: watch::Receiver<bool>) -> Duration {
    let mut longest = Duration::ZERO;
    while !*stops.borrow_and_update() {
        let before = person.accepted;
        let begun = Instant::now();
        person.send(to, "hello".to_owned());
        person.until("an answer", |person| person.accepted > before).await;
        longest = longest.max(begun.elapsed());
        sleep(PACE).await;
    }
    longest
}

/// People who write to each other.
struct Writers {
    stop: watch::Sender<bool>,
    writing: JoinSet<Duration>,
}

impl Writers {
    /// Has them come, and begin.
    async fn begin(machines: &OneAddress, first: u8, tors: &[Arc<Arti>]) -> Self {
        let (stop, stops) = watch::channel(false);
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
            writing.spawn(writes(person, next, stops.clone()));
        }
        Self { stop, writing }
    }

    /// Has them stop. Returns how long each waited at most, in rising order.
    async fn end(self) -> Vec<Duration> {
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

/// Kills a machine while people write, and has fresh clients come meanwhile. Returns how long
/// somebody of those who wrote waited at most.
async fn is_killed(machines: &mut OneAddress, number: usize, fresh: &Arti, writers: Writers) -> Duration {
    sleep(Duration::from_secs(1)).await;
    machines.kill(number).await;
    let mut slowest = Duration::ZERO;
    let mut failed = Vec::new();
    for _ in 0..FRESH {
        let begun = Instant::now();
        let asked = timeout(PATIENCE, machines.ask_once(&fresh.isolated())).await.expect("an answer, or a failure");
        failed.extend(asked.err());
        slowest = slowest.max(begun.elapsed());
    }
    let waited = writers.end().await;
    println!(
        "those who wrote waited for {waited:.1?} at most; of {FRESH} fresh clients, {} failed: {failed:?}",
        failed.len()
    );
    println!("the slowest fresh client took {slowest:.1?}");
    assert_eq!(failed, Vec::<String>::new(), "fresh clients never fail");
    *waited.last().unwrap()
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
    let waited = is_killed(&mut machines, by, &fresh, writers).await;
    assert!(waited < BACK, "those who came to the dead machine were away for {waited:.1?}");

    machines.begin(by);
    machines.daemon(by).reachable().await;
    machines.publish(3).await;
    let writers = Writers::begin(&machines, 100, &tors).await;
    let active = somebody(&machines, true).await;
    let waited = is_killed(&mut machines, active, &fresh, writers).await;
    assert!(waited < BACK + TAKEN_OVER, "everybody was away for {waited:.1?}");
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
