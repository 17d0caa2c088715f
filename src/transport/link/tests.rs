//! Who is let in, and as whom the clients of a front come to the hub.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::net::SocketAddr;
use std::sync::Arc;

use ephemeral_core::limits::{self, Rate};
use ephemeral_core::protocol::WallTime;
use ephemeral_core::store;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::front::Front;
use super::*;
use crate::admission::Admission;
use crate::clock::Clock;
use crate::events::Events;
use crate::hub::{Config as StoreConfig, Hub};
use crate::transport::circuit::{CircuitBounds, CircuitSlot, Registry};
use crate::transport::{CircuitStats, Incoming, Listener, Peer};

const PATIENCE: Duration = Duration::from_secs(30);

struct Machine {
    _folder: tempfile::TempDir,
    key: Arc<LinkKey>,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = Arc::new(LinkKey::open(&folder.path().join("state")).unwrap());
        Self { _folder: folder, key }
    }
}

fn admission() -> Arc<Admission> {
    let settings = StoreConfig { bounds: store::Config::default(), rate: Rate::new(60, 60), sessions: 10 };
    let hub = Hub::new(settings, Clock::anchored(WallTime(1_767_355_200_000))).unwrap();
    let events = Arc::new(Events::new(hub.now()).unwrap());
    Admission::new(limits::Config { strikes: 1, ..limits::Config::default() }, 100, hub, events)
}

/// A hub that listens, and what comes to it.
struct Listening {
    address: SocketAddr,
    key: NodeKey,
    arrivals: mpsc::Receiver<Incoming>,
    tasks: JoinSet<()>,
}

impl Listening {
    async fn for_fronts(fronts: &[&Machine]) -> Self {
        let machine = Machine::new();
        Self::with(machine, fronts, None).await
    }

    /// Listens as a machine of a cluster that is this.
    async fn with(machine: Machine, fronts: &[&Machine], standing: Option<TermWatch>) -> Self {
        let fronts: Vec<_> = fronts.iter().map(|front| front.key.public()).collect();
        let listen = "127.0.0.1:0".parse().unwrap();
        let bound = hub::bind(listen, &machine.key, KnownMachines::these(&fronts)).await.unwrap();
        let address = bound.address;
        let (incoming, arrivals) = mpsc::channel(8);
        let mut tasks = JoinSet::new();
        tasks.spawn(hub::run(bound, standing, incoming, admission(), CancellationToken::new()));
        Self { address, key: machine.key.public(), arrivals, tasks }
    }

    /// Starts a front, and returns where its connections go in.
    fn front(&mut self, machine: &Machine, hub_key: NodeKey) -> mpsc::Sender<Incoming> {
        let hub = LinkMachine { name: String::new(), address: self.address, key: hub_key };
        let front = Front::new(Arc::clone(&machine.key), watch::channel(vec![hub]).1, None).unwrap();
        let (accepted, from_transports) = mpsc::channel(8);
        self.tasks.spawn(front::run(front, from_transports, CancellationToken::new()));
        accepted
    }

    async fn next(&mut self) -> Incoming {
        timeout(PATIENCE, self.arrivals.recv()).await.unwrap().unwrap()
    }
}

fn connection(peer: Peer, circuit: Option<&CircuitSlot>) -> (DuplexStream, Incoming) {
    let (ours, theirs) = duplex(4096);
    let listener = Arc::new(Listener { names: vec!["front.example".into()], ..Listener::default() });
    let circuit = circuit.map(|slot| slot.handle().clone());
    (ours, Incoming { peer, io: Box::new(theirs), listener, circuit, admitted: None, permit: None })
}

/// Sends a connection to a front until the hub has it: at first the front has no hub, and says so.
async fn passed_on(
    hub: &mut Listening,
    front: &mpsc::Sender<Incoming>,
    peer: Peer,
    circuit: Option<&CircuitSlot>,
) -> (DuplexStream, Incoming) {
    let attempts = async {
        loop {
            let (mut client, incoming) = connection(peer, circuit);
            front.send(incoming).await.unwrap();
            let mut first = [0; 12];
            tokio::select! {
                arrived = hub.next() => return (client, arrived),
                _ = client.read_exact(&mut first) => assert_eq!(&first, b"HTTP/1.1 503"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, attempts).await.unwrap()
}

#[tokio::test]
async fn bytes_go_both_ways_and_the_hub_knows_whom_the_front_saw_and_by_which_name() {
    let machine = Machine::new();
    let mut hub = Listening::for_fronts(&[&machine]).await;
    let front = hub.front(&machine, hub.key);
    let address = Peer::Address("192.0.2.7".parse().unwrap());
    let (mut client, mut arrived) = passed_on(&mut hub, &front, address, None).await;
    assert!(arrived.peer == address && arrived.circuit.is_none() && arrived.admitted.is_some());
    assert_eq!(arrived.listener.names, ["front.example"]);
    client.write_all(b"ping").await.unwrap();
    let mut bytes = [0; 4];
    arrived.io.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"ping");
    arrived.io.write_all(b"pong").await.unwrap();
    arrived.io.flush().await.unwrap();
    client.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"pong");
    drop(arrived);
    assert_eq!(timeout(PATIENCE, client.read(&mut bytes)).await.unwrap().unwrap(), 0, "an end is an end for both");
}

#[tokio::test]
async fn the_streams_of_one_circuit_are_one_peers_and_those_of_another_circuit_or_front_are_not() {
    let machines = [Machine::new(), Machine::new()];
    let mut hub = Listening::for_fronts(&[&machines[0], &machines[1]]).await;
    let fronts = machines.each_ref().map(|machine| hub.front(machine, hub.key));
    let mut arrived = Vec::new();
    for (front, circuit) in [(0, 1), (0, 1), (0, 2), (1, 1)] {
        let (client, incoming) = passed_on(&mut hub, &fronts[front], Peer::Circuit(circuit), None).await;
        arrived.push((client, incoming));
    }
    let peers: Vec<_> = arrived.iter().map(|(_, incoming)| incoming.peer).collect();
    assert!(peers[0] == peers[1]);
    assert!(peers[0] != peers[2] && peers[0] != peers[3] && peers[2] != peers[3]);
    assert!(peers.iter().all(|peer| *peer != Peer::Circuit(1) && *peer != Peer::Circuit(2)), "as the hub's own");
}

#[tokio::test]
async fn a_session_gets_its_place_at_the_front_and_a_circuit_that_the_hub_closes_is_closed_there() {
    let machine = Machine::new();
    let mut hub = Listening::for_fronts(&[&machine]).await;
    let front = hub.front(&machine, hub.key);
    let figures = Arc::<CircuitStats>::default();
    let registry = Registry::new(CircuitBounds::of(8), Arc::clone(&figures), Arc::new(|_, _| {}));
    let slot = registry.admit(1).0.unwrap();
    slot.built();
    let (_client, arrived) = passed_on(&mut hub, &front, Peer::Circuit(1), Some(&slot)).await;
    let circuit = arrived.circuit.unwrap();
    let place = circuit.establish(false).unwrap();
    assert_eq!(figures.established(), 0, "the session has yet to begin");
    arrived.admitted.unwrap().slot.authenticated();
    let until = |done: fn(&CircuitStats, &CircuitSlot) -> bool, what: &'static str| {
        let figures = Arc::clone(&figures);
        let slot = &slot;
        async move {
            let waiting = async {
                while !done(&figures, slot) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            timeout(PATIENCE, waiting).await.expect(what);
        }
    };
    until(|figures, _| figures.established() == 1, "a place").await;
    assert!(!slot.handle().is_closed());
    circuit.close();
    until(|_, slot| slot.handle().is_closed(), "an end of the circuit").await;
    drop(place);
}

/// A machine of a cluster, and in which term it serves.
async fn one_of_several(front: &Machine) -> (Listening, watch::Sender<u64>) {
    let term = watch::Sender::new(0);
    let listening = Listening::with(Machine::new(), &[front], Some(term.subscribe())).await;
    (listening, term)
}

/// Starts a front of several machines, of which this one is itself another.
fn front_of(machine: &Machine, hubs: &[&Listening], own: Option<TermWatch>) -> (Front, watch::Receiver<bool>) {
    let named = |hub: &&Listening| LinkMachine { name: "m".into(), address: hub.address, key: hub.key };
    let hubs: Vec<_> = hubs.iter().map(named).collect();
    let front = Front::new(Arc::clone(&machine.key), watch::channel(hubs).1, own).unwrap();
    let reached = front.reached();
    (front, reached)
}

#[tokio::test]
async fn of_several_machines_the_one_that_serves_in_the_newest_term_is_the_hub() {
    let machine = Machine::new();
    let (mut first, first_term) = one_of_several(&machine).await;
    let (mut second, second_term) = one_of_several(&machine).await;
    let (front, mut reached) = front_of(&machine, &[&first, &second], None);
    let (sender, accepted) = mpsc::channel(8);
    let running = tokio::spawn(front::run(front, accepted, CancellationToken::new()));
    let address = Peer::Address("192.0.2.7".parse().unwrap());
    // Nobody serves: clients are told so.
    let (mut client, incoming) = connection(address, None);
    sender.send(incoming).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, client.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    first_term.send_replace(5);
    timeout(PATIENCE, reached.wait_for(|reached| *reached)).await.unwrap().unwrap();
    let (mut client, mut arrived) = passed_on(&mut first, &sender, address, None).await;
    client.write_all(b"ping").await.unwrap();
    arrived.io.read_exact(&mut [0; 4]).await.unwrap();
    // The first one does not know yet that it is replaced, and says nothing: what was passed on to
    // it ends nevertheless.
    second_term.send_replace(6);
    assert_eq!(timeout(PATIENCE, client.read(&mut [0; 4])).await.unwrap().unwrap_or(0), 0);
    let (_client, arrived) = passed_on(&mut second, &sender, address, None).await;
    assert!(arrived.peer == address && first.arrivals.try_recv().is_err());
    second_term.send_replace(0);
    first_term.send_replace(0);
    timeout(PATIENCE, reached.wait_for(|reached| !*reached)).await.unwrap().unwrap();
    running.abort();
}

#[tokio::test]
async fn a_machine_that_becomes_the_active_one_passes_nobody_on_any_more() {
    let machine = Machine::new();
    let own = watch::Sender::new(0);
    let (mut other, term) = one_of_several(&machine).await;
    let (front, mut reached) = front_of(&machine, &[&other], Some(own.subscribe()));
    let (sender, accepted) = mpsc::channel(8);
    let running = tokio::spawn(front::run(front, accepted, CancellationToken::new()));
    term.send_replace(5);
    timeout(PATIENCE, reached.wait_for(|reached| *reached)).await.unwrap().unwrap();
    let (mut client, _arrived) = passed_on(&mut other, &sender, Peer::Circuit(1), None).await;
    own.send_replace(6);
    timeout(PATIENCE, reached.wait_for(|reached| !*reached)).await.unwrap().unwrap();
    assert_eq!(
        timeout(PATIENCE, client.read(&mut [0; 4])).await.unwrap().unwrap_or(0),
        0,
        "the other one stands still"
    );
    running.abort();
}

#[tokio::test]
async fn machines_of_a_cluster_that_come_and_go_are_let_in_and_no_more_when_they_are_gone() {
    let [machine, own] = [Machine::new(), Machine::new()];
    let known = watch::Sender::new(Vec::new());
    let listen = "127.0.0.1:0".parse().unwrap();
    let bound = hub::bind(listen, &own.key, KnownMachines::default().with_cluster(known.subscribe())).await.unwrap();
    let there = LinkMachine { name: "b".into(), address: bound.address, key: own.key.public() };
    let (incoming, _arrivals) = mpsc::channel(8);
    let mut tasks = JoinSet::new();
    let term = watch::Sender::new(1);
    tasks.spawn(hub::run(bound, Some(term.subscribe()), incoming, admission(), CancellationToken::new()));
    let told = watch::Sender::new(vec![there.clone()]);
    let front = Front::new(Arc::clone(&machine.key), told.subscribe(), None).unwrap();
    let mut reached = front.reached();
    let (_sender, accepted) = mpsc::channel(8);
    tasks.spawn(front::run(front, accepted, CancellationToken::new()));
    assert!(timeout(Duration::from_millis(300), reached.wait_for(|reached| *reached)).await.is_err(), "a stranger");
    let address = "192.0.2.1:1".parse().unwrap();
    known.send_replace(vec![LinkMachine { name: "a".into(), address, key: machine.key.public() }]);
    timeout(PATIENCE, reached.wait_for(|reached| *reached)).await.unwrap().unwrap();
    told.send_replace(Vec::new());
    timeout(PATIENCE, reached.wait_for(|reached| !*reached)).await.unwrap().unwrap();
    told.send_replace(vec![there]);
    timeout(PATIENCE, reached.wait_for(|reached| *reached)).await.unwrap().unwrap();
}

/// Stands between a front and a hub, and passes everything on until the value is true: then nothing
/// moves any more, and no connection ends.
async fn on_the_way(hub: SocketAddr) -> (SocketAddr, watch::Sender<bool>, JoinSet<()>) {
    let stalls = watch::Sender::new(false);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut stalled = stalls.subscribe();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut passing = JoinSet::new();
        let mut held = Vec::new();
        loop {
            let (mut from, _) = listener.accept().await.unwrap();
            if *stalled.borrow_and_update() {
                held.push(from);
                continue;
            }
            let mut stalled = stalled.clone();
            passing.spawn(async move {
                let mut to = tokio::net::TcpStream::connect(hub).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut from, &mut to) => return,
                    _ = stalled.wait_for(|stalls| *stalls) => {}
                }
                std::future::pending::<()>().await;
            });
        }
    });
    (address, stalls, tasks)
}

#[tokio::test]
async fn where_nothing_moves_any_more_between_the_machines_both_sides_notice_and_streams_end() {
    let machine = Machine::new();
    let mut hub = Listening::for_fronts(&[&machine]).await;
    let (address, stalls, _tasks) = on_the_way(hub.address).await;
    let there = LinkMachine { name: String::new(), address, key: hub.key };
    let front = Front::new(Arc::clone(&machine.key), watch::channel(vec![there]).1, None).unwrap();
    let mut reached = front.reached();
    let (sender, accepted) = mpsc::channel(8);
    hub.tasks.spawn(front::run(front, accepted, CancellationToken::new()));
    timeout(PATIENCE, reached.wait_for(|reached| *reached)).await.unwrap().unwrap();
    let (mut client, mut arrived) = passed_on(&mut hub, &sender, Peer::Circuit(1), None).await;
    stalls.send_replace(true);
    // From here on no byte comes by, and only time passes.
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    timeout(PATIENCE, reached.wait_for(|reached| !*reached)).await.unwrap().unwrap();
    assert_eq!(timeout(PATIENCE, client.read(&mut [0; 4])).await.unwrap().unwrap_or(0), 0, "at the front");
    assert_eq!(timeout(PATIENCE, arrived.io.read(&mut [0; 4])).await.unwrap().unwrap_or(0), 0, "at the hub");
    assert!(begun.elapsed() <= SILENCE + BEAT, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_machine_with_another_key_is_no_front_and_one_that_poses_as_the_hub_is_told_nothing() {
    let machine = Machine::new();
    let stranger = Machine::new();
    let mut hub = Listening::for_fronts(&[&machine]).await;
    let impostor = hub.front(&stranger, hub.key);
    let deceived = hub.front(&machine, stranger.key.public());
    for front in [&impostor, &deceived] {
        let (mut client, incoming) = connection(Peer::Circuit(1), None);
        front.send(incoming).await.unwrap();
        let mut answer = String::new();
        let read = timeout(PATIENCE, client.read_to_string(&mut answer)).await.unwrap();
        read.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\"code\":\"no_hub\""), "{answer}");
    }
    // Each goes on trying; one whose keys are right gets through meanwhile, and nothing of theirs.
    let front = hub.front(&machine, hub.key);
    let address = Peer::Address("192.0.2.7".parse().unwrap());
    let (_client, arrived) = passed_on(&mut hub, &front, address, None).await;
    assert!(arrived.peer == address);
    assert!(hub.arrivals.try_recv().is_err());
}

#[test]
fn the_key_is_made_once_and_a_damaged_file_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let state_dir = folder.path().join("state");
    let first = LinkKey::open(&state_dir).unwrap().public();
    assert_eq!(LinkKey::open(&state_dir).unwrap().public(), first);
    assert_eq!(first.to_string().parse(), Ok(first));
    std::fs::write(state_dir.join(KEY_FILE), b"short").unwrap();
    assert!(matches!(LinkKey::open(&state_dir), Err(LinkKeyError::Damaged(_))));
    for wrong in ["", "00", &"g".repeat(64), &"0".repeat(66)] {
        assert!(wrong.parse::<NodeKey>().is_err(), "{wrong}");
    }
}
