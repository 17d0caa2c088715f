//! The server in this process: its real connections, hub and store, over in-memory streams and with
//! a clock that follows tokio's. With time paused (`#[tokio::test(start_paused = true)]`), hours
//! pass in no time.

mod answer;
mod socket;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use ephemeral::clock::Clock;
use ephemeral::conn::{self, Server, Setup};
use ephemeral::events::Kind;
use ephemeral::http::Health;
use ephemeral::hub::{self, Hub};
use ephemeral::pump;
use ephemeral::transport::link::front::HubWay;
use ephemeral::transport::link::hub::IncomingSeat;
use ephemeral::transport::{Incoming, Listener, Peer};
use ephemeral_core::limits::{self, Rate};
use ephemeral_core::protocol::{Challenge, Fingerprint, MINUTE_MS, Millis, WallTime};
use ephemeral_core::session;
use ephemeral_core::store;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

pub use answer::Answer;
pub use socket::{Socket, seq};

/// 2026-01-02T12:00:00Z, when every rig is made.
pub const START: WallTime = WallTime(1_767_355_200_000);
/// What the hub's own clock shows then.
pub const UP: Millis = Clock::UP;
/// The `Host` of every request, unless a test says otherwise.
pub const HOST: &str = "localhost";

/// What a rig can be told.
#[derive(Clone)]
pub struct Options {
    /// What sessions may do.
    pub rules: session::Config,
    /// What the store may hold.
    pub bounds: store::Config,
    /// When sessions are looked after and given up.
    pub timing: pump::Config,
    /// What peers may do.
    pub policy: limits::Config,
    /// Sessions, at most.
    pub sessions: usize,
    /// Connections without a session, at most.
    pub unauthenticated: usize,
    /// The notices of moves that it has.
    pub moved: Option<bytes::Bytes>,
    /// The signed list of nodes that it has.
    pub nodes: Option<Value>,
    /// The way to the hub of another machine: then this one stands by.
    pub way: Option<HubWay>,
    /// Bytes that fit between server and client: small, and a client that does not read is noticed
    /// soon.
    pub pipe: usize,
    /// Whether times go over the wire as they are, and not to the minute.
    pub exact_times: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rules: unlimited(),
            bounds: store::Config::default(),
            timing: pump::Config::default(),
            policy: lenient(),
            sessions: 1000,
            unauthenticated: 1000,
            moved: None,
            nodes: None,
            way: None,
            pipe: 1 << 20,
            exact_times: false,
        }
    }
}

/// Returns the default policy, but for what each peer may do, and get wrong: no test is about that
/// unless it says so.
pub fn lenient() -> limits::Config {
    limits::Config {
        requests: Rate::new(1_000_000, 1_000_000),
        connections: 100_000,
        strikes: 100_000,
        ..limits::Config::default()
    }
}

/// Returns the default rules, but for the message rate: no test is about that unless it says so.
pub fn unlimited() -> session::Config {
    session::Config { messages_per_minute: 1_000_000, message_burst: 1_000_000, ..session::Config::default() }
}

/// The server in this process.
pub struct Rig {
    /// What connections share.
    pub server: Arc<Server>,
    /// Who is online, and the store.
    pub hub: Arc<Hub>,
    /// The clocks of both.
    pub clock: Clock,
    /// What `/health` says.
    pub health: watch::Sender<Health>,
    /// Where connections are said to come from.
    pub listener: Arc<Listener>,
    pipe: usize,
    tasks: JoinSet<()>,
}

/// Returns an Ed25519 key made of one number.
pub fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

/// Returns the public half of that key, which is computed once: some tests ask for it a hundred
/// thousand times.
pub fn person(number: u8) -> Fingerprint {
    static KNOWN: [OnceLock<Fingerprint>; 256] = [const { OnceLock::new() }; 256];
    *KNOWN[usize::from(number)].get_or_init(|| Fingerprint::from(&key(number).verifying_key()))
}

/// Returns the same as it is written.
pub fn fingerprint(number: u8) -> String {
    person(number).to_string()
}

impl Default for Rig {
    fn default() -> Self {
        Self::with(Options::default())
    }
}

impl Rig {
    /// Makes one with the default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes one, and begins to expire messages.
    pub fn with(options: Options) -> Self {
        let rate = Rate::new(options.rules.messages_per_minute, options.rules.message_burst);
        let settings = hub::Config { bounds: options.bounds, rate, sessions: options.sessions };
        let clock = if options.exact_times { Clock::exact(START) } else { Clock::anchored(START) };
        let hub = match options.way {
            Some(_) => Hub::standing_by(settings, clock.clone()),
            None => Hub::new(settings, clock.clone()),
        };
        let hub = hub.unwrap();
        let (health, health_now) = watch::channel(Health::Healthy);
        let server = Server::new(Setup {
            hub: Arc::clone(&hub),
            rules: options.rules,
            timing: options.timing,
            policy: options.policy,
            limits: conn::Config { unauthenticated: options.unauthenticated, sessions: options.sessions },
            onion: None,
            health: health_now,
            moved: options.moved,
            nodes: watch::channel(options.nodes.map(Arc::new)).1,
            way: options.way,
            dead_man: watch::channel(None).1,
            cluster: None,
        })
        .unwrap();
        let mut tasks = JoinSet::new();
        let expiring = Arc::clone(&hub);
        tasks.spawn(async move { expiring.keep_expiring().await });
        Self {
            server,
            hub,
            clock,
            health,
            listener: Arc::new(Listener::clearnet("127.0.0.1:8443".parse().unwrap(), &[])),
            pipe: options.pipe,
            tasks,
        }
    }

    /// Starts a server with these rules, and the sessions of clients 1 and 2.
    pub async fn with_two(rules: session::Config) -> (Self, Socket, Socket) {
        let mut rig = Self::with(Options { rules, ..Options::default() });
        let alice = rig.login(1).await;
        let bob = rig.login(2).await;
        (rig, alice, bob)
    }

    /// Returns a server where client 1, whose session is returned, has sent client 2, who is
    /// offline, so many messages: `m-0`, `m-1` and so on.
    pub async fn with_waiting(messages: usize) -> (Self, Socket) {
        let mut rig = Self::new();
        let mut alice = rig.login(1).await;
        for number in 0..messages {
            alice.sends(&format!("m-{number}"), 2, "hi").await;
        }
        (rig, alice)
    }

    /// Connects, as from loopback.
    pub fn connect(&mut self) -> DuplexStream {
        self.connect_as(Peer::Address(IpAddr::V4(Ipv4Addr::LOCALHOST)))
    }

    /// Connects as a machine that wants a seat for a session of one of its clients.
    pub fn connect_seat(&mut self) -> DuplexStream {
        let (ours, theirs) = duplex(self.pipe);
        self.tasks.spawn(conn::host(&self.server, IncomingSeat(Box::new(theirs))));
        ours
    }

    /// Connects as this peer.
    pub fn connect_as(&mut self, peer: Peer) -> DuplexStream {
        let (ours, theirs) = duplex(self.pipe);
        let io = Box::new(theirs);
        let listener = Arc::clone(&self.listener);
        let incoming = Incoming { peer, io, listener, circuit: None, admitted: None, permit: None };
        self.tasks.spawn(conn::serve(Arc::clone(&self.server), incoming));
        ours
    }

    /// Sends raw bytes on a new connection, and returns all that comes back until the server closes
    /// it.
    pub async fn exchange(&mut self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    }

    /// Returns the answer to raw bytes on a new connection, which the server closes then.
    pub async fn answer(&mut self, request: impl AsRef<[u8]>) -> Answer {
        Answer::parse(&self.exchange(request.as_ref()).await)
    }

    /// Returns the answer to `GET path` (or another method), by itself on a connection.
    pub async fn ask(&mut self, method: &str, path: &str) -> Answer {
        self.answer(format!("{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n")).await
    }

    /// Returns the status and the JSON body of the answer to `GET path` (or another method).
    pub async fn request(&mut self, method: &str, path: &str) -> (u16, Value) {
        let answer = self.ask(method, path).await;
        (answer.status, answer.json())
    }

    /// Returns how many connections have not authenticated.
    pub fn unauthenticated(&self) -> usize {
        self.server.admission.slots().len()
    }

    /// Returns how many security events of a kind there were.
    pub fn events(&self, kind: Kind) -> u64 {
        self.server.admission.events().count(kind)
    }

    /// Returns how many connections have not ended.
    pub fn connections(&mut self) -> usize {
        while self.tasks.try_join_next().is_some() {}
        // One task is the expiry's.
        self.tasks.len() - 1
    }

    /// Returns how many messages wait.
    pub fn waiting(&self) -> usize {
        self.hub.figures().1.messages
    }

    /// Shuts down as the daemon does on SIGTERM.
    pub fn drain(&self) {
        self.health.send_replace(Health::Draining);
        self.hub.drain();
        self.server.sessions.drain.cancel();
    }

    /// Returns a WebSocket on which nothing has been said yet.
    pub async fn socket(&mut self, number: u8) -> Socket {
        let stream = self.connect();
        let url = format!("ws://{HOST}/ws?fingerprint={}", fingerprint(number));
        // The usual buffer is 128 KiB, which are filled with zeros before each read.
        let config = WebSocketConfig::default().read_buffer_size(8192);
        let request = url.into_client_request().unwrap();
        let (socket, response) = client_async_with_config(request, stream, Some(config)).await.unwrap();
        assert_eq!(response.status(), 101);
        Socket { socket }
    }

    /// Returns a session, up to its `welcome`, which is returned too. `caught_up` has not been
    /// read.
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

    /// Returns a session with this window, and what `welcome` says is waiting for it.
    pub async fn login_with_window(&mut self, number: u8, window: u32) -> (Socket, Value) {
        let (socket, welcome) = self.login_with(number, json!({"window": window})).await;
        (socket, welcome["pending"].clone())
    }

    /// Returns a session that has caught up with an empty mailbox.
    pub async fn login(&mut self, number: u8) -> Socket {
        let (mut socket, _) = self.login_with(number, json!({})).await;
        assert_eq!(socket.next().await, json!({"type": "caught_up"}));
        socket
    }
}

/// Lets everybody do what there is to do now. Takes a millisecond of the paused time.
pub async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// Lets so many seconds pass, and everybody do what there is to do in them.
pub async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Returns a time as the server writes it: so many milliseconds after the start.
pub fn at(milliseconds: u64) -> String {
    START.plus(milliseconds).to_string()
}

/// Asserts that a time as the server writes its own is this one, so many milliseconds after the
/// start, to the minute.
#[track_caller]
pub fn assert_near(written: &Value, milliseconds: u64) {
    let time = WallTime::parse(written.as_str().unwrap()).unwrap();
    assert_eq!(time.0 % MINUTE_MS, 0, "{written} is no whole minute");
    let exact = START.plus(milliseconds);
    assert!(time.0.abs_diff(exact.0) < MINUTE_MS, "{written} is a minute or more from {exact}");
}

/// Returns the smallest frame that carries something.
pub fn message(id: &str, to: u8, content: &str) -> Value {
    json!({"id": id, "to": fingerprint(to), "content": content})
}

/// Returns the signature that answers a challenge.
pub fn sign(challenge: &Value, number: u8, host: &str) -> String {
    Challenge::from_nonce_text(challenge["nonce"].as_str().unwrap()).unwrap().sign(host, &key(number))
}
