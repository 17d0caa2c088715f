//! What is in the memory of the server at its normal end: nothing of a message, no id, nobody's
//! fingerprint. `strace` holds it in its last system call. Only root may look.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use ephemeral_client::ServerUrl;
use ephemeral_client::dial::Direct;
use ephemeral_core::protocol::Fingerprint;
use ephemeral_test_support::canary::Canary;
use ephemeral_test_support::daemon::{GENEROUS, Person, until_both};
use ephemeral_test_support::held::HeldProgram;
use ephemeral_test_support::memory::times_in_memory;

use crate::SERVER;

/// Starts a server that is held at its end.
fn held_server(directory: &Path) -> (HeldProgram, ServerUrl) {
    let file = directory.join("ephemeral-server.toml");
    std::fs::write(&file, GENEROUS).unwrap();
    let mut command = Command::new(SERVER);
    command.args(["--no-tor", "--clearnet", "127.0.0.1:0", "--config"]).arg(file);
    command.arg("--state-dir").arg(directory.join("state")).env("HOME", directory);
    let mut server = HeldProgram::start(&command);
    let mut lines = server.lines();
    let url = lines.find_map(|line| line.strip_prefix("clearnet ").map(str::to_owned)).expect("its address");
    std::thread::spawn(move || lines.for_each(drop));
    (server, url.trim().parse().unwrap())
}

fn key(fingerprint: Fingerprint) -> Canary {
    Canary::key(fingerprint.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_message_and_nobodys_fingerprint_is_in_the_memory_of_a_server_at_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let (server, url) = held_server(directory.path());
    let dialer = || Arc::new(Direct::default());
    let mut alice = Person::new(1, dialer(), &url);
    let mut bob = Person::new(2, dialer(), &url);
    let absent = Person::new(3, dialer(), &url).fingerprint;
    let delivered = Canary::text("delivered");
    let waiting = Canary::text("waiting");
    let long = Canary::text("long");
    for number in 0..50 {
        alice.send(bob.fingerprint, format!("{} {number}", delivered.as_text()));
        bob.send(alice.fingerprint, format!("{number} {}", delivered.as_text()));
        alice.send(absent, format!("{} {number}", waiting.as_text()));
    }
    // As long as an envelope of a large part of a file.
    alice.send(bob.fingerprint, format!("{:->65000}", long.as_text()));
    let done = |person: &Person| person.received.len() >= 50 && person.delivered >= 50;
    until_both(&mut alice, &mut bob, "all is delivered", done).await;
    alice.until("all is accepted", |alice| alice.accepted == 101).await;
    let process = server.process.id();
    assert!(times_in_memory(process, waiting.as_text()).expect("root may look") > 0, "a search finds");
    server.terminate();
    let secrets = [
        ("what was delivered".to_owned(), delivered),
        ("what waited".to_owned(), waiting),
        ("what was long".to_owned(), long),
        ("one fingerprint".to_owned(), key(alice.fingerprint)),
        ("the other one".to_owned(), key(bob.fingerprint)),
        ("that of somebody who never came".to_owned(), key(absent)),
    ];
    drop((alice, bob));
    let found = tokio::task::spawn_blocking(move || (server.has_at_its_end(&secrets), server)).await.unwrap().0;
    assert_eq!(found, Vec::<String>::new());
}
