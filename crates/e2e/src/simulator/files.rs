//! Files in the simulator.

use super::pair::SimulatedPair;
use super::server::Malice;
use crate::bytes::Key;
use crate::clock::{DAY, HOUR, MINUTE, SECOND};
use crate::core::{CoreError, SendingView};
use crate::effect::{Event, LinkId};
use crate::files::{FileId, MAX_FLYING, Source};
use crate::payload::CHUNK;

fn contact(pair: &SimulatedPair, who: usize) -> LinkId {
    pair.people[who].core.contacts()[0].link
}

fn source(size: u64) -> Source {
    Source { path: "/film".to_owned(), name: "film".to_owned(), size, changed: 1, sha256: Key([7; 32]) }
}

/// Puts all chunks that are wanted into the outbox. Each is full of its index.
fn feed(pair: &mut SimulatedPair) {
    let wants =
        |pair: &SimulatedPair| pair.people[0].core.files_sending().into_iter().find(|file| file.wanted.is_some());
    while let Some(SendingView { id, link, wanted: Some((offset, length)), .. }) = wants(pair) {
        let index = u8::try_from(offset / CHUNK as u64).unwrap();
        pair.people[0].core.send_chunk(link, &id, vec![index; length], pair.now).unwrap();
    }
}

fn run(pair: &mut SimulatedPair, steps: usize, length: u64) {
    for _ in 0..steps {
        feed(pair);
        pair.run(1, length);
    }
}

fn restart(pair: &mut SimulatedPair, who: usize) {
    let state = pair.people[who].disk.clone();
    pair.people[who].reopen(state, pair.now);
}

fn is_sent(event: &Event) -> bool {
    matches!(event, Event::FileDelivered { name, .. } if name == "film")
}

#[test]
fn a_large_file_waits_for_a_yes_and_then_comes_whole_through_restarts() {
    let mut pair = SimulatedPair::met();
    let size = 40 * CHUNK as u64 + 5;
    let to = contact(&pair, 0);
    pair.people[0].core.send_file(to, source(size), pair.now).unwrap();
    run(&mut pair, 20, 10 * MINUTE);
    let file = &pair.people[0].core.files_sending()[0];
    assert_eq!((file.arrived, file.count, file.wanted), (0, 41, None), "only the first is on its way");

    pair.people[1].takes_files = true;
    restart(&mut pair, 1);
    run(&mut pair, 3, 10 * MINUTE);
    let file = &pair.people[0].core.files_sending()[0];
    assert!(file.arrived >= 1 && file.arrived < 41, "{file:?}");
    // Sent again, it goes on.
    let again = pair.people[0].core.send_file(to, Source { path: "/moved".to_owned(), ..source(size) }, pair.now);
    assert_eq!(again, Ok(file.id));
    restart(&mut pair, 0);
    restart(&mut pair, 1);
    run(&mut pair, 20, 10 * MINUTE);
    assert!(pair.people[0].events.iter().any(is_sent));
    assert!(pair.people[0].core.files_sending().is_empty());
    let coming = &pair.people[1].core.files_coming()[0];
    assert_eq!((coming.written, coming.count, coming.size), (41, 41, size));
    let written = &pair.people[1].written;
    assert!(written.iter().all(|(index, data)| data.iter().all(|byte| u32::from(*byte) == *index)));
    assert_eq!(written.values().map(Vec::len).sum::<usize>() as u64, size);
}

#[test]
fn chunks_and_acknowledgements_that_a_server_forgot_go_again_within_minutes() {
    let forgetful = Malice { forget: 100, ..Malice::default() };
    // Killed when all chunks wait there, or when all were taken and their acknowledgements wait.
    for taken in [false, true] {
        let mut pair = SimulatedPair::met();
        pair.people[1].takes_files = true;
        let to = contact(&pair, 0);
        pair.people[0].core.send_file(to, source(17 * CHUNK as u64), pair.now).unwrap();
        run(&mut pair, 3, 2 * MINUTE);
        while pair.people[0].core.files_sending()[0].arrived == 0 {
            run(&mut pair, 1, MINUTE);
        }
        feed(&mut pair);
        for who in [0, 1, 1].into_iter().take(if taken { 3 } else { 1 }) {
            pair.now += MINUTE;
            pair.people[who].act(&mut pair.servers, Malice::default(), pair.now, None, &mut pair.dice);
        }
        assert_eq!(pair.people[1].written.len(), if taken { 17 } else { 1 });
        pair.servers[0].misbehave(forgetful, pair.now, &mut pair.dice);
        run(&mut pair, 12, 30 * SECOND);
        assert!(pair.people[0].events.iter().any(is_sent), "{taken}: {:?}", pair.people[0].core.files_sending());
    }
}

#[test]
fn no_more_chunks_are_on_their_way_than_may_be_and_no_other_than_the_one_that_is_wanted_is_taken() {
    let mut pair = SimulatedPair::met();
    let to = contact(&pair, 0);
    let id = pair.people[0].core.send_file(to, source(20 * CHUNK as u64), pair.now).unwrap();
    assert!(pair.people[0].core.send_chunk(to, &id, vec![0; 5], pair.now).is_err(), "not as long as it is wanted");
    // Below 1 MiB: without a question.
    run(&mut pair, 2, 10 * MINUTE);
    feed(&mut pair);
    let flying = pair.people[0].core.outgoing(to).len();
    assert!((1..=MAX_FLYING).contains(&flying), "{flying}");
    let full = pair.people[0].core.send_chunk(to, &id, vec![0; CHUNK], pair.now);
    assert!(matches!(full, Err(CoreError::NotNow(_))), "{full:?}");
    run(&mut pair, 10, 10 * MINUTE);
    assert!(pair.people[0].events.iter().any(is_sent));
}

fn declined(event: &Event) -> bool {
    matches!(event, Event::FileDeclined { name, .. } if name == "film")
}

fn withdrawn(event: &Event) -> bool {
    matches!(event, Event::FileWithdrawn { name, .. } if name == "film")
}

/// How often somebody was told something.
fn told(pair: &SimulatedPair, who: usize, what: fn(&Event) -> bool) -> usize {
    pair.people[who].events.iter().filter(|event| what(event)).count()
}

/// The second declines the file that the first one sends.
fn decline(pair: &mut SimulatedPair, file: &FileId) {
    let from = contact(pair, 1);
    pair.people[1].core.decline_file(from, file, pair.now).unwrap();
    pair.people[1].settle(&mut [], pair.now);
}

#[test]
fn who_sends_a_file_learns_that_it_is_declined_even_if_a_server_forgets_it_and_may_send_it_again() {
    let mut pair = SimulatedPair::met();
    let to = contact(&pair, 0);
    let id = pair.people[0].core.send_file(to, source(40 * CHUNK as u64), pair.now).unwrap();
    run(&mut pair, 6, 10 * MINUTE);
    decline(&mut pair, &id);
    for _ in 0..3 {
        pair.now += MINUTE;
        pair.people[1].act(&mut pair.servers, Malice::default(), pair.now, None, &mut pair.dice);
    }
    pair.servers[0].misbehave(Malice { forget: 100, ..Malice::default() }, pair.now, &mut pair.dice);
    assert_eq!(told(&pair, 0, declined), 0);
    run(&mut pair, 4, 2 * MINUTE);
    assert_eq!(told(&pair, 0, declined), 1);
    let file = &pair.people[0].core.files_sending()[0];
    assert!(file.declined && file.arrived == 0 && file.wanted.is_none(), "{file:?}");
    assert!(pair.people[0].core.outgoing(to).is_empty());
    pair.people[0].talk(pair.now);
    run(&mut pair, 6, 10 * MINUTE);
    let gap = |event: &Event| matches!(event, Event::Text { missing: true, .. });
    assert_eq!((pair.people[1].heard.len(), told(&pair, 1, gap)), (1, 0), "nothing is missing before it");

    let again = pair.people[0].core.send_file(to, source(40 * CHUNK as u64), pair.now).unwrap();
    assert!(again != id && pair.people[0].core.files_sending().len() == 1);
    pair.people[1].takes_files = true;
    run(&mut pair, 30, 10 * MINUTE);
    assert!(pair.people[0].events.iter().any(is_sent));
    assert_eq!(told(&pair, 0, declined), 1);
}

#[test]
fn a_file_that_is_declined_while_it_comes_ends_on_both_sides_and_is_seen_for_a_day() {
    let mut pair = SimulatedPair::met();
    let to = contact(&pair, 0);
    pair.people[1].takes_files = true;
    let id = pair.people[0].core.send_file(to, source(60 * CHUNK as u64), pair.now).unwrap();
    run(&mut pair, 4, MINUTE);
    pair.people[1].takes_files = false;
    decline(&mut pair, &id);
    assert!(pair.people[1].core.files_coming().is_empty());
    run(&mut pair, 20, MINUTE);
    assert_eq!((told(&pair, 0, declined), told(&pair, 0, is_sent)), (1, 0));
    let written = pair.people[1].written.len();
    run(&mut pair, 20, HOUR);
    assert_eq!(pair.people[0].core.files_sending().len(), 1);
    run(&mut pair, 6, HOUR);
    assert!(pair.people[0].core.files_sending().is_empty());
    assert_eq!(pair.people[1].written.len(), written);
    let given_up = |event: &Event| matches!(event, Event::FileNotDelivered { .. });
    assert_eq!(told(&pair, 0, given_up), 0);
}

#[test]
fn who_takes_a_file_learns_that_it_was_withdrawn_whether_it_was_begun_or_waits() {
    for takes in [true, false] {
        let mut pair = SimulatedPair::met();
        let to = contact(&pair, 0);
        pair.people[1].takes_files = takes;
        let id = pair.people[0].core.send_file(to, source(60 * CHUNK as u64), pair.now).unwrap();
        run(&mut pair, 4, MINUTE);
        pair.people[0].core.stop_file(to, &id, pair.now).unwrap();
        run(&mut pair, 10, MINUTE);
        assert_eq!((told(&pair, 1, withdrawn), told(&pair, 0, declined)), (1, 0));
        let coming = pair.people[1].core.files_coming();
        assert_eq!((coming.len(), coming.iter().all(|file| file.stale)), (usize::from(takes), true));
        pair.people[1].takes_files = true;
        restart(&mut pair, 1);
        run(&mut pair, 48, HOUR);
        assert!(pair.people[0].core.outgoing(to).is_empty() && told(&pair, 0, is_sent) == 0);
        assert!(takes || pair.people[1].written.is_empty());
    }
}

#[test]
fn a_file_that_nobody_takes_is_given_up_by_its_sender_and_forgotten_by_the_other_side() {
    let mut pair = SimulatedPair::met();
    let to = contact(&pair, 0);
    pair.people[0].core.send_file(to, source(40 * CHUNK as u64), pair.now).unwrap();
    run(&mut pair, 24 * 17, HOUR);
    let given_up = |event: &Event| matches!(event, Event::FileNotDelivered { name, .. } if name == "film");
    assert_eq!(pair.people[0].events.iter().filter(|event| given_up(event)).count(), 1);
    assert!(pair.people[0].core.files_sending().is_empty());
    assert!(pair.people[0].core.outgoing(to).is_empty());
    run(&mut pair, 40, DAY / 4);
    pair.people[1].takes_files = true;
    restart(&mut pair, 1);
    assert!(pair.people[1].written.is_empty() && pair.people[1].core.files_coming().is_empty());
}
