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

use crate::raw::{self, Frame, Raw, nameless_request, upgrade_request};

const HEALTH: &str = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

fn rig(policy: limits::Config) -> Rig {
    Rig::with(Options { policy, ..Options::default() })
}

/// Returns a policy of few strikes, with nothing else that would be in the way.
fn three_strikes() -> limits::Config {
    limits::Config { strikes: 3, ..lenient() }
}

fn address(text: &str) -> Peer {
    Peer::Address(text.parse().unwrap())
}

/// Returns the answer to a request of `peer`, by itself on a connection; `None` if it is closed
/// without one.
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
    let one = address("127.0.0.2");
    let other = address("127.0.0.3");
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

#[tokio::test(start_paused = true)]
async fn wrong_signatures_in_a_name_that_only_the_answer_gives_block_the_peer_and_not_that_name() {
    let mut rig = rig(three_strikes());
    for failed in 1..=4 {
        let auth = json!({"type": "auth", "fingerprint": fingerprint(1), "signature": "A".repeat(86)});
        let mut raw = Raw::connect(&mut rig);
        raw.write(nameless_request()).await;
        assert_eq!(raw.head().await.status, 101);
        raw.next().await;
        raw.send(&[Frame::text(auth.to_string())]).await;
        assert_eq!(raw.closed().await, (4401, "auth_failed".into()));
        assert_eq!(rig.events(Kind::AuthFailed), failed);
    }
    assert_eq!(status_as(&mut rig, address("127.0.0.1")).await, Some(403));
    let mut alice = Raw { stream: rig.connect_as(address("127.0.0.2")) };
    alice.write(upgrade_request(&fingerprint(1), HOST)).await;
    assert_eq!(alice.head().await.status, 101);
    alice.authenticate(1).await;
}

/// Sends what nobody can read, until there is a block.
async fn misbehave(socket: &mut Socket, times: usize) {
    for _ in 0..times {
        assert_eq!(socket.refused(&json!([])).await, "malformed");
    }
}

/// Tries to log in from this address; returns what comes in place of `welcome`.
async fn refused_login(rig: &mut Rig, number: u8, peer: Peer, named_in_url: bool) -> (u16, String) {
    let mut raw = Raw { stream: rig.connect_as(peer) };
    let request = if named_in_url { upgrade_request(&fingerprint(number), HOST) } else { nameless_request() };
    raw.write(request).await;
    assert_eq!(raw.head().await.status, 101);
    let challenge = raw.next().await;
    let name = (!named_in_url).then(|| fingerprint(number));
    let auth = json!({"type": "auth", "fingerprint": name, "signature": sign(&challenge, number, HOST)});
    raw.send(&[Frame::text(auth.to_string())]).await;
    raw.closed().await
}

#[tokio::test(start_paused = true)]
async fn malformed_frames_end_the_session_of_their_key_and_no_other_behind_the_same_address() {
    let mut rig = rig(three_strikes());
    let mut alice = rig.login(1).await;
    let mut neighbour = rig.login(2).await;
    misbehave(&mut alice, 3).await;
    alice.send(&json!({"type": 5})).await;
    assert_eq!(alice.closed().await, (4429, "blocked".into()));
    neighbour.goes_on().await;
    assert_eq!(status_as(&mut rig, address("127.0.0.1")).await, Some(403), "nobody new comes in from there");

    for named_in_url in [true, false] {
        let blocked = refused_login(&mut rig, 1, address("127.0.0.9"), named_in_url).await;
        assert_eq!(blocked, (4429, "blocked".into()), "the same key, from another address");
    }
    assert_eq!((rig.events(Kind::Malformed), rig.events(Kind::Blocked)), (4, 2), "the peer and the fingerprint");
    neighbour.goes_on().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_that_a_web_page_or_a_stranger_does_from_an_address_ends_a_session_there() {
    let mut rig = rig(limits::Config::default());
    let mut innocent = rig.login(1).await;
    let here = address("127.0.0.1");
    let foreign = "GET /health HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n\r\n";
    for _ in 0..100 {
        // Images, fetches, and garbage.
        for request in [HEALTH, foreign, "nonsense\r\n\r\n"] {
            let mut stream = rig.connect_as(here);
            let _ = stream.write_all(request.as_bytes()).await;
            settle().await;
        }
    }
    assert_eq!(rig.events(Kind::Blocked), 1, "the garbage");
    innocent.goes_on().await;
}

#[tokio::test(start_paused = true)]
async fn a_page_of_another_origin_and_a_hurry_without_a_session_block_nobody() {
    let mut rig = rig(limits::Config { strikes: 3, ..limits::Config::default() });
    let page = "GET /health HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\nConnection: close\r\n\r\n";
    let mut statuses = Vec::new();
    for _ in 0..16 {
        statuses.push(ask_as(&mut rig, address("127.0.0.1"), page).await.unwrap().status);
    }
    assert_eq!(statuses, [[403; 10].as_slice(), &[429; 6]].concat());
    assert_eq!((rig.events(Kind::OriginRefused), rig.events(Kind::RateLimited)), (10, 6));
    assert_eq!((rig.events(Kind::Blocked), rig.server.admission.blocks().len()), (0, 0));
    pass(6).await;
    rig.login(1).await.goes_on().await;
}

#[tokio::test(start_paused = true)]
async fn a_load_balancer_may_ask_as_often_as_it_likes_whether_the_server_is_well() {
    let mut rig = rig(limits::Config { strikes: 3, ..limits::Config::default() });
    let trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    rig.listener = std::sync::Arc::new(Listener { trusted_proxies, ..(*rig.listener).clone() });
    for _ in 0..1000 {
        assert_eq!(status_as(&mut rig, address("127.0.0.1")).await, Some(200));
        let garbage = ask_as(&mut rig, address("127.0.0.1"), "nonsense\r\n\r\n").await;
        assert_eq!(garbage.map(|answer| answer.status), Some(400));
    }
    // A client that it names is counted.
    let named = HEALTH.replace("\r\n\r\n", "\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n");
    let mut statuses = Vec::new();
    for _ in 0..11 {
        statuses.push(ask_as(&mut rig, address("127.0.0.1"), &named).await.unwrap().status);
    }
    assert_eq!(statuses, [[200; 10].as_slice(), &[429]].concat());
    assert_eq!((rig.events(Kind::RateLimited), rig.events(Kind::Blocked)), (1, 0));
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
    for _ in 0..4 {
        let answer = ask_as(&mut rig, Peer::Circuit(7), "nonsense\r\n\r\n").await;
        assert_eq!(answer.map(|answer| answer.status), Some(400));
    }
    assert_eq!(status_as(&mut rig, Peer::Circuit(7)).await, None);
    assert!(rig.server.admission.is_over(Peer::Circuit(7)) && !rig.server.admission.is_over(Peer::Circuit(8)));
    assert_eq!(status_as(&mut rig, Peer::Circuit(8)).await, Some(200));
}

#[tokio::test(start_paused = true)]
async fn a_blocked_circuit_stays_while_it_carries_a_session_and_lets_nobody_else_in() {
    let mut rig = rig(three_strikes());
    rig.listener = std::sync::Arc::new(Listener { names: vec![HOST.into()], ..Listener::default() });
    let mut raw = Raw { stream: rig.connect_as(Peer::Circuit(7)) };
    raw.write(upgrade_request(&fingerprint(1), HOST)).await;
    assert_eq!(raw.head().await.status, 101);
    raw.authenticate(1).await;
    for _ in 0..4 {
        ask_as(&mut rig, Peer::Circuit(7), "nonsense\r\n\r\n").await;
    }
    assert_eq!((rig.events(Kind::Blocked), status_as(&mut rig, Peer::Circuit(7)).await), (1, None));
    assert!(!rig.server.admission.is_over(Peer::Circuit(7)), "it carries a session");
    raw.send(&[Frame::text(json!({"type": "are you there?"}).to_string())]).await;
    while raw.next().await["code"] != "unknown_type" {}
    drop(raw);
    settle().await;
    assert!(rig.server.admission.is_over(Peer::Circuit(7)));
}

#[tokio::test(start_paused = true)]
async fn a_lower_bound_takes_effect_while_a_flood_keeps_the_old_one_full() {
    let mut rig = Rig::with(Options { unauthenticated: 50, ..Options::default() });
    let mut silent: Vec<_> =
        (0..60).map(|number| rig.connect_as(address(&format!("127.0.1.{}", number % 6)))).collect();
    settle().await;
    assert_eq!(rig.unauthenticated(), 50);
    rig.server.admission.set_policy(lenient(), 10);
    settle().await;
    assert_eq!((rig.unauthenticated(), rig.events(Kind::GaveWay)), (10, 50));
    for _ in 0..20 {
        silent.push(rig.connect_as(address("127.0.1.1")));
        settle().await;
        assert_eq!(rig.unauthenticated(), 10);
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_blocked_or_over_its_rate_takes_nobodys_slot() {
    let policy = limits::Config { strikes: 3, ..limits::Config::default() };
    let mut rig = Rig::with(Options { policy, unauthenticated: 3, ..Options::default() });
    let _silent = [1, 2].map(|number| rig.connect_as(address(&format!("127.0.2.{number}"))));
    settle().await;
    let hasty = address("127.0.0.2");
    let blocked = address("127.0.0.3");
    for _ in 0..10 {
        assert_eq!(status_as(&mut rig, hasty).await, Some(200));
    }
    for _ in 0..4 {
        ask_as(&mut rig, blocked, "nonsense\r\n\r\n").await;
    }
    // There is one slot that is free: one of the two has it, until somebody else needs it.
    let streams = [hasty, blocked].map(|peer| rig.connect_as(peer));
    settle().await;
    assert_eq!(rig.unauthenticated(), 3);
    let _newcomer = rig.connect_as(address("127.0.2.9"));
    settle().await;
    let gave_way = rig.events(Kind::GaveWay);
    let more = [hasty, blocked].map(|peer| rig.connect_as(peer));
    settle().await;
    assert_eq!((rig.unauthenticated(), rig.events(Kind::GaveWay)), (3, gave_way), "nobody gave way to them");
    for mut stream in more.into_iter().chain(streams) {
        assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0, "closed");
    }
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
