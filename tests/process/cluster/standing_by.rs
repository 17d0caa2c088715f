//! A machine that stands by, and a front of a cluster: whoever reaches them has a session with the
//! active machine, whichever that is, and keeps it when that dies.

use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::ledger::Ledger;
use super::machines::Cluster;
use super::mesh::FRONT;
use super::people::{PATIENCE, Person};
use super::talkers::Talkers;
use super::{ALICE, BOB, CAROL};

/// Returns the status that a machine's listener answers `GET /health` with; empty: none.
async fn health(cluster: &Cluster, machine: usize) -> String {
    let url = cluster.url(machine);
    let asked = async {
        let mut stream = TcpStream::connect((url.host(), url.port())).await?;
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer.get(9..12).unwrap_or_default().to_owned())
    };
    asked.await.unwrap_or_default()
}

pub(super) async fn until_healthy(cluster: &Cluster, machine: usize) {
    until_health(cluster, machine, "200").await;
}

pub(super) async fn until_health(cluster: &Cluster, machine: usize, status: &str) {
    let asking = async {
        while health(cluster, machine).await != status {
            tokio::time::sleep(super::people::AGAIN).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking)
        .await
        .expect("a machine that reaches the hub or is it, or does not any more");
}

/// Has Alice connect to the first of these machines, which stands by, and Bob to the second.
pub(super) async fn one_at_each(cluster: &mut Cluster, [by, active]: [usize; 2]) -> [Person; 2] {
    until_healthy(cluster, by).await;
    cluster.only(Some(by));
    let alice = Person::connect(ALICE, cluster).await;
    cluster.only(Some(active));
    [alice, Person::connect(BOB, cluster).await]
}

/// Starts a cluster, and returns it with its active machine and the other one, to which everybody
/// goes from now on.
async fn at_the_standby(configuration: &str) -> (Cluster, usize, usize) {
    let mut cluster = Cluster::linked(configuration).await;
    let active = cluster.active().await;
    let by = 1 - active;
    until_healthy(&cluster, by).await;
    cluster.only(Some(by));
    (cluster, active, by)
}

#[tokio::test(flavor = "multi_thread")]
async fn people_at_both_machines_of_a_cluster_write_to_each_other_and_go_on_after_a_failover() {
    let mut cluster = Cluster::linked("").await;
    let first = cluster.active().await;
    let second = 1 - first;
    let [mut alice, mut bob] = one_at_each(&mut cluster, [second, first]).await;
    let to_bob = alice.send_many(&cluster, BOB, "to-bob", 20).await;
    bob.receives_all(&cluster, &to_bob).await;
    let to_alice = bob.send_many(&cluster, ALICE, "to-alice", 20).await;
    alice.receives_all(&cluster, &to_alice).await;
    alice.is_told_of_all(&to_bob).await;
    assert_eq!((alice.connected, bob.connected), (1, 1), "nobody was sent away");
    let (code, said) = cluster.asks(second, &["status"]).await;
    assert!(code == 0 && said.contains(&format!("m{second} stands by")), "{code}: {said}");
    // The one that stood by becomes the active one; the other one comes back, and stands by.
    let waiting = alice.send_many(&cluster, BOB, "waiting", 5).await;
    cluster.kill(first);
    cluster.only(Some(second));
    let more = alice.send_many(&cluster, BOB, "more", 5).await;
    cluster.begin(first);
    cluster.listens(first).await;
    until_healthy(&cluster, first).await;
    let (_, said) = cluster.asks(second, &["status"]).await;
    assert!(said.contains(&format!("m{second} is the active one")), "{said}");
    cluster.only(Some(first));
    let mut again = Person::connect(BOB, &cluster).await;
    again.receives_all(&cluster, &[waiting, more].concat()).await;
    assert_eq!((&alice.epochs, &again.epochs), (&bob.epochs, &bob.epochs), "it is the same epoch");
    assert_eq!(alice.connected, 1, "her session has outlived the machine");
    cluster.only(None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_at_a_machine_that_stands_by_outlives_the_active_one_and_nothing_comes_twice() {
    let (mut cluster, first, second) = at_the_standby("").await;
    let mut alice = Person::connect(ALICE, &cluster).await;
    let mut bob = Person::connect(BOB, &cluster).await;
    let mut ledger = alice.send_many(&cluster, BOB, "before", 3).await;
    bob.receives_all(&cluster, &ledger).await;
    // Accepted, and delivered to nobody when the machine dies; and sent while there is none.
    ledger.extend(alice.send_many(&cluster, BOB, "accepted", 3).await);
    cluster.kill(first);
    ledger.extend(alice.send_many(&cluster, BOB, "meanwhile", 3).await);
    ledger.extend(alice.send_many(&cluster, BOB, "after", 3).await);
    bob.receives_all(&cluster, &ledger).await;
    assert!(bob.received.values().all(|times| *times == 1), "each once: {:?}", bob.received);
    assert_eq!((alice.connected, bob.connected), (1, 1), "both sessions are the first ones");
    assert!(alice.is_duplicate(&cluster, BOB, &ledger[0]).await, "ids are known");
    let (_, said) = cluster.asks(second, &["status", "--json"]).await;
    let figures: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(figures["clients"].as_u64() >= Some(2), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_on_when_the_active_machine_is_stopped_or_hands_over_and_a_panic_ends_it() {
    let (mut cluster, first, second) = at_the_standby("").await;
    let mut alice = Person::connect(ALICE, &cluster).await;
    let mut ledger = alice.send_many(&cluster, BOB, "before", 3).await;
    let (code, said) = cluster.asks(first, &["cluster", "drain"]).await;
    assert_eq!(code, 0, "{said}");
    ledger.extend(alice.send_many(&cluster, BOB, "handed-over", 3).await);
    let (code, said) = cluster.asks(first, &["cluster", "drain", "--undo"]).await;
    assert_eq!(code, 0, "{said}");
    // Back again: now the machine that she is connected to has been the active one, and is none.
    let (code, said) = cluster.asks(second, &["cluster", "drain"]).await;
    assert_eq!(code, 0, "{said}");
    ledger.extend(alice.send_many(&cluster, BOB, "back", 3).await);
    cluster.terminate(first).await;
    let (code, said) = cluster.asks(second, &["cluster", "drain", "--undo"]).await;
    assert_eq!(code, 0, "{said}");
    ledger.extend(alice.send_many(&cluster, BOB, "stopped", 3).await);
    assert_eq!(alice.connected, 1, "it is one session");
    let mut bob = Person::connect(BOB, &cluster).await;
    bob.receives_all(&cluster, &ledger).await;
    let (code, said) = cluster.asks(second, &["panic", "--yes"]).await;
    assert_eq!(code, 0, "{said}");
    alice.send_many(&cluster, BOB, "anew", 1).await;
    assert_eq!((alice.connected, alice.epochs.len()), (2, 2), "what she had was of another epoch");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_a_session_with_a_machine_that_stands_still_goes_on_with_the_next_one() {
    let (mut cluster, first, second) = at_the_standby("").await;
    let mut alice = Person::connect(ALICE, &cluster).await;
    let mut ledger = alice.send_many(&cluster, BOB, "before", 5).await;
    cluster.signal(first, Signal::STOP);
    cluster.logs(second, "this machine is the active one").await;
    ledger.extend(alice.send_many(&cluster, BOB, "after", 5).await);
    assert_eq!(alice.connected, 1, "she has noticed nothing but the time");
    cluster.signal(first, Signal::CONT);
    cluster.logs(first, "this one stands by").await;
    until_healthy(&cluster, first).await;
    cluster.only(Some(first));
    let mut bob = Person::connect(BOB, &cluster).await;
    bob.receives_all(&cluster, &ledger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_accepted_is_lost_and_no_receipt_comes_twice_when_the_hub_is_killed_under_load() {
    let (cluster, first, _) = at_the_standby("[store]\nmailbox_messages = 10000\n").await;
    let mut alice = Person::connect(ALICE, &cluster).await;
    let mut bob = Person::connect(BOB, &cluster).await;
    let ledger: Vec<_> = (0..600).map(|number| format!("load-{number}")).collect();
    let kill = async {
        // In the middle of it.
        bob.receives_all(&cluster, &ledger[..100]).await;
        cluster.signal(first, Signal::KILL);
        bob.receives_all(&cluster, &ledger).await;
    };
    let (accepted, ()) = tokio::join!(alice.send_many(&cluster, BOB, "load", ledger.len()), kill);
    assert_eq!(accepted, ledger);
    assert_eq!((alice.connected, bob.connected), (1, 1), "no session has ended");
    assert!(bob.received.values().all(|times| *times == 1), "nothing came twice");
    alice.is_told_of_none_twice();
    assert_eq!((alice.epochs.len(), &bob.epochs), (1, &alice.epochs), "it is the same epoch");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_go_on_when_the_machine_that_holds_them_stood_still_for_a_moment() {
    let mut cluster = Cluster::linked("").await;
    let active = cluster.active().await;
    let by = 1 - active;
    let [mut alice, mut bob] = one_at_each(&mut cluster, [by, active]).await;
    cluster.signal(by, Signal::STOP);
    let meanwhile = bob.send_many(&cluster, ALICE, "meanwhile", 50).await;
    cluster.signal(by, Signal::CONT);
    alice.receives_all(&cluster, &meanwhile).await;
    bob.is_told_of_all(&meanwhile).await;
    assert_eq!((alice.connected, bob.connected), (1, 1));
}

/// Returns a cluster, and a front of it, to which everybody goes.
async fn fronted() -> Cluster {
    let mut cluster = Cluster::configured("link = \"127.0.0.1:0\"\n");
    cluster.and(&format!("[hub]\nfronts = [{:?}]\n", cluster.key(FRONT)));
    let mut cluster = cluster.begun().await;
    let addresses = [cluster.link(0).await, cluster.link(1).await];
    let keys = [cluster.key(0), cluster.key(1)];
    cluster.only_at_front(&format!("[front]\nhub = {addresses:?}\nhub_key = {keys:?}\n")).await;
    cluster
}

/// Waits until so many more messages were accepted.
async fn accepted(talkers: &mut Talkers, more: usize) {
    let upto = talkers.ledger().accepted() + more;
    let waiting = async {
        while talkers.ledger().accepted() < upto {
            talkers.are_well();
            tokio::time::sleep(super::people::AGAIN).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("messages are accepted");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_told_at_a_front_is_untrue_and_no_session_ends_when_the_active_machine_does() {
    for signal in [Signal::KILL, Signal::TERM, Signal::STOP] {
        let mut cluster = fronted().await;
        cluster.is_whole().await;
        let mut talkers = Talkers::start(4, cluster.urls(), Ledger::new(0));
        accepted(&mut talkers, 100).await;
        let active = cluster.active().await;
        cluster.signal(active, signal);
        accepted(&mut talkers, 100).await;
        talkers.fall_silent();
        let settling = async {
            while !talkers.is_settled() {
                talkers.are_well();
                tokio::time::sleep(super::people::AGAIN).await;
            }
        };
        let is_settled = tokio::time::timeout(PATIENCE, settling).await.is_ok();
        let ledger = talkers.ledger();
        assert!(is_settled, "lost: {:?}; {}", ledger.missing(), cluster.said(FRONT));
        assert_eq!(ledger.broken(), Vec::<String>::new(), "{}", cluster.everything());
        let summary = ledger.summary();
        assert!(
            summary.ends_with(" 4 sessions, of which 0 were ended"),
            "{signal:?}: {summary}; {}",
            cluster.said(FRONT)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_front_of_a_cluster_follows_the_active_machine() {
    let mut cluster = fronted().await;
    let first = cluster.active().await;
    let mut alice = Person::connect(ALICE, &cluster).await;
    let mut ledger = alice.send_many(&cluster, BOB, "before", 10).await;
    let mut carol = Person::connect(CAROL, &cluster).await;
    let earlier = alice.send_many(&cluster, CAROL, "earlier", 5).await;
    carol.receives_all(&cluster, &earlier).await;
    cluster.kill(first);
    ledger.extend(alice.send_many(&cluster, BOB, "after", 10).await);
    let later = alice.send_many(&cluster, CAROL, "later", 5).await;
    carol.receives_all(&cluster, &later).await;
    assert!(carol.received.values().all(|times| *times == 1), "each once: {:?}", carol.received);
    let mut bob = Person::connect(BOB, &cluster).await;
    bob.receives_all(&cluster, &ledger).await;
    assert_eq!((alice.epochs.len(), &bob.epochs), (1, &alice.epochs));
    assert_eq!((alice.connected, carol.connected), (1, 1), "both sessions are the first ones");
    let log = cluster.said(FRONT);
    assert!(!log.contains("127.0.0.1") && !log.contains("panic"), "{log}");
}
