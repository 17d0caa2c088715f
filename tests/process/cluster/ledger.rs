//! What everybody was told, and the promises that it has to keep, whatever died meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ephemeral_core::protocol::{ReceiptStatus, ReceivedMessage};

/// How much later than due something may come: it was on its way.
const LATE: Duration = Duration::from_millis(500);

/// What was told of each message, in the order in which it was told. An id is
/// `sender-recipient-number`, with a number of four digits or more that rises.
pub(super) struct Ledger {
    /// By how many minutes the machines' clocks differ.
    apart: u32,
    events: usize,
    sessions: Vec<SessionNote>,
    strikes: Vec<Strike>,
    epochs: BTreeSet<String>,
    accepted: BTreeMap<String, Accepted>,
    delivered: BTreeMap<String, Vec<Delivered>>,
    receipts: BTreeMap<String, Vec<(usize, ReceiptStatus)>>,
    /// The highest number of each session.
    highest: BTreeMap<usize, u64>,
    broken: Vec<String>,
}

/// A session, from one event to another.
struct SessionNote {
    at: String,
    began: usize,
    /// When it was ended; `None`: it goes on, or was left.
    ended: Option<usize>,
}

/// Something that happened to machines, from one event to another.
struct Strike {
    at: BTreeSet<String>,
    from: usize,
    until: usize,
}

struct Accepted {
    /// When its sender learned it first.
    at: Instant,
    expires_at: String,
    /// How long it lives, where it lives shortly.
    ttl: Option<Duration>,
}

struct Delivered {
    event: usize,
    session: usize,
    seq: u64,
}

impl Ledger {
    /// Makes an empty one, for machines whose clocks differ by so many minutes.
    pub(super) fn new(apart: u32) -> Self {
        Self {
            apart,
            events: 0,
            sessions: Vec::new(),
            strikes: Vec::new(),
            epochs: BTreeSet::new(),
            accepted: BTreeMap::new(),
            delivered: BTreeMap::new(),
            receipts: BTreeMap::new(),
            highest: BTreeMap::new(),
            broken: Vec::new(),
        }
    }

    /// Returns how many events there were.
    pub(super) fn events(&self) -> usize {
        self.events
    }

    /// Notes that somebody has a session there, and returns its number.
    pub(super) fn begins(&mut self, epoch: String, at: String) -> usize {
        self.events += 1;
        self.epochs.insert(epoch);
        self.sessions.push(SessionNote { at, began: self.events, ended: None });
        self.sessions.len() - 1
    }

    /// Notes that a session was ended, and not by the person.
    pub(super) fn ends(&mut self, session: usize) {
        self.events += 1;
        self.sessions[session].ended = Some(self.events);
    }

    /// Notes that something happens to these machines.
    pub(super) fn is_struck(&mut self, at: BTreeSet<String>) {
        self.events += 1;
        self.strikes.push(Strike { at, from: self.events, until: usize::MAX });
    }

    /// Notes that everything is well again.
    pub(super) fn is_mended(&mut self) {
        self.events += 1;
        for strike in self.strikes.iter_mut().filter(|strike| strike.until == usize::MAX) {
            strike.until = self.events;
        }
    }

    /// Notes that this machine is the active one no more since an event.
    pub(super) fn failed_over(&mut self, since: usize, at: String) {
        self.events += 1;
        self.strikes.push(Strike { at: BTreeSet::from([at]), from: since, until: self.events });
    }

    pub(super) fn accepts(&mut self, id: &str, expires_at: String, ttl: Option<Duration>) {
        self.events += 1;
        match self.accepted.get(id) {
            None => drop(self.accepted.insert(id.to_owned(), Accepted { at: Instant::now(), expires_at, ttl })),
            // Times are written to the minute, up or down at random.
            Some(first) if minutes(&first.expires_at).abs_diff(minutes(&expires_at)) > 1 + self.apart => {
                self.broken.push(format!("{id} expires at {expires_at}, and at {}", first.expires_at));
            }
            Some(_) => {}
        }
    }

    pub(super) fn delivers(&mut self, session: usize, message: &ReceivedMessage) {
        self.events += 1;
        let Self { events, highest, delivered, broken, accepted, .. } = self;
        let last = highest.entry(session).or_default();
        if message.seq <= *last {
            broken.push(format!("{} has the number {} after {last} in a session", message.id, message.seq));
        }
        *last = message.seq;
        let due = accepted.get(&message.id).and_then(|accepted| Some(accepted.at + accepted.ttl? + LATE));
        if due.is_some_and(|due| Instant::now() > due) {
            broken.push(format!("{} was delivered after its time", message.id));
        }
        let times = delivered.entry(message.id.clone()).or_default();
        times.push(Delivered { event: *events, session, seq: message.seq });
    }

    pub(super) fn tells(&mut self, id: &str, status: ReceiptStatus) {
        self.events += 1;
        self.receipts.entry(id.to_owned()).or_default().push((self.events, status));
    }

    pub(super) fn accepted(&self) -> usize {
        self.accepted.len()
    }

    /// Returns what was accepted to live long, and has not come.
    pub(super) fn missing(&self) -> Vec<&str> {
        let long = self.accepted.iter().filter(|(_, accepted)| accepted.ttl.is_none());
        long.map(|(id, _)| id.as_str()).filter(|id| !self.delivered.contains_key(*id)).collect()
    }

    /// Returns what was promised and did not hold.
    pub(super) fn broken(&self) -> Vec<String> {
        let mut broken = self.broken.clone();
        if self.epochs.len() != 1 {
            broken.push(format!("there was more than one epoch: {:?}", self.epochs));
        }
        broken.extend(self.receipts.iter().filter_map(|(id, told)| self.wrong_receipt(id, told)));
        broken.extend(self.delivered.iter().filter_map(|(id, times)| wrong_numbers(id, times)));
        broken.extend(self.wrong_order());
        broken.extend(self.sessions.iter().filter_map(|session| self.wrong_end(session)));
        broken
    }

    /// Tells of a session that ended although nothing happened to its machine, whatever happens to
    /// the active one meanwhile.
    fn wrong_end(&self, session: &SessionNote) -> Option<String> {
        let SessionNote { at, began, ended } = session;
        let ended = (*ended)?;
        let ends = |strike: &Strike| {
            let meanwhile = strike.from <= ended && *began <= strike.until;
            meanwhile && strike.at.contains(at)
        };
        let is_explained = self.strikes.iter().any(ends);
        (!is_explained).then(|| format!("a session at {at} ended, and nothing had happened to it"))
    }

    fn wrong_receipt(&self, id: &str, told: &[(usize, ReceiptStatus)]) -> Option<String> {
        let &[(event, status)] = told else { return Some(format!("{} receipts of {id}", told.len())) };
        let times = self.delivered.get(id).map_or(&[][..], Vec::as_slice);
        match status {
            ReceiptStatus::Delivered if times.is_empty() => Some(format!("{id} was never delivered, says a receipt")),
            ReceiptStatus::Delivered => {
                let again = times.iter().any(|delivered| delivered.event > event);
                again.then(|| format!("{id} came again after its receipt"))
            }
            ReceiptStatus::Expired => {
                let lives = self.accepted.get(id).is_none_or(|accepted| accepted.ttl.is_none());
                lives.then(|| format!("{id} expired before its time"))
            }
        }
    }

    /// Tells of messages of one sender whose numbers are not in the order in which they were
    /// written.
    fn wrong_order(&self) -> Vec<String> {
        let mut last: BTreeMap<&str, (u64, &str)> = BTreeMap::new();
        let mut broken = Vec::new();
        for (id, times) in &self.delivered {
            let (pair, _) = id.rsplit_once('-').unwrap_or_default();
            let seq = times.iter().map(|delivered| delivered.seq).min().unwrap_or(0);
            if let Some((before, earlier)) = last.insert(pair, (seq, id)).filter(|(before, _)| *before >= seq) {
                broken.push(format!("{id} has the number {seq}, and {earlier} before it {before}"));
            }
        }
        broken
    }

    pub(super) fn summary(&self) -> String {
        let times: usize = self.delivered.values().map(Vec::len).sum();
        format!(
            "{} accepted, {times} deliveries of {}, {} receipts, {} sessions, of which {} were ended",
            self.accepted.len(),
            self.delivered.len(),
            self.receipts.len(),
            self.sessions.len(),
            self.sessions.iter().filter(|session| session.ended.is_some()).count()
        )
    }
}

/// Tells of a message that changed its number, or came twice in a session.
fn wrong_numbers(id: &str, times: &[Delivered]) -> Option<String> {
    let numbers: BTreeSet<_> = times.iter().map(|delivered| delivered.seq).collect();
    let sessions: BTreeSet<_> = times.iter().map(|delivered| delivered.session).collect();
    if numbers.len() > 1 {
        return Some(format!("{id} came under the numbers {numbers:?}"));
    }
    (sessions.len() < times.len()).then(|| format!("{id} came twice in a session"))
}

/// Returns the minute of its day of a time like `2026-11-28T05:07:00Z`.
fn minutes(time: &str) -> u32 {
    let number = |from: usize| time.get(from..from + 2).and_then(|digits| digits.parse().ok()).unwrap_or(0);
    number(11) * 60 + number(14)
}

#[test]
fn a_ledger_finds_each_promise_that_does_not_hold() {
    let message = |id: &str, seq| ReceivedMessage {
        id: id.to_owned(),
        from: String::new(),
        to: String::new(),
        content: String::new(),
        timestamp: String::new(),
        expires_at: String::new(),
        delivery_type: ephemeral_core::protocol::DeliveryType::Direct,
        seq,
    };
    let expires = |minute: &str| format!("2026-11-28T05:{minute}:00Z");
    let mut ledger = Ledger::new(0);
    for (id, ttl) in [("1-2-0001", None), ("1-2-0002", None), ("1-2-0003", Some(Duration::ZERO)), ("1-2-0004", None)] {
        ledger.accepts(id, expires("07"), ttl);
    }
    let first = ledger.begins("one".to_owned(), "a".to_owned());
    ledger.delivers(first, &message("1-2-0001", 8));
    assert_eq!((ledger.broken(), ledger.missing()), (vec![], vec!["1-2-0002", "1-2-0004"]));

    ledger.accepts("1-2-0001", expires("09"), None);
    ledger.tells("1-2-0001", ReceiptStatus::Delivered);
    ledger.delivers(first, &message("1-2-0001", 8));
    ledger.delivers(first, &message("1-2-0002", 7));
    ledger.tells("1-2-0002", ReceiptStatus::Expired);
    ledger.tells("1-2-0004", ReceiptStatus::Delivered);
    ledger.tells("1-2-0003", ReceiptStatus::Expired);
    ledger.tells("1-2-0003", ReceiptStatus::Expired);
    let second = ledger.begins("two".to_owned(), "a".to_owned());
    ledger.delivers(second, &message("1-2-0002", 9));
    let broken = ledger.broken().join("\n");
    for said in [
        "1-2-0001 expires at 2026-11-28T05:09:00Z, and at 2026-11-28T05:07:00Z",
        "1-2-0001 has the number 8 after 8 in a session",
        "1-2-0002 has the number 7 after 8 in a session",
        "more than one epoch",
        "1-2-0001 came again after its receipt",
        "1-2-0001 came twice in a session",
        "1-2-0002 expired before its time",
        "1-2-0004 was never delivered, says a receipt",
        "2 receipts of 1-2-0003",
        "1-2-0002 came under the numbers {7, 9}",
        "1-2-0002 has the number 7, and 1-2-0001 before it 8",
    ] {
        assert!(broken.contains(said), "{said:?} was not found:\n{broken}");
    }
}

#[test]
fn a_ledger_finds_each_session_that_ended_for_no_reason() {
    let ended = |strike: &str| {
        let mut ledger = Ledger::new(0);
        let before = ledger.begins("one".to_owned(), "a".to_owned());
        ledger.is_struck(BTreeSet::from([strike.to_owned()]));
        ledger.is_mended();
        let after = ledger.begins("one".to_owned(), "a".to_owned());
        ledger.ends(before);
        ledger.ends(after);
        ledger.broken().len()
    };
    assert_eq!(ended("a"), 1, "the one that began afterwards ended for no reason");
    assert_eq!(ended("b"), 2, "and both where it happened to another machine");
}
