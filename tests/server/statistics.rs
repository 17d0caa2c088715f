//! `/stats`, `/metrics` and `/blocks`: what they say, to whom, and what they never say.

use std::collections::BTreeSet;
use std::sync::Arc;

use ephemeral::transport::{Audience, Listener, Peer};
use ephemeral_core::limits;
use ephemeral_test_support::rig::{Answer, HOST, Options, Rig, fingerprint, lenient, message, pass, settle};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn ask_as(rig: &mut Rig, peer: Peer, method: &str, path: &str, headers: &str) -> Answer {
    let mut stream = rig.connect_as(peer);
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    Answer::parse(&answer)
}

async fn stats(rig: &mut Rig) -> Value {
    let (status, stats) = rig.request("GET", "/stats").await;
    assert_eq!(status, 200);
    stats
}

/// A server that has seen something of everything.
async fn eventful() -> Rig {
    let mut rig = Rig::with(Options { policy: limits::Config { strikes: 3, ..lenient() }, ..Options::default() });
    let (mut alice, mut bob) = (rig.login(1).await, rig.login(2).await);
    alice.sends("id-delivered", 2, "secret words").await;
    let seq = bob.receives("id-delivered").await["seq"].clone();
    bob.send(&json!({"type": "ack", "seq": seq})).await;
    assert_eq!(alice.next().await["type"], "receipt");
    alice.ask(&message("id-delivered", 2, "again")).await;
    alice.refused(&message("id-refused", 2, "")).await;
    alice.ask(&json!({"id": "id-expires", "to": fingerprint(3), "content": "secret words", "ttl_s": 1})).await;
    alice.sends("id-waits", 3, "secret words").await;
    drop(bob);
    pass(2).await;
    assert_eq!(alice.next().await["status"], "expired");
    for _ in 0..3 {
        alice.refused(&json!([])).await;
    }
    alice.send(&json!([])).await;
    assert_eq!(alice.closed().await.0, 4429);
    settle().await;
    rig
}

#[tokio::test(start_paused = true)]
async fn the_statistics_count_what_happened_and_say_what_the_bounds_are() {
    let mut rig = eventful().await;
    let stats = ask_as(&mut rig, Peer::Local, "GET", "/stats", "").await.json();
    let messages = json!({"accepted": 3, "duplicates": 1, "rejected": 1, "delivered": 1, "expired": 1});
    assert_eq!(stats["messages"], messages);
    assert_eq!(stats["last_minute"], messages, "all of it happened just now");
    let at = |pointer: &str| stats.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in {stats}")).clone();
    assert_eq!((at("/status"), at("/clients"), at("/pending_messages")), (json!("healthy"), json!(0), json!(1)));
    assert_eq!((at("/bounds/ttl_s"), at("/bounds/bytes")), (json!(86400), json!(268_435_456)));
    assert!(at("/pending_bytes").as_u64().unwrap() > 100, "{stats}");
    assert_eq!(at("/uptime_s"), json!(2));
    assert_eq!((at("/security/counts/malformed"), at("/security/counts/blocked")), (json!(4), json!(2)));
    assert_eq!((at("/security/blocked"), at("/security/recent/0/kind")), (json!(2), json!("blocked")));
}

#[tokio::test(start_paused = true)]
async fn neither_a_fingerprint_nor_an_address_nor_content_nor_an_id_is_in_them() {
    let mut rig = eventful().await;
    for path in ["/stats", "/metrics", "/blocks", "/health"] {
        let body = ask_as(&mut rig, Peer::Local, "GET", path, "").await.body;
        assert!(body.len() > 20, "{path}: {body}");
        for secret in [&fingerprint(1), &fingerprint(2), &fingerprint(3), "127.0.0.1", "secret", "id-"] {
            assert!(!body.contains(secret), "{secret} in {path}: {body}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_figures_are_shown_on_this_machine_and_are_absent_for_everybody_else() {
    let mut rig = Rig::new();
    let (near, far) = (Peer::Address("127.0.0.5".parse().unwrap()), Peer::Address("192.0.2.1".parse().unwrap()));
    for path in ["/stats", "/metrics"] {
        assert_eq!(ask_as(&mut rig, near, "GET", path, "").await.status, 200);
        assert_eq!(ask_as(&mut rig, near, "POST", path, "").await.status, 405);
        for method in ["GET", "HEAD", "POST", "OPTIONS"] {
            assert_eq!(ask_as(&mut rig, far, method, path, "").await.status, 404, "{method} {path}");
        }
        for header in ["X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1", "Via: 1.1 proxy"] {
            let proxied = ask_as(&mut rig, near, "GET", path, &format!("{header}\r\n")).await;
            assert_eq!(proxied.status, 404, "whoever a proxy on this machine speaks for is not on it: {header}");
        }
    }
    assert_eq!(ask_as(&mut rig, near, "GET", "/blocks", "").await.status, 404, "for the administrator's socket");
    for (figures, status) in [(Audience::Nobody, 404), (Audience::Everybody, 200)] {
        rig.listener = Arc::new(Listener { names: vec![HOST.into()], figures, ..Listener::default() });
        assert_eq!(ask_as(&mut rig, Peer::Circuit(1), "GET", "/stats", "").await.status, status);
        let health = ask_as(&mut rig, Peer::Circuit(2), "GET", "/health", "").await.json();
        assert_eq!(health.get("clients").is_some(), status == 200);
    }
}

#[tokio::test(start_paused = true)]
async fn the_text_of_prometheus_keeps_its_conventions() {
    let mut rig = eventful().await;
    let answer = ask_as(&mut rig, Peer::Local, "GET", "/metrics", "").await;
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text; version=1.0.0"));
    let text = answer.body;
    assert!(text.ends_with("# EOF\n"), "{text}");
    for line in [
        "ephemeral_ready 1",
        "ephemeral_clients 0",
        "ephemeral_messages_accepted_total 3",
        "ephemeral_messages_delivered_total 1",
        "ephemeral_pending_messages 1",
        "ephemeral_uptime_seconds 2",
        "ephemeral_security_events_total{kind=\"malformed\"} 4",
        "ephemeral_pending_max_bytes 268435456",
        "# TYPE ephemeral_messages_accepted counter",
        "# UNIT ephemeral_pending_bytes bytes",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
    }
    let mut names = BTreeSet::new();
    for line in text.lines().filter(|line| line.starts_with("# TYPE ")) {
        let name = line.split(' ').nth(2).unwrap();
        assert!(names.insert(name) && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{line}");
    }
    assert!(names.len() > 15, "{names:?}");
}

#[tokio::test(start_paused = true)]
async fn the_administrator_sees_who_is_blocked_and_can_end_it() {
    let mut rig = eventful().await;
    let blocks = ask_as(&mut rig, Peer::Local, "GET", "/blocks", "").await.json()["blocks"].clone();
    let names: Vec<_> = blocks.as_array().unwrap().iter().map(|block| block["who"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 2);
    let address = names.iter().find(|name| name.starts_with("address-")).expect("an address");
    assert_eq!(rig.ask("GET", "/health").await.status, 403);
    assert_eq!(ask_as(&mut rig, Peer::Local, "DELETE", "/blocks/address-nobody", "").await.status, 404);
    assert_eq!(ask_as(&mut rig, Peer::Local, "PUT", &format!("/blocks/{address}"), "").await.status, 405);
    assert_eq!(ask_as(&mut rig, Peer::Local, "DELETE", &format!("/blocks/{address}"), "").await.status, 200);
    assert_eq!(rig.ask("GET", "/health").await.status, 200);
    let left = ask_as(&mut rig, Peer::Local, "GET", "/blocks", "").await.json();
    assert_eq!(left["blocks"].as_array().unwrap().len(), 1, "the fingerprint");
}

#[tokio::test(start_paused = true)]
async fn the_statistics_are_there_for_a_peer_that_asks_again_and_again() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    alice.sends("m", 2, "x").await;
    let first = stats(&mut rig).await;
    rig.server.metrics.sample();
    pass(61).await;
    let second = stats(&mut rig).await;
    assert_eq!((&first["uptime_s"], &second["uptime_s"]), (&json!(0), &json!(61)));
    let accepted = |stats: &Value| (stats["messages"]["accepted"].clone(), stats["last_minute"]["accepted"].clone());
    assert_eq!((accepted(&first), accepted(&second)), ((json!(1), json!(1)), (json!(1), json!(0))));
}

#[tokio::test(start_paused = true)]
async fn a_wipe_between_two_samples_takes_nothing_from_the_figures() {
    let mut rig = eventful().await;
    let before = ask_as(&mut rig, Peer::Local, "GET", "/stats", "").await.json()["messages"].clone();
    rig.server.metrics.sample();
    pass(61).await;
    rig.server.metrics.sample();
    rig.server.wipe().unwrap();
    let after = ask_as(&mut rig, Peer::Local, "GET", "/stats", "").await.json();
    assert_eq!(after["messages"], before, "totals do not go back");
    let nothing = json!({"accepted": 0, "duplicates": 0, "rejected": 0, "delivered": 0, "expired": 0});
    assert_eq!(after["last_minute"], nothing, "and nothing has happened since");
}
