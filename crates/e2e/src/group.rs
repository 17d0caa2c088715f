//! Groups: up to 50 people, each pair with a link of its own, held together by a roster that the
//! admin signs.
//!
//! There is no group key and no order that members have to agree on. A text is the same for all and
//! is encrypted for each. What the network has to do with groups is in [`crate::core`].

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::bytes::Key;
use crate::card::{Card, CardKeys, Route, hint};
use crate::clock::DAY;
use crate::effect::{Event, LinkId};
use crate::identity::Prekey;
use crate::link::{Link, LinkKind};
use crate::mailbox::Owner;
use crate::payload::{GroupContent, Head, MAX_HEADS};
use crate::profile::ProfileState;
use crate::roster::{GroupId, Roster};

pub(crate) mod held;
pub(crate) mod history;
pub(crate) mod newcomers;
pub(crate) mod offers;
pub(crate) mod pieces;

use held::Held;
use history::History;
use newcomers::Newcomers;
use pieces::Pieces;

/// How many texts of one member are remembered.
const MAX_TEXTS: usize = 512;
/// How long a text that others saw may be late before it is called missing.
const GAP_PATIENCE: u64 = DAY;
/// How long a gap is remembered: longer than anything is repeated.
const GAP_LIFE: u64 = 17 * DAY;
/// How many texts are waited for.
const MAX_GAPS: usize = 256;
/// How long a mailbox that was left is fetched from.
const MAILBOX_GRACE: u64 = 8 * DAY;
const MAILBOX_LIFE: u64 = 30 * DAY;

/// Holds a card for first contact with members that are not known yet.
#[derive(Serialize, Deserialize)]
pub(crate) struct GroupDoor {
    no: u64,
    pub(crate) keys: CardKeys,
    pub(crate) prekey: Prekey,
    pub(crate) mailbox: Key,
}

impl GroupDoor {
    pub(crate) fn generate(mailbox: Key, profile: &ProfileState) -> Self {
        let prekey = Prekey::generate(&profile.identity);
        Self { no: profile.clock.wall, keys: CardKeys::generate(), prekey, mailbox }
    }

    pub(crate) fn card(&self, profile: &ProfileState) -> Card {
        Card {
            no: self.no,
            root: true,
            psk: self.keys.psk().clone(),
            kem: self.keys.kem(),
            prekey: Some(self.prekey.public()),
            route: Some(Route { mailbox: self.mailbox, authority: profile.authority.clone() }),
        }
    }
}

/// Holds what is known of a member's texts.
#[derive(Default, Serialize, Deserialize)]
struct Texts {
    last: u64,
    known: VecDeque<u64>,
}

/// Holds a text that somebody saw and that did not come here.
#[derive(Serialize, Deserialize)]
struct Gap {
    author: [u8; 8],
    gmid: u64,
    since: u64,
    told: bool,
}

/// Holds a group.
#[derive(Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) id: GroupId,
    pub(crate) name: String,
    pub(crate) mailbox: Key,
    /// The newest last.
    pub(crate) doors: Vec<GroupDoor>,
    /// `None` until the admin let one in.
    pub(crate) roster: Option<Roster>,
    pub(crate) history: History,
    pub(crate) pieces: Pieces,
    /// The contact that invited; for the admin, none.
    pub(crate) inviter: Option<LinkId>,
    /// The contacts that the admin invited.
    pub(crate) invited: Vec<LinkId>,
    pub(crate) forked: bool,
    /// Whether one is no longer a member.
    pub(crate) out: bool,
    own_last: u64,
    texts: BTreeMap<String, Texts>,
    gaps: Vec<Gap>,
    pub(crate) held: Vec<Held>,
    #[serde(default)]
    pub(crate) newcomers: Newcomers,
    /// Door cards of members that wait for the admin's next delta.
    pub(crate) waiting_doors: Vec<(Key, Vec<u8>)>,
    /// When there was one, by `elapsed`.
    pub(crate) doors_announced: Option<u64>,
    /// Deltas that came before the ones they follow on.
    pub(crate) early: Vec<Vec<u8>>,
    /// When members were told that they or we are behind, by `elapsed`.
    pub(crate) updated: BTreeMap<LinkId, u64>,
    next_head: usize,
}

impl Group {
    pub(crate) fn new(id: GroupId, name: String, inviter: Option<LinkId>, profile: &mut ProfileState) -> Self {
        let authority = profile.authority.clone();
        let mailbox = profile.open_mailbox(Owner::Group(id), &authority);
        let door = GroupDoor::generate(mailbox, profile);
        Self {
            id,
            name,
            mailbox,
            doors: vec![door],
            roster: None,
            history: History::default(),
            pieces: Pieces::default(),
            inviter,
            invited: Vec::new(),
            forked: false,
            out: false,
            own_last: 0,
            texts: BTreeMap::new(),
            gaps: Vec::new(),
            held: Vec::new(),
            newcomers: Newcomers::default(),
            waiting_doors: Vec::new(),
            doors_announced: None,
            early: Vec::new(),
            updated: BTreeMap::new(),
            next_head: 0,
        }
    }

    pub(crate) fn is_admin(&self, profile: &ProfileState) -> bool {
        self.roster.as_ref().is_some_and(|roster| roster.admin == profile.identity.ed())
    }

    /// Returns an empty message that says which roster one goes by.
    pub(crate) fn message(&self) -> GroupContent {
        let roster = self.roster.as_ref().map(Roster::short_id).unwrap_or_default();
        GroupContent { id: self.id, roster, ..GroupContent::default() }
    }

    /// Returns the message with a text, the same for all members.
    pub(crate) fn text_message(&mut self, text: String) -> GroupContent {
        let gmid = crate::random::identifier();
        let prev = std::mem::replace(&mut self.own_last, gmid);
        let heads = self.heads();
        GroupContent { gmid, prev, heads, text: Some(text), ..self.message() }
    }

    /// Returns the last texts of up to four members, of others each time.
    fn heads(&mut self) -> Vec<Head> {
        let Some(roster) = &self.roster else { return Vec::new() };
        let members: Vec<Key> = roster.entries().iter().map(|entry| entry.proof.curve).collect();
        let mut heads = Vec::new();
        for _ in 0..members.len() {
            self.next_head = (self.next_head + 1) % members.len();
            let member = members[self.next_head];
            if let Some(texts) = self.texts.get(&member.to_hex())
                && heads.len() < MAX_HEADS
            {
                heads.push(Head { member: short(&member), gmid: texts.last });
            }
        }
        heads
    }

    /// Takes note of a text, and tells whether it is new and whether the one before it is missing.
    pub(crate) fn note_text(&mut self, member: &Key, gmid: u64, prev: u64) -> (bool, bool) {
        let texts = self.texts.entry(member.to_hex()).or_default();
        if texts.known.contains(&gmid) {
            return (false, false);
        }
        let missing = prev != 0 && !texts.known.contains(&prev);
        texts.known.push_back(gmid);
        texts.last = gmid;
        if texts.known.len() > MAX_TEXTS {
            texts.known.pop_front();
        }
        let author = short(member);
        self.gaps.retain(|gap| gap.author != author || gap.gmid != gmid);
        (true, missing)
    }

    /// Compares what a member saw with what came here.
    pub(crate) fn note_heads(&mut self, heads: &[Head], profile: &ProfileState) {
        let own = short(&profile.identity.curve());
        for head in heads.iter().filter(|head| head.member != own) {
            let Some(roster) = &self.roster else { return };
            let author = roster.entries().iter().map(|entry| entry.proof.curve).find(|key| short(key) == head.member);
            let Some(author) = author else { continue };
            let texts = self.texts.get(&author.to_hex());
            let known = texts.is_some_and(|texts| texts.known.contains(&head.gmid));
            let waited = self.gaps.iter().any(|gap| gap.author == head.member && gap.gmid == head.gmid);
            if !known && !waited && self.gaps.len() < MAX_GAPS {
                let since = profile.clock.elapsed;
                self.gaps.push(Gap { author: head.member, gmid: head.gmid, since, told: false });
            }
        }
    }

    pub(crate) fn door_with(&self, mailbox: &Key, shown: crate::card::Hint) -> Option<usize> {
        self.doors.iter().position(|door| door.mailbox == *mailbox && hint(door.keys.id()) == shown)
    }

    /// Does what is due but for sending.
    pub(crate) fn tick(&mut self, profile: &mut ProfileState) {
        let age = profile.clock.age;
        let elapsed = profile.clock.elapsed;
        self.newcomers.prune(age);
        for gap in self.gaps.iter_mut().filter(|gap| !gap.told && elapsed >= gap.since + GAP_PATIENCE) {
            gap.told = true;
            profile.tell(Event::GroupGap { group: self.id, author: gap.author, gmid: gap.gmid });
        }
        self.gaps.retain(|gap| elapsed < gap.since + GAP_LIFE);
        self.doors.retain(|door| profile.mailbox(&door.mailbox).is_some());
    }

    /// Tells whether the mailbox is a month old, or its server has moved.
    pub(crate) fn mailbox_is_old(&self, profile: &ProfileState) -> bool {
        let moved = profile.has_moved_from(&self.mailbox);
        moved || profile.mailbox(&self.mailbox).is_some_and(|own| profile.clock.age >= own.made + MAILBOX_LIFE)
    }

    /// Takes a new mailbox, with a new door, and tells all members at the next occasion.
    pub(crate) fn move_mailbox(&mut self, links: &mut [Link], profile: &mut ProfileState) {
        self.leave_mailbox(MAILBOX_GRACE, links, profile);
    }

    /// Begins anew with all members on a new mailbox, since somebody may have copied all that is
    /// known of the group. The old mailbox is fetched from for a day.
    pub(crate) fn leave_everything_behind(&mut self, links: &mut [Link], profile: &mut ProfileState) {
        self.leave_mailbox(DAY, links, profile);
        for link in links.iter_mut().filter(|link| link.kind == LinkKind::Member(self.id)) {
            link.begin_pair_anew(profile);
        }
    }

    fn leave_mailbox(&mut self, grace: u64, links: &mut [Link], profile: &mut ProfileState) {
        profile.retire_owned_by(Owner::Group(self.id), profile.clock.settled_age() + grace);
        let authority = profile.authority.clone();
        self.mailbox = profile.open_mailbox(Owner::Group(self.id), &authority);
        self.doors.push(GroupDoor::generate(self.mailbox, profile));
        for link in links.iter_mut().filter(|link| link.kind == LinkKind::Member(self.id)) {
            link.mailbox = self.mailbox;
            link.own.renew_root(self.mailbox, profile);
            link.want_control(profile);
        }
    }

    /// Returns the number of the newest door card.
    pub(crate) fn newest_door(&self) -> u64 {
        self.doors.iter().map(|door| door.no).max().unwrap_or_default()
    }

    /// Returns the newest door card.
    pub(crate) fn door_card(&self, profile: &ProfileState) -> Option<Card> {
        self.doors.last().map(|door| door.card(profile))
    }
}

/// Returns the first 8 bytes of a member's key, as they stand in heads.
pub(crate) fn short(key: &Key) -> [u8; 8] {
    let mut short = [0; 8];
    short.copy_from_slice(&key.0[..8]);
    short
}
