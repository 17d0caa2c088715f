//! The machines of a cluster, and its NATS servers.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use ephemeral_client::ServerUrl;
use ephemeral_test_support::client::private;
use ephemeral_test_support::daemon::{Daemon, GENEROUS, Manager};
use ephemeral_test_support::memory::times_in_memory;
use ephemeral_test_support::nats::Trio;
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::sleep;

use super::people::{AGAIN, PATIENCE};
use crate::SERVER;
use crate::wall_clock::FakeTime;

/// Returns the key of the machine with this folder, for the link.
pub(super) fn link_key(folder: &Path) -> String {
    let mut asking = std::process::Command::new(SERVER);
    let printed = asking.env_clear().args(["link-key", "--state-dir"]).arg(folder.join("state")).output().unwrap();
    assert!(printed.status.success(), "{printed:?}");
    String::from_utf8(printed.stdout).unwrap().trim().to_owned()
}

/// Two machines, and three NATS servers.
pub(super) struct Cluster {
    pub(super) nats: Trio,
    machines: Vec<Option<(Daemon, ServerUrl)>>,
    secrets: [u8; 2],
    directory: TempDir,
    /// The rest of `[cluster]`.
    more: String,
    /// The same of one machine alone.
    pub(super) own: [String; 2],
    /// What shows a machine another clock.
    clocks: Vec<FakeTime>,
    /// The machine that everybody goes to; `None`: whichever takes them.
    only: Option<usize>,
    /// Where else everybody goes, and nowhere but there.
    pub(super) beside: Option<ServerUrl>,
    /// The service managers of the machines, where they have any.
    pub(super) managers: [Option<Manager>; 2],
}

impl Cluster {
    pub(super) async fn start() -> Self {
        Self::configured("").begun().await
    }

    /// Starts one whose machines listen for each other. `more`: the rest of the configuration.
    pub(super) async fn linked(more: &str) -> Self {
        Self::configured(&format!("link = \"127.0.0.1:0\"\n{more}")).begun().await
    }

    /// Has everybody go to this machine from now on; `None`: to whichever takes them.
    pub(super) fn only(&mut self, machine: Option<usize>) {
        self.only = machine;
    }

    pub(super) fn url(&self, number: usize) -> ServerUrl {
        self.machines[number].as_ref().unwrap().1.clone()
    }

    /// Returns where a machine that was just started listens for the others.
    pub(super) async fn link(&mut self, number: usize) -> String {
        self.machines[number].as_mut().unwrap().0.says("hub ").await
    }

    /// Returns a machine's key for the link.
    pub(super) fn key(&self, number: usize) -> String {
        link_key(&self.folder(number))
    }

    /// Starts one where everybody shows a certificate.
    pub(super) async fn with_certificates() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let issued = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let [cert, key] = ["cert.pem", "key.pem"].map(|name| directory.path().join(name));
        private(&cert, issued.cert.pem().as_bytes());
        private(&key, issued.signing_key.serialize_pem().as_bytes());
        let tls = format!("tls {{ cert_file: {cert:?}, key_file: {key:?}, ca_file: {cert:?}, verify: true }}\n");
        let nats = Trio::start_with(directory.path(), &tls);
        let more = format!("tls_ca = {cert:?}\ntls_cert = {cert:?}\ntls_key = {key:?}\n");
        Self::made(nats, directory, more).begun().await
    }

    /// Starts one whose network can be cut, and whose clocks are ahead by so much.
    pub(super) async fn on_cables(ahead: [&str; 2]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let nats = Trio::start_on_cables(directory.path(), 2);
        let clock = |(number, ahead): (usize, &&str)| {
            let folder = directory.path().join(format!("clock-{number}"));
            std::fs::create_dir(&folder).unwrap();
            let clock = FakeTime::new(&folder);
            clock.set(ahead);
            clock
        };
        let clocks = ahead.iter().enumerate().map(clock).collect();
        let mut cluster = Self::made(nats, directory, String::new());
        cluster.clocks = clocks;
        cluster.begun().await
    }

    /// Makes one none of whose machines runs yet.
    fn made(nats: Trio, directory: TempDir, more: String) -> Self {
        Self {
            nats,
            machines: vec![None, None],
            secrets: [1, 1],
            directory,
            more,
            own: [const { String::new() }; 2],
            clocks: Vec::new(),
            managers: [None, None],
            only: None,
            beside: None,
        }
    }

    /// Starts one whose machines have service managers.
    pub(super) async fn under_managers(more: &str) -> Self {
        let mut cluster = Self::configured(more);
        cluster.managers = [0, 1].map(|number| Some(Manager::new(&cluster.folder(number))));
        cluster.begun().await
    }

    /// Makes one with this behind its `[cluster]`, none of whose machines runs yet.
    pub(super) fn configured(more: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let nats = Trio::start(directory.path());
        Self::made(nats, directory, more.to_owned())
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
        for number in 0..2 {
            cluster.begin(number);
        }
        for number in 0..2 {
            cluster.listens(number).await;
        }
        // The one that stands by is given the keys within two seconds. Without them nothing could
        // be taken over.
        let active = cluster.active().await;
        cluster.logs(1 - active, "it has the keys of the journal").await;
        self
    }

    /// Starts a machine that is not there.
    pub(super) fn begin(&mut self, number: usize) {
        let folder = self.folder(number);
        let secret = folder.join("secret");
        private(&secret, &[self.secrets[number]; 32]);
        let configuration = format!(
            "{GENEROUS}requests_per_minute = 1000000\nburst = 100000\n[cluster]\nnats = {}\nnode = \"m{number}\"\nsecret_file = {secret:?}\n{}{}",
            self.nats.addresses_of(number),
            self.own[number],
            self.more
        );
        let program = self.clocks.get(number).map_or(SERVER, |clock| clock.script.to_str().unwrap());
        let local = ["--no-tor", "--clearnet=127.0.0.1:0"];
        let manager = self.managers[number].as_mut();
        let daemon = Daemon::start_under(program, manager, &folder, &configuration, &local);
        self.machines[number] = Some((daemon, "http://127.0.0.1:1".parse().unwrap()));
    }

    pub(super) async fn listens(&mut self, number: usize) {
        let (daemon, url) = self.machines[number].as_mut().unwrap();
        if url.to_string().ends_with(":1") {
            *url = daemon.says("clearnet ").await.parse().unwrap();
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
        for number in 0..2 {
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

    /// Returns the active machine, once there is one.
    pub(super) async fn active(&self) -> usize {
        let begun = Instant::now();
        loop {
            for (number, machine) in self.machines.iter().enumerate() {
                let Some((daemon, _)) = machine else { continue };
                let log = daemon.log();
                let last = log.lines().rev().find(|line| line.contains("the active one"));
                if last.is_some_and(|line| line.contains("this machine is the active one")) {
                    return number;
                }
            }
            assert!(begun.elapsed() < PATIENCE, "no machine is the active one: {}", self.everything());
            sleep(AGAIN).await;
        }
    }

    /// Returns the machine that says of itself that it is active.
    pub(super) async fn says_it_is_active(&self) -> usize {
        let begun = Instant::now();
        loop {
            for number in 0..2 {
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
        for number in 0..2 {
            self.listens(number).await;
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

    pub(super) fn urls(&self) -> Vec<ServerUrl> {
        if let Some(beside) = &self.beside {
            return vec![beside.clone()];
        }
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
