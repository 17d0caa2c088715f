//! What comes for groups: invitations, doors, rosters, texts.

use super::super::{Core, State};
use crate::bytes::Key;
use crate::clock::HOUR;
use crate::effect::{Event, LinkId};
use crate::group::Group;
use crate::group::held::{Held, Origin};
use crate::group::offers::Offer;
use crate::group::pieces::{SignedItem, read};
use crate::link::{Link, LinkKind};
use crate::payload::{Content, GroupContent};
use crate::profile::ProfileState;
use crate::roster::delta::{Delta, Operation};
use crate::roster::{GroupId, Roster};

/// How many deltas may wait for the ones before them.
const MAX_EARLY: usize = 64;
/// How many door cards may wait for a delta.
const MAX_WAITING: usize = 64;

impl Core {
    pub(in crate::core) fn receive_group(&mut self, from: Origin, content: GroupContent) {
        let Some(link) = self.state.links.iter().find(|link| link.id == from.link) else { return };
        match link.kind {
            LinkKind::Contact => self.receive_invitation(from.link, content),
            LinkKind::Member(group) if group == content.id => self.receive_from_member(from, content),
            LinkKind::Member(_) => {}
        }
    }

    /// Takes what an admin and those who join say to each other as contacts.
    fn receive_invitation(&mut self, id: LinkId, content: GroupContent) {
        let State { version: _, profile, doors: _, links, groups } = &mut self.state;
        let Some(link) = links.iter().find(|link| link.id == id) else { return };
        let group = groups.iter_mut().find(|group| group.id == content.id);
        if let Some(name) = content.offer {
            let offer = Offer { group: content.id, admin: id, name: name.clone() };
            if link.peer_ed.is_some() && group.is_none_or(|group| group.out) && profile.offers.keep(offer) {
                profile.tell_offer(Event::GroupOffer { group: content.id, admin: id, name });
            }
            return;
        }
        let Some(group) = group else { return };
        if let Some(door) = &content.door {
            let entry = Group::entry_of(link, door, profile).filter(|_| group.invited.contains(&id));
            if let Some(entry) = entry.filter(|_| group.is_admin(profile)) {
                group.invited.retain(|invited| *invited != id);
                group.admit(id, entry, links, profile);
            }
            return;
        }
        // Who invited may have handed the group over since: then its word is worth nothing more.
        let admin = match &group.roster {
            Some(roster) => link.peer_ed.filter(|ed| *ed == roster.admin),
            None => link.peer_ed.filter(|_| group.inviter == Some(id)),
        };
        for item in &content.signed {
            match (read(item), admin) {
                (Some(SignedItem::Piece { index, count, bytes }), Some(admin)) => {
                    if let Some(whole) = group.pieces.take(content.roster, index, count, bytes) {
                        group.take_roster(&whole, &admin, links, profile);
                    }
                }
                (Some(SignedItem::Delta(bytes)), _) => group.take_delta(bytes, links, profile),
                _ => {}
            }
        }
        self.release_held(content.id);
    }

    fn receive_from_member(&mut self, from: Origin, content: GroupContent) {
        let State { version: _, profile, doors: _, links, groups } = &mut self.state;
        let Some(group) = groups.iter_mut().find(|group| group.id == content.id && !group.out) else { return };
        let Some(member) = links.iter().find(|link| link.id == from.link).map(|link| link.peer) else { return };
        if let Some(door) = content.door {
            if group.waiting_doors.len() < MAX_WAITING {
                group.waiting_doors.retain(|(known, _)| *known != member);
                group.waiting_doors.push((member, door));
            }
            return;
        }
        let admin = group.roster.as_ref().map(|roster| roster.admin);
        for item in &content.signed {
            match (read(item), admin) {
                (Some(SignedItem::Piece { index, count, bytes }), Some(admin)) => {
                    if let Some(whole) = group.pieces.take(content.roster, index, count, bytes) {
                        group.take_roster(&whole, &admin, links, profile);
                    }
                }
                (Some(SignedItem::Delta(bytes)), _) => group.take_delta(bytes, links, profile),
                _ => {}
            }
        }
        if content.signed.is_empty() {
            let shown = group.compare(from, &content, links, profile);
            if let (true, Some(text)) = (shown, content.text) {
                let (new, missing) = group.note_text(&member, content.gmid, content.prev);
                group.note_heads(&content.heads, profile);
                if new {
                    let group = group.id;
                    let gmid = content.gmid;
                    profile.tell(Event::GroupText { group, member, gmid, text, at: from.at, missing });
                }
                self.release(from);
            }
            return;
        }
        self.release_held(content.id);
    }

    /// Acknowledges a text that was held, since it was shown.
    fn release(&mut self, from: Origin) {
        let State { version: _, profile, doors: _, links, groups: _ } = &mut self.state;
        if let Some(link) = links.iter_mut().find(|link| link.id == from.link) {
            let wait = link.acks.wait(&mut profile.jitter);
            link.received.release(from.mid, profile.clock.elapsed, wait);
        }
    }

    /// Forgets texts whose roster did not come within a day. They were not acknowledged, and come
    /// again.
    pub(super) fn forget_held(&mut self, group: GroupId) {
        let State { version: _, profile, doors: _, links, groups } = &mut self.state;
        let Some(group) = groups.iter_mut().find(|known| known.id == group) else { return };
        for from in group.overdue(profile.clock.age) {
            if let Some(link) = links.iter_mut().find(|link| link.id == from.link) {
                link.received.forget(from.mid);
            }
        }
    }

    /// Takes what waited for a roster that is known now.
    fn release_held(&mut self, group: GroupId) {
        let Some(group) = self.state.groups.iter_mut().find(|known| known.id == group) else { return };
        let early = group.newcomers.take();
        let id = group.id;
        for Held { from, content, came } in std::mem::take(&mut group.held) {
            self.receive_group(from, content);
            if let Some(group) = self.state.groups.iter_mut().find(|known| known.id == id) {
                group.date(from, came);
            }
        }
        for waiting in early {
            self.receive_again(id, waiting);
        }
    }
}

impl Group {
    /// Takes a contact into the group: it gets the roster, and the others a delta.
    fn admit(
        &mut self,
        contact: LinkId,
        entry: crate::roster::Entry,
        links: &mut Vec<Link>,
        profile: &mut ProfileState,
    ) {
        let Some(roster) = &self.roster else { return };
        let operation = match roster.entry(&entry.proof.curve) {
            Some(_) => Operation::Door(entry.proof.curve, Box::new(entry.door)),
            None => Operation::Add(Box::new(entry)),
        };
        let Ok((next, delta)) = roster.change(&[operation], &profile.identity) else { return };
        self.adopt(next, Some(delta), links, profile);
        if let Some(link) = links.iter_mut().find(|link| link.id == contact) {
            self.bring_up_to_date(link, &[0; 16], profile);
        }
        profile.tell(Event::GroupJoined { group: self.id });
    }

    /// Takes a whole roster, signed by an admin that is known.
    fn take_roster(&mut self, signed: &[u8], admin: &Key, links: &mut Vec<Link>, profile: &mut ProfileState) {
        let Ok(roster) = Roster::from_signed(signed, admin, profile.here()) else { return };
        if roster.group != self.id {
            return;
        }
        match &self.roster {
            Some(known) if known.version == roster.version && known.id() != roster.id() => self.fork(profile),
            Some(known) if known.version >= roster.version => {}
            Some(_) | None => {
                let first = self.roster.is_none();
                self.adopt(roster, None, links, profile);
                if first {
                    profile.tell(Event::GroupJoined { group: self.id });
                }
                self.take_early(links, profile);
            }
        }
    }

    /// Takes a delta: now, or when the ones before it have come.
    fn take_delta(&mut self, bytes: &[u8], links: &mut Vec<Link>, profile: &mut ProfileState) {
        let Ok(delta) = Delta::from_bytes(bytes, profile.here()) else { return };
        let Some(roster) = &self.roster else {
            self.keep_early(bytes);
            return;
        };
        match roster.follow(&delta) {
            Ok(next) => {
                self.adopt(next, Some(bytes.to_vec()), links, profile);
                self.take_early(links, profile);
            }
            Err(_) if self.history.contradicts(&delta) => self.fork(profile),
            Err(_) if delta.version > roster.version + 1 => self.keep_early(bytes),
            Err(_) => {}
        }
    }

    fn keep_early(&mut self, bytes: &[u8]) {
        if self.early.len() < MAX_EARLY && !self.early.iter().any(|early| early == bytes) {
            self.early.push(bytes.to_vec());
        }
    }

    fn take_early(&mut self, links: &mut Vec<Link>, profile: &mut ProfileState) {
        for bytes in std::mem::take(&mut self.early) {
            self.take_delta(&bytes, links, profile);
        }
    }

    /// Compares the roster that a message goes by with one's own. Returns whether its text is
    /// shown.
    fn compare(
        &mut self,
        from: Origin,
        content: &GroupContent,
        links: &mut [Link],
        profile: &mut ProfileState,
    ) -> bool {
        let own = self.roster.as_ref().map(Roster::short_id);
        if own == Some(content.roster) {
            return true;
        }
        let behind = self.history.since(&content.roster).is_some();
        let elapsed = profile.clock.elapsed;
        // Once an hour, whatever comes: a whole roster is long.
        let update = self.updated.get(&from.link).is_none_or(|last| elapsed >= last + HOUR);
        let Some(link) = links.iter_mut().find(|link| link.id == from.link) else { return behind };
        if behind || (content.text.is_none() && self.is_admin(profile)) {
            if update {
                self.updated.insert(from.link, elapsed);
                self.bring_up_to_date(link, &content.roster, profile);
            }
        } else if content.text.is_some() {
            // It is acknowledged when it is shown; without room for it, it has to come again.
            if self.hold(from, content.clone(), profile.clock.settled_age()) {
                link.received.hold(from.mid);
            } else {
                link.received.forget(from.mid);
            }
            if update {
                // Whoever gets this sees that we are behind.
                self.updated.insert(from.link, elapsed);
                link.enqueue(Content::Group(self.message()), 0, profile);
            }
        }
        behind
    }
}
