//! What a message, a session and a waiting message cost: drives a real server, side by side with a
//! bare floor.
//!
//! `cargo run --release --example load -- all` runs everything; `--help` lists the parts. Absolute
//! figures depend on the machine and are noisy; the ratios to the floor, measured in the same run,
//! are what counts.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program that reports")]

mod brokers;
mod cluster;
mod flood;
mod floor;
mod ids;
mod memory;
mod onion;
mod pairs;
mod peer;
mod process;
mod strangers;

use std::net::SocketAddr;

use anyhow::Result;
use clap::{Parser, Subcommand};

use brokers::Broker;
use pairs::{Figures, LoadShape};
use process::LoadedServer;

#[derive(Parser)]
#[command(about, version)]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// Measures everything.
    All,
    /// CPU per delivered and acknowledged message, against the floor.
    Exchange {
        /// Sender and recipient pairs.
        #[arg(long, default_value_t = 50)]
        pairs: usize,
        /// Messages that each pair has on the way.
        #[arg(long, default_value_t = 1)]
        depth: usize,
        /// Bytes of content.
        #[arg(long, default_value_t = 512)]
        size: usize,
        /// Seconds to measure.
        #[arg(long, default_value_t = 5)]
        seconds: u64,
        /// Measured this often, server and floor in turns.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// Recipients let the senders have receipts.
        #[arg(long)]
        receipts: bool,
    },
    /// The same load on other people's servers, in turns with this one: mosquitto and NATS.
    Peers {
        /// Measured this often, in turns.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
    /// CPU per message from 50 to 5,000 pairs.
    Scale,
    /// What a remembered id costs, in memory and in the CPU of the messages after it.
    Ids {
        /// Ids that are remembered in the end.
        #[arg(long, default_value_t = 10_000_000)]
        ids: usize,
    },
    /// RSS of an idle authenticated session, and CPU to connect and authenticate.
    Idle {
        /// Sessions.
        #[arg(long, default_value_t = 4000)]
        sessions: usize,
    },
    /// RSS of a stored message.
    Stored {
        /// Messages.
        #[arg(long, default_value_t = 100_000)]
        messages: usize,
        /// Bytes of content.
        #[arg(long, default_value_t = 512)]
        size: usize,
    },
    /// Over a private Tor network: the server's own Tor client against C tor in front of the same
    /// server.
    Onion,
    /// What it costs that waiting messages survive a restart.
    Surviving {
        /// Messages that each pair has on the way.
        #[arg(long, default_value_t = 1)]
        depth: usize,
        /// Bytes of content.
        #[arg(long, default_value_t = 512)]
        size: usize,
        /// Measured this often, with and without in turns.
        #[arg(long, default_value_t = 9)]
        rounds: usize,
    },
    /// Several machines that are one server, on loopback, with three NATS servers, beside a single
    /// one: throughput, latency, CPU by part, memory of what waits, and how long nobody is answered
    /// after a death. Some three minutes; NATS 2.12 or later, which `tests/run` installs.
    Cluster(cluster::ClusterLoad),
    /// A good pair while strangers flood, and what a stranger costs.
    Flood,
    /// The floor itself, as a server (what the other parts start).
    #[command(hide = true)]
    Floor {
        /// Where to listen.
        listen: SocketAddr,
    },
    /// The strangers of `flood`, until stdin ends; says how many they were.
    #[command(hide = true)]
    Strangers {
        /// Where the server is.
        to: SocketAddr,
        /// How many a second.
        rate: u64,
        /// From how many addresses.
        addresses: u64,
    },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if matches!(arguments.part, Part::Strangers { .. }) {
        strangers::give_way()?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match arguments.part {
            Part::Floor { listen } => floor::run(listen).await,
            Part::Strangers { to, rate, addresses } => strangers::run(to, rate, addresses).await,
            Part::Exchange { pairs, depth, size, seconds, rounds, receipts } => {
                exchange(LoadShape { pairs, depth, size, seconds, receipts }, rounds).await
            }
            Part::Peers { rounds } => peers(rounds).await,
            Part::Scale => scale().await,
            Part::Ids { ids } => ids::run(ids),
            Part::Onion => onion::compare().await,
            Part::Flood => flood::run().await,
            Part::Cluster(plan) => cluster::run(plan).await,
            Part::Surviving { depth, size, rounds } => {
                surviving(LoadShape { pairs: 50, depth, size, seconds: 3, receipts: false }, rounds).await
            }
            Part::Idle { sessions } => memory::idle(sessions).await,
            Part::Stored { messages, size } => memory::stored(messages, size).await,
            Part::All => {
                for (depth, receipts) in [(1, false), (1, true), (16, false), (16, true)] {
                    exchange(LoadShape { pairs: 50, depth, size: 512, seconds: 5, receipts }, 3).await?;
                }
                scale().await?;
                memory::idle(4000).await?;
                memory::stored(100_000, 512).await?;
                for (depth, size) in [(1, 512), (16, 512), (1, 65536)] {
                    surviving(LoadShape { pairs: 50, depth, size, seconds: 3, receipts: false }, 9).await?;
                }
                flood::run().await?;
                onion::compare().await
            }
        }
    })
}

/// Measures server and floor in turns; the median of each.
async fn exchange(shape: LoadShape, rounds: usize) -> Result<()> {
    println!("\n{shape}");
    let mut ours = Vec::new();
    let mut floors = Vec::new();
    for round in 1..=rounds.max(1) {
        for (name, results) in [("floor", &mut floors), ("server", &mut ours)] {
            let server = if name == "floor" { LoadedServer::floor().await? } else { LoadedServer::start().await? };
            let figures = pairs::run(&server, &shape).await?;
            println!("  {name:<6} {round}: {figures}");
            results.push(figures.cpu_us);
        }
    }
    let ours = median(&mut ours);
    let floor = median(&mut floors);
    println!("  server {ours:.1} µs, floor {floor:.1} µs of CPU per message: {:.2} × the floor", ours / floor);
    Ok(())
}

/// Measures the store on the heap and in a file in RAM, in turns; the medians of each, and of their
/// ratio.
async fn surviving(shape: LoadShape, rounds: usize) -> Result<()> {
    println!("\nsurviving a restart: {shape}");
    let mut heap = Vec::new();
    let mut file = Vec::new();
    let mut ratios = Vec::new();
    for round in 1..=rounds.max(1) {
        let without = pairs::run(&LoadedServer::start().await?, &shape).await?;
        let with = pairs::run(&LoadedServer::surviving().await?, &shape).await?;
        println!("  heap {round}: {without}\n  file {round}: {with}");
        heap.push(without.cpu_us);
        file.push(with.cpu_us);
        ratios.push(with.cpu_us / without.cpu_us);
    }
    let heap = median(&mut heap);
    let file = median(&mut file);
    let ratio = median(&mut ratios);
    println!("  on the heap {heap:.2} µs, in the file {file:.2} µs of CPU per message: {ratio:.3} ×");
    Ok(())
}

/// Measures this server, the floor, and other people's, in turns; the medians.
async fn peers(rounds: usize) -> Result<()> {
    for depth in [1, 16] {
        let shape = LoadShape { pairs: 50, depth, size: 512, seconds: 5, receipts: false };
        println!("\n{shape}");
        let mut all: Vec<(&str, Vec<f64>)> = Vec::new();
        for round in 1..=rounds.max(1) {
            let mut note = |name, figures: Figures| {
                println!("  {name:<9} {round}: {figures}");
                match all.iter_mut().find(|(other, _)| *other == name) {
                    Some((_, results)) => results.push(figures.cpu_us),
                    None => all.push((name, vec![figures.cpu_us])),
                }
            };
            note("server", pairs::run(&LoadedServer::start().await?, &shape).await?);
            note("floor", pairs::run(&LoadedServer::floor().await?, &shape).await?);
            for broker in Broker::ALL {
                note(broker.name(), brokers::run(broker, &shape).await?);
            }
        }
        for (name, results) in &mut all {
            println!("  {name:<9} {:.2} µs of CPU per message", median(results));
        }
    }
    Ok(())
}

async fn scale() -> Result<()> {
    println!("\nfrom 50 to 5,000 pairs (depth 1, 512 B)");
    for pairs in [50, 500, 5000] {
        let server = LoadedServer::start().await?;
        let shape = LoadShape { pairs, depth: 1, size: 512, seconds: 5, receipts: false };
        println!("  {pairs:>5} pairs: {}", pairs::run(&server, &shape).await?);
    }
    Ok(())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
