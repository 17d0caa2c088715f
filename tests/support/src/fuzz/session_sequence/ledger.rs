//! What was sent, and what became of it, as far as answers, deliveries and receipts tell.
//!
//! A client that does not read, or is gone, leaves open what became of its last messages. Nothing
//! is guessed about these: each stays [`Fate::Unknown`] until something tells. It can, because no
//! two messages have the same content, and because every time that this server writes is exact: the
//! time to live before `expires_at` a message was accepted, and from then on until `expires_at` no
//! other of its sender and id can have been.

use std::sync::LazyLock;

use ephemeral_core::protocol::WallTime;
use serde_json::Value;

use super::client::{Client, Delivery, Owed};
use super::sent::{Fate, SLACK, Sent};
use super::{CORRESPONDENT_SHARE, FROM_STRANGERS, MAILBOX, SHARE};
use crate::rig;

/// Everything that was ever sent, in that order.
#[derive(Default)]
pub(super) struct Ledger {
    sent: Vec<Sent>,
    receipts: Vec<Receipt>,
    /// The pairs of whom one is said to have had no room in the other's mailbox, at some time after
    /// this one.
    full: Vec<(u8, u8, WallTime)>,
}

/// What a sender was told.
struct Receipt {
    from: u8,
    to: u8,
    id: String,
    at: WallTime,
    expired: bool,
}

impl Receipt {
    /// Returns whether it is of this message, as far as that is known. It is of no other: their
    /// times do not overlap.
    fn is_of(&self, sent: &Sent) -> bool {
        let ends = sent.end().is_some_and(|end| if self.expired { end == self.at } else { end > self.at });
        sent.is_called(self.from, &self.id) && sent.to == self.to && ends && sent.accepted_at() <= Some(self.at)
    }
}

impl Ledger {
    /// Writes a message down that is sent now, and returns its place.
    pub(super) fn sends(&mut self, sent: Sent) -> usize {
        self.sent.push(sent);
        self.sent.len() - 1
    }

    /// Returns how many were sent.
    pub(super) fn len(&self) -> usize {
        self.sent.len()
    }

    /// Returns the message of this id that is known to be kept for some time yet.
    pub(super) fn kept(&self, from: u8, id: &str, now: WallTime) -> Option<&Sent> {
        self.sent.iter().find(|sent| sent.is_called(from, id) && sent.end().is_some_and(|end| end > now.plus(SLACK)))
    }

    /// Notes that these were read by now, if they ever are.
    pub(super) fn not_read_after(&mut self, places: impl IntoIterator<Item = usize>, now: WallTime) {
        for place in places {
            self.sent[place].read_by.get_or_insert(now);
        }
    }

    /// Returns how many of a client's messages wait: at least, and at most.
    pub(super) fn waiting(&self, who: u8, now: WallTime) -> (usize, usize) {
        let own = || self.sent.iter().filter(|sent| sent.to == who);
        (own().filter(|sent| sent.waits(now)).count(), own().filter(|sent| sent.may_wait(now)).count())
    }

    /// Notes that the message at this place was kept, until `end`.
    fn keep(&mut self, place: usize, end: WallTime, now: WallTime) {
        let sent = &self.sent[place];
        match sent.fate {
            Fate::Kept(known) => return assert_eq!(known, end, "it expires at another time"),
            Fate::Refused => panic!("kept, and yet refused"),
            Fate::Duplicate => panic!("kept, and yet a duplicate"),
            Fate::Unknown => assert!(sent.may_have_been_kept(end, now), "kept, against the rules"),
        }
        self.sent[place].fate = Fate::Kept(end);
        let kept = &self.sent[place];
        for (other, its) in self.sent.iter().enumerate().filter(|(other, its)| *other != place && its.from == kept.from)
        {
            let (first, second) = if other < place { (its, kept) } else { (kept, its) };
            let (Some(first_end), Some(accepted)) = (first.end(), second.accepted_at()) else { continue };
            assert!(first.accepted_at() <= Some(accepted), "accepted in another order");
            assert!(first.id != second.id || first_end <= accepted, "a known id is taken for a new one");
        }
    }

    /// Checks that a message of this sender and id ends then and was sent before the place. `None`
    /// if none can be.
    fn ends_then(&mut self, from: u8, id: &str, end: WallTime, before: usize, now: WallTime) -> Option<()> {
        let older = || (0..before).filter(|&place| self.sent[place].is_called(from, id));
        if older().any(|place| self.sent[place].end() == Some(end)) {
            return Some(());
        }
        let mut possible = older().filter(|&place| self.sent[place].may_have_been_kept(end, now));
        let only = possible.next()?;
        if possible.next().is_none() {
            self.keep(only, end, now);
        }
        Some(())
    }
}

/// What the server says.
impl Ledger {
    /// Checks the answer to a frame.
    pub(super) fn answer(&mut self, client: &mut Client, frame: &Value, now: WallTime) {
        let code = frame["code"].as_str();
        let id = frame["id"].as_str();
        let end = WallTime::parse(frame["expires_at"].as_str().unwrap_or_default());
        let duplicate = frame["duplicate"].as_bool().unwrap_or_default();
        match client.answered() {
            Owed::Error(expected, of) => {
                assert_eq!(code.map(Value::from), Some(serde_json::to_value(expected).unwrap()), "another error");
                assert_eq!(id, of.as_deref(), "an error carries the id");
            }
            Owed::NothingKept { id: of, before, at } => {
                assert_eq!(id, of.as_deref(), "an answer carries the id");
                if code.is_none() {
                    assert!(duplicate, "accepted, whatever it was");
                    self.duplicate(client.who, id.unwrap_or_default(), end, (before, at), now);
                }
            }
            Owed::Message(place) => {
                let sent = &self.sent[place];
                assert_eq!(id, Some(&*sent.id), "answers come in the order of the frames");
                match code {
                    Some(code) => self.refused(place, code, now),
                    None if duplicate => {
                        assert!(matches!(sent.fate, Fate::Unknown), "a duplicate, and yet kept");
                        let from = sent.from;
                        let id = sent.id.clone();
                        let at = sent.sent_at;
                        self.sent[place].fate = Fate::Duplicate;
                        self.duplicate(from, &id, end, (place, at), now);
                    }
                    None => self.keep(place, end.expect("a time"), now),
                }
            }
        }
    }

    /// Checks that a message before this place has this id, and had it still at this time.
    fn duplicate(&mut self, from: u8, id: &str, end: Option<WallTime>, (before, at): (usize, WallTime), now: WallTime) {
        let end = end.expect("a time");
        assert!(end > at, "an id is known longer than it should be");
        self.ends_then(from, id, end, before, now).expect("a duplicate of nothing");
    }

    fn refused(&mut self, place: usize, code: &str, now: WallTime) {
        let sent = &self.sent[place];
        assert!(matches!(sent.fate, Fate::Unknown), "refused, and yet kept");
        assert_eq!(code, sent.error().unwrap_or("mailbox_full"), "another error");
        if code == "mailbox_full" {
            self.full.push((sent.from, sent.to, sent.sent_at));
        }
        let known = self.sent[..place]
            .iter()
            .any(|older| older.is_called(sent.from, &sent.id) && older.end().is_some_and(|end| end > now));
        assert!(!known, "a known id is refused");
        self.sent[place].fate = Fate::Refused;
    }

    /// Checks, once all answers were read, that what is said to have been full may have been.
    pub(super) fn check_full(&mut self) {
        for (from, to, since) in std::mem::take(&mut self.full) {
            let counted = || self.sent.iter().filter(|sent| sent.to == to && sent.may_count(since));
            let most = counted().count();
            let own = counted().filter(|sent| sent.from == from).count();
            let room = if from == to { MAILBOX } else { FROM_STRANGERS };
            assert!(most >= room || (from != to && own >= SHARE), "full with {most} messages, {own} of them its own");
        }
    }

    /// Checks `pending` of a `welcome`.
    pub(super) fn check_pending(&self, who: u8, pending: usize, now: WallTime) {
        let (least, most) = self.waiting(who, now);
        assert!((least..=most).contains(&pending), "{pending} are pending, where {least} to {most} wait");
    }

    /// Checks a message for a client.
    pub(super) fn delivered(&mut self, client: &mut Client, frame: &Value, now: WallTime) {
        assert_eq!(number_of(&frame["to"]), client.who, "somebody else's message");
        let from = number_of(&frame["from"]);
        // One that was sent twice is kept once: the first time.
        let is_it = |sent: &Sent| {
            sent.is_called(from, frame["id"].as_str().unwrap_or_default())
                && sent.to == client.who
                && frame["content"] == *sent.content
        };
        let place = self.sent.iter().position(is_it).expect("a message that nobody sent");
        let end = WallTime::parse(frame["expires_at"].as_str().expect("a time")).expect("a time");
        self.keep(place, end, now);

        let sent = &mut self.sent[place];
        let accepted_at = sent.accepted_at().expect("it was kept");
        assert_eq!(frame["timestamp"], accepted_at.to_string(), "not the time when it was accepted");
        assert!(end > client.since, "delivered after its time");
        assert!(sent.taken_by.is_none_or(|at| at > client.since), "delivered again after it was acknowledged");
        let direct = frame["delivery_type"] == "direct";
        let again = sent.seq.is_some();
        assert!(direct || again || accepted_at <= client.online_since, "it has not waited for anybody");
        assert!(!(direct && again) || client.was_deaf, "it was delivered before");
        let seq = frame["seq"].as_u64().expect("a number");
        assert!(seq < 1 << 53 && *sent.seq.get_or_insert(seq) == seq, "another `seq`");
        assert!(client.delivered.last().is_none_or(|last| last.seq < seq), "`seq` does not rise");
        let in_time = if client.caught_up { accepted_at >= client.joined } else { accepted_at <= client.joined };
        assert!(in_time, "`caught_up` is not where it should be");

        let mut earlier = client.delivered.iter().map(|delivery| (delivery.place, &self.sent[delivery.place]));
        let in_order = |(other, sent): (usize, &Sent)| {
            sent.accepted_at() <= Some(accepted_at) && (sent.from != from || other < place)
        };
        assert!(earlier.all(in_order), "out of order, or twice in one session");
        client.delivered.push(Delivery { seq, place });
        assert!(self.out(client, now) <= client.window as usize, "more than the window is out");
    }

    /// Returns how many messages are out, at most a moment ago.
    fn out(&self, client: &Client, then: WallTime) -> usize {
        let out = client.delivered.iter().filter(|delivery| delivery.seq > client.acknowledged);
        out.filter(|delivery| self.sent[delivery.place].end() > Some(then)).count()
    }

    /// Notes that a client has taken what it was sent, up to where it has acknowledged.
    pub(super) fn acknowledged(&mut self, client: &Client, now: WallTime) {
        for delivery in client.taken() {
            let sent = &mut self.sent[delivery.place];
            sent.taken_from.get_or_insert(now);
            *(if client.receipts { &mut sent.may_tell } else { &mut sent.may_be_silent }) = true;
        }
    }

    /// Checks a receipt.
    pub(super) fn receipt(&mut self, client: &Client, frame: &Value, now: WallTime) {
        let receipt = Receipt {
            from: client.who,
            to: number_of(&frame["to"]),
            id: frame["id"].as_str().expect("an id").to_owned(),
            at: WallTime::parse(frame["at"].as_str().expect("a time")).expect("a time"),
            expired: match frame["status"].as_str() {
                Some("delivered") => false,
                Some("expired") => true,
                _ => panic!("an unknown status"),
            },
        };
        if receipt.expired {
            let known = self.ends_then(client.who, &receipt.id, receipt.at, self.sent.len(), now);
            known.expect("a receipt for nothing");
        }
        match self.sent.iter().find(|sent| receipt.is_of(sent)) {
            Some(sent) => {
                let told = self.receipts.iter().any(|receipt| receipt.is_of(sent));
                assert!(!told, "told twice");
                if receipt.expired {
                    let secret = sent.may_be_silent;
                    assert!(secret || sent.taken_by.is_none_or(|by| by >= receipt.at), "it had been acknowledged");
                } else {
                    let said = sent.taken_from.is_some_and(|from| from <= receipt.at);
                    assert!(sent.may_tell && said, "nobody has acknowledged it");
                }
            }
            // It is one of several, and it will be known which when their answers are read, if they
            // ever are.
            None => assert!(receipt.expired, "a receipt for nothing"),
        }
        self.receipts.push(receipt);
    }
}

/// What holds whenever everybody who reads has read everything.
impl Ledger {
    /// Notes that a session still is one, and has nothing left to read: so the server has read all
    /// that it said, too.
    pub(super) fn settled(&mut self, client: &Client, now: WallTime) {
        for delivery in client.taken() {
            let sent = &mut self.sent[delivery.place];
            // It may have expired before.
            if sent.end() > Some(now) {
                sent.taken_by.get_or_insert(now);
            }
        }
        assert_eq!(client.owed(), 0, "a frame was not answered");
        // For certain there is room in the window.
        if self.out(client, WallTime(now.0 - SLACK)) < client.window as usize {
            assert!(client.caught_up, "`caught_up` does not come");
            let came = |place| client.delivered.iter().any(|delivery| delivery.place == place);
            let mut sent = self.sent.iter().enumerate();
            let missing = sent.any(|(place, sent)| sent.to == client.who && sent.waits(now) && !came(place));
            assert!(!missing, "what was accepted does not come");
        }
        let due = |sent: &&Sent| sent.from == client.who && sent.is_over_since(client.online_since, now);
        let told = |sent| self.receipts.iter().any(|receipt| receipt.is_of(sent));
        assert!(self.sent.iter().filter(due).all(told), "a receipt does not come");
    }

    /// Checks how many messages wait in all.
    pub(super) fn check_all(&self, waiting: usize, now: WallTime) {
        let each = (1..=4).map(|who| self.waiting(who, now));
        let (least, most) = each.fold((0, 0), |(least, most), each| {
            assert!(each.0 <= MAILBOX, "{} messages in a mailbox", each.0);
            (least + each.0, most + each.1)
        });
        assert!((least..=most).contains(&waiting), "{waiting} messages wait, and not {least} to {most}");
        for (from, to) in (1..=3).flat_map(|from| (1..=4).map(move |to| (from, to))).filter(|(from, to)| from != to) {
            let counts = |sent: &&Sent| sent.from == from && sent.to == to && sent.counts(now);
            let share = self.sent.iter().filter(counts).count();
            let wrote = self.sent.iter().any(|sent| sent.from == to && sent.to == from);
            let most = if wrote { CORRESPONDENT_SHARE } else { SHARE };
            assert!(share <= most, "{share} messages of one sender in a mailbox");
        }
    }
}

fn number_of(fingerprint: &Value) -> u8 {
    static KNOWN: LazyLock<Vec<String>> = LazyLock::new(|| (1..=4).map(rig::fingerprint).collect());
    (1..).zip(&*KNOWN).find(|(_, known)| *fingerprint == **known).map_or(0, |(number, _)| number)
}
