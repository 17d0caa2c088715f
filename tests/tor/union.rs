//! One onion service on several machines of a cluster: clients reach all of them by one address,
//! and where one is dead or has ended, the others.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use ephemeral::transport::onion_service::{self, clients};
use ephemeral_client::{Arti, Dial as _, ServerUrl};
use ephemeral_test_support::client::private;
use ephemeral_test_support::daemon::{Daemon, GENEROUS, PATIENCE};
use ephemeral_test_support::nats::Trio;
use ephemeral_tor::{DiscoverySecret, Keystore};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::SERVER;
use crate::network;
use crate::onion_defences::tor_table;

const NICKNAME: &str = "ephemeral";
const MACHINES: [&str; 3] = ["a", "b", "c"];
/// What a fresh client may take, on a machine that is busy: far less than a rendezvous that hangs,
/// beside which it tries a second one after 4 to 5 s.
const QUICKLY: Duration = Duration::from_secs(20);
/// Until something is looked at again.
const AGAIN: Duration = Duration::from_millis(200);

/// Machines with one key, and three NATS servers.
pub(crate) struct OneAddress {
    nats: Trio,
    home: TempDir,
    restricted: bool,
    /// Whether the one that stands by passes its clients on to the active one.
    pub(crate) passes_on: bool,
    pub(crate) daemons: Vec<Option<Daemon>>,
    pub(crate) url: ServerUrl,
}

impl OneAddress {
    /// Makes two machines and their key.
    pub(crate) fn prepare(restricted: bool) -> Self {
        let mut machines = Self::of(2);
        machines.restricted = restricted;
        machines.make_key();
        machines
    }

    /// Makes so many machines without a key.
    pub(crate) fn of(count: usize) -> Self {
        let home = tempfile::tempdir().unwrap();
        let nats = Trio::start(home.path());
        let url = "http://127.0.0.1:1".parse().unwrap();
        let daemons = (0..count).map(|_| None).collect();
        Self { nats, home, restricted: false, passes_on: false, daemons, url }
    }

    /// Makes the key of all.
    pub(crate) fn make_key(&mut self) {
        self.url = onion_service::address(&self.state(0), NICKNAME).unwrap().parse().unwrap();
        let key = Keystore::open(&tor_table(), &self.state(0), NICKNAME).unwrap().key().unwrap().unwrap();
        for number in 1..self.daemons.len() {
            let other = Keystore::open_to_change(&tor_table(), &self.state(number), NICKNAME).unwrap();
            other.insert(&key).unwrap();
        }
    }

    /// Starts all at once, and waits until clients reach all of them.
    pub(crate) async fn start(&mut self) {
        let count = self.daemons.len();
        for number in 0..count {
            self.begin(number);
        }
        for daemon in self.daemons.iter_mut().flatten() {
            daemon.reachable().await;
        }
        self.publish(count).await;
    }

    fn folder(&self, number: usize) -> PathBuf {
        self.home.path().join(MACHINES[number])
    }

    fn state(&self, number: usize) -> PathBuf {
        self.folder(number).join("state")
    }

    /// Returns what a machine is told.
    fn configuration(&self, number: usize) -> String {
        let name = MACHINES[number];
        let folder = self.folder(number);
        std::fs::create_dir_all(&folder).unwrap();
        let secret = folder.join("secret");
        private(&secret, &[7; 32]);
        let link = if self.passes_on { "link = \"127.0.0.1:0\"\n" } else { "" };
        // With full vanguards and so few relays, a rendezvous point is one of a machine's own now
        // and then, and that machine does not come there.
        format!(
            "{GENEROUS}[onion]\nnodes = [\"wss://{name}.example\"]\nrestricted = {}\nvanguards = \"lite\"\n\
             [cluster]\nnats = {}\nnode = \"{name}\"\nsecret_file = {secret:?}\n{link}{}",
            self.restricted,
            self.nats.addresses(),
            network::shared().arti_toml()
        )
    }

    pub(crate) fn begin(&mut self, number: usize) {
        let configuration = self.configuration(number);
        self.daemons[number] = Some(Daemon::start(SERVER, &self.folder(number), &configuration, &[]));
    }

    /// Kills a machine, which has no time to do anything.
    pub(crate) async fn kill(&mut self, number: usize) {
        self.daemon(number).signal(Signal::KILL);
        self.daemon(number).ended().await;
        self.daemons[number] = None;
    }

    pub(crate) fn daemon(&mut self, number: usize) -> &mut Daemon {
        self.daemons[number].as_mut().unwrap()
    }

    /// Runs a command on a machine, with this on its stdin. Returns what it says.
    pub(crate) async fn run(&self, number: usize, arguments: &[&str], input: &str) -> String {
        let folder = self.folder(number);
        let file = folder.join("ephemeral-server.toml");
        std::fs::write(&file, self.configuration(number)).unwrap();
        let mut command = Command::new(SERVER);
        command.env_clear().env("HOME", &folder).arg("--config").arg(file).arg("--state-dir").arg(self.state(number));
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It may end without reading.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes()).await;
        let output = child.wait_with_output().await.unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Returns the figures of a machine.
    pub(crate) async fn status(&self, number: usize) -> serde_json::Value {
        let mut command = Command::new(SERVER);
        command.env_clear().env("HOME", self.folder(number)).arg("--state-dir").arg(self.state(number));
        let output = command.args(["status", "--json"]).stdin(Stdio::null()).output().await.unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// Waits until all machines that run say that so many have their points in the descriptor.
    /// Returns which of them publishes it.
    pub(crate) async fn publish(&mut self, machines: usize) -> usize {
        let begun = Instant::now();
        loop {
            let running: Vec<_> = (0..self.daemons.len()).filter(|number| self.daemons[*number].is_some()).collect();
            let mut said = Vec::new();
            for number in running {
                said.push(self.status(number).await["cluster"]["union"].clone());
            }
            let is_so = |union: &serde_json::Value| {
                union["machines"] == machines && union["introduction_points"] == machines * 3
            };
            if said.iter().all(is_so) && said.windows(2).all(|pair| pair[0] == pair[1]) {
                return MACHINES.iter().position(|name| said[0]["publisher"] == *name).expect("one of the machines");
            }
            if begun.elapsed() > PATIENCE {
                let logs = self.daemons.iter().flatten().map(Daemon::log).collect::<Vec<_>>().join("\n---\n");
                panic!("{machines} machines are to be in the descriptor: {said:?}\n{logs}");
            }
            sleep(AGAIN).await;
        }
    }

    /// Asks by clients that know nothing of the service, as a person's client goes on trying where
    /// one fails. Returns the name of the machine that answered, and how long that took.
    pub(crate) async fn ask(&self, tor: &Arti) -> (String, Duration) {
        let start = Instant::now();
        let mut failed = Vec::new();
        while start.elapsed() < QUICKLY {
            match timeout(PATIENCE, self.ask_once(&tor.isolated())).await {
                Ok(Ok(name)) => return (name, start.elapsed()),
                Ok(Err(error)) => failed.push(error),
                Err(_) => failed.push("no answer in time".to_owned()),
            }
        }
        (format!("nobody: {failed:?}"), start.elapsed())
    }

    pub(crate) async fn ask_once(&self, tor: &Arti) -> Result<String, String> {
        let mut stream = tor.dial(&self.url).await.map_err(|error| error.to_string())?;
        let request = format!("GET /nodes HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.url.host());
        stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
        stream.flush().await.map_err(|error| error.to_string())?;
        let mut answer = Vec::new();
        // The end of a circuit may overtake what is behind the answer.
        let _ended = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let name = answer.split_once("wss://").and_then(|(_, rest)| rest.split_once(".example"));
        name.map(|(name, _)| name.to_owned()).ok_or(answer.clone())
    }

    /// Asks again and again until all machines have answered.
    pub(crate) async fn all_answer(&self, tor: &Arti) {
        let mut seen = BTreeSet::new();
        let asking = async {
            while !MACHINES[..self.daemons.len()].iter().all(|name| seen.contains(*name)) {
                seen.insert(self.ask(tor).await.0);
            }
        };
        let in_time = timeout(PATIENCE, asking).await;
        assert!(in_time.is_ok(), "all machines are to be reached by one address: {seen:?}");
    }

    /// Asks so often that clients who came to a dead machine would be among them.
    async fn only_answers(&self, number: usize, tor: &Arti) {
        for attempt in 0..6 {
            let (name, took) = self.ask(tor).await;
            assert_eq!(name, MACHINES[number], "attempt {attempt}, after {took:?}");
            assert!(took < QUICKLY, "attempt {attempt}: {took:?}");
        }
    }
}

/// Returns a client that knows nothing of the service.
pub(crate) fn client(machines: &OneAddress, name: &str) -> Arti {
    Arti::new(tor_table(), &machines.home.path().join(name)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn fresh_clients_reach_both_machines_and_when_the_publisher_is_killed_the_other_at_once() {
    let _turn = network::turn().await;
    let mut machines = OneAddress::prepare(false);
    machines.start().await;
    let tor = client(&machines, "client");
    machines.all_answer(&tor).await;
    let publisher = machines.publish(2).await;
    let other = 1 - publisher;

    machines.kill(publisher).await;
    machines.only_answers(other, &tor).await;
    // The dead machine's lease has run out: its points leave, and the other one publishes.
    assert_eq!(machines.publish(1).await, other);
    machines.only_answers(other, &tor).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_is_stopped_leaves_the_address_to_the_other_and_takes_part_again_when_it_is_back() {
    let _turn = network::turn().await;
    let mut machines = OneAddress::prepare(false);
    machines.start().await;
    let publisher = machines.publish(2).await;
    let other = 1 - publisher;
    let tor = client(&machines, "client");
    machines.daemon(publisher).signal(Signal::TERM);
    let ended = machines.daemon(publisher).ended().await;
    assert!(ended.success(), "{}", machines.daemon(publisher).log());
    machines.daemons[publisher] = None;
    machines.only_answers(other, &tor).await;
    assert_eq!(machines.publish(1).await, other);

    machines.begin(publisher);
    machines.daemon(publisher).reachable().await;
    assert_eq!(machines.publish(2).await, other, "it is still the active one");
    machines.all_answer(&tor).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restricted_service_on_two_machines_is_found_by_the_clients_of_either_and_by_nobody_else() {
    let _turn = network::turn().await;
    let mut machines = OneAddress::prepare(true);
    let people = [(); 2].map(|()| DiscoverySecret::generate().unwrap());
    // Each is added on one machine only.
    for (number, secret) in people.iter().enumerate() {
        clients::add(&machines.state(number), MACHINES[number], &secret.public()).unwrap();
    }
    machines.start().await;
    for (number, secret) in people.iter().enumerate() {
        let tor = client(&machines, &format!("client-{number}"));
        tor.set_discovery_key(&machines.url, Some(secret)).unwrap();
        machines.all_answer(&tor).await;
    }
    let stranger = client(&machines, "stranger");
    let refused = timeout(PATIENCE, stranger.dial(&machines.url)).await.expect("an answer");
    assert!(refused.is_err(), "a stranger has found it");
    let said = machines.daemon(0).log();
    assert!(said.contains("the machine b has other clients"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_with_another_service_key_is_refused_and_the_other_goes_on() {
    let _turn = network::turn().await;
    let mut machines = OneAddress::prepare(false);
    std::fs::remove_dir_all(machines.state(1)).unwrap();
    machines.begin(0);
    machines.daemon(0).reachable().await;
    machines.publish(1).await;
    machines.begin(1);
    let ended = machines.daemon(1).ended().await;
    let said = machines.daemon(1).log();
    assert!(!ended.success() && said.contains("this machine has another service key than"), "{said}");
    machines.daemons[1] = None;
    let tor = client(&machines, "client");
    assert_eq!(machines.ask(&tor).await.0, "a");
    let said = machines.daemon(0).logs("the machine b has another service key").await;
    assert!(!said.contains(machines.url.host()), "no address is in a log");
}
