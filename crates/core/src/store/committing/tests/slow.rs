//! A slow journal, the store that writes into it, and a ledger of what clients were told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use zeroize::Zeroizing;

use crate::protocol::{DeliveryType, Fingerprint, Millis};
use crate::store::{
    AccountId, Config, EndedEntry, Journal, JournalEntry, NewMessage, Next, NoRoom, Remembered, Restoring, Seed, Store,
    WaitingMessage,
};

pub(super) const PEOPLE: u8 = 4;
const START: Millis = Millis(1_767_355_200_000);
type Check = Result<(), TestCaseError>;

#[derive(Debug, Clone)]
pub(super) enum Op {
    Attach {
        who: u8,
    },
    Detach {
        who: u8,
    },
    Send {
        from: u8,
        to: u8,
        id: u8,
        ttl_s: u8,
    },
    Deliver {
        who: u8,
    },
    Acknowledge {
        who: u8,
    },
    /// Entries reach the other machines; nobody knows yet.
    Arrives {
        entries: usize,
    },
    /// The store is told of all that has.
    Answered,
    Pass {
        seconds: u8,
    },
    Drop {
        sender: u8,
    },
    /// The process is killed; another one goes on with what has arrived.
    Killed,
    /// The other machines forget everything, and are told again.
    Amnesia,
}

/// What is known of a place.
#[derive(Clone)]
enum Kept {
    Message {
        sender: Fingerprint,
        to: Fingerprint,
        body: (String, String),
        id_hash: u64,
        seq: u64,
        times: (Millis, u32),
    },
    Ended {
        sender: Fingerprint,
        id_hash: u64,
        expires_at: Millis,
    },
    Forgotten,
}

/// What was written, and how far it has arrived.
#[derive(Default)]
struct Tape {
    written: Vec<(u32, Kept)>,
    arrived: usize,
    promised: u64,
}

impl Tape {
    fn held(&self) -> BTreeMap<u32, Kept> {
        self.written.iter().take(self.arrived).cloned().collect()
    }
}

struct Slow(Arc<Mutex<Tape>>);

impl Slow {
    fn write(&self, record: u32, kept: Kept) {
        self.0.lock().unwrap().written.push((record, kept));
    }
}

impl Journal for Slow {
    fn accept(&mut self, record: u32, entry: &JournalEntry<'_>) -> Result<(), NoRoom> {
        let body = (entry.id.to_owned(), entry.escaped_content.to_owned());
        let times = (entry.expires_at, entry.lifetime);
        let &JournalEntry { sender, recipient: to, id_hash, seq, .. } = entry;
        self.write(record, Kept::Message { sender, to, body, id_hash, seq, times });
        Ok(())
    }

    fn end(&mut self, record: u32, left: &EndedEntry<'_>) {
        let &EndedEntry { sender, id_hash, expires_at } = left;
        self.write(record, Kept::Ended { sender: *sender, id_hash, expires_at });
    }

    fn forget(&mut self, record: u32) {
        self.write(record, Kept::Forgotten);
    }

    fn promise(&mut self, below: u64) {
        // Said first, and in order: as if it had arrived with what follows.
        self.0.lock().unwrap().promised = below;
    }

    fn erase(&mut self) {}

    fn begin(&mut self, _epoch: [u8; 16], _seed: &Seed) {}

    fn cost(&self) -> fn(usize) -> usize {
        |_| 0
    }

    fn position(&self) -> u64 {
        self.0.lock().unwrap().written.len() as u64 + 1
    }
}

/// One message, as its people know it.
struct Sent {
    from: u8,
    id: String,
    expires_at: Millis,
    position: u64,
    answered: bool,
    delivered: bool,
    dropped: bool,
    receipts: u32,
    lost: bool,
}

pub(super) struct Run {
    store: Store,
    tape: Arc<Mutex<Tape>>,
    now: Millis,
    sessions: BTreeMap<u8, (AccountId, u64)>,
    sent: Vec<Sent>,
    stored: usize,
}

fn fingerprint(who: u8) -> Fingerprint {
    Fingerprint::from_bytes([who + 1; 32])
}

impl Run {
    pub(super) fn new() -> Self {
        let tape = Arc::<Mutex<Tape>>::default();
        let seed = Seed { hash_key: [1, 2], first_seq: 1 };
        let store = Store::with_journal(Config::default(), seed, START, Box::new(Slow(Arc::clone(&tape))));
        Self { store, tape, now: START, sessions: BTreeMap::new(), sent: Vec::new(), stored: 0 }
    }

    pub(super) fn answered(&self) -> usize {
        self.sent.iter().filter(|sent| sent.answered).count()
    }

    pub(super) fn delivered(&self) -> usize {
        self.sent.iter().filter(|sent| sent.delivered).count()
    }

    pub(super) fn receipts(&self) -> u32 {
        self.sent.iter().map(|sent| sent.receipts).sum()
    }

    pub(super) fn stored(&self) -> usize {
        self.stored
    }

    pub(super) fn step(&mut self, op: &Op) -> Check {
        match *op {
            Op::Attach { who } => {
                let (account, _) = self.store.attach(self.now, fingerprint(who), true);
                self.sessions.insert(who, (account, 0));
            }
            Op::Detach { who } => {
                if let Some((account, _)) = self.sessions.remove(&who) {
                    self.store.detach(self.now, account);
                }
            }
            Op::Send { from, to, id, ttl_s } => self.send(from, to, id, ttl_s)?,
            Op::Deliver { who } => self.deliver(who)?,
            Op::Acknowledge { who } => self.acknowledge(who)?,
            Op::Arrives { entries } => {
                let mut tape = self.tape.lock().unwrap();
                tape.arrived = (tape.arrived + entries).min(tape.written.len());
            }
            Op::Answered => self.commit()?,
            Op::Pass { seconds } => {
                self.now = self.now.plus(1000 * u64::from(seconds));
                self.expire()?;
            }
            Op::Drop { sender } => self.drop_from(sender)?,
            Op::Killed => self.kill(),
            Op::Amnesia => self.amnesia(),
        }
        Ok(())
    }

    fn send(&mut self, from: u8, to: u8, id: u8, ttl_s: u8) -> Check {
        let Some(&(sender, _)) = self.sessions.get(&from) else { return Ok(()) };
        let id = format!("id-{id}");
        if self.store.known(sender, &id).is_some() {
            let position = self.store.known_position(sender, &id);
            let is_it = |sent: &&Sent| sent.from == from && sent.id == id && !sent.lost && sent.expires_at > self.now;
            let of = self.sent.iter().rfind(is_it);
            let Some(sent) = of else { return Err(TestCaseError::fail("nobody has sent what is known")) };
            let waits_for = if sent.answered || position == 0 { 0 } else { sent.position };
            prop_assert_eq!(position, waits_for, "a duplicate is answered when the first one is, or at once");
            return Ok(());
        }
        let message = NewMessage {
            to: fingerprint(to),
            escaped_content: id.clone().into(),
            expires_at: self.now.plus(1000 * u64::from(ttl_s)),
            given: None,
        };
        let Ok(deposited) = self.store.deposit(self.now, sender, &id, &message) else { return Ok(()) };
        prop_assert!(deposited.position > 0 && deposited.online.is_none(), "nobody is woken for it yet");
        self.sent.push(Sent {
            from,
            id,
            expires_at: message.expires_at,
            position: deposited.position,
            answered: false,
            delivered: false,
            dropped: false,
            receipts: 0,
            lost: false,
        });
        Ok(())
    }

    fn deliver(&mut self, who: u8) -> Check {
        let Some((account, highest)) = self.sessions.get_mut(&who) else { return Ok(()) };
        while let Some(next) = self.store.deliver(self.now, *account, 100) {
            let Next::Message(message) = next else { continue };
            prop_assert!(message.seq > *highest, "the numbers rise");
            *highest = message.seq;
            let is_it =
                |sent: &&mut Sent| sent.id == message.id && fingerprint(sent.from) == message.from && !sent.lost;
            let Some(sent) = self.sent.iter_mut().rfind(is_it) else {
                return Err(TestCaseError::fail("sent by nobody"));
            };
            prop_assert!(sent.answered, "it holds, and its sender may know");
            prop_assert!(sent.expires_at > self.now, "after its time");
            prop_assert!(sent.receipts == 0, "it has come to its end, and that holds");
            sent.delivered = true;
            self.stored += usize::from(message.delivery_type == DeliveryType::Stored);
        }
        Ok(())
    }

    fn acknowledge(&mut self, who: u8) -> Check {
        let Some(&(account, highest)) = self.sessions.get(&who) else { return Ok(()) };
        let mut ended = Vec::new();
        while self.store.acknowledge(self.now, account, highest, &mut ended) == Ok(true) {}
        prop_assert!(ended.is_empty(), "no end is told before it holds");
        Ok(())
    }

    fn expire(&mut self) -> Check {
        let mut ended = Vec::new();
        while self.store.expire(self.now, &mut ended, &mut Vec::new()) {}
        prop_assert!(ended.is_empty(), "no end is told before it holds");
        Ok(())
    }

    fn drop_from(&mut self, sender: u8) -> Check {
        let Some(account) = self.store.find(&fingerprint(sender)) else { return Ok(()) };
        let mut ended = Vec::new();
        self.store.drop_some_from(account, 0, &mut ended, &mut Vec::new());
        prop_assert!(ended.is_empty(), "no end is told before it holds");
        self.sent.iter_mut().filter(|sent| sent.from == sender).for_each(|sent| sent.dropped = true);
        Ok(())
    }

    fn commit(&mut self) -> Check {
        let upto = self.tape.lock().unwrap().arrived as u64 + 1;
        let mut woken = Vec::new();
        let mut ended = Vec::new();
        while self.store.commit(upto, &mut woken, &mut ended).more {}
        for sent in self.sent.iter_mut().filter(|sent| !sent.lost && sent.position <= upto) {
            sent.answered = true;
        }
        for end in ended {
            let from = self.sessions.iter().find(|(_, (account, _))| *account == end.sender).map(|(who, _)| *who);
            let is_it =
                |sent: &&mut Sent| Some(sent.from) == from && sent.id == end.id && !sent.lost && sent.receipts == 0;
            let Some(sent) = self.sent.iter_mut().find(is_it) else {
                return Err(TestCaseError::fail("told of nothing"));
            };
            prop_assert!(sent.answered, "its acceptance is answered first");
            sent.receipts += 1;
        }
        Ok(())
    }

    /// Has another process go on with what has arrived.
    fn kill(&mut self) {
        let held = self.tape.lock().unwrap().held();
        let promised = self.tape.lock().unwrap().promised;
        let seed = Seed { hash_key: [1, 2], first_seq: promised.max(1) };
        let mut restoring = Restoring::begin(Config::default(), seed, self.now, |_| 0);
        let mut written = Vec::new();
        for kept in held.into_values() {
            let remembered = match kept.clone() {
                Kept::Forgotten => continue,
                Kept::Ended { sender, id_hash, expires_at } => {
                    Remembered { sender, id_hash, expires_at, waiting: None }
                }
                Kept::Message { sender, to, body, id_hash, seq, times } => {
                    let id_bytes = u8::try_from(body.0.len()).unwrap();
                    let body = Zeroizing::new(format!("{}{}", body.0, body.1).into_boxed_str());
                    let waiting = Some(WaitingMessage { recipient: to, seq, lifetime: times.1, body, id_bytes });
                    Remembered { sender, id_hash, expires_at: times.0, waiting }
                }
            };
            written.push((u32::try_from(written.len()).unwrap(), kept));
            restoring.recall(remembered);
        }
        let arrived = written.len();
        self.tape = Arc::new(Mutex::new(Tape { written, arrived, promised }));
        // Nobody was promised anything about the others; what did arrive is there all the same.
        let unanswered: Vec<_> =
            (0..self.sent.len()).filter(|&sent| !self.sent[sent].lost && !self.sent[sent].answered).collect();
        for &sent in &unanswered {
            self.sent[sent].lost = true;
        }
        self.store = restoring.finish(Box::new(Slow(Arc::clone(&self.tape))));
        self.sessions.clear();
        self.adopt(&unanswered);
    }

    /// Takes what arrived without an answer as known: a sender who sends it again is told so.
    fn adopt(&mut self, unanswered: &[usize]) {
        for &sent in unanswered {
            let sent = &mut self.sent[sent];
            let known = self.store.find(&fingerprint(sent.from)).and_then(|sender| self.store.known(sender, &sent.id));
            if sent.expires_at > self.now && known.is_some() {
                sent.lost = false;
                sent.answered = true;
            }
        }
    }

    /// Has the other machines forget everything: all that there is is written down again, and
    /// arrives.
    fn amnesia(&mut self) {
        {
            let mut tape = self.tape.lock().unwrap();
            // The positions go on: what was on its way is a part of what is written again.
            let kept: Vec<_> = tape.written.iter().map(|(record, _)| (*record, Kept::Forgotten)).collect();
            tape.written = kept;
        }
        let mut next = Some(0);
        while let Some(first) = next {
            next = self.store.write_again(first, 3);
        }
        let mut tape = self.tape.lock().unwrap();
        tape.arrived = tape.written.len();
    }

    pub(super) fn check(&self) -> Check {
        for sent in self.sent.iter().filter(|sent| sent.answered && sent.expires_at > self.now) {
            let sender = self.store.find(&fingerprint(sent.from));
            let known = sender.and_then(|sender| self.store.known(sender, &sent.id));
            prop_assert!(known.is_some(), "{} of {} was answered, and is not known", sent.id, sent.from);
        }
        Ok(())
    }

    /// Checks that in the end everything that was answered has arrived where it should.
    pub(super) fn ends_well(&mut self) -> Check {
        self.step(&Op::Killed)?;
        for who in 0..PEOPLE {
            self.step(&Op::Attach { who })?;
            self.step(&Op::Deliver { who })?;
        }
        for sent in self.sent.iter().filter(|sent| sent.answered && sent.expires_at > self.now) {
            prop_assert!(sent.delivered || sent.dropped, "{} of {} never arrived", sent.id, sent.from);
        }
        Ok(())
    }
}
