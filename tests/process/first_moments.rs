//! Signals in the first moments of a start, while the daemon reads its configuration: what is asked
//! for then is not lost.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ephemeral_client::{ConnectOptions, Connection, Direct, Identity, ServerUrl, Welcome};
use ephemeral_core::protocol::ServerEvent;
use ephemeral_test_support::daemon::{Daemon, GENEROUS, Manager, PATIENCE};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use rustix::process::Signal;
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::SERVER;

const LOCAL: [&str; 2] = ["--no-tor", "--clearnet=127.0.0.1:0"];
/// The exit code for a configuration that cannot be used: a manager gives up, and keeps nothing.
const UNUSABLE: i32 = 78;

async fn connect(number: u8, url: &ServerUrl) -> (Connection, Welcome) {
    let identity = Identity::from_seed(&[number; 32]);
    Connection::connect(&Direct::default(), url, &identity, &ConnectOptions::default()).await.unwrap()
}

/// A daemon that has left a message to its manager, and been killed.
struct Left {
    directory: tempfile::TempDir,
    manager: Manager,
    kept: File,
    epoch: String,
}

impl Left {
    async fn behind() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut manager = Manager::new(directory.path());
        let mut daemon = Daemon::start_under(SERVER, Some(&mut manager), directory.path(), GENEROUS, &LOCAL);
        let url: ServerUrl = daemon.says("clearnet ").await.parse().unwrap();
        manager.listen();
        let (mut alice, welcome) = connect(1, &url).await;
        let bob = Identity::from_seed(&[2; 32]).fingerprint();
        alice.send(&json!({"id": "one", "to": bob, "content": "canary-left"})).await.unwrap();
        while !matches!(alice.next_event().await.unwrap(), ServerEvent::Accepted { .. }) {}
        daemon.signal(Signal::KILL);
        daemon.ended().await;
        let kept = manager.kept.as_ref().unwrap().try_clone().unwrap();
        let left = Self { directory, manager, kept, epoch: welcome.epoch };
        assert!(left.holds_it());
        left
    }

    fn holds_it(&self) -> bool {
        let mut bytes = vec![0; 16 << 10];
        self.kept.read_exact_at(&mut bytes, 0).unwrap();
        bytes.windows(11).any(|window| window == b"canary-left")
    }

    /// Starts the next one, which waits for its configuration.
    async fn start_next(&mut self) -> (Daemon, Unwritten) {
        let configuration = Unwritten::make(self.directory.path());
        let daemon = Daemon::launch(SERVER, Some(&mut self.manager), self.directory.path(), &LOCAL);
        (daemon, configuration.once_read().await)
    }
}

/// A configuration that somebody waits for: a pipe in the place of the file.
struct Unwritten {
    path: PathBuf,
    writer: Option<File>,
}

impl Unwritten {
    fn make(directory: &Path) -> Self {
        let path = directory.join("ephemeral-server.toml");
        let _ = fs::remove_file(&path);
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        Self { path, writer: None }
    }

    /// Waits until the daemon reads it: until then, a pipe cannot be opened without waiting.
    async fn once_read(mut self) -> Self {
        let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
        let opening = async {
            loop {
                match File::options().write(true).custom_flags(nonblocking).open(&self.path) {
                    Ok(writer) => return writer,
                    Err(_) => sleep(Duration::from_millis(2)).await,
                }
            }
        };
        self.writer = Some(timeout(PATIENCE, opening).await.expect("it reads its configuration"));
        self
    }

    /// Puts a file in its place, and lets the daemon go on with `first`.
    fn write(self, first: &str, then: &str) {
        fs::remove_file(&self.path).unwrap();
        fs::write(&self.path, then).unwrap();
        self.writer.unwrap().write_all(first.as_bytes()).unwrap();
    }
}

#[tokio::test]
async fn a_wipe_asked_for_by_a_signal_in_the_first_moments_is_carried_out_before_anything_is_restored() {
    let mut left = Left::behind().await;
    let (mut daemon, configuration) = left.start_next().await;
    daemon.signal(Signal::USR1);
    configuration.write(GENEROUS, GENEROUS);
    let url: ServerUrl = daemon.says("clearnet ").await.parse().unwrap();
    assert!(!left.holds_it());
    let (_bob, welcome) = connect(2, &url).await;
    assert_eq!(welcome.pending, 0);
    assert_ne!(welcome.epoch, left.epoch);
    daemon.logs("a wipe was asked for before the server ran: everything that waited is overwritten").await;
    daemon.signal(Signal::TERM);
    assert!(daemon.ended().await.success());
    let mark = ephemeral::daemon::wipe_mark::read(&left.directory.path().join("state"));
    assert!(mark.is_none(), "once is enough");
}

#[tokio::test]
async fn a_wipe_asked_for_by_a_signal_in_a_start_that_fails_is_left_to_the_next_one() {
    let mut left = Left::behind().await;
    let (mut daemon, configuration) = left.start_next().await;
    daemon.signal(Signal::USR1);
    configuration.write("[no_such_table]\n", GENEROUS);
    assert_eq!(daemon.ended().await.code(), Some(UNUSABLE), "{}", daemon.log());
    assert!(left.holds_it(), "it did not come so far");
    let directory = left.directory.path().to_owned();
    let mut daemon = Daemon::launch(SERVER, Some(&mut left.manager), &directory, &LOCAL);
    daemon.says("clearnet ").await;
    assert!(!left.holds_it());
}

#[tokio::test]
async fn sighup_in_the_first_moments_has_the_configuration_read_again_and_sigterm_ends_the_start() {
    let mut left = Left::behind().await;
    let (mut daemon, configuration) = left.start_next().await;
    daemon.signal(Signal::HUP);
    configuration.write(GENEROUS, "[limits]\nmessages_per_minute = 999\n");
    daemon.says("clearnet ").await;
    daemon.logs("the configuration was read again, from now on in force: ").await;
    daemon.signal(Signal::KILL);
    daemon.ended().await;

    let (mut daemon, _configuration) = left.start_next().await;
    daemon.signal(Signal::TERM);
    assert!(!daemon.ended().await.success());
    assert!(left.holds_it(), "what was not taken over is not lost");
}
