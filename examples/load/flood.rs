//! A good pair while strangers flood: what is left of its throughput, and what a stranger costs.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use ephemeral::events::{Events, Kind, Subject};
use ephemeral_core::limits::{Bucket, Rate};
use ephemeral_core::protocol::Millis;
use ephemeral_test_support::attack::{Distant, Logins};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::pairs::{self, LoadShape};
use crate::peer::LoadClient;
use crate::process::LoadedServer;
use crate::strangers::{EVER_NEW, Flood, RATE, fail, stranger};

/// How far away the clients are whose logins are measured.
const ONE_WAY: Duration = Duration::from_secs(1);
/// How long the flood has gone on before they come.
const BEFORE: Duration = Duration::from_secs(3);

/// Measures a good pair with and without the flood, in turns; then the price of each kind of
/// stranger.
pub(crate) async fn run() -> Result<()> {
    println!("\n## flood: one pair, {RATE} new unauthenticated connections a second, the limits as they come");
    for depth in [1, 16] {
        let shape = LoadShape { pairs: 1, depth, size: 512, seconds: 5, receipts: false };
        for _ in 0..2 {
            let calm = pairs::run(&LoadedServer::limited().await?, &shape).await?;
            println!("depth {depth:2}, calm    {calm}");
            let server = LoadedServer::limited().await?;
            let flood = Flood::start(address(&server)?, RATE, EVER_NEW)?;
            let flooded = pairs::run(&server, &shape).await?;
            println!("depth {depth:2}, flooded {flooded}");
            let (throughput, p99) = flooded.relative_to(&calm);
            println!(
                "          {:.0} % of the throughput, p99 {p99:.2} ×; {} strangers",
                throughput * 100.0,
                flood.stop().await?
            );
        }
    }
    logins().await?;
    prices().await?;
    limits();
    Ok(())
}

/// Measures logins of clients that are a second away: without a flood, under one of addresses
/// within their limits, and under one in which no address comes twice.
async fn logins() -> Result<()> {
    const CLIENTS: usize = 40;
    println!("\n## logins: {CLIENTS} clients, each {ONE_WAY:?} away in each direction, three tries");
    let floods = [("calm", None), ("200 addresses", Some((316, 200))), ("ever new addresses", Some((RATE, EVER_NEW)))];
    for (what, flood) in floods {
        let server = LoadedServer::limited().await?;
        let to = address(&server)?;
        let flood = flood.map(|(rate, addresses)| Flood::start(to, rate, addresses)).transpose()?;
        tokio::time::sleep(BEFORE).await;
        let logins = Logins::measure(CLIENTS, |client| {
            let target = server.target.clone();
            async move {
                let stream = stranger(7_000_000 + client as u64, to).await.ok_or("not connected")?;
                let Distant { stream, way: _way } = Distant::new(stream, ONE_WAY);
                let logged_in = LoadClient::on(&target, stream, 2000 + client).await;
                logged_in.map(drop).map_err(|error| error.to_string())
            }
        });
        let Logins { clients, first, third, failures } = logins.await;
        let strangers = match flood {
            Some(flood) => flood.stop().await?,
            None => 0,
        };
        println!("{what}: {first} of {clients} at the first try, {third} at the third; {strangers} strangers");
        failures.iter().for_each(|why| println!("  {why}"));
    }
    Ok(())
}

fn address(server: &LoadedServer) -> Result<SocketAddr> {
    server.target.url.authority().parse().context("an address")
}

/// Measures what an accepted connection, a strike and a refused connection cost the server.
async fn prices() -> Result<()> {
    const COUNT: u64 = 1000;
    println!("\n## price: CPU of the server for one connection");
    let server = LoadedServer::limited().await?;
    let to = address(&server)?;
    let mut accepted = 0.0;
    // From loopback addresses of their own, within the rate of each.
    let before = server.cpu_us()?;
    for number in 0..COUNT {
        let stream = stranger(number, to).await.context("a connection")?;
        drop(LoadClient::on(&server.target, stream, 1000 + usize::try_from(number)?).await?);
        accepted += 1.0;
    }
    let accepted = (server.cpu_us()? - before) / accepted;
    println!("accepted and authenticated   {accepted:6.1} µs");

    let before = server.cpu_us()?;
    for number in 0..COUNT {
        let stream = stranger(100_000 + number, to).await.context("a connection")?;
        fail(to, stream).await.context("a challenge")?;
    }
    let strike = (server.cpu_us()? - before) / 1000.0;
    println!("a wrong signature            {strike:6.1} µs, {:.2} ×", strike / accepted);

    // More connections than one peer may have: they are closed as soon as they are accepted.
    let one = 5_000_000;
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(stranger(one, to).await.context("a connection")?);
    }
    let before = server.cpu_us()?;
    for _ in 0..COUNT {
        let mut stream = stranger(one, to).await.context("a connection")?;
        ensure!(stream.read(&mut [0]).await.unwrap_or(0) == 0, "it was not refused");
    }
    let refused = (server.cpu_us()? - before) / 1000.0;
    println!("refused: too many of a peer  {refused:6.1} µs, {:.2} ×", refused / accepted);
    drop(held);

    // A peer that is blocked is told so.
    let other = 6_000_000;
    for _ in 0..40 {
        if let Some(mut stream) = stranger(other, to).await {
            let _ = stream.write_all(b"nonsense\r\n\r\n").await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    }
    let before = server.cpu_us()?;
    for _ in 0..COUNT {
        let mut stream = stranger(other, to).await.context("a connection")?;
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        ensure!(answer.starts_with("HTTP/1.1 403"), "it is not blocked: {answer}");
    }
    let blocked = (server.cpu_us()? - before) / 1000.0;
    println!("blocked, and told so         {blocked:6.1} µs, {:.2} ×", blocked / accepted);
    Ok(())
}

/// Measures what the limits and the events cost where nothing is refused: on the way of a message
/// that is one bucket, and of a refused one an event.
fn limits() {
    const TIMES: u32 = 1_000_000;
    let now = Millis(1_800_000_000_000);
    let rate = Rate::new(1_000_000, 1_000_000);
    let mut bucket = Bucket::default();
    let begun = Instant::now();
    for step in 0..TIMES {
        std::hint::black_box(rate.take(&mut bucket, now.plus(u64::from(step)))).ok();
    }
    println!("\n## limits: {:.3} µs for the rate of one message", per(begun, TIMES));
    let Ok(events) = Events::new(now) else { return };
    let who = IpAddr::from([127, 0, 0, 1]);
    let IpAddr::V4(who) = who else { return };
    let begun = Instant::now();
    for step in 0..TIMES {
        events.note(now.plus(u64::from(step) / 1000), Kind::Malformed, Some(&Subject::Address(&who.octets())));
    }
    println!("{:.3} µs for one security event", per(begun, TIMES));
}

fn per(begun: Instant, times: u32) -> f64 {
    begun.elapsed().as_secs_f64() * 1e6 / f64::from(times)
}
