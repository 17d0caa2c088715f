//! Files as programs send, take, cancel and decline them, over the sockets of two engines.

use std::path::PathBuf;

use ephemeral_test_support::acquainted::Acquainted;
use ephemeral_test_support::client::LocalServer;
use ephemeral_test_support::serving::{Serving, SocketProgram};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{CLIENT, SERVER};

/// The size of a file that waits for the recipient's yes.
const LARGE: usize = (1 << 20) + 1;

/// A transfer that is faster than what is allowed to strangers.
const LIMITS: &str = "[limits]\nmessages_per_minute = 100000\nmessage_burst = 10000\nconnections_per_peer = 100\n";

struct SendingPrograms {
    alice: SocketProgram,
    bob: SocketProgram,
    serving: (Serving, Serving),
    folder: PathBuf,
    home: TempDir,
    _server: LocalServer,
}

/// Makes two people who know each other, and a program of each.
fn pair() -> SendingPrograms {
    let Acquainted { home, alice, bob, server } = Acquainted::meet_at(CLIENT, SERVER, LIMITS);
    let serving = (Serving::start(&alice, &[]), Serving::start(&bob, &[]));
    let mut programs = (serving.0.connect(), serving.1.connect());
    programs.0.result("subscribe", Value::Null);
    programs.1.result("subscribe", Value::Null);
    let folder = home.path().join("downloads");
    std::fs::create_dir(&folder).unwrap();
    SendingPrograms { alice: programs.0, bob: programs.1, serving, folder, home, _server: server }
}

impl SendingPrograms {
    fn send(&mut self, name: &str, size: usize) -> Value {
        let path = self.home.path().join(name);
        std::fs::write(&path, vec![b'x'; size]).unwrap();
        self.alice.result("files.send", json!({"contact": "bob", "path": path}))
    }
}

#[test]
fn a_file_is_taken_with_its_progress_and_arrives() {
    let mut pair = pair();
    let refused = pair.bob.ask("files.take", json!({"folder": "downloads"}));
    assert_eq!(refused["error"]["code"], 2, "{refused}");
    let sent = pair.send("notes.bin", LARGE);
    let waiting = pair.bob.event("file");
    assert_eq!((&waiting["id"], &waiting["size"]), (&sent["file"], &LARGE.into()), "{waiting}");
    let listed = pair.bob.result("files.list", Value::Null);
    assert_eq!((&listed[0]["waits"], &listed[0]["mine"]), (&true.into(), &false.into()), "{listed}");
    let outbox = pair.alice.result("outbox", Value::Null);
    assert_eq!((outbox.as_array().unwrap().len(), &outbox[0]["file"]), (1, &"notes.bin".into()), "{outbox}");
    // Another program comes: it is told as well.
    let mut other = pair.serving.1.connect();
    other.result("subscribe", Value::Null);
    other.event("file");

    pair.bob.result("files.take", json!({"contact": "alice", "folder": pair.folder}));
    let mut before = 0;
    while before < LARGE as u64 {
        let progress = pair.bob.event("file_progress");
        let arrived = progress["arrived"].as_u64().unwrap();
        assert!(arrived > before, "{progress}");
        before = arrived;
    }
    let saved = pair.bob.event("file_saved");
    assert_eq!(saved["sha256"], sent["sha256"], "{saved}");
    assert_eq!(std::fs::metadata(saved["path"].as_str().unwrap()).unwrap().len(), LARGE as u64);
    assert_eq!(pair.alice.event("file_arrived")["file"], sent["file"]);
    assert_eq!(pair.alice.result("files.list", Value::Null), json!([]));
    assert_eq!(pair.bob.result("files.list", Value::Null), json!([]));
}

#[test]
fn a_file_is_declined_or_cancelled_and_nothing_is_written() {
    let mut pair = pair();
    let declined = pair.send("unwanted.bin", LARGE);
    pair.bob.event("file");
    pair.bob.result("files.decline", json!({"file": declined["file"]}));
    assert_eq!(pair.bob.result("files.list", Value::Null), json!([]));
    assert_eq!(pair.alice.event("file_declined")["file"], declined["file"]);
    let left = pair.alice.result("outbox", json!({}));
    assert_eq!((&left[0]["id"], &left[0]["standing"]), (&declined["file"], &"declined".into()), "{left}");
    // Neither for who comes later, nor for who takes files.
    pair.bob.result("files.take", json!({"folder": pair.folder}));
    let wanted = pair.send("wanted.txt", 10);
    assert_eq!(pair.bob.event("file_saved")["name"], "wanted.txt");
    assert_eq!(pair.alice.event("file_arrived")["file"], wanted["file"]);
    assert_eq!(std::fs::read_dir(&pair.folder).unwrap().count(), 1);

    assert_eq!(pair.alice.result("files.list", Value::Null), json!([]));
    pair.alice.result("files.cancel", json!({"file": declined["file"]}));
    assert_eq!(pair.alice.result("outbox", json!({})), json!([]));
    assert_eq!(pair.alice.ask("files.cancel", json!({"file": declined["file"]}))["error"]["code"], 67);
    assert_eq!(pair.bob.ask("files.decline", json!({"file": "00"}))["error"]["code"], 67);
    assert_eq!(pair.bob.ask("contacts.agree", json!({"contact": "alice"}))["error"]["code"], 3);
}

#[test]
fn a_file_that_its_sender_cancels_comes_no_more_and_its_contact_learns_it() {
    let mut pair = pair();
    let sent = pair.send("secret plans.bin", LARGE);
    pair.bob.event("file");
    pair.alice.result("files.cancel", json!({"file": sent["file"]}));
    let lost = pair.bob.event("file_lost");
    assert_eq!((&lost["name"], &lost["gone"]), (&"secret plans.bin".into(), &false.into()));
    assert_eq!(pair.bob.result("files.list", Value::Null), json!([]));
}
