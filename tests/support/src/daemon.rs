//! The real `ephemeral-server`, as a child process, and clients that reach it.

mod figures;

use std::fs::{self, File};
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use ephemeral_client::{ClientEvent, ConnectOptions, Dial, Identity, Outgoing, ServerUrl, Session};
use ephemeral_core::protocol::{Fingerprint, ReceivedMessage};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::{Pid, Signal, kill_process};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{sleep, timeout};

/// No step over a private Tor network takes longer, unless something is broken.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Limits that are in no test's way; what a test is about, it adds.
pub const GENEROUS: &str = "[limits]\nmessages_per_minute = 1000000\nmessage_burst = 100000\n";

/// A running daemon, killed with this value.
pub struct Daemon {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    program: String,
    directory: PathBuf,
}

impl Daemon {
    /// Starts this program. `directory` keeps its configuration, its state and its log.
    pub fn start(program: &str, directory: &Path, configuration: &str, arguments: &[&str]) -> Self {
        Self::start_under(program, None, directory, configuration, arguments)
    }

    /// Starts it as a unit of a service manager, which passes it what it keeps.
    pub fn start_under(
        program: &str,
        manager: Option<&mut Manager>,
        directory: &Path,
        configuration: &str,
        arguments: &[&str],
    ) -> Self {
        fs::create_dir_all(directory).unwrap();
        fs::write(directory.join("ephemeral-server.toml"), configuration).unwrap();
        Self::launch(program, manager, directory, arguments)
    }

    /// Starts it with the configuration that is in `ephemeral-server.toml` already.
    pub fn launch(program: &str, manager: Option<&mut Manager>, directory: &Path, arguments: &[&str]) -> Self {
        let log = File::options().create(true).append(true).open(directory.join("log")).unwrap();
        let mut command = Command::new(program);
        let mut stdin = Stdio::null();
        if let Some(kept) = manager.as_ref().and_then(|manager| manager.kept.as_ref()) {
            // The number of the process that is executed is the shell's.
            let script = "exec 3<&0 0</dev/null; LISTEN_PID=$$; export LISTEN_PID; exec \"$0\" \"$@\"";
            command = Command::new("/bin/sh");
            command.arg("-c").arg(script).arg(program);
            stdin = kept.try_clone().unwrap().into();
        }
        command.env_clear();
        if let Some(manager) = manager {
            command.env("NOTIFY_SOCKET", &manager.path);
            if manager.kept.is_some() {
                command.env("LISTEN_FDS", "1").env("LISTEN_FDNAMES", "messages");
            }
        }
        let mut child = command
            .env("HOME", directory)
            .arg("--config")
            .arg(directory.join("ephemeral-server.toml"))
            .arg("--state-dir")
            .arg(directory.join("state"))
            .args(arguments)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, stdout, program: program.to_owned(), directory: directory.to_owned() }
    }

    /// Returns the rest of the next line on stdout that begins with `word`.
    pub async fn says(&mut self, word: &str) -> String {
        self.says_within(PATIENCE, word).await
    }

    /// Waits for the same, for what may take longer than any step over the network.
    pub async fn says_within(&mut self, patience: Duration, word: &str) -> String {
        let line = async {
            while let Some(line) = self.stdout.next_line().await.unwrap() {
                if let Some(rest) = line.strip_prefix(word) {
                    return Some(rest.trim().to_owned());
                }
            }
            None
        };
        match timeout(patience, line).await {
            Ok(Some(said)) => said,
            Ok(None) => panic!("it ended without saying {word:?}; its log:\n{}", self.log()),
            Err(_) => panic!("it did not say {word:?} in time; its log:\n{}", self.log()),
        }
    }

    /// Returns everything else that it says on stdout, until it ends.
    pub async fn rest(&mut self) -> String {
        let mut rest = String::new();
        let reading = async {
            while let Some(line) = self.stdout.next_line().await.unwrap() {
                rest += &line;
                rest.push('\n');
            }
        };
        timeout(PATIENCE, reading).await.expect("an end of stdout");
        rest
    }

    /// Returns its onion address as a URL, once clients can connect.
    pub async fn reachable(&mut self) -> ServerUrl {
        let url = self.says("onion ").await;
        self.says("reachable").await;
        url.parse().unwrap()
    }

    /// Returns what it has written to stderr until now: all of it once it has ended by itself. A
    /// line may come after the state that it speaks of: `logs` waits for one.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap()
    }

    /// Waits until its log contains these words, and returns the log.
    pub async fn logs(&self, words: &str) -> String {
        self.logs_until(words, |log| log.contains(words)).await
    }

    /// Waits until its log is so, which `what` says, and returns it.
    pub async fn logs_until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let reading = async {
            loop {
                let log = self.log();
                if is_so(&log) {
                    return log;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        let log = timeout(PATIENCE, reading).await;
        log.unwrap_or_else(|_| panic!("{what:?} is not in its log:\n{}", self.log()))
    }

    /// Returns its process id.
    pub fn process(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().unwrap().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait()).await.expect("an end").unwrap()
    }
}

/// A service manager with an FD store.
pub struct Manager {
    path: PathBuf,
    socket: UnixDatagram,
    /// What it keeps for the next process.
    pub kept: Option<File>,
}

impl Manager {
    /// Listens in this directory, with nothing kept.
    pub fn new(directory: &Path) -> Self {
        let path = directory.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        Self { path, socket, kept: None }
    }

    /// Makes its socket take no more until it reads again.
    pub fn fill(&self) {
        let teller = UnixDatagram::unbound().unwrap();
        teller.set_nonblocking(true).unwrap();
        while teller.send_to(b"STATUS=.\n", &self.path).is_ok() {}
    }

    /// Reads all that has been sent until now.
    pub fn listen(&mut self) -> String {
        self.hear(RecvFlags::DONTWAIT, |_| false)
    }

    /// Reads until that has been sent.
    pub fn until(&mut self, words: &str) {
        self.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let heard = self.hear(RecvFlags::empty(), |heard| heard.contains(words));
        assert!(heard.contains(words), "{words:?} was not said: {heard}");
    }

    fn hear(&mut self, flags: RecvFlags, enough: impl Fn(&str) -> bool) -> String {
        let mut heard = String::new();
        while !enough(&heard) {
            let mut bytes = [0; 4096];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut ancillary = RecvAncillaryBuffer::new(&mut space);
            let flags = flags | RecvFlags::CMSG_CLOEXEC;
            let received = recvmsg(&self.socket, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, flags);
            let Ok(received) = received else { return heard };
            let said = std::str::from_utf8(&bytes[..received.bytes]).unwrap();
            heard.push_str(said);
            if said.contains("FDSTOREREMOVE=1\n") {
                self.kept = None;
            }
            for message in ancillary.drain() {
                let RecvAncillaryMessage::ScmRights(mut files) = message else { continue };
                assert_eq!(said, "FDSTORE=1\nFDNAME=messages\nFDPOLL=0\n");
                self.kept = files.next().map(File::from);
            }
        }
        heard
    }
}

/// A client's session, and who it is.
pub struct Person {
    /// The session, which connects again by itself.
    pub session: Session,
    /// Who it is.
    pub fingerprint: Fingerprint,
    /// Every message that came, once each: the session drops duplicates.
    pub received: Vec<ReceivedMessage>,
    /// How many messages the server has accepted.
    pub accepted: usize,
    /// How many receipts have come.
    pub delivered: usize,
    /// How many times a session began.
    pub connected: usize,
    /// Why an attempt failed or a session was lost, every time.
    pub troubles: Vec<String>,
}

impl Person {
    /// Begins somebody's session; their key is made of the number.
    pub fn new(number: u8, dialer: Arc<dyn Dial>, url: &ServerUrl) -> Self {
        let identity = Identity::from_seed(&[number; 32]);
        let fingerprint = identity.fingerprint();
        let session = Session::new(dialer, url.clone(), identity, ConnectOptions::default());
        Self {
            session,
            fingerprint,
            received: Vec::new(),
            accepted: 0,
            delivered: 0,
            connected: 0,
            troubles: Vec::new(),
        }
    }

    /// Sends, and does not wait for what becomes of it.
    pub fn send(&mut self, to: Fingerprint, content: String) {
        self.session.send(&Outgoing::new(to, content)).unwrap();
    }

    /// Waits for the next event, and acknowledges what comes.
    async fn step(&mut self) {
        match self.session.next().await.expect("a session that can go on") {
            ClientEvent::Message(message) => {
                self.session.ack(&message);
                self.received.push(message);
            }
            ClientEvent::Accepted { .. } => self.accepted += 1,
            ClientEvent::Receipt { .. } => self.delivered += 1,
            ClientEvent::Connected { .. } => self.connected += 1,
            ClientEvent::Disconnected { why, .. } => self.troubles.push(why.to_string()),
            ClientEvent::Refused { code, message, .. } => panic!("refused: {code:?} {message}"),
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
        let Self { connected, accepted, delivered, received, troubles, .. } = self;
        let received = received.len();
        format!("connected {connected}, accepted {accepted}, delivered {delivered}, received {received}; {troubles:?}")
    }

    /// Returns what came, in its order.
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
