//! The accept loop among errors, and addresses that cannot be listened on.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

use super::*;
use crate::clock::Clock;
use crate::events::Events;
use crate::hub::{self, Hub};
use ephemeral_core::limits::{self, Rate};
use ephemeral_core::store;

pub(super) fn settings(listen: &str) -> Config {
    Config {
        listen: listen.parse().expect("an address"),
        server_names: Vec::new(),
        allow_plaintext: false,
        tls: None,
        trusted_proxies: Vec::new(),
        proxy_protocol: false,
        allowed_origins: Vec::new(),
        preparation: Duration::from_secs(10),
    }
}

/// Lets everybody in.
fn admission() -> Arc<Admission> {
    let settings = hub::Config { bounds: store::Config::default(), rate: Rate::new(60, 60), sessions: 10 };
    let hub = Hub::new(settings, Clock::System).expect("random numbers");
    let events = Arc::new(Events::new(hub.now()).expect("random numbers"));
    Admission::new(limits::Config::default(), 16, hub, events)
}

/// Returns settings with nothing to prepare.
fn plain() -> watch::Receiver<ListenerState> {
    watch::channel(ListenerState::new(&settings("127.0.0.1:1"), "127.0.0.1:1".parse().expect("an address"), None)).1
}

/// Runs the accept loop over what `accept` is to return, until that is used up.
async fn accepted(script: Vec<io::Result<SocketAddr>>) -> Vec<Peer> {
    let (sender, mut receiver) = mpsc::channel::<Incoming>(1);
    let mut script = VecDeque::from(script);
    let accept = || {
        let next = script.pop_front();
        async move {
            match next {
                Some(Ok(address)) => Ok((tokio::io::duplex(1).0, address)),
                Some(Err(error)) => Err(error),
                None => std::future::pending().await,
            }
        }
    };
    let collect = async {
        let mut peers = Vec::new();
        // Paused time runs only when nothing else does: the loop has then nothing left to accept.
        while let Ok(Some(next)) = tokio::time::timeout(Duration::from_secs(3600), receiver.recv()).await {
            peers.push(next.peer);
        }
        peers
    };
    tokio::select! {
        () = accept_loop(accept, plain(), admission(), sender) => panic!("the loop ended"),
        peers = collect => peers,
    }
}

fn peer(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 1000))
}

#[tokio::test(start_paused = true)]
async fn the_accept_loop_survives_every_error() {
    let start = Instant::now();
    let script = vec![
        Err(io::Error::from(ErrorKind::ConnectionAborted)),
        Ok(peer(1)),
        // EMFILE, ENFILE, ENOMEM, ENOBUFS on Linux.
        Err(io::Error::from_raw_os_error(24)),
        Err(io::Error::from_raw_os_error(23)),
        Err(io::Error::from_raw_os_error(12)),
        Err(io::Error::from_raw_os_error(105)),
        Ok(peer(2)),
    ];
    let peers = accepted(script).await;
    assert!(peers == [1, 2].map(|last| Peer::Address(peer(last).ip())));
    assert_eq!(
        start.elapsed() - Duration::from_secs(3600),
        4 * BREATH,
        "it waits where the machine is exhausted, and only there"
    );
}

#[tokio::test(start_paused = true)]
async fn an_ipv4_peer_on_an_ipv6_socket_is_an_ipv4_peer() {
    let mapped = SocketAddr::new(IpAddr::V6(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped()), 1000);
    assert!(accepted(vec![Ok(mapped)]).await == [Peer::Address(peer(1).ip())]);
}

#[tokio::test(start_paused = true)]
async fn the_loop_ends_when_nobody_takes_connections_any_more() {
    let (sender, receiver) = mpsc::channel(1);
    drop(receiver);
    let accept = async || Err::<(DuplexStream, _), _>(io::Error::from(ErrorKind::Other));
    accept_loop(accept, plain(), admission(), sender).await;
}

#[tokio::test]
async fn a_connection_is_handed_on_with_its_peer_and_its_listener() {
    let bound = bind(&settings("127.0.0.1:0")).await.expect("a free port");
    let address = bound.address;
    let cancel = CancellationToken::new();
    assert_ne!(address.port(), 0);
    let (sender, mut receiver) = mpsc::channel(1);
    let task = tokio::spawn(run(bound, sender, admission(), cancel.clone()));

    let mut client = TcpStream::connect(address).await.expect("it listens");
    let mut incoming = receiver.recv().await.expect("a connection");
    assert!(incoming.peer == Peer::Address(address.ip()));
    assert!(incoming.listener.answers_to("localhost"));
    client.write_all(b"hello").await.expect("to write");
    let mut read = [0; 5];
    incoming.io.read_exact(&mut read).await.expect("to read");
    assert_eq!(&read, b"hello");

    cancel.cancel();
    task.await.expect("it ends");
    assert!(TcpStream::connect(address).await.is_err(), "it listens no more");
}

#[tokio::test]
async fn a_busy_port_is_said_in_a_sentence_that_names_it() {
    let first = bind(&settings("127.0.0.1:0")).await.expect("a free port");
    let error = bind(&settings(&first.address.to_string())).await.expect_err("it is busy");
    assert!(matches!(error, ClearnetError::InUse(address) if address == first.address));
    let said = error.to_string();
    assert!(said.starts_with(&format!("{} is in use", first.address)) && said.contains("--clearnet"), "{said}");
}

#[tokio::test]
async fn an_address_of_another_machine_is_said_in_its_own_sentence() {
    let error = bind(&settings("192.0.2.1:0")).await.expect_err("it is not ours");
    assert!(matches!(error, ClearnetError::NotOurs(_)), "{error}");
}
