//! What all conversations of a profile share: identity, clock, mailboxes, and the queue of effects.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::authority::Authority;
use crate::bytes::{Key, Secret};
use crate::card::Hint;
use crate::clock::{DAY, ProfileClock, SECOND};
use crate::effect::{Effect, Event, LinkId};
use crate::files::FilesOnTheWay;
use crate::group::offers::Offers;
use crate::identity::IdentityKeys;
use crate::mailbox::{Mailbox, Owner};
use crate::random::CoreJitter;
use crate::roster::GroupId;
use crate::servers::{Here, Moves};

/// Bounds what waits to be shown. Nothing more is received then.
pub(crate) const MAX_INBOX: usize = 8_192;
/// Bounds the bytes of texts and files in it.
const MAX_INBOX_BYTES: usize = 16 << 20;
/// Bounds the texts of one contact or member in it, and their bytes: or one could keep the others'
/// from coming. A text beyond is repeated by its sender.
const MAX_TEXTS: (usize, usize) = (1_024, 2 << 20);
/// The bounds of the wait before a frame is acknowledged to the server.
const SERVER_ACK: (u64, u64) = (300, 3 * SECOND);

/// Counts what was dropped without any reaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Frames for mailboxes that are not known, or whose `content` is no envelope.
    pub malformed: u64,
    /// Envelopes that came before.
    pub repeated: u64,
    /// Envelopes for no known card, or that do not open.
    pub not_authentic: u64,
    /// Envelopes that open, but hold nothing that could be taken.
    pub refused: u64,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct ProfileState {
    pub(crate) identity: IdentityKeys,
    /// One's own server, by its present name.
    pub(crate) authority: Authority,
    /// Its first name, if it moved: which moves are known can change.
    #[serde(default)]
    home: Option<Authority>,
    #[serde(skip)]
    pub(crate) moves: Moves,
    /// The name that one tells one's contacts.
    pub(crate) name: String,
    pub(crate) clock: ProfileClock,
    pub(crate) jitter: CoreJitter,
    pub(crate) mailboxes: Vec<Mailbox>,
    pub(crate) dropped: Dropped,
    #[serde(default)]
    pub(crate) offers: Offers,
    #[serde(default)]
    pub(crate) files: FilesOnTheWay,
    inbox: BTreeMap<u64, Event>,
    next_id: u64,
    /// When the user was told last that clock and server disagree, by `elapsed`.
    #[serde(default)]
    dispute_told: Option<u64>,
    #[serde(skip)]
    pub(crate) effects: Vec<Effect>,
}

impl ProfileState {
    pub(crate) fn new(authority: Authority, name: String, wall: u64) -> Self {
        Self {
            identity: IdentityKeys::generate(),
            authority,
            home: None,
            moves: Moves::default(),
            name,
            clock: ProfileClock::new(wall),
            jitter: CoreJitter::new(Secret::random()),
            mailboxes: Vec::new(),
            dropped: Dropped::default(),
            offers: Offers::default(),
            files: FilesOnTheWay::default(),
            inbox: BTreeMap::new(),
            next_id: 1,
            dispute_told: None,
            effects: Vec::new(),
        }
    }

    /// Goes by these moves of servers from now on.
    pub(crate) fn follow(&mut self, moves: Moves) {
        let home = self.home.clone().unwrap_or_else(|| self.authority.clone());
        self.authority = moves.present(&home);
        self.home = Some(home).filter(|home| *home != self.authority);
        for effect in &mut self.effects {
            match effect {
                Effect::Open(access) => access.authority = moves.present(&access.authority),
                Effect::Send { frame, .. } => frame.authority = moves.present(&frame.authority),
                Effect::Acknowledge { .. } | Effect::Close(_) | Effect::Show { .. } => {}
            }
        }
        self.moves = moves;
    }

    /// Returns what names of servers are compared with.
    pub(crate) fn here(&self) -> Here<'_> {
        Here::new(&self.authority, &self.moves)
    }

    /// Tells whether a mailbox was announced under a name that its server has no more.
    pub(crate) fn has_moved_from(&self, mailbox: &Key) -> bool {
        self.mailbox(mailbox).is_some_and(|own| own.authority != self.authority)
    }

    /// Returns a number that was not returned before.
    pub(crate) fn next_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// Puts an event into the inbox, from which [`Self::shown`] takes it.
    pub(crate) fn tell(&mut self, event: Event) {
        let id = self.next_id();
        self.inbox.insert(id, event.clone());
        self.effects.push(Effect::Show { id, event });
    }

    /// Tells what is still true, unless it waits to be shown already.
    pub(crate) fn tell_once(&mut self, event: Event) {
        if !self.inbox.values().any(|waiting| *waiting == event) {
            self.tell(event);
        }
    }

    /// Tells of an invitation to a group that is among the offers. No more of them wait to be shown
    /// than are kept, however often a contact invites, and under however many names.
    pub(crate) fn tell_offer(&mut self, offer: Event) {
        let offers = &self.offers;
        let is_old = |event: &Event| match event {
            Event::GroupOffer { group, admin, name } => !offers.has(group, *admin, name),
            _ => false,
        };
        self.inbox.retain(|_, event| !is_old(event));
        self.tell_once(offer);
    }

    /// Tells who is in a group. Only the latest waits to be shown, however often an admin changes
    /// it.
    pub(crate) fn tell_members(&mut self, group: GroupId, members: Vec<Key>) {
        self.inbox.retain(|_, event| !matches!(event, Event::GroupMembers { group: known, .. } if *known == group));
        self.tell(Event::GroupMembers { group, members });
    }

    /// Tells that clock and server disagree, once a day: each mailbox's connection sees it.
    pub(crate) fn tell_dispute(&mut self) {
        let elapsed = self.clock.elapsed;
        if self.dispute_told.is_none_or(|told| elapsed >= told + DAY) {
            self.dispute_told = Some(elapsed);
            self.tell_once(Event::ClockDisputed);
        }
    }

    pub(crate) fn shown(&mut self, id: u64) {
        self.inbox.remove(&id);
    }

    /// Returns how many such events wait to be shown.
    #[cfg(test)]
    pub(crate) fn waiting(&self, such: impl Fn(&Event) -> bool) -> usize {
        self.inbox.values().filter(|event| such(event)).count()
    }

    pub(crate) fn inbox_is_full(&self) -> bool {
        let bytes: usize = self.inbox.values().map(Event::weight).sum();
        self.inbox.len() >= MAX_INBOX || bytes >= MAX_INBOX_BYTES
    }

    /// Tells whether one more text of a contact, or of a member of a group, may wait to be shown.
    pub(crate) fn has_room_for_text(&self, link: LinkId, member: Option<(GroupId, Key)>) -> bool {
        let of_it = |event: &&Event| match event {
            Event::Text { link: from, .. } => *from == link,
            Event::GroupText { group, member: from, .. } => member == Some((*group, *from)),
            _ => false,
        };
        let mut texts = 0;
        let mut bytes = 0;
        for event in self.inbox.values().filter(of_it) {
            texts += 1;
            bytes += event.weight();
        }
        texts < MAX_TEXTS.0 && bytes < MAX_TEXTS.1
    }

    /// Repeats what the process before this one may not have got round to.
    pub(crate) fn reopen(&mut self) {
        for mailbox in &self.mailboxes {
            self.effects.push(Effect::Open(mailbox.access(&self.clock)));
        }
        for (id, event) in &self.inbox {
            self.effects.push(Effect::Show { id: *id, event: event.clone() });
        }
    }

    pub(crate) fn acknowledge(&mut self, mailbox: Key, seq: u64) {
        let after_ms = self.jitter.uniform(SERVER_ACK.0, SERVER_ACK.1);
        self.effects.push(Effect::Acknowledge { mailbox, seq, after_ms });
    }

    pub(crate) fn open_mailbox(&mut self, owner: Owner, authority: &Authority) -> Key {
        let mailbox = Mailbox::generate(owner, authority, &self.clock, &mut self.jitter);
        let key = mailbox.key;
        self.effects.push(Effect::Open(mailbox.access(&self.clock)));
        self.mailboxes.push(mailbox);
        key
    }

    pub(crate) fn mailbox(&self, key: &Key) -> Option<&Mailbox> {
        self.mailboxes.iter().find(|mailbox| mailbox.key == *key)
    }

    pub(crate) fn mailbox_mut(&mut self, key: &Key) -> Option<&mut Mailbox> {
        self.mailboxes.iter_mut().find(|mailbox| mailbox.key == *key)
    }

    pub(crate) fn retire_hint(&mut self, mailbox: &Key, hint: Hint) {
        if let Some(mailbox) = self.mailbox_mut(mailbox) {
            mailbox.retire_hint(hint);
        }
    }

    /// Gives up a contact's mailbox at an age, unless that was decided before. A group's is the
    /// group's matter.
    pub(crate) fn retire_mailbox(&mut self, key: &Key, at: u64) {
        let mailbox = self.mailbox_mut(key).filter(|mailbox| matches!(mailbox.owner, Owner::Contact(_)));
        if let Some(mailbox) = mailbox {
            mailbox.retire_at.get_or_insert(at);
        }
    }

    /// Gives up all mailboxes of an owner at an age.
    pub(crate) fn retire_owned(&mut self, owner: Owner, at: u64) {
        for mailbox in self.mailboxes.iter_mut().filter(|mailbox| mailbox.owner == owner) {
            mailbox.retire_at.get_or_insert(at);
        }
    }

    /// Gives up all mailboxes of an owner at an age, or earlier if that was decided before.
    pub(crate) fn retire_owned_by(&mut self, owner: Owner, at: u64) {
        for mailbox in self.mailboxes.iter_mut().filter(|mailbox| mailbox.owner == owner) {
            mailbox.retire_at = Some(mailbox.retire_at.map_or(at, |before| before.min(at)));
        }
    }

    pub(crate) fn close_mailboxes(&mut self, out: impl Fn(&Mailbox) -> bool) {
        let effects = &mut self.effects;
        self.mailboxes.retain(|mailbox| {
            let close = out(mailbox);
            if close {
                effects.push(Effect::Close(mailbox.key));
            }
            !close
        });
    }

    /// Deletes what is old.
    pub(crate) fn prune(&mut self) {
        let age = self.clock.age;
        self.close_mailboxes(|mailbox| mailbox.retire_at.is_some_and(|at| at <= age));
        for mailbox in &mut self.mailboxes {
            mailbox.prune(&self.clock);
        }
    }
}

mod files;
#[cfg(test)]
mod tests;
