//! The rules of a hub, one by one. That they hold in every order is `tests/hub_properties.rs`'s
//! matter.

mod acquaintance;
mod resuming;
mod turns;

use std::sync::atomic::AtomicUsize;
use std::task::{Wake, Waker};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

use super::online::{RECEIPTS, RECEIPTS_IN_ALL};
use super::*;
use ephemeral_core::protocol::{ReceiptStatus, WallTime, WireTime};
use ephemeral_core::session::Established;
use ephemeral_core::store::{Accepted, AcknowledgeError, JoinError, NewMessage, SessionEnd, SubmitError};

const START: WallTime = WallTime(1_767_355_200_000);
/// What the hub's own clock shows then.
const UP: Millis = Clock::UP;

fn hub_with(rate: Rate, sessions: usize) -> Arc<Hub> {
    Hub::new(Config { bounds: ephemeral_core::store::Config::default(), rate, sessions }, Clock::exact(START)).unwrap()
}

pub(super) fn hub() -> Arc<Hub> {
    hub_with(Rate::new(1_000_000, 1_000_000), 1000)
}

fn person(number: u8) -> Fingerprint {
    Fingerprint::from(&SigningKey::from_bytes(&[number; 32]).verifying_key())
}

/// Returns the session of a person that wants receipts, with a window of 2.
fn join(hub: &Arc<Hub>, number: u8) -> SessionHandle {
    hub.join(person(number), true, 2).unwrap().session_handle
}

fn submit(session_handle: &SessionHandle, id: &str, to: Fingerprint, ttl: Duration) -> Result<Accepted, SubmitError> {
    let expires_at = session_handle.hub.now().plus(u64::try_from(ttl.as_millis()).unwrap());
    let message = NewMessage { to, escaped_content: "hello".to_owned().into(), expires_at, given: None };
    session_handle.submit(id, Some(&message), &mut Wakes::default())
}

/// Returns the exact time in force.
fn expiry(accepted: Accepted) -> Millis {
    let WireTime::Own { at, .. } = accepted.expires_at else { panic!("{accepted:?}") };
    at
}

/// Keeps a message for a minute.
fn send(session_handle: &SessionHandle, id: &str, to: u8) {
    assert!(matches!(
        submit(session_handle, id, person(to), Duration::from_secs(60)),
        Ok(Accepted { duplicate: false, .. })
    ));
}

fn collect_up_to(session_handle: &SessionHandle, budget: usize) -> Result<Collected, SessionEnd> {
    let clocks = session_handle.hub.clocks();
    session_handle.collect(budget, &mut Wakes::default(), |delivery| Established::frame(delivery, &clocks))
}

fn collect(session_handle: &SessionHandle) -> Vec<Value> {
    let frames = collect_up_to(session_handle, usize::MAX).unwrap().frames;
    frames.iter().map(|frame| serde_json::from_str(frame).unwrap()).collect()
}

/// Returns types, and ids where there are some, of what can be collected.
fn collected(session_handle: &SessionHandle) -> Vec<String> {
    let name = |frame: Value| format!("{} {}", frame["type"].as_str().unwrap(), frame["id"].as_str().unwrap_or("-"));
    collect(session_handle).into_iter().map(name).collect()
}

fn acknowledge(session_handle: &SessionHandle, seq: &Value) {
    assert_eq!(session_handle.acknowledge(seq.as_u64().unwrap(), &mut Wakes::default()), Ok(()));
}

/// Counts how often it is woken, and how often the lock was held then.
struct Woken {
    hub: Arc<Hub>,
    times: AtomicUsize,
    locked: AtomicUsize,
}

impl Woken {
    fn at(hub: &Arc<Hub>) -> Arc<Self> {
        Arc::new(Self { hub: Arc::clone(hub), times: AtomicUsize::new(0), locked: AtomicUsize::new(0) })
    }

    fn counted(&self) -> (usize, usize) {
        (self.times.load(Ordering::Relaxed), self.locked.load(Ordering::Relaxed))
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.times.fetch_add(1, Ordering::Relaxed);
        self.locked.fetch_add(usize::from(self.hub.state.is_locked()), Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_taken_over_is_told_and_can_do_nothing_any_more() {
    let hub = hub();
    let older = join(&hub, 1);
    assert!(older.signal().poll(Waker::noop()), "a new session has to look once");
    assert!(!older.signal().poll(Waker::noop()));
    let newer = join(&hub, 1);
    assert!(older.signal().poll(Waker::noop()));
    assert_eq!(older.is_over(), Err(SessionEnd::Replaced));
    assert_eq!(collect_up_to(&older, 1).err(), Some(SessionEnd::Replaced));
    assert_eq!(older.acknowledge(1, &mut Wakes::default()), Err(AcknowledgeError::Ended(SessionEnd::Replaced)));
    assert_eq!(submit(&older, "m", person(1), Duration::from_secs(1)), Err(SessionEnd::Replaced.into()));
    drop(older);
    assert_eq!((newer.is_over(), hub.figures().0), (Ok(()), 1), "the older one's end is not the newer one's");
}

#[tokio::test(start_paused = true)]
async fn what_the_older_session_had_not_acknowledged_or_not_fetched_is_the_newer_ones() {
    let hub = hub();
    let alice = join(&hub, 1);
    let bob = join(&hub, 2);
    send(&alice, "to-bob", 2);
    send(&bob, "to-alice", 1);
    assert_eq!(collected(&alice), ["caught_up -", "message to-alice"]);
    let seq = &collect(&bob)[1]["seq"];
    acknowledge(&bob, seq);
    let alice = join(&hub, 1);
    assert_eq!(collected(&alice), ["receipt to-bob", "message to-alice", "caught_up -"]);
}

#[tokio::test(start_paused = true)]
async fn at_the_bound_nobody_joins_but_one_who_takes_over() {
    let hub = hub_with(Rate::new(1, 1), 1);
    let alice = join(&hub, 1);
    assert_eq!(hub.join(person(2), true, 1).err(), Some(JoinError::Overloaded));
    assert!(hub.join(person(1), true, 1).is_ok());
    drop(alice);
    assert!(hub.join(person(2), true, 1).is_ok(), "both of the first one's sessions are over");
}

#[tokio::test(start_paused = true)]
async fn the_message_rate_is_a_fingerprints_and_not_a_sessions() {
    let hub = hub_with(Rate::new(1, 2), 10);
    let alice = join(&hub, 1);
    send(&alice, "1", 2);
    drop(alice);
    let alice = join(&hub, 1);
    send(&alice, "2", 2);
    let refused = alice.submit("3", None, &mut Wakes::default());
    assert_eq!(refused, Err(SubmitError::RateLimited { wait_ms: 60_000 }));
    tokio::time::advance(Duration::from_secs(60)).await;
    send(&alice, "3", 2);
}

#[tokio::test(start_paused = true)]
async fn a_recipient_that_is_not_a_key_is_refused_and_leaves_no_trace() {
    let hub = hub();
    let alice = join(&hub, 1);
    let before = hub.figures();
    let answer = submit(&alice, "m", Fingerprint::from_bytes([0; 32]), Duration::from_secs(60));
    assert_eq!(answer, Err(SubmitError::NotAKey));
    assert_eq!(hub.figures(), before);
}

#[tokio::test(start_paused = true)]
async fn the_first_message_of_an_id_counts_whatever_the_second_one_says() {
    let hub = hub();
    let alice = join(&hub, 1);
    send(&alice, "m", 2);
    let known = |answer: Result<Accepted, SubmitError>| answer.map(|kept| (expiry(kept), kept.duplicate));
    let first = Ok((UP.plus(60_000), true));
    assert_eq!(known(submit(&alice, "m", person(3), Duration::from_secs(5))), first, "another recipient");
    let not_a_key = submit(&alice, "m", Fingerprint::from_bytes([0; 32]), Duration::from_secs(5));
    assert_eq!(known(not_a_key), first, "not a key");
    assert_eq!(known(alice.submit("m", None, &mut Wakes::default())), first, "nothing that could be kept");
    assert_eq!(alice.submit("n", None, &mut Wakes::default()), Err(SubmitError::NoMessage));
    assert_eq!(hub.figures().1.messages, 1);
}

#[tokio::test(start_paused = true)]
async fn a_recipient_is_woken_once_and_after_the_lock_was_released() {
    let hub = hub();
    let alice = join(&hub, 1);
    let bob = join(&hub, 2);
    let woken = Woken::at(&hub);
    let waker = Waker::from(Arc::clone(&woken));
    bob.signal().poll(&waker);
    for id in ["1", "2"] {
        send(&alice, id, 2);
    }
    assert_eq!(woken.counted(), (1, 0), "twice would be once too often");
    assert!(bob.signal().poll(&waker));
    assert!(!bob.signal().poll(&waker), "it is told once");
    drop(join(&hub, 2));
    assert_eq!(woken.counted(), (2, 0), "replaced");
    let bob = join(&hub, 2);
    bob.signal().poll(&waker);
    hub.drain();
    assert_eq!(woken.counted(), (3, 0), "draining");
}

#[tokio::test(start_paused = true)]
async fn messages_expire_at_their_moment_also_if_an_earlier_one_comes_later() {
    let hub = hub();
    let expiring = Arc::clone(&hub);
    let task = tokio::spawn(async move { expiring.keep_expiring().await });
    let alice = join(&hub, 1);
    let woken = Woken::at(&hub);
    for (id, seconds) in [("late", 100), ("early", 10)] {
        tokio::task::yield_now().await;
        assert!(submit(&alice, id, person(2), Duration::from_secs(seconds)).is_ok());
    }
    assert_eq!(collected(&alice), ["caught_up -"]);
    alice.signal().poll(&Waker::from(Arc::clone(&woken)));
    for (wait_ms, messages) in [(9_999, 2), (1, 1), (89_999, 1), (1, 0)] {
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        // The expiring task may have been due at the same moment.
        tokio::task::yield_now().await;
        assert_eq!(hub.figures().1.messages, messages, "at {:?}", hub.now());
    }
    assert_eq!(woken.counted(), (1, 0));
    let at: Vec<_> = collect(&alice).into_iter().map(|frame| frame["at"].clone()).collect();
    assert_eq!(at, [json!(START.plus(10_000)), json!(START.plus(100_000))]);
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn a_message_that_expires_while_it_is_out_wakes_its_recipient_for_the_next_one() {
    let hub = hub();
    let alice = join(&hub, 1);
    for (id, seconds) in [("1", 10), ("2", 20), ("3", 30)] {
        assert!(submit(&alice, id, person(1), Duration::from_secs(seconds)).is_ok());
    }
    assert_eq!(collected(&alice), ["caught_up -", "message 1", "message 2"]);
    alice.signal().poll(Waker::noop());
    tokio::time::advance(Duration::from_secs(10)).await;
    // The next one at the hub makes room, as the expiring task would.
    drop(join(&hub, 2));
    assert!(alice.signal().poll(Waker::noop()));
    assert_eq!(collected(&alice), ["receipt 1", "message 3"]);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_does_not_fetch_its_receipts_is_over() {
    let hub = hub();
    let alice = join(&hub, 1);
    tell(&alice, RECEIPTS);
    assert_eq!(alice.is_over(), Ok(()));
    tell(&alice, 1);
    assert_eq!(alice.is_over(), Err(SessionEnd::TooSlow));
    assert_eq!(collect_up_to(&alice, usize::MAX).err(), Some(SessionEnd::TooSlow));
}

/// Ends so many messages of a session's.
fn tell(session: &SessionHandle, receipts: usize) {
    let mut state = session.hub.lock();
    let ended = |id: usize| Completion {
        sender: session.account,
        id: id.to_string(),
        to: person(2),
        status: ReceiptStatus::Expired,
        at: WireTime::Own { at: UP, draw: 0 },
    };
    state.ended.extend((0..receipts).map(ended));
    let mut wakes = Wakes::default();
    state.tell_senders(&mut wakes);
    drop(state);
}

#[tokio::test(start_paused = true)]
async fn receipts_are_bounded_in_all_and_the_session_that_is_most_behind_goes() {
    let hub = hub();
    let held = RECEIPTS_IN_ALL / 5;
    let behind: Vec<_> = (10..15).map(|number| join(&hub, number)).collect();
    behind.iter().for_each(|session| tell(session, held));
    tell(&behind[2], RECEIPTS_IN_ALL % 5);
    let bob = join(&hub, 2);
    tell(&bob, 1);
    let over: Vec<_> = behind.iter().map(|session| session.is_over().is_err()).collect();
    assert_eq!(over, [false, false, true, false, false]);
    assert_eq!(collect(&bob).iter().filter(|frame| frame["type"] == "receipt").count(), 1);
    // Its share is free for others, and so is that of a session that ends.
    tell(&bob, held);
    assert_eq!(behind[0].is_over(), Ok(()));
    drop(behind);
    for _ in 0..3 {
        while collect_up_to(&bob, usize::MAX).unwrap().more {}
        tell(&bob, held);
        assert_eq!(bob.is_over(), Ok(()));
    }
    while collect_up_to(&bob, usize::MAX).unwrap().more {}
    assert_eq!(hub.lock().online.waiting(), (0, 0), "nor is room kept for them");
}

#[tokio::test(start_paused = true)]
async fn a_turn_takes_one_frame_more_than_its_budget_and_says_that_there_is_more() {
    let hub = hub();
    let alice = join(&hub, 1);
    send(&alice, "m", 1);
    let first = collect_up_to(&alice, 1).unwrap();
    assert_eq!((first.frames.len(), first.more), (1, true));
    let second = collect_up_to(&alice, 1).unwrap();
    assert_eq!((second.frames.len(), second.more), (1, true));
    let third = collect_up_to(&alice, 1).unwrap();
    assert_eq!((third.frames.len(), third.more), (0, false));
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_drains_lets_nobody_in_and_keeps_nothing_new() {
    let hub = hub();
    let alice = join(&hub, 1);
    hub.drain();
    assert_eq!(hub.join(person(2), true, 1).err(), Some(JoinError::Draining));
    assert_eq!(submit(&alice, "m", person(1), Duration::from_secs(60)), Err(SubmitError::Draining));
    assert_eq!(alice.is_over(), Err(SessionEnd::Draining));
    assert_eq!(collect_up_to(&alice, 1).err(), Some(SessionEnd::Draining));
}

#[tokio::test(start_paused = true)]
async fn erasing_leaves_nothing_and_sessions_may_end_after_it() {
    let hub = hub();
    let alice = join(&hub, 1);
    send(&alice, "m", 2);
    hub.erase();
    assert_eq!(hub.figures(), (0, StoreStats::default()));
    assert!(alice.is_over().is_err());
    drop(alice);
    assert_eq!(hub.figures(), (0, StoreStats::default()));
}

#[tokio::test(start_paused = true)]
async fn totals_go_on_when_everything_is_wiped() {
    let hub = hub();
    let alice = join(&hub, 1);
    send(&alice, "delivered", 1);
    let seq = &collect(&alice)[1]["seq"];
    acknowledge(&alice, seq);
    assert!(submit(&alice, "expired", person(2), Duration::from_secs(1)).is_ok());
    tokio::time::advance(Duration::from_secs(1)).await;
    drop(join(&hub, 3));
    let before = hub.totals();
    assert_eq!((before.accepted, before.delivered, before.expired), (2, 1, 1));
    hub.wipe().unwrap();
    assert_eq!(hub.totals(), before, "what happened has happened");
    let alice = join(&hub, 1);
    send(&alice, "after", 1);
    let seq = &collect(&alice)[1]["seq"];
    acknowledge(&alice, seq);
    hub.wipe().unwrap();
    assert_eq!(hub.totals(), Totals { accepted: 3, delivered: 2, ..before });
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_is_set_ends_and_lengthens_no_life_rate_or_memory() {
    const DAY_MS: i64 = 86_400_000;
    for step in [2 * DAY_MS, -2 * DAY_MS] {
        let clock = Clock::anchored(START);
        let settings = Config { bounds: store::Config::default(), rate: Rate::new(1, 2), sessions: 10 };
        let hub = Hub::new(settings, clock.clone()).unwrap();
        let alice = join(&hub, 1);
        for (id, seconds) in [("short", 10), ("long", 86_400)] {
            assert!(submit(&alice, id, person(2), Duration::from_secs(seconds)).is_ok());
        }
        clock.step(step);
        assert_eq!(hub.clocks().wall, WallTime(START.0.saturating_add_signed(step)));
        let limited = alice.submit("3", None, &mut Wakes::default());
        assert_eq!(limited, Err(SubmitError::RateLimited { wait_ms: 60_000 }), "the rate is what it was");
        tokio::time::advance(Duration::from_millis(9_999)).await;
        drop(join(&hub, 3));
        assert_eq!(hub.figures().1.messages, 2, "nothing expires before its time");
        tokio::time::advance(Duration::from_millis(1)).await;
        drop(join(&hub, 3));
        assert_eq!(hub.figures().1.messages, 1, "and nothing lives longer");
        tokio::time::advance(Duration::from_secs(86_389)).await;
        drop(join(&hub, 3));
        assert_eq!(hub.figures().1.messages, 1);
        tokio::time::advance(Duration::from_secs(1)).await;
        drop(join(&hub, 3));
        assert_eq!(hub.figures().1.messages, 0);
    }
}

/// A journal that is erased while somebody tries to come in.
struct Watched {
    hub: std::sync::Weak<Hub>,
    seen: Arc<parking_lot::Mutex<Vec<&'static str>>>,
}

impl ephemeral_core::store::Journal for Watched {
    fn accept(
        &mut self,
        _: u32,
        _: &ephemeral_core::store::JournalEntry<'_>,
    ) -> Result<(), ephemeral_core::store::NoRoom> {
        self.seen.lock().push("accepted");
        Ok(())
    }
    fn end(&mut self, _: u32, _: &ephemeral_core::store::EndedEntry<'_>) {}
    fn forget(&mut self, _: u32) {}
    fn promise(&mut self, _: u64) {}
    fn erase(&mut self) {
        let hub = self.hub.upgrade().unwrap();
        assert!(!hub.state.is_locked(), "whoever wants the lock gets it");
        assert_eq!(hub.join(person(3), true, 2).err(), Some(JoinError::Draining));
        self.seen.lock().push("erased");
    }
    fn begin(&mut self, _: [u8; 16], _: &ephemeral_core::store::Seed) {
        self.seen.lock().push("begun");
    }
    fn cost(&self) -> fn(usize) -> usize {
        |_| 0
    }
}

#[tokio::test(start_paused = true)]
async fn while_everything_is_overwritten_nobody_waits_for_the_lock_and_nothing_is_accepted() {
    let hub = hub();
    let seen = Arc::default();
    let journal = Watched { hub: Arc::downgrade(&hub), seen: Arc::clone(&seen) };
    let seed = ephemeral_core::store::Seed { hash_key: [1, 2], first_seq: 1 };
    hub.lock().store = Store::with_journal(hub.bounds(), seed, hub.now(), Box::new(journal));
    let alice = join(&hub, 1);
    let epoch = hub.epoch();
    send(&alice, "before", 2);
    hub.wipe().unwrap();
    assert_eq!(alice.is_over(), Err(SessionEnd::Draining));
    assert_ne!(hub.epoch(), epoch);
    send(&join(&hub, 3), "after", 2);
    assert_eq!(*seen.lock(), ["accepted", "erased", "begun", "accepted"], "what comes after it is written down again");
}
