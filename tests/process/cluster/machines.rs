//! The machines of a cluster, and its NATS servers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use ephemeral_client::ServerUrl;
use ephemeral_test_support::cable::Cable;
use ephemeral_test_support::client::private;
use ephemeral_test_support::daemon::{Daemon, GENEROUS, Manager};
use ephemeral_test_support::memory::times_in_memory;
use ephemeral_test_support::nats::{Place, Trio, TrioPlan};
use ephemeral_test_support::private_network::{PrivateNetwork, within};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::sleep;

use super::mesh::{FRONT, Mesh};
use super::people::{AGAIN, PATIENCE};
use crate::SERVER;
use crate::wall_clock::FakeTime;

/// What each machine is told: people come by TCP on loopback.
const LOCAL: [&str; 2] = ["--no-tor", "--clearnet=127.0.0.1:0"];

/// Returns the key of the machine with this folder, for the link.
pub(super) fn link_key(folder: &Path) -> String {
    let mut asking = std::process::Command::new(SERVER);
    let printed = asking.env_clear().args(["link-key", "--state-dir"]).arg(folder.join("state")).output().unwrap();
    assert!(printed.status.success(), "{printed:?}");
    String::from_utf8(printed.stdout).unwrap().trim().to_owned()
}

/// Two machines, three NATS servers, and perhaps a front.
pub(super) struct Cluster {
    pub(super) nats: Trio,
    /// The two machines, and the front.
    machines: [Option<(Daemon, ServerUrl)>; 3],
    secrets: [u8; 2],
    directory: TempDir,
    /// The rest of `[cluster]`.
    more: String,
    /// The same of one machine alone.
    pub(super) own: [String; 2],
    /// What shows a machine another clock.
    pub(super) clocks: Vec<FakeTime>,
    /// The machine that everybody goes to; `None`: whichever takes them.
    only: Option<usize>,
    /// The service managers of the machines, where they have any.
    pub(super) managers: [Option<Manager>; 2],
    /// The network of each machine; `None`: this machine's own.
    networks: [Option<Arc<PrivateNetwork>>; 2],
    /// How people come into these networks.
    ways: [Option<Cable>; 2],
    /// What connects the machines and the front, where that can be cut.
    mesh: Option<Mesh>,
}

/// What a cluster has that is not usual.
#[derive(Default)]
pub(super) struct ClusterPlan {
    /// The rest of `[cluster]`, and of the configuration.
    pub(super) more: String,
    /// Everybody shows a certificate.
    pub(super) has_certificates: bool,
    /// Machines and NATS servers are in this network.
    pub(super) inside: Option<Arc<PrivateNetwork>>,
    /// Each machine is in a network of its own, by cables that can be cut, and under a service
    /// manager. There is a front.
    pub(super) has_cables: bool,
    /// The machines' clocks are ahead by so much.
    pub(super) ahead: Option<[&'static str; 2]>,
}

impl Cluster {
    pub(super) async fn start() -> Self {
        Self::planned(ClusterPlan::default()).begun().await
    }

    /// Starts one whose machines listen for each other. `more`: the rest of the configuration.
    pub(super) async fn linked(more: &str) -> Self {
        Self::configured(&format!("link = \"127.0.0.1:0\"\n{more}")).begun().await
    }

    /// Starts one where everybody shows a certificate.
    pub(super) async fn with_certificates() -> Self {
        Self::planned(ClusterPlan { has_certificates: true, ..ClusterPlan::default() }).begun().await
    }

    /// Starts one whose machines have service managers.
    pub(super) async fn under_managers(more: &str) -> Self {
        let mut cluster = Self::configured(more);
        cluster.is_managed();
        cluster.begun().await
    }

    /// Makes one with this behind its `[cluster]`, none of whose machines runs yet.
    pub(super) fn configured(more: &str) -> Self {
        Self::planned(ClusterPlan { more: more.to_owned(), ..ClusterPlan::default() })
    }

    /// Makes one none of whose machines runs yet.
    pub(super) fn planned(plan: ClusterPlan) -> Self {
        let ClusterPlan { mut more, has_certificates, inside, has_cables, ahead } = plan;
        let directory = tempfile::tempdir().unwrap();
        let own = || if has_cables { Some(Arc::new(PrivateNetwork::new())) } else { inside.clone() };
        let networks = [own(), own()];
        let certificate = has_certificates.then(|| certificate(directory.path()));
        if let Some((certificate, key)) = &certificate {
            more.insert_str(0, &format!("tls_ca = {certificate:?}\ntls_cert = {certificate:?}\ntls_key = {key:?}\n"));
        }
        let machines = has_cables.then(|| networks.to_vec());
        let nats = Trio::start_as(directory.path(), TrioPlan { certificate, network: inside.clone(), machines });
        let clock =
            |(number, ahead): (usize, &&str)| FakeTime::ahead(&directory.path().join(format!("clock-{number}")), ahead);
        let mut cluster = Self {
            nats,
            machines: [None, None, None],
            secrets: [1, 1],
            clocks: ahead.iter().flatten().enumerate().map(clock).collect(),
            directory,
            more,
            own: [const { String::new() }; 2],
            managers: [None, None],
            only: None,
            networks,
            ways: [None, None],
            mesh: None,
        };
        if has_cables {
            cluster.mesh = Some(Mesh::lay(&cluster.networks, &cluster.folder(FRONT)));
            cluster.is_managed();
        }
        cluster
    }

    /// Gives the machines service managers.
    fn is_managed(&mut self) {
        self.managers = [0, 1].map(|number| Some(Manager::new(&self.folder(number))));
    }

    /// Has everybody go to this machine from now on; `None`: to whichever takes them.
    pub(super) fn only(&mut self, machine: Option<usize>) {
        self.only = machine;
    }

    pub(super) fn url(&self, number: usize) -> ServerUrl {
        self.machines[number].as_ref().unwrap().1.clone()
    }

    /// Returns the ports at which the machines listen for people, in their own network.
    pub(super) fn people_ports(&self) -> Vec<u16> {
        self.ways.iter().flatten().map(|way| way.leads_to().port()).collect()
    }

    /// Returns where a machine that was just started listens for the others.
    pub(super) async fn link(&mut self, number: usize) -> String {
        self.machines[number].as_mut().unwrap().0.says("hub ").await
    }

    /// Returns a machine's key for the link.
    pub(super) fn key(&self, number: usize) -> String {
        link_key(&self.folder(number))
    }

    /// Returns the folder of a machine.
    pub(super) fn folder(&self, number: usize) -> PathBuf {
        let folder = self.directory.path().join(format!("machine-{number}"));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// Starts both machines, and waits until one could take over from the other one.
    pub(super) async fn begun(mut self) -> Self {
        let cluster = &mut self;
        let all = if cluster.mesh.is_some() { 0..3 } else { 0..2 };
        for number in all.clone() {
            cluster.begin(number);
        }
        for number in all {
            cluster.listens(number).await;
        }
        let active = cluster.active().await;
        // The one that stands by is given the keys within two seconds. Without them nothing could
        // be taken over.
        cluster.has_keys(1 - active).await;
        self
    }

    /// Writes more behind the configuration of the machines that are still to begin.
    pub(super) fn and(&mut self, more: &str) {
        self.more.push_str(more);
    }

    /// Cuts these off from everybody else but people, or connects them again.
    pub(super) fn cut_off(&self, places: &[Place], is_cut: bool) {
        self.nats.cut_off(places, is_cut);
        self.cut_links(places, is_cut);
    }

    /// Cuts the links of these machines, or mends them: NATS stays within their reach.
    pub(super) fn cut_links(&self, places: &[Place], is_cut: bool) {
        self.mesh.as_ref().expect("cables").cut_off(places, is_cut);
    }

    /// Has everybody go to a front with this `[front]`, and nowhere but there.
    pub(super) async fn only_at_front(&mut self, table: &str) {
        self.start_front(table);
        self.listens(FRONT).await;
        self.only = Some(FRONT);
    }

    /// Has a machine that has ended replaced by another process.
    pub(super) async fn replaced_by(&mut self, number: usize, daemon: Daemon) {
        self.machines[number] = Some((daemon, nowhere()));
        self.listens(number).await;
    }

    fn start_front(&mut self, table: &str) {
        let configuration = format!("{GENEROUS}requests_per_minute = 1000000\nburst = 100000\n{table}");
        let daemon = Daemon::start(SERVER, &self.folder(FRONT), &configuration, &LOCAL);
        self.machines[FRONT] = Some((daemon, nowhere()));
    }

    /// Starts a machine that is not there, or the front.
    pub(super) fn begin(&mut self, number: usize) {
        let mesh = self.mesh.as_ref();
        if number == FRONT {
            let table = mesh.expect("cables").front_table([self.key(0), self.key(1)]);
            return self.start_front(&table);
        }
        let folder = self.folder(number);
        let secret = folder.join("secret");
        private(&secret, &[self.secrets[number]; 32]);
        let (link, hub) = mesh.map(|mesh| mesh.tables(number)).unwrap_or_default();
        let configuration = format!(
            "{GENEROUS}requests_per_minute = 1000000\nburst = 100000\n[cluster]\nnats = {}\nnode = \"m{number}\"\nsecret_file = {secret:?}\n{}{link}{}{hub}",
            self.nats.addresses_of(number),
            self.own[number],
            self.more
        );
        let program = self.clocks.get(number).map_or(SERVER, |clock| clock.script.to_str().unwrap());
        let manager = self.managers[number].as_mut();
        let daemon = within(self.networks[number].as_deref(), || {
            Daemon::start_under(program, manager, &folder, &configuration, &LOCAL)
        });
        self.machines[number] = Some((daemon, nowhere()));
    }

    pub(super) async fn listens(&mut self, number: usize) {
        let (daemon, url) = self.machines[number].as_mut().unwrap();
        if *url != nowhere() {
            return;
        }
        *url = daemon.says("clearnet ").await.parse().unwrap();
        if let Some(network) = self.networks.get(number).cloned().flatten() {
            let way = Cable::lay_into(Some(network), SocketAddr::from(([127, 0, 0, 1], url.port())));
            *url = format!("http://{}", way.address()).parse().unwrap();
            self.ways[number] = Some(way);
        }
    }

    pub(super) fn kill(&mut self, number: usize) {
        drop(self.machines[number].take());
    }

    /// Kills a machine, and waits until nothing of it is in the way of its next start.
    pub(super) async fn kill_for_good(&mut self, number: usize) {
        let (mut daemon, _) = self.machines[number].take().unwrap();
        daemon.signal(Signal::KILL);
        daemon.ended().await;
    }

    /// Stops a machine as its service manager would, and waits for its end.
    pub(super) async fn terminate(&mut self, number: usize) {
        let (mut daemon, _) = self.machines[number].take().unwrap();
        daemon.signal(Signal::TERM);
        assert!(daemon.ended().await.success(), "{}", daemon.log());
        for number in 0..3 {
            if self.machines[number].is_some() {
                self.listens(number).await;
            }
        }
    }

    /// Sends a machine a signal. One that is to stand still does so when this returns: its threads
    /// go on for as long as none of them has come to the signal.
    pub(super) fn signal(&self, number: usize, signal: Signal) {
        self.machines[number].as_ref().unwrap().0.signal(signal);
        let begun = Instant::now();
        while signal == Signal::STOP && !stands_still(self.process(number)) {
            assert!(begun.elapsed() < PATIENCE, "it does not stand still");
            std::thread::yield_now();
        }
    }

    pub(super) fn process(&self, number: usize) -> u32 {
        self.machines[number].as_ref().unwrap().0.process()
    }

    /// Waits until a machine ends by itself.
    pub(super) async fn ends(&mut self, number: usize) {
        let (mut daemon, _) = self.machines[number].take().unwrap();
        assert!(daemon.ended().await.success(), "{}", daemon.log());
    }

    /// Waits until a machine ends by itself because something is wrong, and returns what it said.
    pub(super) async fn refuses(&mut self, number: usize) -> String {
        let (mut daemon, _) = self.machines[number].take().unwrap();
        assert!(!daemon.ended().await.success(), "{}", daemon.log());
        daemon.log()
    }

    /// Has a machine have another secret from its next start on.
    pub(super) fn give_secret(&mut self, number: usize, secret: u8) {
        self.secrets[number] = secret;
    }

    /// Returns all that a machine has said.
    pub(super) fn said(&self, number: usize) -> String {
        self.machines[number].as_ref().unwrap().0.log()
    }

    /// Waits until a machine has said so.
    pub(super) async fn logs(&self, number: usize, words: &str) {
        let begun = Instant::now();
        let (daemon, _) = self.machines[number].as_ref().unwrap();
        while !daemon.log().contains(words) {
            assert!(begun.elapsed() < PATIENCE, "{words:?} was not said: {}", daemon.log());
            sleep(AGAIN).await;
        }
    }

    /// Returns the active machine, once one says of itself that it is.
    pub(super) async fn active(&self) -> usize {
        let begun = Instant::now();
        loop {
            for number in (0..2).filter(|number| self.machines[*number].is_some()) {
                let (_, said) = self.asks(number, &["status", "--json"]).await;
                let figures: serde_json::Value = serde_json::from_str(&said).unwrap_or_default();
                if figures["cluster"]["role"] == "active" {
                    return number;
                }
            }
            assert!(begun.elapsed() < PATIENCE, "no machine is the active one: {}", self.everything());
            sleep(AGAIN).await;
        }
    }

    /// Runs a command that asks a machine. Returns its exit code, and what it wrote.
    pub(super) async fn asks(&self, number: usize, arguments: &[&str]) -> (i32, String) {
        let folder = self.directory.path().join(format!("machine-{number}"));
        let mut command = Command::new(SERVER);
        command.env_clear().env("HOME", &folder).arg("--state-dir").arg(folder.join("state")).args(arguments);
        let output = command.stdin(Stdio::null()).output().await.unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (output.status.code().unwrap(), said)
    }

    /// Waits until every machine has the keys, and every NATS server all entries: the next death
    /// must not come before.
    pub(super) async fn is_whole(&mut self) {
        for number in 0..3 {
            if self.machines[number].is_some() {
                self.listens(number).await;
            }
        }
        for manager in self.managers.iter_mut().flatten() {
            manager.listen();
        }
        for number in 0..2 {
            self.has_keys(number).await;
        }
        let begun = Instant::now();
        while !self.nats.is_current() {
            assert!(begun.elapsed() < PATIENCE, "a NATS server does not catch up: {}", self.everything());
            sleep(AGAIN).await;
        }
    }

    /// Waits until a machine says that it has the keys of the journal, and knows who is active.
    pub(super) async fn has_keys(&self, number: usize) {
        let begun = Instant::now();
        loop {
            let (_, said) = self.asks(number, &["status", "--json"]).await;
            let figures: serde_json::Value = serde_json::from_str(&said).unwrap();
            let machine = &figures["cluster"];
            if machine["has_keys"] == true && machine["active"].is_string() {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "no keys: {machine}; {}", self.everything());
            sleep(AGAIN).await;
        }
    }

    /// Waits until nothing of a text is in the memory of a machine.
    pub(super) async fn forgets(&self, number: usize, text: &str) {
        let begun = Instant::now();
        while times_in_memory(self.process(number), text).is_some_and(|times| times > 0) {
            assert!(begun.elapsed() < PATIENCE, "{text} is in the memory of {number}: {}", self.everything());
            sleep(AGAIN).await;
        }
    }

    pub(super) fn everything(&self) -> String {
        let machines = self.machines.iter().flatten();
        machines.map(|(daemon, _)| daemon.log()).collect::<Vec<_>>().join("\n---\n")
    }

    /// Returns where people go: to all that run, or to the only one.
    pub(super) fn urls(&self) -> Vec<ServerUrl> {
        let machines =
            self.machines.iter().enumerate().filter(|(number, _)| self.only.is_none_or(|only| only == *number));
        machines.filter_map(|(_, machine)| machine.as_ref()).map(|(_, url)| url.clone()).collect()
    }
}

/// Returns whether no thread of a process runs, as proc(5) has it.
fn stands_still(process: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap().flatten();
    let mut states = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("stat")).ok());
    states.all(|stat| stat.rsplit_once(") ").is_some_and(|(_, fields)| fields.starts_with('T')))
}

/// Returns an address at which nobody is, for a machine that has not said its own yet.
fn nowhere() -> ServerUrl {
    "http://127.0.0.1:1".parse().unwrap()
}

/// Makes a certificate that is its own authority, and its key.
fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
    let issued = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = folder.join("cert.pem");
    let key = folder.join("key.pem");
    private(&certificate, issued.cert.pem().as_bytes());
    private(&key, issued.signing_key.serialize_pem().as_bytes());
    (certificate, key)
}

/// Returns the files below a folder that have a text in them.
pub(super) fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if std::fs::read(&path).is_ok_and(|bytes| memchr::memmem::find(&bytes, text.as_bytes()).is_some()) {
            found.push(path.display().to_string());
        }
    }
    found
}
