//! A circuit that hangs costs a client seconds, and not its patience: a second one is tried beside
//! it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ephemeral_client::{Dial as _, Socks};
use ephemeral_test_support::daemon::{Daemon, Person};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::SERVER;
use crate::network;

/// Serves as the port of a real Tor, but for the first connection: nothing ever comes of that, as
/// of a rendezvous that was lost.
async fn first_one_hangs(proxy: TcpListener, tor: SocketAddr) {
    let (_hangs, _) = proxy.accept().await.unwrap();
    let mut tasks = JoinSet::new();
    loop {
        let (mut client, _) = proxy.accept().await.unwrap();
        tasks.spawn(async move {
            let mut onward = TcpStream::connect(tor).await.unwrap();
            let _ended = copy_bidirectional(&mut client, &mut onward).await;
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_circuit_carries_the_session_where_the_first_one_hangs() {
    let _turn = network::turn().await;
    let directory = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(SERVER, &directory.path().join("server"), network::shared().arti_toml(), &[]);
    let url = daemon.reachable().await;
    let tor = network::shared().start_client().unwrap();
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let socks = Arc::new(Socks::new(proxy.local_addr().unwrap()).unwrap());
    let mut proxying = JoinSet::new();
    proxying.spawn(first_one_hangs(proxy, tor.socks));

    let start = Instant::now();
    drop(socks.dial(&url).await.expect("a connection, by the second circuit"));
    let took = start.elapsed();
    assert!((Duration::from_secs(4)..Socks::LIMIT / 2).contains(&took), "{took:?}");
    // And it is that circuit on which it goes on.
    let mut alice = Person::new(1, socks, &url);
    alice.send(alice.fingerprint, "to myself".into());
    alice.until("a message to oneself", |alice| alice.received.len() == 1 && alice.delivered == 1).await;
}
