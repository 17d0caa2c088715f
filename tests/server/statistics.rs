//! The operator's plane: what its answers say, who can ask, and what they never say.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use ephemeral::admin::{Actions, Plane, routes, scrape};
use ephemeral::hub::Totals;
use ephemeral::transport::{Listener, Peer};
use ephemeral_core::{dead_man, limits};
use ephemeral_test_support::rig::{Answer, HOST, Options, Rig, fingerprint, lenient, message, pass, settle};
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Method, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;

async fn ask_as(rig: &mut Rig, peer: Peer, method: &str, path: &str, headers: &str) -> Answer {
    let mut stream = rig.connect_as(peer);
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    Answer::parse(&answer)
}

/// Returns the operator's plane of this server.
fn plane(rig: &Rig) -> Arc<Plane> {
    let actions = Actions::open(PathBuf::from("/nonexistent"), dead_man::Config::default(), None);
    Plane::new(watch::channel(Arc::clone(&rig.server)).1, actions)
}

async fn read(response: Response<Full<Bytes>>) -> (u16, String) {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// Returns what the admin socket answers.
async fn operator(rig: &Rig, method: Method, target: &str, body: &Value) -> (u16, String) {
    let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).unwrap() };
    read(routes::answer(&method, &target.parse().unwrap(), &body, &plane(rig))).await
}

async fn get(rig: &Rig, path: &str) -> Value {
    let (status, body) = operator(rig, Method::GET, path, &Value::Null).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// Returns what the listener of `[metrics]` answers.
async fn scraped(rig: &Rig, method: Method, path: &str, hosts: &[&str]) -> (u16, String) {
    let mut headers = HeaderMap::new();
    for host in hosts {
        headers.append("host", host.parse().unwrap());
    }
    read(scrape::route(&method, path, &headers, &plane(rig))).await
}

/// Returns a server that has seen something of everything.
async fn eventful() -> Rig {
    let mut rig = Rig::with(Options { policy: limits::Config { strikes: 3, ..lenient() }, ..Options::default() });
    let mut alice = rig.login(1).await;
    let mut bob = rig.login(2).await;
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
    let rig = eventful().await;
    let stats = get(&rig, "/stats").await;
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
    let rig = eventful().await;
    for path in ["/stats", "/metrics", "/blocks", "/health"] {
        let (_, body) = operator(&rig, Method::GET, path, &Value::Null).await;
        assert!(body.len() > 20, "{path}: {body}");
        for secret in [&fingerprint(1), &fingerprint(2), &fingerprint(3), "127.0.0.1", "secret", "id-"] {
            assert!(!body.contains(secret), "{secret} in {path}: {body}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_stranger_and_nobody_on_this_machine_finds_the_operators_routes_on_a_listener_for_clients() {
    let mut rig = Rig::new();
    let near = Peer::Address("127.0.0.5".parse().unwrap());
    let far = Peer::Address("192.0.2.1".parse().unwrap());
    let onion = Listener { names: vec![HOST.into()], ..Listener::default() };
    for (listener, peers) in [(Arc::clone(&rig.listener), vec![near, far]), (Arc::new(onion), vec![Peer::Circuit(1)])] {
        rig.listener = listener;
        for peer in peers {
            for path in ["/stats", "/metrics", "/blocks", "/unblock", "/senders", "/drop", "/panic", "/check-in"] {
                for method in ["GET", "HEAD", "POST", "DELETE", "OPTIONS"] {
                    assert_eq!(ask_as(&mut rig, peer, method, path, "").await.status, 404, "{method} {path}");
                }
            }
            let health = ask_as(&mut rig, peer, "GET", "/health", "").await.json();
            assert!(health.get("clients").is_none() && health.get("pending_messages").is_none(), "{health}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_listener_for_prometheus_has_one_route_and_is_named_by_an_address() {
    let rig = Rig::new();
    for host in ["127.0.0.1:9100", "localhost:9100", "[::1]:9100", "192.0.2.1"] {
        let (status, text) = scraped(&rig, Method::GET, "/metrics", &[host]).await;
        assert!(status == 200 && text.contains("ephemeral_ready 1\n"), "{host}: {text}");
    }
    // A page that rebinds a name of its own to this machine says that name.
    for hosts in [&["evil.example"][..], &[], &["localhost", "evil.example"], &["127.0.0.1.evil.example:9100"]] {
        assert_eq!(scraped(&rig, Method::GET, "/metrics", hosts).await.0, 421, "{hosts:?}");
    }
    for path in ["/", "/stats", "/blocks", "/health", "/panic", "/check-in", "/ws", "/metrics/"] {
        for method in [Method::GET, Method::POST] {
            assert_eq!(scraped(&rig, method, path, &["localhost"]).await.0, 404, "{path}");
        }
    }
    assert_eq!(scraped(&rig, Method::POST, "/metrics", &["localhost"]).await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn an_operators_request_that_is_misspelt_does_nothing() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    alice.sends("m", 2, "x").await;
    for (target, body) in [
        ("/panic?keys=true", Value::Null),
        ("/panic", json!({"key": true})),
        ("/panic", json!({"keys": "yes"})),
        ("/panic", json!([])),
        ("/check-in", json!({"x": 1})),
    ] {
        let (status, answer) = operator(&rig, Method::POST, target, &body).await;
        assert_eq!(status, 400, "{target} {body}: {answer}");
    }
    assert_eq!(operator(&rig, Method::GET, "/panic", &Value::Null).await.0, 404);
    assert_eq!(rig.waiting(), 1);
    let (status, answer) = operator(&rig, Method::POST, "/panic", &Value::Null).await;
    let expected = json!({"messages": 1, "keys": false, "state_dir": "/nonexistent"});
    assert_eq!((status, serde_json::from_str::<Value>(&answer).unwrap()), (200, expected));
    assert_eq!(rig.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_wipe_between_two_samples_leaves_the_rates_right() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    alice.sends("m", 2, "x").await;
    rig.server.metrics.sample();
    pass(61).await;
    rig.server.metrics.sample();
    pass(61).await;
    operator(&rig, Method::POST, "/panic", &Value::Null).await;
    let stats = get(&rig, "/stats").await;
    for (what, count) in stats["last_minute"].as_object().unwrap() {
        assert_eq!(count, 0, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_text_of_prometheus_keeps_its_conventions() {
    let rig = eventful().await;
    let answer = routes::answer(&Method::GET, &"/metrics".parse().unwrap(), &[], &plane(&rig));
    let kind = answer.headers()["content-type"].to_str().unwrap();
    assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
    let (_, text) = read(answer).await;
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
async fn the_operator_sees_who_is_blocked_and_can_end_it() {
    let mut rig = eventful().await;
    let blocks = get(&rig, "/blocks").await["blocks"].clone();
    let names: Vec<_> = blocks.as_array().unwrap().iter().map(|block| block["who"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 2);
    let address = names.iter().find(|name| name.starts_with("address-")).expect("an address");
    assert_eq!(rig.ask("GET", "/health").await.status, 403);
    let nobody = json!({"who": "address-nobody"});
    assert_eq!(operator(&rig, Method::POST, "/unblock", &nobody).await.0, 404);
    assert_eq!(operator(&rig, Method::POST, "/unblock", &json!({"who": address})).await.0, 200);
    assert_eq!(rig.ask("GET", "/health").await.status, 200);
    let left = get(&rig, "/blocks").await;
    assert_eq!(left["blocks"].as_array().unwrap().len(), 1, "the fingerprint");
}

#[tokio::test(start_paused = true)]
async fn the_operator_sees_the_largest_senders_by_pseudonym_and_can_drop_what_one_has_waiting() {
    let mut rig = Rig::new();
    assert_eq!(get(&rig, "/senders").await, json!({"senders": []}));
    let mut alice = rig.login(1).await;
    let mut carol = rig.login(3).await;
    for id in ["a", "b", "c"] {
        alice.sends(id, 2, "of the largest sender").await;
    }
    carol.sends("d", 2, "stays").await;
    let listed = get(&rig, "/senders").await;
    let who = listed["senders"][0]["who"].as_str().unwrap();
    assert!(who.starts_with("key-") && listed["senders"][0]["messages"] == 3, "{listed}");
    assert!(!listed.to_string().contains(&fingerprint(1)), "{listed}");
    assert_eq!(listed["senders"].as_array().unwrap().len(), 2);

    let nobody = json!({"who": "key-nobody"});
    assert_eq!(operator(&rig, Method::POST, "/drop", &nobody).await.0, 404);
    let dropped = operator(&rig, Method::POST, "/drop", &json!({"who": who})).await;
    assert_eq!(dropped, (200, r#"{"messages":3}"#.to_owned()));
    assert_eq!(get(&rig, "/stats").await["pending_messages"], 1);
    let (mut bob, _) = rig.login_with_window(2, 8).await;
    assert_eq!(bob.next().await["content"], "stays");
}

#[tokio::test(start_paused = true)]
async fn the_statistics_are_there_for_whoever_asks_again_and_again() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    alice.sends("m", 2, "x").await;
    let first = get(&rig, "/stats").await;
    rig.server.metrics.sample();
    pass(61).await;
    let second = get(&rig, "/stats").await;
    assert_eq!((&first["uptime_s"], &second["uptime_s"]), (&json!(0), &json!(61)));
    let accepted = |stats: &Value| (stats["messages"]["accepted"].clone(), stats["last_minute"]["accepted"].clone());
    assert_eq!((accepted(&first), accepted(&second)), ((json!(1), json!(1)), (json!(1), json!(0))));
}

#[tokio::test(start_paused = true)]
async fn a_wipe_between_two_samples_takes_nothing_from_the_figures() {
    let rig = eventful().await;
    let before = rig.server.metrics.figures().messages;
    rig.server.metrics.sample();
    pass(61).await;
    rig.server.metrics.sample();
    rig.server.wipe().unwrap();
    let after = rig.server.metrics.figures();
    assert!(before.accepted > 0, "{before:?}");
    assert_eq!(after.messages, before, "totals do not go back");
    assert_eq!(after.last_minute, Totals::default(), "and nothing has happened since");
}
