//! Reads the journal from its beginning.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Jet, JetError, META, PATIENCE, PLACES, STREAM};
use crate::cluster::nats::Unanswered;
use crate::cluster::nats::wire::NatsMessage;

/// Without anything for so long, the replay has failed.
const SILENCE: Duration = Duration::from_secs(5);

/// An entry of the journal: its place, and what stands there.
pub struct ReplayedEntry {
    /// The place; [`META`] is none of a record.
    pub place: u32,
    /// It is sealed.
    pub sealed: Bytes,
}

impl Jet<'_> {
    /// Hands each entry to `take`, up to the one with the number `until`, which has to be there.
    ///
    /// # Errors
    /// [`JetError`]: not all of it was read.
    pub async fn replay(self, until: u64, mut take: impl FnMut(ReplayedEntry)) -> Result<(), JetError> {
        let (listening, mut messages) = self.0.listen().await?;
        let config = json!({
            "stream_name": STREAM,
            "config": {
                "deliver_subject": listening.subject, "deliver_policy": "all", "ack_policy": "none", "max_deliver": 1,
                "replay_policy": "instant", "flow_control": true, "idle_heartbeat": 1_000_000_000_u64,
                "inactive_threshold": 30_000_000_000_u64, "num_replicas": 1, "mem_storage": true,
            },
        });
        let made = self.ask(&format!("CONSUMER.CREATE.{STREAM}"), &config, PATIENCE).await?;
        let name = made["name"].as_str().unwrap_or_default().to_owned();
        let read = self.read_until(until, &mut messages, &mut take).await;
        drop(listening);
        // It would go by itself after a while.
        let _ = self.ask(&format!("CONSUMER.DELETE.{STREAM}.{name}"), &json!({}), PATIENCE).await;
        read
    }

    async fn read_until(
        self,
        until: u64,
        messages: &mut mpsc::Receiver<NatsMessage>,
        take: &mut impl FnMut(ReplayedEntry),
    ) -> Result<(), JetError> {
        let mut expected = 1;
        loop {
            let next = timeout(SILENCE, messages.recv()).await.map_err(|_| Unanswered::Late)?;
            let message = next.ok_or(Unanswered::Disconnected)?;
            if message.status().is_some() {
                // It asks whether there is room for more, or only says that it is there.
                if let Some(reply) = &message.reply {
                    self.0.publish(reply, &[], &[]).await?;
                }
                continue;
            }
            let numbers = message.reply.as_deref().and_then(Numbers::read).ok_or(JetError::Foreign)?;
            if numbers.in_consumer != expected {
                return Err(Unanswered::Late.into());
            }
            expected += 1;
            if let Some(place) = place(&message.subject) {
                take(ReplayedEntry { place, sealed: message.payload });
            }
            if numbers.in_stream >= until {
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
}

impl Numbers {
    fn read(reply: &str) -> Option<Self> {
        let mut from_the_end = reply.rsplit('.').skip(2);
        let in_consumer = from_the_end.next()?.parse().ok()?;
        let in_stream = from_the_end.next()?.parse().ok()?;
        Some(Self { in_stream, in_consumer })
    }
}

fn place(subject: &str) -> Option<u32> {
    let place = subject.strip_prefix(PLACES)?.strip_prefix('.')?;
    if place == "meta" { Some(META) } else { place.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_where_it_stands() {
        let numbers = Numbers::read("$JS.ACK.EPHEMERAL.c.1.77.5.1700000000000000000.3").unwrap();
        assert_eq!((numbers.in_stream, numbers.in_consumer), (77, 5));
        assert!(Numbers::read("x").is_none());
        assert_eq!(place("ephemeral.j.7"), Some(7));
        assert_eq!(place("ephemeral.j.meta"), Some(META));
        assert_eq!(place("ephemeral.j.fence"), None);
    }
}
