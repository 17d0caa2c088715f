//! A link: the conversation of two identities.
//!
//! Sending and receiving have files of their own; this one holds the state of a link and what
//! drives it.

use serde::{Deserialize, Serialize};

use crate::authority::Authority;
use crate::bytes::{Key, text};
use crate::clock::{DAY, MINUTE, SECOND};
use crate::effect::{Frame, FrameId, LinkId};
use crate::envelope::NUMBER_LIMIT;
use crate::invite::DoorCard;
use crate::profile::ProfileState;
use crate::roster::GroupId;
use crate::servers::Moves;

pub(crate) mod cards;
mod content;
pub(crate) mod delivery;
mod ended;
mod frames;
pub(crate) mod healing;
mod moves;
pub mod outbox;
mod outcome;
pub(crate) mod pseudonym;
pub(crate) mod receive;
pub mod received;
pub(crate) mod send;
pub(crate) mod sessions;

use cards::OwnCards;
use cards::theirs::PeerCards;
use delivery::Transit;
use ended::EndedFiles;
use healing::{AwaitedAnswer, Healing};
use outbox::ContentOutbox;
use received::{AckPace, Received};
use sessions::Sessions;

/// How long texts wait for a plain card after a reset, before they are sealed to a root.
const PLAIN_WAIT: u64 = 10 * MINUTE;
/// The longest time between two questions whether a contact may move.
const MOVE_QUESTION: u64 = 7 * DAY;
/// How often a mailbox is replaced.
const MAILBOX_LIFE: u64 = 30 * DAY;
/// The longest wait before a frame leaves that no user is waiting for: as long as the time between
/// two looks at what is due.
pub(crate) const SPREAD: u64 = 30 * SECOND;
/// The time over which a text goes out to the members of a group.
const GROUP_SPREAD: u64 = 5 * SECOND;
/// Bounds the frames of one link that no server accepted yet.
const MAX_FRAMES: usize = 128;

/// Says whose link it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LinkKind {
    Contact,
    Member(GroupId),
}

/// Holds the numbers of envelopes in one link.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Numbers {
    own: u64,
    opened: u64,
    decrypted: u64,
}

impl Numbers {
    /// Returns the number that the next envelope gets.
    pub(crate) fn upcoming(&self, wall: u64) -> u64 {
        let next = self.own.max(self.opened).saturating_add(1);
        wall.max(next).min(NUMBER_LIMIT - 1)
    }
}

/// Holds the first message to somebody who has not answered.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct First {
    pub(crate) card: DoorCard,
    pub(crate) authority: Authority,
    pub(crate) invite: Key,
    pub(crate) prekey: Key,
    /// When the invite ends, in minutes since 1970.
    pub(crate) not_after: u32,
    pub(crate) delivery: Transit,
}

impl First {
    fn has_ended(&self, profile: &ProfileState) -> bool {
        profile.clock.wall / MINUTE > u64::from(self.not_after)
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    pub(crate) name: String,
    pub(crate) kind: LinkKind,
    /// The other side's Curve25519 key, which never changes.
    pub(crate) peer: Key,
    /// Its Ed25519 key, once it proved it.
    pub(crate) peer_ed: Option<Key>,
    /// The proof of both its keys, as it gave it.
    #[serde(with = "text")]
    pub(crate) peer_proof: Vec<u8>,
    /// The Ed25519 key that the invite named.
    pub(crate) expected_ed: Option<Key>,
    pub(crate) verified: bool,
    /// Whether somebody else used the same invite: sending is held.
    pub(crate) contested: bool,
    /// When the other side left, by `age`.
    pub(crate) left: Option<u64>,
    pub(crate) mailbox: Key,
    /// The servers of others that the user agreed to for this contact.
    pub(crate) agreed: Vec<Authority>,
    asked_at: Option<u64>,
    pub(crate) acks: AckPace,
    pub(crate) first: Option<First>,
    pub(crate) sessions: Sessions,
    pub(crate) own: OwnCards,
    pub(crate) theirs: PeerCards,
    pub(crate) numbers: Numbers,
    pub(crate) outbox: ContentOutbox,
    pub(crate) received: Received,
    pub(crate) healing: Healing,
    /// When a control message is sent if nothing else was, by `elapsed`.
    pub(crate) control_at: Option<u64>,
    /// When a control message is sent to a new root, so that its owner knows that it arrived, by
    /// `elapsed`.
    root_receipt_at: Option<u64>,
    root_receipt_last: Option<u64>,
    plain_wait: Option<u64>,
    /// The epoch of the contact's server, as told to the pseudonym that this link writes as.
    #[serde(default)]
    epoch: Option<String>,
    #[serde(default)]
    ended: EndedFiles,
    frames: Vec<Frame>,
    /// When the last of those that no user waits for leaves, by `elapsed`.
    #[serde(skip)]
    leaves_at: u64,
    /// What began the conversation anew, until the other side answers.
    #[serde(default)]
    awaited: Option<AwaitedAnswer>,
}

impl Link {
    pub(crate) fn new(id: LinkId, name: String, kind: LinkKind, peer: Key, mailbox: Key) -> Self {
        let acks = if kind == LinkKind::Contact { AckPace::Usual } else { AckPace::Group };
        Self {
            id,
            name,
            kind,
            peer,
            peer_ed: None,
            peer_proof: Vec::new(),
            expected_ed: None,
            verified: false,
            contested: false,
            left: None,
            mailbox,
            agreed: Vec::new(),
            asked_at: None,
            acks,
            first: None,
            sessions: Sessions::default(),
            own: OwnCards::default(),
            theirs: PeerCards::default(),
            numbers: Numbers::default(),
            outbox: ContentOutbox::default(),
            received: Received::default(),
            healing: Healing::default(),
            control_at: None,
            root_receipt_at: None,
            root_receipt_last: None,
            plain_wait: None,
            epoch: None,
            ended: EndedFiles::default(),
            frames: Vec::new(),
            leaves_at: 0,
            awaited: None,
        }
    }

    /// Asks for a control message after the usual wait, unless one is due earlier.
    pub(crate) fn want_control(&mut self, profile: &mut ProfileState) {
        let wait = self.acks.wait(&mut profile.jitter);
        self.control_at.get_or_insert(profile.clock.elapsed + wait);
    }

    fn want_root_receipt(&mut self, profile: &mut ProfileState) {
        let now = profile.clock.elapsed;
        if self.root_receipt_last.is_none_or(|last| now >= last + 60 * MINUTE) {
            let wait = self.acks.wait(&mut profile.jitter);
            self.root_receipt_at.get_or_insert(now + wait);
        }
    }

    /// Takes note that a server accepted a frame.
    pub(crate) fn accepted(&mut self, frame: FrameId, epoch: &str) {
        self.frames.retain(|known| known.id != frame);
        for delivery in self.deliveries() {
            delivery.accepted(frame, epoch);
        }
    }

    /// Takes note that a server refused a frame, or dropped it for its age.
    pub(crate) fn lost(&mut self, frame: FrameId, profile: &mut ProfileState) {
        self.frames.retain(|known| known.id != frame);
        for delivery in self.deliveries() {
            delivery.lost(frame, profile.clock.elapsed, &mut profile.jitter);
        }
    }

    fn deliveries(&mut self) -> impl Iterator<Item = &mut Transit> {
        let first = self.first.as_mut().map(|first| &mut first.delivery);
        first.into_iter().chain(self.outbox.deliveries())
    }

    /// Tells whether an acknowledgement or a control message is due, or a frame on its way.
    pub(crate) fn owes(&self) -> bool {
        let control = self.control_at.is_some() || self.root_receipt_at.is_some() || self.received.ack_at.is_some();
        (control && self.first.is_none()) || !self.frames.is_empty()
    }

    /// Returns the frames that no server accepted yet.
    pub(crate) fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, profile: &mut ProfileState) {
        self.prune(profile);
        if self.left.is_some() || self.contested {
            return;
        }
        if self.first.is_some() && !self.gives_up_invite(profile) {
            self.send_first(profile);
            return;
        }
        self.move_mailbox(profile);
        if self.writes_as(profile).is_some_and(|own| own.connect_at <= profile.clock.elapsed) {
            self.heal(profile);
            self.send_content(profile);
            self.send_control(profile);
        }
    }

    fn prune(&mut self, profile: &mut ProfileState) {
        let age = profile.clock.age;
        self.sessions.prune(age);
        self.own.prune(profile);
        self.received.prune(age);
        self.ended.prune(age);
        self.miss(profile);
        while let Some(item) = self.outbox.expired(age) {
            self.tell_expired(&item, profile);
        }
    }

    /// Has frames on their way to servers that moved leave for where those are now.
    pub(crate) fn follow(&mut self, moves: &Moves) {
        for frame in &mut self.frames {
            frame.authority = moves.present(&frame.authority);
        }
    }

    /// Takes a new mailbox once a month, and when the server moved. The old one is kept until 8
    /// days after the new one came into use.
    fn move_mailbox(&mut self, profile: &mut ProfileState) {
        if self.kind != LinkKind::Contact {
            return;
        }
        let moved = profile.has_moved_from(&self.mailbox);
        let owner = crate::mailbox::Owner::Contact(self.id);
        let mut own = profile.mailboxes.iter().filter(|mailbox| mailbox.owner == owner);
        let old = own.next().is_some_and(|mailbox| profile.clock.age >= mailbox.made + MAILBOX_LIFE);
        let moving = own.next().is_some();
        if (old && !moving) || moved {
            let authority = profile.authority.clone();
            self.mailbox = profile.open_mailbox(owner, &authority);
            self.own.renew_root(self.mailbox, profile);
            self.want_control(profile);
        }
    }
}

#[cfg(test)]
impl Link {
    /// Returns the sessions, plain cards, roots, and remembered contents.
    pub(crate) fn sizes(&self) -> (usize, usize, usize, usize) {
        let (plain, roots) = self.own.count();
        (self.sessions.len(), plain, roots, self.received.len())
    }
}
