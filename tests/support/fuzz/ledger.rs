//! What the server has promised, and what has become of it.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a check fails by panicking, and is called by a test and by the fuzzer"
)]

use std::collections::BTreeSet;

use ephemeral::protocol::Millis;
use serde_json::Value;

use super::client::{Client, Owed};
use super::{CONTENT_BYTES, MAILBOX, rig};

/// How much later than the server everybody is, in milliseconds.
const SLACK: u64 = 5;

/// A message that was sent.
#[derive(Clone)]
pub struct Sent {
    pub from: u8,
    pub to: u8,
    pub id: String,
    pub content: String,
    /// Its time to live is nothing.
    pub over_at_once: bool,
}

/// A message that was kept, or may have been.
struct Kept {
    sent: Sent,
    /// It was answered `accepted`; else nobody read the answer.
    certain: bool,
    expires_at: Option<Millis>,
    /// Its recipient has acknowledged it, for certain.
    acknowledged: bool,
    /// Its recipient may have acknowledged it.
    perhaps_acknowledged: bool,
    /// A session has done so that lets its senders be told.
    tells: bool,
    told: bool,
}

pub struct Ledger {
    kept: Vec<Kept>,
    /// Clients that have sent what cannot be told.
    unsure: BTreeSet<u8>,
    /// Whose mailboxes are said to be full.
    full: Vec<u8>,
    /// All that was sent before has been read: what comes is newer.
    pub since: Millis,
}

impl Kept {
    /// Whether it has not expired, for certain.
    fn lives(&self, now: Millis) -> bool {
        self.expires_at.is_some_and(|end| end > now.plus(SLACK))
    }

    /// Whether it may not have expired at a time after this one.
    fn may_live(&self, since: Millis) -> bool {
        self.expires_at.is_none_or(|end| end.plus(SLACK) > since)
    }
}

impl Ledger {
    pub fn new(since: Millis) -> Self {
        Self { kept: Vec::new(), unsure: BTreeSet::new(), full: Vec::new(), since }
    }

    /// From now on messages of this client may be there that nobody knows.
    pub fn is_unsure_of(&mut self, who: u8, unsure: bool) {
        self.unsure.extend(unsure.then_some(who));
    }

    /// Nobody will read the answers.
    pub fn may_have_kept(&mut self, owed: impl Iterator<Item = Owed>) {
        for owed in owed {
            if let Owed::Message(sent) = owed {
                self.keep(sent, false, None);
            }
        }
    }

    fn keep(&mut self, sent: Sent, certain: bool, expires_at: Option<Millis>) -> usize {
        self.kept.push(Kept {
            sent,
            certain,
            expires_at,
            acknowledged: false,
            perhaps_acknowledged: false,
            tells: false,
            told: false,
        });
        self.kept.len() - 1
    }

    /// How many of a client's messages wait: at least, and at most.
    fn waiting(&self, who: u8, now: Millis) -> (usize, usize) {
        let mut own = (0, 0);
        for kept in self.kept.iter().filter(|kept| kept.sent.to == who) {
            own.0 += usize::from(kept.certain && kept.lives(now) && !kept.perhaps_acknowledged);
            own.1 += usize::from(kept.may_live(self.since) && !kept.acknowledged);
        }
        own
    }

    /// `pending` of a `welcome`. `unanswered`: how many more there may be.
    pub fn check_pending(&self, who: u8, pending: usize, unanswered: usize, now: Millis) {
        let (least, most) = self.waiting(who, now);
        let most = most + unanswered;
        assert!(least <= pending, "{pending} are pending, and at least {least} wait");
        assert!(pending <= most || !self.unsure.is_empty(), "{pending} are pending, and at most {most} wait");
    }

    /// The answer to a frame. `unread`: messages whose senders do not read, whose answers may be there.
    pub fn answer(&mut self, client: &mut Client, frame: &Value, unread: &[Sent], now: Millis) {
        let owed = client.answered();
        let code = frame["code"].as_str();
        match owed {
            Owed::Anything => {}
            Owed::Error(expected, id) => {
                assert_eq!(code.map(Value::from), Some(serde_json::to_value(expected).unwrap()), "another error");
                assert_eq!(frame["id"].as_str(), id.as_deref(), "an error carries the id");
            }
            Owed::Message(sent) => {
                assert_eq!(frame["id"], *sent.id, "answers come in the order of the frames");
                match code {
                    Some(code) => self.refused(code, &sent, client.was_deaf, now),
                    None => self.accepted(sent, frame, unread, client.was_deaf, now),
                }
            }
        }
    }

    fn refused(&mut self, code: &str, sent: &Sent, late: bool, now: Millis) {
        let justified = match code {
            "already_expired" => sent.over_at_once,
            "content_empty" => sent.content.is_empty(),
            "content_too_large" => sent.content.len() > CONTENT_BYTES,
            "mailbox_full" => {
                // Of late answers nobody knows when it was full.
                self.full.extend((!late).then_some(sent.to));
                true
            }
            _ => false,
        };
        assert!(justified, "refused as {code}");
        let mut known = self.kept.iter().filter(|kept| kept.sent.from == sent.from && kept.sent.id == sent.id);
        assert!(late || !known.any(|kept| kept.certain && kept.lives(now)), "a known id is no new message");
    }

    /// After all answers were read: the mailboxes that are said to be full are. `unanswered`: how many more messages there
    /// may be for a recipient.
    pub fn check_full(&mut self, unanswered: impl Fn(u8) -> usize, now: Millis) {
        for to in std::mem::take(&mut self.full) {
            let most = self.waiting(to, now).1 + unanswered(to);
            assert!(most >= MAILBOX || !self.unsure.is_empty(), "full with {most} messages");
        }
    }

    fn accepted(&mut self, sent: Sent, frame: &Value, unread: &[Sent], late: bool, now: Millis) {
        let expires_at = Millis::parse(frame["expires_at"].as_str().expect("a time"));
        let same = |kept: &&mut Kept| kept.sent.from == sent.from && kept.sent.id == sent.id;
        let duplicate = frame["duplicate"].as_bool().expect("whether it is one");
        let since = self.since;
        let known = self.kept.iter_mut().filter(same).find(|kept| match kept.expires_at {
            Some(end) => expires_at == Some(end),
            None => !kept.certain,
        });
        if duplicate {
            match known {
                Some(kept) => {
                    assert!(kept.may_live(since) || late, "an id is known longer than it should be");
                    (kept.certain, kept.expires_at) = (true, expires_at);
                }
                None => match unread.iter().find(|other| other.from == sent.from && other.id == sent.id) {
                    Some(first) => drop(self.keep(first.clone(), true, expires_at)),
                    None => assert!(late || self.unsure.contains(&sent.from), "a duplicate of nothing"),
                },
            }
            return;
        }
        assert!(!sent.over_at_once && (1..=CONTENT_BYTES).contains(&sent.content.len()), "accepted, against the rules");
        let alive = self.kept.iter().filter(|kept| kept.sent.from == sent.from && kept.sent.id == sent.id);
        let twice = alive.filter(|kept| kept.certain && kept.lives(now)).count();
        assert!(twice == 0 || late, "a known id is taken for a new one");
        let mut own = self.kept.iter_mut().filter(|kept| kept.sent.from == sent.from && kept.sent.id == sent.id);
        // It may be there already: delivered, or known as a duplicate, before its sender read the answer.
        if let Some(kept) = own.find(|kept| kept.expires_at == expires_at) {
            kept.certain = true;
            return;
        }
        // An older one of the id is over, if it ever was kept: this one would be its duplicate.
        let older = self.kept.iter_mut().filter(|kept| kept.sent.from == sent.from && kept.sent.id == sent.id);
        older.for_each(|kept| kept.expires_at = kept.expires_at.or(Some(Millis(0))));
        self.keep(sent, true, expires_at);
    }

    /// A message for a client. `unanswered`: what its sender knows of it, if that does not know the answer.
    pub fn delivered(&mut self, client: &mut Client, frame: &Value, unanswered: Option<Sent>, now: Millis) {
        let (from, id) = (number_of(&frame["from"]), frame["id"].as_str().expect("an id"));
        assert_eq!(frame["to"], *rig::fingerprint(client.who), "somebody else's message");
        let expires_at = Millis::parse(frame["expires_at"].as_str().expect("a time"));
        assert!(
            expires_at.is_some_and(|end| end.plus(SLACK) > self.since) || client.was_deaf,
            "delivered after its time"
        );
        let seq = frame["seq"].as_u64().expect("a number");
        let last = client.delivered.last().map_or(0, |(seq, _)| *seq);
        assert!(seq > last && seq < 1 << 53, "`seq` does not rise");

        let is_it = |kept: &Kept| {
            let same = kept.sent.from == from && kept.sent.id == id && kept.sent.to == client.who;
            same && kept.sent.content == frame["content"].as_str().unwrap_or_default()
        };
        // One whose time is known to be this one, before one of which nothing is known.
        let with = |end: Option<Millis>| self.kept.iter().rposition(|kept| is_it(kept) && kept.expires_at == end);
        let found = with(expires_at).or_else(|| with(None));
        let place = found.or_else(|| unanswered.map(|sent| self.keep(sent, false, expires_at)));
        assert!(place.is_some() || self.unsure.contains(&from), "a message that nobody sent");
        if let Some(place) = place {
            let kept = &mut self.kept[place];
            kept.expires_at = expires_at;
            // What was sent before is read late by who did not read.
            assert!(!kept.acknowledged || client.was_deaf, "delivered again after it was acknowledged");
            let twice = client.delivered.iter().any(|(_, other)| *other == Some(place));
            assert!(!twice, "twice in one session");
        }
        client.delivered.push((seq, place));
        let out = client
            .delivered
            .iter()
            .filter(|(seq, place)| *seq > client.acknowledged && place.is_none_or(|place| self.kept[place].lives(now)));
        assert!(out.count() <= client.window as usize, "more than the window is out");
    }

    /// What a session has acknowledged, after the server had the time to read that. `certain`: it was there to do so.
    pub fn acknowledged(&mut self, client: &Client, certain: bool, now: Millis) {
        for (_, place) in client.delivered.iter().filter(|(seq, _)| *seq <= client.acknowledged) {
            let Some(kept) = place.and_then(|place| self.kept.get_mut(place)) else { continue };
            kept.perhaps_acknowledged = true;
            // It may have expired before.
            kept.acknowledged |= certain && kept.lives(now);
            kept.tells |= client.receipts;
        }
    }

    /// A receipt.
    pub fn receipt(&mut self, client: &Client, frame: &Value, now: Millis) {
        let to = number_of(&frame["to"]);
        let id = frame["id"].as_str().expect("an id");
        let delivered = match frame["status"].as_str() {
            Some("delivered") => true,
            Some("expired") => false,
            _ => panic!("an unknown status"),
        };
        let mut kept = self
            .kept
            .iter_mut()
            .filter(|kept| kept.sent.from == client.who && kept.sent.to == to && kept.sent.id == id && !kept.told);
        // Of those that were sent under the same id one after the other, the oldest ends first; but one whose answer
        // nobody read is written down late.
        let over = |kept: &Kept| kept.expires_at.is_none_or(|end| end <= now.plus(SLACK));
        let ends = |kept: &&mut Kept| {
            if delivered { kept.perhaps_acknowledged && kept.tells } else { !kept.acknowledged && over(kept) }
        };
        match kept.find(ends) {
            Some(kept) => kept.told = true,
            None => assert!(self.unsure.contains(&client.who) || self.unsure.contains(&to), "a receipt for nothing"),
        }
    }

    /// What must still come to this client, and has not in this session.
    pub fn misses(&self, client: &Client, now: Millis) -> usize {
        let came = |place: usize| client.delivered.iter().any(|(_, other)| *other == Some(place));
        let waits = self.kept.iter().enumerate().filter(|(_, kept)| {
            kept.sent.to == client.who && kept.certain && kept.lives(now) && !kept.perhaps_acknowledged
        });
        waits.filter(|(place, _)| !came(*place)).count()
    }

    /// Messages that wait at the end, when everybody who is ever there has acknowledged everything.
    pub fn leftovers(&self, nobody: u8, now: Millis) -> Option<(usize, usize)> {
        self.unsure.is_empty().then(|| self.waiting(nobody, now))
    }
}

fn number_of(fingerprint: &Value) -> u8 {
    (1..=4).find(|&number| *fingerprint == *rig::fingerprint(number)).unwrap_or(0)
}
