//! Promises of docs/e2e.md that the runs of the simulator do not bring about by themselves, each
//! held once.

use super::pair::SimulatedPair;
use super::person::Person;
use super::server::{HostileServer, Malice};
use super::{Dice, START, authority};
use crate::clock::{DAY, HOUR, MINUTE};
use crate::core::{Accept, InviteOptions};
use crate::link::send::trace;

#[test]
fn what_is_replayed_after_nine_days_is_shown_to_nobody_and_resets_nothing() {
    let mut pair = SimulatedPair::met();
    trace::take();
    for _ in 0..10 {
        for who in [0, 1] {
            pair.people[who].talk(pair.now);
        }
        pair.run(4, 6 * HOUR);
    }
    // By now the digests of the first ones are forgotten.
    for _ in 0..3 {
        pair.servers[0].replay_everything(pair.now);
        pair.run(8, 6 * HOUR);
    }
    assert_eq!((pair.people[0].heard.len(), pair.people[1].heard.len()), (10, 10));
    let figures = trace::take();
    assert_eq!((figures.resets, figures.reused), (0, 0));
    assert!(figures.nudges_a_day <= 5, "{}", figures.nudges_a_day);
}

#[test]
fn a_server_that_accepts_and_drops_everything_for_two_weeks_brings_about_no_reset_and_loses_nothing() {
    let mut pair = SimulatedPair::met();
    trace::take();
    let worst = Malice { lose: 100, forget: 100, pretend: 100, ..Malice::default() };
    for hour in 0..14 * 24 {
        pair.now += HOUR;
        pair.servers[0].misbehave(worst, pair.now, &mut pair.dice);
        for who in [0, 1] {
            if hour % 4 == 0 {
                pair.people[who].talk(pair.now);
            }
            pair.people[who].act(&mut pair.servers, worst, pair.now, None, &mut pair.dice);
        }
    }
    assert_eq!(pair.people[0].heard.len() + pair.people[1].heard.len(), 0);
    pair.run(48, HOUR);
    for (from, to) in [(0, 1), (1, 0)] {
        let mut heard = pair.people[to].heard.clone();
        heard.sort_unstable();
        let mut said = pair.people[from].said.clone();
        said.sort_unstable();
        assert_eq!(heard, said);
    }
    let figures = trace::take();
    assert_eq!((figures.resets, figures.reused, figures.under_root), (0, 0, 0));
    assert!(figures.nudges_a_day <= 5, "{}", figures.nudges_a_day);
    // What a gap may be: see below.
    assert!(figures.envelopes < 2 * 2_000, "{}", figures.envelopes);
}

/// Encrypts as if so many messages were lost on their way.
fn lose(pair: &mut SimulatedPair, who: usize, count: usize) {
    let (_, links) = pair.people[who].core.state_mut();
    let id = links[0].sessions.front().unwrap().id.clone();
    let session = links[0].sessions.get_mut(&id).unwrap();
    for _ in 0..count {
        session.olm.0.encrypt("lost").unwrap();
    }
}

#[test]
fn a_gap_of_two_thousand_messages_needs_no_reset_and_a_greater_one_is_healed_by_one() {
    for (count, resets) in [(2_000, 0), (2_001, 1)] {
        let mut pair = SimulatedPair::met();
        trace::take();
        lose(&mut pair, 0, count);
        for who in [0, 1] {
            pair.people[who].talk(pair.now);
        }
        pair.run(48, HOUR);
        assert_eq!(trace::take().resets, resets, "after {count}");
        assert_eq!((pair.people[0].heard.len(), pair.people[1].heard.len()), (1, 1), "after {count}");
    }
}

/// Returns two people who each accepted an invite of the other.
fn both_accepted(seed: u64) -> ([Person; 2], Vec<HostileServer>, Dice) {
    let mut people = [0, 1].map(|who| Person::new(who, authority(1), START, seed));
    let texts = [0, 1].map(|who: usize| {
        let options = InviteOptions { name: "peer".to_owned(), ..InviteOptions::default() };
        people[who].core.invite(options, START).unwrap();
        people[who].settle(&mut [], START);
        people[who].invites.pop().unwrap()
    });
    for who in [0, 1] {
        let accept = Accept { name: "peer".to_owned(), ..Accept::default() };
        people[who].core.accept(&texts[1 - who], accept, START).unwrap();
        people[who].settle(&mut [], START);
    }
    (people, vec![HostileServer::new(authority(1))], Dice(seed))
}

#[test]
fn two_who_write_to_each_other_first_agree_on_a_session_within_one_exchange() {
    for seed in 0..20 {
        let (mut people, mut servers, mut dice) = both_accepted(seed);
        // Both first messages, and an answer each: who comes first is chance.
        let mut now = START;
        for _ in 0..2 {
            now += 11 * MINUTE;
            let first = usize::try_from(dice.below(2)).unwrap();
            for who in [first, 1 - first] {
                people[who].act(&mut servers, Malice::default(), now, None, &mut dice);
            }
        }
        now += 11 * MINUTE;
        for who in [0, 1] {
            people[who].act(&mut servers, Malice::default(), now, None, &mut dice);
        }
        assert!(people[0].front().is_some());
        assert_eq!(people[0].front(), people[1].front(), "run {seed}");
    }
}

#[test]
fn after_a_rollback_the_two_agree_on_a_session_within_one_exchange_of_its_reset() {
    let mut pair = SimulatedPair::met();
    let old = pair.people[0].disk.clone();
    for _ in 0..5 {
        for who in [0, 1] {
            pair.people[who].talk(pair.now);
        }
        pair.run(3, HOUR);
    }
    trace::take();
    pair.people[0].reopen(old, pair.now);
    pair.people[1].talk(pair.now);
    let mut minutes = 0;
    while trace::figures().resets == 0 {
        pair.run(1, MINUTE);
        minutes += 1;
        assert!(minutes < 2 * 60, "no reset in two hours");
    }
    // The reset, its answer, and one message in the new session.
    pair.run(3, 2 * MINUTE);
    assert_eq!(pair.people[0].front(), pair.people[1].front());
    let heard = pair.people[0].heard.len();
    pair.people[1].talk(pair.now);
    pair.run(3, DAY / 2);
    assert!(pair.people[0].heard.len() > heard);
}
