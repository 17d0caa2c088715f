//! The first minute of the server as a person sees it: transcripts where the Tor network cannot be
//! reached. What it says on a private network is in `tests/tor/first_minute.rs`.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ephemeral_test_support::client::Client;

use crate::{CLIENT, SERVER};

/// How long something may take that takes 20 s on a machine that does nothing else.
const PATIENCE: Duration = Duration::from_secs(120);

/// A process whose output goes to files, killed with this value together with what it has started.
struct Recorded {
    process: Child,
    directory: PathBuf,
}

impl Recorded {
    fn start(mut command: Command, directory: &Path) -> Self {
        let file = |name: &str| File::create(directory.join(name)).unwrap();
        command.env_clear().env("HOME", directory).env("TERM", "xterm").stdin(Stdio::null());
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let process = command.stdout(file("stdout")).stderr(file("stderr")).spawn().unwrap();
        Self { process, directory: directory.to_owned() }
    }

    fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.directory.join(name)).unwrap()).into_owned()
    }

    /// Waits until a text is in what it wrote. Returns all that it wrote there.
    fn until(&mut self, name: &str, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.read(name);
            if text.contains(words) {
                return text;
            }
            let ended = self.process.try_wait().unwrap();
            let out = self.read("stdout");
            let err = self.read("stderr");
            assert!(ended.is_none(), "it ended without {words:?}:\n{out}\n{err}");
            assert!(Instant::now() < deadline, "no {words:?} in:\n{out}\n{err}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.process);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.process.wait();
    }
}

/// Returns a command in a network namespace of its own, which has no route and not even loopback.
fn without_a_network(program: &str) -> Command {
    let mut command = Command::new("/usr/bin/unshare");
    command.args(["--map-root-user", "--net", "--", program]);
    command
}

/// Returns the log's lines about the onion service. Each line has its time in front: none goes on
/// on the next.
fn lines(log: &str) -> Vec<&str> {
    assert!(log.lines().all(|line| line.starts_with("20")), "a line that goes on:\n{log}");
    assert!(!log.contains(" tor_") && !log.contains(" arti_"), "Arti's own words:\n{log}");
    log.lines().filter(|line| line.contains(" ephemeral::onion: ")).collect()
}

#[test]
fn without_a_network_the_log_says_so_in_two_lines_and_the_address_is_known() {
    let home = tempfile::tempdir().unwrap();
    let mut command = without_a_network(SERVER);
    command.arg("--state-dir").arg(home.path().join("state"));
    let mut server = Recorded::start(command, home.path());
    let log = server.until("stderr", "this machine has no network connection");
    let lines = lines(&log);
    assert!(lines[0].contains("connecting to the Tor network") && lines[0].contains("; then "), "{log}");
    assert_eq!(lines.len(), 2, "{log}");
    assert!(log.contains("the server goes on trying"), "{log}");
    let said = server.until("stdout", "onion ");
    let url = said.trim().strip_prefix("onion ").unwrap();
    assert!(url.starts_with("http://") && url.ends_with(".onion") && url.len() == 7 + 56 + 6, "{said:?}");
}

#[test]
fn on_a_terminal_the_state_stays_on_the_last_line_and_log_lines_go_above_it() {
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join("state");
    let line = format!("stty cols 80; exec unshare --map-root-user --net -- {SERVER} --state-dir {}", state.display());
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    let mut server = Recorded::start(command, home.path());
    server.until("stdout", "no network on this machine; it goes on trying");
    // A thread of its own writes the log: the line may come a moment later.
    let screen = server.until("stdout", "this machine has no network connection");
    assert!(screen.contains("onion http://"), "{screen}");
    // Each line of the log first takes the place of the status line.
    let logged = screen.matches("WARN").count() + screen.matches("INFO").count();
    assert!(logged >= 1, "{screen}");
    let late = screen.split("this machine has no network connection").next().unwrap();
    assert!(late.rsplit('\n').next().unwrap().contains("\r\u{1b}[K"), "{screen:?}");
}

#[test]
fn behind_a_captive_portal_the_log_says_what_to_do() {
    let portal = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = portal.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in portal.incoming().flatten() {
            let _ = stream.read(&mut [0; 1024]);
            let _ =
                stream.write_all(b"HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("server.toml");
    // A network with relays that do not exist: everything that is tried goes to the portal.
    let configuration = format!(
        "[tor.tor_network]\n\
         authorities = {{ v3idents = [\"D30FC16D8101A2613C9907586F966F2489298635\"], uploads = [], downloads = [], votes = [] }}\n\
         fallback_caches = [{{ rsa_identity = \"F70FB31F07156BF9CB96949CD7A48C8D018507FC\", \
         ed_identity = \"3ZrkYh1f/T207LbXdVZcbmy8CLAYYsZGDB2QscqtqrI\", orports = [\"{address}\"] }}]\n\
         [tor.address_filter]\nallow_local_addrs = true\n"
    );
    fs::write(&file, configuration).unwrap();
    let mut command = Command::new(SERVER);
    command.arg("--config").arg(&file).arg("--state-dir").arg(home.path().join("state"));
    let mut server = Recorded::start(command, home.path());
    let log = server.until("stderr", "captive portal");
    assert!(log.contains("the server goes on trying"), "{log}");
    let lines = lines(&log);
    assert!(lines.len() <= 4, "{log}");
    let clock = lines.last().unwrap();
    assert!(clock.contains("the clock of this machine is wrong: it says 20") && clock.contains(" UTC"), "{log}");
}

#[test]
fn a_client_says_on_a_terminal_what_it_does_over_tor_and_elsewhere_nothing_of_it() {
    let home = tempfile::tempdir().unwrap();
    let server = "2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid.onion";
    Client::new(CLIENT, home.path(), "alice", server).ok(&["invite"]);
    let passphrase = home.path().join("passphrase");
    let arguments =
        format!("recv --once --at-once --timeout 4 --profile alice --passphrase-file {}", passphrase.display());
    let client = format!("{CLIENT} {arguments}");

    let mut command = without_a_network(CLIENT);
    let output = command.args(arguments.split(' ')).env_clear().env("HOME", home.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains("starting Tor"), "{said}");
    assert!(said.contains(&format!("connecting to http://{server}")), "the whole address: {said}");

    let mut command = Command::new("script");
    let line = format!("stty cols 80; exec unshare --map-root-user --net -- {client}");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    let output =
        command.env_clear().env("HOME", home.path()).env("TERM", "xterm").stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let screen = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(screen.contains("starting Tor"), "{screen}");
}
