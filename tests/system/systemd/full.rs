//! A full store in as little memory as the documents say: killed and restarted, it is there again,
//! and nobody was killed for want of memory.

#![allow(clippy::print_stdout, reason = "figures, for those who ask for them")]

use std::time::{Duration, Instant};

use ephemeral_client::{ConnectOptions, Connection, Direct, Identity};
use ephemeral_core::protocol::{ErrorCode, ServerEvent};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::booted::{PATIENCE, SystemdBox};
use super::{LOCAL, asked, url};

/// Of the store, in the ordinary run. `FULL_STORE_MIB=256` has the default instead; it takes
/// minutes.
const SCALED_MIB: u64 = 24;
/// Beside the store, its eighth and what the program takes when it is empty: sessions, and
/// half-sent messages.
const SESSIONS_MIB: u64 = 8;
/// `store.total_bytes` and this is what the documents say, without Tor.
const DOCUMENTED_REST_MIB: u64 = 192;
/// Messages on the way of one sender.
const BATCH: usize = 500;
/// Messages to one recipient from one sender.
const EACH: usize = 100;

/// Says who is who: the senders first.
fn identity(number: u32) -> Identity {
    let mut seed = [77; 32];
    seed[..4].copy_from_slice(&number.to_le_bytes());
    Identity::from_seed(&seed)
}

/// Sends as much as one sender may. Returns how many messages were accepted.
async fn fill_from(sender: u32) -> usize {
    let identity_of_sender = identity(sender);
    let connected =
        Connection::connect(&Direct::default(), &url(), &identity_of_sender, &ConnectOptions::default()).await;
    let (mut connection, _) = connected.unwrap();
    let mut accepted = 0;
    let mut sent = 0;
    loop {
        for _ in 0..BATCH {
            let recipient = 1_000_000 + sender * 10_000 + u32::try_from(sent / EACH).unwrap();
            let to = identity(recipient).fingerprint();
            connection.queue(&json!({"id": sent.to_string(), "to": to, "content": "x"}).to_string()).unwrap();
            sent += 1;
        }
        let answers = async {
            connection.flush().await.unwrap();
            let mut left = BATCH;
            let mut full = false;
            while left > 0 {
                match connection.next_event().await.unwrap() {
                    ServerEvent::Accepted { .. } => accepted += 1,
                    ServerEvent::Error { code: ErrorCode::SenderQuota | ErrorCode::StoreFull, .. } => full = true,
                    ServerEvent::Error { code, message, .. } => panic!("refused: {code:?} {message}"),
                    _ => continue,
                }
                left -= 1;
            }
            full
        };
        if timeout(PATIENCE, answers).await.expect("answers") {
            connection.close().await;
            return accepted;
        }
    }
}

/// Sends small messages, of which a store of so many bytes takes most, until nobody may send more.
async fn fill() -> usize {
    let mut accepted = 0;
    for sender in 0.. {
        let more = fill_from(sender).await;
        accepted += more;
        if more < BATCH / 10 {
            break;
        }
    }
    accepted
}

fn figures(machine: &SystemdBox) -> Value {
    let (code, said) = asked(machine, &["status", "--json"]);
    assert_eq!(code, Some(0), "{said}");
    serde_json::from_str(&said).unwrap()
}

#[test]
fn a_full_store_in_as_little_memory_as_the_documents_say_survives_a_crash_and_a_restart() {
    let whole = std::env::var("FULL_STORE_MIB").ok().map(|mebibytes| mebibytes.parse::<u64>().unwrap());
    let store = whole.unwrap_or(SCALED_MIB);
    let configuration = LOCAL.replace("[store]\n", &format!("[store]\ntotal_bytes = {}\n", store << 20));
    let machine = SystemdBox::boot(&configuration);
    machine.systemctl(&["start"]);
    let empty = machine.memory_in_use() >> 20;
    let limit = whole.map_or(empty + store + store / 8 + SESSIONS_MIB, |store| store + DOCUMENTED_REST_MIB);
    machine.limit_memory(limit << 20);

    let began = Instant::now();
    let accepted = machine.inside(fill).join().unwrap();
    let figures_full = figures(&machine);
    let full = machine.memory_in_use() >> 20;
    assert_eq!(figures_full["pending_messages"], accepted);
    println!(
        "{accepted} messages in {:.0?}: {} MiB counted, {full} MiB in use of {limit}, {empty} when it was empty",
        began.elapsed(),
        figures_full["pending_bytes"].as_u64().unwrap() >> 20
    );
    assert!(full - empty > store / 2, "it is full: {full} MiB are in use, and {empty} were before");

    // How often the manager has started it again by itself is counted until somebody does so.
    for (treat, by_itself) in [(&["kill", "--signal=KILL", "--kill-whom=main"][..], "1"), (&["restart"], "0")] {
        let process = machine.property("MainPID");
        let began = Instant::now();
        machine.systemctl(treat);
        machine.restarted(&process);
        println!("{treat:?}: there again after {:.1?}", began.elapsed());
        assert!(began.elapsed() < Duration::from_secs(60), "{treat:?}");
        assert_eq!(figures(&machine)["pending_messages"], accepted, "{treat:?}: {}", machine.told());
        assert_eq!(figures(&machine)["epoch"], figures_full["epoch"]);
        assert_eq!(machine.property("NRestarts"), by_itself, "{treat:?}: {}", machine.told());
    }
    assert_eq!(machine.killed_for_memory(), 0, "{}", machine.told());
    println!("{} MiB at most", machine.most_memory() >> 20);
}
