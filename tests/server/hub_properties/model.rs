//! A hub with its expiring task, sessions that behave as a pump does, and a model of what each of
//! them has to be sent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::time::Duration;

use ephemeral::clock::Clock;
use ephemeral::hub::{self, Collected, Hub, Joined, SessionHandle, Wakes};
use ephemeral_core::limits::Rate;
use ephemeral_core::protocol::{Fingerprint, Millis, WallTime, WireTime};
use ephemeral_core::session::Established;
use ephemeral_core::store::{
    self, Accepted, AcknowledgeError, JoinError, NewMessage, SessionEnd, StoreStats, SubmitError,
};
use ephemeral_test_support::rig::person;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::{Value, json};
use tokio::task::AbortHandle;

/// Fingerprints there are; the one of this number is not a key.
pub(crate) const PEOPLE: u8 = 3;
/// Sessions there may be.
const SESSIONS: usize = 2;
const START: WallTime = WallTime(1_767_355_200_000);

/// What can happen at a hub.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// Begins a session; if there is one, it is taken over.
    Join {
        who: u8,
        receipts: bool,
        window: u32,
    },
    Leave {
        who: u8,
    },
    Submit {
        from: u8,
        to: u8,
        id: u8,
        by_the_rules: bool,
        ttl_s: u8,
    },
    Acknowledge {
        who: u8,
        place: u8,
    },
    Collect {
        who: u8,
        budget: usize,
    },
    Pass {
        seconds: u8,
    },
    /// Anyone who is to be woken is woken now, as at the end of a pump's turn.
    EndTurn,
}

type Check = Result<(), TestCaseError>;

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// An accepted message whose id is remembered.
struct Message {
    number: u32,
    from: u8,
    to: u8,
    id: String,
    content: String,
    accepted_at: Millis,
    expires_at: Millis,
    seq: Option<u64>,
    waits: bool,
    /// Its recipient took it and declines receipts.
    taken: bool,
}

struct Session {
    session_handle: SessionHandle,
    receipts: bool,
    window: usize,
    began_at: u32,
    /// Since when the client has been online, in other sessions too.
    online_since: u32,
    caught_up: bool,
    sent: Vec<(u32, u64)>,
    /// Receipts it has to be sent.
    owed: Vec<Value>,
    /// Whether it knows that it has to collect: it was told, or it has made room itself.
    collect: bool,
    woken: Arc<Woken>,
    /// How often it had been woken when it last found nothing.
    woken_before: usize,
}

impl Session {
    fn was_sent(&self, message: &Message) -> bool {
        self.sent.iter().any(|(number, _)| *number == message.number)
    }

    /// Looks at the signal as a pump does.
    fn poll(&mut self) {
        if self.session_handle.signal().poll(&Waker::from(Arc::clone(&self.woken))) {
            self.collect = true;
        }
    }
}

pub(crate) struct Model {
    hub: Arc<Hub>,
    expiring: AbortHandle,
    wakes: Wakes,
    accepted: u32,
    kept: Vec<Message>,
    sessions: BTreeMap<u8, Session>,
    /// Sessions that were taken over and do not know it yet.
    replaced: Vec<Session>,
}

fn fingerprint(who: u8) -> Fingerprint {
    if who == PEOPLE {
        return Fingerprint::from_bytes([0; 32]);
    }
    person(who)
}

impl Model {
    /// Makes the model within a runtime whose time is paused.
    pub(crate) fn new() -> Self {
        let rate = Rate::new(1_000_000, 1_000_000);
        let settings = hub::Config { bounds: store::Config::default(), rate, sessions: SESSIONS };
        let hub = Hub::new(settings, Clock::exact(START)).expect("random numbers");
        let expiring = Arc::clone(&hub);
        let expiring = tokio::spawn(async move { expiring.keep_expiring().await }).abort_handle();
        let wakes = Wakes::default();
        let kept = Vec::new();
        let sessions = BTreeMap::new();
        let replaced = Vec::new();
        Self { hub, expiring, wakes, accepted: 0, kept, sessions, replaced }
    }

    pub(crate) async fn step(&mut self, op: &Op) -> Check {
        match *op {
            Op::Join { who, receipts, window } => self.join(who, receipts, window),
            Op::Leave { who } => {
                drop(self.sessions.remove(&who));
                Ok(())
            }
            Op::Submit { from, to, id, by_the_rules, ttl_s } => self.submit(from, to, id, by_the_rules, ttl_s),
            Op::Acknowledge { who, place } => self.acknowledge(who, place),
            Op::Collect { who, budget } => self.collect(who, budget),
            Op::Pass { seconds } => self.pass(u64::from(seconds)).await,
            Op::EndTurn => {
                self.wakes = Wakes::default();
                for session in self.sessions.values_mut().chain(&mut self.replaced) {
                    let knew = session.collect;
                    session.poll();
                    let woken = session.woken.0.load(Ordering::Relaxed);
                    prop_assert!(knew || !session.collect || woken > session.woken_before, "nobody woke the task");
                    session.woken_before = woken;
                }
                Ok(())
            }
        }
    }

    fn mailbox(&self, who: u8) -> impl Iterator<Item = &Message> {
        self.kept.iter().filter(move |message| message.waits && message.to == who)
    }

    fn join(&mut self, who: u8, receipts: bool, window: u32) -> Check {
        let Joined { session_handle, pending, .. } = match self.hub.join(fingerprint(who), receipts, window) {
            Ok(joined) => joined,
            Err(error) => {
                prop_assert_eq!(error, JoinError::Overloaded);
                prop_assert!(self.sessions.len() == SESSIONS && !self.sessions.contains_key(&who), "there is room");
                return Ok(());
            }
        };
        prop_assert_eq!(pending, self.mailbox(who).count(), "`pending` is what waits");
        let mut session = Session {
            session_handle,
            receipts,
            window: window as usize,
            began_at: self.accepted,
            online_since: self.sessions.get(&who).map_or(self.accepted, |older| older.online_since),
            caught_up: false,
            sent: Vec::new(),
            owed: Vec::new(),
            collect: false,
            woken: Arc::default(),
            woken_before: 0,
        };
        if let Some(mut older) = self.sessions.remove(&who) {
            // Receipts that it did not fetch are the sender's, whichever session it has.
            session.owed.append(&mut older.owed);
            older.poll();
            prop_assert!(older.collect, "a session is not told that it was replaced");
            self.replaced.push(older);
        }
        prop_assert!(self.sessions.len() < SESSIONS, "more sessions than there may be");
        self.sessions.insert(who, session);
        Ok(())
    }

    fn submit(&mut self, from: u8, to: u8, id: u8, by_the_rules: bool, ttl_s: u8) -> Check {
        let Some(session) = self.sessions.get(&from) else { return Ok(()) };
        let id = format!("id-{id}");
        let now = self.hub.now();
        let content = format!("message {}", self.accepted);
        let expires_at = now.plus(1000 * u64::from(ttl_s));
        let escaped_content = content.clone().into();
        let message = NewMessage { to: fingerprint(to), escaped_content, expires_at, given: None };
        let answer = session.session_handle.submit(&id, by_the_rules.then_some(&message), &mut self.wakes);
        let answer = answer.map(|Accepted { expires_at, duplicate, .. }| (exact(expires_at), duplicate));
        let known = self.kept.iter().find(|message| message.from == from && message.id == id);
        if let Some(Message { expires_at, .. }) = known {
            prop_assert_eq!(answer, Ok((*expires_at, true)), "the first one counts");
        } else if !by_the_rules {
            prop_assert_eq!(answer, Err(SubmitError::NoMessage));
        } else if to == PEOPLE {
            prop_assert_eq!(answer, Err(SubmitError::NotAKey));
        } else {
            prop_assert_eq!(answer, Ok((expires_at, false)));
            let number = self.accepted;
            let accepted_at = now;
            self.kept.push(Message {
                number,
                from,
                to,
                id,
                content,
                accepted_at,
                expires_at,
                seq: None,
                waits: true,
                taken: false,
            });
            self.accepted += 1;
        }
        Ok(())
    }

    fn acknowledge(&mut self, who: u8, place: u8) -> Check {
        let Some(session) = self.sessions.get_mut(&who) else { return Ok(()) };
        let Some((_, seq)) = session.sent.get(usize::from(place) % session.sent.len().max(1)).copied() else {
            let answer = session.session_handle.acknowledge(u64::MAX, &mut self.wakes);
            prop_assert_eq!(answer, Err(AcknowledgeError::NeverDelivered));
            return Ok(());
        };
        let answer = session.session_handle.acknowledge(seq, &mut self.wakes);
        prop_assert_eq!(answer, Ok(()));
        session.collect = true;
        let receipts = session.receipts;
        let at = self.hub.now();
        for message in self.kept.iter_mut().filter(|message| message.waits && message.to == who) {
            if message.seq.is_some_and(|sent| sent <= seq) {
                message.waits = false;
                message.taken = !receipts;
                if let Some(sender) = self.sessions.get_mut(&message.from).filter(|_| receipts) {
                    sender.owed.push(receipt(message, "delivered", at));
                }
            }
        }
        Ok(())
    }

    fn collect(&mut self, who: u8, budget: usize) -> Check {
        let Some(session) = self.sessions.get_mut(&who) else { return Ok(()) };
        let Collected { frames, more, long: _, wants: _ } =
            collect(&session.session_handle, budget, &mut self.wakes).map_err(|gone| fail("collect", gone))?;
        let but_the_last: usize = frames.iter().rev().skip(1).map(String::len).sum();
        prop_assert!(but_the_last < budget, "more than the budget");
        for frame in frames {
            self.sent(who, &serde_json::from_str(&frame).expect("JSON"))?;
        }
        let Some(session) = self.sessions.get_mut(&who) else { return Ok(()) };
        session.collect = more;
        if !more {
            let mailbox = || self.kept.iter().filter(|message| message.waits && message.to == who);
            let out = mailbox().filter(|message| session.was_sent(message)).count();
            let next = mailbox().find(|message| !session.was_sent(message));
            prop_assert!(session.owed.is_empty(), "a receipt is held back");
            prop_assert!(next.is_none() || out == session.window, "a message is held back");
            let owed = next.is_none_or(|message| message.number >= session.began_at);
            prop_assert_eq!(session.caught_up, owed, "`caught_up` is sent when all that waited was sent");
        }
        Ok(())
    }

    /// Notes that `who` was sent this frame.
    fn sent(&mut self, who: u8, frame: &Value) -> Check {
        let Some(session) = self.sessions.get_mut(&who) else { return Ok(()) };
        let out = self.kept.iter().filter(|kept| kept.waits && kept.to == who && session.was_sent(kept)).count();
        let mut mailbox = self.kept.iter_mut().filter(|message| message.waits && message.to == who);
        let next = mailbox.find(|message| !session.was_sent(message));
        let all_old_sent = next.as_ref().is_none_or(|message| message.number >= session.began_at);
        if frame["type"] == "receipt" {
            let place = session.owed.iter().position(|owed| owed == frame);
            prop_assert!(place.is_some(), "not owed: {}", frame);
            session.owed.remove(place.unwrap_or_default());
        } else if frame["type"] == "caught_up" {
            prop_assert!(all_old_sent && !session.caught_up, "`caught_up` at the wrong place");
            session.caught_up = true;
        } else {
            let Some(message) = next else { return Err(TestCaseError::fail(format!("not waiting: {frame}"))) };
            prop_assert!(out < session.window, "more than the window is out");
            prop_assert!(self.hub.now() < message.expires_at, "delivered after its time");
            let last = session.sent.last().map_or(0, |(_, seq)| *seq);
            let seq = frame["seq"].as_u64().filter(|seq| *seq > last);
            prop_assert!(seq.is_some() && message.seq.is_none_or(|before| seq == Some(before)), "wrong: {}", frame);
            let stored = message.number < session.online_since || message.seq.is_some();
            let delivery_type = if stored { "stored" } else { "direct" };
            let expected = json!({
                "type": "message", "id": message.id, "from": fingerprint(message.from), "to": fingerprint(who),
                "content": message.content, "timestamp": written(message.accepted_at), "expires_at": written(message.expires_at),
                "delivery_type": delivery_type, "seq": seq,
            });
            prop_assert_eq!(frame, &expected);
            message.seq = seq;
            session.sent.extend(seq.map(|seq| (message.number, seq)));
        }
        Ok(())
    }

    async fn pass(&mut self, seconds: u64) -> Check {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        // The expiring task may have been due at the same moment.
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        let now = self.hub.now();
        for message in self.kept.extract_if(.., |message| message.expires_at <= now) {
            if let Some(sender) = self.sessions.get_mut(&message.from).filter(|_| message.waits || message.taken) {
                sender.owed.push(receipt(&message, "expired", message.expires_at));
            }
        }
        Ok(())
    }

    /// Checks what holds after every step.
    pub(crate) fn check(&mut self) -> Check {
        let (sessions, figures) = self.hub.figures();
        let waiting = self.kept.iter().filter(|message| message.waits).count();
        prop_assert_eq!(sessions, self.sessions.len());
        prop_assert_eq!(
            (figures.messages, figures.records),
            (waiting, self.kept.len()),
            "erased at the moment it is due"
        );
        for session in self.sessions.values_mut() {
            session.poll();
            if !session.collect {
                let missed = collect(&session.session_handle, usize::MAX, &mut self.wakes)
                    .map_err(|gone| fail("collect", gone))?;
                prop_assert!(missed.frames.is_empty(), "a wake was lost: {:?}", missed.frames);
            }
        }
        for older in &self.replaced {
            prop_assert_eq!(older.session_handle.is_over(), Err(SessionEnd::Replaced));
            let over = AcknowledgeError::Ended(SessionEnd::Replaced);
            prop_assert_eq!(older.session_handle.acknowledge(1, &mut self.wakes), Err(over));
            let collected = collect(&older.session_handle, 1, &mut self.wakes).map(|_| ());
            prop_assert_eq!(collected, Err(SessionEnd::Replaced));
        }
        Ok(())
    }

    pub(crate) fn shut_down(mut self) -> Check {
        self.hub.drain();
        prop_assert_eq!(self.hub.join(fingerprint(0), true, 1).map(|_| ()), Err(JoinError::Draining));
        for session in self.sessions.values_mut() {
            session.collect = false;
            session.poll();
            prop_assert!(session.collect, "a session is not told to end");
            prop_assert_eq!(session.session_handle.is_over(), Err(SessionEnd::Draining));
            let collected = collect(&session.session_handle, 1, &mut self.wakes).map(|_| ());
            prop_assert_eq!(collected, Err(SessionEnd::Draining));
        }
        self.hub.erase();
        prop_assert_eq!(self.hub.figures(), (0, StoreStats::default()));
        self.sessions.clear();
        prop_assert_eq!(self.hub.figures(), (0, StoreStats::default()), "a session that ends after the end");
        Ok(())
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.expiring.abort();
    }
}

fn fail(what: &str, gone: SessionEnd) -> TestCaseError {
    TestCaseError::fail(format!("{what}: a session that is not over is told that it is {gone:?}"))
}

fn receipt(message: &Message, status: &str, at: Millis) -> Value {
    json!({"type": "receipt", "id": message.id, "to": fingerprint(message.to), "status": status, "at": written(at)})
}

/// Returns the exact time behind one of the server's own.
fn exact(time: WireTime) -> Millis {
    match time {
        WireTime::Own { at, .. } => at,
        WireTime::Given(_) => panic!("no sender wrote a time"),
    }
}

/// Returns a time as it goes over the wire: this clock's are exact.
fn written(time: Millis) -> String {
    START.plus(time.since(Clock::UP)).to_string()
}

fn collect(session_handle: &SessionHandle, budget: usize, wakes: &mut Wakes) -> Result<Collected, SessionEnd> {
    let clocks = Clock::exact(START).read();
    session_handle.collect(budget, wakes, |delivery| Established::frame(delivery, &clocks))
}
