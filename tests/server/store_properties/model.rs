//! A store and a model of it: the list of all messages that are remembered, and what each session
//! was sent.

mod ends;
mod facts;
mod operations;
mod room;
mod written_down;

use std::collections::BTreeMap;
use std::fs::File;

use ephemeral_core::limits::Rate;
use ephemeral_core::protocol::{DeliveryType, Fingerprint, Millis, ReceiptStatus, WireTime};
use ephemeral_core::store::{
    self, ACCOUNT_COST, AccountId, Completion, Deposited, NeverDelivered, NewMessage, Next, RECORD_COST, Seed, Store,
    StoreStats,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use facts::{Kept, Session};
pub(crate) use operations::{Ack, Op};

/// Fingerprints there are.
pub(crate) const PEOPLE: u8 = 3;
const START: Millis = Millis(1_767_355_200_000);
const SEED: Seed = Seed { hash_key: [1, 2], first_seq: 1 };
const EPOCH: [u8; 16] = [7; 16];
/// The longest that somebody may be remembered for after the last session: until this rate is
/// unused again.
const MEMORY_MS: u64 = 180_000;

type Check = Result<(), TestCaseError>;

pub(crate) struct Model {
    store: Store,
    bounds: store::Config,
    now: Millis,
    latest: Millis,
    /// The latest time that the store was told: its own time.
    seen: Millis,
    expired_up_to: Millis,
    accepted: u32,
    pub(crate) refused: u32,
    kept: Vec<Kept>,
    sessions: BTreeMap<u8, Session>,
    /// The highest sequence number that each mailbox ever showed.
    highest: BTreeMap<u8, u64>,
    acknowledged: BTreeMap<u8, u64>,
    forgotten_by: BTreeMap<u8, Millis>,
    /// What the store is written down in, if it is.
    file: Option<File>,
    /// What a body takes there.
    file_cost: Option<fn(usize) -> usize>,
    restarted: bool,
}

fn fingerprint(who: u8) -> Fingerprint {
    Fingerprint::from_bytes([who; 32])
}

impl Model {
    pub(crate) fn new(bounds: store::Config) -> Self {
        Self::with(bounds, Store::new(bounds, SEED, START), None)
    }

    fn with(bounds: store::Config, store: Store, file: Option<File>) -> Self {
        Self {
            store,
            bounds,
            now: START,
            latest: START,
            seen: START,
            expired_up_to: START,
            accepted: 0,
            refused: 0,
            kept: Vec::new(),
            sessions: BTreeMap::new(),
            highest: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            forgotten_by: BTreeMap::new(),
            file,
            file_cost: None,
            restarted: false,
        }
    }

    pub(crate) fn step(&mut self, op: &Op) -> Check {
        match *op {
            Op::Attach { who, receipts } => self.attach(who, receipts),
            Op::Detach { who } => {
                self.detach(who);
                Ok(())
            }
            Op::Send { from, to, id, padding, ttl_s } => self.send(from, to, id, padding, ttl_s),
            Op::Deliver { who, window, times } => {
                for _ in 0..times {
                    self.deliver(who, usize::from(window))?;
                }
                Ok(())
            }
            Op::Acknowledge { who, ref ack } => self.acknowledge(who, ack),
            Op::TakeRate { who } => {
                if let Some(session) = self.sessions.get(&who) {
                    // Three at once, then one a minute: its memory is longer than the time that an
                    // account lingers.
                    let _ = self.store.take_rate(self.now, session.account, &Rate::new(1, 3));
                }
                Ok(())
            }
            Op::Pass { seconds } => {
                self.pass(u64::from(seconds));
                Ok(())
            }
            Op::SetBack { seconds } => {
                self.now = Millis(self.now.0 - 1000 * u64::from(seconds));
                Ok(())
            }
            Op::Expire => self.expire(),
            Op::Restart => self.restart(),
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now.plus(1000 * seconds);
        self.latest = self.latest.max(self.now);
    }

    /// Returns the store is told the time.
    fn tells_the_time(&mut self) -> Millis {
        self.seen = self.seen.max(self.now);
        self.now
    }

    /// Returns what can be delivered.
    fn mailbox(&self, who: u8) -> impl Iterator<Item = &Kept> {
        self.kept.iter().filter(move |message| message.waits && message.to == who && message.expires_at > self.seen)
    }

    fn attach(&mut self, who: u8, receipts: bool) -> Check {
        self.tells_the_time();
        let (account, pending) = self.store.attach(self.now, fingerprint(who), receipts);
        prop_assert_eq!(pending, self.mailbox(who).count(), "`pending` is what waits");
        let began_at = self.accepted;
        let sent = Vec::new();
        let online_since = self.sessions.get(&who).map_or(began_at, |older| older.online_since);
        let session = Session { account, receipts, began_at, online_since, caught_up: false, sent };
        if let Some(older) = self.sessions.insert(who, session) {
            prop_assert_eq!(older.account, account, "an account's place stays the same while it is online");
        }
        Ok(())
    }

    fn detach(&mut self, who: u8) {
        if let Some(session) = self.sessions.remove(&who) {
            let now = self.tells_the_time();
            self.store.detach(now, session.account);
            self.forgotten_by.insert(who, self.latest.plus(MEMORY_MS));
        }
    }

    fn send(&mut self, from: u8, to: u8, id: u8, padding: u8, ttl_s: u8) -> Check {
        let Some(sender) = self.sessions.get(&from).map(|session| session.account) else { return Ok(()) };
        let id = format!("id-{id}");
        if self.store.known(sender, &id).is_some() {
            // That it is known, and until when, is checked after every step.
            return Ok(());
        }
        let content = format!("#{}.{}", self.accepted, ".".repeat(usize::from(padding)));
        let now = self.tells_the_time();
        let life = 1000 * u64::from(ttl_s);
        let escaped_content = content.clone().into();
        let message = NewMessage { to: fingerprint(to), escaped_content, expires_at: now.plus(life), given: None };
        let before = self.store.figures();
        let refusals = self.refusals(from, to, id.len(), content.len());
        let granted = self.granted(life);
        match self.store.deposit(now, sender, &id, &message) {
            Ok(Deposited { online, expires_at, position }) => {
                prop_assert_eq!(position, 0, "what is written down here holds at once");
                let expires_at = exact(expires_at);
                prop_assert_eq!(online, self.sessions.get(&to).map(|session| session.account), "who is to be woken");
                prop_assert_eq!(refusals, [], "accepted, against the rules");
                prop_assert_eq!(expires_at, self.seen.plus(granted), "the life that is granted");
                prop_assert!(self.store.figures().bytes <= self.bounds.total_bytes, "more than the store may hold");
                let accepted_at = self.seen;
                let number = self.accepted;
                self.kept.push(Kept {
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
                    to_is_known: true,
                });
                self.accepted += 1;
            }
            Err(full) => {
                self.refused += 1;
                prop_assert_eq!(Some(&full), refusals.first(), "the first of the bounds that are reached is named");
                prop_assert_eq!(self.store.figures(), before, "a refused message leaves no trace");
            }
        }
        Ok(())
    }

    fn deliver(&mut self, who: u8, window: usize) -> Check {
        if !self.sessions.contains_key(&who) {
            return Ok(());
        }
        let now = self.tells_the_time();
        let seen = self.seen;
        let Some(session) = self.sessions.get_mut(&who) else { return Ok(()) };
        let is_there = |message: &Kept| message.waits && message.to == who && message.expires_at > seen;
        let in_mailbox = |message: &&mut Kept| is_there(message);
        let out = self.kept.iter().filter(|kept| is_there(kept) && session.was_sent(kept)).count();
        // In the order in which they were accepted, whoever sent them; what was sent does not come
        // again.
        let next = self.kept.iter_mut().filter(in_mailbox).find(|message| !session.was_sent(message));
        let all_old_sent = next.as_ref().is_none_or(|message| message.number >= session.began_at);
        match self.store.deliver(now, session.account, window) {
            Some(Next::CaughtUp) => {
                prop_assert!(!session.caught_up, "`caught_up` comes once a session");
                prop_assert!(all_old_sent, "`caught_up` comes after what had waited");
                session.caught_up = true;
            }
            Some(Next::Message(sent)) => {
                let Some(message) = next else { return Err(TestCaseError::fail("there is nothing to deliver")) };
                prop_assert!(out < window, "more than the window is out");
                prop_assert!(seen < message.expires_at, "delivered after its time");
                prop_assert_eq!(all_old_sent, session.caught_up, "`caught_up` comes between the old and the new");
                let stored = message.number < session.online_since || message.seq.is_some();
                let delivery_type = if stored { DeliveryType::Stored } else { DeliveryType::Direct };
                prop_assert_eq!(sent.delivery_type, delivery_type);
                prop_assert_eq!((sent.from, sent.to), (fingerprint(message.from), fingerprint(message.to)));
                prop_assert_eq!((sent.id, sent.escaped_content), (message.id.as_str(), message.content.as_str()));
                prop_assert_eq!(
                    (exact(sent.timestamp), exact(sent.expires_at)),
                    (message.accepted_at, message.expires_at)
                );
                if let Some(seq) = message.seq {
                    prop_assert_eq!(sent.seq, seq, "delivered again under another number");
                } else {
                    let highest = self.highest.entry(who).or_default();
                    prop_assert!(sent.seq > *highest, "`seq` does not rise: {} after {}", sent.seq, highest);
                    *highest = sent.seq;
                }
                prop_assert!(sent.seq > session.highest(), "`seq` does not rise in this session");
                message.seq = Some(sent.seq);
                session.sent.push((message.number, sent.seq));
            }
            None => {
                prop_assert!(session.caught_up || !all_old_sent, "`caught_up` is owed");
                prop_assert!(next.is_none() || out >= window, "a message is held back");
            }
        }
        Ok(())
    }

    fn acknowledge(&mut self, who: u8, ack: &Ack) -> Check {
        if !self.sessions.contains_key(&who) {
            return Ok(());
        }
        let now = self.tells_the_time();
        let Some(session) = self.sessions.get(&who) else { return Ok(()) };
        let earlier = self.acknowledged.get(&who).copied().unwrap_or(0);
        let sent =
            |place: u8| session.sent.get(usize::from(place) % session.sent.len().max(1)).map_or(0, |sent| sent.1);
        let seq = match *ack {
            Ack::Sent(place) => sent(place),
            Ack::JustBefore(place) => sent(place).saturating_sub(1),
            Ack::Earlier => earlier,
            Ack::TooHigh(by) => session.highest().max(earlier) + u64::from(by),
            Ack::Zero => 0,
        };
        let valid = seq > 0 && seq <= session.highest().max(earlier);
        let mut ended = Vec::new();
        let result = loop {
            match self.store.acknowledge(now, session.account, seq, &mut ended) {
                Ok(true) => {}
                done => break done.map(|_| ()),
            }
        };
        // After a restart nobody knows what had been acknowledged: what does not wait any more
        // counts as that.
        let is_old_news = self.restarted && seq > 0 && result.is_ok();
        if !is_old_news {
            prop_assert_eq!(result, if valid { Ok(()) } else { Err(NeverDelivered) }, "ack of {}", seq);
        }
        let mut expected = Vec::new();
        let seen = self.seen;
        let mut mailbox = self.kept.iter_mut().filter(|kept| kept.waits && kept.to == who && kept.expires_at > seen);
        for message in &mut mailbox {
            if valid && session.was_sent(message) && message.seq.is_some_and(|sent| sent <= seq) {
                message.waits = false;
                message.taken = !session.receipts;
                if let Some(sender) = self.sessions.get(&message.from).filter(|_| session.receipts) {
                    expected.push(end(sender, message, ReceiptStatus::Delivered, seen));
                }
            }
        }
        prop_assert_eq!(told(&ended), expected, "receipts of an ack");
        if valid {
            self.acknowledged.insert(who, earlier.max(seq));
        }
        Ok(())
    }

    fn expire(&mut self) -> Check {
        let mut ended = Vec::new();
        let mut freed = Vec::new();
        let now = self.tells_the_time();
        let more = self.store.expire(now, &mut ended, &mut freed);
        prop_assert!(!more, "so little is done at once");
        self.expired_up_to = self.seen;
        let seen = self.seen;
        prop_assert!(ended.is_sorted_by_key(|ended| exact(ended.at)), "ends are told in their order");
        let mut expected = Vec::new();
        for message in self.kept.extract_if(.., |message| message.expires_at <= seen) {
            // What was taken in secret ends for its sender as if nobody had taken it.
            if let Some(sender) = self.sessions.get(&message.from).filter(|_| message.counts()) {
                expected.push(end(sender, &message, ReceiptStatus::Expired, message.expires_at));
            }
        }
        let mut ended = told(&ended);
        let order = |(sender, id, _, _, at): &End| (*at, sender.index(), id.clone());
        ended.sort_by_key(order);
        expected.sort_by_key(order);
        prop_assert_eq!(ended, expected, "receipts of what expired");
        prop_assert!(self.store.next_due().is_none_or(|due| due > seen), "something is still due");
        Ok(())
    }

    /// Checks what holds after every step.
    pub(crate) fn check(&mut self) -> Check {
        let mut known = 0;
        let mut idle = 0;
        for who in 0..PEOPLE {
            let is_known = self.store.find(&fingerprint(who)).is_some();
            let online = self.sessions.get(&who);
            known += usize::from(is_known);
            idle += usize::from(is_known && online.is_none());
            let remembers =
                self.kept.iter().any(|kept| kept.from == who || (kept.to == who && (kept.to_is_known || kept.waits)));
            prop_assert!(is_known || !(remembers || online.is_some()), "{} was forgotten too early", who);
            if !remembers && online.is_none() && self.forgotten_by.get(&who).is_none_or(|at| *at <= self.expired_up_to)
            {
                prop_assert!(!is_known, "{} is remembered for no reason", who);
            }
            if !is_known {
                self.acknowledged.remove(&who);
            }
            if let Some(session) = online {
                for id in (0..6).map(|id| format!("id-{id}")) {
                    let is_it = |kept: &&Kept| kept.from == who && kept.id == id && kept.expires_at > self.seen;
                    let kept = self.kept.iter().find(is_it);
                    let expires_at = kept.map(|message| message.expires_at);
                    prop_assert_eq!(
                        self.store.known(session.account, &id).map(exact),
                        expires_at,
                        "the memory of {}",
                        id
                    );
                }
            }
            self.check_shares(who)?;
        }
        let figures = StoreStats {
            messages: self.kept.iter().filter(|message| message.waits).count(),
            bytes: self.kept.iter().map(|message| self.cost(message)).sum::<usize>() + ACCOUNT_COST * idle,
            accounts: known,
            records: self.kept.len(),
        };
        prop_assert_eq!(self.store.figures(), figures, "nothing is lost, and nothing is counted twice");
        let first = self.kept.iter().map(|message| message.expires_at).min();
        prop_assert!(
            first.is_none_or(|first| self.store.next_due().is_some_and(|due| due <= first)),
            "an unseen expiry"
        );
        Ok(())
    }
}

/// Returns what its sender has of `sender_bytes`.
fn counted(message: &Kept) -> usize {
    RECORD_COST + if message.counts() { message.id.len() + message.content.len() } else { 0 }
}

/// Sender, id, recipient, which end, and when.
type End = (AccountId, String, Fingerprint, ReceiptStatus, Millis);

fn end(sender: &Session, message: &Kept, status: ReceiptStatus, at: Millis) -> End {
    (sender.account, message.id.clone(), fingerprint(message.to), status, at)
}

fn told(ended: &[Completion]) -> Vec<End> {
    let told = |ended: &Completion| (ended.sender, ended.id.clone(), ended.to, ended.status, exact(ended.at));
    ended.iter().map(told).collect()
}

/// Returns the exact time behind one of the server's own.
fn exact(time: WireTime) -> Millis {
    match time {
        WireTime::Own { at, .. } => at,
        WireTime::Given(_) => panic!("no sender wrote a time"),
    }
}
