//! From attempts to reach the service to what is said of it.

#![allow(clippy::unwrap_used)]

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn reachability() -> (Reachability, watch::Receiver<OnionStatus>, Instant) {
    let (sender, receiver) = watch::channel(OnionStatus::default());
    let now = Instant::now();
    (Reachability::new(sender, now), receiver, now)
}

fn phase(status: &watch::Receiver<OnionStatus>) -> Phase {
    status.borrow().phase
}

#[tokio::test]
async fn it_is_starting_while_the_first_attempts_fail() {
    let (mut reachability, status, now) = reachability();
    for second in [10, 20, 60, 119] {
        reachability.failed(Reason::Unreachable, now + SECOND * second);
        assert_eq!(phase(&status), Phase::Starting);
    }
    reachability.failed(Reason::Offline, now + SECOND * 120);
    assert_eq!(phase(&status), Phase::Degraded(Reason::Offline));
}

#[tokio::test]
async fn one_failure_is_forgiven_and_two_are_not() {
    let (mut reachability, status, now) = reachability();
    reachability.succeeded(now);
    reachability.failed(Reason::Unreachable, now + SECOND);
    assert_eq!(phase(&status), Phase::Reachable);
    assert!(reachability.retry() <= FIRST_RETRY, "the second attempt is soon");
    reachability.failed(Reason::Unreachable, now + SECOND * 2);
    assert_eq!(phase(&status), Phase::Degraded(Reason::Unreachable));
}

#[tokio::test]
async fn one_answer_makes_a_degraded_service_reachable_again() {
    let (mut reachability, status, now) = reachability();
    reachability.succeeded(now);
    for second in 1..20 {
        reachability.failed(Reason::Blocked, now + SECOND * second);
    }
    assert_eq!(phase(&status), Phase::Degraded(Reason::Blocked));
    reachability.succeeded(now + SECOND * 30);
    assert_eq!(phase(&status), Phase::Reachable);
    assert!(reachability.retry() <= FIRST_CALM, "what was reached only just now may be lost as soon");
    (0..10).for_each(|_| reachability.succeeded(now));
    assert!(reachability.retry() >= CALM / 2);
}

#[tokio::test]
async fn the_reason_follows_what_is_wrong_now() {
    let (mut reachability, status, now) = reachability();
    reachability.succeeded(now);
    reachability.failed(Reason::Offline, now);
    reachability.failed(Reason::Offline, now);
    assert_eq!(phase(&status), Phase::Degraded(Reason::Offline));
    reachability.failed(Reason::Unreachable, now);
    assert_eq!(phase(&status), Phase::Degraded(Reason::Unreachable));
}

#[tokio::test]
async fn watchers_are_woken_by_changes_only() {
    let (mut reachability, mut status, now) = reachability();
    reachability.succeeded(now);
    assert!(status.has_changed().unwrap());
    status.mark_unchanged();
    reachability.succeeded(now + SECOND);
    reachability.progress(0.0, String::new(), None);
    assert!(!status.has_changed().unwrap());
    reachability.progress(0.456, "words".into(), None);
    assert_eq!(status.borrow_and_update().bootstrap_percent, 46);
}

#[tokio::test]
async fn a_life_is_given_up_only_after_a_long_time_without_success() {
    let (mut reachability, _status, now) = reachability();
    reachability.begin(now);
    reachability.failed(Reason::Unreachable, now);
    reachability.failed(Reason::Unreachable, now);
    assert!(!reachability.is_stuck(now + GIVE_UP - SECOND, false));
    assert!(reachability.is_stuck(now + GIVE_UP, false));
    assert!(!reachability.is_stuck(now + GIVE_UP, true), "somebody is still served");
    assert!(reachability.is_stuck(now + GIVE_UP_ON_USERS, true));

    reachability.begin(now + GIVE_UP);
    assert!(!reachability.is_stuck(now + GIVE_UP + SECOND, false), "a new life has its own chance");

    reachability.succeeded(now + GIVE_UP);
    assert!(!reachability.is_stuck(now + GIVE_UP * 9, false), "nothing has failed since");
}

#[tokio::test]
async fn the_pauses_between_fruitless_lives_grow_and_stay_bounded() {
    let (mut reachability, _status, now) = reachability();
    reachability.begin(now);
    assert!(reachability.pause() <= FIRST_PAUSE);
    for _ in 0..40 {
        reachability.begin(now);
    }
    assert!(reachability.pause() >= LAST_PAUSE / 2);
    assert!(reachability.pause() <= LAST_PAUSE);
    reachability.succeeded(now);
    assert!(reachability.pause() <= FIRST_PAUSE);
}

#[tokio::test]
async fn a_slow_network_is_given_more_time_with_each_life() {
    let (mut reachability, _status, now) = reachability();
    reachability.begin(now);
    assert_eq!(reachability.stall(), FIRST_STALL);
    reachability.begin(now);
    assert_eq!(reachability.stall(), FIRST_STALL * 2);
    for _ in 0..40 {
        reachability.begin(now);
    }
    assert_eq!(reachability.stall(), LAST_STALL);
}
