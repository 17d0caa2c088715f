//! What a member of a group, its former admin, or somebody with whom it is over may try: each holds
//! keys that once were good for something.

use super::groups::World;
use super::pair::SimulatedPair;
use super::person::{Person, SeenMoment};
use super::server::Malice;
use super::{START, authority};
use crate::bytes::Secret;
use crate::clock::{DAY, HOUR, MINUTE};
use crate::core::{Accept, CoreError, InviteOptions, Room};
use crate::effect::Event;
use crate::group::pieces;
use crate::identity::IdentityKeys;
use crate::invite::{Form, Invite};
use crate::link::LinkKind;
use crate::payload::{Content, GroupContent};
use crate::roster::delta::Operation;

/// Has somebody say something to another one, as a member of the group or as its contact.
fn say(world: &mut World, from: usize, to: usize, as_member: bool, content: GroupContent) {
    let kind = if as_member { LinkKind::Member(world.group) } else { LinkKind::Contact };
    let peer = world.key(to);
    let (profile, links) = world.people[from].core.state_mut();
    let link = links.iter_mut().find(|link| link.kind == kind && link.peer == peer).unwrap();
    link.enqueue(Content::Group(content), 0, profile).unwrap();
}

#[test]
fn who_handed_a_group_over_and_was_removed_cannot_bring_its_own_roster_to_those_it_invited() {
    let mut world = World::new(4, 31);
    world.found();
    world.run(60, HOUR, Malice::default());
    let old = world.key(0);
    let new = world.key(1);
    let victim = 2;
    world.people[0].core.hand_over(world.group, &new, world.now).unwrap();
    world.run(30, 10 * MINUTE, Malice::default());
    let known = world.people[0].core.groups_mut()[0].roster.clone().unwrap();
    world.people[1].core.remove_member(world.group, &old, world.now).unwrap();
    world.run(30, 10 * MINUTE, Malice::default());
    // What the former admin makes of the roster that it knows, under its own name.
    let (profile, _) = world.people[0].core.state_mut();
    let identity = profile.identity.clone();
    let operations = [Operation::Admin(identity.ed()), Operation::Remove(new)];
    let mut own = known.change(&operations, &identity).unwrap().0;
    let (_, version) = world.people[victim].core.members(world.group).unwrap();
    for ahead in [0, 100] {
        own.version = version + ahead;
        for item in pieces::cut(&own.sign(&identity)) {
            let roster = own.short_id();
            let content = GroupContent { id: world.group, roster, signed: vec![item], ..GroupContent::default() };
            say(&mut world, 0, victim, false, content);
        }
        world.run(10, 10 * MINUTE, Malice::default());
        let (members, _) = world.people[victim].core.members(world.group).unwrap();
        assert!(members.contains(&new) && !members.contains(&old), "{members:?}");
        let forked = |event: &&Event| matches!(event, Event::GroupForked { .. });
        assert_eq!(world.people[victim].events.iter().filter(forked).count(), 0, "nor can it freeze the group");
    }
}

#[test]
fn a_member_who_makes_up_rosters_does_not_cost_the_others_texts() {
    let mut world = World::new(4, 37);
    world.found();
    world.run(60, HOUR, Malice::default());
    for _ in 0..100 {
        let text = Some("made up".to_owned());
        let roster = crate::random::bytes();
        let gmid = crate::random::identifier();
        let content = GroupContent { id: world.group, roster, gmid, text, ..GroupContent::default() };
        say(&mut world, 2, 1, true, content);
    }
    world.run(6, 10 * MINUTE, Malice::default());
    // A change of which 1 does not hear before a text that goes by it.
    let honest = world.key(3);
    world.people[0].core.hand_over(world.group, &honest, world.now).unwrap();
    for _ in 0..5 {
        world.now += MINUTE;
        for who in [0, 3] {
            world.people[who].act(&mut world.servers, Malice::default(), world.now, None, &mut world.dice);
        }
    }
    world.servers[0].forget_for(&world.people[1].mailboxes());
    for number in 0..20 {
        world.send(3, &format!("{number}"));
    }
    for _ in 0..5 {
        world.now += MINUTE;
        for who in [3, 1] {
            world.people[who].act(&mut world.servers, Malice::default(), world.now, None, &mut world.dice);
        }
    }
    let delivered = |world: &World| {
        let told = |event: &&Event| matches!(event, Event::GroupDelivered { member, .. } if *member == world.key(1));
        world.people[3].events.iter().filter(told).count()
    };
    assert!(delivered(&world) <= world.heard(1).len(), "what was not shown is not acknowledged");
    world.run(60, HOUR, Malice::default());
    let heard = world.heard(1);
    assert_eq!(heard.iter().filter(|(from, _)| *from == honest).count(), 20, "{heard:?}");
    assert_eq!(delivered(&world), 20);
}

#[test]
fn a_member_who_asks_again_and_again_for_the_roster_gets_it_once_an_hour() {
    let mut world = World::new(3, 41);
    world.found();
    world.run(60, HOUR, Malice::default());
    let asked = world.now;
    world.people[0].moments.clear();
    while world.now < asked + HOUR / 2 {
        let roster = crate::random::bytes();
        let content = GroupContent { id: world.group, roster, ..GroupContent::default() };
        say(&mut world, 2, 0, true, content);
        world.run(1, 10_000, Malice::default());
    }
    let sent = world.people[0].moments.iter().filter(|moment| matches!(moment, SeenMoment::Sent(..))).count();
    assert!((1..=20).contains(&sent), "{sent} messages for 180 questions");
}

#[test]
fn a_member_who_acknowledges_nothing_keeps_nobody_from_writing_to_the_others() {
    let mut world = World::new(3, 43);
    world.found();
    world.run(60, HOUR, Malice::default());
    let lost = world.key(2);
    for number in 0..300 {
        world.send(1, &format!("{number}"));
        world.now += 10 * MINUTE;
        for who in [0, 1] {
            world.people[who].act(&mut world.servers, Malice::default(), world.now, None, &mut world.dice);
        }
    }
    for _ in 0..12 {
        world.now += HOUR;
        for who in [0, 1] {
            world.people[who].act(&mut world.servers, Malice::default(), world.now, None, &mut world.dice);
        }
    }
    assert_eq!(world.heard(0).len(), 300);
    let told = world.people[1].events.iter();
    let told = told.filter(|event| matches!(event, Event::GroupNotDelivered { member, .. } if *member == lost));
    assert_eq!(told.count(), 300 - crate::link::outbox::MAX_ITEMS, "who did not get it is told");
    // With nobody else there is nothing but to wait.
    let gone = world.key(0);
    for link in world.people[1].core.state_mut().1.iter_mut().filter(|link| link.peer == gone) {
        link.left = Some(0);
    }
    let refused = world.people[1].core.send_group(world.group, "alone".to_owned(), world.now);
    assert_eq!(refused, Err(CoreError::Full(Room::Outbox)));
}

#[test]
fn a_contact_that_invites_to_groups_without_end_does_not_fill_the_inbox() {
    let mut world = World::new(2, 47);
    world.people[0].looks_away = true;
    for number in 0..400 {
        // One group under many names, and many groups.
        let id = if number % 2 == 0 { [7; 16] } else { crate::random::bytes() };
        let offer = Some(format!("{number}"));
        say(&mut world, 1, 0, false, GroupContent { id, offer, ..GroupContent::default() });
        if number % 20 == 0 {
            world.run(3, 10 * MINUTE, Malice::default());
        }
    }
    world.run(40, HOUR, Malice::default());
    let (profile, _) = world.people[0].core.state_mut();
    let waiting = profile.waiting(|event| matches!(event, Event::GroupOffer { .. }));
    assert!((1..=8).contains(&waiting), "{waiting} wait to be shown");
}

#[test]
fn somebody_with_whom_it_is_over_is_asked_about_when_it_uses_an_invite_for_many() {
    let mut people = [0, 1].map(|who| Person::new(who, authority(1), START, 53));
    let mut world = World::of(Vec::new(), 53);
    let options = InviteOptions { reusable: true, ..InviteOptions::default() };
    people[0].core.invite(options, START).unwrap();
    people[0].settle(&mut [], START);
    let text = people[0].invites.pop().unwrap();
    let accept = || Accept { name: "alice".to_owned(), ..Accept::default() };
    people[1].core.accept(&text, accept(), START).unwrap();
    people[1].settle(&mut [], START);
    world.people = people.into();
    world.run(10, 10 * MINUTE, Malice::default());
    let contact = world.people[0].core.contacts()[0].link;
    world.people[0].core.leave(contact, world.now).unwrap();
    world.run(10, 10 * MINUTE, Malice::default());
    world.people[0].decides = false;
    let before = world.people[1].core.contacts()[0].link;
    world.people[1].core.block(before, world.now).unwrap();
    world.people[1].core.accept(&text, accept(), world.now).unwrap();
    world.run(10, 10 * MINUTE, Malice::default());
    let requests = world.people[0].events.iter().filter(|event| matches!(event, Event::Request { .. }));
    assert_eq!(requests.count(), 2);
    assert!(world.people[0].core.contacts().iter().all(|contact| contact.left), "nobody is let in unasked");
}

#[test]
fn an_invite_that_somebody_made_in_a_contacts_name_does_not_end_the_conversation_with_it() {
    for life in [1_440, u32::MAX / 2] {
        let mut pair = SimulatedPair::met();
        pair.run(30, HOUR);
        let minutes = u32::try_from(pair.now / MINUTE).unwrap();
        let mallory = IdentityKeys::generate();
        // Bob's identity, and everything else Mallory's.
        let forged = Invite {
            one_time: true,
            not_after: minutes + life,
            authority: authority(1),
            door: mallory.ed(),
            identity: pair.people[1].core.identity().0,
            prekey: mallory.curve(),
            form: Form::Short { secret: Secret::random(), discovery: None },
        };
        let accept = Accept { name: "bob".to_owned(), ..Accept::default() };
        pair.people[0].core.accept(&forged.to_text(), accept, pair.now).unwrap();
        pair.people[0].talk(pair.now);
        pair.run(9, DAY);
        assert_eq!(pair.people[1].heard.len(), 1, "{life}");
    }
}

#[test]
fn a_text_that_a_member_kept_from_the_others_is_shown_to_them_as_a_gap_after_a_day() {
    let mut world = World::new(4, 59);
    world.found();
    world.run(60, HOUR, Malice::default());
    let group = world.people[1].core.groups_mut().first().unwrap();
    let text = Some("for you alone".to_owned());
    let secret = GroupContent { gmid: crate::random::identifier(), text, ..group.message() };
    let gmid = secret.gmid;
    say(&mut world, 1, 3, true, secret);
    world.run(6, 10 * MINUTE, Malice::default());
    world.send(3, "what do you others say to that?");
    world.run(12, HOUR, Malice::default());
    let author = crate::group::short(&world.key(1));
    let gap = |event: &&Event| matches!(event, Event::GroupGap { author: of, gmid: missing, .. } if (*of, *missing) == (author, gmid));
    let gaps = |world: &World, who: usize| world.people[who].events.iter().filter(gap).count();
    assert_eq!([0, 2, 3].map(|who| gaps(&world, who)), [0, 0, 0], "it may be late");
    world.run(24, HOUR, Malice::default());
    assert_eq!([0, 2, 3].map(|who| gaps(&world, who)), [1, 1, 0]);
}
