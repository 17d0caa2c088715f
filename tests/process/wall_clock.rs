//! The real daemon while somebody sets the machine's clock: libfaketime shows it another one, by
//! days.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ephemeral::clock::Clock;
use ephemeral_client::{ConnectOptions, Connection, Direct, Identity, ServerUrl, Welcome};
use ephemeral_core::protocol::{MINUTE_MS, ServerEvent, WallTime};
use ephemeral_test_support::daemon::{Daemon, GENEROUS, PATIENCE};
use serde_json::json;
use tokio::time::timeout;

use crate::SERVER;

const DAY_MS: u64 = 86_400_000;

/// Returns the library that is loaded before all others.
fn library() -> PathBuf {
    let directories = fs::read_dir("/usr/lib").unwrap().flatten().map(|entry| entry.path());
    let mut libraries = directories.map(|path| path.join("faketime/libfaketimeMT.so.1"));
    libraries.find(|path| path.exists()).expect("libfaketime: `tests/run` installs it")
}

/// What the daemon's wall clock is ahead by, and the script that starts the daemon with it. The
/// clock that is not to be set stays the machine's.
pub(crate) struct FakeTime {
    ahead: PathBuf,
    pub(crate) script: PathBuf,
}

impl FakeTime {
    pub(crate) fn new(directory: &Path) -> Self {
        Self::with(directory, "DONT_FAKE_MONOTONIC=1 FAKETIME_DONT_FAKE_MONOTONIC=1")
    }

    /// Makes one that sets the clock by which tasks wait, too: all that is to be done by then is
    /// due at once. How long messages live is by another one, which stays the machine's.
    pub(crate) fn of_tasks_too(directory: &Path) -> Self {
        Self::with(directory, "FAKE_MONOTONIC=1")
    }

    fn with(directory: &Path, settings: &str) -> Self {
        let ahead = directory.join("ahead");
        let script = directory.join("with-fake-time");
        let library = library();
        let file = ahead.display().to_string();
        let text = format!(
            "#!/bin/sh\nexport LD_PRELOAD={} FAKETIME_TIMESTAMP_FILE={file} FAKETIME_NO_CACHE=1\n\
             export {settings}\nexec {SERVER} \"$@\"\n",
            library.display()
        );
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
        let fake = Self { ahead, script };
        fake.set("+0");
        fake
    }

    /// Makes one in a new folder, whose clock is ahead by so much.
    pub(crate) fn ahead(directory: &Path, ahead: &str) -> Self {
        fs::create_dir(directory).unwrap();
        let fake = Self::new(directory);
        fake.set(ahead);
        fake
    }

    /// Sets the daemon's clock, in one step.
    pub(crate) fn set(&self, ahead: &str) {
        let new = self.ahead.with_extension("new");
        fs::write(&new, format!("{ahead}\n")).unwrap();
        fs::rename(&new, &self.ahead).unwrap();
    }
}

async fn connect(number: u8, url: &ServerUrl) -> (Connection, Welcome) {
    let identity = Identity::from_seed(&[number; 32]);
    Connection::connect(&Direct::default(), url, &identity, &ConnectOptions::default()).await.unwrap()
}

/// Reads until `wanted` makes something of an event.
async fn until<T>(connection: &mut Connection, mut wanted: impl FnMut(ServerEvent) -> Option<T>) -> T {
    let reading = async {
        loop {
            if let Some(found) = wanted(connection.next_event().await.unwrap()) {
                return found;
            }
        }
    };
    timeout(PATIENCE, reading).await.expect("an event")
}

async fn sends(alice: &mut Connection, id: &str, ttl_s: Option<u32>) {
    let bob = Identity::from_seed(&[2; 32]).fingerprint();
    alice.send(&json!({"id": id, "to": bob, "content": id, "ttl_s": ttl_s})).await.unwrap();
    let is_it = |event| match event {
        ServerEvent::Accepted { id: accepted, .. } if accepted == id => Some(()),
        ServerEvent::Error { code, .. } => panic!("refused: {code:?}"),
        _ => None,
    };
    until(alice, is_it).await;
}

/// Asserts what the daemon's clock shows, in days from the machine's own.
fn assert_days_ahead(welcome: &Welcome, days: i64) {
    let shown = WallTime::parse(&welcome.server_time).unwrap();
    let own = Clock::System.wall().0.strict_add_signed(days * DAY_MS.cast_signed());
    assert!(shown.0.abs_diff(own) < 2 * MINUTE_MS, "{} is not {days} days from now", welcome.server_time);
    assert_eq!(shown.0 % MINUTE_MS, 0, "to the minute");
}

#[tokio::test]
async fn a_clock_that_is_set_by_two_days_neither_expires_nor_prolongs_a_message() {
    let directory = tempfile::tempdir().unwrap();
    let fake = FakeTime::new(directory.path());
    let program = fake.script.to_str().unwrap();
    let mut daemon = Daemon::start(program, directory.path(), GENEROUS, &["--no-tor", "--clearnet=127.0.0.1:0"]);
    let url: ServerUrl = daemon.says("clearnet ").await.parse().unwrap();

    let (mut alice, welcome) = connect(1, &url).await;
    assert_days_ahead(&welcome, 0);
    sends(&mut alice, "for-a-day", None).await;

    fake.set("+2d");
    let (mut bob, welcome) = connect(2, &url).await;
    assert_days_ahead(&welcome, 2);
    assert_eq!(welcome.pending, 1, "nothing expires because a clock was set");
    let (seq, expires_at) = until(&mut bob, |event| match event {
        ServerEvent::Message(message) => Some((message.seq, message.expires_at)),
        _ => None,
    })
    .await;
    let left = WallTime::parse(&expires_at).unwrap().since(WallTime::parse(&welcome.server_time).unwrap());
    assert!(left.abs_diff(DAY_MS) <= 5 * MINUTE_MS, "{expires_at} is by the clock as it is now");
    bob.send(&json!({"type": "ack", "seq": seq})).await.unwrap();
    until(&mut alice, |event| matches!(event, ServerEvent::Receipt { .. }).then_some(())).await;
    drop(bob);

    sends(&mut alice, "for-two-seconds", Some(2)).await;
    fake.set("-2d");
    let expired = until(&mut alice, |event| match event {
        ServerEvent::Receipt { id, status, .. } => Some((id, status)),
        _ => None,
    });
    let (id, status) = timeout(Duration::from_secs(20), expired).await.expect("it lives no longer");
    assert_eq!((id.as_str(), status), ("for-two-seconds", ephemeral_core::protocol::ReceiptStatus::Expired));
    let (_bob, welcome) = connect(2, &url).await;
    assert_days_ahead(&welcome, -2);
    assert_eq!(welcome.pending, 0);
}
