//! The Tor network is not there yet, goes away, loses relays: the real daemon and its clients get
//! over it.

use std::sync::Arc;
use std::time::Duration;

use ephemeral_client::ServerUrl;
use ephemeral_client::dial::Arti;
use ephemeral_test_support::daemon::{Daemon, GENEROUS, Person};
use ephemeral_test_support::tornet::TorNetwork;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::block_in_place;

use crate::SERVER;
use crate::network;

/// Returns what `/health` says on the TCP listener: the status, and the `status` field.
async fn health(clearnet: &ServerUrl) -> (u16, String) {
    let mut stream = TcpStream::connect((clearnet.host(), clearnet.port())).await.unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body["status"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_without_a_network_serves_clearnet_and_becomes_reachable_whenever_the_network_is_there() {
    let network = block_in_place(|| TorNetwork::prepare(network::scratch_directory())).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut daemon =
        Daemon::start(SERVER, &directory.path().join("server"), network.arti_toml(), &["--clearnet=127.0.0.1:0"]);
    let clearnet: ServerUrl = daemon.says("clearnet ").await.parse().unwrap();
    let first_address = daemon.says("onion ").await;
    assert_eq!(health(&clearnet).await, (503, "starting".into()), "it tells the truth before there is a network");

    block_in_place(|| network.start()).unwrap();
    daemon.says("reachable").await;
    assert_eq!(health(&clearnet).await, (200, "healthy".into()));

    block_in_place(|| network.stop());
    // Arti notices by itself, mostly within seconds. If it does not, the next probe does: two
    // minutes after the last one at the earliest, at a time that nobody can foresee.
    daemon.says_within(Duration::from_secs(600), "not reachable").await;
    assert_eq!(health(&clearnet).await, (503, "degraded".into()));

    block_in_place(|| network.start()).unwrap();
    daemon.says("reachable").await;
    assert_eq!(health(&clearnet).await, (200, "healthy".into()));
    assert!(daemon.log().matches("reachable").count() < 20, "once for each change of state:\n{}", daemon.log());
    assert!(first_address.ends_with(".onion"), "{first_address}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_relays_that_carry_a_session_loses_no_accepted_message() {
    let _turn = network::turn().await;
    let network = block_in_place(|| TorNetwork::boot(network::scratch_directory())).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let configuration = format!("{GENEROUS}{}", network.arti_toml());
    let mut daemon = Daemon::start(SERVER, &directory.path().join("server"), &configuration, &[]);
    let url = daemon.reachable().await;
    let arti = Arti::new(network.tor_table(), &directory.path().join("client")).unwrap();
    let mut alice = Person::new(1, Arc::new(arti.isolated()), &url);
    let mut bob = Person::new(2, Arc::new(arti.isolated()), &url);
    tokio::join!(
        alice.until("alice's session", |alice| alice.connected == 1),
        bob.until("bob's session", |bob| bob.connected == 1)
    );

    let mut sent = 0;
    // One after the other, until one of them has carried either session.
    for relay in network.relays().iter().filter(|relay| !relay.is_authority()) {
        block_in_place(|| relay.kill());
        for _ in 0..5 {
            alice.send(bob.fingerprint, format!("{sent}"));
            sent += 1;
        }
        tokio::join!(
            alice.until("acceptance", |alice| alice.accepted == sent),
            bob.until("delivery", |bob| bob.received.len() == sent)
        );
        block_in_place(|| relay.start()).unwrap();
        if alice.connected > 1 && bob.connected > 1 {
            break;
        }
    }
    assert!(alice.connected > 1 || bob.connected > 1, "no relay that was killed carried a session");
    let expected: Vec<String> = (0..sent).map(|number| number.to_string()).collect();
    assert_eq!(bob.contents(), expected, "in order, each once");
}
