//! Groups as their members use them: founding, inviting, joining, writing, removing.

use super::{Core, CoreError, State};
use crate::bytes::Key;
use crate::clock::DAY;
use crate::effect::{Event, LinkId};
use crate::group::{Group, pieces};
use crate::identity::IdentityProof;
use crate::link::{Kind, Link};
use crate::payload::{Content, GroupContent, MAX_NAME, MAX_TEXT};
use crate::profile::Profile;
use crate::roster::delta::Operation;
use crate::roster::{Entry, GroupId, Roster, read_door};

mod receive;

/// How many door cards go into one delta: it has to fit into one message.
const DOORS_AT_ONCE: usize = 25;

/// The most groups of a profile.
pub const MAX_GROUPS: usize = 64;

impl Core {
    /// Founds a group with oneself as its admin and only member.
    pub fn found(&mut self, name: &str, wall_ms: u64) -> Result<GroupId, CoreError> {
        self.running(wall_ms)?;
        if name.len() > MAX_NAME {
            return Err(CoreError::TooLong);
        }
        if self.state.groups.len() >= MAX_GROUPS {
            return Err(CoreError::Full("groups"));
        }
        let profile = &mut self.state.profile;
        let id: GroupId = crate::random::bytes();
        let mut group = Group::new(id, name.to_owned(), None, profile);
        let door = group.door_card(profile).ok_or(CoreError::Group)?;
        let admin = Entry { proof: profile.identity.proof(), door, name: profile.name.clone() };
        group.roster = Some(Roster::first(id, admin, profile.authority.clone()));
        self.state.groups.push(group);
        Ok(id)
    }

    /// Invites a contact to a group of which one is the admin. It becomes a member when it agrees.
    pub fn add_member(&mut self, group: GroupId, contact: LinkId, wall_ms: u64) -> Result<(), CoreError> {
        self.running(wall_ms)?;
        let State { version: _, profile, doors: _, links, groups } = &mut self.state;
        let group = groups.iter_mut().find(|known| known.id == group).ok_or(CoreError::Unknown)?;
        if !group.is_admin(profile) {
            return Err(CoreError::Group);
        }
        let link = links.iter_mut().find(|link| link.id == contact && link.kind == Kind::Contact);
        let link = link.ok_or(CoreError::Unknown)?;
        if link.peer_ed.is_none() {
            return Err(CoreError::NotNow("its identity is not complete yet"));
        }
        group.invited.push(contact);
        let offer = GroupContent { offer: Some(group.name.clone()), ..group.message() };
        link.enqueue(Content::Group(offer), 0, profile).ok_or(CoreError::Full("outbox"))?;
        Ok(())
    }

    /// Accepts the invitation to a group: [`Event::GroupOffer`].
    pub fn join(&mut self, group: GroupId, admin: LinkId, name: &str, wall_ms: u64) -> Result<(), CoreError> {
        self.running(wall_ms)?;
        if self.state.groups.len() >= MAX_GROUPS {
            return Err(CoreError::Full("groups"));
        }
        let State { version: _, profile, doors: _, links, groups } = &mut self.state;
        let link = links.iter_mut().find(|link| link.id == admin && link.kind == Kind::Contact);
        let link = link.ok_or(CoreError::Unknown)?;
        groups.retain(|known| known.id != group || !known.out);
        if groups.iter().any(|known| known.id == group) {
            return Err(CoreError::Group);
        }
        let joined = Group::new(group, name.to_owned(), Some(admin), profile);
        let door = joined.door_card(profile).map(|card| card.to_bytes().to_vec());
        let answer = GroupContent { door, ..joined.message() };
        link.enqueue(Content::Group(answer), 0, profile).ok_or(CoreError::Full("outbox"))?;
        groups.push(joined);
        Ok(())
    }

    /// Writes a text to all members, and returns its name.
    pub fn send_group(&mut self, group: GroupId, text: String, wall_ms: u64) -> Result<u64, CoreError> {
        self.running(wall_ms)?;
        if text.len() > MAX_TEXT - 200 {
            return Err(CoreError::TooLong);
        }
        let State { version: _, profile, doors: _, links, groups } = &mut self.state;
        let group = groups.iter_mut().find(|known| known.id == group).ok_or(CoreError::Unknown)?;
        if group.forked || group.out || group.roster.is_none() {
            return Err(CoreError::NotNow("not a member, or the admin contradicts itself"));
        }
        let members = || |link: &&mut Link| link.kind == Kind::Member(group.id) && link.left.is_none();
        if links.iter_mut().filter(members()).any(|link| !link.outbox.has_room(MAX_TEXT)) {
            return Err(CoreError::Full("outbox"));
        }
        let (id, message) = (group.id, group.text_message(text));
        let gmid = message.gmid;
        for link in links.iter_mut().filter(|link| link.kind == Kind::Member(id) && link.left.is_none()) {
            link.enqueue(Content::Group(message.clone()), 0, profile);
        }
        Ok(gmid)
    }

    /// Removes a member of a group of which one is the admin.
    pub fn remove_member(&mut self, group: GroupId, member: &Key, wall_ms: u64) -> Result<(), CoreError> {
        self.running(wall_ms)?;
        if *member == self.state.profile.identity.curve() {
            return Err(CoreError::Group);
        }
        self.change(group, Operation::Remove(*member))
    }

    /// Makes another member the admin.
    pub fn hand_over(&mut self, group: GroupId, member: &Key, wall_ms: u64) -> Result<(), CoreError> {
        self.running(wall_ms)?;
        let known = self.state.groups.iter().find(|known| known.id == group).ok_or(CoreError::Unknown)?;
        let entry = known.roster.as_ref().and_then(|roster| roster.entry(member)).ok_or(CoreError::Unknown)?;
        self.change(group, Operation::Admin(entry.proof.ed))
    }

    /// Returns the members of a group by their Curve25519 keys, and the roster's version.
    pub fn members(&self, group: GroupId) -> Option<(Vec<Key>, u32)> {
        let roster = self.state.groups.iter().find(|known| known.id == group)?.roster.as_ref()?;
        Some((roster.entries().iter().map(|entry| entry.proof.curve).collect(), roster.version))
    }

    /// Leaves a group: all members are told, and the admin takes one off the roster.
    pub fn leave_group(&mut self, group: GroupId, wall_ms: u64) -> Result<(), CoreError> {
        self.running(wall_ms)?;
        let State { version: _, profile, doors: _, links, groups } = &mut self.state;
        let known = groups.iter_mut().find(|known| known.id == group).ok_or(CoreError::Unknown)?;
        known.out = true;
        for link in links.iter_mut().filter(|link| link.kind == Kind::Member(group)) {
            link.leave(profile);
        }
        profile.retire_owned(crate::mailbox::Owner::Group(group), profile.clock.age + 8 * DAY);
        Ok(())
    }

    /// Changes the roster as its admin, and tells everybody.
    fn change(&mut self, group: GroupId, operation: Operation) -> Result<(), CoreError> {
        let State { version: _, profile, doors: _, links, groups } = &mut self.state;
        let group = groups.iter_mut().find(|known| known.id == group).ok_or(CoreError::Unknown)?;
        if !group.is_admin(profile) {
            return Err(CoreError::Group);
        }
        let roster = group.roster.as_ref().ok_or(CoreError::Group)?;
        let (next, delta) = roster.change(&[operation], &profile.identity).map_err(|_| CoreError::Group)?;
        // Before the links go: who is removed is told as well.
        group.adopt(next, Some(delta), links, profile);
        Ok(())
    }

    /// Does what groups have to do from time to time.
    pub(super) fn tick_groups(&mut self) {
        let ids: Vec<GroupId> = self.state.groups.iter().map(|group| group.id).collect();
        for id in ids {
            let State { version: _, profile, doors: _, links, groups } = &mut self.state;
            let Some(group) = groups.iter_mut().find(|group| group.id == id) else { continue };
            group.tick(profile);
            if group.out || group.roster.is_none() {
                continue;
            }
            if group.mailbox_is_old(profile) {
                group.move_mailbox(links, profile);
                group.tell_door(links, profile);
            }
            group.announce_doors(links, profile);
            let left = links.iter().find(|link| link.kind == Kind::Member(id) && link.left.is_some());
            let left = left.map(|link| link.peer).filter(|_| group.is_admin(profile));
            if let Some(member) = left {
                // Fails if it is off the roster already.
                let _ = self.change(id, Operation::Remove(member));
            }
        }
        let State { version: _, profile, doors: _, links: _, groups } = &mut self.state;
        groups.retain(|group| !group.out || profile.mailbox(&group.mailbox).is_some());
    }
}

impl Group {
    /// Goes by a roster from now on, and brings the links of the group in line with it.
    pub(crate) fn adopt(&mut self, next: Roster, delta: Option<Vec<u8>>, links: &mut Vec<Link>, profile: &mut Profile) {
        let me = profile.identity.curve();
        let before = self.roster.replace(next);
        let next = self.roster.clone();
        let Some(next) = next else { return };
        let removed = before
            .as_ref()
            .is_some_and(|before| before.entries().iter().any(|entry| next.entry(&entry.proof.curve).is_none()));
        if let (Some(before), Some(delta)) = (before.clone(), delta) {
            if before.admin == profile.identity.ed() {
                self.broadcast(&delta, &before, links, profile);
            }
            self.history.push(before, next.id(), delta);
        }
        let members = next.entries().iter().map(|entry| entry.proof.curve).collect();
        profile.tell(Event::GroupMembers { group: self.id, members });
        if next.entry(&me).is_none() {
            self.expelled(links, profile);
            return;
        }
        links.retain(|link| link.kind != Kind::Member(self.id) || next.entry(&link.peer).is_some());
        let newcomer = before.is_none();
        for entry in next.entries().iter().filter(|entry| entry.proof.curve != me) {
            if !links.iter().any(|link| link.kind == Kind::Member(self.id) && link.peer == entry.proof.curve) {
                links.push(self.pair(entry, newcomer, profile));
            }
        }
        if removed {
            self.move_mailbox(links, profile);
            self.tell_door(links, profile);
        }
    }

    fn expelled(&mut self, links: &mut Vec<Link>, profile: &mut Profile) {
        self.out = true;
        links.retain(|link| link.kind != Kind::Member(self.id));
        profile.retire_owned(crate::mailbox::Owner::Group(self.id), profile.clock.age);
        profile.tell(Event::GroupRemoved { group: self.id });
    }

    /// Makes the link with a member. The newcomer makes the session, within ten minutes; the others wait for it.
    fn pair(&mut self, entry: &Entry, newcomer: bool, profile: &mut Profile) -> Link {
        let id = profile.next_id();
        let kind = Kind::Member(self.id);
        let mut link = Link::new(id, entry.name.clone(), kind, entry.proof.curve, self.mailbox);
        link.expected_ed = Some(entry.proof.ed);
        link.own.renew_root(self.mailbox, profile);
        let own = profile.authority.clone();
        link.theirs.take(entry.door.clone(), false, |authority| *authority == own);
        if newcomer {
            link.begin_pair(profile);
        }
        link
    }

    /// Sends a delta to all members, and over the contact's link to whom it removes.
    fn broadcast(&self, delta: &[u8], before: &Roster, links: &mut [Link], profile: &Profile) {
        let Some(next) = &self.roster else { return };
        let message = GroupContent { signed: vec![pieces::delta(delta)], ..self.message() };
        for link in links.iter_mut().filter(|link| link.left.is_none()) {
            let told = match link.kind {
                Kind::Member(group) => group == self.id && next.entry(&link.peer).is_some(),
                Kind::Contact => before.entry(&link.peer).is_some() && next.entry(&link.peer).is_none(),
            };
            if told {
                // A member whose outbox is full learns it when it writes.
                link.enqueue(Content::Group(message.clone()), 0, profile);
            }
        }
    }

    /// Tells the admin a new door card.
    pub(crate) fn tell_door(&mut self, links: &mut Vec<Link>, profile: &mut Profile) {
        let Some(card) = self.door_card(profile) else { return };
        let Some(roster) = &self.roster else { return };
        if self.is_admin(profile) {
            let operation = Operation::Door(profile.identity.curve(), Box::new(card));
            if let Ok((next, delta)) = roster.change(&[operation], &profile.identity) {
                self.adopt(next, Some(delta), links, profile);
            }
            return;
        }
        let admin = roster.entries().iter().find(|entry| entry.proof.ed == roster.admin);
        let Some(admin) = admin.map(|entry| entry.proof.curve) else { return };
        let message = GroupContent { door: Some(card.to_bytes().to_vec()), ..self.message() };
        for link in links.iter_mut().filter(|link| link.kind == Kind::Member(self.id) && link.peer == admin) {
            link.enqueue(Content::Group(message.clone()), 0, profile);
        }
    }

    /// Puts the door cards that members told the admin into one delta, once a day.
    fn announce_doors(&mut self, links: &mut Vec<Link>, profile: &mut Profile) {
        let elapsed = profile.clock.elapsed;
        let due = self.doors_announced.is_none_or(|last| elapsed >= last + DAY);
        if self.waiting_doors.is_empty() || !due || !self.is_admin(profile) {
            return;
        }
        let Some(roster) = &self.roster else { return };
        let count = self.waiting_doors.len().min(DOORS_AT_ONCE);
        let told: Vec<_> = self.waiting_doors.drain(..count).collect();
        let known = told.into_iter().filter(|(member, _)| roster.entry(member).is_some());
        let doors = known.filter_map(|(member, bytes)| Some((member, read_door(&bytes, &profile.authority)?)));
        let operations: Vec<_> = doors.map(|(member, card)| Operation::Door(member, Box::new(card))).collect();
        self.doors_announced = Some(elapsed);
        if let Ok((next, delta)) = roster.change(&operations, &profile.identity) {
            self.adopt(next, Some(delta), links, profile);
        }
    }

    /// Sends somebody who is behind what it lacks: deltas, or from the admin the whole roster.
    pub(crate) fn bring_up_to_date(&self, link: &mut Link, short: &[u8; 16], profile: &Profile) {
        let Some(roster) = &self.roster else { return };
        let messages: Vec<Vec<Vec<u8>>> = match self.history.since(short) {
            Some(deltas) => {
                let items = deltas.iter().map(|delta| pieces::delta(delta)).collect();
                pieces::bundle(items)
            }
            None if self.is_admin(profile) => {
                let items = pieces::cut(&roster.sign(&profile.identity));
                items.into_iter().map(|item| vec![item]).collect()
            }
            None => return,
        };
        for signed in messages {
            let message = GroupContent { signed, ..self.message() };
            link.enqueue(Content::Group(message), 0, profile);
        }
    }

    /// Makes the entry of a contact that accepted an invitation.
    pub(crate) fn entry_of(link: &Link, door: &[u8], profile: &Profile) -> Option<Entry> {
        let proof = IdentityProof::from_bytes(&link.peer_proof).ok()?;
        let door = read_door(door, &profile.authority)?;
        Some(Entry { proof, door, name: link.name.clone() })
    }
}
