//! The attack harness over a private Tor network: what is promised to honest clients, one second
//! away in each direction, while strangers attack within the limits, each on a circuit of its own.
//! `tests/process/attacks.rs` has the same over TCP and TLS; docs/threat-model.md has the table of
//! the figures.

use std::sync::Arc;
use std::time::Duration;

use arti_client::DataStream;
use ephemeral_client::ServerUrl;
use ephemeral_test_support::attack::{Distant, Flood, HonestPair, Logins, begin_message, log_in, login, stay_silent};
use ephemeral_test_support::daemon::Daemon;
use ephemeral_tor as tor;
use futures::future::join_all;
use tempfile::TempDir;
use tokio::io::DuplexStream;
use tokio::task::{JoinSet, block_in_place};
use tokio::time::sleep;
use tokio_tungstenite::WebSocketStream;

use crate::{SERVER, network};

/// How far away an honest client is.
const ONE_WAY: Duration = Duration::from_secs(1);
/// How long a flood has gone on when the honest clients come: the slots have been taken several
/// times over.
const BEFORE: Duration = Duration::from_secs(3);
/// Bytes that the store may take.
const STORE: usize = 24 << 20;
/// And all the rest: `onion.memory_bytes` and what the README says.
const REST: usize = (128 + 192) << 20;
/// The keys of the honest pair, of the other honest clients, and of the strangers.
const PAIR: usize = 1_000_000;
const HONEST: usize = 2_000_000;
const HALVES: usize = 3_000_000;

/// How large an attack is.
struct Scale {
    /// Circuits of strangers.
    circuits: usize,
    /// Slots for connections that have not authenticated: as many for each circuit as in the larger
    /// run.
    slots: usize,
    /// Honest clients that log in at the same time, each on a circuit of its own.
    clients: usize,
    /// Messages of the honest pair.
    messages: usize,
    /// Sessions with half a message each: more than their budget.
    halves: usize,
}

/// What fits into a minute on a machine that does other things as well.
const BRIEF: Scale = Scale { circuits: 10, slots: 26, clients: 8, messages: 8, halves: 48 };
/// The defaults, a quarter of the circuits that there may be less a third: what strangers get of
/// them.
const FULL: Scale = Scale { circuits: 100, slots: 256, clients: 40, messages: 40, halves: 200 };

/// The service, the strangers' circuits, and an honest pair that was there before.
struct Attacked {
    daemon: Daemon,
    url: ServerUrl,
    people: Arc<tor::Client>,
    circuits: Arc<Vec<Arc<tor::Client>>>,
    pair: HonestPair<DuplexStream>,
    /// The pair's bytes on their way.
    _ways: [JoinSet<()>; 2],
    _directory: TempDir,
}

/// Connects on the circuit of this client, and waits out what passes: that is the network's, and
/// not the service's.
async fn dial(circuit: &tor::Client, url: &ServerUrl) -> Option<DataStream> {
    network::connect(circuit, url.host(), 80).await.ok()
}

impl Attacked {
    async fn new(scale: &Scale) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let network = block_in_place(network::shared);
        let limits = format!("[limits]\nunauthenticated = {}\n[store]\ntotal_bytes = {STORE}\n", scale.slots);
        let configuration = format!("{limits}{}", network.arti_toml());
        let mut daemon = Daemon::start(SERVER, &directory.path().join("server"), &configuration, &[]);
        let url = daemon.reachable().await;
        let people = tor::bootstrap(network.tor_table(), &directory.path().join("people")).await.unwrap();
        let strangers = tor::bootstrap(network.tor_table(), &directory.path().join("strangers")).await.unwrap();
        let (sender, one_way) = Self::session(&people, &url, PAIR).await;
        let (recipient, other_way) = Self::session(&people, &url, PAIR + 1).await;
        let pair = HonestPair::new(sender, recipient, PAIR + 1);
        // Built a few at a time, within the pace at which the service takes them on.
        let circuits: Vec<_> = (0..scale.circuits).map(|_| strangers.isolated_client()).collect();
        for some in circuits.chunks(5) {
            let built = join_all(some.iter().map(|circuit| dial(circuit, &url))).await;
            assert!(built.iter().all(Option::is_some), "a stranger has no circuit");
        }
        let circuits = Arc::new(circuits);
        let ways = [one_way, other_way];
        Self { daemon, url, people, circuits, pair, _ways: ways, _directory: directory }
    }

    /// Returns a session of somebody who is far away, on a circuit of its own.
    async fn session(
        people: &tor::Client,
        url: &ServerUrl,
        number: usize,
    ) -> (WebSocketStream<DuplexStream>, JoinSet<()>) {
        let stream = dial(&people.isolated_client(), url).await.expect("a circuit");
        let Distant { stream, way } = Distant::new(stream, ONE_WAY);
        (login(stream, url.host(), number).await.expect("a session"), way)
    }

    /// Strangers, 90 a minute on each circuit, who do that with their streams.
    fn flood<D>(&self, then: impl Fn(usize, DataStream) -> D + Send + Sync + 'static) -> Flood
    where
        D: Future<Output = ()> + Send + 'static,
    {
        let circuits = Arc::clone(&self.circuits);
        let url = Arc::new(self.url.clone());
        let a_second = u32::try_from(circuits.len() * 90 / 60).unwrap();
        let open = move |number: usize| {
            let circuits = Arc::clone(&circuits);
            let url = Arc::clone(&url);
            async move { dial(circuits.get(number % circuits.len())?, &url).await }
        };
        Flood::start(a_second, open, then)
    }

    /// Has honest clients log in, and the honest pair go on, and says how that went.
    async fn measure(&mut self, attack: &str, scale: &Scale) {
        let Self { url, people, pair, .. } = self;
        let try_once = |client: usize| {
            let people = Arc::clone(people);
            let url = url.clone();
            async move {
                // Without a circuit nobody has asked the service for anything.
                let stream = dial(&people.isolated_client(), &url).await.expect("a circuit");
                let Distant { stream, way: _way } = Distant::new(stream, ONE_WAY);
                log_in(stream, url.host(), HONEST + client).await.map(drop)
            }
        };
        let exchange = pair.exchange_under(attack, scale.messages, Duration::from_millis(500));
        let (logins, ()) = futures::future::join(Logins::measure(scale.clients, try_once), exchange).await;
        logins.assert_promised(attack);
    }

    /// Has sessions send half a message each, and keeps them.
    async fn send_halves(&self, scale: &Scale) -> Vec<WebSocketStream<DataStream>> {
        let log_in = |number: usize| async move {
            let stream = dial(self.circuits.get(number % scale.circuits)?, &self.url).await?;
            login(stream, self.url.host(), HALVES + number).await
        };
        // No more at a time than there are slots.
        let numbers: Vec<_> = (0..scale.halves).collect();
        let mut sessions = Vec::new();
        for some in numbers.chunks(scale.slots / 2) {
            sessions.extend(join_all(some.iter().map(|&number| log_in(number))).await.into_iter().flatten());
        }
        join_all(sessions.iter_mut().map(|session| begin_message(session, Duration::from_secs(5)))).await;
        sessions
    }
}

#[allow(clippy::print_stderr, reason = "the figures are worth reading")]
async fn attack(scale: &Scale) {
    let _turn = network::turn_to_flood().await;
    let mut attacked = Attacked::new(scale).await;
    let circuits = scale.circuits;
    let before = attacked.daemon.resident();

    let halves = attacked.send_halves(scale).await;
    let unfinished = halves.len();
    attacked.measure(&format!("{unfinished} sessions with half a message each"), scale).await;
    let with_halves = attacked.daemon.resident();
    drop(halves);

    let flood = attacked.flood(|_, stream| stay_silent(stream));
    sleep(BEFORE).await;
    attacked.measure(&format!("{circuits} circuits with silent connections"), scale).await;
    let silent = flood.made();
    drop(flood);
    let gave_way = attacked.daemon.events("gave_way").await + attacked.daemon.events("overload").await;

    let host = attacked.url.host().to_owned();
    let flood = attacked.flood(move |number, stream| {
        let host = host.clone();
        async move { drop(login(stream, &host, number).await) }
    });
    sleep(BEFORE).await;
    attacked.measure(&format!("{circuits} circuits with logins by throw-away keys"), scale).await;
    let throw_away = flood.made();
    drop(flood);

    let after = attacked.daemon.resident();
    eprintln!(
        "{silent} silent, {throw_away} throw-away logins, {gave_way} slots given up or refused; {} MiB before, {} MiB with the \
         halves, {} MiB after",
        before >> 20,
        with_halves >> 20,
        after >> 20
    );
    assert!(silent as usize > scale.slots && throw_away as usize > scale.slots, "that was no flood");
    assert!(gave_way > 0, "the slots were never full");
    assert!(unfinished * 390_000 > 16 << 20, "not more than the budget: {unfinished}");
    assert!(after.max(with_halves) < STORE + REST, "{} MiB", after.max(with_halves) >> 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tor_logins_succeed_and_sessions_go_on_while_circuits_attack_within_their_limits() {
    attack(&BRIEF).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes, and a machine for itself: the figures of docs/threat-model.md"]
async fn over_tor_the_same_holds_for_a_hundred_circuits_and_all_slots() {
    attack(&FULL).await;
}
