//! Conversations that begin anew: after a backup was restored, or because a person wants it.

use super::pair::SimulatedPair;
use super::person::SeenMoment;
use super::server::Malice;
use super::trace;
use crate::bytes::Key;
use crate::clock::{DAY, HOUR, MINUTE};
use crate::core::CoreError;
use crate::effect::Event;

fn count(pair: &SimulatedPair, who: usize, is_it: impl Fn(&Event) -> bool) -> usize {
    pair.people[who].events.iter().filter(|event| is_it(event)).count()
}

fn resumed(event: &Event) -> bool {
    matches!(event, Event::Resumed { .. })
}

fn needs_invite(event: &Event) -> bool {
    matches!(event, Event::NeedsInvite { .. })
}

fn mailbox(pair: &SimulatedPair, who: usize) -> Key {
    pair.people[who].core.only_link().unwrap().mailbox
}

/// Lets one of the two act at the present moment.
fn act(pair: &mut SimulatedPair, who: usize) {
    pair.now += MINUTE;
    pair.people[who].act(&mut pair.servers, super::Malice::default(), pair.now, None, &mut pair.dice);
}

#[test]
fn a_restored_backup_encrypts_with_none_of_its_ratchets_although_the_contact_still_writes_in_its_session() {
    let mut pair = SimulatedPair::met();
    for _ in 0..3 {
        pair.people[0].talk(pair.now);
        pair.people[1].talk(pair.now);
        pair.run(3, HOUR);
    }
    // Bob does not hear of Alice any more, and so writes in one turn of the ratchet all the time.
    let deaf = |pair: &mut SimulatedPair| {
        let bobs = pair.people[1].mailboxes();
        pair.servers[0].forget_for(&bobs);
    };
    for who in [1, 0] {
        pair.people[who].talk(pair.now);
        act(&mut pair, who);
        act(&mut pair, who);
        deaf(&mut pair);
    }
    let backup = pair.people[0].disk.clone();
    for who in [1, 0] {
        pair.people[who].talk(pair.now);
        act(&mut pair, who);
        act(&mut pair, who);
        deaf(&mut pair);
    }
    pair.people[0].restore(&backup, pair.now);
    pair.servers[0].replay_everything(pair.now);
    act(&mut pair, 0);
    pair.people[0].talk(pair.now);
    let said = pair.people[0].said.last().cloned().unwrap();
    for _ in 0..3 {
        act(&mut pair, 0);
    }
    pair.run(10, HOUR);
    let figures = trace::take();
    assert_eq!(figures.reused, 0, "no key encrypts twice");
    assert!(pair.people[1].heard.contains(&said));
    assert_eq!((count(&pair, 0, resumed), count(&pair, 0, needs_invite)), (1, 0));
}

#[test]
fn a_first_message_whose_backup_was_restored_before_the_answer_came_still_becomes_a_conversation() {
    let mut pair = SimulatedPair::new(false);
    pair.accept();
    act(&mut pair, 1);
    let backup = pair.people[1].disk.clone();
    pair.run(2, 10 * MINUTE);
    pair.people[1].restore(&backup, pair.now);
    pair.servers[0].replay_everything(pair.now);
    pair.run(4, HOUR);
    for who in [0, 1] {
        pair.people[who].talk(pair.now);
    }
    pair.run(10, HOUR);
    for (from, to) in [(0, 1), (1, 0)] {
        assert_eq!(pair.people[to].heard, pair.people[from].said, "from {from}");
    }
    assert_eq!(trace::take().reused, 0);
}

#[test]
fn who_does_not_answer_a_restored_backup_for_a_week_is_named_once_as_needing_a_new_invite() {
    let mut pair = SimulatedPair::met();
    let backup = pair.people[0].disk.clone();
    // Bob has other roots, and no more the one that the backup knows.
    for _ in 0..40 {
        pair.people[0].talk(pair.now);
        pair.people[1].talk(pair.now);
        pair.run(4, DAY / 4);
    }
    pair.people[0].restore(&backup, pair.now);
    pair.run(6 * 8, 3 * HOUR);
    assert_eq!(count(&pair, 0, needs_invite), 0, "six days");
    pair.run(6 * 8, 3 * HOUR);
    assert_eq!((count(&pair, 0, needs_invite), count(&pair, 0, resumed)), (1, 0));
    // Neither lets the state grow nor asks for ever.
    pair.run(40, DAY / 2);
    assert_eq!(count(&pair, 0, needs_invite), 1);
}

#[test]
fn who_begins_anew_by_hand_gets_a_new_mailbox_root_and_session_and_nothing_is_lost() {
    let mut pair = SimulatedPair::met();
    for _ in 0..3 {
        pair.people[0].talk(pair.now);
        pair.people[1].talk(pair.now);
        pair.run(3, HOUR);
    }
    trace::take();
    let old = mailbox(&pair, 0);
    let front = pair.people[0].front();
    let roots = |pair: &SimulatedPair| pair.people[0].core.only_link().unwrap().own.mailboxes_of_roots();
    // A text of before is on its way.
    pair.people[0].talk(pair.now);
    let now = pair.now;
    pair.people[0].core.heal(now).unwrap();
    pair.people[0].settle(&mut [], now);
    pair.people[0].talk(now);
    pair.people[1].talk(now);
    pair.run(6, HOUR);
    for (from, to) in [(0, 1), (1, 0)] {
        let mut heard = pair.people[to].heard.clone();
        heard.sort_unstable();
        assert_eq!(heard, pair.people[from].said, "from {from}");
    }
    assert_ne!(mailbox(&pair, 0), old);
    assert_ne!(pair.people[0].front(), front);
    assert_eq!(pair.people[0].front(), pair.people[1].front());
    assert_eq!(count(&pair, 0, resumed), 1);
    pair.run(25, HOUR);
    assert!(!pair.people[0].mailboxes().contains(&old), "it is fetched from for a day");
    assert!(roots(&pair).iter().all(|mailbox| *mailbox != old), "its keys are gone");
    let before = pair.servers[0].past_of(&old).len();
    for _ in 0..3 {
        pair.people[0].talk(pair.now);
        pair.people[1].talk(pair.now);
        pair.run(3, HOUR);
    }
    assert_eq!(pair.servers[0].past_of(&old).len(), before, "nobody writes there any more");
    let figures = trace::take();
    assert_eq!((figures.resets, figures.reused), (1, 0));
}

#[test]
fn who_begins_anew_takes_all_invites_back_and_can_do_so_with_one_contact_alone() {
    let mut pair = SimulatedPair::met();
    let contact = pair.people[0].core.contacts()[0].link;
    let core = &mut pair.people[0].core;
    core.invite(crate::core::InviteOptions::default(), pair.now).unwrap();
    let invites = core.invites().len();
    core.heal_contact(contact, pair.now).unwrap();
    assert_eq!(core.invites().len(), invites);
    assert_eq!(core.heal_contact(contact + 1_000, pair.now), Err(CoreError::Unknown));
    core.heal(pair.now).unwrap();
    assert_eq!(core.invites().len(), 0);
    pair.people[0].settle(&mut [], pair.now);
    pair.run(6, HOUR);
    pair.people[1].talk(pair.now);
    pair.run(6, HOUR);
    assert_eq!(pair.people[0].heard, pair.people[1].said);
    let core = &mut pair.people[0].core;
    core.leave(contact, pair.now).unwrap();
    assert!(matches!(core.heal_contact(contact, pair.now), Err(CoreError::NotNow(_))));
    // Somebody who has not answered yet.
    let mut pair = SimulatedPair::new(false);
    pair.accept();
    let contact = pair.people[1].core.contacts()[0].link;
    assert!(matches!(pair.people[1].core.heal_contact(contact, pair.now), Err(CoreError::NotNow(_))));
}

#[test]
fn a_conversation_begins_anew_within_ten_minutes_and_says_so_until_the_contact_answers() {
    let mut pair = SimulatedPair::met();
    let contact = pair.people[0].core.contacts()[0].link;
    let begins_anew = |pair: &SimulatedPair| pair.people[0].core.contacts()[0].begins_anew;
    assert!(!begins_anew(&pair));
    pair.people[0].core.heal_contact(contact, pair.now).unwrap();
    pair.people[0].talk(pair.now);
    pair.people[0].moments.clear();
    // The contact is away.
    for _ in 0..11 {
        assert!(begins_anew(&pair));
        pair.now += MINUTE;
        pair.people[0].act(&mut pair.servers, Malice::default(), pair.now, None, &mut pair.dice);
    }
    let sent = pair.people[0].moments.iter().filter(|moment| matches!(moment, SeenMoment::Sent(..))).count();
    assert_eq!((sent, begins_anew(&pair)), (1, true), "the reset, and no text");
    pair.run(20, MINUTE);
    assert!(!begins_anew(&pair));
    assert_eq!(pair.people[1].heard, pair.people[0].said);
}
