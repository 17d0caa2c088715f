//! Nothing of a message stays where Tor keeps its files either: messages over the onion, then the
//! server is killed, and everything in its directory is searched.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use ephemeral_client::dial::Arti;
use ephemeral_test_support::canary::{Canary, everything_below, search};
use ephemeral_test_support::daemon::{Daemon, GENEROUS, Person, until_both};
use rustix::process::Signal;

use crate::SERVER;
use crate::network;

#[tokio::test(flavor = "multi_thread")]
async fn after_messages_over_the_onion_and_a_kill_nothing_is_in_the_state_directory_or_the_log() {
    let _turn = network::turn().await;
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("server");
    let network = network::shared();
    let configuration = format!("{GENEROUS}{}", network.arti_toml());
    let mut daemon = Daemon::start(SERVER, &home, &configuration, &["--log-level", "debug"]);
    let url = daemon.reachable().await;
    let arti = Arti::new(network.tor_table(), &directory.path().join("client")).unwrap();
    let person = |number| Person::new(number, Arc::new(arti.isolated()), &url);
    let mut alice = person(101);
    let mut bob = person(102);
    let nobody = person(103).fingerprint;

    let canary = Canary::text("content");
    for number in 0..50 {
        alice.send(bob.fingerprint, format!("{number} {}", canary.as_text()));
        bob.send(alice.fingerprint, format!("{number} {}", canary.as_text()));
    }
    until_both(&mut alice, &mut bob, "the exchange", |one| one.received.len() == 50 && one.delivered == 50).await;
    alice.send(nobody, canary.as_text().to_owned());
    alice.until("one that waits", |alice| alice.accepted == 51).await;
    daemon.signal(Signal::KILL);
    daemon.ended().await;

    let places = everything_below(&home);
    assert!(places.iter().any(|path| path.starts_with(home.join("state/tor/cache"))), "Tor has kept files: {places:?}");
    let key = |fingerprint: ephemeral_core::protocol::Fingerprint| {
        let bytes = data_encoding::HEXLOWER.decode(fingerprint.to_string().as_bytes()).unwrap();
        Canary::key(bytes.first_chunk().unwrap())
    };
    for canary in [canary, key(alice.fingerprint), key(bob.fingerprint), key(nobody)] {
        let found = search(&places, &canary);
        assert!(found.is_empty(), "{canary:?} is in {found:?}");
    }
    for message in alice.received.iter().chain(&bob.received) {
        let id = message.id.as_bytes();
        let has = |path: &&PathBuf| memchr::memmem::find(&fs::read(path).unwrap(), id).is_some();
        assert_eq!(places.iter().find(has), None, "{}", message.id);
    }
}
