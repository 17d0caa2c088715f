//! Over a private Tor network: the Tor client inside the server against C tor in front of the same
//! server. Both get the same load in turns, from one Arti client whose every connection has
//! circuits of its own.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use ephemeral_client::dial::Arti;
use ephemeral_test_support::tornet::{self, TorNetwork};
use futures::future::try_join_all;
use tokio::task::block_in_place;

use crate::pairs::{self, LoadShape};
use crate::peer::LoadClient;
use crate::process::LoadedServer;

/// Clients that connect at once, on circuits of their own.
const CLIENTS: usize = 60;
/// Sessions of twenty people with nine circuits each, which connect in turns.
const SESSIONS: usize = 20 * 9;
/// Of these at once: less than `circuit_burst`.
const TURN: usize = 30;

/// Prints both.
pub(crate) async fn compare() -> Result<()> {
    println!("\nover the onion (15 relays on this machine, which share its cores)");
    let network = block_in_place(|| TorNetwork::boot(tornet::scratch_directory(&std::env::temp_dir())))?;
    let mut file: toml::Table = network.arti_toml().parse()?;
    let table = file.remove("tor").and_then(|tor| tor.try_into().ok()).context("no [tor] table")?;
    let directory = tempfile::tempdir()?;
    let tor = Arc::new(Arti::new(table, &directory.path().join("client"))?);
    // C tor has the lite vanguards only; full ones, the server's default, add a hop to its side of
    // every circuit.
    for name in ["Arti, lite vanguards", "C tor in front", "Arti, full vanguards"] {
        let server = match name {
            "Arti, lite vanguards" => LoadedServer::onion(&network, &tor, "lite").await?,
            "Arti, full vanguards" => LoadedServer::onion(&network, &tor, "full").await?,
            _ => LoadedServer::behind_c_tor(&network, &tor).await?,
        };
        const MIB: f64 = 1024.0 * 1024.0;
        let idle = server.rss()? / MIB;
        let began = Instant::now();
        let cpu = server.cpu_us()?;
        let peers =
            try_join_all((0..CLIENTS).map(|number| LoadClient::connect(&server.target, 1000 + number, true))).await?;
        let elapsed = began.elapsed();
        let cpu = server.cpu_us()? - cpu;
        let connected = server.rss()? / MIB;
        drop(peers);
        println!(
            "  {name}: {idle:.0} MiB idle, {connected:.0} MiB with {CLIENTS} clients, who connected in {elapsed:.1?} for \
             {:.1} ms CPU each",
            cpu / 1000.0 / 60.0
        );
        let shape = LoadShape { pairs: 20, depth: 4, size: 512, seconds: 10, receipts: false };
        println!("  {name}: {shape}: {}", pairs::run(&server, &shape).await?);
    }
    let server = LoadedServer::onion(&network, &tor, "full").await?;
    memory_of_circuits(&server).await
}

/// Prints what a session takes that has a circuit of its own. The first turn is not counted: it
/// fills what all share.
async fn memory_of_circuits(server: &LoadedServer) -> Result<()> {
    let mut peers = Vec::new();
    let mut first = 0.0;
    while peers.len() < SESSIONS {
        let begin = 2000 + peers.len();
        let turn = (begin..begin + TURN).map(|number| LoadClient::connect(&server.target, number, true));
        peers.extend(try_join_all(turn).await?);
        if peers.len() == TURN {
            first = server.rss()?;
        }
    }
    let all = server.rss()?;
    let counted = SESSIONS - TURN;
    #[allow(clippy::cast_precision_loss, reason = "a few hundred")]
    let each = (all - first) / counted as f64 / 1024.0;
    println!("  {SESSIONS} sessions on circuits of their own: {:.0} MiB, {each:.0} KiB each", all / 1024.0 / 1024.0);
    Ok(())
}
