//! Clients that are far away, and floods: what an attack harness measures with.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use ephemeral_core::protocol::{Challenge, Fingerprint};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, duplex, split};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

/// No login of an honest client takes longer.
const LOGIN: Duration = Duration::from_secs(30);
/// Pieces of bytes that are on the way in one direction, at most.
const ON_THE_WAY: usize = 1024;
/// No stranger stays longer than this, if the server lets it.
const STAY: Duration = Duration::from_secs(12);

/// Returns one of the many loopback addresses: `127.NET.x.y`.
pub fn loopback(net: u8, number: usize) -> SocketAddr {
    let [high, low] = u16::try_from(number + 1).expect("not that many").to_be_bytes();
    SocketAddr::from(([127, net, high, low], 0))
}

/// Connects from an address. `None`: the server did not take it.
pub async fn connect(from: SocketAddr, to: SocketAddr) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(from).unwrap();
    let stream = timeout(LOGIN, socket.connect(to)).await.ok()?.ok()?;
    stream.set_nodelay(true).ok()?;
    Some(stream)
}

/// A client that is so far away from the server, for as long as this lives.
pub struct Distant {
    /// The client's end.
    pub stream: DuplexStream,
    /// The bytes on their way.
    pub way: JoinSet<()>,
}

impl Distant {
    /// Puts a distance between a stream to the server and its user.
    pub fn new(stream: TcpStream, one_way: Duration) -> Self {
        let (near, far) = duplex(1 << 16);
        let (from_client, to_client) = split(far);
        let (from_server, to_server) = stream.into_split();
        let mut way = JoinSet::new();
        carry(&mut way, from_client, to_server, one_way);
        carry(&mut way, from_server, to_client, one_way);
        Self { stream: near, way }
    }
}

/// Carries bytes from here to there, each a while after it was read.
fn carry(
    way: &mut JoinSet<()>,
    mut from: impl AsyncRead + Send + Unpin + 'static,
    mut to: impl AsyncWrite + Send + Unpin + 'static,
    one_way: Duration,
) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(ON_THE_WAY);
    way.spawn(async move {
        let mut bytes = vec![0; 16 * 1024];
        while let Ok(read) = from.read(&mut bytes).await {
            // An empty piece is the end.
            let piece = bytes.get(..read).unwrap_or_default().to_vec();
            if sender.send((Instant::now() + one_way, piece)).await.is_err() || read == 0 {
                return;
            }
        }
    });
    way.spawn(async move {
        while let Some((due, piece)) = receiver.recv().await {
            sleep_until(due).await;
            if piece.is_empty() || to.write_all(&piece).await.is_err() || to.flush().await.is_err() {
                break;
            }
        }
        let _ = to.shutdown().await;
    });
}

/// Returns the key of that number.
pub fn key(number: usize) -> SigningKey {
    let mut seed = [9; 32];
    seed[..8].copy_from_slice(&(number as u64).to_be_bytes());
    SigningKey::from_bytes(&seed)
}

/// Returns the fingerprint of that key.
pub fn fingerprint(number: usize) -> String {
    Fingerprint::from(&key(number).verifying_key()).to_string()
}

/// Logs in over a stream; `None` if the server ends it before `welcome`.
pub async fn login<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    host: &str,
    number: usize,
) -> Option<WebSocketStream<S>> {
    let logging_in = async {
        let url = format!("ws://{host}/ws?fingerprint={}", fingerprint(number));
        let (mut socket, _) = client_async(url, stream).await.ok()?;
        let challenge: Value = serde_json::from_str(socket.next().await?.ok()?.to_text().ok()?).ok()?;
        let nonce = Challenge::from_nonce_text(challenge["nonce"].as_str()?)?;
        let host = challenge["server"].as_str()?;
        let auth = json!({"type": "auth", "signature": nonce.sign(host, &key(number))});
        socket.send(Message::text(auth.to_string())).await.ok()?;
        let welcome = socket.next().await?.ok()?;
        welcome.to_text().is_ok_and(|text| text.contains("welcome")).then_some(socket)
    };
    timeout(LOGIN, logging_in).await.ok()?
}

/// How the logins of honest clients went.
#[derive(Debug, Default)]
pub struct Logins {
    /// How many clients there were.
    pub clients: usize,
    /// How many got in at the first try.
    pub first: usize,
    /// How many did within three.
    pub third: usize,
}

impl Logins {
    /// Has so many clients log in at the same time, each up to three times. `try_once` is a login
    /// of a client's.
    pub async fn measure<F>(clients: usize, try_once: impl Fn(usize) -> F) -> Self
    where
        F: Future<Output = bool> + Send + 'static,
    {
        let mut trying = JoinSet::new();
        for client in 0..clients {
            let tries = [(); 3].map(|()| try_once(client));
            trying.spawn(async move {
                for (number, login) in tries.into_iter().enumerate() {
                    if login.await {
                        return Some(number);
                    }
                }
                None
            });
        }
        let tries: Vec<_> = trying.join_all().await;
        let within = |most| tries.iter().filter(|tried| tried.is_some_and(|number| number < most)).count();
        Self { clients, first: within(1), third: within(3) }
    }

    /// Asserts what is promised: 95 % at the first try, and all at the third.
    #[track_caller]
    #[allow(clippy::print_stderr, reason = "the figure is worth reading")]
    pub fn assert_promised(&self, attack: &str) {
        eprintln!("{attack}: {} of {} logins at the first try, {} at the third", self.first, self.clients, self.third);
        assert!(self.first * 100 >= self.clients * 95 && self.third == self.clients, "{attack}: {self:?}");
    }
}

/// Silent connections of many peers, until this is dropped.
pub struct Flood {
    made: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Flood {
    /// Begins an attack: so many a second, in turns from the addresses that `from` gives for their
    /// numbers.
    pub fn start(to: SocketAddr, a_second: u32, from: impl Fn(usize) -> SocketAddr + Send + 'static) -> Self {
        let made = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&made);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut tick = interval(Duration::from_secs(1) / a_second);
            tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut strangers = JoinSet::new();
            for number in 0.. {
                tick.tick().await;
                while strangers.try_join_next().is_some() {}
                let from = from(number);
                let counted = Arc::clone(&counted);
                strangers.spawn(async move {
                    let Some(mut stream) = connect(from, to).await else { return };
                    counted.fetch_add(1, Ordering::Relaxed);
                    // Says nothing, until the server has had enough.
                    let _ = timeout(STAY, stream.read(&mut [0; 64])).await;
                });
            }
        });
        Self { made, _tasks: tasks }
    }

    /// Returns how many connections there were.
    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }
}
