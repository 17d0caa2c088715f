//! A small NATS client: one connection, to one of the configured servers and to no other, over
//! which it asks and is answered.
//!
//! What is not answered in time is said so, and asked again by the one who asked. Nothing
//! is kept for the time after a connection was lost.

mod connection;
pub mod tls;
pub mod wire;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};

pub use connection::{introduce, keep};
use wire::NatsMessage;

/// The subscription to the own inbox, and the first of those that are made and ended.
const INBOX: u64 = 1;
const FIRST: u64 = 16;
/// Frames that wait to be written, at most.
const OUTGOING: usize = 1024;
/// Messages of a replay that wait to be read, at most: then nothing more is read from the server.
const INCOMING: usize = 256;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// There is no connection, or it was lost: what was asked may have been done.
    #[error("there is no connection to a NATS server")]
    Disconnected,
    /// It took too long: what was asked may have been done.
    #[error("no NATS server answers")]
    Late,
    /// Nobody is there who would answer.
    #[error("no NATS server answers: is JetStream on, and has it a leader?")]
    Nobody,
}

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(default)]
pub struct NatsServerInfo {
    /// Its name.
    pub server_name: String,
    /// Its version.
    pub version: String,
    /// Whether JetStream is on.
    pub jetstream: bool,
    /// Bytes of a message, at most.
    pub max_payload: usize,
    /// Whether a client has to use TLS.
    pub tls_required: bool,
    /// Whether a client has to show a certificate.
    pub tls_verify: bool,
}

enum Waiter {
    One(oneshot::Sender<NatsMessage>),
    Many(mpsc::Sender<NatsMessage>),
}

/// A connection that is made again when it is lost.
pub struct Nats {
    outgoing: mpsc::Sender<Bytes>,
    /// Where answers go: nobody can guess it.
    inbox: String,
    waiters: Mutex<HashMap<u64, Waiter>>,
    next: AtomicU64,
    server: watch::Sender<Option<NatsServerInfo>>,
}

/// What the task of the connection needs.
pub struct NatsOutgoing(mpsc::Receiver<Bytes>);

impl Nats {
    /// Makes one; [`keep`] connects it.
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn new() -> Result<(Arc<Self>, NatsOutgoing), getrandom::Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)?;
        let (outgoing, receiver) = mpsc::channel(OUTGOING);
        let inbox = format!("_INBOX.{}", HEXLOWER.encode(&random));
        let waiters = Mutex::default();
        let nats = Self { outgoing, inbox, waiters, next: AtomicU64::new(0), server: watch::Sender::new(None) };
        Ok((Arc::new(nats), NatsOutgoing(receiver)))
    }

    /// Returns the server that it is connected to; `None`: to none.
    #[must_use]
    pub fn server(&self) -> watch::Receiver<Option<NatsServerInfo>> {
        self.server.subscribe()
    }

    /// Publishes, without an answer.
    ///
    /// # Errors
    /// If there is no connection.
    pub async fn publish(&self, subject: &str, headers: &[(&str, String)], payload: &[u8]) -> Result<(), Unanswered> {
        self.write(wire::publish(subject, None, headers, payload)).await
    }

    /// Publishes, and has the answers go to the subject `reply`.
    ///
    /// # Errors
    /// If there is no connection.
    pub async fn ask_everybody(&self, subject: &str, reply: &str, payload: &[u8]) -> Result<(), Unanswered> {
        self.write(wire::publish(subject, Some(reply), &[], payload)).await
    }

    async fn write(&self, frame: Bytes) -> Result<(), Unanswered> {
        if self.server.borrow().is_none() {
            return Err(Unanswered::Disconnected);
        }
        self.outgoing.send(frame).await.map_err(|_| Unanswered::Disconnected)
    }

    /// Asks, and waits for the answer as long as `patience`.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn request(
        &self,
        subject: &str,
        headers: &[(&str, String)],
        payload: &[u8],
        patience: Duration,
    ) -> Result<NatsMessage, Unanswered> {
        let (sender, receiver) = oneshot::channel();
        let waiting = self.wait(Waiter::One(sender));
        let frame = wire::publish(subject, Some(&waiting.subject), headers, payload);
        let asked = async {
            self.write(frame).await?;
            receiver.await.map_err(|_| Unanswered::Disconnected)
        };
        let message = tokio::time::timeout(patience, asked).await.map_err(|_| Unanswered::Late)??;
        if message.status() == Some(503) { Err(Unanswered::Nobody) } else { Ok(message) }
    }

    /// Returns a subject whose messages come out of the other value, until it is dropped or the
    /// connection is lost. A stream that sends to it keeps the subjects of its messages: they are
    /// known by the subscription.
    ///
    /// # Errors
    /// If there is no connection.
    pub async fn listen(&self) -> Result<(NatsListening<'_>, mpsc::Receiver<NatsMessage>), Unanswered> {
        let (sender, receiver) = mpsc::channel(INCOMING);
        let mut listening = self.wait(Waiter::Many(sender));
        // The inbox's own subscription does not match it.
        listening.subject = format!("{}.stream.{}", self.inbox, listening.number);
        listening.is_subscribed = true;
        self.write(format!("SUB {} {}\r\n", listening.subject, FIRST + listening.number).into()).await?;
        Ok((listening, receiver))
    }

    fn wait(&self, waiter: Waiter) -> NatsListening<'_> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.waiters.lock().insert(number, waiter);
        NatsListening { nats: self, number, subject: format!("{}.{number}", self.inbox), is_subscribed: false }
    }

    /// Hands a message to the one who waits for it.
    async fn dispatch(&self, message: NatsMessage) {
        let number = match message.subscription {
            INBOX => message.subject.strip_prefix(&self.inbox).and_then(|rest| rest.get(1..)?.parse::<u64>().ok()),
            other => other.checked_sub(FIRST),
        };
        let Some(number) = number else { return };
        let many = {
            let mut waiters = self.waiters.lock();
            match waiters.remove(&number) {
                Some(Waiter::One(sender)) => {
                    // Nobody may wait any more.
                    let _ = sender.send(message);
                    return;
                }
                Some(Waiter::Many(sender)) => {
                    waiters.insert(number, Waiter::Many(sender.clone()));
                    sender
                }
                None => return,
            }
        };
        // Whoever listens reads, or has dropped its end.
        let _ = many.send(message).await;
    }

    /// Ends everything that waits: its connection was lost.
    fn lose(&self) {
        self.server.send_replace(None);
        self.waiters.lock().clear();
    }
}

/// A subject of which messages are taken until this is dropped.
pub struct NatsListening<'nats> {
    nats: &'nats Nats,
    number: u64,
    /// The subject.
    pub subject: String,
    is_subscribed: bool,
}

impl Drop for NatsListening<'_> {
    fn drop(&mut self) {
        self.nats.waiters.lock().remove(&self.number);
        if self.is_subscribed {
            // Where there is no room, what still comes is for nobody.
            let _ = self.nats.outgoing.try_send(format!("UNSUB {}\r\n", FIRST + self.number).into());
        }
    }
}
