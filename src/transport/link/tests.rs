//! Who is let in, and where a front takes its seats.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::front::{Front, HubPlace, HubWay};
use super::hub::IncomingSeat;
use super::*;
use crate::transport::Io;

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

/// A hub that listens, and what comes to it.
struct Listening {
    address: SocketAddr,
    key: NodeKey,
    arrivals: mpsc::Receiver<IncomingSeat>,
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
        let (seats, arrivals) = mpsc::channel(8);
        let mut tasks = JoinSet::new();
        tasks.spawn(hub::run(bound, standing, seats, CancellationToken::new()));
        Self { address, key: machine.key.public(), arrivals, tasks }
    }

    /// Starts a front, and returns its way to the hub.
    fn front(&mut self, machine: &Machine, hub_key: NodeKey) -> HubWay {
        let hub = LinkMachine { name: String::new(), address: self.address, key: hub_key };
        let front = Front::new(Arc::clone(&machine.key), watch::channel(vec![hub]).1, None).unwrap();
        let way = front.way();
        self.tasks.spawn(front.run());
        way
    }

    async fn next(&mut self) -> Box<dyn Io> {
        timeout(PATIENCE, self.arrivals.recv()).await.unwrap().unwrap().0
    }

    /// Takes a seat here, and returns both ends of it.
    async fn seat(&mut self, way: &HubWay) -> (Box<dyn Io>, Box<dyn Io>) {
        let HubPlace::There(ours) = timeout(PATIENCE, way.open()).await.unwrap().unwrap().0 else {
            panic!("another machine")
        };
        (ours, self.next().await)
    }
}

/// Waits until one end of a seat has ended.
async fn ends(io: &mut Box<dyn Io>) {
    assert_eq!(timeout(PATIENCE, io.read(&mut [0; 4])).await.unwrap().unwrap_or(0), 0);
}

#[tokio::test]
async fn bytes_go_both_ways_and_an_end_is_an_end_for_both() {
    let machine = Machine::new();
    let mut hub = Listening::for_fronts(&[&machine]).await;
    let way = hub.front(&machine, hub.key);
    let (mut ours, mut theirs) = hub.seat(&way).await;
    for (from, to) in [(&mut ours, &mut theirs)] {
        from.write_all(b"ping").await.unwrap();
        from.flush().await.unwrap();
        let mut bytes = [0; 4];
        to.read_exact(&mut bytes).await.unwrap();
        to.write_all(&bytes).await.unwrap();
        to.flush().await.unwrap();
        from.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"ping");
    }
    drop(theirs);
    ends(&mut ours).await;
}

/// Starts a machine of a cluster, and returns in which term it serves.
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
    let way = front.way();
    let running = tokio::spawn(front.run());
    assert!(!way.is_there(), "nobody serves");
    first_term.send_replace(5);
    timeout(PATIENCE, reached.wait_for(|reached| *reached)).await.unwrap().unwrap();
    let (mut ours, _theirs) = first.seat(&way).await;
    // The first one does not know yet that it is replaced, and says nothing: the seats with it end
    // nevertheless.
    second_term.send_replace(6);
    ends(&mut ours).await;
    let _seat = second.seat(&way).await;
    assert!(first.arrivals.try_recv().is_err());
    second_term.send_replace(0);
    first_term.send_replace(0);
    timeout(PATIENCE, reached.wait_for(|reached| !*reached)).await.unwrap().unwrap();
    running.abort();
}

#[tokio::test]
async fn a_machine_that_becomes_the_active_one_is_the_hub_of_its_own_sessions() {
    let machine = Machine::new();
    let own = watch::Sender::new(0);
    let (mut other, term) = one_of_several(&machine).await;
    let (front, mut reached) = front_of(&machine, &[&other], Some(own.subscribe()));
    let way = front.way();
    let running = tokio::spawn(front.run());
    term.send_replace(5);
    timeout(PATIENCE, reached.wait_for(|reached| *reached)).await.unwrap().unwrap();
    let (mut ours, _theirs) = other.seat(&way).await;
    own.send_replace(6);
    timeout(PATIENCE, reached.wait_for(|reached| !*reached)).await.unwrap().unwrap();
    // The other one stands still, and does not know.
    ends(&mut ours).await;
    assert!(matches!(timeout(PATIENCE, way.open()).await.unwrap().unwrap().0, HubPlace::Here));
    running.abort();
}

#[tokio::test]
async fn machines_of_a_cluster_that_come_and_go_are_let_in_and_no_more_when_they_are_gone() {
    let [machine, own] = [Machine::new(), Machine::new()];
    let known = watch::Sender::new(Vec::new());
    let listen = "127.0.0.1:0".parse().unwrap();
    let bound = hub::bind(listen, &own.key, KnownMachines::default().with_cluster(known.subscribe())).await.unwrap();
    let there = LinkMachine { name: "b".into(), address: bound.address, key: own.key.public() };
    let (seats, _arrivals) = mpsc::channel(8);
    let mut tasks = JoinSet::new();
    let term = watch::Sender::new(1);
    tasks.spawn(hub::run(bound, Some(term.subscribe()), seats, CancellationToken::new()));
    let told = watch::Sender::new(vec![there.clone()]);
    let front = Front::new(Arc::clone(&machine.key), told.subscribe(), None).unwrap();
    let mut reached = front.reached();
    tasks.spawn(front.run());
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
async fn where_nothing_moves_any_more_between_the_machines_both_sides_notice_and_seats_end() {
    let machine = Machine::new();
    let mut hub = Listening::for_fronts(&[&machine]).await;
    let (address, stalls, _tasks) = on_the_way(hub.address).await;
    let there = LinkMachine { name: String::new(), address, key: hub.key };
    let front = Front::new(Arc::clone(&machine.key), watch::channel(vec![there]).1, None).unwrap();
    let mut reached = front.reached();
    let way = front.way();
    hub.tasks.spawn(front.run());
    timeout(PATIENCE, reached.wait_for(|reached| *reached)).await.unwrap().unwrap();
    let (mut ours, mut theirs) = hub.seat(&way).await;
    stalls.send_replace(true);
    // From here on no byte comes by, and only time passes.
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    timeout(PATIENCE, reached.wait_for(|reached| !*reached)).await.unwrap().unwrap();
    ends(&mut ours).await;
    ends(&mut theirs).await;
    assert!(begun.elapsed() <= SILENCE + BEAT, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_machine_with_another_key_is_no_front_and_one_that_poses_as_the_hub_is_told_nothing() {
    let machine = Machine::new();
    let stranger = Machine::new();
    let mut hub = Listening::for_fronts(&[&machine]).await;
    let impostor = hub.front(&stranger, hub.key);
    let deceived = hub.front(&machine, stranger.key.public());
    // Both go on trying. One whose keys are right gets through meanwhile; they do not.
    let way = hub.front(&machine, hub.key);
    let _seat = hub.seat(&way).await;
    assert!(hub.arrivals.try_recv().is_err());
    assert!(!impostor.is_there() && !deceived.is_there());
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
