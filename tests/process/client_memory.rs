//! What a client has finished with is nowhere in its memory, and in none of its files. Only root
//! may look into the memory.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ephemeral_test_support::canary::{Canary, everything_below, search};
use ephemeral_test_support::client::{Client, LocalServer, PASSPHRASE};
use ephemeral_test_support::memory::times_in_memory;
use ephemeral_test_support::program::Program;
use serde_json::{Value, json};

use crate::{CLIENT, SERVER};

/// How long a program may take to forget.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts a program that keeps nothing on the disk.
fn ephemeral(home: &Path, server: &str) -> Program {
    let mut command = Command::new(CLIENT);
    command.args(["rpc", "--ephemeral", "--at-once", "--quiet", "--server", server]);
    command.env_clear().env("HOME", home);
    Program::start(command)
}

/// Waits until a text is nowhere in the memory of a program.
fn forgets(program: &Program, what: &str, text: &str) {
    let find = || times_in_memory(program.process.id(), text).expect("root may look");
    let deadline = Instant::now() + PATIENCE;
    while find() > 0 {
        assert!(Instant::now() < deadline, "there are {} copies left of {what}", find());
        thread::sleep(Duration::from_millis(100));
    }
}

fn place() -> (tempfile::TempDir, LocalServer) {
    let home = tempfile::tempdir().unwrap();
    let server = LocalServer::start(SERVER, &home.path().join("state"), "127.0.0.1:0");
    (home, server)
}

#[test]
fn texts_that_arrived_invites_that_were_used_and_contacts_that_are_gone_are_nowhere_in_the_memory_of_a_client() {
    let (home, server) = place();
    let mut alice = ephemeral(home.path(), &server.url);
    let mut bob = ephemeral(home.path(), &server.url);
    let name = Canary::text("name");
    let invite = alice.ask("invites.create", &json!({"name": name.as_text()}))["text"].clone();
    bob.ask("invites.accept", &json!({"invite": invite, "as": "alice", "text": "it is me"}));
    alice.event("contact");
    bob.event("answered");
    let asked = Canary::text("asked");
    let answered = Canary::text("answered");
    for number in 0..10 {
        let more = "-".repeat(number * 300);
        alice.ask("send", &json!({"to": name.as_text(), "text": format!("{more} {}", asked.as_text())}));
        bob.ask("send", &json!({"to": "alice", "text": format!("{} {more}", answered.as_text())}));
    }
    // What was written with the invite is one more.
    for (program, count) in [(&mut alice, 10), (&mut bob, 11)] {
        for _ in 0..count {
            program.event("arrived");
        }
    }
    assert!(times_in_memory(alice.process.id(), name.as_text()).expect("root may look") > 0, "a search finds");
    for program in [&mut alice, &mut bob] {
        assert_eq!(program.ask("outbox", &Value::Null), json!([]));
        // The end of it is the secret, but for the checksum.
        let secret = invite.as_str().unwrap();
        let end = secret.len() - 8;
        forgets(program, "an invite that was used", secret.get(end - 32..end).unwrap());
    }
    // The texts of a conversation stay until it is over.
    alice.ask("contacts.block", &json!({"contact": name.as_text()}));
    bob.ask("contacts.block", &json!({"contact": "alice"}));
    for program in [&mut alice, &mut bob] {
        program.ask("hello", &Value::Null);
        forgets(program, "a text that was sent or shown", asked.as_text());
        forgets(program, "a text that was sent or shown", answered.as_text());
    }
    forgets(&alice, "a contact that is gone", name.as_text());
}

#[test]
fn of_a_profile_on_the_disk_neither_passphrase_nor_texts_that_arrived_stay_in_memory() {
    let (home, server) = place();
    let client = Client::new(CLIENT, &home.path().join("alice"), "alice", &server.url);
    let mut alice = Program::start(client.command(&["rpc", "--quiet"]));
    let mut bob = ephemeral(home.path(), &server.url);
    let name = Canary::text("name");
    let text = Canary::text("text");
    let invite = alice.ask("invites.create", &json!({"name": name.as_text()}))["text"].clone();
    bob.ask("invites.accept", &json!({"invite": invite, "as": "alice", "text": text.as_text()}));
    alice.event("contact");
    bob.event("answered");
    alice.ask("send", &json!({"to": name.as_text(), "text": text.as_text()}));
    alice.event("arrived");
    forgets(&alice, "the passphrase", PASSPHRASE);
    assert!(times_in_memory(alice.process.id(), name.as_text()).expect("root may look") > 0, "a search finds");
    alice.ask("contacts.block", &json!({"contact": name.as_text()}));
    alice.ask("hello", &Value::Null);
    forgets(&alice, "a text of a conversation that is over", text.as_text());
    forgets(&alice, "a contact that is gone", name.as_text());
}

#[test]
fn no_file_of_a_client_has_a_text_or_a_name_after_its_end_after_panic_or_without_a_profile_on_the_disk() {
    let (home, server) = place();
    let alice = Client::new(CLIENT, &home.path().join("alice"), "alice", &server.url);
    let name = Canary::text("name");
    let text = Canary::text("text");
    let invite = alice.ok(&["invite", name.as_text()]);
    let mut bob = ephemeral(&home.path().join("bob"), &server.url);
    bob.ask("invites.accept", &json!({"invite": invite.trim(), "as": name.as_text(), "text": text.as_text()}));
    assert!(alice.ok(&["recv", "--once", "--quiet"]).contains(text.as_text()));
    bob.event("answered");
    alice.ok(&["send", name.as_text(), text.as_text(), "--quiet"]);
    bob.event("text");
    // What waits to be sent is kept, too.
    alice.ok(&["send", name.as_text(), text.as_text(), "--quiet"]);
    let invite = Canary::key(&invite.trim().as_bytes()[invite.trim().len() - 44..][..32].try_into().unwrap());
    let nothing_of_it = |when: &str| {
        let files = everything_below(home.path());
        for canary in [&name, &text, &invite] {
            assert_eq!(search(&files, canary), Vec::<std::path::PathBuf>::new(), "{canary:?} {when}");
        }
        files
    };
    assert!(nothing_of_it("after a normal end").iter().any(|file| file.ends_with("state.age")));
    drop(bob);
    assert!(!home.path().join("bob").exists(), "nothing is kept");
    alice.ok(&["panic"]);
    let left = nothing_of_it("after panic");
    assert!(left.iter().all(|file| !file.starts_with(alice.directory())), "{left:?}");
}

/// Returns what the kernel says of a process.
fn status(process: u32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().to_owned()
}

#[test]
fn a_client_leaves_no_core_dump_and_locks_what_it_keeps_in_memory_alone_or_says_that_it_cannot() {
    let (home, server) = place();
    let mut locked = ephemeral(home.path(), &server.url);
    locked.ask("hello", &Value::Null);
    let process = locked.process.id();
    let limits = fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    assert_ne!(status(process, "VmLck"), "0 kB");

    // As somebody who may lock 8 MiB only.
    let shell = format!("ulimit -l 8192; exec setpriv --bounding-set=-ipc_lock {CLIENT} \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &shell, "rpc", "--ephemeral", "--quiet", "--server", &server.url]);
    command.env_clear().env("HOME", home.path()).env("PATH", "/usr/bin:/bin").stderr(Stdio::piped());
    let mut unlocked = Program::start(command);
    let mut said = String::new();
    BufReader::new(unlocked.process.stderr.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains("memory is not locked") && said.contains("ulimit -l unlimited"), "{said}");
    unlocked.ask("hello", &Value::Null);
    assert_eq!(status(unlocked.process.id(), "VmLck"), "0 kB");
}
