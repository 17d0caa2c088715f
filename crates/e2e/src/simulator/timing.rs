//! Whether a server can tell by time that several mailboxes are one person's: what they do after
//! one commit is compared with what they do after different ones, by the test of Kolmogorov and
//! Smirnov.

use std::collections::BTreeMap;

use super::pair::SimulatedPair;
use super::person::{Person, SeenMoment};
use super::server::{HostileServer, Malice};
use super::{Dice, START, authority};
use crate::bytes::Key;
use crate::clock::{HOUR, MINUTE, SECOND};
use crate::core::{Accept, InviteOptions};

const CONTACTS: usize = 4;
const ROUNDS: usize = 250;

/// Returns the greatest distance between the distributions of two samples.
fn distance(one: &[f64], other: &[f64]) -> f64 {
    let sorted = |sample: &[f64]| {
        let mut sample = sample.to_vec();
        sample.sort_by(f64::total_cmp);
        sample
    };
    let one = sorted(one);
    let other = sorted(other);
    let below = |sample: &[f64], value: f64| sample.partition_point(|at| *at <= value) as f64 / sample.len() as f64;
    let values = one.iter().chain(&other);
    values.map(|value| (below(&one, *value) - below(&other, *value)).abs()).fold(0.0, f64::max)
}

/// Tells whether two samples can come from one distribution. Of such ones, one pair in a thousand
/// is told apart.
fn alike(one: &[f64], other: &[f64]) -> bool {
    let count = one.len() as f64;
    let others = other.len() as f64;
    distance(one, other) < 1.95 * ((count + others) / (count * others)).sqrt()
}

#[test]
fn the_test_tells_apart_what_differs_and_no_more() {
    let mut dice = Dice(3);
    let mut sample = |most: u64| (0..500).map(|_| dice.below(most) as f64).collect::<Vec<_>>();
    assert!(alike(&sample(1_000), &sample(1_000)));
    assert!(!alike(&sample(1_000), &sample(800)));
}

/// For each round and mailbox, how long after the round's messages came something was seen.
struct Seen {
    acknowledged: Vec<Vec<f64>>,
    answered: Vec<Vec<f64>>,
}

fn meet(people: &mut [Person], servers: &mut [HostileServer], dice: &mut Dice) -> u64 {
    let mut now = START;
    for who in 1..people.len() {
        let options = InviteOptions { name: format!("{who}"), ..InviteOptions::default() };
        people[0].core.invite(options, now).unwrap();
        people[0].settle(&mut [], now);
        let text = people[0].invites.pop().unwrap();
        let accept = Accept { name: "alice".to_owned(), ..Accept::default() };
        people[who].core.accept(&text, accept, now).unwrap();
        people[who].settle(&mut [], now);
    }
    for _ in 0..12 {
        now += 20 * MINUTE;
        for person in people.iter_mut() {
            person.act(servers, Malice::default(), now, None, dice);
        }
    }
    assert!(people.iter().all(Person::is_answered));
    now
}

/// Returns the first moments after `since` by mailbox.
fn first_moments(moments: &[SeenMoment], since: u64) -> [BTreeMap<Key, u64>; 2] {
    let mut first = [BTreeMap::new(), BTreeMap::new()];
    for moment in moments {
        let (kind, key, at) = match moment {
            SeenMoment::Acknowledged(key, at) => (0, *key, *at),
            SeenMoment::Sent(key, at) => (1, *key, *at),
        };
        let least = first[kind].entry(key).or_insert(at - since);
        *least = (at - since).min(*least);
    }
    first
}

/// All contacts write at one moment, again and again; Alice fetches all of it at once, and then
/// looks at what is due twice a minute, as a client does, at any second.
fn watch() -> Seen {
    let mut people: Vec<Person> = (0..=CONTACTS).map(|who| Person::new(who, authority(1), START, 9)).collect();
    let mut servers = vec![HostileServer::new(authority(1))];
    let mut dice = Dice(9);
    let mut now = meet(&mut people, &mut servers, &mut dice);
    let mut seen = Seen { acknowledged: Vec::new(), answered: Vec::new() };
    while seen.acknowledged.len() < ROUNDS {
        now += HOUR + dice.below(30 * SECOND);
        for person in &mut people[1..] {
            person.talk(now);
            person.act(&mut servers, Malice::default(), now, None, &mut dice);
        }
        people[0].moments.clear();
        people[0].act(&mut servers, Malice::default(), now, None, &mut dice);
        let came = now;
        now += dice.below(30 * SECOND);
        for _ in 0..4 {
            people[0].act(&mut servers, Malice::default(), now, None, &mut dice);
            now += 30 * SECOND;
        }
        let [acknowledged, answered] = first_moments(&people[0].moments, came);
        // A mailbox that is being replaced makes a round that is none.
        if acknowledged.len() == CONTACTS && answered.len() == CONTACTS {
            seen.acknowledged.push(acknowledged.values().map(|at| *at as f64).collect());
            seen.answered.push(answered.values().map(|at| *at as f64).collect());
        }
    }
    seen
}

/// Contacts that were written to while they were away, and the moment after.
fn written_to() -> (Vec<Person>, Vec<HostileServer>, Dice, u64) {
    let mut people: Vec<Person> = (0..=CONTACTS).map(|who| Person::new(who, authority(1), START, 9)).collect();
    let mut servers = vec![HostileServer::new(authority(1))];
    let mut dice = Dice(9);
    let mut now = meet(&mut people, &mut servers, &mut dice) + HOUR;
    let contacts: Vec<_> = people[0].core.contacts().iter().map(|contact| contact.link).collect();
    for contact in contacts {
        people[0].core.send(contact, "text".to_owned(), 0, now).unwrap();
    }
    for _ in 0..2 {
        people[0].act(&mut servers, Malice::default(), now, None, &mut dice);
        now += 2 * MINUTE;
    }
    (people, servers, dice, now)
}

/// The mailboxes of others for which something leaves within minutes, and after how long.
fn what_leaves(alice: &mut Person, now: u64) -> Vec<(Key, u64)> {
    alice.moments.clear();
    for second in (0..240).step_by(30) {
        alice.core.tick(now + second * SECOND).unwrap();
        alice.settle(&mut [], now + second * SECOND);
    }
    let sent = alice.moments.iter().filter_map(|moment| match moment {
        SeenMoment::Sent(key, at) => Some((*key, at - now)),
        SeenMoment::Acknowledged(..) => None,
    });
    sent.collect()
}

#[test]
fn a_server_that_tells_one_mailbox_of_a_new_epoch_sees_no_other_send_again_what_waits() {
    let (mut people, _servers, _dice, now) = written_to();
    let alice = &mut people[0];
    let mailboxes: Vec<Key> = alice.core.state_mut().1.iter().map(|link| link.mailbox).collect();
    assert_eq!(what_leaves(alice, now), []);
    alice.core.welcomed(&mailboxes[0], &authority(1), "a lie", now, now).unwrap();
    let left = what_leaves(alice, now);
    assert_eq!(left.len(), 1, "{left:?}");
    for mailbox in &mailboxes {
        alice.core.welcomed(mailbox, &authority(1), "the truth", now, now).unwrap();
    }
    let mut left = what_leaves(alice, now);
    left.sort_by_key(|(_, after)| *after);
    // What went again was not accepted yet, and so is not lost.
    assert_eq!(left.len(), CONTACTS - 1, "{left:?}");
    assert!(left[CONTACTS - 2].1 - left[0].1 > 5 * SECOND, "all at one moment: {left:?}");
}

#[test]
fn what_goes_again_leaves_in_the_order_in_which_it_was_written() {
    let mut pair = SimulatedPair::met();
    let alice = &mut pair.people[0];
    for _ in 0..8 {
        alice.talk(pair.now);
    }
    alice.core.tick(pair.now).unwrap();
    alice.settle(&mut [], pair.now);
    // None of it reached a server: it is handed out again when the process begins anew, and sealed
    // again after a day.
    let state = alice.disk.clone();
    for _ in 0..2 {
        alice.moments.clear();
        alice.reopen(state.clone(), pair.now);
        assert_in_order(&alice.moments);
    }
    alice.act(&mut pair.servers, Malice::default(), pair.now, None, &mut pair.dice);
    alice.moments.clear();
    for hour in 1..26 {
        alice.act(&mut pair.servers, Malice::default(), pair.now + hour * HOUR, None, &mut pair.dice);
    }
    assert_in_order(&alice.moments);
}

fn assert_in_order(moments: &[SeenMoment]) {
    let sent = moments.iter().filter_map(|moment| match moment {
        SeenMoment::Sent(_, at) => Some(*at),
        SeenMoment::Acknowledged(..) => None,
    });
    let sent: Vec<u64> = sent.collect();
    assert!(sent.len() >= 8 && sent.is_sorted(), "{sent:?}");
}

/// The distances between two mailboxes after one commit, and after two that have nothing to do with
/// each other.
fn distances(rounds: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>) {
    let half = rounds.len() / 2;
    let together = rounds[..half].iter().map(|round| (round[0] - round[1]).abs());
    let apart = (half..rounds.len() - 1).map(|at| (rounds[at][0] - rounds[at + 1][1]).abs());
    (together.collect(), apart.collect())
}

#[test]
fn the_moments_at_which_several_mailboxes_are_seen_are_independent() {
    let seen = watch();
    for (what, rounds) in [("acknowledgements to the server", &seen.acknowledged), ("answers", &seen.answered)] {
        let (together, apart) = distances(rounds);
        assert!(alike(&together, &apart), "{what}: {}", distance(&together, &apart));
        let of = |mailbox: usize| rounds.iter().map(|round| round[mailbox]).collect::<Vec<_>>();
        for mailbox in 1..CONTACTS {
            assert!(alike(&of(0), &of(mailbox)), "{what}: mailbox {mailbox}");
        }
    }
    let uniform: Vec<f64> = (0..=1_000).map(|step| 300.0 + 2.7 * f64::from(step)).collect();
    let acknowledged: Vec<f64> = seen.acknowledged.concat();
    assert!(alike(&acknowledged, &uniform), "{}", distance(&acknowledged, &uniform));
}
