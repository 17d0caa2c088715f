//! Three NATS servers on loopback, as three machines of a cluster would have them.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a server may take to let go of its port, or to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Three NATS servers, killed with this value.
pub struct Trio {
    directory: PathBuf,
    ports: Vec<[u16; 2]>,
    servers: Vec<Option<Child>>,
}

/// Returns the NATS server that the tests use: the one that `tests/run` installs, one that is named
/// by `EPHEMERAL_NATS_SERVER`, or the system's.
fn program() -> PathBuf {
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
        Self::start_with(directory, "")
    }

    /// Starts three servers with more in their configuration.
    pub fn start_with(directory: &Path, more: &str) -> Self {
        let free = || TcpListener::bind("127.0.0.1:0").unwrap();
        let held: Vec<_> = (0..3).map(|_| [free(), free()]).collect();
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        let ports: Vec<_> = held.iter().map(|[client, route]| [port(client), port(route)]).collect();
        drop(held);
        let mut trio = Self { directory: directory.to_owned(), ports, servers: vec![None, None, None] };
        for number in 0..3 {
            trio.write_configuration(number, more);
            trio.begin(number);
        }
        trio
    }

    fn write_configuration(&self, number: usize, more: &str) {
        let folder = self.folder(number);
        fs::create_dir_all(folder.join("store")).unwrap();
        let [client, route] = self.ports[number];
        let routes: Vec<_> = self.ports.iter().map(|[_, route]| format!("\"nats://127.0.0.1:{route}\"")).collect();
        let text = format!(
            "server_name: n{number}\nlisten: \"127.0.0.1:{client}\"\nmax_payload: 2MB\n\
             jetstream {{ store_dir: {:?}, max_mem: 256M, max_file: 64M }}\n\
             cluster {{ name: test, listen: \"127.0.0.1:{route}\", routes: [{}] }}\n{more}",
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
            self.ports[number].iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        });
        let folder = self.folder(number);
        let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
        let server = Command::new(program())
            .arg("-c")
            .arg(folder.join("nats.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.servers[number] = Some(server);
    }

    /// Kills a server, which has no time to do anything.
    pub fn kill(&mut self, number: usize) {
        if let Some(mut server) = self.servers[number].take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// Sends a server a signal.
    pub fn signal(&self, number: usize, signal: Signal) {
        kill_process(Pid::from_raw(self.process(number).cast_signed()).unwrap(), signal).unwrap();
    }

    /// Returns the number of a server's process.
    pub fn process(&self, number: usize) -> u32 {
        self.servers[number].as_ref().unwrap().id()
    }

    /// Returns the addresses as the server's configuration wants them.
    pub fn addresses(&self) -> String {
        let addresses: Vec<_> = self.ports.iter().map(|[client, _]| format!("\"127.0.0.1:{client}\"")).collect();
        format!("[{}]", addresses.join(", "))
    }

    /// Returns which server leads the journal's stream, by what its log said last.
    pub fn leader(&self) -> Option<usize> {
        let led = |number: &usize| {
            let log = fs::read_to_string(self.folder(*number).join("log")).unwrap_or_default();
            log.lines().rev().find(|line| line.contains("> EPHEMERAL'")).map(|line| line.contains("new stream leader"))
        };
        (0..3).filter(|number| self.servers[*number].is_some()).find(|number| led(number) == Some(true))
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
