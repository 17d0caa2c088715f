//! A machine that stands by reads the journal along: when it takes over, it has all but the end of
//! it.

use std::time::Instant;

use serde_json::Value;
use tokio::time::sleep;

use super::machines::Cluster;
use super::people::{AGAIN, PATIENCE, Person};
use super::{ALICE, BOB};

/// Room for a thousand messages of one to another.
const ROOM: &str = "[store]\nmailbox_messages = 100000\n";

/// What a machine says that takes over, before and behind how many entries it had.
const HAD: &str = "has read the journal along: ";
const REST: &str = " entries were here, and ";
/// Entries that are written when nobody sends, at most: a fence, promises, keys.
const FEW: u64 = 20;

/// Returns how many entries of the journal a machine has, while it stands by.
async fn entries(cluster: &Cluster, number: usize) -> usize {
    let (_, said) = cluster.asks(number, &["status", "--json"]).await;
    let figures: Value = serde_json::from_str(&said).unwrap_or_default();
    figures["cluster"]["journal_entries"].as_u64().and_then(|entries| entries.try_into().ok()).unwrap_or_default()
}

/// Waits until a machine has so many entries.
pub(super) async fn has_read(cluster: &Cluster, number: usize, wanted: usize) {
    let begun = Instant::now();
    loop {
        let here = entries(cluster, number).await;
        if here == wanted {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{here} entries, and not {wanted}: {}", cluster.everything());
        sleep(AGAIN).await;
    }
}

/// Returns how many entries a machine had when it took over, and how many numbers it had to read.
fn took_over_with(cluster: &Cluster, number: usize) -> (u64, u64) {
    let said = cluster.said(number);
    let (_, line) = said.rsplit_once(HAD).unwrap_or_else(|| panic!("it has not read along: {said}"));
    let (had, rest) = line.split_once(REST).unwrap();
    (had.parse().unwrap(), rest.split_once(' ').unwrap().0.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_takes_over_has_what_it_read_along_and_reads_only_the_rest() {
    let mut cluster = Cluster::configured(ROOM).begun().await;
    let first = cluster.active().await;
    let mut alice = Person::connect(ALICE, &cluster).await;
    let ledger = alice.send_many(&cluster, BOB, "m", 1000).await;
    has_read(&cluster, 1 - first, 1000).await;
    cluster.kill(first);
    let mut bob = Person::connect(BOB, &cluster).await;
    let (had, read) = took_over_with(&cluster, 1 - first);
    assert!(had == 1000 && read < FEW, "{had} were there, and {read} were read");
    bob.receives_all(&cluster, &ledger).await;
    assert_eq!(bob.epochs, alice.epochs, "nothing is lost: it is the same epoch");
    assert_eq!(entries(&cluster, 1 - first).await, 0, "the active one has them in its store, and only there");
    // One that comes later reads all that there is, once, and takes over in its turn.
    cluster.begin(first);
    has_read(&cluster, first, 1000).await;
    cluster.has_keys(first).await;
    cluster.terminate(1 - first).await;
    let later = alice.send_many(&cluster, BOB, "n", 5).await;
    bob.receives_all(&cluster, &later).await;
    let (had, read) = took_over_with(&cluster, first);
    assert!(had == 1000 && read < FEW, "{had} were there, and {read} were read");
    assert!(alice.is_duplicate(&cluster, BOB, "m-7").await, "an id is known over both");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_reads_on_when_a_nats_server_dies_and_anew_when_all_have_lost_the_journal() {
    let mut cluster = Cluster::start().await;
    let first = cluster.active().await;
    let mut alice = Person::connect(ALICE, &cluster).await;
    let mut ledger = alice.send_many(&cluster, BOB, "before", 40).await;
    has_read(&cluster, 1 - first, 40).await;
    for number in 0..3 {
        cluster.nats.kill(number);
        ledger.extend(alice.send_many(&cluster, BOB, &format!("without-{number}"), 10).await);
        cluster.nats.begin(number);
        cluster.is_whole().await;
    }
    has_read(&cluster, 1 - first, 70).await;
    // All at once: the active machine writes everything again.
    for number in 0..3 {
        cluster.nats.kill(number);
    }
    for number in 0..3 {
        cluster.nats.begin(number);
    }
    ledger.extend(alice.send_many(&cluster, BOB, "after", 5).await);
    has_read(&cluster, 1 - first, 75).await;
    cluster.is_whole().await;
    cluster.kill(cluster.active().await);
    let mut bob = Person::connect(BOB, &cluster).await;
    bob.receives_all(&cluster, &ledger).await;
    assert_eq!(bob.epochs, alice.epochs, "nothing is lost: it is the same epoch");
    assert!(cluster.everything().contains(HAD), "{}", cluster.everything());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_and_a_drain_overwrite_what_a_machine_has_read_along() {
    let cluster = Cluster::start().await;
    let active = cluster.active().await;
    let by = 1 - active;
    let mut alice = Person::connect(ALICE, &cluster).await;
    alice.send_many(&cluster, BOB, "m", 20).await;
    has_read(&cluster, by, 20).await;
    // One that takes nothing over has nothing; it reads again when it may.
    let own = format!("m{by}");
    let (code, said) = cluster.asks(active, &["cluster", "drain", &own]).await;
    assert_eq!(code, 0, "{said}");
    has_read(&cluster, by, 0).await;
    let (code, said) = cluster.asks(active, &["cluster", "drain", &own, "--undo"]).await;
    assert_eq!(code, 0, "{said}");
    has_read(&cluster, by, 20).await;
    let (code, said) = cluster.asks(active, &["panic", "--yes"]).await;
    assert_eq!(code, 0, "{said}");
    has_read(&cluster, by, 0).await;
    let mut bob = Person::connect(BOB, &cluster).await;
    bob.send_many(&cluster, BOB, "anew", 3).await;
    has_read(&cluster, by, 3).await;
}
