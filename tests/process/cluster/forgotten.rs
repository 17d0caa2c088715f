//! What was acknowledged is in no process of a cluster, and two periods of its key later nobody
//! could read it who had written down all that NATS was given.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use ephemeral_test_support::canary::Canary;
use ephemeral_test_support::memory::times_in_memory;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::machines::{Cluster, ClusterPlan};
use super::mesh::FRONT;
use super::people::{AGAIN, PATIENCE, Person};
use super::standing_by::until_healthy;
use super::{ALICE, BOB};
use crate::wall_clock::FakeTime;

/// Somebody who is not there yet.
const CAROL: u8 = 3;
/// What is acknowledged, and what waits.
const MESSAGES: usize = 20;
/// How long a key is used, in seconds.
const HOUR: u64 = 3600;
/// So many of them, at most, until one is forgotten.
const MOST: usize = 20;
/// How long it is told something, so many times with a pause between.
const TALK: u32 = 400;
const SOON: Duration = Duration::from_millis(1);
/// What is done then takes no longer.
const DONE: Duration = Duration::from_secs(2);

/// The keys of the journal as the service manager of a machine keeps them.
#[derive(PartialEq, Eq)]
struct Kept(Vec<u8>);

impl Kept {
    fn of(cluster: &mut Cluster, number: usize) -> Self {
        let manager = cluster.managers[number].as_mut().unwrap();
        manager.listen();
        let file: &File = manager.kept.as_ref().expect("the manager keeps the keys");
        let mut bytes = vec![0; 4096];
        file.read_exact_at(&mut bytes, 0).unwrap();
        assert!(bytes.starts_with(b"ephemeral keys 1"));
        Self(bytes)
    }

    /// Returns the newest key.
    fn newest(&self) -> Vec<u8> {
        self.0[44..76].to_vec()
    }

    fn has(&self, key: &[u8]) -> bool {
        self.0.windows(key.len()).any(|window| window == key)
    }
}

/// The clocks of the machines, in seconds ahead.
#[derive(Default)]
struct Ahead([u64; 2]);

impl Ahead {
    fn set(&mut self, cluster: &Cluster, machine: usize, by: u64) {
        self.0[machine] += by;
        cluster.clocks[machine].set(&format!("+{}", self.0[machine]));
    }

    /// Has periods pass at the active machine until no machine has the key any more that is used
    /// now: in the first, there is a new key, and after some seconds more it is used.
    async fn the_key_goes(&mut self, cluster: &mut Cluster) {
        let active = cluster.active().await;
        let key = Kept::of(cluster, active).newest();
        let mut hours = 0;
        while (0..2).any(|number| Kept::of(cluster, number).has(&key)) {
            assert!(hours < MOST, "the key is there after {hours} hours: {}", cluster.everything());
            self.an_hour_passes(cluster).await;
            hours += 1;
        }
    }

    /// Sets the active machine's clock while it hears from NATS all the time: else it would take
    /// NATS for silent since then, and give the lease up. Where it does so nevertheless, another
    /// machine's period begins.
    async fn an_hour_passes(&mut self, cluster: &mut Cluster) {
        cluster.is_whole().await;
        let active = cluster.active().await;
        let before = Kept::of(cluster, active);
        let mut nats = TcpStream::connect(cluster.nats.address(0)).await.unwrap();
        nats.write_all(b"CONNECT {\"verbose\":false}\r\n").await.unwrap();
        for number in 0..TALK {
            // A question that no machine knows.
            nats.write_all(b"PUB ephemeral.ask.nothing 1\r\n?\r\n").await.unwrap();
            if number == TALK / 2 {
                self.set(cluster, active, HOUR + 1);
            }
            sleep(SOON).await;
        }
        let begun = Instant::now();
        while Kept::of(cluster, active) == before && begun.elapsed() < DONE {
            sleep(AGAIN).await;
        }
    }
}

/// Returns the processes of a cluster, by what they are.
fn processes(cluster: &Cluster) -> Vec<(String, u32)> {
    let machines = (0..=FRONT).map(|number| (format!("machine {number}"), cluster.process(number)));
    let servers = (0..3).map(|number| (format!("NATS server {number}"), cluster.nats.process(number)));
    machines.chain(servers).collect()
}

/// Waits until something is in the memory of none of them.
async fn in_no_process(cluster: &Cluster, what: &str, bytes: &[u8]) {
    let begun = Instant::now();
    for (name, process) in processes(cluster) {
        loop {
            let times = times_in_memory(process, bytes).expect("root may look");
            if times == 0 {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{what} is {times} times in the memory of {name}");
            sleep(AGAIN).await;
        }
    }
}

/// Starts a cluster with a front, whose clocks can be set for everything that it does.
async fn with_clocks() -> Cluster {
    let mut cluster = Cluster::planned(ClusterPlan { has_cables: true, ..ClusterPlan::default() });
    cluster.clocks = (0..2).map(|number| FakeTime::of_tasks_too(&cluster.folder(number))).collect();
    cluster.begun().await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_periods_of_its_key_after_it_was_acknowledged_a_message_is_in_no_process_and_nor_is_the_key() {
    let mut cluster = with_clocks().await;
    let active = cluster.active().await;
    let delivered = Canary::text("delivered");
    let waiting = Canary::text("waiting");
    // From the front to the machine that stands by.
    let mut people = Vec::new();
    for (person, at) in [(ALICE, FRONT), (BOB, 1 - active)] {
        until_healthy(&cluster, at).await;
        cluster.only(Some(at));
        people.push(Person::connect(person, &cluster).await);
    }
    let [mut alice, mut bob] = <[Person; 2]>::try_from(people).ok().unwrap();
    let ledger = alice.send_many(&cluster, BOB, delivered.as_text(), MESSAGES).await;
    let later = alice.send_many(&cluster, CAROL, waiting.as_text(), MESSAGES).await;
    bob.receives_all(&cluster, &ledger).await;
    alice.is_told_of_all(&ledger).await;
    drop((alice, bob));
    let key = Kept::of(&mut cluster, active).newest();
    let found = |number: usize, bytes: &[u8]| times_in_memory(cluster.process(number), bytes).expect("root may look");
    assert!(found(active, waiting.bytes()) >= MESSAGES, "a search finds what waits");
    assert!((0..2).all(|number| found(number, &key) > 0), "a search finds the key");

    let mut ahead = Ahead::default();
    for _ in 0..2 {
        ahead.the_key_goes(&mut cluster).await;
    }
    in_no_process(&cluster, "what was acknowledged", delivered.bytes()).await;
    in_no_process(&cluster, "the key of then", &key).await;
    for number in 0..3 {
        let times = times_in_memory(cluster.nats.process(number), waiting.bytes()).expect("root may look");
        assert_eq!(times, 0, "what waits is in the memory of NATS server {number}");
    }
    // What waits was written again under the new key: another machine can read it.
    let active = cluster.active().await;
    cluster.kill(active);
    cluster.only(Some(1 - active));
    let mut carol = Person::connect(CAROL, &cluster).await;
    carol.receives_all(&cluster, &later).await;
}
