//! What was delivered is nowhere in the memory of the server any more: not in the mailbox, and in
//! none of the buffers through which it passed. Only root may look there.

use std::sync::Arc;

use ephemeral_client::dial::{Arti, Direct};
use ephemeral_test_support::canary::Canary;
use ephemeral_test_support::daemon::{Daemon, GENEROUS, PATIENCE, Person, until_both};
use ephemeral_test_support::memory::times_in_memory;
use tokio::time::timeout;

use crate::SERVER;
use crate::network;

/// Lets Alice and Bob talk, and leave. One message waits for somebody who never comes: so it is
/// known that a search finds.
async fn talk_and_leave(daemon: &Daemon, mut alice: Person, mut bob: Person, nobody: Person) {
    let delivered = Canary::text("delivered");
    let waiting = Canary::text("waiting");
    let find = |canary: &Canary| times_in_memory(daemon.process(), canary.as_text()).expect("root may look");
    alice.send(nobody.fingerprint, waiting.as_text().to_owned());
    drop(nobody);
    for number in 0..20 {
        // From one cell of Tor to a hundred.
        let more = "-".repeat(number * 2000);
        alice.send(bob.fingerprint, format!("{more} {}", delivered.as_text()));
        bob.send(alice.fingerprint, format!("{} {more}", delivered.as_text()));
    }
    until_both(&mut alice, &mut bob, "the exchange", |one| one.received.len() == 20 && one.delivered == 20).await;
    drop((alice, bob));
    let gone = async {
        while find(&delivered) > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, gone).await.unwrap_or_else(|_| panic!("there are {} copies left", find(&delivered)));
    assert_eq!(find(&waiting), 1, "in the mailbox, and nowhere else");
}

#[tokio::test(flavor = "multi_thread")]
async fn once_the_sessions_have_ended_what_was_delivered_is_nowhere_in_memory() {
    let directory = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(SERVER, directory.path(), GENEROUS, &["--no-tor", "--clearnet=127.0.0.1:0"]);
    let url = daemon.says("clearnet ").await.parse().unwrap();
    let person = |number| Person::new(number, Arc::new(Direct::default()), &url);
    talk_and_leave(&daemon, person(1), person(2), person(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_is_what_came_and_went_over_the_onion() {
    let _turn = network::turn().await;
    let directory = tempfile::tempdir().unwrap();
    let network = network::shared();
    let configuration = format!("{GENEROUS}{}", network.arti_toml());
    let mut daemon = Daemon::start(SERVER, &directory.path().join("server"), &configuration, &[]);
    let url = daemon.reachable().await;
    let arti = Arti::new(network.tor_table(), &directory.path().join("client")).unwrap();
    let person = |number| Person::new(number, Arc::new(arti.isolated()), &url);
    talk_and_leave(&daemon, person(111), person(112), person(113)).await;
}
