//! The cards of one link: one's own, and what is known of the other side's.
//!
//! *Plain* cards change about once an hour of conversation and are what texts are sealed to.
//! *Roots* change once a week; resets and nudges go to them, and they alone have prekeys.

use serde::{Deserialize, Serialize};

use crate::bytes::Key;
use crate::card::{Card, CardKeys, Hint, Route, hint};
use crate::clock::{DAY, HOUR};
use crate::identity::Prekey;
use crate::profile::ProfileState;

pub(crate) mod theirs;

const PLAIN_LIFE: u64 = HOUR;
const PLAIN_USES: u32 = 20;
const ROOT_LIFE: u64 = 7 * DAY;
/// How long a plain card is kept after a newer one was used.
const PLAIN_GRACE: u64 = DAY;
/// How long a root is kept after the next one was used, and a mailbox after a card on the next one
/// was.
pub(crate) const ROOT_GRACE: u64 = 8 * DAY;
const MAX_PLAIN: usize = 8;
const MAX_ROOTS: usize = 3;

/// Holds a card of one's own.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OwnCard {
    /// Counts the cards of a link in the order in which they were made.
    pub(crate) serial: u64,
    no: u64,
    pub(crate) keys: CardKeys,
    pub(crate) mailbox: Key,
    /// When it was made, by `age`.
    made: u64,
    /// When it was used first, by `elapsed`.
    used: Option<u64>,
    uses: u32,
    /// Since when a newer card is in use, by `age`.
    superseded: Option<u64>,
    /// Roots have one.
    pub(crate) prekey: Option<Prekey>,
}

/// Holds the cards of one's own, each kind from the oldest to the newest.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct OwnCards {
    plain: Vec<OwnCard>,
    roots: Vec<OwnCard>,
    next_serial: u64,
    last_no: u64,
    /// Whether a new root is due since a reset used one.
    pub(crate) root_wanted: bool,
    /// Whether the next message tells a new plain card in any case: the other side may have lost
    /// all it knew.
    pub(crate) fresh_wanted: bool,
    /// Which kind goes first if both are to be told.
    turn: bool,
}

/// Says which card goes with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attach {
    /// Whatever the other side was not seen to use yet.
    Due,
    /// A plain card that is newer than any the other side can know.
    FreshPlain,
    /// The newest root.
    Root,
}

impl OwnCards {
    fn make(&mut self, mailbox: Key, prekey: Option<Prekey>, profile: &ProfileState) -> OwnCard {
        self.next_serial += 1;
        OwnCard {
            serial: self.next_serial,
            no: self.next_no(profile),
            keys: CardKeys::generate(),
            mailbox,
            made: profile.clock.age,
            used: None,
            uses: 0,
            superseded: None,
            prekey,
        }
    }

    /// Makes all cards from now on newer than one that the other side may have of elsewhere.
    pub(crate) fn follow_on(&mut self, no: u64) {
        self.last_no = self.last_no.max(no);
    }

    fn next_no(&mut self, profile: &ProfileState) -> u64 {
        self.last_no = profile.clock.wall.max(self.last_no.saturating_add(1));
        self.last_no
    }

    /// Makes a new root on a mailbox.
    pub(crate) fn renew_root(&mut self, mailbox: Key, profile: &mut ProfileState) {
        let prekey = Prekey::generate(&profile.identity);
        let root = self.make(mailbox, Some(prekey), profile);
        self.roots.push(root);
        self.root_wanted = false;
        if self.roots.len() > MAX_ROOTS {
            // The other side surely knows the first, and is being told of the last.
            let dropped = self.roots.remove(1);
            profile.retire_hint(&dropped.mailbox, hint(dropped.keys.id()));
        }
    }

    fn renew_plain(&mut self, mailbox: Key, profile: &mut ProfileState) {
        let plain = self.make(mailbox, None, profile);
        self.plain.push(plain);
        if self.plain.len() > MAX_PLAIN {
            let dropped = self.plain.remove(0);
            profile.retire_hint(&dropped.mailbox, hint(dropped.keys.id()));
        }
    }

    /// Makes the cards that are due.
    pub(crate) fn rotate(&mut self, mailbox: Key, profile: &mut ProfileState) {
        let root_used = self.roots.last().is_some_and(|root| root.used.is_some());
        let old = self.roots.last().is_none_or(|root| profile.clock.age >= root.made + ROOT_LIFE);
        let moved = self.roots.last().is_none_or(|root| root.mailbox != mailbox);
        let told = self.plain.last().is_some_and(|plain| plain.used.is_some());
        if moved || (root_used && (old || (self.root_wanted && told))) {
            self.renew_root(mailbox, profile);
        }
        // A root that was used is superseded at once; before that, texts have nothing better.
        let due = match self.plain.last() {
            None => self.roots.iter().any(|root| root.used.is_some()),
            Some(plain) => plain.is_due(profile.clock.elapsed) || (plain.mailbox != mailbox && root_used),
        };
        if due {
            self.renew_plain(mailbox, profile);
        }
    }

    /// Returns the card to send with a message.
    pub(crate) fn attach(&mut self, how: Attach, mailbox: Key, profile: &mut ProfileState) -> Option<(Card, u64)> {
        self.rotate(mailbox, profile);
        match how {
            Attach::Root => self.root_card(profile),
            Attach::FreshPlain => {
                let unused = self.plain.last().is_some_and(|plain| plain.used.is_none() && plain.mailbox == mailbox);
                if unused {
                    let no = self.next_no(profile);
                    self.plain.last_mut()?.no = no;
                } else {
                    self.renew_plain(mailbox, profile);
                }
                self.plain_card(profile)
            }
            Attach::Due => {
                let plain = self.plain.last().is_some_and(|plain| plain.used.is_none());
                let root = self.roots.last().is_some_and(|root| root.used.is_none());
                self.turn = !self.turn;
                match (plain, root) {
                    (true, true) if self.turn => self.plain_card(profile),
                    (true, false) => self.plain_card(profile),
                    (_, true) => self.root_card(profile),
                    (false, false) => None,
                }
            }
        }
    }

    fn plain_card(&self, profile: &ProfileState) -> Option<(Card, u64)> {
        let plain = self.plain.last()?;
        // The other side knows the route if it used a root that has it. While it is told of another
        // mailbox, nobody could tell whose route a card without one takes.
        let present = self.roots.last().is_some_and(|root| root.mailbox == plain.mailbox);
        let known = self.roots.iter().any(|root| root.mailbox == plain.mailbox && root.used.is_some());
        plain.card(!(present && known), profile)
    }

    fn root_card(&self, profile: &ProfileState) -> Option<(Card, u64)> {
        self.roots.last()?.card(true, profile)
    }

    fn all(&self) -> impl Iterator<Item = &OwnCard> {
        self.plain.iter().chain(&self.roots)
    }

    /// Returns the cards on a mailbox that an envelope may be sealed to.
    pub(crate) fn with_hint(&self, mailbox: &Key, shown: Hint) -> impl Iterator<Item = &OwnCard> {
        self.all().filter(move |card| card.mailbox == *mailbox && hint(card.keys.id()) == shown)
    }

    /// Returns the prekey with a public half.
    pub(crate) fn prekey(&mut self, public: &Key) -> Option<&mut Prekey> {
        self.roots.iter_mut().filter_map(|root| root.prekey.as_mut()).find(|prekey| prekey.public() == *public)
    }

    /// Takes note that a message decrypted that was sealed to a card.
    pub(crate) fn used(&mut self, serial: u64, profile: &mut ProfileState) {
        let age = profile.clock.age;
        let elapsed = profile.clock.elapsed;
        let cards = self.plain.iter_mut().chain(&mut self.roots);
        let Some(card) = cards.into_iter().find(|card| card.serial == serial) else { return };
        card.uses = card.uses.saturating_add(1);
        card.used.get_or_insert(elapsed);
        let root = card.prekey.is_some();
        let mailbox = card.mailbox;
        let kind = if root { &mut self.roots } else { &mut self.plain };
        for older in kind.iter_mut().filter(|card| card.serial < serial) {
            older.superseded.get_or_insert(age);
        }
        if !root {
            for older in self.mailboxes_before(&mailbox) {
                profile.retire_mailbox(&older, age + ROOT_GRACE);
            }
        }
    }

    /// Returns the mailboxes that have been moved away from to this one.
    fn mailboxes_before(&self, mailbox: &Key) -> Vec<Key> {
        let newest = |mailbox: &Key| {
            let roots = self.roots.iter().filter(|root| root.mailbox == *mailbox);
            roots.map(|root| root.serial).max()
        };
        let present = newest(mailbox);
        let others = self.all().map(|card| card.mailbox);
        others.filter(|other| other != mailbox && newest(other) < present).collect()
    }

    /// Deletes what is old, and all that is on mailboxes that are gone.
    pub(crate) fn prune(&mut self, profile: &mut ProfileState) {
        let age = profile.clock.age;
        for (cards, grace) in [(&mut self.plain, PLAIN_GRACE), (&mut self.roots, ROOT_GRACE)] {
            cards.retain(|card| {
                let old = card.superseded.is_some_and(|since| age >= since + grace);
                let keep = !old && profile.mailbox(&card.mailbox).is_some();
                if !keep {
                    profile.retire_hint(&card.mailbox, hint(card.keys.id()));
                }
                keep
            });
        }
    }

    #[cfg(test)]
    pub(crate) fn mailboxes_of_roots(&self) -> Vec<Key> {
        self.roots.iter().map(|root| root.mailbox).collect()
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.plain.len(), self.roots.len())
    }
}

impl OwnCard {
    fn is_due(&self, elapsed: u64) -> bool {
        let old = self.used.is_some_and(|used| elapsed >= used.saturating_add(PLAIN_LIFE));
        old || self.uses >= PLAIN_USES
    }

    fn card(&self, route: bool, profile: &ProfileState) -> Option<(Card, u64)> {
        let authority = &profile.mailbox(&self.mailbox)?.authority;
        let route = route.then(|| Route { mailbox: self.mailbox, authority: profile.moves.present(authority) });
        let prekey = self.prekey.as_ref().map(Prekey::public);
        let card = Card {
            no: self.no,
            root: prekey.is_some(),
            psk: self.keys.psk().clone(),
            kem: self.keys.kem(),
            prekey,
            route,
        };
        Some((card, self.serial))
    }
}
