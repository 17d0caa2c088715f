//! How long a failover takes where much waits, by hand: the machine that takes over has read it
//! along.

#![allow(clippy::print_stdout, reason = "it is a measurement that a person asked for")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ephemeral_core::protocol::ServerEvent;
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::BOB;
use super::machines::Cluster;
use super::people::{ANSWER, Person, connect, fingerprint};
use super::reading_along::has_read;

/// Room for all of it.
const ROOM: &str = "[store]\nmailbox_messages = 1000000\nmailbox_bytes = 1000000000\nsender_bytes = 1000000000\n\
                    total_bytes = 2000000000\n";
/// How long a promise of the guide says that it takes, in seconds.
const PROMISED: f64 = 7.0;
/// Messages that are on the way at once.
const WINDOW: usize = 500;
const SENDER: u8 = 40;

/// Has so many messages of 512 bytes wait.
async fn fill(cluster: &Cluster, count: usize) {
    let begun = Instant::now();
    let (mut connection, ..) = connect(SENDER, &cluster.urls()).await.expect("the active machine");
    let mut open = BTreeSet::new();
    let mut sent = 0;
    while sent < count || !open.is_empty() {
        while sent < count && open.len() < WINDOW {
            let id = format!("{sent}");
            let message = json!({"id": id, "to": fingerprint(BOB), "content": "x".repeat(512)});
            connection.send(&message).await.unwrap();
            open.insert(id);
            sent += 1;
        }
        match timeout(ANSWER, connection.next_event()).await.expect("an answer").unwrap() {
            ServerEvent::Accepted { id, .. } => drop(open.remove(&id)),
            ServerEvent::Error { code, message, .. } => panic!("{code:?}: {message}"),
            _ => {}
        }
    }
    println!("{count} messages were accepted in {:.1} s", begun.elapsed().as_secs_f64());
}

/// Returns how many seconds of CPU a process has had, as proc(5) has it.
fn cpu(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap());
    ticks.sum::<f64>() / rustix::param::clock_ticks_per_second() as f64
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes minutes, and its figure is only worth something on a machine that does nothing else"]
async fn sessions_are_back_in_time_where_a_hundred_thousand_messages_wait() {
    let count = std::env::var("EPHEMERAL_PROMOTION_MESSAGES").map_or(100_000, |count| count.parse().unwrap());
    let mut cluster = Cluster::configured(ROOM).begun().await;
    let first = cluster.active().await;
    cluster.only(Some(first));
    let idle = cpu(cluster.process(1 - first));
    fill(&cluster, count).await;
    cluster.is_whole().await;
    has_read(&cluster, 1 - first, count).await;
    let busy = cpu(cluster.process(1 - first));
    println!("the machine that stands by computed for {:.2} s meanwhile", busy - idle);
    cluster.kill(first);
    cluster.only(None);
    let begun = Instant::now();
    while connect(SENDER, &cluster.urls()).await.is_none() {
        sleep(Duration::from_millis(20)).await;
    }
    let back = begun.elapsed().as_secs_f64();
    println!("the machine that takes over computed for {:.2} s", cpu(cluster.process(1 - first)) - busy);
    let mut alice = Person::connect(SENDER + 1, &cluster).await;
    alice.send_many(&cluster, BOB, "after", 1).await;
    println!("sessions are back after {back:.2} s, a message is accepted after {:.2} s", begun.elapsed().as_secs_f64());
    cluster.logs(1 - first, &format!("this machine is the active one: {count} waiting messages")).await;
    assert!(back <= PROMISED, "{back}");
}
