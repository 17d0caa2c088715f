//! Nobody reads what the server writes: a pipe that is full, a terminal under Ctrl-S. Everything
//! else goes on.

use std::io::{PipeReader, PipeWriter, Read as _, Write as _};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use ephemeral_client::{ConnectOptions, Connection, Direct, Identity, ServerUrl};
use ephemeral_core::protocol::ServerEvent;
use ephemeral_test_support::daemon::{GENEROUS, PATIENCE};
use ephemeral_test_support::memory::times_in_memory;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::SERVER;

/// Less than a command waits for an answer.
const SOON: Duration = Duration::from_secs(8);

/// A server whose stdout and stderr are one pipe, full from the beginning, that nobody reads.
struct Mute {
    child: Child,
    directory: tempfile::TempDir,
    url: ServerUrl,
    reader: PipeReader,
}

impl Mute {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (reader, writer) = full_pipe();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
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
        let identity = Identity::from_seed(&[1; 32]);
        let dialer = Direct::default();
        let options = ConnectOptions::default();
        let connecting = Connection::connect(&dialer, &self.url, &identity, &options);
        let (mut alice, _) = timeout(SOON, connecting).await.expect("a session").unwrap();
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

/// Returns a pipe that takes no more.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let flags = rustix::fs::fcntl_getfl(&writer).unwrap();
    rustix::fs::fcntl_setfl(&writer, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
    while writer.write(&[b'.'; 4096]).is_ok() {}
    while writer.write(b".").is_ok() {}
    rustix::fs::fcntl_setfl(&writer, flags).unwrap();
    (reader, writer)
}

async fn command(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(SERVER);
    command.env_clear().env("HOME", directory).arg("--state-dir").arg(directory.join("state")).args(arguments);
    command.stdin(Stdio::null()).output().await.unwrap()
}

#[tokio::test]
async fn while_nobody_reads_its_log_messages_are_carried_and_panic_and_its_signals_work() {
    let mut mute = Mute::start().await;
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

    // Anyone who reads again gets what was said meanwhile.
    let mut reader = mute.reader.try_clone().unwrap();
    let reading = tokio::task::spawn_blocking(move || {
        let mut log = String::new();
        let mut bytes = [0; 4096];
        while !log.contains("SIGUSR1: everything that waited is erased") {
            let read = reader.read(&mut bytes).unwrap();
            assert!(read > 0, "{log}");
            log.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    });
    timeout(PATIENCE, reading).await.expect("the log goes on").unwrap();
    mute.signal(Signal::TERM);
    let status = timeout(PATIENCE, mute.child.wait()).await.expect("an end").unwrap();
    assert!(status.success(), "{status}");
}
