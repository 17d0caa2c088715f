//! Two machines of a cluster, each with an onion service of its own: whoever reaches the one that
//! stands by is served by the active one.

use std::path::Path;
use std::sync::Arc;

use ephemeral_client::Arti;
use ephemeral_test_support::client::private;
use ephemeral_test_support::daemon::{Daemon, Person, until_both};
use ephemeral_test_support::nats::Trio;
use rustix::process::Signal;

use crate::SERVER;
use crate::network;
use crate::onion_defences::tor_table;

fn start(folder: &Path, node: &str, nats: &Trio) -> Daemon {
    std::fs::create_dir_all(folder).unwrap();
    let secret = folder.join("secret");
    private(&secret, &[7; 32]);
    let configuration = format!(
        "[cluster]\nnats = {}\nnode = \"{node}\"\nsecret_file = {secret:?}\nlink = \"127.0.0.1:0\"\n{}",
        nats.addresses(),
        network::shared().arti_toml()
    );
    Daemon::start(SERVER, folder, &configuration, &[])
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reaches_the_onion_service_of_a_machine_that_stands_by_is_served_by_the_active_one() {
    let _turn = network::turn().await;
    let home = tempfile::tempdir().unwrap();
    let nats = Trio::start(home.path());
    let mut active = start(&home.path().join("a"), "a", &nats);
    active.logs("this machine is the active one").await;
    let mut by = start(&home.path().join("b"), "b", &nats);
    let at_active = active.reachable().await;
    let at_by = by.reachable().await;
    by.logs("it has the keys of the journal").await;
    by.logs("the hub is reached").await;

    let dialer = |name: &str| Arc::new(Arti::new(tor_table(), &home.path().join(name)).unwrap());
    let mut alice = Person::new(1, dialer("alice"), &at_by);
    let mut bob = Person::new(2, dialer("bob"), &at_active);
    until_both(&mut alice, &mut bob, "a session each", |person| person.connected == 1).await;
    alice.send(bob.fingerprint, "by the other machine".to_owned());
    bob.send(alice.fingerprint, "and back".to_owned());
    let done = |person: &Person| person.received.len() == 1 && person.delivered == 1;
    until_both(&mut alice, &mut bob, "one each way, with receipts", done).await;
    // The active one dies: her machine takes over, and she is there again under its address.
    active.signal(Signal::KILL);
    active.ended().await;
    alice.send(alice.fingerprint, "after it".to_owned());
    alice.until("a message to herself", |alice| alice.received.len() == 2 && alice.delivered == 2).await;
    assert_eq!((alice.contents(), alice.connected), (vec!["and back", "after it"], 2));
}
