//! The way to `welcome`, with servers that keep to the protocol and servers that do not.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use futures::SinkExt as _;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::super::testing::{
    Arrivals, NONCE, TestServer, accepted, alice, bob, challenge, is_signed, url, welcome, wire,
};
use super::*;
use ephemeral_core::protocol::Challenge;

type Outcome = Result<(Connection, Welcome), ConnectError>;

/// Connects as Alice while the server does what it is told.
async fn against<T, S: Future<Output = T>>(server: impl FnOnce(Arrivals) -> S) -> (Outcome, T) {
    let (wire, arrivals) = wire();
    let url = url();
    let identity = alice();
    let options = ConnectOptions::default();
    tokio::join!(Connection::connect(&*wire, &url, &identity, &options), server(arrivals))
}

/// Returns why a connection whose first frame is this fails.
async fn after_first_frame(frame: Message) -> ConnectError {
    let (outcome, _peer) = against(async |mut arrivals: Arrivals| {
        let mut peer = TestServer::accept(&mut arrivals).await;
        peer.0.send(frame).await.unwrap();
        peer
    })
    .await;
    outcome.err().expect("a refusal")
}

async fn established() -> (Connection, TestServer) {
    let (outcome, peer) =
        against(async |mut arrivals: Arrivals| TestServer::login(&mut arrivals, &alice(), "epoch-1").await).await;
    (outcome.unwrap().0, peer)
}

#[tokio::test(start_paused = true)]
async fn the_request_names_the_host_that_was_dialled_and_nothing_that_identifies_the_client() {
    let (_, request) = against(async |mut arrivals: Arrivals| {
        let mut stream = arrivals.recv().await.unwrap();
        let mut request = vec![0; 4096];
        let length = stream.read(&mut request).await.unwrap();
        String::from_utf8(request[..length].to_vec()).unwrap()
    })
    .await;
    let (line, headers) = request.split_once("\r\n").unwrap();
    assert_eq!(line, "GET /ws HTTP/1.1");
    assert!(headers.contains("Host: example.test:8443\r\n"), "{headers}");
    let names: Vec<_> = headers.lines().filter_map(|line| Some(line.split_once(':')?.0.to_lowercase())).collect();
    assert_eq!(names, ["host", "connection", "upgrade", "sec-websocket-version", "sec-websocket-key"]);
}

#[tokio::test(start_paused = true)]
async fn the_signature_is_over_the_host_that_was_dialled_whatever_the_server_claims() {
    let (outcome, auth) = against(async |mut arrivals: Arrivals| {
        // A hostile server relays the challenge of another one.
        let mut peer = TestServer::accept(&mut arrivals).await;
        peer.send(challenge("victim.onion")).await;
        let auth = peer.next().await.unwrap();
        peer.send(welcome(alice().fingerprint(), "e")).await;
        auth
    })
    .await;
    assert!(outcome.is_ok());
    assert!(is_signed(&auth, "example.test", &alice()));
    assert!(!is_signed(&auth, "victim.onion", &alice()));
}

#[tokio::test(start_paused = true)]
async fn only_one_challenge_is_ever_answered() {
    let (outcome, second) = against(async |mut arrivals: Arrivals| {
        let mut peer = TestServer::accept(&mut arrivals).await;
        peer.send(challenge("a")).await;
        peer.next().await.expect("the answer to the first");
        let nonce = Challenge { nonce: [7; 32] }.nonce_text();
        peer.send(json!({"type": "challenge", "nonce": nonce, "server": "a", "version": 1, "timeout_ms": 1})).await;
        peer.next().await
    })
    .await;
    assert!(matches!(outcome, Err(ConnectError::Lost(Lost::Protocol(_)))));
    assert_eq!(second, None);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_keep_to_the_protocol_is_refused_for_good() {
    let version = json!({"type": "challenge", "nonce": Challenge { nonce: NONCE }.nonce_text(), "server": "a",
        "version": 2, "timeout_ms": 1});
    let nonce = json!({"type": "challenge", "nonce": "AAAA", "server": "a", "version": 1, "timeout_ms": 1});
    for frame in [
        Message::text("garbage"),
        Message::text(""),
        Message::text(version.to_string()),
        Message::text(nonce.to_string()),
        Message::text(welcome(alice().fingerprint(), "e").to_string()),
        Message::text(accepted(&json!("a")).to_string()),
        Message::binary(vec![1, 2, 3]),
    ] {
        let error = after_first_frame(frame.clone()).await;
        assert!(matches!(error, ConnectError::Lost(Lost::Protocol(_))), "{frame}: {error}");
        assert!(error.is_permanent(), "{frame}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_welcome_for_somebody_else_is_refused() {
    let (outcome, _peer) = against(async |mut arrivals: Arrivals| {
        let mut peer = TestServer::accept(&mut arrivals).await;
        peer.send(challenge("a")).await;
        peer.next().await.unwrap();
        peer.send(welcome(bob().fingerprint(), "e")).await;
        peer
    })
    .await;
    assert!(matches!(outcome, Err(ConnectError::Lost(Lost::Protocol(_)))));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_what_the_server_said_and_whether_to_come_back() {
    for (head, body, code, wait, permanent) in [
        (
            "HTTP/1.1 421 Misdirected Request\r\n",
            r#"{"error":"x","code":"misdirected_request"}"#,
            "misdirected_request",
            None,
            true,
        ),
        (
            "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\n",
            r#"{"error":"x","code":"rate_limited"}"#,
            "rate_limited",
            Some(7),
            false,
        ),
        (
            "HTTP/1.1 400 Bad Request\r\n",
            r#"{"error":"x","code":"invalid_fingerprint"}"#,
            "invalid_fingerprint",
            None,
            true,
        ),
        ("HTTP/1.1 503 Service Unavailable\r\n", "", "", None, false),
        ("HTTP/1.1 403 Forbidden\r\n", "", "", None, false),
        ("HTTP/1.1 404 Not Found\r\n", "<html>\u{1b}[2J</html>", "", None, true),
        ("HTTP/1.1 403 Forbidden\r\n", "{\"code\":\"\\u001b[2J\"}", "\\u{1b}[2J", None, false),
    ] {
        let (outcome, _stream) = against(async |mut arrivals: Arrivals| {
            let mut stream = arrivals.recv().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            let answer = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream
        })
        .await;
        let error = outcome.err().expect("a refusal");
        assert_eq!(error.is_permanent(), permanent, "{head}");
        assert_eq!(error.retry_after(), wait.map(Duration::from_secs));
        assert!(matches!(&error, ConnectError::Refused { code: read, .. } if read == code), "{error:?}");
    }
}

#[test]
fn a_refusal_is_a_whole_sentence_also_where_the_server_gave_no_code() {
    let refused = |status, code: &str| {
        let code = code.to_owned();
        ConnectError::Refused { status, code, retry_after: None }.to_string()
    };
    assert_eq!(refused(403, "blocked"), "the server refused the connection: 403 blocked");
    assert_eq!(refused(403, ""), "the server refused the connection: 403 Forbidden");
    assert!(refused(400, "invalid_fingerprint").ends_with("its operator has to update it"), "an older server");
    assert_eq!(refused(599, ""), "the server refused the connection: status 599");
    let closed = |code, reason: &str| Lost::Closed { code, reason: reason.to_owned() }.to_string();
    assert_eq!(closed(1001, "draining"), "the server closed the connection: 1001 draining");
    assert_eq!(closed(1001, ""), "the server closed the connection: code 1001");
    assert_eq!(closed(1005, ""), "the server closed the connection without saying why");
}

/// Returns all that a good server says until after `welcome`, as bytes: the answer's head, then
/// the frames.
fn everything_until_welcome(request: &str) -> (Vec<u8>, Vec<u8>) {
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("a key");
    let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.trim().as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    let mut frames = Vec::new();
    for frame in [challenge("a"), welcome(alice().fingerprint(), "e")] {
        let text = frame.to_string();
        let length = u16::try_from(text.len()).unwrap();
        frames.extend([0x81, 126]);
        frames.extend(length.to_be_bytes());
        frames.extend(text.as_bytes());
    }
    (head.into_bytes(), frames)
}

#[tokio::test(start_paused = true)]
async fn an_end_of_the_connection_at_any_byte_is_an_interruption() {
    let mut at = 0;
    loop {
        let (outcome, was_all) = against(async |mut arrivals: Arrivals| {
            let mut stream = arrivals.recv().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            let (mut all, frames) = everything_until_welcome(std::str::from_utf8(&request[..length]).unwrap());
            all.extend(frames);
            stream.write_all(&all[..at.min(all.len())]).await.unwrap();
            // The end of what it says, and of what it hears: a FIN, and a RST for whatever comes.
            drop(stream);
            at >= all.len()
        })
        .await;
        if was_all {
            break;
        }
        let error = outcome.err().expect("no session");
        assert!(matches!(error, ConnectError::Lost(Lost::Dropped | Lost::Io(_))), "byte {at}: {error:?}");
        assert!(!error.is_permanent(), "byte {at}: {error}");
        at += 1;
    }
    assert!(at > 500, "{at} bytes");
}

#[tokio::test(start_paused = true)]
async fn an_end_within_a_frame_of_a_session_is_an_interruption() {
    let frame = json!({"type": "caught_up"}).to_string();
    let mut bytes = vec![0x81, u8::try_from(frame.len()).unwrap()];
    bytes.extend(frame.as_bytes());
    for at in 0..bytes.len() {
        let (mut connection, mut peer) = established().await;
        peer.0.get_mut().write_all(&bytes[..at]).await.unwrap();
        drop(peer);
        let lost = connection.next_event().await.unwrap_err();
        assert!(matches!(lost, Lost::Dropped | Lost::Io(_)), "byte {at}: {lost:?}");
        assert!(!ConnectError::Lost(lost).is_permanent(), "byte {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_authentication_is_final_and_a_crowded_server_is_not() {
    for (code, reason, permanent) in
        [(4401, "auth_failed", true), (4408, "auth_timeout", false), (4503, "overloaded", false)]
    {
        let (outcome, ()) = against(async |mut arrivals: Arrivals| {
            let mut peer = TestServer::accept(&mut arrivals).await;
            peer.send(challenge("a")).await;
            peer.next().await.unwrap();
            peer.close(code, reason).await;
        })
        .await;
        let error = outcome.err().expect("a refusal");
        assert_eq!(error.is_permanent(), permanent, "{error}");
        assert_eq!(error.to_string(), format!("the server closed the connection: {code} {reason}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up_at_every_step() {
    let start = Instant::now();
    let (outcome, _stream) = against(async |mut arrivals: Arrivals| arrivals.recv().await).await;
    assert!(matches!(outcome, Err(ConnectError::Timeout("answer"))));
    let (outcome, _peer) = against(async |mut arrivals: Arrivals| TestServer::accept(&mut arrivals).await).await;
    assert!(matches!(outcome, Err(ConnectError::Timeout("challenge"))));
    let (outcome, _peer) = against(async |mut arrivals: Arrivals| {
        let mut peer = TestServer::accept(&mut arrivals).await;
        peer.send(challenge("a")).await;
        peer
    })
    .await;
    assert!(matches!(outcome, Err(ConnectError::Timeout("welcome"))));
    assert_eq!(start.elapsed(), 3 * Timeouts::default().answer);
}

#[tokio::test(start_paused = true)]
async fn frames_that_say_nothing_do_not_stretch_the_time_for_an_answer() {
    let (outcome, ()) = against(async |mut arrivals: Arrivals| {
        let mut peer = TestServer::accept(&mut arrivals).await;
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if peer.0.send(Message::text(r#"{"type":"news"}"#)).await.is_err() {
                return;
            }
        }
        panic!("the client is still there");
    })
    .await;
    assert!(matches!(outcome, Err(ConnectError::Timeout("challenge"))));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stays_silent_is_asked_for_a_sign_of_life_and_then_given_up() {
    let (mut connection, mut peer) = established().await;
    let start = Instant::now();
    // The peer's end answers pings only while somebody reads it.
    let (outcome, ()) = tokio::join!(connection.next_event(), async {
        let answering = tokio::time::timeout(Duration::from_secs(200), peer.next()).await;
        assert!(answering.is_err(), "nothing but pings came");
    });
    assert!(matches!(outcome, Err(Lost::Silent)), "{outcome:?}");
    // Silent from 200 s on: the last pong came up to a ping's wait before.
    let silence = Timeouts::default().silence;
    let silent_since = start.elapsed() - silence;
    assert!((silent_since + silence / 2).as_secs() >= 200 && silent_since.as_secs() <= 200, "{silent_since:?}");
}

#[tokio::test(start_paused = true)]
async fn bytes_of_a_message_that_is_slow_to_come_are_signs_of_life() {
    let (mut connection, peer) = established().await;
    let start = Instant::now();
    // One text frame of 1000 bytes, a byte every tenth of a second: four times as long as the
    // silence that is borne.
    let text = format!(r#"{{"type":"caught_up","fill":"{}"}}"#, "x".repeat(1000));
    let mut frame = vec![0x81, 126];
    frame.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
    frame.extend(text.as_bytes());
    let mut stream = peer.0.into_inner();
    let sending = async {
        for byte in frame {
            stream.write_all(&[byte]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let (event, ()) = tokio::join!(connection.next_event(), sending);
    assert!(matches!(event, Ok(ServerEvent::CaughtUp)), "{event:?}");
    assert!(start.elapsed() > 4 * Timeouts::default().silence);
}

#[test]
fn a_sign_of_life_is_asked_for_at_a_random_time() {
    let timing = Timeouts::default();
    let waits: Vec<_> = (0..64).map(|_| timing.ping_after()).collect();
    assert!(waits.iter().all(|wait| (timing.silence / 3..timing.silence / 2).contains(wait)), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait != waits[0]));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_read_is_given_up() {
    let (mut connection, peer) = established().await;
    connection.timing.silence = 2 * connection.timing.write;
    let start = Instant::now();
    for _ in 0..10 {
        connection.queue(&"x".repeat(100_000)).unwrap();
    }
    assert!(connection.is_clogged());
    assert!(matches!(connection.next_event().await, Err(Lost::NotReading)));
    assert_eq!(start.elapsed(), Timeouts::default().write);
    drop(peer);
}

#[tokio::test(start_paused = true)]
async fn what_is_queued_is_written_while_events_are_awaited() {
    let (mut connection, mut peer) = established().await;
    for number in 0..20 {
        connection.queue(&json!({"number": number, "fill": "x".repeat(50_000)}).to_string()).unwrap();
    }
    let (event, ()) = tokio::join!(connection.next_event(), async {
        for number in 0..20 {
            // Both directions are full at times, and neither waits for the other.
            peer.send(json!({"type": "news", "fill": "x".repeat(50_000)})).await;
            assert_eq!(peer.next().await.unwrap()["number"], number);
        }
        peer.send(json!({"type": "caught_up"})).await;
    });
    assert_eq!(event.unwrap(), ServerEvent::CaughtUp);
    assert!(!connection.is_clogged());
}

#[tokio::test(start_paused = true)]
async fn garbage_in_a_session_ends_it() {
    for frame in [
        Message::text("garbage"),
        Message::text(r#"{"type":"message","id":"a"}"#),
        Message::text("[".repeat(100_000)),
        Message::binary(vec![0; 10]),
        Message::text("x".repeat(5 << 20)),
    ] {
        let (mut connection, mut peer) = established().await;
        // Too large a frame is not read to its end.
        let (event, _) = tokio::join!(connection.next_event(), async {
            tokio::time::timeout(Duration::from_secs(1), peer.0.send(frame)).await
        });
        assert!(matches!(event, Err(Lost::Protocol(_))), "{event:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_servers_reason_is_known_even_where_writing_fails_first() {
    let (mut connection, peer) = established().await;
    let closing = tokio::spawn(peer.close(4409, "replaced\u{1b}[2J"));
    tokio::task::yield_now().await;
    connection.queue(r#"{"type":"ack","seq":1}"#).unwrap();
    let lost = connection.next_event().await.unwrap_err();
    assert_eq!(lost.close_code(), Some(4409));
    assert_eq!(lost.to_string(), "the server closed the connection: 4409 replaced\\u{1b}[2J");
    drop(connection);
    closing.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_waits_for_the_answer_but_not_for_ever() {
    let (connection, mut peer) = established().await;
    let (confirmed, frame) = tokio::join!(connection.close(), peer.next());
    assert!(confirmed && frame.is_none());

    let (connection, _peer) = established().await;
    let start = Instant::now();
    assert!(!connection.close().await);
    assert_eq!(start.elapsed(), Timeouts::default().close);
}
