//! The onion service's own defences, over a private Tor network: floods, closed circuits, and
//! strangers to a restricted service.

use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use arti_client::{DataStream, ErrorKind, HasKind as _};
use ephemeral::transport::onion_service::{self, OnionStatus, Outlets, Phase};
use ephemeral::transport::{CircuitRefused, CircuitSession, CircuitStats, Incoming};
use ephemeral_client::dial::Arti;
use ephemeral_client::{Dial as _, ServerUrl};
use ephemeral_core::store::Acquaintance;
use ephemeral_test_support::daemon::{Daemon, GENEROUS, PATIENCE, Person, until_both};
use ephemeral_tor as tor;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::network;
use crate::{CLIENT, SERVER};

/// A flooder gives up that soon, and so does no work for a second attempt.
const IMPATIENCE: Duration = Duration::from_secs(4);

/// Bytes that the store may take in the daemon under a flood.
const TOTAL: usize = 24 << 20;
/// And all the rest: less than the README says, since the directory of this network is small. 40
/// MiB were seen.
const CONSTANT: usize = 96 << 20;

pub(crate) fn tor_table() -> toml::Table {
    let network = tokio::task::block_in_place(network::shared);
    network.tor_table()
}

fn start(directory: &TempDir, onion: &str) -> Daemon {
    let network = network::shared();
    let configuration = format!("{GENEROUS}[onion]\n{onion}\n{}", network.arti_toml());
    Daemon::start(SERVER, &directory.path().join("server"), &configuration, &[])
}

/// Starts Tor in this process, as one person has it.
fn arti(directory: &TempDir, who: &str) -> Arti {
    Arti::new(tor_table(), &directory.path().join(who)).unwrap()
}

/// Circuits of strangers, made one after the other by each of a few tasks, for as long as this
/// value lives.
struct Flood {
    tasks: JoinSet<()>,
    made: watch::Receiver<usize>,
}

impl Flood {
    fn start(client: &Arc<tor::Client>, address: &str, tasks: usize) -> Self {
        let (count, made) = watch::channel(0);
        let mut set = JoinSet::new();
        for _ in 0..tasks {
            let client = Arc::clone(client);
            let address = address.to_owned();
            let count = count.clone();
            set.spawn(async move {
                loop {
                    let stranger = client.isolated_client();
                    // Held open until the next one stands.
                    let _stream = timeout(IMPATIENCE, stranger.connect((address.as_str(), 80))).await;
                    count.send_modify(|count| *count += 1);
                }
            });
        }
        Self { tasks: set, made }
    }

    async fn until(&mut self, attempts: usize) {
        timeout(PATIENCE, self.made.wait_for(|made| *made >= attempts)).await.expect("a flood").unwrap();
    }

    /// Returns how many attempts there were.
    fn stop(mut self) -> usize {
        self.tasks.abort_all();
        *self.made.borrow()
    }
}

/// An onion service without the messenger: it says everything again in capitals. Anyone who says "I
/// AM" is taken for authenticated, and anyone who says "CLOSE ME" has its circuit closed.
pub(crate) struct Echo {
    pub(crate) status: watch::Receiver<OnionStatus>,
    pub(crate) figures: Arc<CircuitStats>,
    _cancel: tokio_util::sync::DropGuard,
}

impl Echo {
    pub(crate) fn start(settings: &onion_service::Config, state_dir: &Path) -> Self {
        Self::start_in_haste(settings, state_dir, 1)
    }

    /// Starts one that is that many times as impatient when it is not reached.
    pub(crate) fn start_in_haste(settings: &onion_service::Config, state_dir: &Path, haste: u32) -> Self {
        let (incoming, mut streams) = mpsc::channel::<Incoming>(4);
        let (sender, status) = watch::channel(OnionStatus::default());
        let cancel = CancellationToken::new();
        let outlets = Outlets { haste, ..Outlets::new(incoming, sender) };
        let figures = Arc::clone(&outlets.circuits);
        tokio::spawn(onion_service::run(settings.clone(), state_dir.to_owned(), outlets, cancel.clone()));
        tokio::spawn(async move {
            while let Some(incoming) = streams.recv().await {
                tokio::spawn(Self::answer(incoming));
            }
        });
        Self { status, figures, _cancel: cancel.drop_guard() }
    }

    pub(crate) async fn unreachable(&mut self) {
        let degraded = self.status.wait_for(|status| matches!(status.phase, Phase::Degraded(_)));
        timeout(PATIENCE, degraded).await.expect("in time").unwrap();
    }

    async fn answer(mut incoming: Incoming) {
        let circuit = incoming.circuit.take().expect("a circuit");
        let mut session: Option<CircuitSession> = None;
        let mut buffer = [0; 256];
        while let Ok(count @ 1..) = incoming.io.read(&mut buffer).await {
            buffer.make_ascii_uppercase();
            if buffer.starts_with(b"I AM") {
                session = circuit.establish(Acquaintance::Stranger);
            }
            if buffer.starts_with(b"CLOSE ME") {
                circuit.close();
            }
            if incoming.io.write_all(&buffer[..count]).await.is_err() || incoming.io.flush().await.is_err() {
                break;
            }
        }
        drop(session);
    }

    pub(crate) async fn reachable(&mut self) -> String {
        let reachable = self.status.wait_for(|status| status.phase == Phase::Reachable);
        timeout(PATIENCE, reachable).await.expect("in time").unwrap().address.clone().unwrap()
    }

    /// Waits for the figures: there is nothing that announces them.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&CircuitStats) -> bool) {
        let holds = async {
            while !holds(&self.figures) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(timeout(PATIENCE, holds).await.is_ok(), "{what}: {:?}", self.figures);
    }
}

pub(crate) async fn connect(client: &tor::Client, address: &str) -> DataStream {
    network::connect(client, address, 80).await.unwrap()
}

pub(crate) async fn ask(stream: &mut DataStream, question: &str) -> Option<String> {
    let exchange = async {
        stream.write_all(question.as_bytes()).await.ok()?;
        stream.flush().await.ok()?;
        let mut answer = vec![0; question.len()];
        stream.read_exact(&mut answer).await.ok()?;
        Some(String::from_utf8(answer).unwrap())
    };
    timeout(PATIENCE, exchange).await.expect("an answer, or an end")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_of_a_closed_circuit_gets_nothing_more_and_its_place_is_free_for_another() {
    let _turn = network::turn().await;
    let home = tempfile::tempdir().unwrap();
    let settings = onion_service::Config { tor: tor_table(), circuits: 4, ..onion_service::Config::default() };
    let mut server = Echo::start(&settings, home.path());
    let address = server.reachable().await;
    let client = tor::bootstrap(tor_table(), &home.path().join("client")).await.unwrap();

    let mut first = connect(&client, &address).await;
    let mut second = connect(&client, &address).await;
    assert_eq!(ask(&mut first, "i am").await.as_deref(), Some("I AM"));
    assert_eq!(ask(&mut second, "here").await.as_deref(), Some("HERE"));
    assert_eq!(server.figures.established(), 1);
    assert_eq!(ask(&mut second, "close me").await, None, "not even the answer to its last words");
    assert_eq!(ask(&mut first, "still there?").await, None, "and not on another stream of the circuit");
    // The circuits of the connections that the service makes to itself come and go.
    server.until("its place is free", |figures| figures.established() == 0).await;

    let mut another = connect(&client.isolated_client(), &address).await;
    assert_eq!(ask(&mut another, "hello").await.as_deref(), Some("HELLO"));
    server.until("one circuit is left, but for the service's own", |figures| figures.open() <= 2).await;
    drop(another);
}

#[tokio::test(flavor = "multi_thread")]
async fn circuits_that_come_too_fast_are_dropped_or_wait_and_are_counted_by_reason() {
    let _turn = network::turn_to_flood().await;
    let home = tempfile::tempdir().unwrap();
    let settings = onion_service::Config {
        tor: tor_table(),
        proof_of_work: false,
        circuits: 4,
        circuits_per_second: 1,
        circuit_burst: 2,
        ..onion_service::Config::default()
    };
    let mut server = Echo::start(&settings, home.path());
    let address = server.reachable().await;
    let client = tor::bootstrap(tor_table(), &home.path().join("client")).await.unwrap();
    let mut good = connect(&client.isolated_client(), &address).await;
    assert_eq!(ask(&mut good, "i am").await.as_deref(), Some("I AM"));

    let flood = Flood::start(&client, &address, 5);
    server.until("too fast", |figures| figures.refused(CircuitRefused::Paced) >= 3).await;
    server.until("too many", |figures| figures.refused(CircuitRefused::Evicted) >= 2).await;
    assert_eq!(ask(&mut good, "and the session").await.as_deref(), Some("AND THE SESSION"));
    assert_eq!(server.figures.established(), 1);
    assert!(server.figures.open() <= 4);
    flood.stop();
    let status = server.status.borrow().clone();
    assert!(status.probe.is_some_and(|probe| probe.took > Duration::ZERO), "{status:?}");
    assert!(status.published.is_some() && !status.arti.is_empty(), "{status:?}");
    assert_eq!((status.introduction_points, status.proof_of_work, status.restricted), (3, false, None));
}

/// Lets a pair exchange while strangers flood, and one more good client come.
async fn exchange_under_flood(proof_of_work: bool) {
    let directory = tempfile::tempdir().unwrap();
    let onion = format!(
        "proof_of_work = {proof_of_work}\ncircuits = 8\ncircuits_per_second = 2\ncircuit_burst = 8\n\
         [store]\ntotal_bytes = {TOTAL}\nsender_bytes = 1000000\nmailbox_bytes = 1000000"
    );
    let mut daemon = start(&directory, &onion);
    let url = daemon.reachable().await;
    let people = arti(&directory, "people");
    let person = |number| Person::new(number, Arc::new(people.isolated()), &url);
    let mut alice = person(1);
    let mut bob = person(2);
    alice.send(bob.fingerprint, "before".into());
    bob.send(alice.fingerprint, "before".into());
    until_both(&mut alice, &mut bob, "before the flood", |person| person.received.len() == 1).await;

    let strangers = tor::bootstrap(tor_table(), &directory.path().join("strangers")).await.unwrap();
    let mut flood = Flood::start(&strangers, url.host(), 6);
    flood.until(6).await;
    for number in 0..50 {
        alice.send(bob.fingerprint, format!("alice {number}"));
        bob.send(alice.fingerprint, format!("bob {number}"));
    }
    until_both(&mut alice, &mut bob, "under the flood", |person| person.received.len() == 51).await;

    // Without proof of work nothing tells a newcomer from the flood: it is a matter of luck, and
    // certain only afterwards.
    let flood = if proof_of_work { Some(flood) } else { None };
    let mut carol = person(3);
    carol.send(carol.fingerprint, "let me in".into());
    carol.until("a newcomer", |carol| carol.received.len() == 1).await;
    alice.send(bob.fingerprint, "after".into());
    bob.send(alice.fingerprint, "after".into());
    until_both(&mut alice, &mut bob, "after all", |person| person.received.len() == 52).await;
    let troubles = (&alice.troubles, &bob.troubles);
    assert_eq!((alice.connected, bob.connected), (1, 1), "no session was lost to the flood: {troubles:?}");
    let used = daemon.resident();
    assert!(used < TOTAL + CONSTANT, "{} MiB", used >> 20);
    if let Some(flood) = flood {
        assert!(flood.stop() > 6, "the flood went on all the time");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_proof_of_work_a_pair_goes_on_under_a_flood_and_a_newcomer_gets_in() {
    let _turn = network::turn_to_flood().await;
    exchange_under_flood(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_proof_of_work_a_pair_goes_on_under_a_flood_and_a_newcomer_gets_in_after_it() {
    let _turn = network::turn_to_flood().await;
    exchange_under_flood(false).await;
}

/// Returns the effort that Arti had come to ask for when it last kept it.
fn suggested_effort(state: &Path) -> u64 {
    let kept = std::fs::read_to_string(state.join("tor/state/hss/ephemeral/pow_manager.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    kept["suggested_effort"].as_u64().unwrap_or_else(|| panic!("no suggested_effort in {kept}"))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a quarter of an hour: Arti looks at the load every 300 s, and keeps what it found with the next time period"]
async fn the_effort_that_is_asked_for_grows_under_a_flood_and_a_newcomer_makes_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut daemon = start(&directory, "proof_of_work = true\ncircuits_per_second = 1\ncircuit_burst = 1");
    let url = daemon.reachable().await;
    let strangers = tor::bootstrap(tor_table(), &directory.path().join("strangers")).await.unwrap();
    let flood = Flood::start(&strangers, url.host(), 8);
    let state = directory.path().join("server/state");
    let grown = async {
        while suggested_effort(&state) == 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    timeout(8 * PATIENCE, grown).await.expect("a suggested effort");
    // Arti makes more of an effort with every attempt of one connection, and has more time for it
    // with every connection.
    let newcomer = arti(&directory, "newcomer");
    let found = async {
        while newcomer.dial(&url).await.is_err() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    timeout(3 * PATIENCE, found).await.expect("a way in");
    assert!(flood.stop() > 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_idle_circuits_than_the_bound_neither_close_a_session_nor_keep_a_newcomer_out() {
    let _turn = network::turn().await;
    let directory = tempfile::tempdir().unwrap();
    let mut daemon = start(&directory, "circuits = 6");
    let url = daemon.reachable().await;
    let people = arti(&directory, "people");
    let mut alice = Person::new(1, Arc::new(people.isolated()), &url);
    alice.until("a session", |alice| alice.connected == 1).await;

    let strangers = tor::bootstrap(tor_table(), &directory.path().join("strangers")).await.unwrap();
    let mut idle = Vec::new();
    for _ in 0..9 {
        idle.push(connect(&strangers.isolated_client(), url.host()).await);
    }
    let mut byte = [0];
    let first = idle.first_mut().unwrap();
    let ended = timeout(PATIENCE, first.read(&mut byte)).await.expect("the oldest one had to go");
    assert!(!matches!(ended, Ok(1..)), "{ended:?}");

    let mut bob = Person::new(2, Arc::new(people.isolated()), &url);
    bob.send(alice.fingerprint, "through the crowd".into());
    until_both(&mut alice, &mut bob, "an exchange", |person| person.received.len() + person.delivered == 1).await;
    assert_eq!(alice.contents(), ["through the crowd"]);
    assert_eq!(alice.connected, 1, "{:?}", alice.troubles);
}

/// Runs one of the two programs, with a home of its own.
async fn run(program: &str, home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("HOME", home).stdin(Stdio::null()).kill_on_drop(true);
    timeout(PATIENCE, command.output()).await.expect("an end").unwrap()
}

fn line(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restricted_service_is_found_by_those_who_were_added_while_it_runs_and_by_nobody_else() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    let mut daemon = start(&directory, "restricted = true");
    let url: ServerUrl = daemon.reachable().await;
    daemon.logs("nobody can find the service").await;

    let stranger = tor::bootstrap(tor_table(), &home.join("stranger")).await.unwrap();
    let refusal = network::connect(&stranger, url.host(), 80).await.map(drop).unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::OnionServiceMissingClientAuth, "{refusal}");

    let server = home.join("server/state");
    let url_text = url.to_string();
    let on_server = ["--state-dir", server.to_str().unwrap()];
    let for_url = ["--server", url_text.as_str()];
    let made = run(CLIENT, home, &[&["discovery", "new"][..], &for_url].concat()).await;
    let key = line(&made);
    assert!(key.starts_with("descriptor:x25519:"), "{key}");
    let add = [&["clients", "add", "alice", &key][..], &on_server].concat();
    line(&run(SERVER, home, &add).await);
    let list = [&["clients", "list"][..], &on_server].concat();
    assert_eq!(line(&run(SERVER, home, &list).await), format!("alice {key}"));

    // Alice has what the program has made for her. Her attempts fail until the next descriptor is
    // out, a minute after the last one; a session would wait as long again between two of them by
    // then.
    let file = home.join(".config/ephemeral/discovery").join(format!("{}.auth_private", url.onion_name().unwrap()));
    let secret = tor::DiscoverySecret::from_line(&std::fs::read_to_string(file).unwrap(), url.onion_name().unwrap());
    let dialer = arti(&directory, "alice");
    dialer.set_discovery_key(&url, secret.as_ref()).unwrap();
    let found = async {
        while dialer.isolated().dial(&url).await.is_err() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    timeout(PATIENCE, found).await.expect("the next descriptor");
    let mut alice = Person::new(1, Arc::new(dialer.isolated()), &url);
    alice.send(alice.fingerprint, "found".into());
    alice.until("the way in", |alice| alice.received.len() == 1).await;
    daemon.logs("the clients have changed").await;

    // She is removed while her descriptor is still fresh. She stays connected, and comes in no
    // more.
    let known = tor::bootstrap(tor_table(), &home.join("known")).await.unwrap();
    let name = url.onion_name().unwrap();
    tor::set_discovery_key(&known, &home.join("known"), name, secret.as_ref()).unwrap();
    let mut by_old_way = connect(&known, url.host()).await;
    let remove = [&["clients", "remove", "alice"][..], &on_server].concat();
    assert!(run(SERVER, home, &remove).await.status.success());
    daemon.logs("new introduction points").await;
    let shut_out = async {
        // The descriptor is in her client's memory, and so are the introduction points in it: these
        // are gone.
        while timeout(IMPATIENCE, known.isolated_client().connect((url.host(), 80)))
            .await
            .is_ok_and(|tried| tried.is_ok())
        {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    timeout(PATIENCE, shut_out).await.expect("the old introduction points close");
    by_old_way.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    by_old_way.flush().await.unwrap();
    assert!(timeout(PATIENCE, by_old_way.read(&mut [0; 1])).await.expect("an answer").is_ok_and(|count| count == 1));

    let refusal = stranger.isolated_client().connect((url.host(), 80)).await.map(drop).unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::OnionServiceMissingClientAuth, "{refusal}");
    dialer.set_discovery_key(&url, None).unwrap();
    assert!(dialer.isolated().dial(&url).await.is_err(), "without the key, not even she");
}
