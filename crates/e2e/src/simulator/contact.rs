//! What a contact, a member of a group or a server may try once it is trusted so far.

use super::pair::SimulatedPair;
use super::person::SeenMoment;
use super::{START, authority};
use crate::clock::{DAY, HOUR, MINUTE};
use crate::core::{Core, IncomingFrame};
use crate::effect::{Effect, Event};
use crate::payload::{Content, GroupContent};

/// How often something left Alice for Bob since the last look.
fn signs_of_life(pair: &mut SimulatedPair) -> usize {
    let moments = std::mem::take(&mut pair.people[0].moments);
    moments.iter().filter(|moment| matches!(moment, SeenMoment::Sent(..))).count()
}

#[test]
fn content_that_nobody_is_shown_does_not_tell_a_contact_every_minute_that_one_is_online() {
    let mut pair = SimulatedPair::met();
    pair.run(30, HOUR);
    signs_of_life(&mut pair);
    for _ in 0..6 * 60 {
        let (profile, links) = pair.people[1].core.state_mut();
        // Of a group that there is not.
        let probe = GroupContent { id: crate::random::bytes(), ..GroupContent::default() };
        let _ = links[0].enqueue(Content::Group(probe), 0, profile);
        pair.run(1, MINUTE);
    }
    let signs = signs_of_life(&mut pair);
    // One an hour, and what cards want to be told.
    assert!(signs <= 30, "{signs} in six hours");
    pair.people[1].talk(pair.now);
    pair.run(3, HOUR);
    assert_eq!(pair.people[0].heard.len(), 1);
    assert_eq!(pair.people[1].core.contacts()[0].outgoing, 0, "the acknowledgements went with the text's");
}

#[test]
fn resets_do_not_tell_a_contact_at_any_time_that_one_is_online() {
    let mut pair = SimulatedPair::met();
    pair.run(30, HOUR);
    signs_of_life(&mut pair);
    for _ in 0..24 * 6 {
        let (profile, links) = pair.people[1].core.state_mut();
        links[0].reset(profile);
        pair.run(10, MINUTE);
    }
    let signs = signs_of_life(&mut pair);
    // Ten answers a day, and a receipt of a new root once an hour.
    assert!(signs <= 10 + 24 + 2, "{signs} in a day");
    pair.run(48, HOUR);
    pair.people[1].talk(pair.now);
    pair.people[0].talk(pair.now);
    pair.run(48, HOUR);
    assert_eq!((pair.people[0].heard.len(), pair.people[1].heard.len()), (1, 1), "it heals");
}

#[test]
fn a_clock_that_a_server_disputes_at_each_connection_is_told_once_a_day() {
    let mut core = Core::create(authority(1), "alice", START).unwrap();
    let mut told = 0;
    for minute in 0..2 * 24 * 60 {
        let now = START + minute * MINUTE;
        // It agrees now and then.
        let server = if minute % 3 == 0 { now } else { now + 30 * DAY };
        core.welcomed(&crate::bytes::Key::default(), &authority(1), "epoch", server, now).unwrap();
        for effect in core.commit(|_| Ok::<(), ()>(())).unwrap() {
            if let Effect::Show { id, event: Event::ClockDisputed } = effect {
                told += 1;
                core.shown(id);
            }
        }
    }
    assert_eq!(told, 2);
}

#[test]
fn what_is_of_no_use_counts_against_the_server_that_sends_it() {
    let mut pair = SimulatedPair::met();
    pair.people[1].talk(pair.now);
    pair.run(3, HOUR);
    let own = pair.people[0].core.only_link().unwrap().mailbox;
    let past = pair.servers[0].past_of(&own);
    let other = crate::bytes::Key([1; 32]);
    let noise = "A".repeat(4_096);
    for (mailbox, content) in [(&own, "no envelope"), (&own, noise.as_str()), (&own, &past[0]), (&other, &past[0])] {
        let incoming = IncomingFrame { mailbox, content, seq: 1, from: None };
        assert_eq!(pair.people[0].core.receive(incoming, pair.now), Ok(true), "{content:.20}");
    }
}
