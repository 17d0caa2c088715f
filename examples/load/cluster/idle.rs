//! What an idle session costs, where its client is connected to a machine that stands by.

use anyhow::{Context as _, Result};

use super::machines::{Machines, Parts};
use super::settle;
use crate::memory::connect;

/// Sessions that are not counted: they pay for what is allocated once.
const FIRST: usize = 100;

/// Prints it, for so many of them at one of two machines.
pub(super) async fn run(sessions: usize) -> Result<()> {
    println!("\n{sessions} idle sessions at the machine of two that stands by");
    let machines = Machines::start(2).await?;
    let doors = machines.doors();
    let door = doors.get(1 - machines.active()).context("there are two machines")?;
    let mut peers = connect(door, 0..FIRST).await?;
    settle().await;
    let rss = machines.rss()?;
    let cpu = machines.cpu_us()?;
    peers.extend(connect(door, FIRST..FIRST + sessions).await?);
    let cpu_after = machines.cpu_us()?;
    settle().await;
    let Parts { active, standing, .. } = machines.rss()?;
    #[allow(clippy::cast_precision_loss, reason = "figures for people")]
    let each = |after: f64, before: f64| (after - before) / sessions as f64;
    let computed: Vec<f64> = cpu_after.iter().zip(&cpu).map(|(after, before)| each(*after, *before)).collect();
    let [at_active, at_standing, _] = computed[..] else { anyhow::bail!("a figure is missing") };
    println!(
        "  {:.2} KiB RSS a session there, {:.2} at the active one; {at_standing:.0} and {at_active:.0} µs CPU to begin it",
        each(standing, rss.standing) / 1024.0,
        each(active, rss.active) / 1024.0,
    );
    drop(peers);
    Ok(())
}
