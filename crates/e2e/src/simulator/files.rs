//! Files in the simulator.

use super::pair::Pair;
use crate::bytes::Key;
use crate::clock::{DAY, HOUR, MINUTE};
use crate::core::{CoreError, SendingView};
use crate::effect::{Event, LinkId};
use crate::files::{MAX_FLYING, Source};
use crate::payload::CHUNK;

fn contact(pair: &Pair, who: usize) -> LinkId {
    pair.people[who].core.contacts()[0].link
}

fn source(size: u64) -> Source {
    Source { path: "/film".to_owned(), name: "film".to_owned(), size, changed: 1, sha256: Key([7; 32]) }
}

/// Puts all chunks that are wanted into the outbox. Each is full of its index.
fn feed(pair: &mut Pair) {
    let wants = |pair: &Pair| pair.people[0].core.files_sending().into_iter().find(|file| file.wanted.is_some());
    while let Some(SendingView { id, link, wanted: Some((offset, length)), .. }) = wants(pair) {
        let index = u8::try_from(offset / CHUNK as u64).unwrap();
        pair.people[0].core.send_chunk(link, &id, vec![index; length], pair.now).unwrap();
    }
}

fn run(pair: &mut Pair, steps: usize, length: u64) {
    for _ in 0..steps {
        feed(pair);
        pair.run(1, length);
    }
}

fn restart(pair: &mut Pair, who: usize) {
    let state = pair.people[who].disk.clone();
    pair.people[who].reopen(state, pair.now);
}

fn is_sent(event: &Event) -> bool {
    matches!(event, Event::FileDelivered { name, .. } if name == "film")
}

#[test]
fn a_large_file_waits_for_a_yes_and_then_comes_whole_through_restarts() {
    let mut pair = Pair::met();
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
fn no_more_chunks_are_on_their_way_than_may_be_and_no_other_than_the_one_that_is_wanted_is_taken() {
    let mut pair = Pair::met();
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

#[test]
fn a_file_that_nobody_takes_is_given_up_by_its_sender_and_forgotten_by_the_other_side() {
    let mut pair = Pair::met();
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
