//! Groups as their members use them: founding, inviting, joining, writing, removing.

use super::{Core, CoreError, Obstacle, Room, State};
use crate::bytes::Key;
use crate::clock::DAY;
use crate::effect::{Event, LinkId};
use crate::group::Group;
use crate::link::{Link, LinkKind};
use crate::payload::{Content, GroupContent, MAX_NAME, MAX_TEXT};
use crate::roster::delta::Operation;
use crate::roster::{Entry, GroupId, Roster};

mod pairs;
mod receive;
mod rosters;

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
            return Err(CoreError::Full(Room::Groups));
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
        let link = links.iter_mut().find(|link| link.id == contact && link.kind == LinkKind::Contact);
        let link = link.ok_or(CoreError::Unknown)?;
        if link.peer_ed.is_none() {
            return Err(CoreError::NotNow(Obstacle::Identity));
        }
        group.invited.push(contact);
        let offer = GroupContent { offer: Some(group.name.clone()), ..group.message() };
        link.enqueue(Content::Group(offer), 0, profile).ok_or(CoreError::Full(Room::Outbox))?;
        Ok(())
    }

    /// Accepts the invitation to a group: [`crate::effect::Event::GroupOffer`].
    pub fn join(&mut self, group: GroupId, admin: LinkId, name: &str, wall_ms: u64) -> Result<(), CoreError> {
        self.running(wall_ms)?;
        if self.state.groups.len() >= MAX_GROUPS {
            return Err(CoreError::Full(Room::Groups));
        }
        let State { version: _, profile, doors: _, links, groups } = &mut self.state;
        let link = links.iter_mut().find(|link| link.id == admin && link.kind == LinkKind::Contact);
        let link = link.ok_or(CoreError::Unknown)?;
        groups.retain(|known| known.id != group || !known.out);
        if groups.iter().any(|known| known.id == group) {
            return Err(CoreError::Group);
        }
        let joined = Group::new(group, name.to_owned(), Some(admin), profile);
        let door = joined.door_card(profile).map(|card| card.to_bytes().to_vec());
        let answer = GroupContent { door, ..joined.message() };
        link.enqueue(Content::Group(answer), 0, profile).ok_or(CoreError::Full(Room::Outbox))?;
        groups.push(joined);
        profile.offers.take(&group, admin);
        Ok(())
    }

    /// Forgets an invitation to a group. Who invited is not told.
    pub fn decline_group(&mut self, group: GroupId, admin: LinkId) {
        self.state.profile.offers.take(&group, admin);
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
            return Err(CoreError::NotNow(Obstacle::Member));
        }
        let id = group.id;
        let mut members: Vec<&mut Link> =
            links.iter_mut().filter(|link| link.kind == LinkKind::Member(id) && link.left.is_none()).collect();
        // One who takes nothing keeps nobody from writing to the others.
        if !members.is_empty() && members.iter().all(|link| !link.outbox.has_room(MAX_TEXT)) {
            return Err(CoreError::Full(Room::Outbox));
        }
        let message = group.text_message(text);
        let gmid = message.gmid;
        for link in &mut members {
            if link.enqueue(Content::Group(message.clone()), 0, profile).is_none() {
                profile.tell(Event::GroupNotDelivered { group: id, member: link.peer, gmid });
            }
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
        for link in links.iter_mut().filter(|link| link.kind == LinkKind::Member(group)) {
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
            self.forget_held(id);
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
            let left = links.iter().find(|link| link.kind == LinkKind::Member(id) && link.left.is_some());
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
