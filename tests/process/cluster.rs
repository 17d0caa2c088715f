//! Two machines that are one server, and three NATS servers that hold what waits: whichever dies,
//! nothing that was accepted is lost.

mod people;

use std::time::Duration;

use ephemeral_test_support::memory::times_in_memory;
use ephemeral_test_support::nats::Trio;
use rustix::process::Signal;

use people::{Cluster, Person};

const ALICE: u8 = 1;
const BOB: u8 = 2;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_survives_the_active_machine_and_its_successor() {
    let mut cluster = Cluster::start().await;
    let mut alice = Person::connect(ALICE, &cluster).await;
    let mut ledger = alice.send_many(&cluster, BOB, "first", 50).await;
    let first = cluster.active().await;
    cluster.kill(first);
    ledger.extend(alice.send_many(&cluster, BOB, "second", 50).await);
    assert_ne!(cluster.active().await, first, "the other one took over");
    assert_eq!(alice.epochs.len(), 1, "it is the same epoch: {:?}", alice.epochs);
    assert!(alice.is_duplicate(&cluster, BOB, "first-7").await, "an id is known over a failover");
    // The one that was killed comes back, stands by, and takes over when the other one is stopped.
    cluster.begin(first);
    cluster.logs(first, "it has the keys of the journal").await;
    cluster.terminate(1 - first).await;
    let mut bob = Person::connect(BOB, &cluster).await;
    bob.receives_all(&cluster, &ledger).await;
    assert_eq!((alice.epochs.len(), bob.epochs.is_subset(&alice.epochs)), (1, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_does_not_come_again_and_its_sender_is_told_once() {
    let mut cluster = Cluster::start().await;
    let mut alice = Person::connect(ALICE, &cluster).await;
    let mut bob = Person::connect(BOB, &cluster).await;
    let ledger = alice.send_many(&cluster, BOB, "m", 10).await;
    bob.receives_all(&cluster, &ledger).await;
    alice.is_told_of_all(&ledger).await;
    let first = cluster.active().await;
    cluster.kill(first);
    let later = alice.send_many(&cluster, BOB, "n", 3).await;
    let mut again = Person::connect(BOB, &cluster).await;
    again.receives_all(&cluster, &later).await;
    assert_eq!(again.received.len(), later.len(), "only what is new: {:?}", again.received);
    alice.is_told_of_all(&later).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn senders_wait_while_the_nats_servers_find_a_new_leader_and_no_session_ends() {
    let mut cluster = Cluster::start().await;
    let mut alice = Person::connect(ALICE, &cluster).await;
    let mut ledger = alice.send_many(&cluster, BOB, "before", 20).await;
    let leader = cluster.nats.leader().expect("a leader");
    cluster.nats.kill(leader);
    ledger.extend(alice.send_many(&cluster, BOB, "after", 20).await);
    assert_eq!(alice.connected, 1, "its session is the one that it had");
    let mut bob = Person::connect(BOB, &cluster).await;
    bob.receives_all(&cluster, &ledger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_stood_still_and_wakes_up_accepts_nothing_any_more() {
    let cluster = Cluster::start().await;
    let mut alice = Person::connect(ALICE, &cluster).await;
    let mut ledger = alice.send_many(&cluster, BOB, "before", 5).await;
    let first = cluster.active().await;
    cluster.signal(first, Signal::STOP);
    let mut carol = Person::connect(3, &cluster).await;
    ledger.extend(carol.send_many(&cluster, BOB, "meanwhile", 5).await);
    cluster.signal(first, Signal::CONT);
    // Her session there is still open.
    assert!(!alice.is_accepted_there(BOB, "zombie").await, "another machine is the active one");
    ledger.extend(alice.send_many(&cluster, BOB, "afterwards", 5).await);
    let mut bob = Person::connect(BOB, &cluster).await;
    bob.receives_all(&cluster, &ledger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_all_nats_servers_have_lost_is_written_again_by_the_active_machine() {
    let mut cluster = Cluster::start().await;
    let mut alice = Person::connect(ALICE, &cluster).await;
    let mut ledger = alice.send_many(&cluster, BOB, "before", 40).await;
    let first = cluster.active().await;
    // All at once: their memory is gone, and they are as healthy as ever afterwards.
    for number in 0..3 {
        cluster.nats.kill(number);
    }
    for number in 0..3 {
        cluster.nats.begin(number);
    }
    ledger.extend(alice.send_many(&cluster, BOB, "after", 5).await);
    assert_eq!(cluster.active().await, first, "it is still the active one");
    cluster.kill(first);
    let mut bob = Person::connect(BOB, &cluster).await;
    bob.receives_all(&cluster, &ledger).await;
    assert_eq!(bob.epochs, alice.epochs, "nothing is lost: it is the same epoch");
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_has_no_word_of_what_waits_in_its_memory_and_its_files() {
    let cluster = Cluster::start().await;
    let mut alice = Person::connect(ALICE, &cluster).await;
    let marker = "quetzalcoatlus-northropi";
    alice.send_many(&cluster, BOB, marker, 30).await;
    let hub = cluster.process(cluster.active().await);
    for number in 0..3 {
        for word in [marker, &people::fingerprint(BOB).to_string(), &people::fingerprint(ALICE).to_string()] {
            let times = times_in_memory(cluster.nats.process(number), word);
            assert!(times.is_none_or(|times| times == 0), "{word} is in the memory of a NATS server");
            assert_eq!(people::files_with(&cluster.nats.folder(number), word), Vec::<String>::new());
        }
    }
    assert!(times_in_memory(hub, marker).is_none_or(|times| times >= 30), "a search finds: there it waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_with_another_secret_is_given_no_keys() {
    let nats = tempfile::tempdir().unwrap();
    let trio = Trio::start(nats.path());
    let mut cluster = Cluster::with_secrets(trio, [1, 2]).await;
    let mut alice = Person::connect(ALICE, &cluster).await;
    alice.send_many(&cluster, BOB, "m", 3).await;
    let first = cluster.active().await;
    tokio::time::timeout(Duration::from_secs(20), cluster.logs(1 - first, "has it the same secret_file"))
        .await
        .unwrap();
    cluster.kill(first);
    cluster.logs(1 - first, "nobody has the keys of the journal any more").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_and_nats_servers_show_each_other_certificates() {
    let mut cluster = Cluster::with_certificates().await;
    let mut alice = Person::connect(ALICE, &cluster).await;
    let ledger = alice.send_many(&cluster, BOB, "m", 5).await;
    cluster.kill(cluster.active().await);
    let mut bob = Person::connect(BOB, &cluster).await;
    bob.receives_all(&cluster, &ledger).await;
}
