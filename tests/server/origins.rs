//! Web pages: whose may ask, and what a browser is told.

use std::sync::Arc;

use ephemeral::events::Kind;
use ephemeral::transport::Listener;
use ephemeral_core::limits;
use ephemeral_test_support::rig::{Answer, Options, Rig, fingerprint, lenient};

use crate::raw::{self, upgrade_request};

fn rig(allowed: &[&str]) -> Rig {
    let mut rig = Rig::new();
    let allowed_origins = allowed.iter().map(ToString::to_string).collect();
    rig.listener = Arc::new(Listener { allowed_origins, ..(*rig.listener).clone() });
    rig
}

async fn ask(rig: &mut Rig, method: &str, path: &str, headers: &[&str]) -> Answer {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost:8443\r\nConnection: close\r\n{headers}\r\n");
    rig.answer(request).await
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_no_web_page_is_not_asked_where_it_comes_from() {
    let mut rig = rig(&[]);
    let answer = ask(&mut rig, "GET", "/health", &[]).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, None));
    assert_eq!(answer.header("vary"), Some("Origin"));
}

#[tokio::test(start_paused = true)]
async fn a_page_of_this_server_or_of_the_list_may_read_the_answers() {
    let mut rig = rig(&["https://chat.example"]);
    for origin in ["http://localhost:8443", "https://chat.example"] {
        for path in ["/health", "/nothing", "/ws"] {
            let answer = ask(&mut rig, "GET", path, &[&format!("Origin: {origin}")]).await;
            assert_ne!(answer.status, 403, "{origin} {path}");
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
            assert!(answer.header("access-control-expose-headers").unwrap().contains("Retry-After"));
            assert_eq!(answer.header("access-control-allow-credentials"), None);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn any_other_page_is_refused_whatever_it_asks_for_and_it_is_noted() {
    let mut rig = rig(&["https://chat.example"]);
    let others = [
        "null",
        "https://evil.example",
        "http://chat.example",
        "https://chat.example:8443",
        "https://localhost:8443",
        "http://localhost",
        "https://chat.example.evil.example",
    ];
    for origin in others {
        for (method, path) in [("GET", "/health"), ("GET", "/ws"), ("OPTIONS", "/health"), ("GET", "/nothing")] {
            let answer = ask(&mut rig, method, path, &[&format!("Origin: {origin}")]).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (403, "origin_not_allowed"),
                "{origin} {method} {path}"
            );
            assert_eq!(answer.header("access-control-allow-origin"), None);
            assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        }
    }
    let two = ask(&mut rig, "GET", "/health", &["Origin: https://chat.example", "Origin: https://chat.example"]).await;
    assert_eq!(two.status, 403);
    assert_eq!(rig.events(Kind::OriginRefused), others.len() as u64 * 4 + 1);
}

#[tokio::test(start_paused = true)]
async fn a_session_is_not_begun_for_a_page_that_may_not() {
    let mut rig = rig(&[]);
    let request = upgrade_request(&fingerprint(1), "localhost:8443");
    let with = |origin: &str| request.replace("\r\n\r\n", &format!("\r\nOrigin: {origin}\r\n\r\n"));
    assert_eq!(
        rig.answer(with("https://evil.example").replace("Connection: Upgrade", "Connection: Upgrade, close"))
            .await
            .status,
        403
    );
    let mut raw = raw::Raw::connect(&mut rig);
    raw.write(with("http://localhost:8443")).await;
    assert_eq!(raw.head().await.status, 101);
}

#[tokio::test(start_paused = true)]
async fn a_browser_that_asks_beforehand_is_told_what_is_allowed() {
    let mut rig = rig(&["https://chat.example"]);
    let beforehand = ["Origin: https://chat.example", "Access-Control-Request-Method: GET"];
    let answer = ask(&mut rig, "OPTIONS", "/health", &beforehand).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, Some("https://chat.example")));
    assert_eq!(answer.header("access-control-allow-methods"), Some("GET, HEAD"));
    assert_eq!(answer.header("access-control-max-age"), Some("600"));
    assert_eq!(ask(&mut rig, "OPTIONS", "/nothing", &beforehand).await.status, 404);
    let plain = ask(&mut rig, "OPTIONS", "/health", &[]).await;
    assert_eq!((plain.status, plain.header("allow")), (405, Some("GET, HEAD")));
}

#[tokio::test(start_paused = true)]
async fn where_every_page_may_ask_the_answer_is_for_everybody_and_null_is_still_refused() {
    let mut rig = rig(&["*"]);
    let answer = ask(&mut rig, "GET", "/health", &["Origin: https://any.example"]).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some("*")));
    assert_eq!(ask(&mut rig, "GET", "/health", &["Origin: null"]).await.status, 403);
}

#[tokio::test(start_paused = true)]
async fn behind_a_trusted_proxy_it_is_its_client_that_is_counted_and_blocked() {
    let policy = limits::Config { strikes: 3, ..lenient() };
    let mut rig = Rig::with(Options { policy, ..Options::default() });
    let trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    rig.listener = Arc::new(Listener { trusted_proxies, ..(*rig.listener).clone() });
    for _ in 0..4 {
        let mut raw = raw::Raw::connect(&mut rig);
        let request = upgrade_request(&fingerprint(1), "localhost");
        raw.write(request.replace("\r\n\r\n", "\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")).await;
        assert_eq!(raw.head().await.status, 101);
        raw.next().await;
        raw.send(&[raw::Frame::text(r#"{"type":"auth","signature":"A"}"#)]).await;
        assert_eq!(raw.closed().await.0, 4401);
    }
    assert_eq!(ask(&mut rig, "GET", "/health", &["Forwarded: for=192.0.2.1"]).await.code(), "blocked");
    assert_eq!(ask(&mut rig, "GET", "/health", &["Forwarded: for=192.0.2.2"]).await.status, 200);
    assert_eq!(ask(&mut rig, "GET", "/health", &[]).await.status, 200, "the proxy itself");
}

#[tokio::test(start_paused = true)]
async fn the_clients_of_a_proxy_share_its_connection_and_not_their_bounds() {
    let policy = limits::Config { connections: 1, ..lenient() };
    let mut rig = Rig::with(Options { policy, ..Options::default() });
    let trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    rig.listener = Arc::new(Listener { trusted_proxies, ..(*rig.listener).clone() });
    let upgrade = |client: &str| {
        let request = upgrade_request(&fingerprint(1), "localhost");
        request.replace("\r\n\r\n", &format!("\r\nX-Forwarded-For: {client}\r\n\r\n"))
    };
    let mut open = Vec::new();
    for (client, status) in [("192.0.2.1", 101), ("192.0.2.1", 429), ("192.0.2.2", 101)] {
        let mut raw = raw::Raw::connect(&mut rig);
        raw.write(upgrade(client)).await;
        assert_eq!(raw.head().await.status, status, "{client}");
        open.push(raw);
    }
}
