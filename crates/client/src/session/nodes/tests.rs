//! Which nodes a session goes by, and when.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::{Arc, Mutex};

use ephemeral_tor::ServiceKey;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::io::duplex;
use tokio::time::Instant;

use super::*;
use crate::testing::{TestServer, alice, challenge, welcome};
use crate::{ClientEvent, ConnectOptions, Session};

fn key() -> ServiceKey {
    ServiceKey::generate().unwrap()
}

fn url(key: &ServiceKey) -> ServerUrl {
    key.address().parse().unwrap()
}

fn list(service: &ServiceKey, nodes: &[String]) -> Value {
    serde_json::to_value(NodeList::sign(service, nodes, WallTime(now_ms())).unwrap()).unwrap()
}

fn picks(nodes: &Nodes, service: &ServerUrl) -> Vec<String> {
    let mut picks: Vec<_> = (0..64).filter_map(|_| nodes.pick(service)).map(|url| url.to_string()).collect();
    picks.sort();
    picks.dedup();
    picks
}

#[test]
fn only_onion_services_that_the_service_itself_has_signed_are_nodes() {
    let service = key();
    let thief = key();
    let mut expected = vec![format!("http://{}:81", key().address()), format!("http://{}", key().address())];
    expected.sort();
    let named = |url: &String| url.trim_start_matches("http://").to_owned();
    let mut signed: Vec<_> = expected.iter().map(named).collect();
    signed.push("wss://chat.example".to_owned());
    signed.push(service.address().to_owned());
    let mut nodes = Nodes::default();
    assert_eq!(nodes.pick(&url(&service)), None);
    nodes.learn(Some(&list(&thief, &[thief.address().to_owned()])), &url(&service));
    assert_eq!(nodes.pick(&url(&service)), None);
    nodes.learn(Some(&list(&service, &signed)), &url(&service));
    assert_eq!(picks(&nodes, &url(&service)), expected);
    // What is no list of the service's takes nothing from what it has signed.
    for other in [json!(7), list(&thief, &[thief.address().to_owned()])] {
        nodes.learn(Some(&other), &url(&service));
    }
    nodes.learn(None, &url(&service));
    assert_eq!(picks(&nodes, &url(&service)), expected);
}

#[test]
fn a_server_without_a_key_in_its_address_has_no_nodes() {
    let service = key();
    let mut nodes = Nodes::default();
    let direct: ServerUrl = "http://127.0.0.1:8443".parse().unwrap();
    nodes.learn(Some(&list(&service, &[service.address().to_owned()])), &direct);
    assert_eq!(nodes.pick(&direct), None);
}

#[test]
fn a_list_whose_time_has_run_out_is_not_gone_by() {
    let service = key();
    let node = [key().address().to_owned()];
    let minute = Duration::from_secs(60);
    let signed = |age: Duration| {
        let at = now_ms() - u64::try_from(age.as_millis()).unwrap();
        NodeList::sign(&service, &node, WallTime(at)).unwrap()
    };
    let fresh = Nodes { list: Some(signed(NodeList::LIFE - minute)) };
    assert!(fresh.pick(&url(&service)).is_some());
    let old = Nodes { list: Some(signed(NodeList::LIFE + minute)) };
    assert_eq!(old.pick(&url(&service)), None);
}

const DELAY: Duration = Duration::from_secs(2);

async fn after(seconds: u64, outcome: Result<u8, u8>) -> Result<u8, u8> {
    sleep(Duration::from_secs(seconds)).await;
    outcome
}

#[tokio::test(start_paused = true)]
async fn the_own_address_comes_first_and_a_node_only_where_that_is_slow_or_fails() {
    for (first, second, expected) in [
        ((1, Ok(1)), (0, Ok(2)), (Ok(1), false, 1)),
        ((9, Ok(1)), (1, Ok(2)), (Ok(2), true, 3)),
        ((4, Ok(1)), (9, Ok(2)), (Ok(1), false, 4)),
        // It is not waited for where it is known that there is no way.
        ((1, Err(1)), (1, Ok(2)), (Ok(2), true, 2)),
        ((4, Err(1)), (3, Ok(2)), (Ok(2), true, 5)),
        ((9, Ok(1)), (1, Err(2)), (Ok(1), false, 9)),
        ((9, Err(1)), (1, Err(2)), (Err(1), false, 9)),
        ((1, Err(1)), (1, Err(2)), (Err(1), false, 2)),
    ] {
        let start = Instant::now();
        let (outcome, by_node) = race(after(first.0, first.1), DELAY, || after(second.0, second.1)).await;
        let took = start.elapsed().as_secs();
        assert_eq!((outcome, by_node, took), expected, "{first:?}, {second:?}");
    }
}

/// Leads to a server at one address only; each other one hangs, as a machine without power does.
struct OneAlive {
    alive: Mutex<ServerUrl>,
    arrivals: tokio::sync::mpsc::UnboundedSender<tokio::io::DuplexStream>,
}

impl Dial for OneAlive {
    fn dial<'a>(&'a self, to: &'a ServerUrl) -> BoxFuture<'a, Result<Box<dyn ByteStream>, DialError>> {
        Box::pin(async move {
            if *self.alive.lock().unwrap() != *to {
                return pending().await;
            }
            let (ours, theirs) = duplex(64 * 1024);
            self.arrivals.send(theirs).unwrap();
            Ok(Box::new(ours) as Box<dyn ByteStream>)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_server_dies_goes_on_at_a_node_and_signs_that_nodes_name() {
    let service = key();
    let node = key();
    let (arrivals, mut arriving) = tokio::sync::mpsc::unbounded_channel();
    let dialer = Arc::new(OneAlive { alive: Mutex::new(url(&service)), arrivals });
    let mut session =
        Session::new(Arc::clone(&dialer) as Arc<dyn Dial>, url(&service), alice(), ConnectOptions::default());
    let signed = list(&service, &[node.address().to_owned()]);
    let server = async {
        for at in [&service, &node] {
            let mut peer = TestServer::accept(&mut arriving).await;
            peer.send(challenge("any")).await;
            let auth = peer.next().await.expect("an answer");
            assert!(crate::testing::is_signed(&auth, at.address(), &alice()));
            let mut frame = welcome(alice().fingerprint(), "e");
            frame["nodes"] = signed.clone();
            peer.send(frame).await;
            *dialer.alive.lock().unwrap() = url(&node);
        }
    };
    let client = async {
        let mut lost_at = None;
        loop {
            match session.next().await.unwrap() {
                ClientEvent::Disconnected { .. } => lost_at = Some(Instant::now()),
                ClientEvent::Connected { new_epoch, .. } if lost_at.is_some() => {
                    assert!(!new_epoch);
                    return lost_at.unwrap().elapsed();
                }
                _ => {}
            }
        }
    };
    let (took, ()) = tokio::join!(client, server);
    assert!(took < Duration::from_secs(7), "{took:?}");
}
