//! What messages and live contacts cost over a private Tor network. By hand:
//! `cargo test --test tor cost_over_tor -- --ignored --nocapture --test-threads 1`.

#![allow(clippy::print_stdout, reason = "measurements")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ephemeral_client::dial::Arti;
use ephemeral_test_support::daemon::{Daemon, GENEROUS, Person, until_both};
use ephemeral_test_support::program::Program;
use serde_json::json;

use crate::client_over_tor::aside;
use crate::network;
use crate::{CLIENT, SERVER};

/// How many messages are sent, one after the other.
const MESSAGES: u32 = 50;
/// How many contacts are connected all the time.
const LIVE: u8 = 20;

/// Returns the processor time of a process so far.
fn processor_time(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    // USER_HZ is 100 on every Linux that Rust runs on.
    Duration::from_millis(ticks * 10)
}

/// What a series of messages took.
struct Series {
    wall: Vec<Duration>,
    clients: Duration,
    server: Duration,
}

impl Series {
    fn print(mut self, what: &str) {
        self.wall.sort_unstable();
        let median = self.wall[self.wall.len() / 2];
        let most = self.wall[self.wall.len() - 1];
        let each = |time: Duration| time.as_secs_f64() * 1e3 / f64::from(MESSAGES);
        println!(
            "{what:<12} wall median {:.1} ms, most {:.1} ms; CPU of both clients {:.2} ms, of the server {:.2} ms a message",
            median.as_secs_f64() * 1e3,
            most.as_secs_f64() * 1e3,
            each(self.clients),
            each(self.server),
        );
    }
}

fn program(home: &Path, server: &str) -> Program {
    fs::create_dir_all(home).unwrap();
    let network = home.join("network.toml");
    fs::write(&network, network::shared().arti_toml()).unwrap();
    let mut command = Command::new(CLIENT);
    command.args(["run", "--ephemeral", "--at-once", "--quiet", "--server", server]);
    command.env_clear().env("HOME", home).env("EPHEMERAL_TOR_CONFIG", network).stderr(Stdio::null());
    Program::start(command)
}

/// Sends encrypted messages of 100 bytes between two programs.
fn encrypted(home: &Path, url: &str, server: u32) -> Series {
    let mut alice = program(&home.join("alice"), url);
    let mut bob = program(&home.join("bob"), url);
    let invite = alice.ask("invites.create", &json!({"name": "bob"}))["text"].clone();
    bob.ask("invites.accept", &json!({"invite": invite, "as": "alice", "text": "it is me"}));
    alice.event("text");
    bob.event("answered");
    let text = "x".repeat(100);
    let send = |alice: &mut Program, bob: &mut Program| {
        let start = Instant::now();
        alice.request("send", &json!({"contact": "bob", "text": text}));
        bob.event("text");
        start.elapsed()
    };
    for _ in 0..5 {
        send(&mut alice, &mut bob);
        alice.event("arrived");
    }
    let clients = || processor_time(alice.process.id()) + processor_time(bob.process.id());
    let before = (clients(), processor_time(server));
    let mut wall = Vec::new();
    for _ in 0..MESSAGES {
        wall.push(send(&mut alice, &mut bob));
    }
    for _ in 0..MESSAGES {
        alice.event("arrived");
    }
    let clients = processor_time(alice.process.id()) + processor_time(bob.process.id()) - before.0;
    Series { wall, clients, server: processor_time(server) - before.1 }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn a_message_of_100_bytes_with_and_without_encryption() {
    let _turn = network::turn().await;
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().to_owned();
    let configuration = format!("{GENEROUS}{}", network::shared().arti_toml());
    let mut daemon = Daemon::start(SERVER, &home.join("server"), &configuration, &[]);
    let url = daemon.reachable().await;
    let server = daemon.process();
    let address = url.to_string();
    let place = home.clone();
    aside(move || encrypted(&place, &address, server)).await.print("encrypted");

    let arti = Arti::new(network::shared().tor_table(), &home.join("client")).unwrap();
    let mut alice = Person::new(1, Arc::new(arti.isolated()), &url);
    let mut bob = Person::new(2, Arc::new(arti.isolated()), &url);
    bob.until("a session", |bob| bob.connected == 1).await;
    alice.until("a session", |alice| alice.connected == 1).await;
    let own = std::process::id();
    let before = (processor_time(own), processor_time(server));
    let mut wall = Vec::new();
    for number in 1..=MESSAGES as usize {
        let start = Instant::now();
        alice.send(bob.fingerprint, "x".repeat(100));
        alice.until("acceptance", |alice| alice.accepted == number).await;
        bob.until("the message", |bob| bob.received.len() == number).await;
        wall.push(start.elapsed());
    }
    // Who has sent nothing waits for nothing.
    let done = |one: &Person| one.delivered == one.accepted;
    until_both(&mut alice, &mut bob, "receipts", done).await;
    let clients = processor_time(own) - before.0;
    let plain = Series { wall, clients, server: processor_time(server) - before.1 };
    plain.print("plain");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn twenty_live_contacts_of_one_person_at_the_server() {
    let _turn = network::turn().await;
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().to_owned();
    let configuration = format!("{GENEROUS}{}", network::shared().arti_toml());
    let mut daemon = Daemon::start(SERVER, &home.join("server"), &configuration, &[]);
    let url = daemon.reachable().await;
    let arti = Arti::new(network::shared().tor_table(), &home.join("client")).unwrap();
    let mut first = Person::new(1, Arc::new(arti.isolated()), &url);
    first.until("a session", |first| first.connected == 1).await;
    let before = daemon.resident();
    let mut live = Vec::new();
    for number in 0..LIVE {
        // A mailbox of one contact, as a client has it: a session on a circuit of its own.
        let mut mailbox = Person::new(100 + number, Arc::new(arti.isolated()), &url);
        mailbox.until("a session", |mailbox| mailbox.connected == 1).await;
        live.push(mailbox);
    }
    let figures = daemon.figures().await;
    let more = daemon.resident().saturating_sub(before);
    println!(
        "{LIVE} live contacts: {} sessions, {} circuits in all; {:.2} MiB of RSS more at the server",
        figures["clients"],
        figures.pointer("/onion/circuits").unwrap_or(&serde_json::Value::Null),
        more as f64 / f64::from(1 << 20),
    );
}
