//! Machines that are not of the cluster, and machines that are there twice: they end, say why, and
//! take nothing along. And where a machine is that is behind NAT.

use std::fs::DirBuilder;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;

use ephemeral_test_support::cable::Cable;
use ephemeral_test_support::client::private;
use ephemeral_test_support::daemon::{Daemon, Manager};
use ephemeral_test_support::ports::free_port;
use rustix::process::Signal;
use tempfile::TempDir;

use super::joining::Machines;
use super::machines::Cluster;
use super::people::Person;
use super::standing_by::{one_at_each, until_health, until_healthy};
use super::{ALICE, BOB};
use crate::SERVER;

const OTHER_SECRET: &str = "secret_file in [cluster] is another one than that of the cluster";

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_with_another_secret_that_finds_the_lease_free_erases_no_journal_and_ends() {
    let mut cluster = Cluster::under_managers("").await;
    let mut alice = Person::connect(ALICE, &cluster).await;
    let ledger = alice.send_many(&cluster, BOB, "m", 20).await;
    let first = cluster.active().await;
    cluster.managers[first].as_mut().unwrap().listen();
    cluster.kill_for_good(1 - first).await;
    // It has no keys of its own, and the other machine is not there to be asked.
    let home = tempfile::tempdir().unwrap();
    cluster.managers[1 - first] = Some(Manager::new(home.path()));
    cluster.give_secret(1 - first, 2);
    for is_alone in [false, true] {
        if is_alone {
            cluster.kill_for_good(first).await;
        }
        cluster.begin(1 - first);
        let log = cluster.refuses(1 - first).await;
        assert!(log.contains(OTHER_SECRET) && log.contains("cluster set-key"), "{log}");
        assert!(!log.contains("the journal is empty"), "{log}");
    }
    // The right one has its keys from its service manager.
    cluster.begin(first);
    cluster.listens(first).await;
    let mut bob = Person::connect(BOB, &cluster).await;
    bob.receives_all(&cluster, &ledger).await;
    assert_eq!(bob.epochs, alice.epochs, "it is the same epoch");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_with_another_service_key_leads_nothing_also_where_no_other_one_is_there() {
    let machines = Machines::new();
    let first = machines.start("a", &[]);
    first.logs("this machine is the active one").await;
    let refused = async |node: &str| {
        let mut wrong = machines.start(node, &[]);
        assert!(!wrong.ended().await.success(), "{}", wrong.log());
        let log = wrong.log();
        assert!(log.contains("this machine has another service key than"), "{log}");
        log
    };
    let log = refused("b").await;
    assert!(!log.contains("this machine is the active one"), "{log}");
    let (code, _, complained) = machines.run("b", &["cluster", "set-key"], "").await;
    assert!(code == 1 && complained.contains("a holds the lease"), "{code}: {complained}");
    drop(first);
    let log = refused("b").await;
    assert!(!log.contains("this machine is the active one"), "{log}");

    // The operator says that it is the one that is right.
    let own = machines.address("b").await;
    let (code, said, complained) = machines.run("b", &["cluster", "set-key"], "").await;
    assert!(code == 0 && said.contains(&own), "{code}: {said}{complained}");
    let (code, said, complained) = machines.run("b", &["cluster", "set-key"], "").await;
    assert!(code == 0 && said.contains("nothing to do"), "{code}: {said}{complained}");
    let second = machines.start("b", &[]);
    second.logs_until("it leads", |log| log.matches("this machine is the active one").count() == 1).await;
    refused("a").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_machine_with_its_name_ends_and_nobody_notices_it() {
    let mut cluster = Cluster::linked("").await;
    let active = cluster.active().await;
    let by = 1 - active;
    let [mut alice, mut bob] = one_at_each(&mut cluster, [by, active]).await;
    let mut ledger = alice.send_many(&cluster, BOB, "before", 5).await;
    for number in [active, by] {
        let (mut copy, _home) = copy_of(&cluster, number);
        assert!(!copy.ended().await.success(), "{}", copy.log());
        let log = copy.log();
        assert!(log.contains(&format!("another process of this cluster is called m{number}")), "{log}");
        cluster.logs(number, "another process of this cluster has the name of this machine").await;
        ledger.extend(alice.send_many(&cluster, BOB, &format!("after-{number}"), 5).await);
    }
    bob.receives_all(&cluster, &ledger).await;
    assert_eq!((alice.connected, bob.connected), (1, 1), "nobody was sent away");
    assert_eq!(cluster.active().await, active);
    let (_, said) = cluster.asks(active, &["status"]).await;
    assert!(!said.contains("CONFIRMED"), "each has seen the other: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_stood_still_and_finds_a_copy_in_its_place_gives_way_and_nothing_is_lost() {
    let mut cluster = Cluster::start().await;
    let active = cluster.active().await;
    let mut alice = Person::connect(ALICE, &cluster).await;
    let ledger = alice.send_many(&cluster, BOB, "m", 20).await;
    // The other one only gives the keys.
    let (code, said) = cluster.asks(1 - active, &["cluster", "drain"]).await;
    assert_eq!(code, 0, "{said}");
    cluster.signal(active, Signal::STOP);
    let (copy, _home) = copy_of(&cluster, active);
    copy.logs("this machine is the active one").await;
    cluster.signal(active, Signal::CONT);
    let log = cluster.refuses(active).await;
    assert!(log.contains("another process of this cluster is called"), "{log}");
    cluster.replaced_by(active, copy).await;
    let mut bob = Person::connect(BOB, &cluster).await;
    bob.receives_all(&cluster, &ledger).await;
    assert_eq!(bob.epochs, alice.epochs, "it is the same epoch");
}

/// Starts a machine with the configuration of another one, and with its key for the link, as a copy
/// of its disk has them.
fn copy_of(cluster: &Cluster, number: usize) -> (Daemon, TempDir) {
    let original = cluster.folder(number);
    let configuration = std::fs::read_to_string(original.join("ephemeral-server.toml")).unwrap();
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join("state");
    DirBuilder::new().mode(0o700).create(&state).unwrap();
    if let Ok(key) = std::fs::read(original.join("state/link.key")) {
        private(&state.join("link.key"), &key);
    }
    let local = ["--no-tor", "--clearnet=127.0.0.1:0"];
    (Daemon::start(SERVER, home.path(), &configuration, &local), home)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_behind_nat_is_reached_at_the_address_that_it_announces() {
    let mut cluster = Cluster::configured("");
    let listen = [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
    let translated = listen.map(Cable::lay);
    for (number, own) in cluster.own.iter_mut().enumerate() {
        // Every address of the machine is none that others could be told.
        let port = listen[number].port();
        *own = format!("link = \"0.0.0.0:{port}\"\nlink_announced = \"{}\"\n", translated[number].address());
    }
    let mut cluster = cluster.begun().await;
    let active = cluster.active().await;
    let [mut alice, mut bob] = one_at_each(&mut cluster, [1 - active, active]).await;
    let ledger = alice.send_many(&cluster, BOB, "m", 5).await;
    bob.receives_all(&cluster, &ledger).await;
    let configuration = cluster.folder(1 - active).join("ephemeral-server.toml");
    let arguments = ["--config", configuration.to_str().unwrap(), "--no-tor", "doctor"];
    let (_, said) = cluster.asks(1 - active, &arguments).await;
    assert!(said.contains(&format!("m{active} is reached at {}", translated[active].address())), "{said}");
    translated[active].cut(true);
    until_health(&cluster, 1 - active, "503").await;
    translated[active].cut(false);
    until_healthy(&cluster, 1 - active).await;
}
