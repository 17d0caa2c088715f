//! Groups in the simulator.

use super::person::Person;
use super::server::{HostileServer, Malice};
use super::{Dice, START, authority};
use crate::bytes::Key;
use crate::clock::{DAY, HOUR, MINUTE, SECOND};
use crate::core::{Accept, IncomingFrame, InviteOptions};
use crate::effect::Event;
use crate::roster::GroupId;

pub(super) struct World {
    pub(super) people: Vec<Person>,
    pub(super) servers: Vec<HostileServer>,
    pub(super) dice: Dice,
    pub(super) now: u64,
    pub(super) group: GroupId,
}

impl World {
    /// Makes a server for these people.
    pub(super) fn of(people: Vec<Person>, seed: u64) -> Self {
        let servers = vec![HostileServer::new(authority(1))];
        Self { people, servers, dice: Dice(seed), now: START, group: [0; 16] }
    }

    /// Makes an admin with contacts.
    pub(super) fn new(count: usize, seed: u64) -> Self {
        let people = (0..count).map(|who| Person::new(who, authority(1), START, seed)).collect();
        let mut world = Self::of(people, seed);
        for who in 1..count {
            let options = InviteOptions { name: format!("{who}"), ..InviteOptions::default() };
            // There are at most so many doors at a time.
            if who % 10 == 0 {
                world.run(20, MINUTE, Malice::default());
            }
            let invite = world.people[0].core.invite(options, world.now);
            let invite = invite.unwrap();
            world.people[0].settle(&mut [], world.now);
            let text = world.people[0].invites.pop().unwrap();
            let accept = Accept { name: "admin".to_owned(), ..Accept::default() };
            world.people[who].core.accept(&text, accept, world.now).unwrap();
            world.people[who].settle(&mut [], world.now);
            world.run(3, 10 * MINUTE, Malice::default());
            world.people[0].core.revoke(invite, world.now).unwrap();
        }
        world.run(5, 10 * MINUTE, Malice::default());
        world
    }

    pub(super) fn run(&mut self, steps: usize, length: u64, malice: Malice) {
        for _ in 0..steps {
            self.now += length;
            self.servers[0].misbehave(malice, self.now, &mut self.dice);
            for person in &mut self.people {
                person.act(&mut self.servers, malice, self.now, None, &mut self.dice);
            }
        }
    }

    pub(super) fn found(&mut self) {
        let clock = self.people[0].clock(self.now);
        self.group = self.people[0].core.found("club", clock).unwrap();
        for contact in self.people[0].core.contacts() {
            self.people[0].core.add_member(self.group, contact.link, clock).unwrap();
        }
    }

    pub(super) fn key(&self, who: usize) -> Key {
        self.people[who].core.identity().0
    }

    pub(super) fn heard(&self, who: usize) -> Vec<(Key, String)> {
        let texts = self.people[who].events.iter().filter_map(|event| match event {
            Event::GroupText { member, text, .. } => Some((*member, text.clone())),
            _ => None,
        });
        let mut texts: Vec<_> = texts.collect();
        texts.sort();
        texts
    }

    pub(super) fn send(&mut self, who: usize, text: &str) {
        self.people[who].core.send_group(self.group, text.to_owned(), self.now).unwrap();
    }
}

const LOSSY: Malice =
    Malice { lose: 20, duplicate: 10, reorder: 100, hold: 20, inject: 5, replay: 5, forget: 1, pretend: 0 };

/// Checks that everybody in `of` heard each other's texts once and nothing else.
fn all_heard(world: &World, of: &[usize], texts: &[(usize, &str)]) {
    for who in of {
        let others = texts.iter().filter(|(from, _)| from != who);
        let mut expected: Vec<_> = others.map(|(from, text)| (world.key(*from), (*text).to_owned())).collect();
        expected.sort();
        assert_eq!(world.heard(*who), expected, "what {who} heard");
    }
}

#[test]
fn a_group_grows_talks_and_removes_a_member_over_a_server_that_loses_mail() {
    for seed in 0..3 {
        let mut world = World::new(5, seed);
        world.found();
        world.run(40, HOUR, LOSSY);
        world.run(80, HOUR, Malice::default());
        for who in 0..5 {
            let (members, _) = world.people[who].core.members(world.group).unwrap();
            assert_eq!(members.len(), 5, "{who} of run {seed}");
        }
        world.send(1, "one");
        world.send(2, "two");
        world.run(40, HOUR, LOSSY);
        world.run(80, HOUR, Malice::default());
        all_heard(&world, &[0, 1, 2, 3, 4], &[(1, "one"), (2, "two")]);

        let out = world.key(4);
        world.people[0].core.remove_member(world.group, &out, world.now).unwrap();
        world.run(40, HOUR, LOSSY);
        world.run(80, HOUR, Malice::default());
        world.send(3, "three");
        assert!(world.people[4].core.send_group(world.group, "late".to_owned(), world.now).is_err());
        world.run(60, HOUR, LOSSY);
        world.run(80, HOUR, Malice::default());
        all_heard(&world, &[0, 1, 2, 3], &[(1, "one"), (2, "two"), (3, "three")]);
        all_heard(&world, &[4], &[(1, "one"), (2, "two")]);
        for person in &world.people {
            let alarming = |event: &&Event| matches!(event, Event::GroupForked { .. } | Event::Unstable { .. });
            assert_eq!(person.events.iter().filter(alarming).count(), 0, "run {seed}");
        }
    }
}

#[test]
fn somebody_who_does_not_know_of_a_removal_yet_is_told_with_the_next_text() {
    let mut world = World::new(4, 7);
    world.found();
    world.run(60, HOUR, Malice::default());
    let out = world.key(3);
    world.people[0].core.remove_member(world.group, &out, world.now).unwrap();
    // The server keeps the admin's word from 2 only.
    for _ in 0..5 {
        world.now += MINUTE;
        for who in [0, 1] {
            world.people[who].act(&mut world.servers, Malice::default(), world.now, None, &mut world.dice);
        }
    }
    world.servers[0].forget_for(&world.people[2].mailboxes());
    world.send(2, "from the past");
    world.run(30, 20 * MINUTE, Malice::default());
    let (members, _) = world.people[2].core.members(world.group).unwrap();
    assert_eq!(members.len(), 3);
    assert!(world.heard(1).iter().any(|(_, text)| text == "from the past"));
}

#[test]
fn the_admin_hands_over_and_the_new_one_removes_it() {
    let mut world = World::new(3, 11);
    world.found();
    world.run(40, HOUR, Malice::default());
    let old = world.key(0);
    let new = world.key(1);
    world.people[0].core.hand_over(world.group, &new, world.now).unwrap();
    world.run(30, 10 * MINUTE, Malice::default());
    let other = world.key(2);
    assert!(world.people[0].core.remove_member(world.group, &other, world.now).is_err());
    world.people[1].core.remove_member(world.group, &old, world.now).unwrap();
    world.run(30, 10 * MINUTE, Malice::default());
    let (members, _) = world.people[2].core.members(world.group).unwrap();
    assert_eq!(members.len(), 2);
    world.send(2, "still here");
    world.run(10, 10 * MINUTE, Malice::default());
    assert_eq!(world.heard(1), [(other, "still here".to_owned())]);
}

#[test]
fn who_leaves_is_taken_off_the_roster() {
    let mut world = World::new(3, 13);
    world.found();
    world.run(40, HOUR, Malice::default());
    world.people[2].core.leave_group(world.group, world.now).unwrap();
    world.run(30, 10 * MINUTE, Malice::default());
    for who in [0, 1] {
        let (members, _) = world.people[who].core.members(world.group).unwrap();
        assert_eq!(members.len(), 2, "{who}");
    }
}

#[test]
fn a_member_who_tells_somebody_elses_mailbox_as_its_own_keeps_nobodys_new_one_from_the_others() {
    let mut world = World::new(4, 19);
    world.found();
    world.run(60, HOUR, Malice::default());
    let group = world.group;
    // Both at once, the wrong one first.
    let now = world.now;
    let honest = world.key(2);
    let cheat = world.key(1);
    let card = door_of(&mut world, 3);
    let fresh = {
        let person = &mut world.people[2].core;
        let mut own = std::mem::take(person.groups_mut());
        let (profile, links) = person.state_mut();
        own[0].move_mailbox(links, profile);
        let card = own[0].door_card(profile).unwrap();
        *person.groups_mut() = own;
        card.to_bytes().to_vec()
    };
    let admin = &mut world.people[0].core;
    let known = admin.groups_mut().iter_mut().find(|known| known.id == group).unwrap();
    known.waiting_doors = vec![(cheat, card), (honest, fresh.clone())];
    known.doors_announced = None;
    admin.tick(now).unwrap();
    let known = &admin.groups_mut()[0];
    let entry = known.roster.as_ref().unwrap().entry(&honest).unwrap();
    assert!(entry.door.to_bytes().to_vec() == fresh, "the admin announces it");
}

#[test]
fn a_newcomer_whose_first_message_overtakes_the_news_of_it_is_heard_when_that_comes() {
    let mut world = World::new(3, 23);
    world.group = world.people[0].core.found("club", world.now).unwrap();
    let contacts = world.people[0].core.contacts();
    world.people[0].core.add_member(world.group, contacts[0].link, world.now).unwrap();
    world.run(40, HOUR, Malice::default());
    let before = world.people[1].mailboxes();
    world.people[0].core.add_member(world.group, contacts[1].link, world.now).unwrap();
    for _ in 0..60 {
        world.now += MINUTE;
        for who in [0, 2] {
            world.people[who].act(&mut world.servers, Malice::default(), world.now, None, &mut world.dice);
        }
    }
    let newcomer = world.key(2);
    let hears = |world: &mut World| {
        let (_, links) = world.people[1].core.state_mut();
        links.iter().any(|link| link.peer == newcomer && link.sessions.front().is_some())
    };
    // What waits for the member who was away, the newest first.
    for mailbox in before {
        let mut waiting = world.servers[0].past_of(&mailbox);
        waiting.reverse();
        for content in waiting {
            let incoming = IncomingFrame { mailbox: &mailbox, content: &content, seq: 1, from: None };
            world.people[1].core.receive(incoming, world.now).unwrap();
        }
    }
    assert!(hears(&mut world));
}

/// The door card of somebody, as the admin knows it.
fn door_of(world: &mut World, who: usize) -> Vec<u8> {
    let key = world.key(who);
    let roster = world.people[0].core.groups_mut()[0].roster.clone().unwrap();
    roster.entry(&key).unwrap().door.to_bytes().to_vec()
}

/// `E2E_MEMBERS=50` takes two minutes.
#[test]
fn many_members_hear_each_other() {
    let count = super::number("E2E_MEMBERS", 8);
    let count = usize::try_from(count).unwrap();
    let mut world = World::new(count, 17);
    world.found();
    world.run(12, 10 * MINUTE, Malice::default());
    world.run(12, HOUR, Malice::default());
    for who in 0..count {
        let (members, version) = world.people[who].core.members(world.group).unwrap();
        assert_eq!((members.len(), version), (count, u32::try_from(count).unwrap()), "{who}");
    }
    world.send(5, "hello, all of you");
    world.run(6, 10 * SECOND, Malice::default());
    world.run(4, DAY / 4, Malice::default());
    all_heard(&world, &(0..count).collect::<Vec<_>>(), &[(5, "hello, all of you")]);
}

#[test]
fn a_newcomer_may_write_as_soon_as_it_is_one_though_the_admins_clock_was_set_back_meanwhile() {
    for seed in 0..3 {
        let mut world = World::new(2, seed);
        world.people[0].clock_shift = 40 * 86_400_000;
        world.found();
        world.people[0].settle(&mut [], world.now);
        world.people[0].clock_shift = 0;
        let mut steps = 0;
        while world.people[1].core.members(world.group).is_none() {
            world.run(1, 10 * SECOND, Malice::default());
            steps += 1;
            assert!(steps < 10_000);
        }
        world.send(1, "here I am");
        world.run(60, 30 * SECOND, Malice::default());
        world.run(60, HOUR, Malice::default());
        all_heard(&world, &[0, 1], &[(1, "here I am")]);
    }
}
