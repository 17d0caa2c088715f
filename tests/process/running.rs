//! The real daemon over TCP: how it starts, what it writes down, how it ends.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ephemeral_client::{Direct, ServerUrl};
use ephemeral_test_support::daemon::{self, Daemon, GENEROUS, Person, until_both};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::SERVER;

const LOCAL: [&str; 2] = ["--no-tor", "--clearnet=127.0.0.1:0"];

async fn local(directory: &tempfile::TempDir, more: &[&str]) -> (Daemon, ServerUrl) {
    let mut daemon = Daemon::start(SERVER, directory.path(), GENEROUS, &[&LOCAL, more].concat());
    let url = daemon.says("clearnet ").await.parse().unwrap();
    (daemon, url)
}

#[tokio::test]
async fn sigterm_and_sigint_close_the_sessions_and_end_it_with_success() {
    for signal in [Signal::TERM, Signal::INT] {
        let directory = tempfile::tempdir().unwrap();
        let (mut daemon, url) = local(&directory, &[]).await;
        let mut alice = Person::new(1, Arc::new(Direct::default()), &url);
        alice.send(alice.fingerprint, "hello".into());
        alice.until("a message", |alice| alice.received.len() == 1).await;
        let asked = Instant::now();
        daemon.signal(signal);
        let (status, ()) = tokio::join!(daemon.ended(), alice.until("a goodbye", |alice| !alice.troubles.is_empty()));
        assert!(status.success(), "{status}: {}", daemon.log());
        assert!(asked.elapsed() < Duration::from_secs(10), "within the grace period");
    }
}

#[tokio::test]
async fn a_request_that_is_never_finished_does_not_keep_it_past_the_grace_period() {
    let directory = tempfile::tempdir().unwrap();
    let configuration = "[shutdown]\ngrace_s = 2\n[session]\nauth_timeout_ms = 60000\n";
    let mut daemon = Daemon::start(SERVER, directory.path(), configuration, &LOCAL);
    let url: ServerUrl = daemon.says("clearnet ").await.parse().unwrap();
    let _half = half_a_request(&url).await;
    let asked = Instant::now();
    daemon.signal(Signal::TERM);
    let status = daemon.ended().await;
    assert!(status.success(), "{status}: {}", daemon.log());
    let took = asked.elapsed();
    assert!((Duration::from_secs(1)..Duration::from_secs(4)).contains(&took), "it waited for the request: {took:?}");
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let configuration = "[shutdown]\ngrace_s = 60\n[session]\nauth_timeout_ms = 60000\n";
    let mut daemon = Daemon::start(SERVER, directory.path(), configuration, &LOCAL);
    let url: ServerUrl = daemon.says("clearnet ").await.parse().unwrap();
    let mut half = half_a_request(&url).await;
    daemon.signal(Signal::TERM);
    // It is draining once it refuses new connections.
    while TcpStream::connect((url.host(), url.port())).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let asked = Instant::now();
    daemon.signal(Signal::TERM);
    let status = daemon.ended().await;
    assert_eq!(status.code(), Some(1), "{}", daemon.log());
    assert!(asked.elapsed() < Duration::from_secs(5), "took {:?}", asked.elapsed());
    // The rest of the first answer, and then the end (or a reset): it does not hang.
    let _ = tokio::time::timeout(daemon::PATIENCE, half.read_to_end(&mut Vec::new())).await.expect("an end");
}

/// Returns a connection with the first half of its first request on it. The server has taken it: a
/// later one was answered.
async fn half_a_request(url: &ServerUrl) -> TcpStream {
    let mut half = TcpStream::connect((url.host(), url.port())).await.unwrap();
    half.write_all(b"GET /hea").await.unwrap();
    let mut whole = TcpStream::connect((url.host(), url.port())).await.unwrap();
    whole.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    whole.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    half
}

#[tokio::test]
async fn no_log_level_makes_content_or_identifiers_appear() {
    let directory = tempfile::tempdir().unwrap();
    let (mut daemon, url) = local(&directory, &["--log-level", "trace"]).await;
    let mut alice = Person::new(1, Arc::new(Direct::default()), &url);
    let mut bob = Person::new(2, Arc::new(Direct::default()), &url);
    alice.send(bob.fingerprint, "canary-in-the-content".into());
    bob.send(alice.fingerprint, "canary-in-the-content".into());
    until_both(&mut alice, &mut bob, "an exchange", |one| one.received.len() == 1 && one.delivered == 1).await;
    daemon.signal(Signal::TERM);
    assert!(daemon.ended().await.success());
    let log = daemon.log();
    assert!(log.contains("draining"), "it does write a log: {log}");
    let secrets = ["canary".to_owned(), alice.fingerprint.to_string(), bob.fingerprint.to_string()];
    let ids = alice.received.iter().chain(&bob.received).map(|message| message.id.clone());
    for secret in secrets.into_iter().chain(ids) {
        assert!(!log.contains(&secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn a_busy_port_is_named_and_ends_it() {
    let directory = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut daemon = Daemon::start(SERVER, directory.path(), "", &["--no-tor", &format!("--clearnet={address}")]);
    assert_eq!(daemon.ended().await.code(), Some(1));
    let log = daemon.log();
    assert!(log.contains(&format!("{address} is in use by another program")), "{log}");
}

#[tokio::test]
async fn a_state_directory_that_others_can_write_is_named_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    std::fs::create_dir(&state).unwrap();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o777)).unwrap();
    let mut daemon = Daemon::start(SERVER, directory.path(), "", &[]);
    assert_eq!(daemon.ended().await.code(), Some(1));
    let log = daemon.log();
    assert!(log.contains("chmod") && log.contains(state.to_str().unwrap()), "{log}");
}
