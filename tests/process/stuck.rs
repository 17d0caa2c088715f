//! Nobody reads what the server writes: a pipe that is full, a terminal under Ctrl-S. Everything
//! else goes on.

use std::fs::File;
use std::io::{PipeWriter, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use ephemeral_client::{ConnectOptions, Connection, Direct, Identity, ServerUrl, Welcome};
use ephemeral_core::protocol::ServerEvent;
use ephemeral_test_support::daemon::{Daemon, GENEROUS, Manager, PATIENCE};
use ephemeral_test_support::memory::times_in_memory;
use ephemeral_test_support::ports::free_port;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::SERVER;

/// Less than a command waits for an answer.
const SOON: Duration = Duration::from_secs(8);

/// How people make a terminal take no more, and go on.
const CTRL_S: &[u8] = b"\x13";
const CTRL_Q: &[u8] = b"\x11";

/// Who does not read what the server writes.
#[derive(Debug, Clone, Copy)]
enum Reader {
    /// Another program, as in `… | less`.
    Pipe,
    /// A person.
    Terminal,
}

/// A server whose stdout and stderr take nothing from the beginning.
struct Mute {
    child: Child,
    directory: tempfile::TempDir,
    url: ServerUrl,
    /// The other end.
    reader: File,
}

impl Mute {
    async fn start(reader: Reader) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (reader, writer) = match reader {
            Reader::Pipe => full_pipe(),
            Reader::Terminal => stopped_terminal(),
        };
        let port = free_port();
        let configuration = directory.path().join("ephemeral-server.toml");
        std::fs::write(&configuration, GENEROUS).unwrap();
        let mut command = Command::new(SERVER);
        command.env_clear().env("HOME", directory.path()).arg("--config").arg(configuration);
        command.arg("--state-dir").arg(directory.path().join("state"));
        command.args(["--no-tor", &format!("--clearnet=127.0.0.1:{port}"), "--log-level=info"]);
        let stdout = Stdio::from(writer.try_clone().unwrap());
        let child = command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::from(writer));
        let child = child.kill_on_drop(true).spawn().unwrap();
        let url = format!("http://127.0.0.1:{port}").parse().unwrap();
        let mute = Self { child, directory, url, reader };
        let up = async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, up).await.expect("it listens although nobody reads its output");
        mute
    }

    /// Checks that it ends when it is told to.
    async fn ends(&mut self) {
        self.signal(Signal::TERM);
        let status = timeout(PATIENCE, self.child.wait()).await.expect("an end").unwrap();
        assert!(status.success(), "{status}");
    }

    /// Reads again, until that has been said.
    async fn read_until(&self, words: &'static str) {
        let mut reader = self.reader.try_clone().unwrap();
        let reading = tokio::task::spawn_blocking(move || {
            let mut log = String::new();
            let mut bytes = [0; 4096];
            while !log.contains(words) {
                let read = reader.read(&mut bytes).unwrap();
                assert!(read > 0, "{log}");
                log.push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
        });
        timeout(PATIENCE, reading).await.expect("the log goes on").unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.child.id().unwrap().cast_signed()).unwrap(), signal).unwrap();
    }

    /// Returns a command that is answered soon.
    async fn does(&self, arguments: &[&str]) -> String {
        let ran = timeout(SOON, command(self.directory.path(), arguments)).await.expect("an answer");
        assert!(ran.status.success(), "{arguments:?}: {ran:?}");
        String::from_utf8(ran.stdout).unwrap()
    }

    async fn figures(&self) -> Value {
        serde_json::from_str(&self.does(&["status", "--json"]).await).unwrap()
    }

    /// Returns Alice, who has sent that to Bob, who is not there.
    async fn sent(&self, content: &str) -> Connection {
        let (mut alice, _) = connect(&self.url).await;
        let bob = Identity::from_seed(&[2; 32]).fingerprint();
        alice.send(&json!({"id": content, "to": bob, "content": content})).await.unwrap();
        let accepted = async { while !matches!(alice.next_event().await.unwrap(), ServerEvent::Accepted { .. }) {} };
        timeout(SOON, accepted).await.expect("it is accepted");
        alice
    }

    /// Asks as a page of another origin does: each time is a line of the log.
    async fn ask_wrongly(&self, times: usize) {
        for _ in 0..times {
            let mut stream = TcpStream::connect((self.url.host(), self.url.port())).await.unwrap();
            let request = format!(
                "GET /health HTTP/1.1\r\nHost: {}\r\nOrigin: http://x\r\nConnection: close\r\n\r\n",
                self.url.authority()
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            timeout(SOON, stream.read_to_string(&mut answer)).await.expect("an answer").unwrap();
            assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
        }
    }
}

/// Returns a session of Alice's.
async fn connect(url: &ServerUrl) -> (Connection, Welcome) {
    let identity = Identity::from_seed(&[1; 32]);
    let dialer = Direct::default();
    let options = ConnectOptions::default();
    timeout(SOON, Connection::connect(&dialer, url, &identity, &options)).await.expect("a session").unwrap()
}

/// Returns a pipe that takes no more.
fn full_pipe() -> (File, OwnedFd) {
    let (reader, mut writer): (_, PipeWriter) = std::io::pipe().unwrap();
    let flags = rustix::fs::fcntl_getfl(&writer).unwrap();
    rustix::fs::fcntl_setfl(&writer, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
    while writer.write(&[b'.'; 4096]).is_ok() {}
    while writer.write(b".").is_ok() {}
    rustix::fs::fcntl_setfl(&writer, flags).unwrap();
    (OwnedFd::from(reader).into(), writer.into())
}

/// Returns a terminal at which somebody has pressed Ctrl-S, and the end that a program writes to.
fn stopped_terminal() -> (File, OwnedFd) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let writer = rustix::fs::open(name.as_c_str(), flags.into(), rustix::fs::Mode::empty()).unwrap();
    let mut terminal = File::from(terminal);
    terminal.write_all(CTRL_S).unwrap();
    (terminal, writer)
}

async fn command(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(SERVER);
    command.env_clear().env("HOME", directory).arg("--state-dir").arg(directory.join("state")).args(arguments);
    command.stdin(Stdio::null()).output().await.unwrap()
}

/// Tries messages, commands, and the signals of an emergency.
async fn everything_but_the_log_goes_on(mute: &Mute) {
    mute.ask_wrongly(3).await;
    let alice = mute.sent("canary-stuck-one").await;
    assert_eq!(mute.does(&["health"]).await, "healthy\n");
    assert!(mute.does(&["check-in"]).await.contains("is off"));
    assert_eq!(mute.figures().await["pending_messages"], 1);
    assert!(mute.does(&["panic", "--yes"]).await.contains("everything that waited is erased: 1 messages"));
    assert_eq!(mute.figures().await["pending_messages"], 0);
    drop(alice);

    let _alice = mute.sent("canary-stuck-two").await;
    assert_eq!(mute.figures().await["pending_messages"], 1);
    mute.signal(Signal::USR1);
    let wiped = async {
        while mute.figures().await["pending_messages"] != 0 {}
        while times_in_memory(mute.child.id().unwrap(), "canary-stuck-two").is_some_and(|times| times > 0) {
            mute.figures().await;
        }
    };
    timeout(PATIENCE, wiped).await.expect("the signal wipes");
}

#[tokio::test]
async fn while_nobody_reads_its_log_messages_are_carried_and_panic_and_its_signals_work() {
    let mut mute = Mute::start(Reader::Pipe).await;
    everything_but_the_log_goes_on(&mute).await;
    // A manager that reads again gets what was said meanwhile.
    mute.read_until("SIGUSR1: everything that waited is erased").await;
    mute.ends().await;
}

#[tokio::test]
async fn at_a_terminal_under_ctrl_s_messages_are_carried_and_panic_and_its_signals_work() {
    let mut mute = Mute::start(Reader::Terminal).await;
    everything_but_the_log_goes_on(&mute).await;
    (&mute.reader).write_all(CTRL_Q).unwrap();
    mute.read_until("SIGUSR1: everything that waited is erased").await;
    mute.ends().await;
}

#[tokio::test]
async fn sigterm_and_panic_with_keys_end_it_while_nobody_reads_its_log() {
    for reader in [Reader::Pipe, Reader::Terminal] {
        let mut mute = Mute::start(reader).await;
        mute.ask_wrongly(3).await;
        let alice = mute.sent("canary-stuck-three").await;
        drop(alice);
        mute.ends().await;

        let mut mute = Mute::start(reader).await;
        mute.ask_wrongly(3).await;
        mute.does(&["panic", "--keys", "--yes"]).await;
        let status = timeout(PATIENCE, mute.child.wait()).await.expect("an end").unwrap();
        assert!(status.success(), "{reader:?}: {status}");
        let left = std::fs::read_dir(mute.directory.path().join("state/tor/state/keystore"));
        assert!(left.is_err(), "{reader:?}: its keys are gone");
    }
}

#[tokio::test]
async fn a_service_manager_that_does_not_read_keeps_nobody_from_sending() {
    let directory = tempfile::tempdir().unwrap();
    let mut manager = Manager::new(directory.path());
    manager.fill();
    let arguments = ["--no-tor", "--clearnet=127.0.0.1:0"];
    let mut daemon = Daemon::start_under(SERVER, Some(&mut manager), directory.path(), GENEROUS, &arguments);
    let url: ServerUrl = daemon.says("clearnet ").await.parse().unwrap();
    let (_alice, welcome) = connect(&url).await;
    assert_eq!(welcome.pending, 0);
    daemon.logs("messages will not survive a restart: the service manager does not take them").await;
    daemon.logs("nobody has read from it").await;
    daemon.signal(Signal::TERM);
    assert!(daemon.ended().await.success());
}
