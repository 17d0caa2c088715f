//! Rates, connections, strikes and blocks: what each peer may do, and what becomes of it otherwise.

use std::time::Duration;

use ephemeral::events::Kind;
use ephemeral::transport::{Listener, Peer};
use ephemeral_core::limits;
use ephemeral_core::session;
use ephemeral_test_support::rig::{
    Answer, HOST, Options, Rig, Socket, fingerprint, lenient, message, pass, settle, sign,
};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::raw::{self, Frame, Raw, upgrade_request};

const HEALTH: &str = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

fn rig(policy: limits::Config) -> Rig {
    Rig::with(Options { policy, ..Options::default() })
}

/// Few strikes, and nothing else that would be in the way.
fn three_strikes() -> limits::Config {
    limits::Config { strikes: 3, ..lenient() }
}

fn address(text: &str) -> Peer {
    Peer::Address(text.parse().unwrap())
}

/// The answer to a request of `peer`, by itself on a connection; `None` if it is closed without one.
async fn ask_as(rig: &mut Rig, peer: Peer, request: &str) -> Option<Answer> {
    let mut stream = rig.connect_as(peer);
    // Who is refused does not read.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok().filter(|&length| length > 0)?;
    Some(Answer::parse(&answer))
}

async fn status_as(rig: &mut Rig, peer: Peer) -> Option<u16> {
    ask_as(rig, peer, HEALTH).await.map(|answer| answer.status)
}

#[tokio::test(start_paused = true)]
async fn past_its_rate_a_peer_is_told_how_long_to_wait_and_others_are_not_affected() {
    let mut rig = rig(limits::Config::default());
    let (one, other) = (address("127.0.0.2"), address("127.0.0.3"));
    for left in (0..10).rev() {
        let answer = ask_as(&mut rig, one, HEALTH).await.unwrap();
        assert_eq!((answer.status, answer.header("ratelimit-remaining")), (200, Some(left.to_string().as_str())));
        assert_eq!(answer.header("retry-after"), None);
    }
    let answer = ask_as(&mut rig, one, HEALTH).await.unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (429, "rate_limited"));
    let headers = ["retry-after", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"];
    assert_eq!(headers.map(|name| answer.header(name)), [Some("1"), Some("10"), Some("0"), Some("6")]);
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!((status_as(&mut rig, other).await, rig.events(Kind::RateLimited)), (Some(200), 1));
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(status_as(&mut rig, one).await, Some(200), "100 a minute");
}

#[tokio::test(start_paused = true)]
async fn requests_on_one_connection_count_like_requests_on_many() {
    let mut rig = rig(limits::Config::default());
    let mut raw = Raw::connect(&mut rig);
    let mut statuses = Vec::new();
    for _ in 0..12 {
        raw.write("GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        let head = raw.head().await;
        let length: usize = head.header("content-length").unwrap().parse().unwrap();
        raw.stream.read_exact(&mut vec![0; length]).await.unwrap();
        statuses.push(head.status);
    }
    assert_eq!(statuses, [[404; 10].as_slice(), &[429; 2]].concat());
}

#[tokio::test(start_paused = true)]
async fn an_ipv6_network_is_one_peer() {
    let mut rig = rig(limits::Config::default());
    for number in 0..10 {
        assert_eq!(status_as(&mut rig, address(&format!("2001:db8::{number}"))).await, Some(200));
    }
    assert_eq!(status_as(&mut rig, address("2001:db8::ffff:1:2:3")).await, Some(429));
    assert_eq!(status_as(&mut rig, address("2001:db8:0:1::1")).await, Some(200), "the next network");
}

#[tokio::test(start_paused = true)]
async fn a_peer_has_so_many_connections_and_the_next_one_is_closed() {
    let mut rig = rig(limits::Config { connections: 2, ..lenient() });
    let peer = address("127.0.0.2");
    let idle = [rig.connect_as(peer), rig.connect_as(peer)];
    settle().await;
    assert_eq!(status_as(&mut rig, peer).await, None);
    assert_eq!((status_as(&mut rig, address("127.0.0.3")).await, rig.events(Kind::Crowded)), (Some(200), 1));
    drop(idle);
    settle().await;
    assert_eq!(status_as(&mut rig, peer).await, Some(200));
}

#[tokio::test(start_paused = true)]
async fn silent_connections_do_not_keep_a_newcomer_out_and_no_session_is_lost_to_them() {
    let mut rig = Rig::with(Options { unauthenticated: 3, ..Options::default() });
    let mut alice = rig.login(1).await;
    let mut silent = Vec::new();
    for _ in 0..10 {
        silent.push(rig.connect_as(address("127.0.0.2")));
        settle().await;
    }
    assert_eq!(rig.unauthenticated(), 3);
    let mut bob = rig.login(2).await;
    alice.sends("m", 2, "still here").await;
    bob.receives("m").await;
    for stream in &mut silent[..7] {
        assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0, "the oldest lost their places");
    }
}

#[tokio::test(start_paused = true)]
async fn too_many_wrong_signatures_block_the_peer_and_nobody_else() {
    let mut rig = rig(three_strikes());
    for _ in 0..4 {
        let mut socket = rig.socket(1).await;
        socket.next().await;
        socket.send(&json!({"type": "auth", "signature": "A".repeat(86)})).await;
        assert_eq!(socket.closed().await, (4401, "auth_failed".into()));
    }
    assert_eq!((rig.events(Kind::AuthFailed), rig.events(Kind::Blocked)), (4, 1));
    let answer = ask_as(&mut rig, address("127.0.0.1"), HEALTH).await.unwrap();
    assert_eq!((answer.status, answer.code().as_str(), answer.header("retry-after")), (403, "blocked", Some("900")));
    assert_eq!(status_as(&mut rig, address("127.0.0.2")).await, Some(200));
    pass(900).await;
    assert_eq!(status_as(&mut rig, address("127.0.0.1")).await, Some(200), "it ends by itself");
    // Nobody can have another one blocked by failing in its name.
    drop(rig.login(1).await);
}

/// Sends what nobody can read, until there is a block.
async fn misbehave(socket: &mut Socket, times: usize) {
    for _ in 0..times {
        assert_eq!(socket.refused(&json!([])).await, "malformed");
    }
}

#[tokio::test(start_paused = true)]
async fn malformed_frames_end_every_session_of_the_peer_and_the_fingerprint_is_refused_elsewhere() {
    let mut rig = rig(three_strikes());
    let (mut alice, mut neighbour) = (rig.login(1).await, rig.login(2).await);
    misbehave(&mut alice, 3).await;
    alice.send(&json!({"type": 5})).await;
    assert_eq!(alice.closed().await, (4429, "blocked".into()));
    assert_eq!(neighbour.closed().await, (4429, "blocked".into()), "a session of the same peer");

    // From another address, with the right key.
    let mut stream = rig.connect_as(address("127.0.0.9"));
    stream.write_all(upgrade_request(&fingerprint(1), HOST).as_bytes()).await.unwrap();
    let mut raw = Raw { stream };
    assert_eq!(raw.head().await.status, 101);
    let challenge = raw.next().await;
    let auth = json!({"type": "auth", "signature": sign(&challenge, 1, HOST)});
    raw.send(&[Frame::text(auth.to_string())]).await;
    assert_eq!(raw.closed().await, (4429, "blocked".into()));
    assert_eq!((rig.events(Kind::Malformed), rig.events(Kind::Blocked)), (4, 2), "the peer and the fingerprint");
}

#[tokio::test(start_paused = true)]
async fn others_may_still_write_to_who_is_blocked() {
    let mut rig = rig(three_strikes());
    let mut alice = rig.login(1).await;
    misbehave(&mut alice, 3).await;
    alice.send(&json!(null)).await;
    assert_eq!(alice.closed().await.0, 4429);
    pass(900).await;
    let mut bob = rig.login(2).await;
    bob.sends("m", 1, "for later").await;
    let (mut alice, welcome) = rig.login_with(1, json!({})).await;
    assert_eq!(welcome["pending"], 1);
    alice.receives("m").await;
}

#[tokio::test(start_paused = true)]
async fn strikes_that_are_far_apart_do_not_block() {
    let mut rig = rig(three_strikes());
    let mut alice = rig.login(1).await;
    for _ in 0..10 {
        misbehave(&mut alice, 3).await;
        pass(60).await;
    }
    assert_eq!((rig.events(Kind::Malformed), rig.events(Kind::Blocked)), (30, 0));
}

#[tokio::test(start_paused = true)]
async fn oversize_and_binary_frames_and_garbage_are_strikes() {
    let mut rig = rig(lenient());
    let mut raw = Raw::login(&mut rig, 1).await;
    raw.write(Frame::text("").header(1 << 40)).await;
    assert_eq!(raw.closed().await.0, 1009);
    let mut raw = Raw::login(&mut rig, 1).await;
    raw.send(&[Frame::new(raw::BINARY, "x")]).await;
    assert_eq!(raw.closed().await.0, 1003);
    assert_eq!(rig.answer("nonsense\r\n\r\n").await.status, 400);
    assert_eq!(rig.answer(format!("GET /{} HTTP/1.1\r\n", "x".repeat(9000))).await.status, 431);
    assert_eq!((rig.events(Kind::Oversize), rig.events(Kind::Malformed)), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_goes_on_although_it_was_told_to_wait_is_blocked() {
    let mut rig = rig(limits::Config { strikes: 3, ..limits::Config::default() });
    let mut statuses = Vec::new();
    for _ in 0..16 {
        statuses.push(status_as(&mut rig, address("127.0.0.1")).await.unwrap());
    }
    assert_eq!(statuses, [[200; 10].as_slice(), &[429; 4], &[403; 2]].concat(), "told once, three strikes, one more");
}

#[tokio::test(start_paused = true)]
async fn messages_over_the_rate_are_refused_and_only_who_never_waits_is_blocked() {
    let rules = session::Config { messages_per_minute: 20, message_burst: 5, ..session::Config::default() };
    let policy = limits::Config { strikes: 3, ..lenient() };
    let mut rig = Rig::with(Options { rules, policy, ..Options::default() });
    let mut alice = rig.login(1).await;
    for number in 0..25 {
        // As a client does that has sent them all before the first answer.
        alice.send(&message(&format!("m-{number}"), 2, "x")).await;
    }
    for number in 0..25 {
        assert_eq!(alice.next().await["type"], if number < 5 { "accepted" } else { "error" });
    }
    assert_eq!((rig.events(Kind::RateLimited), rig.events(Kind::RateIgnored)), (20, 0));
    for number in 0..3 {
        assert_eq!(alice.refused(&message(&format!("n-{number}"), 2, "x")).await, "rate_limited");
    }
    alice.send(&message("n-4", 2, "x")).await;
    assert_eq!(alice.closed().await, (4429, "blocked".into()));
    assert_eq!(rig.events(Kind::RateIgnored), 4);
}

#[tokio::test(start_paused = true)]
async fn a_blocked_circuit_is_closed_without_a_word_and_another_one_is_served() {
    let mut rig = rig(three_strikes());
    let onion = Listener { names: vec![HOST.into()], ..Listener::default() };
    rig.listener = std::sync::Arc::new(onion);
    let refused = "GET /health HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n\r\n";
    let mut statuses = Vec::new();
    let mut stream = rig.connect_as(Peer::Circuit(7));
    for _ in 0..4 {
        stream.write_all(refused.as_bytes()).await.unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        statuses.push(String::from_utf8(head.to_vec()).unwrap());
        // The rest of this answer.
        let mut rest = vec![0; 4096];
        let _ = timeout(Duration::from_millis(10), stream.read(&mut rest)).await;
    }
    assert_eq!(statuses, ["HTTP/1.1 403"; 4]);
    assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0, "closed after the fourth");
    assert_eq!(status_as(&mut rig, Peer::Circuit(7)).await, None);
    assert_eq!(status_as(&mut rig, Peer::Circuit(8)).await, Some(200));
}

#[tokio::test(start_paused = true)]
async fn a_takeover_loop_is_noted_and_leaves_one_session() {
    let mut rig = rig(lenient());
    let mut last = rig.login(1).await;
    for _ in 0..50 {
        let next = rig.login(1).await;
        assert_eq!(last.closed().await.0, 4409);
        last = next;
    }
    last.goes_on().await;
    settle().await;
    assert_eq!((rig.events(Kind::Takeover), rig.hub.figures().0, rig.connections()), (50, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn everything_that_was_remembered_is_forgotten_in_time() {
    let mut rig = rig(limits::Config::default());
    for number in 0..=255 {
        status_as(&mut rig, address(&format!("127.0.1.{number}"))).await;
    }
    rig.server.admission.settle();
    assert_eq!(rig.server.admission.remembered(), 256);
    pass(60).await;
    rig.server.admission.settle();
    assert_eq!(rig.server.admission.remembered(), 0);
}
