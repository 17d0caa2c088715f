//! Who reaches the onion service, and what becomes of its circuits when nobody does, over a private
//! Tor network.

use std::time::Duration;

use ephemeral::transport::CircuitRefused;
use ephemeral::transport::onion_service;
use ephemeral_test_support::daemon::PATIENCE;
use ephemeral_tor as tor;
use tokio::time::{Instant, sleep, timeout};

use crate::onion_defences::{Echo, ask, connect, tor_table};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlives_a_service_that_nobody_else_reaches_and_the_service_is_published_again() {
    let home = tempfile::tempdir().unwrap();
    // One place: while a session has it, no connection to the own address is let in.
    let settings = onion_service::Config { tor: tor_table(), circuits: 1, ..onion_service::Config::default() };
    let introduction_points = home.path().join("tor/state/hss/ephemeral/ipts.json");
    // Its patience of 90 s and 300 s is 9 s and 30 s, a self-probe may take 6 s, and the pauses
    // while all is well are 12 s and more.
    let mut server = Echo::start_in_haste(&settings, home.path(), 10);
    let address = server.reachable().await;
    let client = tor::bootstrap(tor_table(), &home.path().join("client")).await.unwrap();
    let mut good = connect(&client, &address).await;
    assert_eq!(ask(&mut good, "i am").await.as_deref(), Some("I AM"));
    let before = std::fs::read_to_string(&introduction_points).unwrap();

    // Two connections to the own address that fail make it degraded.
    server.unreachable().await;
    let again = async {
        while std::fs::read_to_string(&introduction_points).is_ok_and(|now| now == before) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, again).await.expect("new introduction points");
    assert_eq!(ask(&mut good, "still there?").await.as_deref(), Some("STILL THERE?"));
    assert_eq!(server.figures.established(), 1, "the session has lost nothing");
    drop(good);
    server.until("its place is free", |figures| figures.established() == 0).await;
    server.reachable().await;
    let mut another = connect(&client.isolated_client(), &address).await;
    assert_eq!(ask(&mut another, "hello").await.as_deref(), Some("HELLO"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_to_another_port_ends_with_its_circuit_as_at_c_tors() {
    let home = tempfile::tempdir().unwrap();
    let settings = onion_service::Config { tor: tor_table(), ..onion_service::Config::default() };
    let mut server = Echo::start(&settings, home.path());
    let address = server.reachable().await;
    let client = tor::bootstrap(tor_table(), &home.path().join("client")).await.unwrap();
    let mut first = connect(&client, &address).await;
    assert_eq!(ask(&mut first, "here").await.as_deref(), Some("HERE"));
    assert!(timeout(PATIENCE, client.connect((address.as_str(), 81))).await.expect("in time").is_err());
    assert_eq!(ask(&mut first, "still there?").await, None, "the first wrong port has ended it");
    assert_eq!(server.figures.refused(CircuitRefused::WrongPort), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_self_probes_it_never_connects_to_itself_and_is_reachable_all_the_same() {
    let home = tempfile::tempdir().unwrap();
    let settings = onion_service::Config { tor: tor_table(), self_probe: false, ..onion_service::Config::default() };
    let mut server = Echo::start(&settings, home.path());
    let address = server.reachable().await;
    let client = tor::bootstrap(tor_table(), &home.path().join("client")).await.unwrap();
    let mut stream = connect(&client, &address).await;
    assert_eq!(ask(&mut stream, "hello").await.as_deref(), Some("HELLO"));
    assert_eq!(server.figures.evidence(), 1, "only the client's circuit was built");
    assert!(server.status.borrow().probe.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn while_clients_reach_it_it_does_not_connect_to_itself() {
    let home = tempfile::tempdir().unwrap();
    let client = tor::bootstrap(tor_table(), &home.path().join("client")).await.unwrap();
    let settings = onion_service::Config { tor: tor_table(), ..onion_service::Config::default() };
    // Its first pause is 12 s to 43 s.
    let mut server = Echo::start_in_haste(&settings, home.path(), 10);
    let address = server.reachable().await;
    let began = Instant::now();
    let probed = server.status.borrow().probe.map(|probe| probe.at);
    assert!(probed.is_some(), "before anybody came it tried itself");
    while began.elapsed() < Duration::from_secs(45) {
        let mut stream = connect(&client.isolated_client(), &address).await;
        assert_eq!(ask(&mut stream, "hello").await.as_deref(), Some("HELLO"));
        sleep(Duration::from_secs(2)).await;
    }
    assert_eq!(server.status.borrow().probe.map(|probe| probe.at), probed, "and since then it did not");
}
