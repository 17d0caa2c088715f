//! Limits and figures of the real daemon over a private Tor network, where a peer is a rendezvous
//! circuit.

use std::path::Path;
use std::sync::Arc;

use ephemeral_client::dial::{Arti, ByteStream};
use ephemeral_client::{Dial as _, ServerUrl};
use ephemeral_test_support::attack;
use ephemeral_test_support::daemon::{Daemon, GENEROUS, PATIENCE, Person};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::SERVER;
use crate::network;

type Socket = WebSocketStream<Box<dyn ByteStream>>;

fn arti(directory: &Path) -> Arti {
    Arti::new(tokio::task::block_in_place(network::shared).tor_table(), &directory.join("client")).unwrap()
}

async fn dial(tor: &Arti, url: &ServerUrl) -> Option<Box<dyn ByteStream>> {
    timeout(PATIENCE, tor.dial(url)).await.expect("in time").ok()
}

/// Returns what a request is answered over this client's circuit; `None` if it is not.
async fn ask(tor: &Arti, url: &ServerUrl, path: &str) -> Option<String> {
    let mut stream = dial(tor, url).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", url.host());
    stream.write_all(request.as_bytes()).await.ok()?;
    stream.flush().await.ok()?;
    let mut answer = Vec::new();
    // Arti ends a stream with a reason that is not "done", whatever was said on it.
    let all = async { while let Ok(1..) = stream.read_buf(&mut answer).await {} };
    timeout(PATIENCE, all).await.expect("an answer, or an end");
    Some(String::from_utf8(answer).unwrap()).filter(|answer| !answer.is_empty())
}

async fn login(tor: &Arti, url: &ServerUrl, number: usize) -> Option<Socket> {
    attack::login(dial(tor, url).await?, url.host(), number).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_circuit_with_too_many_strikes_keeps_the_sessions_it_has_and_a_good_client_still_gets_in() {
    let _turn = network::turn().await;
    let directory = tempfile::tempdir().unwrap();
    let network = tokio::task::block_in_place(network::shared);
    let configuration = format!("{GENEROUS}[block]\nstrikes = 3\n{}", network.arti_toml());
    let mut daemon = Daemon::start(SERVER, directory.path(), &configuration, &[]);
    let url = daemon.reachable().await;
    let people = arti(directory.path());

    // Two people on one circuit, and one on another.
    let bad = people.isolated();
    let mut troublemaker = login(&bad, &url, 1).await.expect("a session");
    let mut neighbour = login(&bad, &url, 2).await.expect("a session on the same circuit");
    let mut good = Person::new(3, Arc::new(people.isolated()), &url);
    good.send(good.fingerprint, "before".into());
    good.until("a session on another circuit", |good| good.received.len() == 1).await;

    for _ in 0..4 {
        troublemaker.send(Message::text("[]")).await.unwrap();
    }
    let end = async {
        while let Some(Ok(message)) = troublemaker.next().await {
            if let Message::Close(Some(frame)) = message {
                return Some(u16::from(frame.code));
            }
        }
        None
    };
    let reason = timeout(PATIENCE, end).await.expect("its session ends");
    assert!(reason.is_none_or(|code| code == 4429), "{reason:?}");

    // The circuit stays for the neighbour's session, and takes nobody new.
    let mut answered = false;
    neighbour.send(Message::text("{\"type\":\"are you there?\"}")).await.unwrap();
    while !answered {
        let next = timeout(PATIENCE, neighbour.next()).await.expect("an answer in time");
        answered = next.expect("its session goes on").unwrap().to_string().contains("unknown_type");
    }
    assert!(login(&bad, &url, 4).await.is_none(), "the circuit is blocked");
    drop(neighbour);

    // Anyone who is blocked as a fingerprint is refused on a new circuit too; the neighbour is not.
    assert!(login(&people.isolated(), &url, 1).await.is_none(), "refused wherever it comes from");
    assert!(login(&people.isolated(), &url, 2).await.is_some());
    good.send(good.fingerprint, "after".into());
    good.until("the good client goes on", |good| good.received.len() == 2).await;
    assert_eq!(good.connected, 1, "{:?}", good.troubles);

    let figures = daemon.figures().await;
    let at = |pointer: &str| figures.pointer(pointer).cloned().unwrap_or_else(|| panic!("no {pointer} in {figures}"));
    assert_eq!((at("/status"), at("/onion/reachability")), (json!("healthy"), json!("reachable")));
    assert_eq!(at("/security/counts/blocked"), json!(2));
    // It goes back while Arti fetches a new directory, which in this network is every minute.
    assert!((1..=100).contains(&at("/onion/bootstrap_percent").as_u64().unwrap()));
    assert_eq!(at("/onion/probe/answered"), json!(true));
    assert!(at("/onion/circuits").as_u64().unwrap() >= 1 && at("/onion/established_circuits").as_u64().unwrap() >= 1);
    let who = at("/security/recent/0/who").as_str().unwrap().to_owned();
    assert!(who.starts_with("circuit-") || who.starts_with("key-"), "{who}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_figures_are_not_shown_over_the_onion() {
    let _turn = network::turn().await;
    let network = tokio::task::block_in_place(network::shared);
    let directory = tempfile::tempdir().unwrap();
    // One in a while is let through again, however slow this machine is.
    let limits = "[limits]\nrequests_per_minute = 4\nburst = 10\n";
    let configuration = format!("{limits}{}", network.arti_toml());
    let mut daemon = Daemon::start(SERVER, directory.path(), &configuration, &[]);
    let url = daemon.reachable().await;
    let tor = arti(directory.path());
    for path in ["/stats", "/metrics"] {
        let answer = ask(&tor, &url, path).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
    }
    let health = ask(&tor, &url, "/health").await.expect("an answer");
    assert!(!health.contains("pending_messages"), "{health}");
    // The rate holds for the circuit.
    let mut limited = 0;
    for _ in 0..12 {
        limited += usize::from(ask(&tor, &url, "/health").await.is_none_or(|answer| answer.contains(" 429 ")));
    }
    assert!(limited >= 2, "{limited} of 12 requests were limited");
}
