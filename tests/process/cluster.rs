//! Two machines that are one server, and three NATS servers that hold what waits: whichever dies,
//! nothing that was accepted is lost.

mod belonging;
mod faults;
mod forgotten;
mod joining;
mod ledger;
mod machines;
mod mesh;
mod nemesis;
mod on_the_wire;
mod operating;
mod people;
mod promotion;
mod reading_along;
mod standing_by;
mod talkers;
mod wiped;

use ephemeral_test_support::memory::times_in_memory;
use rustix::process::Signal;

use machines::Cluster;
use people::Person;

const ALICE: u8 = 1;
const BOB: u8 = 2;
const CAROL: u8 = 3;

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
async fn a_machine_says_why_nobody_is_active_while_two_nats_servers_are_missing() {
    let mut cluster = Cluster::configured("");
    for missing in 0..2 {
        cluster.nats.kill(missing);
    }
    cluster.begin(0);
    cluster.logs(0, "the cluster's streams are not there, and cannot be made").await;
    for missing in 0..2 {
        cluster.nats.begin(missing);
    }
    cluster.listens(0).await;
    assert_eq!(cluster.active().await, 0);
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
    let is_accepted = alice.is_accepted_there(BOB, "zombie").await;
    assert!(!is_accepted, "another machine is the active one: {}", cluster.everything());
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
            assert_eq!(machines::files_with(&cluster.nats.folder(number), word), Vec::<String>::new());
        }
        // A search finds what is there: the name of the stream, and what is in its configuration.
        let times = times_in_memory(cluster.nats.process(number), "EPHEMERAL_LEASE");
        assert!(times.is_none_or(|times| times > 0), "the name of a stream");
        assert_ne!(machines::files_with(&cluster.nats.folder(number), "store_dir"), Vec::<String>::new());
    }
    assert!(times_in_memory(hub, marker).is_none_or(|times| times >= 30), "a search finds: there it waits");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_on_the_machine_that_stands_by_erases_what_waits_on_all_of_them() {
    let mut cluster = Cluster::start().await;
    let active = cluster.active().await;
    let by = 1 - active;
    let mut alice = Person::connect(ALICE, &cluster).await;
    let marker = "quetzalcoatlus-northropi";
    alice.send_many(&cluster, BOB, marker, 20).await;
    assert!(times_in_memory(cluster.process(active), marker).is_none_or(|times| times >= 20), "a search finds");
    let (code, said) = cluster.asks(by, &["panic", "--yes"]).await;
    assert!(code == 0 && said.contains("20 messages") && said.contains(&format!("m{active}")), "{code}: {said}");
    for number in [active, by] {
        cluster.forgets(number, marker).await;
    }
    let mut bob = Person::connect(BOB, &cluster).await;
    let anew = bob.send_many(&cluster, BOB, "anew", 3).await;
    bob.receives_all(&cluster, &anew).await;
    assert_eq!(bob.received.len(), 3, "nothing else waits: {:?}", bob.received);
    assert!(bob.epochs.is_disjoint(&alice.epochs), "a new epoch");
    // The one that asked for it has the new keys: it goes on with what came afterwards, and with
    // nothing else.
    cluster.logs(by, "it has the keys of the journal").await;
    let later = bob.send_many(&cluster, ALICE, "later", 2).await;
    cluster.has_keys(by).await;
    cluster.kill(active);
    let mut again = Person::connect(ALICE, &cluster).await;
    again.receives_all(&cluster, &later).await;
    assert_eq!((again.received.len(), &again.epochs), (2, &bob.epochs));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_slept_through_a_panic_is_named_and_writes_nothing_of_before_again() {
    let cluster = Cluster::start().await;
    let active = cluster.active().await;
    let mut alice = Person::connect(ALICE, &cluster).await;
    let marker = "hatzegopteryx-thambema";
    alice.send_many(&cluster, BOB, marker, 5).await;
    cluster.signal(active, Signal::STOP);
    let (code, said) = cluster.asks(1 - active, &["panic", "--yes"]).await;
    assert!(code == 74 && said.contains(&format!("the active machine m{active} does not answer")), "{code}: {said}");
    cluster.signal(active, Signal::CONT);
    cluster.forgets(active, marker).await;
    let mut bob = Person::connect(BOB, &cluster).await;
    let anew = bob.send_many(&cluster, BOB, "anew", 3).await;
    bob.receives_all(&cluster, &anew).await;
    assert_eq!(bob.received.len(), 3, "nothing else waits: {:?}", bob.received);
    assert!(bob.epochs.is_disjoint(&alice.epochs), "a new epoch");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_while_nats_is_down_fails_and_is_carried_out_when_it_is_back() {
    let mut cluster = Cluster::start().await;
    let active = cluster.active().await;
    let mut alice = Person::connect(ALICE, &cluster).await;
    let marker = "arambourgiania-philadelphiae";
    alice.send_many(&cluster, BOB, marker, 5).await;
    for number in 0..3 {
        cluster.nats.kill(number);
    }
    let (code, said) = cluster.asks(1 - active, &["panic", "--yes"]).await;
    assert!(code == 74 && said.contains("NATS cannot be used"), "{code}: {said}");
    for number in 0..3 {
        cluster.nats.begin(number);
    }
    cluster.logs(1 - active, "the whole cluster is wiped").await;
    cluster.forgets(active, marker).await;
    let bob = Person::connect(BOB, &cluster).await;
    assert!(bob.epochs.is_disjoint(&alice.epochs), "a new epoch");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_says_what_each_machine_of_a_cluster_is() {
    let cluster = Cluster::start().await;
    let active = cluster.active().await;
    cluster.has_keys(1 - active).await;
    let (code, said) = cluster.asks(1 - active, &["status"]).await;
    let standing = format!("m{} stands by, and it has the keys · m{active} is active", 1 - active);
    assert!(code == 3 && said.contains(&standing), "{code}: {said}");
    let (code, said) = cluster.asks(active, &["status"]).await;
    assert!(code == 0 && said.contains(&format!("m{active} is the active one")), "{code}: {said}");
}
