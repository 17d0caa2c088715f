//! The main job: the real daemon publishes an onion service on a private Tor network, and clients
//! exchange messages.

use std::sync::Arc;

use ephemeral_client::dial::Arti;
use ephemeral_client::{Dial, ServerUrl, Socks};
use ephemeral_test_support::daemon::{self, Daemon, GENEROUS, Person, until_both};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::SERVER;
use crate::network;

/// Starts Tor in this process, in the shared network.
fn arti(directory: &TempDir) -> Arti {
    let network = network::shared();
    Arti::new(network.tor_table(), &directory.path().join("client")).unwrap()
}

fn start(directory: &TempDir) -> Daemon {
    Daemon::start(
        SERVER,
        &directory.path().join("server"),
        &format!("{GENEROUS}{}", network::shared().arti_toml()),
        &[],
    )
}

/// Connects two clients on circuits of their own.
fn two_people(directory: &TempDir, url: &ServerUrl) -> (Person, Person) {
    let arti = arti(directory);
    let person = |number| Person::new(number, Arc::new(arti.isolated()), url);
    (person(1), person(2))
}

fn numbered(who: &str) -> Vec<String> {
    (0..100).map(|number| format!("{who} {number}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_on_separate_circuits_exchange_a_hundred_messages_each_way() {
    let _turn = network::turn().await;
    let directory = tempfile::tempdir().unwrap();
    let mut daemon = start(&directory);
    let url = daemon.reachable().await;
    let (mut alice, mut bob) = two_people(&directory, &url);
    for number in 0..100 {
        alice.send(bob.fingerprint, format!("alice {number}"));
        bob.send(alice.fingerprint, format!("bob {number}"));
    }
    let done = |person: &Person| person.received.len() == 100 && person.accepted == 100 && person.delivered == 100;
    until_both(&mut alice, &mut bob, "the exchange", done).await;
    assert_eq!(bob.contents(), numbered("alice"), "in order, each once");
    assert_eq!(alice.contents(), numbered("bob"), "in order, each once");
    assert!(bob.received.iter().all(|message| message.from == alice.fingerprint.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_to_somebody_offline_waits_and_arrives_after_they_connect() {
    let _turn = network::turn().await;
    let directory = tempfile::tempdir().unwrap();
    let mut daemon = start(&directory);
    let url = daemon.reachable().await;
    let (mut alice, mut bob) = two_people(&directory, &url);
    alice.send(bob.fingerprint, "while you were away".into());
    alice.until("acceptance", |alice| alice.accepted == 1).await;
    bob.until("delivery", |bob| bob.received.len() == 1).await;
    assert_eq!(bob.contents(), ["while you were away"]);
    assert_eq!(bob.received[0].delivery_type, ephemeral_core::protocol::DeliveryType::Stored);
    assert!(bob.session.close().await, "the acknowledgement has arrived");
    alice.until("the receipt", |alice| alice.delivered == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_the_address_is_the_same_and_clients_come_back_and_go_on() {
    let _turn = network::turn().await;
    let directory = tempfile::tempdir().unwrap();
    let mut daemon = start(&directory);
    let url = daemon.reachable().await;
    let (mut alice, mut bob) = two_people(&directory, &url);
    tokio::join!(
        alice.until("alice's first session", |alice| alice.connected == 1),
        bob.until("bob's first session", |bob| bob.connected == 1)
    );

    daemon.signal(Signal::TERM);
    assert!(daemon.ended().await.success(), "{}", daemon.log());
    let mut daemon = start(&directory);
    alice.send(bob.fingerprint, "after the restart".into());
    let (again, (), ()) = tokio::join!(
        daemon.reachable(),
        alice.until("alice's way back", |alice| alice.accepted == 1),
        bob.until("bob's way back", |bob| bob.received.len() == 1)
    );
    assert_eq!(again.to_string(), url.to_string());
    assert_eq!(bob.contents(), ["after the restart"]);
    assert!(alice.connected >= 2 && bob.connected >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_c_tor_client_gets_health_and_runs_a_session() {
    let _turn = network::turn().await;
    let directory = tempfile::tempdir().unwrap();
    let mut daemon = start(&directory);
    let url = daemon.reachable().await;
    let tor = network::shared().start_client().unwrap();

    let health = get_health(&Socks::new(tor.socks).unwrap(), &url).await;
    assert!(health.starts_with("HTTP/1.1 200 OK\r\n"), "{health}");
    assert!(health.ends_with(r#"{"status":"healthy"}"#), "no figures, no version and no clock: {health}");

    let mut alice = Person::new(1, Arc::new(Socks::new(tor.socks).unwrap()), &url);
    alice.send(alice.fingerprint, "to myself".into());
    alice.until("a message to oneself", |alice| alice.received.len() == 1 && alice.delivered == 1).await;
    assert_eq!(alice.contents(), ["to myself"]);
}

async fn get_health(dialer: &dyn Dial, url: &ServerUrl) -> String {
    let mut stream = dialer.dial(url).await.unwrap();
    let request = format!("GET /health HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", url.authority());
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_drains_and_tells_every_sender_what_became_of_its_message() {
    let _turn = network::turn().await;
    use ephemeral_client::{ConnectOptions, Connection, Identity, Lost};
    use ephemeral_core::protocol::{ErrorCode, ServerEvent};
    use std::time::{Duration, Instant};

    let directory = tempfile::tempdir().unwrap();
    let mut daemon = start(&directory);
    let url = daemon.reachable().await;
    let arti = arti(&directory);
    let (begun, mut under_way) = tokio::sync::mpsc::channel(4);
    let mut senders = tokio::task::JoinSet::new();
    for number in 1..=4 {
        let dialer = arti.isolated();
        let url = url.clone();
        let begun = begun.clone();
        senders.spawn(async move {
            let identity = Identity::from_seed(&[number; 32]);
            let to = identity.fingerprint().to_string();
            let (mut connection, _) =
                Connection::connect(&dialer, &url, &identity, &ConnectOptions::default()).await.unwrap();
            let mut accepted = 0;
            let mut draining = 0;
            loop {
                let frame = serde_json::json!({"to": to, "content": "x".repeat(1000)});
                if connection.send(&frame).await.is_err() {
                    return (accepted, draining, None);
                }
                loop {
                    match connection.next_event().await {
                        Ok(ServerEvent::Accepted { .. }) => {
                            accepted += 1;
                            if accepted == 1 {
                                begun.send(()).await.unwrap();
                            }
                            break;
                        }
                        Ok(ServerEvent::Error { code: ErrorCode::Draining, .. }) => {
                            draining += 1;
                            break;
                        }
                        Ok(ServerEvent::Message(message)) => {
                            let ack = serde_json::json!({"type": "ack", "seq": message.seq});
                            let _ = connection.send(&ack).await;
                        }
                        Ok(_) => {}
                        Err(Lost::Closed { code, reason }) => return (accepted, draining, Some((code, reason))),
                        Err(other) => panic!("instead of a goodbye: {other:?}"),
                    }
                }
            }
        });
    }
    // Every one of them has had a message through, and goes on.
    for _ in 0..4 {
        tokio::time::timeout(daemon::PATIENCE, under_way.recv()).await.expect("a loaded server").expect("a sender");
    }
    let asked = Instant::now();
    daemon.signal(Signal::TERM);
    let status = daemon.ended().await;
    assert!(status.success(), "{status}: {}", daemon.log());
    assert!(asked.elapsed() < Duration::from_secs(11), "within the grace period");
    while let Some(sender) = senders.join_next().await {
        let (accepted, draining, goodbye) = sender.unwrap();
        assert!(accepted > 0 && draining <= 1, "accepted {accepted}, draining {draining}");
        assert_eq!(goodbye, Some((1001, "draining".to_owned())));
    }
}
