//! The profile of `ephemeral`: its files, its passphrase, its one process, backups and panic.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ephemeral_test_support::client::{Client, LocalServer, PASSPHRASE, private};
use ephemeral_test_support::follower::Follower;

use crate::{CLIENT, SERVER};

fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    entries
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_profile_is_made_once_and_its_owner_alone_can_read_it_with_the_passphrase() {
    let home = tempfile::tempdir().unwrap();
    let alice = Client::without_a_profile(CLIENT, home.path(), "alice");
    let made = alice.ok(&["init", "--name", "alice", "--server", "http://127.0.0.1:1"]);
    assert!(made.contains(alice.directory().to_str().unwrap()), "{made}");
    alice.ok(&["invite", "a-name-of-somebody"]);
    assert_eq!(mode(&alice.directory()), 0o700);
    let kept = files(&alice.directory());
    assert!(kept.len() >= 2, "{kept:?}");
    for file in &kept {
        assert_eq!(mode(file), 0o600, "{file:?}");
        let bytes = std::fs::read(file).unwrap();
        let shows = |word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
        assert!(!shows(b"a-name-of-somebody") && !shows(b"alice") && !shows(b"127.0.0.1"), "{file:?}");
    }
    let again = alice.fails(2, &["init", "--server", "http://127.0.0.1:1"]);
    assert!(again.contains("exists already"), "{again}");
    assert_eq!(alice.json(&["invites"]).len(), 1);
}

#[test]
fn without_a_profile_or_its_passphrase_it_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let mut alice = Client::new(CLIENT, home.path(), "alice", "http://127.0.0.1:1");
    private(&home.path().join("wrong"), b"hunter2\n");
    let wrong = alice.fails(77, &["contacts", "--passphrase-file", home.path().join("wrong").to_str().unwrap()]);
    assert!(wrong.contains("wrong passphrase"), "{wrong}");
    let missing = alice.fails(2, &["contacts", "--profile", "other"]);
    assert!(missing.contains("there is no profile") && missing.contains("ephemeral init"), "{missing}");
    assert!(alice.fails(2, &["contacts", "--profile", "../other"]).contains("letters, digits"));
    alice.variables.push(("EPHEMERAL_PASSPHRASE_FILE", String::new()));
    let nobody = alice.fails(2, &["contacts"]);
    assert!(nobody.contains("no terminal") && nobody.contains("--passphrase-file"), "{nobody}");
    // Through a pipe, as a password manager gives it.
    let script = format!("exec {CLIENT} contacts --passphrase-file <(echo '{PASSPHRASE}')");
    let mut command = Command::new("bash");
    command.args(["-c", &script]).env_clear().env("HOME", home.path()).env("EPHEMERAL_PROFILE", "alice");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn a_server_that_cannot_be_meant_is_a_usage_error_that_says_why() {
    let home = tempfile::tempdir().unwrap();
    let alice = Client::new(CLIENT, home.path(), "alice", "http://127.0.0.1:1");
    let onion = format!("http://{}.onion", "a".repeat(55));
    for (server, sentence) in [
        ("https://example.org", "not supported yet"),
        ("example.org", "looks like NAME.onion"),
        (onion.as_str(), "cut or mistyped"),
        ("http://192.0.2.1", "an onion address, or localhost"),
    ] {
        let refused = alice.fails(2, &["init", "--profile", "new", "--server", server]);
        assert!(refused.contains(sentence), "{server}: {refused}");
    }
    assert!(!alice.directory().parent().unwrap().join("new").exists());
}

#[test]
fn a_second_process_uses_the_first_or_is_told_which_it_is_and_the_first_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let server = LocalServer::start(SERVER, &home.path().join("state"), "127.0.0.1:0");
    let alice = Client::new(CLIENT, home.path(), "alice", &server.url);
    let bob = Client::new(CLIENT, home.path(), "bob", &server.url);
    alice.meet(&bob);
    bob.ok(&["send", "alice", "one"]);
    let mut receiving = alice.command(&["recv", "--quiet"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(receiving.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().ends_with(" bob: one"));
    alice.ok(&["send", "bob", "by the first", "--quiet"]);
    let backup = home.path().join("backup");
    let second = alice.fails(75, &["backup", backup.to_str().unwrap()]);
    let who = format!("in use by another process ({}: `ephemeral recv`)", receiving.id());
    assert!(second.contains(&who), "{second}");
    bob.ok(&["send", "alice", "two"]);
    assert!(lines.next().unwrap().unwrap().ends_with(" bob: two"));

    // Panic asks nobody: the other process ends by itself, and nothing is left.
    let erased = alice.ok(&["panic"]);
    assert!(erased.contains("erased"), "{erased}");
    bob.run(&["send", "alice", "three"]);
    let ended = receiving.wait().unwrap();
    assert_eq!(ended.code(), Some(74));
    assert!(files(&alice.directory()).is_empty());
    assert!(alice.fails(2, &["contacts"]).contains("there is no profile"));
}

#[test]
fn with_another_passphrase_the_old_one_opens_nothing() {
    let home = tempfile::tempdir().unwrap();
    let alice = Client::new(CLIENT, home.path(), "alice", "http://127.0.0.1:1");
    alice.ok(&["invite", "bob"]);
    let new = home.path().join("new");
    private(&new, b"another one\n");
    alice.ok(&["passphrase", "--new-passphrase-file", new.to_str().unwrap()]);
    assert!(alice.fails(77, &["invites"]).contains("wrong passphrase"));
    assert_eq!(alice.json(&["invites", "--passphrase-file", new.to_str().unwrap()]).len(), 1);
}

#[test]
fn after_a_backup_is_restored_the_conversation_heals_and_nothing_is_lost() {
    let home = tempfile::tempdir().unwrap();
    let server = LocalServer::start(SERVER, &home.path().join("state"), "127.0.0.1:0");
    let alice = Client::new(CLIENT, home.path(), "alice", &server.url);
    let bob = Client::new(CLIENT, home.path(), "bob", &server.url);
    alice.meet(&bob);
    let backup = home.path().join("alice.age");
    let backup = backup.to_str().unwrap();
    alice.ok(&["backup", backup]);
    assert!(alice.fails(2, &["backup", backup]).contains("exists already"), "never overwritten");
    for round in ["one", "two"] {
        alice.ok(&["send", "bob", round]);
        assert_eq!(bob.texts(), [round]);
        alice.ok(&["recv", "--once"]);
    }
    assert!(alice.fails(2, &["restore", backup]).contains("exists already"));
    alice.ok(&["panic"]);
    assert!(alice.ok(&["restore", backup]).contains("1 contact is asked to begin anew"));
    alice.ease();
    for _ in 0..3 {
        alice.ok(&["recv", "--once", "--quiet"]);
        bob.ok(&["recv", "--once", "--quiet"]);
    }
    alice.ok(&["send", "bob", "I am back"]);
    assert_eq!(bob.texts(), ["I am back"]);
    bob.ok(&["send", "alice", "good"]);
    assert_eq!(alice.texts(), ["good"]);
    assert!(alice.fails(65, &["restore", "/dev/null", "--profile", "third"]).contains("no backup"));
}

#[test]
fn a_person_begins_anew_with_a_contact_or_with_all_and_the_conversation_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let server = LocalServer::start(SERVER, &home.path().join("state"), "127.0.0.1:0");
    let alice = Client::new(CLIENT, home.path(), "alice", &server.url);
    let bob = Client::new(CLIENT, home.path(), "bob", &server.url);
    alice.meet(&bob);
    alice.ok(&["invite", "carol", "--reusable"]);
    let follow = |client: &Client| {
        let mut command = client.command(&["recv", "--json", "--quiet"]);
        command.stderr(Stdio::null());
        Follower::start(command)
    };
    assert!(alice.fails(67, &["heal", "nobody"]).contains("nobody"));
    for arguments in [&["heal", "bob"][..], &["heal"]] {
        alice.ok(arguments);
        // It waits until Bob has answered.
        alice.run(&["send", "bob", "anew", "--timeout", "1", "--quiet"]);
        let listening = follow(&bob);
        let healing = follow(&alice);
        let resumed = healing.until("answer", |event| event["event"] == "resumed");
        assert_eq!(resumed["contact"], "bob");
        listening.until("text", |event| event["text"] == "anew");
        healing.stop();
        listening.stop();
        bob.ok(&["send", "alice", "good", "--quiet"]);
        assert_eq!(alice.texts(), ["good"]);
    }
    assert_eq!(alice.json(&["invites"]).len(), 0, "a copy of the profile would know their keys");
}
