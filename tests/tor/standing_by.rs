//! Two machines of a cluster at one address: whoever comes to the one that stands by has a session
//! with the active one, and keeps it when that dies.

use std::sync::Arc;

use ephemeral_test_support::daemon::{Person, until_both};
use futures::future::join_all;

use crate::network;
use crate::union::{OneAddress, client};

/// So many people come, at most, until one of them has come to each machine.
const PEOPLE: u8 = 24;

/// Has people come until both machines have sessions, and returns them with the number of the
/// active machine.
async fn people_at_both(machines: &OneAddress) -> (Vec<Person>, usize) {
    let mut people = Vec::new();
    for number in 1..=PEOPLE {
        let dialer = Arc::new(client(machines, &format!("client-{number}")));
        let mut person = Person::new(number, dialer, &machines.url);
        person.until("a session", |person| person.connected == 1).await;
        people.push(person);
        let [a, b] = [machines.status(0).await, machines.status(1).await];
        let active = if a["cluster"]["role"] == "active" { 0 } else { 1 };
        let [leads, stands_by] = if active == 0 { [a, b] } else { [b, a] };
        let count = |figures: &serde_json::Value, what: &str| figures[what].as_u64().unwrap();
        // A circuit may also be that by which a machine tries itself.
        if count(&stands_by, "clients_elsewhere") > 0 && count(&leads, "clients") > count(&leads, "clients_by_others") {
            return (people, active);
        }
    }
    panic!("all of {PEOPLE} people came to one machine");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_to_the_machine_that_stands_by_keeps_the_session_when_the_active_one_dies() {
    let _turn = network::turn().await;
    let mut machines = OneAddress::prepare(false);
    machines.passes_on = true;
    machines.start().await;
    let (mut people, active) = people_at_both(&machines).await;
    // Each writes to the next one: all of them are in one place, whichever machine they came to.
    for number in 1..people.len() {
        let (before, after) = people.split_at_mut(number);
        let alice = before.last_mut().unwrap();
        let bob = &mut after[0];
        alice.send(bob.fingerprint, format!("for {number}"));
        let arrived = |person: &Person| person.received.len() + person.delivered > 0;
        until_both(alice, bob, "a message and its receipt", arrived).await;
    }
    // The active one dies. Everybody gets messages again, and no session at the other one has
    // ended.
    let figures = machines.status(1 - active).await;
    let stay = figures["clients_elsewhere"].as_u64().unwrap();
    assert!(stay > 0 && machines.status(active).await["clients_by_others"] == stay, "{figures}");
    machines.kill(active).await;
    // All at once: whoever waits for their turn answers no ping.
    let all = people.iter_mut().map(|person| async {
        person.send(person.fingerprint, "after it".to_owned());
        person.until("a message to themselves", |person| person.contents().contains(&"after it")).await;
    });
    join_all(all).await;
    let stayed = people.iter().filter(|person| person.connected == 1).count();
    let log = machines.daemons[1 - active].as_ref().unwrap().log();
    assert_eq!(u64::try_from(stayed), Ok(stay), "of {}: {log}", people.len());
}
