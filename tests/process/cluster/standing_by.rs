//! A machine that stands by, and a front of a cluster: whoever reaches them is served by the active
//! machine, whichever that is.

use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::machines::Cluster;
use super::mesh::FRONT;
use super::people::{PATIENCE, Person};
use super::{ALICE, BOB};

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
    tokio::time::timeout(PATIENCE, asking).await.expect("a machine that serves or passes on, or does not any more");
}

/// Has Alice connect to the first of these machines, which passes her on, and Bob to the second.
pub(super) async fn one_at_each(cluster: &mut Cluster, [by, active]: [usize; 2]) -> [Person; 2] {
    until_healthy(cluster, by).await;
    cluster.only(Some(by));
    let alice = Person::connect(ALICE, cluster).await;
    cluster.only(Some(active));
    [alice, Person::connect(BOB, cluster).await]
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
    // The one that stood by becomes the active one, and serves by itself; the other one comes back,
    // and passes on.
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
    cluster.only(None);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_passed_on_to_a_machine_that_stands_still_is_served_by_the_next_one() {
    let mut cluster = Cluster::linked("").await;
    let first = cluster.active().await;
    let second = 1 - first;
    until_healthy(&cluster, second).await;
    cluster.only(Some(second));
    let mut alice = Person::connect(ALICE, &cluster).await;
    let mut ledger = alice.send_many(&cluster, BOB, "before", 5).await;
    cluster.signal(first, Signal::STOP);
    cluster.logs(second, "this machine is the active one").await;
    ledger.extend(alice.send_many(&cluster, BOB, "after", 5).await);
    assert_eq!(alice.connected, 2, "her session with the one that stands still ended, and she has one other");
    cluster.signal(first, Signal::CONT);
    cluster.logs(first, "this one stands by").await;
    until_healthy(&cluster, first).await;
    cluster.only(Some(first));
    let mut bob = Person::connect(BOB, &cluster).await;
    bob.receives_all(&cluster, &ledger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_accepted_is_lost_and_no_receipt_comes_twice_when_the_hub_is_killed_under_load() {
    let mut cluster = Cluster::linked("[store]\nmailbox_messages = 10000\n").await;
    let first = cluster.active().await;
    until_healthy(&cluster, 1 - first).await;
    cluster.only(Some(1 - first));
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
    assert!(alice.connected > 1 && bob.connected > 1, "it was killed while they wrote");
    alice.is_told_of_none_twice();
    assert_eq!((alice.epochs.len(), &bob.epochs), (1, &alice.epochs), "it is the same epoch");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_go_on_when_the_machine_that_passes_them_on_stood_still_for_a_moment() {
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

#[tokio::test(flavor = "multi_thread")]
async fn a_front_of_a_cluster_follows_the_active_machine() {
    let mut cluster = Cluster::configured("link = \"127.0.0.1:0\"\n");
    cluster.and(&format!("[hub]\nfronts = [{:?}]\n", cluster.key(FRONT)));
    let mut cluster = cluster.begun().await;
    let first = cluster.active().await;
    let addresses = [cluster.link(0).await, cluster.link(1).await];
    let keys = [cluster.key(0), cluster.key(1)];
    cluster.only_at_front(&format!("[front]\nhub = {addresses:?}\nhub_key = {keys:?}\n")).await;
    let mut alice = Person::connect(ALICE, &cluster).await;
    let mut ledger = alice.send_many(&cluster, BOB, "before", 10).await;
    cluster.kill(first);
    ledger.extend(alice.send_many(&cluster, BOB, "after", 10).await);
    let mut bob = Person::connect(BOB, &cluster).await;
    bob.receives_all(&cluster, &ledger).await;
    assert_eq!((alice.epochs.len(), &bob.epochs), (1, &alice.epochs));
    let log = cluster.said(FRONT);
    assert!(!log.contains("127.0.0.1") && !log.contains("panic"), "{log}");
}
