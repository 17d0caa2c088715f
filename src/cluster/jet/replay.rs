//! Reads the journal: from its beginning, or from where somebody has read before.

use std::ops::ControlFlow;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Jet, JetError, META, PATIENCE, PLACES, STREAM};
use crate::cluster::fence::FenceMark;
use crate::cluster::nats::Unanswered;
use crate::cluster::nats::wire::NatsMessage;

/// Without anything for so long, the reading has failed: a server says every second that it is
/// there.
const SILENCE: Duration = Duration::from_secs(5);
/// The header that says for how many seconds an entry stays.
const TTL: &str = "Nats-TTL";
/// The header with the subject by which a server is told to go on.
const STALLED: &str = "Nats-Consumer-Stalled";
const NANOS: u64 = 1_000_000_000;

/// What an entry of the journal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A place has this from now on; nothing, if it is empty.
    Place(u32),
    /// The journal as a whole.
    Meta,
    /// A writer begins.
    Fence,
}

/// An entry of the journal.
#[derive(Debug, Clone)]
pub struct ReplayedEntry {
    /// Its number: each has a greater one than those before it.
    pub number: u64,
    /// What it is about.
    pub kind: EntryKind,
    /// It is sealed.
    pub sealed: Bytes,
    /// Whether there are more by now.
    pub has_more: bool,
    /// When it was written, in seconds of the NATS servers' clock.
    pub written_s: u64,
    /// As they came.
    pub headers: Bytes,
}

impl ReplayedEntry {
    /// Returns until when it stays if nobody erases it, in seconds of the NATS servers' clock.
    #[must_use]
    pub fn until_s(&self) -> u64 {
        let ttl = header(&self.headers, TTL).and_then(|ttl| ttl.parse().ok());
        ttl.map_or(u64::MAX, |ttl: u64| self.written_s.saturating_add(ttl))
    }

    /// Returns by which a fence is known.
    #[must_use]
    pub fn mark(&self) -> Option<FenceMark> {
        FenceMark::read(&self.headers)
    }

    /// Reads one; `None`: it is none of a journal.
    fn read(message: NatsMessage, numbers: &Numbers) -> Option<Self> {
        let kind = kind(&message.subject)?;
        let Numbers { in_stream, written_s, left, in_consumer: _ } = *numbers;
        let NatsMessage { headers, payload, .. } = message;
        Some(Self { number: in_stream, kind, sealed: payload, has_more: left > 0, written_s, headers })
    }
}

impl Jet<'_> {
    /// Hands each entry to `take`, up to the one with the number `until`, which has to be there.
    ///
    /// # Errors
    /// [`JetError`]: not all of it was read.
    pub async fn replay(self, until: u64, mut take: impl FnMut(ReplayedEntry)) -> Result<(), JetError> {
        self.read_from(1, |entry| {
            let is_last = entry.number >= until;
            take(entry);
            if is_last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .await
    }

    /// Hands each entry to `take`, beginning with the one with the number `first`, as they are
    /// written, until `take` has enough. None is left out, but those that count no more.
    ///
    /// # Errors
    /// [`JetError`]: what comes was lost. What was taken counts.
    pub async fn read_from(
        self,
        first: u64,
        mut take: impl FnMut(ReplayedEntry) -> ControlFlow<()>,
    ) -> Result<(), JetError> {
        let (listening, mut messages) = self.0.listen().await?;
        let mut config = json!({
            "deliver_subject": listening.subject, "deliver_policy": "all", "ack_policy": "none", "max_deliver": 1,
            "replay_policy": "instant", "flow_control": true, "idle_heartbeat": NANOS,
            "inactive_threshold": 30 * NANOS, "num_replicas": 1, "mem_storage": true,
        });
        if first > 1 {
            config["deliver_policy"] = "by_start_sequence".into();
            config["opt_start_seq"] = first.into();
        }
        let asked = json!({ "stream_name": STREAM, "config": config });
        let made = self.ask(&format!("CONSUMER.CREATE.{STREAM}"), &asked, PATIENCE).await?;
        let name = made["name"].as_str().unwrap_or_default();
        let read = self.hand_on(&mut messages, &mut take).await;
        // It would go by itself after a while. What the answer is does not matter.
        let api = format!("$JS.API.CONSUMER.DELETE.{STREAM}.{name}");
        let _ = self.0.ask_everybody(&api, &listening.subject, b"{}").await;
        read
    }

    async fn hand_on(
        self,
        messages: &mut mpsc::Receiver<NatsMessage>,
        take: &mut impl FnMut(ReplayedEntry) -> ControlFlow<()>,
    ) -> Result<(), JetError> {
        let mut expected = 1;
        loop {
            let next = timeout(SILENCE, messages.recv()).await.map_err(|_| Unanswered::Late)?;
            let message = next.ok_or(Unanswered::Disconnected)?;
            if message.status().is_some() {
                // It asks whether there is room for more, and again if it was not told; or it only
                // says that it is there.
                if let Some(reply) = message.reply.as_deref().or_else(|| header(&message.headers, STALLED)) {
                    self.0.publish(reply, &[], &[]).await?;
                }
                continue;
            }
            let numbers = message.reply.as_deref().and_then(Numbers::read).ok_or(JetError::Foreign)?;
            if numbers.in_consumer != expected {
                return Err(Unanswered::Late.into());
            }
            expected += 1;
            if let Some(entry) = ReplayedEntry::read(message, &numbers)
                && take(entry).is_break()
            {
                return Ok(());
            }
        }
    }
}

/// Where a message stands: the end of
/// `$JS.ACK.STREAM.CONSUMER.TIMES.STREAM_SEQ.CONSUMER_SEQ.TIME.REST`.
struct Numbers {
    in_stream: u64,
    in_consumer: u64,
    written_s: u64,
    left: u64,
}

impl Numbers {
    fn read(reply: &str) -> Option<Self> {
        let mut from_the_end = reply.rsplit('.').map(str::parse);
        let mut next = || from_the_end.next()?.ok();
        let left = next()?;
        let written_s = next()? / NANOS;
        let in_consumer = next()?;
        let in_stream = next()?;
        Some(Self { in_stream, in_consumer, written_s, left })
    }
}

fn header<'headers>(headers: &'headers [u8], name: &str) -> Option<&'headers str> {
    let lines = std::str::from_utf8(headers).ok()?.lines();
    lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim).next()
}

fn kind(subject: &str) -> Option<EntryKind> {
    match subject.strip_prefix(PLACES)?.strip_prefix('.')? {
        "meta" => Some(EntryKind::Meta),
        "fence" => Some(EntryKind::Fence),
        place => place.parse().ok().filter(|place| *place != META).map(EntryKind::Place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(subject: &str, headers: &'static str) -> Option<ReplayedEntry> {
        let headers = Bytes::from_static(headers.as_bytes());
        let payload = Bytes::from_static(b"x");
        let message = NatsMessage { subscription: 1, subject: subject.to_owned(), reply: None, headers, payload };
        ReplayedEntry::read(message, &Numbers::read("$JS.ACK.EPHEMERAL.c.1.77.5.1700000000999999999.3").unwrap())
    }

    #[test]
    fn a_message_says_where_it_stands_and_how_long_it_stays() {
        let numbers = Numbers::read("$JS.ACK.EPHEMERAL.c.1.77.5.1700000000000000000.3").unwrap();
        assert_eq!((numbers.in_stream, numbers.in_consumer, numbers.left), (77, 5, 3));
        assert!(Numbers::read("x").is_none() && Numbers::read("a.1.2.3").is_none());
        let short = entry("ephemeral.j.7", "NATS/1.0\r\nNats-TTL: 60\r\n\r\n").unwrap();
        assert_eq!((short.number, short.kind, short.has_more), (77, EntryKind::Place(7), true));
        assert_eq!((short.written_s, short.until_s()), (1_700_000_000, 1_700_000_060));
        let lasting = entry("ephemeral.j.meta", "").unwrap();
        assert_eq!((lasting.kind, lasting.until_s()), (EntryKind::Meta, u64::MAX));
        assert_eq!(kind("ephemeral.j.fence"), Some(EntryKind::Fence));
        for subject in ["ephemeral.j.x", "ephemeral.j", "other.7", "ephemeral.j.4294967295"] {
            assert!(entry(subject, "").is_none(), "{subject}");
        }
    }
}
