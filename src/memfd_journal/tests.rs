//! The process is killed at every byte of every write.

use std::sync::{Arc, Mutex, MutexGuard};

use super::*;
use ephemeral_core::protocol::{Fingerprint, Millis, WireTime};
use ephemeral_core::store::{self, AccountId, NewMessage, Next, RECORD_COST, Restoring, Store};
use layout::CHUNK_BLOCKS;

const NOW: Millis = Millis(1_767_355_200_000);
const HOUR: u64 = 3_600_000;
const ALICE: Fingerprint = Fingerprint::from_bytes([1; 32]);
const BOB: Fingerprint = Fingerprint::from_bytes([2; 32]);
const EPOCH: [u8; 16] = [7; 16];
const SEED: Seed = Seed { hash_key: [1, 2], first_seq: 1000 };
/// In a body it is found whole, wherever it stands: it fits into the bytes of one block, and is
/// repeated.
const CANARY: &str = "CANARY";
/// Chunks of a memory.
const CHUNKS: u32 = 3;

/// Memory that remembers in which order it was written.
#[derive(Clone, Default)]
struct Recorded(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    backed: Vec<bool>,
    log: Vec<(usize, Vec<u8>)>,
    /// Chunks that can have memory.
    room: usize,
}

impl Recorded {
    fn new(room: usize) -> Self {
        let state = State {
            bytes: vec![0; CHUNKS as usize * CHUNK],
            backed: vec![false; CHUNKS as usize],
            log: Vec::new(),
            room,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    fn of(bytes: Vec<u8>) -> Self {
        let backed = bytes.chunks(CHUNK).map(|chunk| *chunk != [0; CHUNK]).collect();
        Self(Arc::new(Mutex::new(State { bytes, backed, log: Vec::new(), room: CHUNKS as usize })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn contains(&self, what: &str) -> bool {
        let state = self.state();
        let blocks = state.bytes.chunks(BLOCK).filter(|block| **block != [0; BLOCK]);
        blocks.into_iter().any(|block| block.windows(what.len()).any(|window| window == what.as_bytes()))
    }
}

impl Medium for Recorded {
    fn chunks(&self) -> u32 {
        CHUNKS
    }

    fn chunks_with_data(&self) -> io::Result<Vec<u32>> {
        Ok((0..CHUNKS).filter(|&chunk| self.state().backed[chunk as usize]).collect())
    }

    fn back(&mut self, chunk: u32) -> io::Result<()> {
        let mut state = self.state();
        if state.backed.iter().filter(|backed| **backed).count() >= state.room && !state.backed[chunk as usize] {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        state.backed[chunk as usize] = true;
        Ok(())
    }

    fn give_back(&mut self, chunk: u32) {
        let mut state = self.state();
        let start = chunk as usize * CHUNK;
        assert!(
            state.bytes[start..start + CHUNK].iter().all(|&byte| byte == 0),
            "given back before it was overwritten"
        );
        state.backed[chunk as usize] = false;
    }

    fn read(&self, at: usize, bytes: &mut [u8]) {
        let state = self.state();
        assert!(state.backed[at / CHUNK], "a page that is not there is touched");
        bytes.copy_from_slice(&state.bytes[at..at + bytes.len()]);
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        let mut state = self.state();
        assert!(state.backed[at / CHUNK], "a page that is not there is touched");
        state.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        state.log.push((at, bytes.to_vec()));
    }
}

/// Returns the number of the first message to Bob.
fn first() -> u64 {
    let mut store = Store::new(store::Config::default(), SEED, NOW);
    let (bob, _) = store.attach(NOW, BOB, true);
    assert!(send(&mut store, bob, "m", BOB, "content", HOUR));
    fetch(&mut store, BOB, NOW)[0].2
}

/// Makes a new store in such a memory.
fn begin(medium: &Recorded) -> Store {
    let (mut file, found) = MemfdJournal::read(medium.clone()).unwrap();
    assert!(matches!(found, Found::Nothing));
    file.begin(EPOCH, &SEED);
    // The file is what is to be full, and nobody's share of a mailbox.
    let bounds = store::Config { mailbox_messages: 100_000, ..store::Config::default() };
    Store::with_journal(bounds, SEED, NOW, Box::new(file))
}

fn open(medium: &Recorded) -> (MemfdJournal<Recorded>, Leftover) {
    let (file, found) = MemfdJournal::read(medium.clone()).unwrap();
    let Found::Leftover(left) = found else { panic!("it cannot be read") };
    (file, left)
}

/// Returns what the next process makes of it, and what was not whole.
fn read_back(medium: &Recorded, now: Millis) -> (Store, Loaded) {
    let (mut file, left) = open(medium);
    let mut restoring = Restoring::begin(store::Config::default(), left.seed, now, file.cost());
    let loaded = file.load(&left, |message| restoring.recall(message));
    (restoring.finish(Box::new(file)), loaded)
}

/// Returns the same after a kill, which damages nothing, and how many blocks were torn.
fn restore(medium: &Recorded, now: Millis) -> (Store, usize) {
    assert_eq!(open(&Recorded::of(medium.state().bytes.clone())).1.epoch, EPOCH);
    let (store, loaded) = read_back(medium, now);
    assert_eq!(loaded.damaged, 0, "a kill damages nothing");
    (store, loaded.torn_blocks)
}

/// Returns a content longer than a head and a block.
fn content(number: u32) -> String {
    format!("{number}{}", CANARY.repeat(50))
}

fn send(store: &mut Store, from: AccountId, id: &str, to: Fingerprint, content: &str, lifetime: u64) -> bool {
    let escaped_content = content.to_owned().into();
    let message = NewMessage { to, escaped_content, expires_at: NOW.plus(lifetime), given: None };
    store.deposit(NOW, from, id, &message).is_ok()
}

/// Returns id, content and number of all that is delivered to `who`.
fn fetch(store: &mut Store, who: Fingerprint, now: Millis) -> Vec<(String, String, u64)> {
    let (account, _) = store.attach(now, who, true);
    let mut fetched = Vec::new();
    while let Some(next) = store.deliver(now, account, usize::MAX) {
        if let Next::Message(message) = next {
            fetched.push((message.id.to_owned(), message.escaped_content.to_owned(), message.seq));
        }
    }
    fetched
}

/// Does something, and shows every memory that a kill could leave: cut after each byte, the bytes
/// of one copy having been written upwards or downwards, since a processor may do either.
fn at_every_cut(medium: &Recorded, operation: impl FnOnce(), mut look: impl FnMut(Recorded, bool)) {
    let before = medium.state().bytes.clone();
    medium.state().log.clear();
    operation();
    let log = medium.state().log.clone();
    let mut cuts = 0;
    for downwards in [false, true] {
        let mut image = before.clone();
        for (number, (at, bytes)) in log.iter().enumerate() {
            for step in 0..bytes.len() {
                let place = if downwards { bytes.len() - 1 - step } else { step };
                if image[at + place] == bytes[place] && step + 1 < bytes.len() {
                    continue;
                }
                image[at + place] = bytes[place];
                cuts += 1;
                look(Recorded::of(image.clone()), number + 1 == log.len() && step + 1 == bytes.len());
            }
        }
    }
    assert!(cuts > 10, "only {cuts} cuts: nothing was written");
}

#[test]
fn killed_while_it_accepts_it_has_accepted_all_of_the_message_or_nothing() {
    let medium = Recorded::new(CHUNKS as usize);
    let mut store = begin(&medium);
    let (alice, _) = store.attach(NOW, ALICE, true);
    assert!(send(&mut store, alice, "before", BOB, "another", HOUR));
    at_every_cut(
        &medium,
        || assert!(send(&mut store, alice, "new", BOB, &content(1), HOUR)),
        |image, whole| {
            let (mut next, torn) = restore(&image, NOW);
            let fetched = fetch(&mut next, BOB, NOW);
            let there = fetched.len() == 2;
            assert_eq!(fetched[0], ("before".to_owned(), "another".to_owned(), first()));
            assert!(there || !whole, "accepted, and not there");
            assert!(!there || fetched[1] == ("new".to_owned(), content(1), first() + 1));
            let (alice, _) = next.attach(NOW, ALICE, true);
            assert_eq!(next.known(alice, "new").is_some(), there, "else its sender could not send it again");
            assert_eq!(image.contains(CANARY), there, "what is left of it is overwritten");
            assert!(torn == 0 || !there);
            assert!(there || send(&mut next, alice, "new", BOB, &content(1), HOUR));
        },
    );
}

#[test]
fn killed_while_it_erases_it_delivers_the_message_again_or_remembers_its_id_alone() {
    let medium = Recorded::new(CHUNKS as usize);
    let mut store = begin(&medium);
    let (alice, _) = store.attach(NOW, ALICE, true);
    assert!(send(&mut store, alice, "erased", BOB, &content(1), HOUR));
    assert!(send(&mut store, alice, "after", BOB, "another", HOUR));
    fetch(&mut store, BOB, NOW);
    let bob = store.find(&BOB).unwrap();
    at_every_cut(
        &medium,
        || assert!(!store.acknowledge(NOW, bob, first(), &mut Vec::new()).unwrap(), "all of it at once"),
        |image, whole| {
            let (mut next, _) = restore(&image, NOW);
            let fetched = fetch(&mut next, BOB, NOW);
            let there = fetched.len() == 2;
            assert!(!(there && whole), "acknowledged, and still there");
            assert_eq!(fetched.last().unwrap(), &("after".to_owned(), "another".to_owned(), first() + 1));
            assert!(!there || fetched[0] == ("erased".to_owned(), content(1), first()));
            let (alice, _) = next.attach(NOW, ALICE, true);
            let known = next.known(alice, "erased");
            assert!(
                matches!(known, Some(WireTime::Own { at, .. }) if at == NOW.plus(HOUR)),
                "it would be accepted a second time"
            );
            assert_eq!(image.contains(CANARY), there);
            let heads = image.state().bytes[..10 * BLOCK].windows(32).filter(|window| window == BOB.as_bytes()).count();
            assert_eq!(heads, fetched.len(), "who it was for is overwritten too");
        },
    );
}

#[test]
fn killed_while_a_message_expires_it_never_delivers_it() {
    let medium = Recorded::new(CHUNKS as usize);
    let mut store = begin(&medium);
    let (alice, _) = store.attach(NOW, ALICE, true);
    assert!(send(&mut store, alice, "gone", BOB, &content(1), HOUR));
    assert!(send(&mut store, alice, "after", BOB, "another", 2 * HOUR));
    let then = NOW.plus(HOUR);
    at_every_cut(
        &medium,
        || assert!(!store.expire(then, &mut Vec::new(), &mut Vec::new())),
        |image, _| {
            let (mut next, _) = restore(&image, then);
            let fetched = fetch(&mut next, BOB, then);
            assert_eq!(fetched, [("after".to_owned(), "another".to_owned(), first() + 1)]);
            assert!(!image.contains(CANARY) && !image.contains("gone"));
            let (alice, _) = next.attach(then, ALICE, true);
            assert_eq!(next.known(alice, "gone"), None);
            assert_eq!(next.figures().records, 1);
        },
    );
}

#[test]
fn killed_while_it_begins_it_begins_again() {
    let medium = Recorded::new(CHUNKS as usize);
    let (mut file, _) = MemfdJournal::read(medium.clone()).unwrap();
    at_every_cut(
        &medium,
        || file.begin(EPOCH, &SEED),
        |image, whole| {
            let (mut file, found) = MemfdJournal::read(image.clone()).unwrap();
            let has_begun =
                matches!(&found, Found::Leftover(left) if left.epoch == EPOCH && left.seed.first_seq == 1000);
            assert!(has_begun || !whole);
            assert!(has_begun || !matches!(found, Found::Leftover(_)), "half a beginning is none");
            file.begin(EPOCH, &SEED);
            assert_eq!(restore(&image, NOW).0.figures().records, 0);
        },
    );
}

#[test]
fn killed_while_it_promises_it_keeps_the_higher_promise_that_is_whole() {
    let medium = Recorded::new(CHUNKS as usize);
    let (mut file, _) = MemfdJournal::read(medium.clone()).unwrap();
    file.begin(EPOCH, &SEED);
    file.promise(5000);
    at_every_cut(
        &medium,
        || file.promise(1 << 50),
        |image, whole| {
            let below = open(&image).1.seed.first_seq;
            assert!(below == 1 << 50 || (below == 5000 && !whole), "{below}");
        },
    );
}

#[test]
fn killed_while_it_cleans_up_after_a_kill_it_cleans_up_again() {
    let medium = Recorded::new(CHUNKS as usize);
    let mut store = begin(&medium);
    let (alice, _) = store.attach(NOW, ALICE, true);
    assert!(send(&mut store, alice, "kept", BOB, "another", HOUR));
    let mut torn = Vec::new();
    at_every_cut(
        &medium,
        || assert!(send(&mut store, alice, "torn", BOB, &content(1), HOUR)),
        |image, whole| torn.extend((!whole && torn.len() < 400).then_some(image)),
    );
    let torn = torn.pop().unwrap();
    at_every_cut(
        &torn,
        || assert!(restore(&torn, NOW).1 > 0),
        |image, _| {
            let (mut next, _) = restore(&image, NOW);
            assert_eq!(fetch(&mut next, BOB, NOW), [("kept".to_owned(), "another".to_owned(), first())]);
            assert!(!image.contains(CANARY));
        },
    );
}

#[test]
fn no_content_is_taken_for_a_message_whatever_it_says() {
    let medium = Recorded::new(CHUNKS as usize);
    let mut store = begin(&medium);
    let (alice, _) = store.attach(NOW, ALICE, true);
    assert!(send(&mut store, alice, "model", ALICE, "x", HOUR));
    // Every byte of content a tag, at every place of a block.
    for tag in ["\u{1}", "\u{2}", "\u{3}"] {
        assert!(send(&mut store, alice, tag, BOB, &tag.repeat(500), HOUR));
    }
    let (next, torn) = restore(&medium, NOW);
    assert_eq!((next.figures().records, torn), (4, 0));
}

#[test]
fn a_damaged_message_is_dropped_and_reported_and_the_others_stay() {
    let medium = Recorded::new(CHUNKS as usize);
    let mut store = begin(&medium);
    let (alice, _) = store.attach(NOW, ALICE, true);
    assert!(send(&mut store, alice, "damaged", BOB, &content(1), HOUR));
    assert!(send(&mut store, alice, "kept", BOB, "another", HOUR));
    let whole = medium.state().bytes.clone();
    // The head is block 1, its body goes on in the next three.
    for place in (BLOCK..5 * BLOCK).step_by(3) {
        let image = Recorded::of(whole.clone());
        image.state().bytes[place] ^= 0x55;
        let (mut next, loaded) = read_back(&image, NOW);
        assert!(loaded.damaged == 1 || loaded.torn_blocks > 0 || next.figures().records == 2, "byte {place}");
        let fetched = fetch(&mut next, BOB, NOW);
        assert_eq!(fetched.last().unwrap(), &("kept".to_owned(), "another".to_owned(), first() + 1), "byte {place}");
        assert!(fetched.len() == 1 || fetched[0].1 == content(1), "byte {place}: delivered although it is damaged");
        assert_eq!(image.contains(CANARY), fetched.len() == 2, "byte {place}");
    }
}

#[test]
fn another_layout_and_a_damaged_header_are_refused_and_overwritten() {
    let medium = Recorded::new(CHUNKS as usize);
    let mut store = begin(&medium);
    let (alice, _) = store.attach(NOW, ALICE, true);
    assert!(send(&mut store, alice, "m", BOB, &content(1), HOUR));
    let whole = medium.state().bytes.clone();
    for (place, expected) in [
        (8, Unreadable::Version(layout::VERSION ^ 1)),
        (0, Unreadable::Header),
        (12, Unreadable::Header),
        (20, Unreadable::Header),
        (33, Unreadable::Header),
    ] {
        let image = Recorded::of(whole.clone());
        image.state().bytes[place] ^= 1;
        let (_, found) = MemfdJournal::read(image.clone()).unwrap();
        assert!(matches!(found, Found::Unreadable(why) if why == expected), "byte {place}");
        assert!(image.state().bytes.iter().all(|&byte| byte == 0), "byte {place}: something is left");
    }
}

#[test]
fn without_memory_a_message_is_refused_and_leaves_no_trace() {
    let medium = Recorded::new(1);
    let mut store = begin(&medium);
    let (alice, _) = store.attach(NOW, ALICE, true);
    let mut accepted = 0;
    while send(&mut store, alice, &accepted.to_string(), BOB, &content(accepted), HOUR) {
        accepted += 1;
    }
    // 306 to 308 bytes take a head and three further blocks.
    assert_eq!(accepted as usize, (CHUNK_BLOCKS - 1) / 4);
    let figures = store.figures();
    let before = medium.state().bytes.clone();
    assert!(!send(&mut store, alice, "refused", ALICE, &content(0), HOUR));
    assert_eq!((store.figures(), store.find(&ALICE)), (figures, Some(alice)));
    assert!(medium.state().bytes == before, "the refused message has left a trace");
    // Three blocks are left, which is enough for less.
    assert!(send(&mut store, alice, "small", BOB, "hello", HOUR));
    assert_eq!(restore(&medium, NOW).0.figures().messages, accepted as usize + 1);
    medium.state().room = 2;
    assert!(send(&mut store, alice, "later", BOB, &content(0), HOUR), "there is memory again");
}

#[test]
fn a_file_that_again_and_again_was_not_read_to_its_end_is_overwritten() {
    let medium = Recorded::new(CHUNKS as usize);
    let mut store = begin(&medium);
    let (alice, _) = store.attach(NOW, ALICE, true);
    assert!(send(&mut store, alice, "m", BOB, &content(1), HOUR));
    for _ in 0..ATTEMPTS - 1 {
        // Killed while it reads.
        drop(open(&medium));
    }
    assert_eq!(restore(&medium, NOW).0.figures().messages, 1, "the last attempt is one");
    for _ in 0..ATTEMPTS {
        drop(open(&medium));
    }
    let (_, found) = MemfdJournal::read(medium.clone()).unwrap();
    assert!(matches!(found, Found::Unreadable(Unreadable::Attempts(ATTEMPTS))));
    assert!(medium.state().bytes.iter().all(|&byte| byte == 0), "nothing is left of it");
}

#[test]
fn the_most_wasteful_messages_fit_into_what_is_said_to_be_enough() {
    let total = 100_000;
    let capacity = layout::chunks(total) as usize * CHUNK_BLOCKS - 1;
    for body in 1..2000 {
        let fit = total / (RECORD_COST + body + layout::cost(body));
        assert!(fit * layout::blocks(body) <= capacity, "{fit} messages of {body} bytes");
        assert!(layout::blocks(body) * BLOCK < layout::cost(body), "counted for less than it takes");
    }
    assert!(total / (RECORD_COST + layout::cost(0)) <= capacity, "remembered ids");
}
