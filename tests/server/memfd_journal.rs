//! A hub whose messages are written down in a file in RAM: what the next process finds, and how
//! large the file becomes.

use std::fs::File;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::sync::Arc;

use ephemeral::clock::Clock;
use ephemeral::hub::{self, Hub, Restored, SessionHandle, Wakes};
use ephemeral::memfd_journal;
use ephemeral_core::limits::Rate;
use ephemeral_core::protocol::{Millis, WallTime};
use ephemeral_core::session::Established;
use ephemeral_core::store::{
    self, AcknowledgeError, Delivery, NewMessage, QuotaExceeded, RECORD_COST, SessionEnd, StoreStats, SubmitError,
};
use ephemeral_test_support::rig::person;
use serde_json::Value;

const START: Millis = Clock::UP;
const MINUTE: u64 = 60_000;

fn restore_with(file: &File, bounds: store::Config, now: Millis) -> (Arc<Hub>, Restored) {
    let settings = hub::Config { bounds, rate: Rate::new(u32::MAX, u32::MAX), sessions: 10 };
    Hub::restore(settings, Clock::anchored_at(now, WallTime(1_767_355_200_000)), file.try_clone().unwrap()).unwrap()
}

fn restore(file: &File, now: Millis) -> Arc<Hub> {
    restore_with(file, store::Config::default(), now).0
}

fn join(hub: &Arc<Hub>, number: u8) -> SessionHandle {
    hub.join(person(number), true, 1000).unwrap().session_handle
}

/// Returns whether it was a duplicate.
fn submit(
    session_handle: &SessionHandle,
    id: &str,
    to: u8,
    content: &str,
    expires_at: Millis,
) -> Result<bool, SubmitError> {
    let message = NewMessage { to: person(to), escaped_content: content.to_owned().into(), expires_at, given: None };
    session_handle.submit(id, Some(&message), &mut Wakes::default()).map(|kept| kept.duplicate)
}

/// Ids and numbers of the messages that are collected.
fn collect(session_handle: &SessionHandle) -> Vec<(String, u64)> {
    let clocks = Clock::anchored(WallTime(1_767_355_200_000)).read();
    let frame = |delivery: &Delivery<'_>| Established::frame(delivery, &clocks);
    let frames = session_handle.collect(usize::MAX, &mut Wakes::default(), frame).unwrap().frames;
    let frames = frames.iter().map(|frame| serde_json::from_str::<Value>(frame).unwrap());
    let messages = frames.filter(|frame| frame["type"] == "message");
    messages.map(|frame| (frame["id"].as_str().unwrap().to_owned(), frame["seq"].as_u64().unwrap())).collect()
}

fn acknowledge(session_handle: &SessionHandle, seq: u64) -> Result<(), AcknowledgeError> {
    session_handle.acknowledge(seq, &mut Wakes::default())
}

/// Bounds that one sender and one mailbox do not reach.
fn roomy() -> store::Config {
    let total_bytes = 1 << 30;
    store::Config {
        mailbox_messages: usize::MAX,
        mailbox_bytes: total_bytes,
        sender_bytes: total_bytes,
        total_bytes,
        ..store::Config::default()
    }
}

/// Returns the first blocks of the file: more than these tests use.
fn content_of(file: &File) -> Vec<u8> {
    let mut bytes = vec![0; 16 << 10];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

fn has(file: &File, what: impl AsRef<[u8]>) -> bool {
    let what = what.as_ref();
    content_of(file).windows(what.len()).any(|bytes| bytes == what)
}

/// Returns the memory that the file takes, in bytes.
fn memory(file: &File) -> u64 {
    file.metadata().unwrap().blocks() * 512
}

#[tokio::test(start_paused = true)]
async fn the_next_hub_goes_on_under_the_same_epoch_with_the_same_numbers_quotas_and_duplicates() {
    let file = memfd_journal::create().unwrap();
    let hub = restore(&file, START);
    let alice = join(&hub, 1);
    let bob = join(&hub, 2);
    for id in ["first", "second", "third"] {
        assert_eq!(submit(&alice, id, 2, "hello", START.plus(MINUTE)), Ok(false));
    }
    let before = collect(&bob);
    acknowledge(&bob, before[0].1).unwrap();
    let figures = hub.figures().1;

    let (next, restored) = restore_with(&file, store::Config::default(), START.plus(1));
    assert_eq!(next.epoch(), hub.epoch());
    let both_offline = StoreStats { bytes: figures.bytes + 2 * ephemeral_core::store::ACCOUNT_COST, ..figures };
    assert_eq!(restored, Restored::Going { figures: both_offline, damaged: 0, torn_blocks: 0 });
    let alice = join(&next, 1);
    let bob = join(&next, 2);
    assert_eq!(collect(&bob), before[1..]);
    assert_eq!(submit(&alice, "first", 2, "hello", START.plus(MINUTE)), Ok(true), "acknowledged, and remembered");
    assert_eq!(submit(&alice, "third", 2, "hello", START.plus(MINUTE)), Ok(true));
    assert_eq!(submit(&alice, "fourth", 2, "hello", START.plus(MINUTE)), Ok(false));
    assert!(collect(&bob)[0].1 > before[2].1);
}

#[tokio::test(start_paused = true)]
async fn a_senders_quota_counts_what_it_sent_before() {
    let file = memfd_journal::create().unwrap();
    let bounds = store::Config { sender_bytes: 2 * (RECORD_COST + 6), ..store::Config::default() };
    let (hub, _) = restore_with(&file, bounds, START);
    let alice = join(&hub, 1);
    assert_eq!(submit(&alice, "1", 2, "hello", START.plus(MINUTE)), Ok(false));
    assert_eq!(submit(&alice, "2", 3, "hello", START.plus(MINUTE)), Ok(false));
    let (next, _) = restore_with(&file, bounds, START.plus(1));
    assert_eq!(
        submit(&join(&next, 1), "3", 2, "hello", START.plus(MINUTE)),
        Err(SubmitError::Quota(QuotaExceeded::Sender))
    );
}

#[tokio::test(start_paused = true)]
async fn what_expired_while_no_process_ran_is_overwritten_and_never_delivered() {
    let file = memfd_journal::create().unwrap();
    let hub = restore(&file, START);
    let alice = join(&hub, 1);
    assert_eq!(submit(&alice, "early", 2, "CANARY", START.plus(MINUTE)), Ok(false));
    assert_eq!(submit(&alice, "late", 2, "hello", START.plus(2 * MINUTE)), Ok(false));
    assert!(has(&file, "CANARY"));
    let next = restore(&file, START.plus(MINUTE));
    assert!(!has(&file, "CANARY") && !has(&file, "early"));
    let collected = collect(&join(&next, 2));
    assert_eq!(collected.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["late"]);
}

#[tokio::test(start_paused = true)]
async fn a_late_acknowledgement_of_what_an_earlier_process_delivered_is_no_error() {
    let file = memfd_journal::create().unwrap();
    let hub = restore(&file, START);
    let alice = join(&hub, 1);
    let bob = join(&hub, 2);
    assert_eq!(submit(&alice, "m", 2, "hello", START.plus(MINUTE)), Ok(false));
    let seq = collect(&bob)[0].1;
    acknowledge(&bob, seq).unwrap();
    let next = restore(&file, START.plus(1));
    let alice = join(&next, 1);
    let bob = join(&next, 2);
    assert_eq!(acknowledge(&bob, seq), Ok(()));
    assert_eq!(submit(&alice, "n", 2, "hello", START.plus(MINUTE)), Ok(false));
    assert_eq!(acknowledge(&bob, u64::MAX), Err(AcknowledgeError::NeverDelivered), "what was never sent still is one");
    assert_eq!(collect(&bob).len(), 1, "and nothing is lost by it");
    let much_later = restore(&file, START.plus(2 * MINUTE));
    tokio::time::advance(std::time::Duration::from_millis(MINUTE)).await;
    assert_eq!(acknowledge(&join(&much_later, 3), seq), Err(AcknowledgeError::NeverDelivered));
}

#[tokio::test(start_paused = true)]
async fn with_smaller_bounds_all_that_was_accepted_stays_and_nothing_new_is_taken_until_there_is_room() {
    let file = memfd_journal::create().unwrap();
    let hub = restore(&file, START);
    let alice = join(&hub, 1);
    for number in 0..100 {
        assert_eq!(submit(&alice, &format!("{number}"), 2, &"x".repeat(5000), START.plus(MINUTE)), Ok(false));
    }
    let tight = store::Config {
        mailbox_messages: 10,
        mailbox_bytes: 6000,
        sender_bytes: 12_000,
        total_bytes: 60_000,
        ..store::Config::default()
    };
    let (next, _) = restore_with(&file, tight, START.plus(1));
    let alice = join(&next, 1);
    let bob = join(&next, 2);
    assert_eq!(submit(&alice, "to-bob", 2, "x", START.plus(MINUTE)), Err(SubmitError::Quota(QuotaExceeded::Mailbox)));
    assert_eq!(submit(&alice, "to-carol", 3, "x", START.plus(MINUTE)), Err(SubmitError::Quota(QuotaExceeded::Sender)));
    assert_eq!(submit(&bob, "to-carol", 3, "x", START.plus(MINUTE)), Err(SubmitError::Quota(QuotaExceeded::Store)));
    let collected = collect(&bob);
    assert_eq!(collected.len(), 100);
    acknowledge(&bob, collected[99].1).unwrap();
    assert_eq!(submit(&bob, "to-carol", 3, "x", START.plus(MINUTE)), Ok(false));
}

#[tokio::test(start_paused = true)]
async fn erasing_and_wiping_leave_nothing_in_the_file_and_releasing_leaves_all() {
    let file = memfd_journal::create().unwrap();
    let hub = restore(&file, START);
    let alice = join(&hub, 1);
    assert_eq!(submit(&alice, "m", 2, "CANARY", START.plus(MINUTE)), Ok(false));
    hub.drain();
    hub.release();
    assert_eq!((hub.figures(), alice.is_over()), ((0, StoreStats::default()), Err(SessionEnd::Draining)));
    drop(alice);
    let epoch = hub.epoch();
    drop(hub);
    assert!(has(&file, "CANARY"));

    let next = restore(&file, START.plus(1));
    assert_eq!(next.epoch(), epoch);
    let alice = join(&next, 1);
    next.wipe().unwrap();
    assert!(!has(&file, "CANARY") && !has(&file, person(1).as_bytes()));
    assert_eq!(alice.is_over(), Err(SessionEnd::Draining), "to come again, not to stay away");
    assert_ne!(next.epoch(), epoch);
    let alice = join(&next, 1);
    assert_eq!(submit(&alice, "m", 2, "CANARY", START.plus(MINUTE)), Ok(false), "it goes on");
    let after = restore(&file, START.plus(2));
    assert_eq!((after.epoch(), after.figures().1.messages), (next.epoch(), 1));
    after.erase();
    assert!(content_of(&file).iter().all(|&byte| byte == 0));
}

#[tokio::test(start_paused = true)]
async fn after_damage_what_is_whole_stays_and_a_new_epoch_says_that_something_was_lost() {
    let file = memfd_journal::create().unwrap();
    let hub = restore(&file, START);
    let alice = join(&hub, 1);
    assert_eq!(submit(&alice, "damaged", 2, "hello", START.plus(MINUTE)), Ok(false));
    assert_eq!(submit(&alice, "whole", 2, "hello", START.plus(MINUTE)), Ok(false));
    let bytes = content_of(&file);
    let place = bytes.windows(7).position(|window| window == b"damaged").unwrap();
    file.write_at(b"D", place as u64).unwrap();
    let (next, restored) = restore_with(&file, store::Config::default(), START.plus(1));
    assert!(matches!(restored, Restored::Going { damaged: 1, .. }), "{restored:?}");
    assert_ne!(next.epoch(), hub.epoch());
    assert_eq!(collect(&join(&next, 2))[0].0, "whole");
    let (again, restored) = restore_with(&file, store::Config::default(), START.plus(2));
    assert!(matches!(restored, Restored::Going { damaged: 0, torn_blocks: 0, .. }), "{restored:?}");
    assert_eq!(again.epoch(), next.epoch(), "it is told once");
}

#[tokio::test(start_paused = true)]
async fn another_layout_is_refused_and_a_new_epoch_begins_in_the_same_file() {
    let file = memfd_journal::create().unwrap();
    let hub = restore(&file, START);
    assert_eq!(submit(&join(&hub, 1), "m", 2, "CANARY", START.plus(MINUTE)), Ok(false));
    file.write_at(&[99], 8).unwrap();
    let (next, restored) = restore_with(&file, store::Config::default(), START.plus(1));
    assert_eq!(restored, Restored::Refused(memfd_journal::Unreadable::Version(99)));
    assert!(!has(&file, "CANARY"));
    assert_ne!(next.epoch(), hub.epoch());
    assert_eq!(restore(&file, START.plus(2)).epoch(), next.epoch());
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_messages_use_the_same_memory_again_and_again() {
    let file = memfd_journal::create().unwrap();
    let (mut hub, _) = restore_with(&file, roomy(), START);
    let mut now = START;
    // A second's messages are remembered for a second: 1,000 at once, of changing sizes.
    let mut waiting = std::collections::VecDeque::new();
    let mut most = 0;
    for round in 0..100_u64 {
        let alice = join(&hub, 1);
        let bob = join(&hub, 2);
        for number in 0..1000_u64 {
            let size = usize::try_from(round * 1000 + number).unwrap() * 7919 % 1500 + 1;
            let id = format!("{round}-{number}");
            assert_eq!(submit(&alice, &id, 2, &"x".repeat(size), now.plus(1000)), Ok(false));
            waiting.push_back(id);
            // What is acknowledged in time is half of it, the rest expires.
            if number % 500 == 499 {
                let batch = collect(&bob);
                let (last, seq) = &batch[batch.len() / 2 - 1];
                acknowledge(&bob, *seq).unwrap();
                while waiting.pop_front().as_ref() != Some(last) {}
            }
        }
        most = most.max(memory(&file));
        if round % 10 == 3 {
            // Killed: the old hub is not told.
            let (next, _) = restore_with(&file, roomy(), now.plus(1));
            assert_eq!(next.epoch(), hub.epoch());
            assert_eq!(next.figures().1.messages, waiting.len());
            let ids: Vec<_> = collect(&join(&next, 2)).into_iter().map(|(id, _)| id).collect();
            assert!(ids.iter().eq(&waiting), "{} of {}", ids.len(), waiting.len());
            drop((alice, bob));
            hub = next;
        }
        tokio::time::advance(std::time::Duration::from_millis(1000)).await;
        now = now.plus(1001);
        waiting.clear();
        if round % 10 != 3 {
            // The other clocks are ahead by that.
            tokio::time::advance(std::time::Duration::from_millis(1)).await;
        }
    }
    // 750 messages of 750 bytes on average, each with its bookkeeping, and 250 ids.
    assert!(most < 1_400_000, "{most} bytes of memory");
    assert!(most > 600_000, "only {most} bytes: this test no longer fills it");
}

#[tokio::test(start_paused = true)]
async fn memory_is_given_back_after_a_flood() {
    let file = memfd_journal::create().unwrap();
    let (hub, _) = restore_with(&file, roomy(), START);
    let alice = join(&hub, 1);
    for number in 0..20_000 {
        let answer = submit(&alice, &number.to_string(), 2, &"x".repeat(500), START.plus(MINUTE));
        assert_eq!(answer, Ok(false));
    }
    let flooded = memory(&file);
    assert!((12_000_000..15_000_000).contains(&flooded), "{flooded}");
    tokio::time::advance(std::time::Duration::from_millis(MINUTE)).await;
    // Each call does a part of it.
    for _ in 0..20_000 {
        drop(join(&hub, 3));
    }
    assert_eq!(hub.figures().1.messages, 0);
    assert!(memory(&file) < 4_500_000, "{}", memory(&file));
}

#[tokio::test(start_paused = true)]
async fn how_long_a_message_still_lives_is_the_same_for_the_next_process_whatever_its_wall_clock_says() {
    for wall in [0, 1_767_355_200_000 - 2 * 86_400_000, 1_767_355_200_000 + 2 * 86_400_000] {
        let file = memfd_journal::create().unwrap();
        let hub = restore(&file, START);
        assert_eq!(submit(&join(&hub, 1), "m", 2, "hello", START.plus(MINUTE)), Ok(false));
        let settings = hub::Config { bounds: store::Config::default(), rate: Rate::new(1, 1), sessions: 10 };
        let clock = Clock::anchored_at(START.plus(MINUTE - 1), WallTime(wall));
        let (next, _) = Hub::restore(settings, clock, file.try_clone().unwrap()).unwrap();
        assert_eq!(next.figures().1.messages, 1, "its time has not come");
        tokio::time::advance(std::time::Duration::from_millis(1)).await;
        drop(join(&next, 3));
        assert_eq!(next.figures().1.messages, 0, "its time has come");
    }
}
