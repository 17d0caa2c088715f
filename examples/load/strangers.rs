//! Strangers: silent ones, garbage, and wrong signatures, so many a second. They are a process of
//! their own that gives way to the others: a real one has a machine of its own, and what its
//! requests cost it is not the server's cost.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

use crate::peer::fingerprint;

/// Strangers a second.
pub(crate) const RATE: u64 = 500;
/// As many addresses as there are: none comes twice.
pub(crate) const EVER_NEW: u64 = u64::MAX;
/// No stranger stays longer than this, in case nobody ends it.
const STAY: Duration = Duration::from_secs(3);
/// How far they give way (`nice`).
const GIVE_WAY: i32 = 10;

/// The process, which ends with this value.
pub(crate) struct Flood(Child);

impl Flood {
    pub(crate) fn start(to: SocketAddr, rate: u64, addresses: u64) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("strangers").args([to.to_string(), rate.to_string(), addresses.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        Ok(Self(command.spawn().context("cannot start the strangers")?))
    }

    /// Ends it, and returns how many there were.
    pub(crate) async fn stop(mut self) -> Result<u64> {
        drop(self.0.stdin.take());
        let said = self.0.wait_with_output().await?.stdout;
        String::from_utf8(said)?.trim().parse().context("the strangers did not say how many they were")
    }
}

/// Gives way, with every thread that is started from now on.
pub(crate) fn give_way() -> Result<()> {
    rustix::process::nice(GIVE_WAY).context("cannot give way").map(drop)
}

/// Runs as the process of the strangers.
pub(crate) async fn run(to: SocketAddr, rate: u64, addresses: u64) -> Result<()> {
    let made = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&made);
    let mut flood = JoinSet::new();
    flood.spawn(async move {
        let mut tick = interval(Duration::from_micros(1_000_000 / rate.max(1)));
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut strangers = JoinSet::new();
        let mut number = 0;
        loop {
            tick.tick().await;
            while strangers.try_join_next().is_some() {}
            let counted = Arc::clone(&counted);
            number += 1;
            strangers.spawn(async move {
                let Some(stream) = stranger(number % addresses.max(1), to).await else { return };
                counted.fetch_add(1, Ordering::Relaxed);
                drop(timeout(STAY, stay(number, to, stream)).await);
            });
        }
    });
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    println!("{}", made.load(Ordering::Relaxed));
    Ok(())
}

/// Connects one stranger after the other, from one address after the other.
pub(crate) async fn stranger(from: u64, to: SocketAddr) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().ok()?;
    let [.., high, middle, low] = from.to_be_bytes();
    socket.bind(SocketAddr::from(([127, 100 + high % 100, middle, low.max(1)], 0))).ok()?;
    timeout(STAY, socket.connect(to)).await.ok()?.ok()
}

async fn stay(number: u64, to: SocketAddr, mut stream: TcpStream) {
    match number % 3 {
        0 => drop(stream.read(&mut [0]).await),
        1 => {
            let _ = stream.write_all(b"GET /health HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        _ => drop(fail(to, stream).await),
    }
}

/// Signs wrongly.
pub(crate) async fn fail(to: SocketAddr, stream: TcpStream) -> Option<()> {
    let (mut socket, _) = client_async(format!("ws://{to}/ws?fingerprint={}", fingerprint(7)), stream).await.ok()?;
    socket.next().await?.ok()?;
    socket.send(Message::text(format!(r#"{{"type":"auth","signature":"{}"}}"#, "A".repeat(86)))).await.ok()?;
    while let Some(Ok(_)) = socket.next().await {}
    Some(())
}
