//! `ephemeral recv --exec`: messages for a command, one at a time, and what becomes of those that
//! it does not take.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use ephemeral_test_support::acquainted::Acquainted;
use ephemeral_test_support::client::Client;

use crate::{CLIENT, SERVER};

fn pair() -> Acquainted {
    Acquainted::meet(CLIENT, SERVER)
}

/// Fetches with `--exec`, which runs this script for each message.
fn script<'a>(client: &Client, options: &[&'a str], shell: &'a str) -> std::process::Output {
    let fixed = ["recv", "--quiet"];
    let mut command = client.command(&[&fixed, options, &["--exec", "sh", "-c", shell]].concat());
    command.env("PATH", "/usr/bin:/bin").output().unwrap()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Waits for something on the disk, which nobody tells of.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(240);
    while !is_so() {
        assert!(Instant::now() < deadline, "no {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_command_has_each_message_with_what_is_known_of_it_and_no_secrets() {
    let Acquainted { home, alice, bob, server: _server } = pair();
    let out = home.path().join("out");
    // Nothing of it is for a shell.
    alice.ok(&["send", "bob", "one $(touch pwned) `id`\n\u{1b}[2J", "--quiet"]);
    let id = alice.ok(&["send", "bob", "two", "--quiet"]);
    let shell = format!(
        "cat >> {0}; printf ' %s %s %s %s %s\\n' $EPHEMERAL_EVENT $EPHEMERAL_CONTACT $EPHEMERAL_ID $EPHEMERAL_AT \
         ${{EPHEMERAL_PASSPHRASE_FILE-none}} >> {0}",
        out.display()
    );
    let done = script(&bob, &["--once"], &shell);
    assert_eq!((done.status.code(), done.stdout.len()), (Some(0), 0), "{done:?}");
    let said = read(&out);
    assert!(said.starts_with("one $(touch pwned) `id`\n\u{1b}[2J text alice "), "{said:?}");
    let last = said.lines().last().unwrap();
    assert!(last.starts_with(&format!("two text alice {} 20", id.trim())) && last.ends_with(" none"), "{last}");
    assert_eq!(bob.texts(), [""; 0], "they were taken");
}

#[test]
fn what_a_command_does_not_take_comes_again() {
    let Acquainted { home: _home, alice, bob, server: _server } = pair();
    alice.ok(&["send", "bob", "precious", "--quiet"]);
    let failed = script(&bob, &["--once"], "exit 3");
    assert_eq!(failed.status.code(), Some(1));
    let said = String::from_utf8(failed.stderr).unwrap();
    assert!(said.contains("the command ended with 3: the message comes again"), "{said}");
    assert!(bob.fails(1, &["recv", "--once", "--quiet", "--exec", "/nonexistent"]).contains("cannot run /nonexistent"));
    assert_eq!(bob.texts(), ["precious"]);
}

#[test]
fn a_command_is_tried_again_after_a_pause_and_ended_when_it_takes_too_long() {
    let Acquainted { home, alice, bob, server: _server } = pair();
    let tries = home.path().join("tries");
    let child = home.path().join("child");
    // The first time it hangs, with a child of its own; the second time it succeeds.
    let shell = format!(
        "echo try >> {0}; if [ $(wc -l < {0}) = 1 ]; then sleep 600 & echo $! > {1}; wait; fi",
        tries.display(),
        child.display()
    );
    let arguments = ["recv", "--exec-timeout", "1", "--exec", "sh", "-c", &shell];
    let mut command = bob.command(&arguments);
    let mut receiving = command.env("PATH", "/usr/bin:/bin").stderr(Stdio::null()).spawn().unwrap();
    let sent = alice.json(&["send", "bob", "patience", "--quiet", "--wait"]);
    assert_eq!(sent[0]["standing"], "arrived", "{sent:?}");
    until("second try", || read(&tries).lines().count() == 2);
    let hanging = read(&child);
    until("end of its child", || !Path::new(&format!("/proc/{}", hanging.trim())).exists());
    receiving.kill().unwrap();
    receiving.wait().unwrap();
}
