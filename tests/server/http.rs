//! What the server answers to requests that do not become sessions.

use std::sync::Arc;

use ephemeral::http::Health;
use ephemeral::transport::Listener;
use ephemeral_test_support::rig::{self, Answer, HOST, Rig, fingerprint};
use serde_json::json;

use crate::raw::{Raw, upgrade_request};

/// Checks the headers that are on every response, whatever it says.
fn assert_headers_of_every_response(answer: &Answer) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name} of {}: {:?}", answer.status, answer.headers);
    }
    let policy = answer.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert_eq!(answer.header("server"), None);
    assert_eq!(answer.header("date"), None, "what this machine's clock says is nobody's business");
    assert_eq!(answer.header("strict-transport-security"), None, "there is no TLS here");
}

#[tokio::test(start_paused = true)]
async fn a_healthy_server_says_so() {
    let mut rig = Rig::new();
    let answer = rig.ask("GET", "/health").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(answer.json(), json!({"status": "healthy"}), "neither what the clock says nor which version this is");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_not_ready_answers_503_and_says_why() {
    let mut rig = Rig::new();
    for (health, status) in
        [(Health::Starting, "starting"), (Health::Degraded, "degraded"), (Health::Draining, "draining")]
    {
        rig.health.send_replace(health);
        let answer = rig.ask("GET", "/health").await;
        assert_eq!((answer.status, &answer.json()["status"]), (503, &json!(status)));
        assert_headers_of_every_response(&answer);
    }
}

#[tokio::test(start_paused = true)]
async fn head_is_answered_like_get_without_the_body() {
    let mut rig = Rig::new();
    for (path, status) in [("/health", 200), ("/ws", 426), ("/nothing", 404)] {
        let mut get = rig.ask("GET", path).await;
        let mut head = rig.ask("HEAD", path).await;
        assert_eq!((get.status, head.status, head.body.as_str()), (status, status, ""), "{path}");
        assert_eq!(get.header("content-length"), Some(get.body.len().to_string().as_str()));
        for answer in [&mut get, &mut head] {
            // What is left of the rate is less each time.
            answer.headers.retain(|(name, _)| name != "ratelimit-remaining");
            answer.headers.sort();
        }
        assert_eq!(get.headers, head.headers, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_404_whatever_the_method() {
    let mut rig = Rig::new();
    for path in ["/", "/ws/", "/WS", "/health/", "/healthz", "/ws%2f", "/favicon.ico", "/../health", "//health"] {
        for method in ["GET", "POST", "DELETE", "BREW"] {
            let answer = rig.ask(method, path).await;
            assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{method} {path}");
            assert_headers_of_every_response(&answer);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_known_path_with_another_method_is_405_and_names_the_methods() {
    let mut rig = Rig::new();
    for path in ["/health", "/ws", "/health?x=1"] {
        for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"] {
            let answer = rig.ask(method, path).await;
            assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method} {path}");
            assert_eq!(answer.code(), "method_not_allowed");
            assert_headers_of_every_response(&answer);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_with_a_body_is_refused_since_its_bytes_would_be_taken_for_frames() {
    let mut rig = Rig::new();
    for body in ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"] {
        let request = upgrade_request(&fingerprint(1), HOST).replace("Upgrade\r\n", "Upgrade, close\r\n");
        let answer = rig.answer(request.replacen("\r\n", &format!("\r\n{body}"), 1)).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "{body}");
        assert!(answer.body.contains("has no body"), "{}", answer.body);
    }
}

#[tokio::test(start_paused = true)]
async fn a_websocket_endpoint_without_an_upgrade_is_426_and_names_the_protocol() {
    let mut rig = Rig::new();
    let complete = upgrade_request(&fingerprint(1), HOST);
    for missing in
        ["Connection: Upgrade\r\n", "Upgrade: websocket\r\n", "Sec-WebSocket-Version: 13\r\n", " HTTP/1.1\r\n"]
    {
        assert!(complete.contains(missing));
        let instead = if missing.starts_with(' ') { " HTTP/1.0\r\n" } else { "Connection: close\r\n" };
        let answer = rig.answer(complete.replace(missing, instead)).await;
        assert_eq!((answer.status, answer.header("upgrade")), (426, Some("websocket")), "without {missing}");
        assert_eq!(answer.code(), "upgrade_required");
        assert_headers_of_every_response(&answer);
    }
}

#[tokio::test(start_paused = true)]
async fn a_websocket_without_a_fingerprint_that_is_a_key_is_refused() {
    // y = 4 is on the curve and of large order, and so is y + p: another way to write the same
    // point.
    let canonical = format!("04{}", "00".repeat(31));
    let other_encoding = format!("f1{}7f", "ff".repeat(30));
    let mut rig = Rig::new();
    for bad in [
        "".to_owned(),
        "a".repeat(63),
        "a".repeat(65),
        "g".repeat(64),
        format!("0x{}", "a".repeat(62)),
        format!("01{}", "00".repeat(31)),
        "00".repeat(32),
        format!("02{}", "00".repeat(31)),
        other_encoding,
        format!("{}&fingerprint={}", fingerprint(1), fingerprint(2)),
    ] {
        let answer = rig.answer(upgrade_request(&bad, HOST).replace("Upgrade\r\n", "Upgrade, close\r\n")).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_fingerprint"), "{bad}");
        assert_headers_of_every_response(&answer);
    }
    let mut raw = Raw::connect(&mut rig);
    raw.write(upgrade_request(&canonical, HOST)).await;
    assert_eq!(raw.head().await.status, 101, "so that the one above is refused for its encoding");
}

#[tokio::test(start_paused = true)]
async fn the_switch_of_protocols_carries_the_headers_too() {
    let mut rig = Rig::new();
    let mut raw = Raw::connect(&mut rig);
    raw.write(upgrade_request(&fingerprint(1), HOST)).await;
    let answer = raw.head().await;
    assert_eq!(answer.status, 101);
    assert_headers_of_every_response(&answer);
    // RFC 6455, section 1.3.
    assert_eq!(answer.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(answer.header("content-length"), None);
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_host_is_refused() {
    let mut rig = Rig::new();
    for host in ["", "Host: localhost\r\nHost: localhost\r\n", "Host: \r\n", "Host: me@localhost\r\n", "Host: a b\r\n"]
    {
        for version in ["1.1", "1.0"] {
            let answer = rig.answer(format!("GET /health HTTP/{version}\r\n{host}Connection: close\r\n\r\n")).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "{host:?}");
            assert_headers_of_every_response(&answer);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_for_another_host_is_misdirected() {
    let mut rig = Rig::new();
    let mut status = async |host: &str, path: &str| {
        let answer = rig.answer(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
        if answer.status == 421 {
            assert_eq!(answer.code(), "misdirected_request");
            assert_headers_of_every_response(&answer);
        }
        answer.status
    };
    for own in ["localhost", "LocalHost:8443", "127.0.0.1:80", "127.9.9.9", "[::1]:1", "[0:0:0:0:0:0:0:1]"] {
        assert_eq!(status(own, "/health").await, 200, "{own}");
    }
    for other in ["evil.example", "localhost.evil.example", "192.0.2.1", "abc.onion", "[2001:db8::1]:80"] {
        assert_eq!(status(other, "/health").await, 421, "{other}");
        assert_eq!(status(other, "/nothing").await, 421, "{other}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_absolute_target_has_to_agree_with_the_host_so_that_no_page_passes_for_the_servers_own() {
    let mut rig = Rig::new();
    let mut ask = async |target: &str, host: &str, origin: &str| {
        let head = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n");
        rig.answer(format!("{head}Connection: close\r\n\r\n")).await
    };
    for (host, status, code) in
        [("evil.example", 400, "bad_request"), ("localhost:1", 400, "bad_request"), ("127.0.0.1", 400, "bad_request")]
    {
        let answer = ask("http://localhost/health", host, &format!("http://{host}")).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{host}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{host}");
        assert_headers_of_every_response(&answer);
    }
    let foreign = ask("http://localhost/health", "localhost", "http://evil.example").await;
    assert_eq!((foreign.status, foreign.code().as_str()), (403, "origin_not_allowed"));
    let elsewhere = ask("http://evil.example/health", "evil.example", "http://evil.example").await;
    assert_eq!((elsewhere.status, elsewhere.code().as_str()), (421, "misdirected_request"));
    let own = ask("http://localhost/health", "localhost", "http://localhost").await;
    assert_eq!((own.status, own.header("access-control-allow-origin")), (200, Some("http://localhost")));
}

#[tokio::test(start_paused = true)]
async fn the_onion_listener_answers_to_its_address_only() {
    let mut rig = Rig::new();
    rig.listener = Arc::new(Listener { names: vec!["abc.onion".into()], ..Listener::default() });
    for (host, status) in [("abc.onion", 200), ("ABC.Onion:80", 200), ("localhost", 421), ("127.0.0.1", 421)] {
        let answer = rig.answer(format!("GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(answer.status, status, "{host}");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_not_http_are_refused_with_the_same_headers_and_bodies() {
    let mut rig = Rig::new();
    let head = format!("GET /health HTTP/1.1\r\nHost: {HOST}\r\n");
    for (request, status) in [
        ("garbage\r\n\r\n".to_owned(), 400),
        ("GET /health HTTP/9.9\r\n\r\n".to_owned(), 400),
        ("GET /health HTTP/2.0\r\n\r\n".to_owned(), 400),
        // How a client begins that takes HTTP/2 for granted (RFC 9113, section 3.4).
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 400),
        (format!("{head}no colon\r\n\r\n"), 400),
        (format!("{head}Content-Length: many\r\n\r\n"), 400),
        (format!("{head}X: {}\r\n\r\n", "x".repeat(20_000)), 431),
        (format!("{head}{}\r\n", "X: y\r\n".repeat(100)), 431),
        (format!("GET /{} HTTP/1.1\r\nHost: {HOST}\r\n\r\n", "x".repeat(70_000)), 431),
        // After a good request on the same connection.
        (format!("{head}\r\ngarbage\r\n\r\n"), 400),
    ] {
        let shown = request.chars().take(60).collect::<String>();
        let answers = rig.exchange(request.as_bytes()).await;
        let last = answers.rfind("HTTP/1.1 ").expect("an answer");
        let answer = Answer::parse(answers.get(last..).unwrap());
        assert_eq!(answer.status, status, "{shown}");
        let code = answer.code();
        assert_eq!(code, if status == 400 { "bad_request" } else { "request_header_fields_too_large" }, "{shown}");
        assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
        assert_headers_of_every_response(&answer);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_has_moved_tells_those_who_ask_and_others_find_nothing_there() {
    let mut rig = Rig::new();
    assert_eq!(rig.ask("GET", "/moved").await.status, 404);
    let notices = r#"[{"type":"moved"}]"#;
    let mut rig = Rig::with(rig::Options { moved: Some(notices.into()), ..rig::Options::default() });
    let answer = rig.ask("GET", "/moved").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(answer.json(), json!([{"type": "moved"}]));
    assert_headers_of_every_response(&answer);
    assert_eq!(rig.ask("HEAD", "/moved").await.status, 200);
    assert_eq!(rig.ask("POST", "/moved").await.status, 405);
    let elsewhere = rig.answer("GET /moved HTTP/1.1\r\nHost: elsewhere\r\nConnection: close\r\n\r\n").await;
    assert_eq!(elsewhere.status, 421, "the rule of the host comes first");
}
