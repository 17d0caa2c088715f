//! The server in this process: its real connections, hub and store, over in-memory streams and with a clock that
//! follows tokio's. With time paused (`#[tokio::test(start_paused = true)]`), hours pass in no time.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "each test binary uses its part of it"
)]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use ephemeral::clock::Clock;
use ephemeral::conn::{self, Server};
use ephemeral::http::Health;
use ephemeral::hub::{self, Hub};
use ephemeral::limits::Rate;
use ephemeral::protocol::{Challenge, Fingerprint, Millis};
use ephemeral::pump::{self, Timing};
use ephemeral::session::Rules;
use ephemeral::store::Bounds;
use ephemeral::transport::{Incoming, Listener, Peer};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use tokio_util::sync::CancellationToken;

/// 2026-01-02T12:00:00Z, when every rig is made.
pub const START: Millis = Millis(1_767_355_200_000);
/// The `Host` of every request, unless a test says otherwise.
pub const HOST: &str = "localhost";

/// What a rig can be told.
#[derive(Clone)]
pub struct Options {
    pub rules: Rules,
    pub bounds: Bounds,
    pub timing: Timing,
    pub sessions: usize,
    pub unauthenticated: usize,
    /// Bytes that fit between server and client: small, and a client that does not read is noticed soon.
    pub pipe: usize,
}

impl Default for Options {
    fn default() -> Self {
        // No test is about the message rate unless it says so.
        let rules = Rules { messages_per_minute: 1_000_000, message_burst: 1_000_000, ..Rules::default() };
        Self {
            rules,
            bounds: Bounds::default(),
            timing: Timing::default(),
            sessions: 1000,
            unauthenticated: 1000,
            pipe: 1 << 20,
        }
    }
}

/// The server in this process.
pub struct Rig {
    pub server: Arc<Server>,
    pub hub: Arc<Hub>,
    pub health: watch::Sender<Health>,
    pub listener: Arc<Listener>,
    permits: Arc<Semaphore>,
    pipe: usize,
    tasks: JoinSet<()>,
}

/// An Ed25519 key made of one number.
pub fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

/// The fingerprint of that key.
pub fn fingerprint(number: u8) -> String {
    Fingerprint::from(&key(number).verifying_key()).to_string()
}

impl Rig {
    pub fn new() -> Self {
        Self::with(Options::default())
    }

    pub fn with(options: Options) -> Self {
        let rate = Rate::new(options.rules.messages_per_minute, options.rules.message_burst);
        let settings = hub::Settings { bounds: options.bounds, rate, sessions: options.sessions };
        let hub = Hub::new(settings, Clock::anchored(START)).unwrap();
        let sessions = pump::Settings {
            hub: Arc::clone(&hub),
            rules: options.rules,
            timing: options.timing,
            drain: CancellationToken::new(),
        };
        let (health, health_now) = watch::channel(Health::Healthy);
        let server = Arc::new(Server { sessions: Arc::new(sessions), health: health_now });
        let mut tasks = JoinSet::new();
        let expiring = Arc::clone(&hub);
        tasks.spawn(async move { expiring.keep_expiring().await });
        Self {
            server,
            hub,
            health,
            listener: Arc::new(Listener::clearnet("127.0.0.1:8443".parse().unwrap(), &[])),
            permits: Arc::new(Semaphore::new(options.unauthenticated)),
            pipe: options.pipe,
            tasks,
        }
    }

    /// A new connection, as from loopback.
    pub fn connect(&mut self) -> DuplexStream {
        self.connect_as(Peer::Address(IpAddr::V4(Ipv4Addr::LOCALHOST)))
    }

    /// A new connection of this peer.
    pub fn connect_as(&mut self, peer: Peer) -> DuplexStream {
        let (ours, theirs) = duplex(self.pipe);
        let incoming = Incoming { peer, io: Box::new(theirs), listener: Arc::clone(&self.listener), permit: None };
        let permit = Arc::clone(&self.permits).try_acquire_owned().expect("a permit");
        self.tasks.spawn(conn::serve(Arc::clone(&self.server), incoming, permit));
        ours
    }

    /// Sends raw bytes on a new connection, and returns all that comes back until the server closes it.
    pub async fn exchange(&mut self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    }

    /// The status and the JSON body of the answer to `GET path` (or another method).
    pub async fn request(&mut self, method: &str, path: &str) -> (u16, Value) {
        let answer = self
            .exchange(format!("{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n").as_bytes())
            .await;
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    /// A WebSocket on which nothing has been said yet.
    pub async fn socket(&mut self, number: u8) -> Socket {
        let stream = self.connect();
        let url = format!("ws://{HOST}/ws?fingerprint={}", fingerprint(number));
        let (socket, response) = client_async(url.into_client_request().unwrap(), stream).await.unwrap();
        assert_eq!(response.status(), 101);
        Socket { socket }
    }

    /// A session, up to its `welcome`, which is returned too. `caught_up` has not been read.
    pub async fn login_with(&mut self, number: u8, auth: Value) -> (Socket, Value) {
        let mut socket = self.socket(number).await;
        let challenge = socket.next().await;
        assert_eq!(challenge["type"], "challenge");
        let mut frame = json!({"type": "auth", "signature": sign(&challenge, number, HOST)});
        frame.as_object_mut().unwrap().extend(auth.as_object().unwrap().clone());
        socket.send(&frame).await;
        let welcome = socket.next().await;
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        (socket, welcome)
    }

    /// A session that has caught up with an empty mailbox.
    pub async fn login(&mut self, number: u8) -> Socket {
        let (mut socket, _) = self.login_with(number, json!({})).await;
        assert_eq!(socket.next().await, json!({"type": "caught_up"}));
        socket
    }
}

/// The signature that answers a challenge.
pub fn sign(challenge: &Value, number: u8, host: &str) -> String {
    Challenge::from_nonce_text(challenge["nonce"].as_str().unwrap()).unwrap().sign(host, &key(number))
}

/// A client's WebSocket.
pub struct Socket {
    pub socket: WebSocketStream<DuplexStream>,
}

impl Socket {
    pub async fn send(&mut self, frame: &Value) {
        self.send_text(&frame.to_string()).await;
    }

    pub async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// The next JSON frame. Fails where the session is closed instead, or nothing comes for a minute.
    pub async fn next(&mut self) -> Value {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(60), self.socket.next()).await.expect("a frame");
            match next {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("instead of a frame: {other:?}"),
            }
        }
    }

    /// Sends a frame and returns the next one that comes.
    pub async fn ask(&mut self, frame: &Value) -> Value {
        self.send(frame).await;
        self.next().await
    }

    /// Nothing comes while everybody has the time to send something.
    pub async fn hears_nothing(&mut self) {
        let next = tokio::time::timeout(Duration::from_millis(100), self.socket.next()).await;
        assert!(next.is_err(), "heard {next:?}");
    }

    /// The code and reason with which the server closes, after whatever else it still says.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(600), self.socket.next()).await.expect("a close");
            match next {
                Some(Ok(Message::Close(Some(frame)))) => return (frame.code.into(), frame.reason.to_string()),
                Some(Ok(_)) => {}
                Some(Err(Error::ConnectionClosed)) | None => panic!("closed without a reason"),
                other => panic!("instead of a close: {other:?}"),
            }
        }
    }
}
