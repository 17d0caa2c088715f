//! People who send to each other all the time, and write down what they are told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ephemeral_client::{Connection, ServerUrl};
use ephemeral_core::protocol::{ErrorCode, ServerEvent};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use super::ledger::Ledger;
use super::people::{AGAIN, ANSWER, connect, fingerprint};

/// Between two messages of one person.
const PACE: Duration = Duration::from_millis(30);
/// Unanswered messages of one person, at most.
const OPEN: usize = 8;
/// The number of somebody who is never online.
pub(super) const ABSENT: u8 = 200;
/// How long a message to them lives: longer than it may take to be answered, as its id is unknown
/// afterwards.
const SHORT_LIFE: Duration = Duration::from_secs(40);
/// Every so many messages, one goes to them.
const SHORT_LIVED: usize = 50;

/// Several people, who stop with this value.
pub(super) struct Talkers {
    ledger: Arc<Mutex<Ledger>>,
    urls: watch::Sender<Vec<ServerUrl>>,
    speaks: watch::Sender<bool>,
    open: Vec<watch::Receiver<usize>>,
    tasks: JoinSet<()>,
}

impl Talkers {
    /// Starts so many people, each of whom writes to all others by turns.
    pub(super) fn start(people: u8, urls: Vec<ServerUrl>, ledger: Ledger) -> Self {
        let ledger = Arc::new(Mutex::new(ledger));
        let (urls, known) = watch::channel(urls);
        let (speaks, may_speak) = watch::channel(true);
        let mut tasks = JoinSet::new();
        let mut open = Vec::new();
        for number in 1..=people {
            let (count, counted) = watch::channel(0);
            open.push(counted);
            let talker = Talker {
                number,
                others: (1..=people).filter(|other| *other != number).collect(),
                written: 0,
                open: BTreeMap::new(),
                count,
                ledger: Arc::clone(&ledger),
                urls: known.clone(),
                speaks: may_speak.clone(),
            };
            tasks.spawn(talker.run());
        }
        Self { ledger, urls, speaks, open, tasks }
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells all of them where machines are.
    pub(super) fn find(&self, urls: Vec<ServerUrl>) {
        self.urls.send_replace(urls);
    }

    /// Lets them write nothing new.
    pub(super) fn fall_silent(&self) {
        self.speaks.send_replace(false);
    }

    /// Tells whether each message was answered, and what has to come has come.
    pub(super) fn is_settled(&self) -> bool {
        self.open.iter().all(|open| *open.borrow() == 0) && self.ledger().missing().is_empty()
    }

    /// Fails where one of them has failed.
    pub(super) fn are_well(&mut self) {
        if let Some(ended) = self.tasks.try_join_next() {
            ended.expect("somebody who talks");
            panic!("somebody has stopped talking");
        }
    }
}

struct Talker {
    number: u8,
    others: Vec<u8>,
    written: usize,
    /// Messages without an answer, in their order: to whom, and how long each lives.
    open: BTreeMap<String, (u8, Option<Duration>)>,
    count: watch::Sender<usize>,
    ledger: Arc<Mutex<Ledger>>,
    urls: watch::Receiver<Vec<ServerUrl>>,
    speaks: watch::Receiver<bool>,
}

/// Why a session is over.
enum Over {
    /// It was ended.
    Ended,
    /// It answered nothing any more, and was left.
    Silent,
}

impl Talker {
    async fn run(mut self) {
        loop {
            let mut urls = self.urls.borrow_and_update().clone();
            // So that some are at each machine.
            let first = usize::from(self.number) % urls.len();
            urls.rotate_left(first);
            match connect(self.number, &urls).await {
                Some((connection, epoch, url)) => {
                    let session = self.ledger().begins(epoch, url.to_string());
                    if let Over::Ended = self.talk(connection, session).await {
                        self.ledger().ends(session);
                    }
                }
                None => sleep(AGAIN).await,
            }
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Talks until the session ends, or says nothing for too long.
    async fn talk(&mut self, mut connection: Connection, session: usize) -> Over {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for (id, (to, ttl)) in &self.open {
            if send(&mut connection, id, *to, *ttl).await.is_none() {
                return Over::Ended;
            }
        }
        let mut heard = Instant::now();
        loop {
            let speaks = *self.speaks.borrow() && self.open.len() < OPEN;
            let went_on = tokio::select! {
                _ = pace.tick(), if speaks => self.write(&mut connection).await,
                event = connection.next_event() => {
                    heard = Instant::now();
                    match event {
                        Ok(event) => self.note(&mut connection, session, event).await,
                        Err(_) => None,
                    }
                }
                () = sleep_until(heard + ANSWER), if !self.open.is_empty() => return Over::Silent,
            };
            if went_on.is_none() {
                return Over::Ended;
            }
        }
    }

    async fn write(&mut self, connection: &mut Connection) -> Option<()> {
        self.written += 1;
        let is_short = self.written.is_multiple_of(SHORT_LIVED);
        let to = if is_short { ABSENT } else { self.others[self.written % self.others.len()] };
        let ttl = is_short.then_some(SHORT_LIFE);
        // A number of one length, so that ids are in the order in which they were written.
        let id = format!("{}-{to}-{:08}", self.number, self.written);
        self.open.insert(id.clone(), (to, ttl));
        self.count.send_replace(self.open.len());
        send(connection, &id, to, ttl).await
    }

    async fn note(&mut self, connection: &mut Connection, session: usize, event: ServerEvent) -> Option<()> {
        match event {
            ServerEvent::Accepted { id, expires_at, .. } => {
                if let Some((_, ttl)) = self.open.remove(&id) {
                    self.ledger().accepts(&id, expires_at, ttl);
                }
                self.count.send_replace(self.open.len());
            }
            ServerEvent::Message(message) => {
                self.ledger().delivers(session, &message);
                return connection.send(&json!({"type": "ack", "seq": message.seq})).await.ok();
            }
            ServerEvent::Receipt { id, status, .. } => self.ledger().tells(&id, status),
            // The session ends, and it is sent again.
            ServerEvent::Error { code: ErrorCode::Draining, .. } => {}
            ServerEvent::Error { code, message, id, .. } => panic!("{code:?}: {message} ({id:?})"),
            _ => {}
        }
        Some(())
    }
}

async fn send(connection: &mut Connection, id: &str, to: u8, ttl: Option<Duration>) -> Option<()> {
    let mut message = json!({"id": id, "to": fingerprint(to), "content": format!("this is {id}")});
    if let Some(ttl) = ttl {
        message["ttl_s"] = json!(ttl.as_secs());
    }
    connection.send(&message).await.ok()
}
