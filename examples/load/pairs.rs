//! Sender and recipient pairs in a closed loop: so many messages on the way, and a new one for each
//! acknowledged.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use futures::future::try_join_all;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use crate::peer::{LoadClient, Target, fingerprint};
use crate::process::LoadedServer;

/// More than there are pairs.
const CROWD: usize = 10_000;

/// What is driven.
pub(crate) struct LoadShape {
    pub(crate) pairs: usize,
    pub(crate) depth: usize,
    pub(crate) size: usize,
    pub(crate) seconds: u64,
    pub(crate) receipts: bool,
}

impl fmt::Display for LoadShape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let receipts = if self.receipts { "with receipts" } else { "without receipts" };
        write!(formatter, "{} pairs, depth {}, {} B, {receipts}", self.pairs, self.depth, self.size)
    }
}

/// What came of it.
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    pub(crate) cpu_us: f64,
    p50: Duration,
    p99: Duration,
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { per_second, cpu_us, p50, p99 } = self;
        write!(formatter, "{cpu_us:6.1} µs CPU a message, {per_second:8.0} messages/s, p50 {p50:.1?}, p99 {p99:.1?}")
    }
}

impl Figures {
    /// Returns the share of the other's throughput, and how many times its p99.
    pub(crate) fn relative_to(&self, other: &Self) -> (f64, f64) {
        (self.per_second / other.per_second, self.p99.as_secs_f64() / other.p99.as_secs_f64())
    }
}

/// Runs the pairs against a server.
pub(crate) async fn run(server: &LoadedServer, shape: &LoadShape) -> Result<Figures> {
    let doors = std::slice::from_ref(&server.target);
    Ok(run_at(doors, shape, || Ok(vec![server.cpu_us()?])).await?.0)
}

/// Runs the pairs against a server that has several doors: a sender comes in by one, and the
/// recipient by the next. `cpu_us`: the CPU time of each of its parts, in microseconds. Returns
/// also how much of it each part has used.
pub(crate) async fn run_at(
    doors: &[Target],
    shape: &LoadShape,
    cpu_us: impl Fn() -> Result<Vec<f64>>,
) -> Result<(Figures, Vec<f64>)> {
    let numbers: Vec<usize> = (0..shape.pairs).collect();
    let mut pairs = Vec::new();
    // In slices, so that no listen queue overflows.
    for slice in numbers.chunks(100) {
        pairs.extend(try_join_all(slice.iter().map(|&number| LoadPair::connect(doors, shape, number))).await?);
    }
    measure(pairs, shape.seconds, cpu_us).await
}

/// A sender and a recipient: so many messages on the way, and a new one for each that arrived.
pub(crate) trait DrivenPair: Send + 'static {
    /// Does what can be done now. Ready once `stop` is set, and something has arrived. `latencies`
    /// gets those, from sending to receiving, of what arrived after `from`.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: Instant,
        stop: &AtomicBool,
        latencies: &mut Vec<Duration>,
    ) -> Poll<Result<()>>;
}

/// Drives the pairs for so many seconds, after a warm-up. `cpu_us`: the CPU time until now of each
/// part of the server, in microseconds. Returns also how much of it each part has used.
pub(crate) async fn measure(
    pairs: Vec<impl DrivenPair>,
    seconds: u64,
    cpu_us: impl Fn() -> Result<Vec<f64>>,
) -> Result<(Figures, Vec<f64>)> {
    let stop = Arc::new(AtomicBool::new(false));
    let from = Instant::now() + Duration::from_millis(500);
    let mut tasks = JoinSet::new();
    for mut pair in pairs {
        let stop = Arc::clone(&stop);
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            poll_fn(|cx| pair.poll(cx, from, &stop, &mut latencies)).await?;
            anyhow::Ok(latencies)
        });
    }
    tokio::time::sleep_until(from.into()).await;
    let before = cpu_us()?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let parts: Vec<f64> = cpu_us()?.iter().zip(before).map(|(after, before)| after - before).collect();
    let elapsed = from.elapsed();
    stop.store(true, Ordering::Relaxed);
    let mut latencies = Vec::new();
    while let Some(pair) = tasks.join_next().await {
        latencies.extend(pair??);
    }
    Ok((figures(latencies, parts.iter().sum(), elapsed)?, parts))
}

/// Returns what came of it: the latency of each message, the server's CPU time in microseconds, and
/// how long it took.
fn figures(mut latencies: Vec<Duration>, cpu: f64, elapsed: Duration) -> Result<Figures> {
    latencies.sort_unstable();
    let count = latencies.len();
    let at = |share: usize| latencies.get(count * share / 100).copied().unwrap_or_default();
    let messages = f64::from(u32::try_from(count).context("too many messages to count")?);
    Ok(Figures { per_second: messages / elapsed.as_secs_f64(), cpu_us: cpu / messages, p50: at(50), p99: at(99) })
}

/// The messages of a pair that were sent and have not arrived.
pub(crate) struct OnTheWay {
    depth: usize,
    /// When each was sent, oldest first.
    sent_at: VecDeque<Instant>,
}

impl OnTheWay {
    /// Lets so many be on the way at a time.
    pub(crate) fn new(depth: usize) -> Self {
        Self { depth, sent_at: VecDeque::new() }
    }

    /// Counts one as sent now, if there is room for one; returns whether there is.
    pub(crate) fn has_room(&mut self) -> bool {
        let has_room = self.sent_at.len() < self.depth;
        if has_room {
            self.sent_at.push_back(Instant::now());
        }
        has_room
    }

    /// Takes the oldest one as arrived. `latencies` gets how long it took, from `from` on.
    pub(crate) fn arrives(&mut self, from: Instant, latencies: &mut Vec<Duration>) {
        let now = Instant::now();
        if let Some(sent_at) = self.sent_at.pop_front().filter(|_| now >= from) {
            latencies.push(now - sent_at);
        }
    }
}

struct LoadPair {
    sender: LoadClient,
    recipient: LoadClient,
    /// All of a message frame but its id.
    rest: String,
    sent: u64,
    accepted: u64,
    on_the_way: OnTheWay,
    /// Frames that are fed and not yet flushed. A flush may stop before anything was written, where
    /// the task has used up its turn; then it is up to the next turn.
    unflushed: Unflushed,
}

#[derive(Default)]
struct Unflushed {
    acknowledgments: bool,
    messages: bool,
}

impl LoadPair {
    async fn connect(doors: &[Target], shape: &LoadShape, number: usize) -> Result<Self> {
        let door = |number: usize| doors.get(number % doors.len()).context("no door");
        // Others than at another depth, of which messages may wait.
        let sender = 2 * (number + CROWD * shape.depth);
        let recipient = sender + 1;
        let rest = format!(r#"","to":"{}","content":"{}"}}"#, fingerprint(recipient), "x".repeat(shape.size));
        Ok(Self {
            recipient: LoadClient::connect(door(number + 1)?, recipient, shape.receipts).await?,
            sender: LoadClient::connect(door(number)?, sender, false).await?,
            rest,
            sent: 0,
            accepted: 0,
            on_the_way: OnTheWay::new(shape.depth),
            unflushed: Unflushed::default(),
        })
    }
}

impl DrivenPair for LoadPair {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: Instant,
        stop: &AtomicBool,
        latencies: &mut Vec<Duration>,
    ) -> Poll<Result<()>> {
        loop {
            while let Poll::Ready(message) = self.recipient.poll_next(cx) {
                let Message::Text(text) = message? else { continue };
                if stop.load(Ordering::Relaxed) {
                    return Poll::Ready(Ok(()));
                }
                self.on_the_way.arrives(from, latencies);
                self.recipient.feed(format!(r#"{{"type":"ack","seq":{}}}"#, seq_of(&text)))?;
                self.unflushed.acknowledgments = true;
            }
            if self.unflushed.acknowledgments && self.recipient.poll_flush(cx)?.is_ready() {
                self.unflushed.acknowledgments = false;
            }
            while let Poll::Ready(message) = self.sender.poll_next(cx) {
                let message = message?;
                let text = message.to_text().unwrap_or_default();
                if text.starts_with(r#"{"type":"accepted""#) {
                    self.accepted += 1;
                } else if text.starts_with(r#"{"type":"error""#) {
                    // It would be waited for in vain.
                    return Poll::Ready(Err(anyhow!("a message was refused: {text}")));
                }
            }
            while self.on_the_way.has_room() {
                self.sent += 1;
                self.sender.feed(format!(r#"{{"type":"message","id":"m{}{}"#, self.sent, self.rest))?;
                self.unflushed.messages = true;
            }
            if !self.unflushed.messages || self.sender.poll_flush(cx)?.is_pending() {
                return Poll::Pending;
            }
            self.unflushed.messages = false;
        }
    }
}

/// Returns the sequence number at the end of a message frame; parsing it whole would make the
/// driver the bottleneck.
fn seq_of(text: &str) -> u64 {
    let digits = text.trim_end_matches('}').rsplit(':').next().unwrap_or_default();
    digits.parse().unwrap_or_default()
}
