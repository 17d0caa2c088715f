//! The TCP listener over real sockets: TLS, the PROXY protocol, and what becomes of connections
//! that never get as far.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ephemeral::admission::Admission;
use ephemeral::clock::Clock;
use ephemeral::events::Events;
use ephemeral::hub::{self, Hub};
use ephemeral::transport::clearnet::{self, Tls, TlsFiles};
use ephemeral::transport::{Incoming, Peer};
use ephemeral_core::limits::Rate;
use ephemeral_core::store;
use ephemeral_test_support::daemon::{Daemon, PATIENCE};
use ephemeral_test_support::rig::lenient;
use ephemeral_test_support::tls::{connector, handshake};
use futures::StreamExt as _;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use crate::SERVER;

/// Returns a certificate for `localhost` and its key, in a directory.
fn issue(directory: &Path, name: &str) -> TlsFiles {
    let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = TlsFiles { cert: directory.join(format!("{name}.pem")), key: directory.join(format!("{name}.key")) };
    fs::write(&files.cert, issued.cert.pem()).unwrap();
    fs::write(&files.key, issued.signing_key.serialize_pem()).unwrap();
    files
}

/// A listener in this process.
struct Listening {
    address: SocketAddr,
    tls: Option<Arc<Tls>>,
    incoming: mpsc::Receiver<Incoming>,
    _task: JoinSet<()>,
}

fn settings() -> clearnet::Config {
    clearnet::Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        server_names: Vec::new(),
        allow_plaintext: false,
        tls: None,
        trusted_proxies: Vec::new(),
        proxy_protocol: false,
        allowed_origins: Vec::new(),
        preparation: PATIENCE,
    }
}

/// Returns settings for a proxy on 127.0.0.1, which begins with a PROXY header.
fn behind_a_proxy() -> clearnet::Config {
    clearnet::Config { trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()], proxy_protocol: true, ..settings() }
}

async fn listen(settings: clearnet::Config) -> Listening {
    listen_with(settings, 16).await
}

/// Listens. `slots`: for connections that have not authenticated.
async fn listen_with(settings: clearnet::Config, slots: usize) -> Listening {
    let bound = clearnet::bind(&settings).await.unwrap();
    let address = bound.address;
    let tls = bound.tls.clone();
    let (sender, incoming) = mpsc::channel(8);
    let mut task = JoinSet::new();
    task.spawn(clearnet::run(bound, sender, admission(slots), CancellationToken::new()));
    Listening { address, tls, incoming, _task: task }
}

fn admission(slots: usize) -> Arc<Admission> {
    let settings = hub::Config { bounds: store::Config::default(), rate: Rate::new(60, 60), sessions: 10 };
    let hub = Hub::new(settings, Clock::System).unwrap();
    let events = Arc::new(Events::new(hub.now()).unwrap());
    Admission::new(lenient(), slots, hub, events)
}

impl Listening {
    async fn connect(&self) -> TcpStream {
        self.connect_from("127.0.0.1").await
    }

    async fn connect_from(&self, address: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(ip(address), 0)).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// Returns the next connection that is handed on.
    async fn next(&mut self) -> Incoming {
        timeout(PATIENCE, self.incoming.recv()).await.expect("a connection in time").unwrap()
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[track_caller]
fn assert_peer(incoming: &Incoming, address: &str) {
    assert!(incoming.peer == Peer::Address(ip(address)), "another peer than {address}");
}

/// Checks that bytes go through in both directions.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(client: &mut S, incoming: &mut Incoming) {
    let mut read = [0; 5];
    client.write_all(b"there").await.unwrap();
    client.flush().await.unwrap();
    incoming.io.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"there");
    incoming.io.write_all(b"again").await.unwrap();
    incoming.io.flush().await.unwrap();
    client.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"again");
}

/// Waits until the server has closed.
async fn closed(client: &mut TcpStream) {
    let read = timeout(PATIENCE, client.read(&mut [0; 64])).await.expect("an end in time");
    assert!(matches!(read, Ok(0) | Err(_)), "it was answered");
}

#[tokio::test]
async fn a_client_that_knows_the_certificate_talks_over_tls() {
    let directory = tempfile::tempdir().unwrap();
    let files = issue(directory.path(), "a");
    let mut listening = listen(clearnet::Config { tls: Some(files.clone()), ..settings() }).await;
    let mut client = handshake(&files.cert, listening.connect().await).await.unwrap();
    assert_eq!(client.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
    let mut incoming = listening.next().await;
    assert!(incoming.listener.tls);
    assert_peer(&incoming, "127.0.0.1");
    exchange(&mut client, &mut incoming).await;

    let other = issue(directory.path(), "b");
    assert!(handshake(&other.cert, listening.connect().await).await.is_err(), "it knows another certificate");
    let name = ServerName::try_from("localhost").unwrap();
    let h2_alone = connector(&files.cert, &["h2"]).connect(name, listening.connect().await).await;
    assert!(h2_alone.is_err(), "HTTP/2 is not spoken here");
    assert!(listening.incoming.try_recv().is_err(), "neither is handed on");
}

#[tokio::test]
async fn a_certificate_that_was_exchanged_is_for_new_connections_and_a_wrong_one_for_none() {
    let directory = tempfile::tempdir().unwrap();
    let files = issue(directory.path(), "a");
    let next = issue(directory.path(), "b");
    let old = TlsFiles { cert: directory.path().join("old.pem"), ..files.clone() };
    fs::copy(&files.cert, &old.cert).unwrap();
    let mut listening = listen(clearnet::Config { tls: Some(files.clone()), ..settings() }).await;
    let tls = listening.tls.clone().unwrap();
    let mut first = handshake(&old.cert, listening.connect().await).await.unwrap();
    let mut of_first = listening.next().await;

    fs::copy(&next.cert, &files.cert).unwrap();
    assert!(tls.reload().is_err(), "its key has not been exchanged yet");
    handshake(&old.cert, listening.connect().await).await.expect("the old one is still served");

    fs::copy(&next.key, &files.key).unwrap();
    tls.reload().unwrap();
    handshake(&next.cert, listening.connect().await).await.expect("the new one is served");
    assert!(handshake(&old.cert, listening.connect().await).await.is_err(), "the old one is not any more");
    exchange(&mut first, &mut of_first).await;
}

#[tokio::test]
async fn a_proxys_header_names_the_peer_before_tls_and_without_it() {
    let directory = tempfile::tempdir().unwrap();
    let files = issue(directory.path(), "a");
    let v2 = [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".as_slice(), &[192, 0, 2, 1, 10, 0, 0, 1, 4, 0, 1, 187]].concat();
    for (header, peer) in [
        (b"PROXY TCP4 192.0.2.1 10.0.0.1 1024 443\r\n".as_slice(), "192.0.2.1"),
        (b"PROXY TCP6 2001:db8::1 2001:db8::2 1024 443\r\n", "2001:db8::1"),
        (&v2, "192.0.2.1"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", "127.0.0.1"),
    ] {
        let mut listening = listen(behind_a_proxy()).await;
        let mut client = listening.connect().await;
        client.write_all(header).await.unwrap();
        let mut incoming = listening.next().await;
        assert_peer(&incoming, peer);
        exchange(&mut client, &mut incoming).await;

        let mut listening = listen(clearnet::Config { tls: Some(files.clone()), ..behind_a_proxy() }).await;
        let mut client = listening.connect().await;
        client.write_all(header).await.unwrap();
        let mut client = handshake(&files.cert, client).await.unwrap();
        let mut incoming = listening.next().await;
        assert_peer(&incoming, peer);
        exchange(&mut client, &mut incoming).await;
    }
}

#[tokio::test]
async fn a_trusted_proxy_that_sends_no_header_is_not_served() {
    let mut listening = listen(behind_a_proxy()).await;
    let mut client = listening.connect().await;
    client.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    closed(&mut client).await;
    assert!(listening.incoming.try_recv().is_err());
}

#[tokio::test]
async fn nobody_elses_header_is_believed_or_even_read() {
    let header = b"PROXY TCP4 192.0.2.1 10.0.0.1 1024 443\r\n";
    let mut listening = listen(behind_a_proxy()).await;
    let mut client = listening.connect_from("127.0.0.2").await;
    let mut incoming = listening.next().await;
    assert_peer(&incoming, "127.0.0.2");
    client.write_all(header).await.unwrap();
    let mut read = vec![0; header.len()];
    incoming.io.read_exact(&mut read).await.unwrap();
    assert_eq!(read, header);

    // Where the protocol is off, it is nobody's.
    let mut listening = listen(clearnet::Config { proxy_protocol: false, ..behind_a_proxy() }).await;
    let _client = listening.connect().await;
    let incoming = listening.next().await;
    assert_peer(&incoming, "127.0.0.1");
    assert!(
        incoming.listener.is_trusted_proxy(ip("127.0.0.1")) && !incoming.listener.is_trusted_proxy(ip("127.0.0.2"))
    );
}

#[tokio::test]
async fn silent_connections_delay_nobody_and_the_oldest_of_them_give_way() {
    let directory = tempfile::tempdir().unwrap();
    let files = issue(directory.path(), "a");
    let mut listening = listen_with(clearnet::Config { tls: Some(files.clone()), ..settings() }, 4).await;
    let mut silent = Vec::new();
    for number in 0..4 {
        silent.push(listening.connect().await);
        // Half a handshake is no better than none.
        if number % 2 == 1 {
            silent[number].write_all(b"\x16\x03\x01\x02\x00\x01").await.unwrap();
        }
    }
    for round in 0..8 {
        let mut client = timeout(PATIENCE, handshake(&files.cert, listening.connect().await)).await.unwrap().unwrap();
        let mut incoming = listening.next().await;
        exchange(&mut client, &mut incoming).await;
        // All four were in front of it. The oldest gave way, and another silent one takes its
        // place.
        closed(&mut silent[round]).await;
        silent.push(listening.connect().await);
    }
    let youngest = silent.last_mut().unwrap();
    let still_open = timeout(Duration::from_millis(50), youngest.read(&mut [0])).await;
    assert!(still_open.is_err(), "the youngest has its time");
}

#[tokio::test]
async fn whoever_does_not_finish_the_handshake_in_time_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let tls = Some(issue(directory.path(), "a"));
    let preparation = Duration::from_millis(50);
    let listening = listen(clearnet::Config { tls, preparation, ..settings() }).await;
    let mut silent = listening.connect().await;
    closed(&mut silent).await;
    let listening = listen(clearnet::Config { preparation, ..behind_a_proxy() }).await;
    let mut half = listening.connect().await;
    half.write_all(b"PROXY TCP4 192.0.2.1 ").await.unwrap();
    closed(&mut half).await;
}

/// Returns the answer to a request, with the connection's end.
async fn ask<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("an answer in time").unwrap();
    String::from_utf8(answer).unwrap().to_ascii_lowercase()
}

const HSTS: &str = "\r\nstrict-transport-security: max-age=63072000\r\n";
const HEALTH: &str = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn the_daemon_serves_sessions_over_tls_and_says_on_every_answer_that_there_is_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let files = issue(directory.path(), "a");
    let configuration = format!("[clearnet]\ntls_cert = {:?}\ntls_key = {:?}\n", files.cert, files.key);
    let mut daemon = Daemon::start(SERVER, directory.path(), &configuration, &["--no-tor", "--clearnet=127.0.0.1:0"]);
    let said = daemon.says("clearnet ").await;
    let address: SocketAddr = said.strip_prefix("https://").expect("it serves TLS").parse().unwrap();
    let connect = async || handshake(&files.cert, TcpStream::connect(address).await.unwrap()).await.unwrap();

    let answer = ask(connect().await, HEALTH).await;
    assert!(answer.starts_with("http/1.1 200 ") && answer.contains(HSTS), "{answer}");
    let answer = ask(connect().await, "GET /health HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("http/1.1 421 ") && answer.contains(HSTS), "{answer}");
    // What the HTTP library answers by itself.
    let answer = ask(connect().await, "nonsense\r\n\r\n").await;
    assert!(answer.starts_with("http/1.1 400 ") && answer.contains(HSTS), "{answer}");

    let fingerprint = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    let url = format!("ws://localhost/ws?fingerprint={fingerprint}");
    let (mut socket, response) = tokio_tungstenite::client_async(url, connect().await).await.unwrap();
    assert_eq!(response.headers()["strict-transport-security"], "max-age=63072000");
    let Some(Ok(Message::Text(challenge))) = socket.next().await else { panic!("no challenge") };
    assert!(challenge.contains("\"challenge\""), "{challenge}");
    socket.close(None).await.unwrap();

    // Who speaks HTTP to it gets no answer in it, and disturbs nobody.
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(HEALTH.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, plain.read_to_end(&mut answer)).await.expect("an end in time");
    assert!(!answer.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn without_tls_no_answer_asks_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(SERVER, directory.path(), "", &["--no-tor", "--clearnet=127.0.0.1:0"]);
    let said = daemon.says("clearnet ").await;
    let address: SocketAddr = said.strip_prefix("http://").expect("it does not serve TLS").parse().unwrap();
    for request in [HEALTH, "nonsense\r\n\r\n"] {
        let answer = ask(TcpStream::connect(address).await.unwrap(), request).await;
        assert!(answer.starts_with("http/1.1 ") && !answer.contains("strict-transport-security"), "{answer}");
    }
}
