//! The real daemon under a service manager that keeps its file: killed and started again, it has
//! lost nothing.

use std::fs::File;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use ephemeral_client::{ConnectOptions, Connection, Direct, Identity, ServerUrl, Welcome};
use ephemeral_core::protocol::{DeliveryType, Fingerprint, ReceivedMessage, ServerEvent};
use ephemeral_test_support::daemon::{Daemon, GENEROUS, Manager};
use rustix::process::Signal;
use serde_json::json;

use crate::SERVER;

const LOCAL: [&str; 2] = ["--no-tor", "--clearnet=127.0.0.1:0"];

/// Returns a daemon under a manager, and where it listens.
async fn start(manager: &mut Manager, directory: &Path) -> (Daemon, ServerUrl) {
    let mut daemon = Daemon::start_under(SERVER, Some(manager), directory, GENEROUS, &LOCAL);
    let url = daemon.says("clearnet ").await.parse().unwrap();
    (daemon, url)
}

async fn kill(daemon: &mut Daemon) {
    daemon.signal(Signal::KILL);
    assert!(!daemon.ended().await.success());
}

/// A client without a will of its own: it acknowledges nothing by itself.
struct Client {
    connection: Connection,
    welcome: Welcome,
    fingerprint: Fingerprint,
}

impl Client {
    async fn connect(number: u8, url: &ServerUrl) -> Self {
        let identity = Identity::from_seed(&[number; 32]);
        let fingerprint = identity.fingerprint();
        let (connection, welcome) =
            Connection::connect(&Direct::default(), url, &identity, &ConnectOptions::default()).await.unwrap();
        Self { connection, welcome, fingerprint }
    }

    /// Sends, and returns whether it was a duplicate.
    async fn send(&mut self, to: Fingerprint, id: &str, content: &str) -> bool {
        self.connection.send(&json!({"id": id, "to": to, "content": content})).await.unwrap();
        loop {
            match self.connection.next_event().await.unwrap() {
                ServerEvent::Accepted { id: accepted, duplicate, .. } if accepted == id => return duplicate,
                ServerEvent::Error { code, .. } => panic!("refused: {code:?}"),
                _ => {}
            }
        }
    }

    async fn receive(&mut self) -> ReceivedMessage {
        loop {
            if let ServerEvent::Message(message) = self.connection.next_event().await.unwrap() {
                return message;
            }
        }
    }

    async fn acknowledge(&mut self, seq: u64) {
        self.connection.send(&json!({"type": "ack", "seq": seq})).await.unwrap();
    }

    /// Waits until a message has met its end.
    async fn receipt(&mut self, of: &str) {
        loop {
            if let ServerEvent::Receipt { id, .. } = self.connection.next_event().await.unwrap()
                && id == of
            {
                return;
            }
        }
    }
}

/// Returns a text longer than a block of the file, which repeats itself: wherever blocks end, one
/// has it whole.
fn canary(id: &str) -> String {
    format!("canary-{id} ").repeat(30)
}

/// Returns whether a text is in the file that the manager keeps: in its first blocks, which are
/// more than these tests use.
fn has(file: &File, text: &str) -> bool {
    let mut bytes = vec![0; 16 << 10];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn what_was_accepted_survives_kill_9_and_a_restart_and_what_was_acknowledged_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let mut manager = Manager::new(directory.path());
    let (mut daemon, url) = start(&mut manager, directory.path()).await;
    manager.listen();
    let mut alice = Client::connect(1, &url).await;
    let mut bob = Client::connect(2, &url).await;
    let epoch = alice.welcome.epoch.clone();
    for id in ["first", "second", "third"] {
        assert!(!alice.send(bob.fingerprint, id, &canary(id)).await);
    }
    let first = bob.receive().await;
    let second = bob.receive().await;
    bob.acknowledge(first.seq).await;
    alice.receipt("first").await;
    kill(&mut daemon).await;

    let kept = manager.kept.as_ref().expect("a file that the manager keeps").try_clone().unwrap();
    assert!(!has(&kept, "canary-first"), "what was acknowledged is overwritten");
    assert!(has(&kept, "canary-second") && has(&kept, "canary-third"));

    let (mut daemon, url) = start(&mut manager, directory.path()).await;
    let mut bob = Client::connect(2, &url).await;
    assert_eq!((&bob.welcome.epoch, bob.welcome.pending), (&epoch, 2));
    let again = bob.receive().await;
    assert_eq!((again.content.as_str(), again.seq), (canary("second").as_str(), second.seq));
    assert_eq!((again.delivery_type, &again.timestamp), (DeliveryType::Stored, &second.timestamp));
    let third = bob.receive().await;
    assert_eq!((third.content.as_str(), third.seq), (canary("third").as_str(), second.seq + 1));
    let mut alice = Client::connect(1, &url).await;
    assert!(alice.send(bob.fingerprint, "first", &canary("first")).await, "its id is remembered, though it is gone");
    assert!(!alice.send(bob.fingerprint, "fourth", &canary("fourth")).await);
    let fourth = bob.receive().await;
    assert!(fourth.seq > third.seq, "no number is used twice");
    bob.acknowledge(third.seq).await;
    alice.receipt("third").await;

    // As `systemctl restart` does.
    daemon.signal(Signal::TERM);
    assert!(daemon.ended().await.success());
    let said = manager.listen();
    assert!(!said.contains("FDSTORE"), "it has the file already: {said}");
    assert!(has(&kept, "canary-fourth") && !has(&kept, "canary-second") && !has(&kept, "canary-third"));
    let (mut daemon, url) = start(&mut manager, directory.path()).await;
    let mut bob = Client::connect(2, &url).await;
    assert_eq!((&bob.welcome.epoch, bob.welcome.pending), (&epoch, 1));
    assert_eq!(bob.receive().await.seq, fourth.seq);
    let log = daemon.logs("taken over from an earlier process: 2 waiting messages, 1 ids").await;
    assert!(!log.contains("canary"), "{log}");
    kill(&mut daemon).await;
}

#[tokio::test]
async fn killed_again_and_again_under_load_it_loses_nothing_that_it_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let mut manager = Manager::new(directory.path());
    let configuration = format!("{GENEROUS}[store]\nmailbox_messages = 100000\n");
    let mut accepted = Vec::new();
    let mut epochs = Vec::new();
    let bob = Identity::from_seed(&[2; 32]).fingerprint();
    for round in 0..6_u32 {
        let mut daemon = Daemon::start_under(SERVER, Some(&mut manager), directory.path(), &configuration, &LOCAL);
        let url = daemon.says("clearnet ").await.parse().unwrap();
        manager.listen();
        let mut alice = Client::connect(1, &url).await;
        epochs.push(alice.welcome.epoch.clone());
        // As fast as they go, and no answer is waited for before the next is sent: it is killed in
        // mid-write.
        for number in 0..400 {
            let content = format!("{round}-{number}-{}", "x".repeat(number * 7 % 900));
            let frame = json!({"id": format!("{round}-{number}"), "to": bob, "content": content});
            alice.connection.queue(&frame.to_string()).unwrap();
        }
        let enough = accepted.len() + 20 + 37 * round as usize;
        while let Ok(event) = alice.connection.next_event().await {
            match event {
                ServerEvent::Accepted { id, .. } => accepted.push(id),
                ServerEvent::Error { code, .. } => panic!("refused: {code:?}"),
                _ => {}
            }
            if accepted.len() == enough {
                daemon.signal(Signal::KILL);
            }
        }
        daemon.ended().await;
        assert!(accepted.len() >= enough);
    }
    // With the usual bound again: what is there stays.
    let (_daemon, url) = start(&mut manager, directory.path()).await;
    let mut recipient = Client::connect(2, &url).await;
    epochs.push(recipient.welcome.epoch.clone());
    epochs.dedup();
    assert_eq!(epochs.len(), 1, "the same epoch all the time");
    let mut missing: std::collections::BTreeSet<_> = accepted.into_iter().collect();
    let mut last = 0;
    let mut left = recipient.welcome.pending;
    while left > 0 {
        let message = recipient.receive().await;
        assert!(message.seq > last && message.content.starts_with(&format!("{}-", message.id)));
        last = message.seq;
        missing.remove(&message.id);
        left -= 1;
        recipient.acknowledge(last).await;
    }
    assert!(missing.is_empty(), "accepted, and lost: {missing:?}");
}

#[tokio::test]
async fn what_the_manager_passes_is_not_written_to_if_it_is_not_memory() {
    let directory = tempfile::tempdir().unwrap();
    let mut manager = Manager::new(directory.path());
    let path = directory.path().join("on-a-disk");
    std::fs::write(&path, "as it was").unwrap();
    manager.kept = Some(File::options().read(true).write(true).open(&path).unwrap());
    let (mut daemon, url) = start(&mut manager, directory.path()).await;
    manager.listen();
    let mut alice = Client::connect(1, &url).await;
    alice.send(alice.fingerprint, "m", "canary").await;
    daemon.logs("is not memory that this program made").await;
    kill(&mut daemon).await;
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "as it was");
    assert!(has(manager.kept.as_ref().unwrap(), "canary"), "it made a file of its own, in place of that one");
}

/// Returns a manager that keeps a message of Alice's, which a killed daemon left; and its epoch.
async fn left_by_another(directory: &Path) -> (Manager, File, String) {
    let mut manager = Manager::new(directory);
    let (mut daemon, url) = start(&mut manager, directory).await;
    manager.listen();
    let mut alice = Client::connect(1, &url).await;
    alice.send(alice.fingerprint, "left", &canary("left")).await;
    kill(&mut daemon).await;
    let kept = manager.kept.as_ref().expect("a file that the manager keeps").try_clone().unwrap();
    assert!(has(&kept, "canary-left"));
    (manager, kept, alice.welcome.epoch)
}

#[tokio::test]
async fn what_was_kept_is_overwritten_and_let_go_of_where_it_is_not_to_survive_any_more() {
    let directory = tempfile::tempdir().unwrap();
    let (mut manager, kept, epoch) = left_by_another(directory.path()).await;
    let configuration = "[store]\nsurvive_restart = false\n";
    let mut daemon = Daemon::start_under(SERVER, Some(&mut manager), directory.path(), configuration, &LOCAL);
    let url = daemon.says("clearnet ").await.parse().unwrap();
    assert!(!has(&kept, "canary-left"), "it is not overwritten");
    assert_eq!(kept.metadata().unwrap().blocks(), 0, "its memory is given back, whoever holds it");
    assert!(manager.listen().contains("FDSTOREREMOVE=1") && manager.kept.is_none());
    assert_eq!(Client::connect(1, &url).await.welcome.pending, 0);
    kill(&mut daemon).await;

    let (_daemon, url) = start(&mut manager, directory.path()).await;
    let welcome = Client::connect(1, &url).await.welcome;
    assert_eq!(welcome.pending, 0, "it comes back with the setting");
    assert_ne!(welcome.epoch, epoch);
}

#[tokio::test]
async fn a_wipe_that_was_asked_for_while_no_server_ran_is_carried_out_before_anything_is_restored() {
    for survive in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let (mut manager, kept, epoch) = left_by_another(directory.path()).await;
        let state_dir = directory.path().join("state");
        ephemeral::daemon::wipe_mark::write(&state_dir, ephemeral::daemon::wipe_mark::WipeMark::Messages).unwrap();
        let configuration = format!("[store]\nsurvive_restart = {survive}\n");
        let mut daemon = Daemon::start_under(SERVER, Some(&mut manager), directory.path(), &configuration, &LOCAL);
        let url = daemon.says("clearnet ").await.parse().unwrap();
        assert!(!has(&kept, "canary-left"));
        manager.listen();
        let welcome = Client::connect(1, &url).await.welcome;
        assert_eq!(welcome.pending, 0);
        assert_ne!(welcome.epoch, epoch);
        assert!(ephemeral::daemon::wipe_mark::read(&state_dir).is_none(), "once is enough");
        daemon.logs("a wipe was asked for before the server ran: everything that waited is overwritten").await;
        assert_eq!(manager.kept.is_some(), survive, "a new file, or none");
    }
}

#[tokio::test]
async fn what_one_process_after_the_other_could_not_read_to_its_end_is_overwritten_by_the_next_one() {
    let directory = tempfile::tempdir().unwrap();
    let (mut manager, kept, epoch) = left_by_another(directory.path()).await;
    kept.write_at(&ephemeral::memfd_journal::ATTEMPTS.to_le_bytes(), 120).unwrap();
    let (daemon, url) = start(&mut manager, directory.path()).await;
    let welcome = Client::connect(1, &url).await.welcome;
    assert_eq!(welcome.pending, 0);
    assert_ne!(welcome.epoch, epoch);
    assert!(!has(&kept, "canary-left"));
    daemon.logs("everything that waited is lost").await;
}

#[tokio::test]
async fn without_the_setting_nothing_is_handed_over_and_everything_ends_with_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let mut manager = Manager::new(directory.path());
    let configuration = "[store]\nsurvive_restart = false\n";
    let mut epochs = Vec::new();
    for _ in 0..2 {
        let mut daemon = Daemon::start_under(SERVER, Some(&mut manager), directory.path(), configuration, &LOCAL);
        let url = daemon.says("clearnet ").await.parse().unwrap();
        let mut alice = Client::connect(1, &url).await;
        assert_eq!(alice.welcome.pending, 0);
        epochs.push(alice.welcome.epoch.clone());
        alice.send(alice.fingerprint, "m", "canary").await;
        kill(&mut daemon).await;
        manager.listen();
        assert!(manager.kept.is_none());
    }
    assert_ne!(epochs[0], epochs[1]);
}
