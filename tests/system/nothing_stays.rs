//! Nothing of a message stays: a day's work on the real server with the most detailed log, an end
//! of every kind, and then a search of everything that was written for what was planted. `strace`
//! tells which files those are.

mod traced;

use std::fs;
use std::path::Path;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use ephemeral_client::ServerUrl;
use ephemeral_core::protocol::{Challenge, Fingerprint};
use ephemeral_test_support::canary::{Canary, everything_below, search};
use futures::{SinkExt as _, StreamExt as _};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use traced::{Traced, written_files};

const PATIENCE: Duration = Duration::from_secs(60);
/// The rates are in nobody's way; what expires, expires soon.
const CONFIGURATION: &str = "[limits]\nmessages_per_minute = 1000000\nmessage_burst = 100000\n";

/// One who is at the server, or tries to be.
struct Client {
    socket: WebSocketStream<TcpStream>,
}

impl Client {
    /// Returns a connection that has been challenged.
    async fn connect(url: &ServerUrl, key: &SigningKey) -> (Self, Value) {
        let stream = TcpStream::connect((url.host(), url.port())).await.unwrap();
        let fingerprint = fingerprint(key);
        let (socket, _) =
            client_async(format!("ws://{}/ws?fingerprint={fingerprint}", url.authority()), stream).await.unwrap();
        let mut client = Self { socket };
        let challenge = client.next().await;
        (client, challenge)
    }

    /// Returns a session that has caught up with an empty mailbox, or is told what waits.
    async fn login(url: &ServerUrl, key: &SigningKey) -> Self {
        let (mut client, challenge) = Self::connect(url, key).await;
        let nonce = Challenge::from_nonce_text(challenge["nonce"].as_str().unwrap()).unwrap();
        client.say(&json!({"type": "auth", "signature": nonce.sign(url.host(), key)})).await;
        assert_eq!(client.next().await["type"], "welcome");
        client
    }

    async fn say(&mut self, frame: &Value) {
        self.write(Message::text(frame.to_string())).await;
    }

    async fn write(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Returns the next frame; `null` once it is closed.
    async fn next(&mut self) -> Value {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("an answer") {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => return Value::Null,
            }
        }
    }

    /// Returns the next frame of this type.
    async fn hear(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.next().await;
            assert_ne!(frame, Value::Null, "it was closed instead of saying {kind}");
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// Sends, and hears whether it was taken.
    async fn send(&mut self, id: &str, to: &str, content: &str, more: &[(&str, Value)]) -> Value {
        let mut frame = json!({"id": id, "to": to, "content": content});
        for (key, value) in more {
            frame[*key] = value.clone();
        }
        self.say(&frame).await;
        loop {
            let answer = self.next().await;
            if answer["id"] == id && (answer["type"] == "accepted" || answer["type"] == "error") {
                return answer;
            }
        }
    }
}

fn fingerprint(key: &SigningKey) -> String {
    Fingerprint::from(&key.verifying_key()).to_string()
}

/// Everything that must not be found.
struct Planted {
    alice: SigningKey,
    bob: SigningKey,
    carol: SigningKey,
    content: Canary,
    id: Canary,
}

impl Planted {
    fn new() -> Self {
        let key = || SigningKey::from_bytes(Canary::random().bytes().first_chunk().unwrap());
        Self { alice: key(), bob: key(), carol: key(), content: Canary::text("content"), id: Canary::text("id") }
    }

    fn all(&self) -> Vec<Canary> {
        let keys = [&self.alice, &self.bob, &self.carol].map(|key| Canary::key(key.verifying_key().as_bytes()));
        keys.into_iter().chain([self.content.clone(), self.id.clone()]).collect()
    }
}

/// Returns what a server sees in a day.
async fn a_days_work(url: &ServerUrl, planted: &Planted) -> (Client, Client) {
    let content = planted.content.as_text();
    let id = planted.id.as_text();
    let to = |key: &SigningKey| fingerprint(key);
    let mut alice = Client::login(url, &planted.alice).await;
    let mut bob = Client::login(url, &planted.bob).await;

    // Delivered and acknowledged, said twice, and receipts.
    for number in 0..100 {
        let id = format!("{id}-{number}");
        let text = format!("{number} {content} \u{1b}[2J \u{202e}");
        assert_eq!(alice.send(&id, &to(&planted.bob), &text, &[]).await["duplicate"], false);
        if number % 10 == 0 {
            assert_eq!(alice.send(&id, &to(&planted.bob), &text, &[]).await["duplicate"], true);
        }
        let message = bob.hear("message").await;
        assert!(message["content"].as_str().unwrap().contains(content));
        bob.say(&json!({"type": "ack", "seq": message["seq"]})).await;
    }
    alice.hear("receipt").await;

    // Expired, and refused in every way.
    let soon = format!("{id}-soon");
    alice.send(&soon, &to(&planted.carol), content, &[("ttl_s", json!(1))]).await;
    while alice.hear("receipt").await["status"] != "expired" {}
    let past = ("expires_at", json!("2020-01-01T00:00:00Z"));
    for (to, content, more) in [
        (to(&planted.bob), String::new(), None),
        (to(&planted.bob), content.repeat(3000), None),
        (content.to_owned(), content.to_owned(), None),
        (to(&planted.bob), content.to_owned(), Some(past)),
        (to(&planted.bob), content.to_owned(), Some(("from", json!(to(&planted.carol))))),
        (to(&planted.bob), content.to_owned(), Some(("delivery_type", json!(content)))),
    ] {
        let more: Vec<_> = more.into_iter().collect();
        assert_eq!(alice.send(&format!("{id}-refused"), &to, &content, &more).await["type"], "error");
    }
    malformed(&mut bob, planted).await;
    strangers(url, planted).await;

    // What waits for somebody who never comes, and a takeover.
    for number in 0..50 {
        let waiting = format!("{id}-waiting-{number}");
        assert_eq!(alice.send(&waiting, &to(&planted.carol), content, &[]).await["type"], "accepted");
    }
    let again = Client::login(url, &planted.bob).await;
    while bob.next().await != Value::Null {}
    (alice, again)
}

/// Sends frames that are none, with what must not be found in each of them.
async fn malformed(client: &mut Client, planted: &Planted) {
    let content = planted.content.as_text();
    let id = planted.id.as_text();
    for text in [
        format!("{{\"{content}"),
        format!("[\"{content}\"]"),
        json!({"type": content, "id": id}).to_string(),
        json!({"type": "ack", "seq": content}).to_string(),
        json!({"type": "ack", "seq": 1_u64 << 52}).to_string(),
        json!({"type": "auth", "signature": content}).to_string(),
        json!({"id": format!("{id} with blanks"), "to": content, "content": content}).to_string(),
    ] {
        client.write(Message::text(text)).await;
        client.hear("error").await;
    }
}

/// Sends what does not get in: other keys' signatures, binary frames, requests that are none.
async fn strangers(url: &ServerUrl, planted: &Planted) {
    let content = planted.content.as_text();
    for frame in [
        Message::text(json!({"type": "auth", "signature": content}).to_string()),
        Message::text(json!({"to": fingerprint(&planted.bob), "content": content}).to_string()),
        Message::binary(content.as_bytes().to_vec()),
        Message::text(content.repeat(3000)),
    ] {
        let (mut stranger, _) = Client::connect(url, &planted.carol).await;
        stranger.write(frame).await;
        while stranger.next().await != Value::Null {}
    }
    let name = fingerprint(&planted.carol);
    for request in [
        format!("GET /ws?fingerprint={name} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
        format!("GET /{content} HTTP/1.1\r\nHost: {content}\r\nCookie: {name}\r\nConnection: close\r\n\r\n"),
        format!("{content} {name}\r\n\r\n"),
        format!("POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n{content}"),
    ] {
        let mut stream = TcpStream::connect((url.host(), url.port())).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        // The half of a body that never comes is not waited for.
        if !request.starts_with("POST") {
            let _ = timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await.expect("an end");
        }
    }
}

/// Runs a day's work that ends so, and checks what is found of it.
async fn ended_by(signal: Signal) {
    let directory = tempfile::tempdir().unwrap();
    let planted = Planted::new();
    let mut server = Traced::start(directory.path(), CONFIGURATION);
    let url: ServerUrl = server.says("clearnet ").await.parse().unwrap();
    let (mut alice, _bob) = a_days_work(&url, &planted).await;
    server.signal(signal);
    if signal == Signal::SEGV {
        // The first one is taken for a stack that overflowed; a fault would happen again, and so
        // does this signal.
        server.signal_until_it_ends(signal).await;
    }
    if matches!(signal, Signal::TERM | Signal::INT) {
        // What is sent while it drains, and is answered or not.
        let late =
            json!({"id": planted.id.as_text(), "to": fingerprint(&planted.bob), "content": planted.content.as_text()});
        let _ = alice.socket.send(Message::text(late.to_string())).await;
        while alice.next().await != Value::Null {}
    }
    let status = server.ended().await;
    assert_eq!(status.success(), matches!(signal, Signal::TERM | Signal::INT), "{status}");
    let trace = server.trace().await;
    assert!(!trace.contains("io_uring_setup"), "what is written that way is not seen here");

    let written = written_files(&trace);
    assert!(written.contains(&directory.path().join("stderr")), "the log is among them: {written:?}");
    let gone: Vec<_> = written.iter().filter(|path| !path.exists()).collect();
    assert!(gone.is_empty(), "they cannot be searched any more: {gone:?}");
    let log = fs::read_to_string(directory.path().join("stderr")).unwrap();
    assert!(log.contains("DEBUG"), "the log is as detailed as it gets: {log}");
    let cores: Vec<_> = everything_below(directory.path()).into_iter().filter(|path| is_core(path)).collect();
    assert!(cores.is_empty(), "a core dump: {cores:?}");

    let mut places = everything_below(directory.path());
    places.extend(written);
    for canary in planted.all() {
        let found = search(&places, &canary);
        assert!(found.is_empty(), "after {signal:?}, {canary:?} is in {found:?}");
    }
}

fn is_core(path: &Path) -> bool {
    fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"\x7fELF"))
}

#[tokio::test(flavor = "multi_thread")]
async fn after_sigterm_nothing_stays() {
    ended_by(Signal::TERM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_sigint_nothing_stays() {
    ended_by(Signal::INT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_sigkill_nothing_stays() {
    ended_by(Signal::KILL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_abort_nothing_stays() {
    ended_by(Signal::ABORT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_segmentation_fault_nothing_stays() {
    ended_by(Signal::SEGV).await;
}

#[test]
fn what_is_planted_on_purpose_is_found_however_it_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let canaries = [Canary::text("content"), Canary::random()];
    for canary in &canaries {
        for (name, written) in canary.disguises() {
            let path = directory.path().join(name);
            fs::write(&path, [b"before ".as_slice(), &written, b" after"].concat()).unwrap();
            assert_eq!(search(std::slice::from_ref(&path), canary), std::slice::from_ref(&path), "{name}");
            assert!(search(std::slice::from_ref(&path), &Canary::random()).is_empty(), "{name}");
            fs::remove_file(path).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_written_is_seen_in_the_trace_and_one_that_is_read_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let read = directory.path().join("read");
    let written = directory.path().join("w");
    let moved = directory.path().join("m");
    fs::write(&read, "x").unwrap();
    let line = format!("cat {} > {}; mv {} {}", read.display(), written.display(), written.display(), moved.display());
    let trace = traced::run(directory.path(), &["sh", "-c", &line]).await;
    let files = written_files(&trace);
    assert!(files.contains(&written) && files.contains(&moved), "{files:?}\n{trace}");
    assert!(!files.contains(&read), "{files:?}");
}

#[test]
fn a_process_that_does_not_harden_itself_leaves_what_is_searched_for_in_a_core_dump() {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    if pattern.starts_with(['|', '/']) {
        // Elsewhere it goes to a collector, where a test has no business.
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let canary = Canary::text("core");
    let line = format!("ulimit -c unlimited; CANARY={}; kill -SEGV $$", canary.as_text());
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &line]).current_dir(directory.path()).status().unwrap();
    let cores: Vec<_> = everything_below(directory.path()).into_iter().filter(|path| is_core(path)).collect();
    assert_eq!(search(&cores, &canary).len(), 1, "{cores:?}");
}
