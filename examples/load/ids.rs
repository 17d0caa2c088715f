//! What a remembered id costs: its memory, and whether messages cost more where there are many. In
//! this process, without sockets.

use std::cell::Cell;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use ephemeral::clock::Clock;
use ephemeral::hub::{self, Hub, SessionHandle, Wakes};
use ephemeral_core::limits::Rate;
use ephemeral_core::protocol::Fingerprint;
use ephemeral_core::store::{self, Delivery, EscapedContent, NewMessage, Next};
use rustix::time::{ClockId, clock_gettime};

use crate::peer::key;

/// Pairs of a sender and a recipient, who take turns.
const PAIRS: usize = 1000;
/// Messages by which the CPU time is measured.
const MEASURED: usize = 300_000;
/// How long an id is remembered: longer than this takes.
const LIFE_MS: u64 = 86_400_000;

struct HubPairs {
    hub: Arc<Hub>,
    pairs: Vec<(SessionHandle, SessionHandle, Fingerprint)>,
    number: usize,
}

/// Has so many messages delivered and acknowledged.
pub(crate) fn run(ids: usize) -> Result<()> {
    println!("\nids that are remembered, from {MEASURED} to {ids}");
    let bounds = store::Config { total_bytes: 1 << 46, sender_bytes: 1 << 40, ..store::Config::default() };
    let settings = hub::Config { bounds, rate: Rate::new(u32::MAX, u32::MAX), sessions: 4 * PAIRS };
    let hub = Hub::new(settings, Clock::System)?;
    let join = |number: usize| {
        let fingerprint = Fingerprint::from(&key(number).verifying_key());
        let joined = hub.join(fingerprint, true, 32).ok().context("the hub takes nobody")?;
        anyhow::Ok((joined.session_handle, fingerprint))
    };
    let mut pairs = HubPairs { hub: Arc::clone(&hub), pairs: Vec::new(), number: 0 };
    for pair in 0..PAIRS {
        let (recipient, fingerprint) = join(2 * pair + 1)?;
        pairs.pairs.push((join(2 * pair)?.0, recipient, fingerprint));
    }
    // Everybody has caught up, and what is allocated once is.
    pairs.exchange(MEASURED)?;
    let few = pairs.cpu_us_of(MEASURED)?;
    let known = hub.figures().1.records;
    let memory = resident()?;
    pairs.exchange(ids.saturating_sub(known))?;
    let records = hub.figures().1.records;
    #[allow(clippy::cast_precision_loss, reason = "figures for people")]
    let each = (resident()? - memory) / (records - known) as f64;
    let many = pairs.cpu_us_of(MEASURED)?;
    println!(
        "  {each:.1} bytes an id; {few:.2} µs of CPU a message among {known} ids, {many:.2} µs among {records}: {:.2} ×",
        many / few
    );
    Ok(())
}

impl HubPairs {
    /// Passes one message after the other: accepted, delivered, acknowledged.
    fn exchange(&mut self, messages: usize) -> Result<()> {
        for _ in 0..messages {
            self.number += 1;
            let (sender, recipient, to) = &self.pairs[self.number % PAIRS];
            let mut wakes = Wakes::default();
            let expires_at = self.hub.now().plus(LIFE_MS);
            let message =
                NewMessage { to: *to, escaped_content: EscapedContent::Borrowed("hello"), expires_at, given: None };
            let id = self.number.to_string();
            sender.submit(&id, Some(&message), &mut wakes).ok().context("a message was refused")?;
            let seq = Cell::new(0);
            let frame = |delivery: &Delivery<'_>| {
                if let Delivery::Mailbox(Next::Message(message)) = delivery {
                    seq.set(message.seq);
                }
                String::new()
            };
            recipient.collect(usize::MAX, &mut wakes, frame).ok().context("a session has ended")?;
            recipient.acknowledge(seq.get(), &mut wakes).ok().context("an acknowledgement was refused")?;
            // The receipt.
            sender.collect(usize::MAX, &mut wakes, frame).ok().context("a session has ended")?;
        }
        Ok(())
    }

    fn cpu_us_of(&mut self, messages: usize) -> Result<f64> {
        let cpu = || {
            let time = clock_gettime(ClockId::ThreadCPUTime);
            std::time::Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
        };
        let before = cpu();
        self.exchange(messages)?;
        #[allow(clippy::cast_precision_loss, reason = "a figure for people")]
        let messages = messages as f64;
        Ok((cpu() - before).as_secs_f64() * 1e6 / messages)
    }
}

/// Returns the resident set of this process, in bytes.
fn resident() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0)
}
