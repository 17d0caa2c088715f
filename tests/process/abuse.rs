//! The real daemon under attack: each attack ends bounded, and a good pair goes on exchanging
//! messages meanwhile.
//!
//! Bounded means: the memory stays under what the store may hold plus [`CONSTANT`], and when the
//! attack is over the open files and the tasks are back where they were.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use ephemeral_client::Direct;
use ephemeral_core::protocol::{Challenge, Fingerprint};
use ephemeral_test_support::daemon::{Daemon, PATIENCE, Person, until_both};
use futures::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::SERVER;

/// Bytes that the store may hold in these tests.
const TOTAL: u64 = 24 << 20;
/// What the process may use besides, in bytes: code, threads, connections, what the limits
/// remember, and what the allocator holds back.
const CONSTANT: u64 = 96 << 20;

/// How many daemons are attacked at once: each attack takes all that it can get of the processor,
/// and the good pair has to answer in time.
static TURNS: Semaphore = Semaphore::const_new(2);

/// A daemon with a good pair.
struct Siege {
    address: SocketAddr,
    socket: PathBuf,
    alice: Person,
    bob: Person,
    before: Value,
    _daemon: Daemon,
    _directory: TempDir,
    _turn: SemaphorePermit<'static>,
}

impl Siege {
    async fn new(more: &str) -> Self {
        let turn = TURNS.acquire().await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let configuration = format!(
            "[store]\ntotal_bytes = {TOTAL}\nsender_bytes = {TOTAL}\nmailbox_bytes = 65536\n\
             [session]\nauth_timeout_ms = 1000\nwrite_timeout_s = 2\n{more}"
        );
        let mut daemon =
            Daemon::start(SERVER, directory.path(), &configuration, &["--no-tor", "--clearnet=127.0.0.1:0"]);
        let address: SocketAddr = daemon.says("clearnet http://").await.parse().unwrap();
        let url = format!("http://{address}").parse().unwrap();
        let person = |number| Person::new(number, Arc::new(Direct::default()), &url);
        let mut alice = person(1);
        let mut bob = person(2);
        until_both(&mut alice, &mut bob, "connecting", |person| person.connected == 1).await;
        let socket = directory.path().join("state/admin.sock");
        let mut siege = Self {
            address,
            socket,
            alice,
            bob,
            before: Value::Null,
            _daemon: daemon,
            _directory: directory,
            _turn: turn,
        };
        siege.before = siege.settled().await;
        siege
    }

    /// Returns the figures once the daemon has started all its tasks. It serves before that, and
    /// nothing tells: three times in a row they are as many.
    async fn settled(&mut self) -> Value {
        let mut last = 0;
        let mut times = 0;
        loop {
            self.exchange().await;
            let figures = self.figures().await;
            let tasks = number(&figures, "/process/tasks");
            times = if tasks == last { times + 1 } else { 1 };
            last = tasks;
            if times == 3 {
                return figures;
            }
        }
    }

    /// Sends a message from each to the other, and receives both.
    async fn exchange(&mut self) {
        let alice = &mut self.alice;
        let bob = &mut self.bob;
        let sent = alice.delivered;
        let received = alice.received.len();
        alice.send(bob.fingerprint, "still there?".into());
        bob.send(alice.fingerprint, "still here".into());
        until_both(alice, bob, "a good pair under attack", |person| {
            person.delivered > sent && person.received.len() > received
        })
        .await;
        assert_eq!((&alice.troubles, &bob.troubles), (&vec![], &vec![]), "their sessions were not disturbed");
    }

    /// Returns what the daemon says of itself.
    async fn figures(&self) -> Value {
        let stream = UnixStream::connect(&self.socket).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let request = hyper::Request::get("/stats").header("host", "localhost").header("connection", "close");
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let answer = async { sender.send_request(request).await.unwrap().into_body().collect().await.unwrap() };
        let (body, _) = tokio::join!(answer, connection);
        serde_json::from_slice(&body.to_bytes()).unwrap()
    }

    /// Checks that the good pair goes on until the attack is over, and that then everything is as
    /// before.
    async fn withstands(&mut self, attack: impl Future<Output = ()>) {
        tokio::pin!(attack);
        let mut peak = 0;
        let mut exchanged = 0;
        let both = async {
            let mut over = false;
            while !over {
                over = tokio::select! {
                    biased;
                    () = &mut attack => true,
                    () = self.exchange() => false,
                };
                exchanged += 1;
                peak = peak.max(number(&self.figures().await, "/process/resident_bytes"));
            }
        };
        assert!(timeout(2 * PATIENCE, both).await.is_ok(), "the attack did not end in time");
        assert!(exchanged > 1, "the pair exchanged nothing meanwhile");
        assert!(peak < TOTAL + CONSTANT, "{} MiB of memory", peak >> 20);
        let mut after = Value::Null;
        let back = async {
            loop {
                after = self.figures().await;
                let is_back = |pointer| number(&after, pointer) <= number(&self.before, pointer) + 1;
                if ["/process/open_files", "/process/tasks", "/unauthenticated"].into_iter().all(is_back) {
                    return;
                }
                // The next look; the state is what is waited for.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let is_back = timeout(PATIENCE, back).await.is_ok();
        assert!(is_back, "before {} after {}", self.before["process"], after["process"]);
        self.exchange().await;
    }
}

fn number(figures: &Value, pointer: &str) -> u64 {
    figures.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("no {pointer} in {figures}"))
}

fn events(figures: &Value, kind: &str) -> u64 {
    number(figures, &format!("/security/counts/{kind}"))
}

/// Returns a connection from one of the many loopback addresses.
async fn connect(from: usize, to: SocketAddr) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    let [high, low] = u16::try_from(from + 1).unwrap().to_be_bytes();
    socket.bind(SocketAddr::from(([127, 1, high, low], 0))).unwrap();
    timeout(PATIENCE, socket.connect(to)).await.expect("a connection in time").ok()
}

fn key(number: u16) -> SigningKey {
    let mut seed = [7; 32];
    seed[..2].copy_from_slice(&number.to_be_bytes());
    SigningKey::from_bytes(&seed)
}

fn fingerprint(number: u16) -> String {
    Fingerprint::from(&key(number).verifying_key()).to_string()
}

type Socket = WebSocketStream<TcpStream>;

/// Returns an upgraded connection, and its challenge; `None` if the server refuses.
async fn upgrade(from: usize, to: SocketAddr, number: u16) -> Option<(Socket, Value)> {
    let stream = connect(from, to).await?;
    let url = format!("ws://{to}/ws?fingerprint={}", fingerprint(number));
    let (mut socket, _) = client_async(url.into_client_request().unwrap(), stream).await.ok()?;
    let Some(Ok(Message::Text(challenge))) = socket.next().await else { return None };
    Some((socket, serde_json::from_str(&challenge).unwrap()))
}

async fn login(from: usize, to: SocketAddr, number: u16) -> Option<Socket> {
    let (mut socket, challenge) = upgrade(from, to, number).await?;
    let challenge = Challenge::from_nonce_text(challenge["nonce"].as_str().unwrap()).unwrap();
    let signature = challenge.sign(&to.ip().to_string(), &key(number));
    socket.send(Message::text(json!({"type": "auth", "signature": signature}).to_string())).await.ok()?;
    for frame in ["welcome", "caught_up"] {
        socket.next().await?.ok().filter(|message| message.to_text().is_ok_and(|text| text.contains(frame)))?;
    }
    Some(socket)
}

/// Runs so many of these, at most 100 at the same time.
async fn many<F: Future<Output = ()> + Send + 'static>(count: usize, one: impl Fn(usize) -> F) {
    let mut running = JoinSet::new();
    for number in 0..count {
        if running.len() >= 100 {
            running.join_next().await.unwrap().unwrap();
        }
        running.spawn(one(number));
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn slow_headers_half_open_upgrades_and_silence_are_ended_in_time() {
    let mut siege = Siege::new("").await;
    let to = siege.address;
    let attack = many(1500, move |number| async move {
        let Some(mut stream) = connect(number, to).await else { return };
        match number % 4 {
            // Nothing, ever.
            0 => {}
            // A head that never ends.
            1 => drop(stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-").await),
            // Half of an upgrade.
            2 => drop(stream.write_all(b"GET /ws?fingerprint=00 HTTP/1.1\r\nUpgrade: webso").await),
            // Silence after 101.
            _ => {
                let url = format!("ws://{to}/ws?fingerprint={}", fingerprint(3));
                if let Ok((mut socket, _)) = client_async(url.into_client_request().unwrap(), stream).await {
                    while let Some(Ok(_)) = socket.next().await {}
                }
                return;
            }
        }
        // Until the server has had enough.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    siege.withstands(attack).await;
    let figures = siege.figures().await;
    assert!(events(&figures, "auth_timeout") > 0, "{figures}");
}

#[tokio::test]
async fn five_thousand_wrong_signatures_get_nobody_in() {
    let mut siege = Siege::new("").await;
    let to = siege.address;
    let attack = many(5000, move |number| async move {
        let Some((mut socket, _)) = upgrade(number, to, 3).await else { return };
        let auth = json!({"type": "auth", "signature": "A".repeat(86)});
        if socket.send(Message::text(auth.to_string())).await.is_ok() {
            while let Some(Ok(message)) = socket.next().await {
                assert!(!message.to_string().contains("welcome"));
            }
        }
    });
    siege.withstands(attack).await;
    let figures = siege.figures().await;
    assert!(events(&figures, "auth_failed") > 2500, "{figures}");
    assert_eq!(number(&figures, "/clients"), 2);
}

#[tokio::test]
async fn one_peer_with_wrong_signatures_is_blocked_after_a_few() {
    let mut siege = Siege::new("[limits]\nrequests_per_minute = 100000\nburst = 10000\n").await;
    let to = siege.address;
    siege
        .withstands(async move {
            for _ in 0..200 {
                let Some((mut socket, _)) = upgrade(9, to, 3).await else { continue };
                let _ = socket.send(Message::text(r#"{"type":"auth","signature":"A"}"#)).await;
                while let Some(Ok(_)) = socket.next().await {}
            }
        })
        .await;
    let figures = siege.figures().await;
    assert_eq!((events(&figures, "auth_failed"), number(&figures, "/security/blocked")), (11, 1));
}

#[tokio::test]
async fn connection_churn_and_a_spray_of_garbage_leave_nothing_behind() {
    let mut siege = Siege::new("").await;
    let to = siege.address;
    let attack = many(4000, move |number| async move {
        let Some(mut stream) = connect(number, to).await else { return };
        if number % 2 == 0 {
            return;
        }
        // Some of every kind: binary, endless lines, requests that are almost right.
        let garbage: Vec<u8> = match number % 5 {
            0 => (0..=255).cycle().take(20_000).collect(),
            1 => format!("GET /{} HTTP/1.1\r\n", "x".repeat(9000)).into_bytes(),
            2 => b"\r\n\r\n\r\n".to_vec(),
            3 => {
                format!("POST /ws HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\nabc", u64::MAX).into_bytes()
            }
            _ => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        };
        let _ = stream.write_all(&garbage).await;
        let _ = stream.shutdown().await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    siege.withstands(attack).await;
    let figures = siege.figures().await;
    assert!(events(&figures, "malformed") > 100 && events(&figures, "oversize") > 100, "{figures}");
}

#[tokio::test]
async fn ten_thousand_mailboxes_filled_to_the_bound_are_bounded_and_expire() {
    let limits = "[limits]\nmessages_per_minute = 1000000\nmessage_burst = 100000\n";
    let mut siege = Siege::new(limits).await;
    let to = siege.address;
    let content = "x".repeat(3000);
    siege
        .withstands(async move {
            let mut accepted = 0;
            let mut full = 0;
            // One sender has a share of what is free only: it takes many.
            let mut socket = login(1, to, 20_000).await.expect("a session");
            for number in 0..10_000 {
                if number > 0 && number % 250 == 0 {
                    let sender = number / 250;
                    socket = login(usize::from(sender), to, 20_000 + sender).await.expect("a session");
                }
                let message =
                    json!({"id": number.to_string(), "to": fingerprint(number + 10), "content": content, "ttl_s": 20});
                socket.feed(Message::text(message.to_string())).await.unwrap();
                if number % 50 == 49 {
                    socket.flush().await.unwrap();
                    for _ in 0..50 {
                        let answer = socket.next().await.unwrap().unwrap().into_text().unwrap();
                        accepted += usize::from(answer.contains("accepted"));
                        full += usize::from(answer.contains("store_full") || answer.contains("sender_quota"));
                    }
                }
            }
            assert!(accepted > 2000 && full > 500 && accepted + full == 10_000, "{accepted} accepted, {full} full");
        })
        .await;
    let figures = siege.figures().await;
    assert!(number(&figures, "/pending_bytes") <= TOTAL && events(&figures, "quota") > 500, "{figures}");
}

#[tokio::test]
async fn a_takeover_loop_ends_with_one_session() {
    let limits = "[limits]\nrequests_per_minute = 100000\nburst = 10000\nconnections_per_peer = 1000\n";
    let mut siege = Siege::new(limits).await;
    let to = siege.address;
    siege
        .withstands(async move {
            let mut last = None;
            for number in 0..500 {
                last = Some(login(number, to, 3).await.expect("a session"));
            }
            drop(last);
        })
        .await;
    let figures = siege.figures().await;
    assert!(events(&figures, "takeover") > 100, "{figures}");
}
