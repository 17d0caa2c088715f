//! A session with a server, which outlives its connections: it reconnects, sends again what was not
//! accepted, drops duplicates, and acknowledges what its caller has confirmed. Everything happens
//! inside [`Session::next`]: there is no task behind it.

mod attempt;
mod event;
mod nodes;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::{Instant, sleep_until};

use attempt::{Attempt, AttemptSetup};
pub use event::ClientEvent;
use nodes::Nodes;

use super::connection::{ConnectError, ConnectOptions, Connection, Lost, Welcome};
use super::frames::Ack;
use super::inbox::{Arrival, Inbox, MessageKey};
use super::outbox::{Acceptance, Outbox, OutboxError, Outgoing, Rejection};
use super::wall_clock::now_ms;
use super::{Dial, Identity, ServerUrl};
use ephemeral_core::backoff::Backoff;
use ephemeral_core::protocol::{ErrorCode, Fingerprint, ReceiptStatus, ReceivedMessage, ServerEvent, WallTime, encode};

enum State {
    Waiting { until: Instant },
    Connecting(BoxFuture<'static, Attempt>),
    Online(Box<Online>),
}

struct Online {
    connection: Connection,
    since: Instant,
    content_bytes: usize,
}

/// A session with one server, for as long as it is polled.
pub struct Session {
    setup: Arc<AttemptSetup>,
    state: State,
    backoff: Backoff,
    outbox: Outbox,
    inbox: Inbox,
    nodes: Nodes,
    /// The epoch of the last connection; `None` before the first one.
    epoch: Option<String>,
    /// Events that were not yet asked for: a handful at most, since nothing is read before it is
    /// empty.
    events: VecDeque<ClientEvent>,
}

impl Session {
    /// A connection that lasted this long was a good one: the next attempt may come soon.
    const STABLE: Duration = Duration::from_secs(30);
    /// After these, coming back at once would do harm: `replaced` (two clients would throw each
    /// other out in turns; `ephemeral send` while `ephemeral recv` runs needs a moment), `blocked`
    /// and `overloaded`.
    const UNWELCOME: [u16; 3] = [4409, 4429, 4503];
    const UNWELCOME_WAIT: Duration = Duration::from_secs(3);
    /// A server that wants to be left alone for longer is asked again after this.
    const LONGEST_WAIT: Duration = Duration::from_secs(900);

    /// Makes a session that has not dialled yet. One message at a time is out without an answer, so
    /// that order is kept.
    #[must_use]
    pub fn new(dialer: Arc<dyn Dial>, url: ServerUrl, identity: Identity, options: ConnectOptions) -> Self {
        Self {
            setup: Arc::new(AttemptSetup { dialer, url, identity, options }),
            state: State::Waiting { until: Instant::now() },
            backoff: Backoff::default(),
            outbox: Outbox::new(1),
            inbox: Inbox::default(),
            nodes: Nodes::default(),
            epoch: None,
            events: VecDeque::new(),
        }
    }

    /// Allows several messages out without an answer; see [`Outbox::new`] for the price. Before the
    /// first `send`.
    #[must_use]
    pub fn with_in_flight(mut self, in_flight: usize) -> Self {
        self.outbox = Outbox::new(in_flight);
        self
    }

    /// Replaces the waits between attempts.
    #[must_use]
    pub fn with_backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Takes a message, to be sent as soon as there is a connection. Returns its id, which
    /// `Accepted` or `Refused` will name.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub fn send(&mut self, message: &Outgoing) -> Result<String, OutboxError> {
        self.outbox.push(message)
    }

    /// Confirms that the caller has done with this message what it is there for: the server may
    /// forget it.
    pub fn ack(&mut self, message: &ReceivedMessage) {
        if let Some(key) = MessageKey::of(message) {
            self.confirm(&key);
        }
    }

    /// Confirms a message by its name, as [`ack`](Self::ack) does.
    pub fn confirm(&mut self, key: &MessageKey) {
        self.inbox.confirm(key);
        self.acknowledge();
    }

    /// Returns whether nothing is waiting for an answer or a receipt.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.outbox.is_empty()
    }

    /// Returns what happens next. Cancelling it loses nothing.
    ///
    /// # Errors
    /// If trying again is of no use ([`ConnectError::is_permanent`]). Calling this again tries
    /// nevertheless. A refusal in HTTP is not such an error where an earlier attempt has succeeded:
    /// a proxy whose server restarts answers like that, and so does a network that asks for a
    /// login.
    pub async fn next(&mut self) -> Result<ClientEvent, ConnectError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            match &mut self.state {
                State::Waiting { until } => {
                    sleep_until(*until).await;
                    self.dial();
                }
                State::Connecting(attempt) => match attempt.await {
                    Attempt { outcome: Ok((connection, welcome)), .. } => self.connected(connection, welcome),
                    // What is wrong with a node is not wrong with the service.
                    Attempt { outcome: Err(why), by_node: false } if self.is_final(&why) => {
                        self.state = State::Waiting { until: Instant::now() + self.backoff.next_wait() };
                        return Err(why);
                    }
                    Attempt { outcome: Err(why), .. } => self.disconnected(why),
                },
                State::Online(_) => self.online().await,
            }
        }
    }

    /// Says goodbye. Returns whether everything that was sent, acknowledgements included, has
    /// arrived.
    pub async fn close(self) -> bool {
        match self.state {
            State::Online(online) => online.connection.close().await,
            State::Waiting { .. } | State::Connecting(_) => false,
        }
    }

    fn is_final(&self, why: &ConnectError) -> bool {
        let has_worked = self.epoch.is_some() && matches!(why, ConnectError::Refused { .. });
        why.is_permanent() && !has_worked
    }

    fn dial(&mut self) {
        self.events.push_back(ClientEvent::Connecting);
        let setup = Arc::clone(&self.setup);
        let node = self.nodes.pick(&setup.url);
        self.state = State::Connecting(Box::pin(async move { setup.connect(node.as_ref()).await }));
    }

    fn connected(&mut self, connection: Connection, welcome: Welcome) {
        let new_epoch = self.epoch.as_ref().is_some_and(|epoch| *epoch != welcome.epoch);
        self.epoch = Some(welcome.epoch.clone());
        self.nodes.learn(welcome.nodes.as_ref(), &self.setup.url);
        self.outbox.reconnected(new_epoch);
        self.inbox.reconnected();
        let content_bytes = welcome.limits.content_bytes;
        self.state = State::Online(Box::new(Online { connection, since: Instant::now(), content_bytes }));
        self.events.push_back(ClientEvent::Connected { welcome, new_epoch });
    }

    fn disconnected(&mut self, why: ConnectError) {
        let close_code = match &why {
            ConnectError::Lost(lost) => lost.close_code(),
            _ => None,
        };
        let mut retry_in = self.backoff.next_wait();
        if close_code.is_some_and(|code| Self::UNWELCOME.contains(&code)) {
            self.backoff.slow_down();
            retry_in += Self::UNWELCOME_WAIT;
        }
        if let Some(asked) = why.retry_after() {
            retry_in = retry_in.max(asked.min(Self::LONGEST_WAIT));
        }
        self.state = State::Waiting { until: Instant::now() + retry_in };
        self.events.push_back(ClientEvent::Disconnected { why, retry_in });
    }

    fn lost(&mut self, lost: Lost) {
        if matches!(&self.state, State::Online(online) if online.since.elapsed() >= Self::STABLE) {
            self.backoff.reset();
        }
        self.disconnected(ConnectError::Lost(lost));
    }

    async fn online(&mut self) {
        self.send_due();
        let patience = self.setup.options.timing.answer;
        let wake_at = self.outbox.wake_at(patience);
        let State::Online(online) = &mut self.state else { return };
        if !self.events.is_empty() {
            return;
        }
        let wake = async {
            match wake_at {
                Some(at) => sleep_until(at).await,
                None => pending().await,
            }
        };
        tokio::select! {
            event = online.connection.next_event() => match event {
                Ok(event) => self.handle(event),
                Err(lost) => self.lost(lost),
            },
            () = wake => {
                if self.outbox.is_overdue(Instant::now(), patience) {
                    self.lost(Lost::Silent);
                }
            }
        }
    }

    fn send_due(&mut self) {
        let State::Online(online) = &mut self.state else { return };
        for id in self.outbox.take_oversized(online.content_bytes) {
            let message = format!("the server takes at most {} bytes", online.content_bytes);
            self.events.push_back(ClientEvent::Refused { id, code: ErrorCode::ContentTooLarge, message });
        }
        // While answers are due there will be a next time; without, one more is no harm.
        while !online.connection.is_clogged() || self.outbox.out() == 0 {
            let Some(frame) = self.outbox.take_due(Instant::now()) else { return };
            if let Err(lost) = online.connection.queue(&frame) {
                return self.lost(lost);
            }
        }
    }

    fn acknowledge(&mut self) {
        let State::Online(online) = &mut self.state else { return };
        let Some(seq) = self.inbox.take_ack() else { return };
        if let Err(lost) = online.connection.queue(&encode(&Ack { seq })) {
            self.lost(lost);
        }
    }

    fn handle(&mut self, event: ServerEvent) {
        match event {
            ServerEvent::Accepted { id, expires_at, duplicate, delivered } => {
                if self.outbox.accepted(&id) == Acceptance::First {
                    self.events.push_back(ClientEvent::Accepted { id: id.clone(), expires_at, duplicate });
                }
                // In place of a receipt that went to another client of this identity, or to nobody.
                if delivered && self.outbox.receipt(&id) {
                    self.events.push_back(ClientEvent::Receipt { id, status: ReceiptStatus::Delivered });
                }
            }
            ServerEvent::Error { code, message, id, retry_after_ms } => self.refused(code, message, id, retry_after_ms),
            ServerEvent::Receipt { id, status, .. } => {
                self.outbox.receipt(&id);
                self.events.push_back(ClientEvent::Receipt { id, status });
            }
            ServerEvent::Message(message) => self.received(message),
            ServerEvent::CaughtUp => self.events.push_back(ClientEvent::CaughtUp),
            ServerEvent::Challenge { .. } | ServerEvent::Welcome { .. } => {
                self.lost(Lost::Protocol("a challenge or a welcome within a session"));
            }
        }
    }

    fn refused(&mut self, code: ErrorCode, message: String, id: Option<String>, retry_after_ms: Option<u64>) {
        let retry_after = retry_after_ms.map(Duration::from_millis);
        let refusal = match &id {
            Some(id) => self.outbox.refused(id, code, retry_after, Instant::now()),
            None => Rejection::Unknown,
        };
        self.events.push_back(match (refusal, id) {
            (Rejection::Later(retry_in), _) => ClientEvent::Delayed { retry_in },
            (Rejection::Final, Some(id)) => ClientEvent::Refused { id, code, message },
            (Rejection::Forgotten, Some(id)) => ClientEvent::Forgotten { id },
            _ => ClientEvent::Complaint { code, message },
        });
    }

    fn received(&mut self, message: ReceivedMessage) {
        let for_me = Fingerprint::from_hex(&message.to) == Ok(self.setup.identity.fingerprint());
        let Some(key) = MessageKey::of(&message).filter(|_| for_me) else {
            return self.lost(Lost::Protocol("a message with a sender, a recipient or an id that cannot be"));
        };
        let expires_at = WallTime::parse(&message.expires_at).unwrap_or_default();
        match self.inbox.received(key, message.seq, expires_at, WallTime(now_ms())) {
            Ok(Arrival::New) => self.events.push_back(ClientEvent::Message(message)),
            Ok(Arrival::Duplicate) => self.acknowledge(),
            Err(_) => self.lost(Lost::Protocol("more messages than any window allows")),
        }
    }
}
