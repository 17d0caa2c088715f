//! The onion service over a private Tor network: published by the server's transport, used by a Tor
//! client.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ephemeral::transport::Incoming;
use ephemeral::transport::onion_service::{self, OnionError, OnionStatus, Outlets, Phase};
use ephemeral_tor as tor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::network;

const PATIENCE: Duration = Duration::from_secs(120);
/// A running onion service whose streams are answered in capitals.
struct ServedOnion {
    status: watch::Receiver<OnionStatus>,
    cancel: CancellationToken,
    run: JoinHandle<Result<(), OnionError>>,
}

impl ServedOnion {
    fn start(settings: &onion_service::Config, state_dir: &Path) -> Self {
        let (incoming, streams) = mpsc::channel(4);
        let (sender, status) = watch::channel(OnionStatus::default());
        let cancel = CancellationToken::new();
        let outlets = Outlets::new(incoming, sender);
        let run = tokio::spawn(onion_service::run(settings.clone(), state_dir.to_owned(), outlets, cancel.clone()));
        tokio::spawn(answer_all(streams));
        Self { status, cancel, run }
    }

    /// Waits until clients can connect, and returns the address for it.
    async fn reachable(&mut self) -> String {
        match timeout(PATIENCE, self.status.wait_for(|status| status.phase == Phase::Reachable)).await {
            Ok(Ok(status)) => return status.address.clone().unwrap(),
            Ok(Err(_)) => {}
            Err(_) => panic!("not reachable in time"),
        }
        panic!("the service has ended: {:?}", (&mut self.run).await);
    }
}

async fn answer_all(mut streams: mpsc::Receiver<Incoming>) {
    while let Some(incoming) = streams.recv().await {
        tokio::spawn(answer(incoming));
    }
}

/// Says everything again in capitals, and after a "bye" hangs up.
async fn answer(mut incoming: Incoming) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = incoming.io.read(&mut buffer).await {
        buffer.make_ascii_uppercase();
        incoming.io.write_all(&buffer[..count]).await.unwrap();
        incoming.io.flush().await.unwrap();
        if buffer.starts_with(b"BYE") {
            return;
        }
    }
}

type Stream = arti_client::DataStream;

async fn connect(client: &tor::Client, address: &str, port: u16) -> Result<Stream, String> {
    network::connect(client, address, port).await.map_err(|error| format!("{error:?}"))
}

async fn ask(stream: &mut Stream, question: &str) -> String {
    stream.write_all(question.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    let mut answer = vec![0; question.len()];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.expect("an answer").unwrap();
    String::from_utf8(answer).unwrap()
}

/// Returns the network that these tests share, and the settings of a service in it.
fn settings() -> (network::Shared, onion_service::Config) {
    let network = tokio::task::block_in_place(network::shared);
    let tor = network.tor_table();
    (network, onion_service::Config { tor, ..onion_service::Config::default() })
}

/// Returns a Tor client of its own, as people have it.
async fn client(settings: &onion_service::Config, home: &Path) -> Arc<tor::Client> {
    tor::bootstrap(settings.tor.clone(), &home.join("client")).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_reach_the_configured_port_and_no_other() {
    let _turn = network::turn().await;
    let (_network, settings) = settings();
    let home = tempfile::tempdir().unwrap();
    let expected = onion_service::address(home.path(), &settings.nickname).unwrap();
    let mut server = ServedOnion::start(&settings, home.path());
    let address = server.reachable().await;
    assert_eq!(address, expected, "the address was right before there was a service");

    let client = client(&settings, home.path()).await;
    let mut stream = connect(&client, &address, 80).await.unwrap();
    assert_eq!(ask(&mut stream, "through six relays").await, "THROUGH SIX RELAYS");

    connect(&client, &address, 81).await.unwrap_err();
    let mut byte = [0];
    let ended = timeout(PATIENCE, stream.read(&mut byte)).await.expect("an end");
    assert!(!matches!(ended, Ok(1..)), "a circuit that tries ports is closed: {ended:?}");
    let mut stream = connect(&client, &address, 80).await.unwrap();
    assert_eq!(ask(&mut stream, "on a new circuit").await, "ON A NEW CIRCUIT");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_over_the_bound_are_refused_and_the_others_live() {
    let _turn = network::turn().await;
    let (_network, settings) = settings();
    let settings = onion_service::Config { streams_per_circuit: 2, ..settings };
    let home = tempfile::tempdir().unwrap();
    let mut server = ServedOnion::start(&settings, home.path());
    let address = server.reachable().await;
    let client = client(&settings, home.path()).await;

    let mut first = connect(&client, &address, 80).await.unwrap();
    let mut second = connect(&client, &address, 80).await.unwrap();
    let refusal = connect(&client, &address, 80).await.unwrap_err();
    assert!(refusal.contains("EndReason(DONE)"), "{refusal}");
    assert_eq!(ask(&mut first, "one").await, "ONE");
    assert_eq!(ask(&mut second, "two").await, "TWO");
    assert_eq!(ask(&mut first, "still there").await, "STILL THERE");
}

#[tokio::test(flavor = "multi_thread")]
async fn open_streams_outlive_the_end_of_the_service_and_the_next_one_has_its_address() {
    let _turn = network::turn().await;
    let (_network, settings) = settings();
    let home = tempfile::tempdir().unwrap();
    let mut server = ServedOnion::start(&settings, home.path());
    let address = server.reachable().await;
    let client = client(&settings, home.path()).await;
    let mut stream = connect(&client, &address, 80).await.unwrap();
    assert_eq!(ask(&mut stream, "hello").await, "HELLO");

    server.cancel.cancel();
    let refusal = connect(&client, &address, 80).await.unwrap_err();
    assert!(refusal.contains("EndReason(DONE)"), "{refusal}");
    assert_eq!(ask(&mut stream, "still there").await, "STILL THERE");
    assert!(!server.run.is_finished());
    assert_eq!(ask(&mut stream, "bye").await, "BYE", "what it said last has arrived");
    timeout(PATIENCE, server.run).await.expect("an end").unwrap().unwrap();

    let mut server = ServedOnion::start(&settings, home.path());
    assert_eq!(server.reachable().await, address);
    let mut stream = connect(&client.isolated_client(), &address, 80).await.unwrap();
    assert_eq!(ask(&mut stream, "back").await, "BACK");
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_running_service_its_address_can_be_read_but_no_second_one_starts() {
    let _turn = network::turn().await;
    let (_network, settings) = settings();
    let home = tempfile::tempdir().unwrap();
    let mut server = ServedOnion::start(&settings, home.path());
    let address = server.reachable().await;

    assert_eq!(onion_service::address(home.path(), &settings.nickname).unwrap(), address);
    let second = ServedOnion::start(&settings, home.path());
    let refusal = timeout(PATIENCE, second.run).await.expect("an end").unwrap().unwrap_err().to_string();
    assert!(refusal.contains("another process uses the state directory"), "{refusal}");
    assert_eq!(server.reachable().await, address, "the first one does not mind");
}
