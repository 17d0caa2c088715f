//! The real `ephemeral-server`, as a child process, and clients that reach it.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "each test binary uses its part"
)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use ephemeral::client::{Dial, Event, Identity, Options, Outgoing, ServerUrl, Session};
use ephemeral::protocol::{Fingerprint, ReceivedMessage};
use rustix::process::{Pid, Signal, kill_process};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// No step over a private Tor network takes longer, unless something is broken.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Limits that are in no test's way; what a test is about, it adds.
pub const GENEROUS: &str = "[limits]\nmessages_per_minute = 1000000\nmessage_burst = 100000\n";

/// A running daemon, killed with this value.
pub struct Daemon {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    directory: PathBuf,
}

impl Daemon {
    /// Starts it. `directory` keeps its configuration, its state and its log.
    pub fn start(directory: &Path, configuration: &str, arguments: &[&str]) -> Self {
        fs::create_dir_all(directory).unwrap();
        fs::write(directory.join("ephemeral-server.toml"), configuration).unwrap();
        let log = File::options().create(true).append(true).open(directory.join("log")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_ephemeral-server"))
            .env_clear()
            .env("HOME", directory)
            .arg("--config")
            .arg(directory.join("ephemeral-server.toml"))
            .arg("--state-dir")
            .arg(directory.join("state"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, stdout, directory: directory.to_owned() }
    }

    /// The rest of the next line on stdout that begins with `word`.
    pub async fn says(&mut self, word: &str) -> String {
        let line = async {
            while let Some(line) = self.stdout.next_line().await.unwrap() {
                if let Some(rest) = line.strip_prefix(word) {
                    return rest.trim().to_owned();
                }
            }
            panic!("it ended without saying {word:?}");
        };
        let said = timeout(PATIENCE, line).await;
        said.unwrap_or_else(|_| panic!("it did not say {word:?} in time; its log:\n{}", self.log()))
    }

    /// Its onion address as a URL, once clients can connect.
    pub async fn reachable(&mut self) -> ServerUrl {
        let url = self.says("onion ").await;
        self.says("reachable").await;
        url.parse().unwrap()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().unwrap().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait()).await.expect("an end").unwrap()
    }
}

/// A client's session, and who it is.
pub struct Person {
    pub session: Session,
    pub fingerprint: Fingerprint,
    /// Every message that came, once each: the session drops duplicates.
    pub received: Vec<ReceivedMessage>,
    pub accepted: usize,
    pub delivered: usize,
    pub connected: usize,
    pub disconnected: usize,
}

impl Person {
    pub fn new(number: u8, dialer: Arc<dyn Dial>, url: &ServerUrl) -> Self {
        let identity = Identity::from_seed(&[number; 32]);
        let fingerprint = identity.fingerprint();
        let session = Session::new(dialer, url.clone(), identity, Options::default());
        Self { session, fingerprint, received: Vec::new(), accepted: 0, delivered: 0, connected: 0, disconnected: 0 }
    }

    pub fn send(&mut self, to: Fingerprint, content: String) {
        self.session.send(&Outgoing::new(to, content)).unwrap();
    }

    /// The next thing that happens. Acknowledges what comes.
    async fn step(&mut self) {
        match self.session.next().await.expect("a session that can go on") {
            Event::Message(message) => {
                self.session.ack(&message);
                self.received.push(message);
            }
            Event::Accepted { .. } => self.accepted += 1,
            Event::Receipt { .. } => self.delivered += 1,
            Event::Connected { .. } => self.connected += 1,
            Event::Disconnected { .. } => self.disconnected += 1,
            Event::Refused { code, message, .. } => panic!("refused: {code:?} {message}"),
            _ => {}
        }
    }

    /// Lets things happen until `done`.
    pub async fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let happening = async {
            while !done(self) {
                self.step().await;
            }
        };
        let in_time = timeout(PATIENCE, happening).await;
        assert!(in_time.is_ok(), "{what}: not in time; {}", self.so_far());
    }

    fn so_far(&self) -> String {
        let Self { connected, accepted, delivered, received, .. } = self;
        format!("connected {connected}, accepted {accepted}, delivered {delivered}, received {}", received.len())
    }

    pub fn contents(&self) -> Vec<&str> {
        self.received.iter().map(|message| message.content.as_str()).collect()
    }
}

/// Lets things happen to both until both are `done`: one who is done goes on answering the other.
pub async fn until_both(alice: &mut Person, bob: &mut Person, what: &str, done: impl Fn(&Person) -> bool) {
    let happening = async {
        while !(done(alice) && done(bob)) {
            tokio::select! {
                () = alice.step() => {}
                () = bob.step() => {}
            }
        }
    };
    let in_time = timeout(PATIENCE, happening).await;
    assert!(in_time.is_ok(), "{what}: not in time; alice {}; bob {}", alice.so_far(), bob.so_far());
}
