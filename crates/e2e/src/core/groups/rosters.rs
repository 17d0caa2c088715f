//! What a change of a roster brings with it: links, mailboxes, deltas for the others.

use crate::clock::DAY;
use crate::effect::Event;
use crate::group::{Group, pieces};
use crate::identity::IdentityProof;
use crate::link::{Link, LinkKind};
use crate::payload::{Content, GroupContent};
use crate::profile::ProfileState;
use crate::roster::delta::Operation;
use crate::roster::{Entry, Roster, read_door};

/// How many door cards go into one delta: it has to fit into one message.
const DOORS_AT_ONCE: usize = 25;

impl Group {
    /// Goes by a roster from now on, and brings the links of the group in line with it.
    pub(crate) fn adopt(
        &mut self,
        next: Roster,
        delta: Option<Vec<u8>>,
        links: &mut Vec<Link>,
        profile: &mut ProfileState,
    ) {
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
        profile.tell_members(self.id, members);
        if next.entry(&me).is_none() {
            self.expelled(links, profile);
            return;
        }
        links.retain(|link| link.kind != LinkKind::Member(self.id) || next.entry(&link.peer).is_some());
        let newcomer = before.is_none();
        for entry in next.entries().iter().filter(|entry| entry.proof.curve != me) {
            if !links.iter().any(|link| link.kind == LinkKind::Member(self.id) && link.peer == entry.proof.curve) {
                links.push(self.pair(entry, newcomer, profile));
            }
        }
        if removed {
            self.move_mailbox(links, profile);
            self.tell_door(links, profile);
        }
    }

    /// Writes nothing more to a group whose admin contradicts itself.
    pub(super) fn fork(&mut self, profile: &mut ProfileState) {
        if !self.forked {
            self.forked = true;
            profile.tell(Event::GroupForked { group: self.id });
        }
    }

    fn expelled(&mut self, links: &mut Vec<Link>, profile: &mut ProfileState) {
        self.out = true;
        links.retain(|link| link.kind != LinkKind::Member(self.id));
        profile.retire_owned(crate::mailbox::Owner::Group(self.id), profile.clock.age);
        profile.tell(Event::GroupRemoved { group: self.id });
    }

    /// Makes the link with a member. The newcomer makes the session, within ten minutes; the others
    /// wait for it.
    fn pair(&mut self, entry: &Entry, newcomer: bool, profile: &mut ProfileState) -> Link {
        let id = profile.next_id();
        let kind = LinkKind::Member(self.id);
        let mut link = Link::new(id, entry.name.clone(), kind, entry.proof.curve, self.mailbox);
        link.expected_ed = Some(entry.proof.ed);
        // The clock may have gone back since the door card was made, which the other side has.
        link.own.follow_on(self.newest_door());
        link.own.renew_root(self.mailbox, profile);
        link.theirs.take(entry.door.clone(), false, |authority| profile.here().is(authority));
        if newcomer {
            link.begin_pair(profile);
        }
        link
    }

    /// Sends a delta to all members, and over the contact's link to whom it removes.
    fn broadcast(&self, delta: &[u8], before: &Roster, links: &mut [Link], profile: &ProfileState) {
        let Some(next) = &self.roster else { return };
        let message = GroupContent { signed: vec![pieces::delta(delta)], ..self.message() };
        for link in links.iter_mut().filter(|link| link.left.is_none()) {
            let told = match link.kind {
                LinkKind::Member(group) => group == self.id && next.entry(&link.peer).is_some(),
                LinkKind::Contact => before.entry(&link.peer).is_some() && next.entry(&link.peer).is_none(),
            };
            if told {
                // A member whose outbox is full learns it when it writes.
                link.enqueue(Content::Group(message.clone()), 0, profile);
            }
        }
    }

    /// Tells the admin a new door card.
    pub(crate) fn tell_door(&mut self, links: &mut Vec<Link>, profile: &mut ProfileState) {
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
        for link in links.iter_mut().filter(|link| link.kind == LinkKind::Member(self.id) && link.peer == admin) {
            link.enqueue(Content::Group(message.clone()), 0, profile);
        }
    }

    /// Puts the door cards that members told the admin into one delta, once a day.
    pub(super) fn announce_doors(&mut self, links: &mut Vec<Link>, profile: &mut ProfileState) {
        let elapsed = profile.clock.elapsed;
        let due = self.doors_announced.is_none_or(|last| elapsed >= last + DAY);
        if self.waiting_doors.is_empty() || !due || !self.is_admin(profile) {
            return;
        }
        let Some(roster) = &self.roster else { return };
        let count = self.waiting_doors.len().min(DOORS_AT_ONCE);
        let told: Vec<_> = self.waiting_doors.drain(..count).collect();
        let known = told.into_iter().filter(|(member, _)| roster.entry(member).is_some());
        let doors = known.filter_map(|(member, bytes)| Some((member, read_door(&bytes, profile.here())?)));
        let mut operations: Vec<Operation> = Vec::new();
        for (member, card) in doors {
            operations.push(Operation::Door(member, Box::new(card)));
            // One that does not fit, such as the mailbox of somebody else, takes none of the others
            // with it.
            if roster.change(&operations, &profile.identity).is_err() {
                operations.pop();
            }
        }
        self.doors_announced = Some(elapsed);
        if let Ok((next, delta)) = roster.change(&operations, &profile.identity) {
            self.adopt(next, Some(delta), links, profile);
        }
    }

    /// Sends somebody who is behind what it lacks: deltas, or from the admin the whole roster.
    pub(crate) fn bring_up_to_date(&self, link: &mut Link, short: &[u8; 16], profile: &ProfileState) {
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
    pub(crate) fn entry_of(link: &Link, door: &[u8], profile: &ProfileState) -> Option<Entry> {
        let proof = IdentityProof::from_bytes(&link.peer_proof).ok()?;
        let door = read_door(door, profile.here())?;
        Some(Entry { proof, door, name: link.name.clone() })
    }
}
