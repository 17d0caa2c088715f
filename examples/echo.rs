//! A WebSocket server that sends back what it is sent, for a test suite of RFC 6455 to talk to:
//! `tests/autobahn`.
//!
//! It is made of the server's own code from the first byte of a request to the close handshake
//! ([`conn::requests`] and [`websocket`]); only the session between the two is missing. Prints the
//! address to connect to, and ends with Ctrl-C.

#![allow(clippy::print_stdout, reason = "it talks to a person")]

use std::sync::Arc;

use anyhow::Context as _;
use ephemeral::admission::Admitted;
use ephemeral::clock::Clock;
use ephemeral::conn::{self, Server, Setup};
use ephemeral::http::Health;
use ephemeral::hub::{self, Hub};
use ephemeral::pump::{self, websocket};
use ephemeral::transport::{Listener, Peer};
use ephemeral_core::limits::{self, Rate};
use ephemeral_core::session;
use ephemeral_core::store;
use futures::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

/// The suite's largest messages have 16 MiB. The server's own limit follows from `content_bytes`:
/// 397,312 bytes by default, 6,295,552 at most.
const FRAME_BYTES: usize = 16 << 20;
/// Any key will do (here the first of RFC 8032, section 7.1): nobody is asked for a signature.
const FINGERPRINT: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let socket = TcpListener::bind(&address).await.with_context(|| format!("cannot listen on {address}"))?;
    let bound = socket.local_addr()?;
    let listener = Arc::new(Listener::clearnet(bound, &[]));
    // The sender: anyone who holds it says how healthy the server is.
    let (_health, server) = server()?;
    println!("ws://{bound}/ws?fingerprint={FINGERPRINT}");

    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = socket.accept() => {
                let (stream, from) = accepted?;
                stream.set_nodelay(true)?;
                connections.spawn(serve(Arc::clone(&server), stream, Peer::Address(from.ip()), Arc::clone(&listener)));
            }
            Some(_) = connections.join_next() => {}
            interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
        }
    }
}

/// Returns what [`conn::requests`] wants to know of the server, whose hub stays empty.
fn server() -> anyhow::Result<(watch::Sender<Health>, Arc<Server>)> {
    let rules = session::Config::default();
    let rate = Rate::new(rules.messages_per_minute, rules.message_burst);
    let hub = Hub::new(hub::Config { bounds: store::Config::default(), rate, sessions: 1 }, Clock::System)
        .context("the system has no random numbers")?;
    let (health, health_now) = watch::channel(Health::Healthy);
    let timing = pump::Config::default();
    let policy = generous();
    let limits = conn::Config::default();
    let dead_man = watch::channel(None).1;
    let nodes = watch::channel(None).1;
    let setup = Setup {
        hub,
        rules,
        timing,
        policy,
        limits,
        onion: None,
        health: health_now,
        moved: None,
        nodes,
        way: None,
        dead_man,
        cluster: None,
    };
    Ok((health, Server::new(setup).context("the system has no random numbers")?))
}

/// Returns limits for a suite that connects hundreds of times, and breaks the rules on purpose.
fn generous() -> limits::Config {
    let requests = Rate::new(1_000_000, 1_000_000);
    limits::Config { requests, connections: 1_000_000, strikes: 1_000_000, ..limits::Config::default() }
}

async fn serve(server: Arc<Server>, stream: TcpStream, peer: Peer, listener: Arc<Listener>) {
    let Ok(Admitted { connection, slot }) = server.admission.admit(peer, false) else { return };
    if let Some(upgraded) = conn::requests(server, peer, Box::new(stream), listener, connection, slot).await {
        let mut socket = websocket::open(upgraded.io, upgraded.read_ahead, FRAME_BYTES).await;
        socket.get_mut().unlimit();
        echo(socket).await;
    }
}

/// Sends back texts and binary messages. Pings and closes are answered by the socket itself.
async fn echo(mut socket: websocket::Socket) {
    while let Some(next) = socket.next().await {
        let sent = match next {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => socket.send(message).await,
            Ok(_) => socket.flush().await,
            Err(error) => match websocket::reason_of(&error, &socket) {
                Some(reason) => return websocket::close(socket, reason).await,
                None => break,
            },
        };
        if sent.is_err() {
            break;
        }
    }
    websocket::hang_up(socket).await;
}
