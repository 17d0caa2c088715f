//! Several machines that are one server, beside a single one: what a message costs each part, what
//! it takes while it waits, and how long nobody is answered when a part dies.
//!
//! All of them, three NATS servers and the driver share this machine's cores: the CPU time of a
//! part is its own, throughput and latency are those of everybody together.

mod idle;
mod machines;
mod stall;

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::pairs::{self, Figures, LoadShape};
use crate::peer::{LoadClient, fingerprint};
use crate::process::LoadedServer;
use machines::{Machines, Parts};

/// Sender and recipient pairs.
const PAIRS: usize = 50;
/// Bytes of content.
const SIZE: usize = 512;
/// Messages that are sent before their answers are read.
const IN_A_TURN: usize = 200;
/// The most machines.
const MACHINES: usize = 3;

/// What is measured, and how long.
#[derive(clap::Args)]
pub(crate) struct ClusterLoad {
    /// Seconds to measure each throughput; 0: none is.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Messages that wait for the figures of memory; 0: they are left out.
    #[arg(long, default_value_t = 100_000)]
    messages: usize,
    /// Sessions that only exist, at a machine that stands by; 0: there are none.
    #[arg(long, default_value_t = 1000)]
    sessions: usize,
    /// How often each part is killed; 0: none is.
    #[arg(long, default_value_t = 2)]
    rounds: usize,
}

/// Prints all of it.
pub(crate) async fn run(plan: ClusterLoad) -> Result<()> {
    let ClusterLoad { seconds, messages, sessions, rounds } = plan;
    if seconds > 0 {
        throughput(seconds).await?;
    }
    if messages > 0 {
        waiting(messages).await?;
    }
    if sessions > 0 {
        idle::run(sessions).await?;
    }
    if rounds > 0 {
        println!("\nwithout `accepted`, after a death, {MACHINES} machines, somebody at each, {rounds} times");
        stall::run(&mut Machines::start(MACHINES).await?, rounds).await?;
    }
    Ok(())
}

/// Prints what a single server carries, and then so many machines.
async fn throughput(seconds: u64) -> Result<()> {
    let shapes = [1, 16].map(|depth| LoadShape { pairs: PAIRS, depth, size: SIZE, seconds, receipts: true });
    println!("\none server without [cluster]");
    let single = LoadedServer::start().await?;
    for shape in &shapes {
        println!("  {shape}: {}", pairs::run(&single, shape).await?);
    }
    drop(single);
    for count in 1..=MACHINES {
        println!("\n{count} of a cluster, people at all of them, and three NATS servers");
        let machines = Machines::start(count).await?;
        for shape in &shapes {
            let (figures, parts) = pairs::run_at(&machines.doors(), shape, || machines.cpu_us()).await?;
            println!("  {shape}: {figures}");
            let Parts { active, standing, nats } = by_message(&figures, &parts);
            println!(
                "    of these {active:.1} µs the active machine, {standing:.1} the others, {nats:.1} the NATS servers"
            );
        }
    }
    Ok(())
}

/// Returns the CPU time of each part, per message.
fn by_message(figures: &Figures, parts: &[f64]) -> Parts {
    let all: f64 = parts.iter().sum();
    let part = |number: usize| parts.get(number).copied().unwrap_or_default() / all * figures.cpu_us;
    Parts { active: part(0), standing: part(1), nats: part(2) }
}

/// Prints what a message takes that waits, on the active machine and on a NATS server.
async fn waiting(messages: usize) -> Result<()> {
    println!("\n{messages} messages of {SIZE} B waiting in a cluster of one machine");
    let machines = Machines::start(1).await?;
    let [door] = &machines.doors()[..] else { anyhow::bail!("more than one machine") };
    let mut sender = LoadClient::connect(door, 0, true).await?;
    fill(&mut sender, 0, 1000).await?;
    settle().await;
    let before = machines.rss()?;
    fill(&mut sender, 1000, messages).await?;
    settle().await;
    let after = machines.rss()?;
    #[allow(clippy::cast_precision_loss, reason = "figures for people")]
    let each = |after: f64, before: f64| (after - before) / messages as f64;
    let Parts { active, nats, .. } = after;
    // Three of them have it.
    let nats = each(nats, before.nats) / 3.0;
    println!("  {:.0} bytes RSS a message on the machine, {nats:.0} on a NATS server", each(active, before.active));
    Ok(())
}

/// Stores messages for recipients who are not online, a thousand each.
async fn fill(sender: &mut LoadClient, from: usize, count: usize) -> Result<()> {
    let content = "x".repeat(SIZE);
    let numbers: Vec<usize> = (from..from + count).collect();
    for turn in numbers.chunks(IN_A_TURN) {
        for number in turn {
            let to = fingerprint(1_000_000 + number / 1000);
            sender.feed(json!({"id": format!("message-{number:08}"), "to": to, "content": content}).to_string())?;
        }
        std::future::poll_fn(|cx| sender.poll_flush(cx)).await?;
        for _ in turn {
            let answer = sender.next().await?;
            ensure!(answer["type"] == "accepted", "not accepted: {answer}");
        }
    }
    Ok(())
}

/// Waits until everybody has finished what they were doing.
async fn settle() {
    tokio::time::sleep(Duration::from_secs(2)).await;
}
