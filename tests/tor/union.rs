//! One onion service on two machines at once: clients reach both by one address, and where one is
//! dead, the other.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ephemeral::transport::onion_service::{self, clients};
use ephemeral_client::{Arti, Dial as _, ServerUrl};
use ephemeral_test_support::daemon::{Daemon, GENEROUS, PATIENCE};
use ephemeral_tor::{self as tor, DiscoverySecret, Keystore, NodePoints, Union, UnionPorts, UnionReaders};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::SERVER;
use crate::network;
use crate::onion_defences::tor_table;

const NICKNAME: &str = "ephemeral";
/// How often a node looks what the directories have: seldom on the public network, where a look
/// costs others something.
const LOOK: Duration = Duration::from_millis(700);
/// What a fresh client may take, on a machine that is busy: far less than a rendezvous that hangs,
/// beside which it tries a second one after 4 to 5 s.
const QUICKLY: Duration = Duration::from_secs(20);

/// Two machines with one key, and the union of their introduction points.
struct TwoNodes {
    home: TempDir,
    daemons: Vec<Daemon>,
    url: ServerUrl,
    /// What each announces.
    nodes: watch::Sender<Vec<NodePoints>>,
    /// Which of them publishes.
    publishes: [watch::Sender<bool>; 2],
    _readers: watch::Sender<Option<UnionReaders>>,
    _tasks: JoinSet<()>,
}

fn state(home: &Path, name: &str) -> PathBuf {
    home.join(name).join("state")
}

fn keystore(home: &Path, name: &str) -> Keystore {
    Keystore::open(&tor_table(), &state(home, name), NICKNAME).unwrap()
}

impl TwoNodes {
    async fn start(readers: Option<(&DiscoverySecret, &DiscoverySecret)>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let path = home.path();
        let address = onion_service::address(&state(path, "a"), NICKNAME).unwrap();
        let key = keystore(path, "a").key().unwrap().unwrap();
        Keystore::open_to_change(&tor_table(), &state(path, "b"), NICKNAME).unwrap().insert(&key).unwrap();
        let mut daemons = Vec::new();
        for name in ["a", "b"] {
            let mut onion = format!("proof_of_work = false\nnodes = [\"wss://{name}.example\"]\n");
            if let Some((node, client)) = readers {
                clients::add(&state(path, name), "node", &node.public()).unwrap();
                clients::add(&state(path, name), "client", &client.public()).unwrap();
                onion.push_str("restricted = true\n");
            }
            let configuration = format!("{GENEROUS}[onion]\n{onion}{}", network::shared().arti_toml());
            let mut daemon = Daemon::start(SERVER, &path.join(name), &configuration, &[]);
            // One after the other: a restricted daemon cannot read the descriptor by which the
            // other one replaces its own, and would try until it is published again.
            daemon.reachable().await;
            daemons.push(daemon);
        }
        let readers = readers.map(|(node, client)| UnionReaders::new(node, &[client.public()]));
        let (readers, of_readers) = watch::channel(readers);
        let client = tor::bootstrap(tor_table(), &path.join("union")).await.unwrap();
        let (nodes, announced) = watch::channel(Vec::new());
        let publishes = [watch::channel(true).0, watch::channel(false).0];
        let mut tasks = JoinSet::new();
        let mut owns = Vec::new();
        for (name, publishes) in ["a", "b"].iter().zip(&publishes) {
            let union = Union::new(Arc::clone(&client), keystore(path, name), LOOK).unwrap().unwrap();
            let (own, found) = watch::channel(NodePoints::default());
            let ports = UnionPorts {
                nodes: announced.clone(),
                own,
                publishes: publishes.subscribe(),
                readers: of_readers.clone(),
            };
            tasks.spawn(union.run(ports));
            owns.push(found);
        }
        let told = nodes.clone();
        tasks.spawn(announce(owns, told));
        let url = address.parse().unwrap();
        Self { home, daemons, url, nodes, publishes, _readers: readers, _tasks: tasks }
    }
}

/// Tells every node what each has found, as a channel between them does.
async fn announce(mut owns: Vec<watch::Receiver<NodePoints>>, nodes: watch::Sender<Vec<NodePoints>>) {
    loop {
        let (first, second) = owns.split_at_mut(1);
        tokio::select! {
            changed = first[0].changed() => changed.unwrap(),
            changed = second[0].changed() => changed.unwrap(),
        }
        nodes.send_replace(owns.iter_mut().map(|own| own.borrow_and_update().clone()).collect());
    }
}

/// Asks by a client that knows nothing of the service. Returns the name of the machine that
/// answered, and how long that took.
async fn ask(tor: &Arti, url: &ServerUrl) -> (String, Duration) {
    let start = Instant::now();
    let answer = async {
        let mut stream = tor.isolated().dial(url).await.map_err(|error| error.to_string())?;
        let request = format!("GET /nodes HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", url.host());
        stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
        stream.flush().await.map_err(|error| error.to_string())?;
        let mut answer = Vec::new();
        // The end of a circuit may overtake what is behind the answer.
        let _ended = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let name = answer.split_once("wss://").and_then(|(_, rest)| rest.split_once(".example"));
        name.map(|(name, _)| name.to_owned()).ok_or(answer.clone())
    };
    let name = timeout(PATIENCE, answer).await.unwrap_or_else(|_| Err("no answer in time".to_owned()));
    (name.unwrap_or_else(|error| format!("nobody: {error}")), start.elapsed())
}

/// Asks again and again until both machines have answered.
async fn until_both_answer(tor: &Arti, pair: &TwoNodes) {
    let mut seen = BTreeSet::new();
    let asking = async {
        while !(seen.contains("a") && seen.contains("b")) {
            seen.insert(ask(tor, &pair.url).await.0);
        }
    };
    let in_time = timeout(PATIENCE, asking).await;
    assert!(in_time.is_ok(), "both machines are to be reached by one address: {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fresh_clients_reach_both_machines_and_when_one_is_killed_the_other_at_once() {
    let _turn = network::turn().await;
    let mut pair = TwoNodes::start(None).await;
    let tor = Arti::new(tor_table(), &pair.home.path().join("client")).unwrap();
    until_both_answer(&tor, &pair).await;

    // The one that publishes, so that nobody mends the descriptor meanwhile.
    pair.daemons[0].signal(Signal::KILL);
    pair.daemons[0].ended().await;
    pair.publishes[0].send_replace(false);
    for attempt in 0..10 {
        let (name, took) = ask(&tor, &pair.url).await;
        assert_eq!(name, "b", "attempt {attempt}, after {took:?}");
        assert!(took < QUICKLY, "attempt {attempt}: {took:?}");
    }
    // The dead machine's lease has run out: its points leave, and the other one publishes.
    pair.nodes.send_modify(|nodes| {
        nodes.remove(0);
    });
    pair.publishes[1].send_replace(true);
    let (name, _) = ask(&tor, &pair.url).await;
    assert_eq!(name, "b");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restricted_service_on_two_machines_is_found_by_its_clients_and_by_nobody_else() {
    let _turn = network::turn().await;
    let node = DiscoverySecret::generate().unwrap();
    let alice = DiscoverySecret::generate().unwrap();
    let pair = TwoNodes::start(Some((&node, &alice))).await;
    let tor = Arti::new(tor_table(), &pair.home.path().join("client")).unwrap();
    tor.set_discovery_key(&pair.url, Some(&alice)).unwrap();
    until_both_answer(&tor, &pair).await;
    let stranger = Arti::new(tor_table(), &pair.home.path().join("stranger")).unwrap();
    let refused = timeout(PATIENCE, stranger.dial(&pair.url)).await.expect("an answer");
    assert!(refused.is_err(), "a stranger has found it");
}
