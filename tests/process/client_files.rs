//! Files as two people send them with `ephemeral`, over the real server on loopback.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use ephemeral_test_support::acquainted::Acquainted;
use ephemeral_test_support::client::{Client, LocalServer};
use ephemeral_test_support::follower::Follower;
use serde_json::json;
use tempfile::TempDir;

use crate::{CLIENT, SERVER};

/// A part of a file as it travels (`docs/e2e.md`).
const CHUNK: usize = 47_000;
/// A transfer that is faster than what is allowed to strangers.
const LIMITS: &str = "[limits]\nmessages_per_minute = 100000\nmessage_burst = 10000\nconnections_per_peer = 100\n";

/// Two people who know each other, and a folder for what comes.
struct SendingFiles {
    alice: Client,
    bob: Client,
    folder: PathBuf,
    home: TempDir,
    _server: LocalServer,
}

fn pair() -> SendingFiles {
    let Acquainted { home, alice, bob, server } = Acquainted::meet_at(CLIENT, SERVER, LIMITS);
    let folder = home.path().join("downloads");
    std::fs::create_dir(&folder).unwrap();
    SendingFiles { alice, bob, folder, home, _server: server }
}

impl SendingFiles {
    /// Writes a file of so many bytes, no two parts of which are alike.
    fn file(&self, name: &str, size: usize) -> (String, Vec<u8>) {
        let path = self.home.path().join(name);
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()
        })
        .flatten()
        .take(size)
        .collect();
        std::fs::write(&path, &bytes).unwrap();
        (path.to_str().unwrap().to_owned(), bytes)
    }

    fn take(&self) -> Follower {
        follow(&self.bob, &["recv", "--json", "--quiet", "--files", self.folder.to_str().unwrap()])
    }

    /// Returns how much of files that are not whole yet was written, by the blocks on the disk.
    fn written(&self) -> u64 {
        use std::os::unix::fs::MetadataExt as _;
        let files = std::fs::read_dir(&self.folder).unwrap();
        files.map(|entry| entry.unwrap().metadata().unwrap().blocks() * 512).sum()
    }
}

fn follow(client: &Client, arguments: &[&str]) -> Follower {
    let mut command = client.command(arguments);
    command.stderr(Stdio::null());
    Follower::start(command)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn saved(follower: &Follower) -> PathBuf {
    let event = follower.until("file", |value| value["event"] == "file_saved");
    PathBuf::from(event["path"].as_str().unwrap())
}

#[test]
fn a_file_arrives_bit_for_bit_and_takes_nothings_place() {
    let pair = pair();
    let (path, bytes) = pair.file("report.pdf", 2 << 20);
    std::fs::write(pair.folder.join("report.pdf"), "mine").unwrap();
    let taking = pair.take();
    let sent = pair.alice.json(&["send", "bob", "--file", &path, "--quiet"]);
    assert_eq!((&sent[0]["standing"], &sent[0]["size"]), (&"arrived".into(), &(2 << 20).into()), "{sent:?}");
    assert_eq!(saved(&taking), pair.folder.canonicalize().unwrap().join("report-2.pdf"));
    taking.stop();
    assert_eq!(std::fs::read(pair.folder.join("report-2.pdf")).unwrap(), bytes);
    assert_eq!(std::fs::read(pair.folder.join("report.pdf")).unwrap(), b"mine");
    assert_eq!(names(&pair.folder), ["report-2.pdf", "report.pdf"], "nothing else is left");
}

#[test]
fn a_large_file_waits_for_the_persons_yes_and_nothing_is_written_before() {
    let pair = pair();
    let (path, bytes) = pair.file("film.mkv", (1 << 20) + 1);
    let sending =
        pair.alice.command(&["send", "bob", "--file", &path, "--quiet"]).stderr(Stdio::null()).spawn().unwrap();
    let waiting = follow(&pair.bob, &["recv", "--json", "--quiet"]);
    let told = waiting.until("file that waits", |value| value["event"] == "file");
    assert_eq!((&told["name"], &told["size"]), (&"film.mkv".into(), &((1 << 20) + 1).into()));
    waiting.stop();
    let line = pair.bob.ok(&["recv", "--once", "--quiet"]);
    assert_eq!(line, "* alice sends the file film.mkv (1.00 MiB); take it with `ephemeral recv --files DIR`\n");
    assert!(names(&pair.folder).is_empty());

    let taking = pair.take();
    saved(&taking);
    // Before the receiver's program ends, which has to tell of the last part.
    let output = sending.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    taking.stop();
    assert_eq!(std::fs::read(pair.folder.join("film.mkv")).unwrap(), bytes);
}

#[test]
fn a_file_arrives_although_the_programs_of_both_are_killed_in_the_middle() {
    let pair = pair();
    let (path, bytes) = pair.file("archive.tar", 3 << 20);
    let mut sending = pair.alice.command(&["send", "bob", "--file", &path, "--quiet"]).spawn().unwrap();
    let taking = pair.take();
    until("some parts", || pair.written() > 8 * CHUNK as u64);
    taking.kill();
    sending.kill().unwrap();
    sending.wait().unwrap();
    assert_eq!(names(&pair.folder).len(), 1, "a part, and no file");

    // The sender's other command goes on with it, from where it stopped.
    let sending = follow(&pair.alice, &["recv", "--json", "--quiet"]);
    let taking = pair.take();
    until("more parts", || pair.written() > 32 * CHUNK as u64 || names(&pair.folder) == ["archive.tar"]);
    sending.kill();
    let sent = pair.alice.run(&["send", "bob", "--file", &path, "--quiet"]);
    assert!(sent.status.success(), "{sent:?}");
    saved(&taking);
    taking.stop();
    assert_eq!(names(&pair.folder), ["archive.tar"]);
    assert_eq!(std::fs::read(pair.folder.join("archive.tar")).unwrap(), bytes);
}

#[test]
fn a_file_is_declined_by_a_command_while_the_profile_runs_and_while_it_does_not() {
    let pair = pair();
    let size = (1 << 20) + 1;
    let (path, _) = pair.file("film.mkv", size);
    let send = || pair.alice.command(&["send", "bob", "--file", &path, "--quiet"]).stderr(Stdio::piped()).spawn();
    let declined = |sending: std::process::Child| {
        let output = sending.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.as_str()), (Some(3), "ephemeral: the contact declined the file\n"));
    };
    let sending = send().unwrap();
    let waiting = follow(&pair.bob, &["recv", "--json", "--quiet"]);
    let told = waiting.until("file that waits", |value| value["event"] == "file");
    let id = told["id"].as_str().unwrap();
    let listed = json!({"file": id, "contact": "alice", "name": "film.mkv", "size": size, "mine": false, "waits": true, "arrived": 0});
    assert_eq!(pair.bob.json(&["files"]), [listed]);
    assert_eq!(pair.bob.json(&["files", "--decline", id]), [json!({"file": id, "declined": true})]);
    declined(sending);
    assert!(pair.bob.json(&["files"]).is_empty());
    assert!(pair.bob.fails(67, &["files", "--decline", id]).contains(id));
    waiting.stop();

    let sending = send().unwrap();
    let waiting = follow(&pair.bob, &["recv", "--json", "--quiet"]);
    waiting.until("file that waits", |value| value["event"] == "file");
    waiting.stop();
    let listed = pair.bob.ok(&["files"]);
    let (id, rest) = listed.split_once(' ').unwrap();
    assert_eq!(rest, "film.mkv (1.00 MiB) from alice: waits for a yes, with `ephemeral recv --files DIR`\n");
    let output = pair.bob.command(&["files", "--decline", id]).env("LANG", "de_DE.UTF-8").output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("die Datei ist abgelehnt"));
    pair.bob.ok(&["recv", "--once", "--quiet"]);
    declined(sending);
    assert!(names(&pair.folder).is_empty());
}

/// Waits for something on the disk, which nobody tells of.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(240);
    while !is_so() {
        assert!(std::time::Instant::now() < deadline, "no {what}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn what_cannot_be_sent_is_refused_with_its_path_and_why() {
    let pair = pair();
    let folder = pair.folder.to_str().unwrap();
    assert!(pair.alice.fails(2, &["send", "bob", "--file", folder]).contains("downloads is no file"));
    let missing = format!("{folder}/nothing");
    assert!(pair.alice.fails(1, &["send", "bob", "--file", &missing]).contains("nothing"));
    let (empty, _) = pair.file("empty", 0);
    assert!(pair.alice.fails(2, &["send", "bob", "--file", &empty]).contains("has 0 bytes"));
    let (path, _) = pair.file("a.txt", 10);
    let late = pair.alice.fails(4, &["send", "bob", "--file", &path, "--timeout", "1"]);
    assert!(late.contains("0 of 1 part of the file has arrived"), "{late}");
    assert!(pair.bob.fails(1, &["recv", "--once", "--files", &missing]).contains("nothing"));
}
