//! Two people who talk while others attack: what becomes of their messages, and how long each is on
//! its way.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::{PATIENCE, fingerprint};

/// Two sessions that were there before the attack.
pub struct HonestPair<S> {
    sender: WebSocketStream<S>,
    recipient: WebSocketStream<S>,
    to: String,
    sent: usize,
}

/// Returns the next JSON frame. Fails where the session ends instead.
async fn next<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocketStream<S>) -> Value {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            other => panic!("an honest session ended for others: {other:?}"),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> HonestPair<S> {
    /// Pairs the sessions of a sender, and of the person with the key of that number.
    pub fn new(sender: WebSocketStream<S>, recipient: WebSocketStream<S>, number: usize) -> Self {
        Self { sender, recipient, to: fingerprint(number), sent: 0 }
    }

    /// Sends so many messages, one after the other at this interval, and acknowledges them. Returns
    /// how long each took from one to the other, the shortest first.
    ///
    /// # Panics
    /// If a session ends, if a message is refused, or if one does not arrive.
    pub async fn exchange(&mut self, messages: usize, every: Duration) -> Vec<Duration> {
        let sender = &mut self.sender;
        let recipient = &mut self.recipient;
        let to = &self.to;
        let begun = Instant::now();
        let first = self.sent;
        let sending = async {
            let mut tick = interval(every);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut sent = 0;
            let mut accepted = 0;
            let mut receipts = 0;
            while sent < messages || accepted < messages || receipts < messages {
                tokio::select! {
                    _ = tick.tick(), if sent < messages => {
                        let at = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
                        let frame = json!({"id": format!("m-{}", first + sent), "to": to, "content": at.to_string()});
                        sender.send(Message::text(frame.to_string())).await.expect("an honest session goes on");
                        sent += 1;
                    }
                    frame = next(sender) => match frame["type"].as_str() {
                        Some("accepted") => accepted += 1,
                        Some("receipt") => receipts += 1,
                        Some("error") => panic!("an honest message was refused: {frame}"),
                        _ => {}
                    },
                }
            }
        };
        let receiving = async {
            let mut took = Vec::new();
            while took.len() < messages {
                let frame = next(recipient).await;
                if frame["type"] != "message" {
                    continue;
                }
                let sent = Duration::from_micros(frame["content"].as_str().unwrap().parse().unwrap());
                took.push(begun.elapsed() - sent);
                let ack = json!({"type": "ack", "seq": frame["seq"]});
                recipient.send(Message::text(ack.to_string())).await.expect("an honest session goes on");
            }
            took
        };
        let most = every * u32::try_from(messages).unwrap_or(u32::MAX) + PATIENCE;
        let exchanged = timeout(most, futures::future::join(sending, receiving)).await;
        let ((), mut took) = exchanged.expect("every message of honest sessions arrives");
        self.sent += messages;
        took.sort_unstable();
        took
    }

    /// Exchanges, and says how long it took.
    #[allow(clippy::print_stderr, reason = "the figure is worth reading")]
    pub async fn exchange_under(&mut self, attack: &str, messages: usize, every: Duration) {
        let took = self.exchange(messages, every).await;
        let at = |part: usize| took.get(took.len() * part / 100).or(took.last()).copied().unwrap_or_default();
        eprintln!("{attack}: {messages} of {messages} messages, median {:.1?}, p99 {:.1?}", at(50), at(99));
    }
}
