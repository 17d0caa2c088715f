//! Three NATS servers on loopback, as three machines of a cluster would have them.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::cable::Cable;
use crate::ports::free_port;
use crate::private_network::{PrivateNetwork, within};
use crate::slow_disk::SlowDisk;

/// How long a server may take to let go of its port, or to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Three NATS servers, killed with this value.
pub struct Trio {
    directory: PathBuf,
    /// For machines, for the other servers, and for the questions of a test.
    ports: Vec<[u16; 3]>,
    servers: Vec<Option<Child>>,
    /// What runs between a server or a machine and a server; nothing: they are connected directly.
    cables: Vec<(Place, usize, Cable)>,
    plan: TrioPlan,
    /// The servers whose disk is slow.
    slow: [Option<SlowDisk>; 3],
}

/// How three NATS servers are connected, with each other and with machines.
#[derive(Default)]
pub struct TrioPlan {
    /// A certificate and its key, which everybody shows and everybody asks for; `None`: no TLS.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The network in which the servers are; `None`: this machine's own.
    pub network: Option<Arc<PrivateNetwork>>,
    /// The networks of machines, which come by cables, as do the servers to each other; `None`:
    /// all are connected directly.
    pub machines: Option<Vec<Option<Arc<PrivateNetwork>>>>,
}

/// Somebody who connects to NATS servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The server with this number.
    Server(usize),
    /// The machine with this number.
    Machine(usize),
}

/// Returns the NATS server that the tests use: the one that `tests/run` installs, one that is named
/// by `EPHEMERAL_NATS_SERVER`, or the system's.
pub fn program() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/nats/bin/nats-server");
    let named = std::env::var_os("EPHEMERAL_NATS_SERVER").map(PathBuf::from);
    let program = named.or_else(|| own.exists().then_some(own)).unwrap_or_else(|| "nats-server".into());
    let version = Command::new(&program).arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let numbers = version.rsplit_once('v').map(|(_, numbers)| numbers.trim()).unwrap_or_default();
    let mut numbers = numbers.split('.').map(|number| number.parse::<u64>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    assert!(
        version >= (2, 12),
        "{}: it is {version:?}, and 2.12 is needed: `tests/run` installs it",
        program.display()
    );
    program
}

/// Returns whether a NATS server takes this configuration, and what it says of it.
pub fn takes(configuration: &Path) -> (bool, String) {
    let output = Command::new(program()).arg("-t").arg("--config").arg(configuration).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

impl Trio {
    /// Starts three servers, which find each other by themselves.
    pub fn start(directory: &Path) -> Self {
        Self::start_as(directory, TrioPlan::default())
    }

    /// Starts three servers that are connected like this.
    pub fn start_as(directory: &Path, plan: TrioPlan) -> Self {
        let mut trio = Self::new(directory, plan);
        trio.lay_cables();
        for number in 0..3 {
            trio.write_configuration(number);
            trio.begin(number);
        }
        trio
    }

    fn new(directory: &Path, plan: TrioPlan) -> Self {
        let ports =
            within(plan.network.as_deref(), || (0..3).map(|_| [free_port(), free_port(), free_port()]).collect());
        let directory = directory.to_owned();
        Self { directory, ports, servers: vec![None, None, None], cables: Vec::new(), plan, slow: [const { None }; 3] }
    }

    /// Lays cables from each machine and each server to each other server, if there are to be any.
    fn lay_cables(&mut self) {
        let Some(machines) = &self.plan.machines else { return };
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let own = &self.plan.network;
        for (number, [client, route, _]) in self.ports.iter().copied().enumerate() {
            let servers = (0..3).filter(|other| *other != number).map(|other| (Place::Server(other), own, route));
            let machines = machines.iter().enumerate();
            let machines = machines.map(|(machine, network)| (Place::Machine(machine), network, client));
            for (place, network, port) in servers.chain(machines) {
                let cable = Cable::between((network.clone(), local(0)), (own.clone(), local(port)));
                self.cables.push((place, number, cable));
            }
        }
    }

    /// Cuts these off from everybody else, or connects them again.
    pub fn cut_off(&self, places: &[Place], is_cut: bool) {
        for (from, to, cable) in &self.cables {
            if places.contains(from) != places.contains(&Place::Server(*to)) {
                cable.cut(is_cut);
            }
        }
    }

    /// Returns by which port somebody comes to a server.
    fn port(&self, from: Place, to: usize) -> u16 {
        let [client, route, _] = self.ports[to];
        let cable = self.cables.iter().find(|(start, end, _)| (*start, *end) == (from, to));
        match (cable, from) {
            (Some((_, _, cable)), _) => cable.address().port(),
            (None, Place::Server(_)) => route,
            (None, Place::Machine(_)) => client,
        }
    }

    fn write_configuration(&self, number: usize) {
        let folder = self.folder(number);
        fs::create_dir_all(folder.join("store")).unwrap();
        let [client, route, questions] = self.ports[number];
        let others = (0..3).filter(|other| *other != number || self.cables.is_empty());
        let routes: Vec<_> =
            others.map(|other| format!("\"nats://127.0.0.1:{}\"", self.port(Place::Server(number), other))).collect();
        // The others must not come by a way that is no cable.
        let elsewhere = if self.cables.is_empty() { "" } else { ", advertise: \"127.0.0.1:1\"" };
        let tls = self.plan.certificate.as_ref().map(|(certificate, key)| {
            format!("tls {{ cert_file: {certificate:?}, key_file: {key:?}, ca_file: {certificate:?}, verify: true }}")
        });
        let tls = tls.unwrap_or_default();
        let text = format!(
            "server_name: n{number}\nlisten: \"127.0.0.1:{client}\"\nhttp: \"127.0.0.1:{questions}\"\nmax_payload: 2MB\n\
             jetstream {{ store_dir: {:?}, max_mem: 256M, max_file: 64M }}\n\
             cluster {{ name: test, listen: \"127.0.0.1:{route}\", routes: [{}]{elsewhere}\n{tls} }}\n{tls}\n",
            folder.join("store"),
            routes.join(", ")
        );
        fs::write(folder.join("nats.conf"), text).unwrap();
    }

    /// Returns where a server keeps its configuration, its log and what it stores.
    pub fn folder(&self, number: usize) -> PathBuf {
        self.directory.join(format!("nats-{number}"))
    }

    /// Starts a server that is not there.
    pub fn begin(&mut self, number: usize) {
        // Else a port that is still bound would make it end at once.
        wait("the ports are free", || {
            let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
            self.inside(|| self.ports[number].iter().all(is_free))
        });
        let folder = self.folder(number);
        let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
        let mut command = Command::new(program());
        command.arg("-c").arg(folder.join("nats.conf")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.servers[number] = Some(self.inside(|| command.spawn().unwrap()));
    }

    fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        within(self.plan.network.as_deref(), work)
    }

    /// Kills a server, which has no time to do anything.
    pub fn kill(&mut self, number: usize) {
        if let Some(mut server) = self.servers[number].take() {
            let _ = server.kill();
            let _ = server.wait();
        }
        self.slow[number] = None;
    }

    /// Stops a server as its service manager would, and waits for its end: it hands over first
    /// what it leads.
    pub fn terminate(&mut self, number: usize) {
        self.signal(number, Signal::TERM);
        let mut ended: Option<ExitStatus> = None;
        wait("a NATS server ends", || {
            ended = self.servers[number].as_mut().unwrap().try_wait().unwrap();
            ended.is_some()
        });
        self.servers[number] = None;
    }

    /// Makes a server's disk slow.
    pub fn slow_down(&mut self, number: usize) {
        self.slow[number] = Some(SlowDisk::of(self.process(number), &self.folder(number).join("held-up")));
    }

    /// Returns whether a server's disk is slow.
    pub fn is_slow(&self, number: usize) -> bool {
        self.slow[number].is_some()
    }

    /// Returns how often a slow disk has held up what a server does with `store_dir`.
    pub fn held_up(&self, number: usize) -> usize {
        let store = self.folder(number).join("store");
        self.slow[number].as_ref().map_or(0, |disk| disk.held_up(&store))
    }

    /// Makes a server's disk as quick as ever.
    pub fn speed_up(&mut self, number: usize) {
        self.slow[number] = None;
    }

    /// Sends a server a signal.
    pub fn signal(&self, number: usize, signal: Signal) {
        kill_process(Pid::from_raw(self.process(number).cast_signed()).unwrap(), signal).unwrap();
    }

    /// Returns the number of a server's process.
    pub fn process(&self, number: usize) -> u32 {
        self.servers[number].as_ref().unwrap().id()
    }

    /// Returns where a server listens for machines, in its network.
    pub fn address(&self, number: usize) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports[number][0]))
    }

    /// Returns the addresses as the configuration of a machine wants them.
    pub fn addresses(&self) -> String {
        self.addresses_of(0)
    }

    /// Returns the same for one of several machines, which may have cables of their own.
    pub fn addresses_of(&self, machine: usize) -> String {
        let ports = (0..3).map(|number| self.port(Place::Machine(machine), number));
        let addresses: Vec<_> = ports.map(|port| format!("\"127.0.0.1:{port}\"")).collect();
        format!("[{}]", addresses.join(", "))
    }

    /// Erases what a server that is not there has on its disk.
    pub fn erase(&self, number: usize) {
        let store = self.folder(number).join("store");
        fs::remove_dir_all(&store).unwrap();
        fs::create_dir(&store).unwrap();
    }

    /// Returns whether each server has all entries of all streams.
    pub fn is_current(&self) -> bool {
        (0..3).all(|number| self.ask(number, "healthz").is_ok_and(|answer| answer.contains(" 200 OK\r\n")))
    }

    /// Returns which server leads the journal's stream, as those that answer say.
    pub fn leader(&self) -> Option<usize> {
        let alive = (0..3).filter(|number| self.servers[*number].is_some());
        let answers = alive.filter_map(|number| self.ask(number, "jsz?streams=true").ok());
        let led_by = |answer: String| {
            let (_, body) = answer.split_once("\r\n\r\n")?;
            let figures: serde_json::Value = serde_json::from_str(body).ok()?;
            let streams = figures["account_details"][0]["stream_detail"].as_array()?;
            let journal = streams.iter().find(|stream| stream["name"] == "EPHEMERAL")?;
            journal["cluster"]["leader"].as_str()?.strip_prefix('n')?.parse().ok()
        };
        answers.filter_map(led_by).find(|leader: &usize| self.servers[*leader].is_some())
    }

    /// Asks a server's monitoring.
    fn ask(&self, number: usize, what: &str) -> std::io::Result<String> {
        let [_, _, questions] = self.ports[number];
        let mut stream = self.inside(|| TcpStream::connect(("127.0.0.1", questions)))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(format!("GET /{what} HTTP/1.0\r\n\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Trio {
    fn drop(&mut self) {
        for number in 0..3 {
            self.kill(number);
        }
    }
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(20));
    }
}
