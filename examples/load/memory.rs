//! What a session costs that does nothing, what its beginning costs, and what a message costs that
//! waits.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::try_join_all;
use serde_json::json;

use crate::peer::{LoadClient, Target, fingerprint};
use crate::process::LoadedServer;

/// How often one session asks to come in before it is an error.
const ATTEMPTS: usize = 100;

/// Measures sessions that only exist. The first hundred are not counted: they pay for what is
/// allocated once.
pub(crate) async fn idle(sessions: usize) -> Result<()> {
    println!("\n{sessions} idle sessions");
    for floor in [true, false] {
        let server = if floor { LoadedServer::floor().await? } else { LoadedServer::start().await? };
        let mut peers = connect(&server.target, 0..100).await?;
        settle().await;
        let rss = server.rss()?;
        let cpu = server.cpu_us()?;
        let began = Instant::now();
        peers.extend(connect(&server.target, 100..sessions + 100).await?);
        let elapsed = began.elapsed();
        let cpu = server.cpu_us()? - cpu;
        settle().await;
        let rss = server.rss()? - rss;
        #[allow(clippy::cast_precision_loss, reason = "figures for people")]
        let count = sessions as f64;
        println!(
            "  {:<6}: {:.2} KiB RSS a session; {:.0} µs CPU to connect{}, {:.0} a second",
            if floor { "floor" } else { "server" },
            rss / count / 1024.0,
            cpu / count,
            if floor { "" } else { " and authenticate" },
            count / elapsed.as_secs_f64(),
        );
        drop(peers);
    }
    Ok(())
}

/// Stores messages for recipients who are not online, a thousand each.
pub(crate) async fn stored(messages: usize, size: usize) -> Result<()> {
    println!("\n{messages} messages of {size} B waiting");
    let server = LoadedServer::start().await?;
    let mut sender = LoadClient::connect(&server.target, 0, true).await?;
    let content = "x".repeat(size);
    fill(&mut sender, 0..1000, &content).await?;
    settle().await;
    let rss = server.rss()?;
    let cpu = server.cpu_us()?;
    fill(&mut sender, 1000..messages + 1000, &content).await?;
    let cpu = server.cpu_us()? - cpu;
    settle().await;
    let rss = server.rss()? - rss;
    #[allow(clippy::cast_precision_loss, reason = "figures for people")]
    let count = messages as f64;
    println!("  server: {:.0} bytes RSS and {:.1} µs CPU a message", rss / count, cpu / count);
    Ok(())
}

/// Connects them, a few at a time. Where the server has no room for one more from here just now,
/// which is what it is there for, it is asked again a little later.
pub(crate) async fn connect(server: &Target, numbers: Range<usize>) -> Result<Vec<LoadClient>> {
    let numbers: Vec<usize> = numbers.collect();
    let mut peers = Vec::new();
    for slice in numbers.chunks(10) {
        peers.extend(try_join_all(slice.iter().map(|&number| patiently(server, number))).await?);
    }
    Ok(peers)
}

async fn patiently(server: &Target, number: usize) -> Result<LoadClient> {
    for _ in 0..ATTEMPTS {
        if let Ok(peer) = LoadClient::connect(server, number, true).await {
            return Ok(peer);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    LoadClient::connect(server, number, true).await
}

async fn fill(sender: &mut LoadClient, numbers: Range<usize>, content: &str) -> Result<()> {
    for number in numbers {
        let to = fingerprint(1_000_000 + number / 1000);
        let frame = json!({"id": format!("message-{number:08}"), "to": to, "content": content});
        sender.feed(frame.to_string())?;
        std::future::poll_fn(|cx| sender.poll_flush(cx)).await?;
        let answer = sender.next().await?;
        anyhow::ensure!(answer["type"] == "accepted", "not accepted: {answer}");
    }
    Ok(())
}

/// Waits until the server has finished what it was doing.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1500)).await;
}
