//! From attempts to reach the service to what is said of it.

#![allow(clippy::unwrap_used)]

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn reachability() -> (Reachability, watch::Receiver<OnionStatus>, Instant) {
    let (sender, receiver) = watch::channel(OnionStatus::default());
    let now = Instant::now();
    (Reachability::new(sender, 1, now), receiver, now)
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
}

#[tokio::test]
async fn a_machine_in_whose_place_another_one_answers_is_not_reachable_and_nothing_is_ended_for_it() {
    let (mut reachability, status, now) = reachability();
    reachability.begin(now);
    for second in [0, 30, 119] {
        reachability.elsewhere(now + SECOND * second);
        assert_eq!(phase(&status), Phase::Starting, "others may be about to publish it");
    }
    assert!(reachability.is_failing() && reachability.retry() <= LAST_RETRY, "it looks again soon");
    reachability.elsewhere(now + SECOND * 120);
    assert_eq!(phase(&status), Phase::Degraded(Reason::Elsewhere));
    for serves in [true, false] {
        assert_eq!(reachability.verdict(now + CALM * 5, serves), Course::GoOn);
    }
    reachability.succeeded(now + CALM);
    assert_eq!((phase(&status), reachability.is_failing()), (Phase::Reachable, false));
    reachability.elsewhere(now + CALM * 2);
    assert_eq!(phase(&status), Phase::Reachable, "once is forgiven");
    for _ in 0..FAILURES {
        reachability.failed(Reason::Unreachable, now + CALM * 2);
    }
    assert_eq!(phase(&status), Phase::Degraded(Reason::Unreachable));
    reachability.elsewhere(now + CALM * 2 + SECOND);
    assert_eq!(phase(&status), Phase::Degraded(Reason::Elsewhere), "Tor works again");
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
async fn a_tor_client_that_serves_nobody_is_given_up_after_a_while_without_success() {
    let (mut reachability, _status, now) = reachability();
    reachability.begin(now);
    reachability.failed(Reason::Unreachable, now);
    reachability.failed(Reason::Unreachable, now);
    assert_eq!(reachability.verdict(now + GIVE_UP - SECOND, false), Course::GoOn);
    assert_eq!(reachability.verdict(now + GIVE_UP, false), Course::StartAfresh);

    reachability.begin(now + GIVE_UP);
    assert_eq!(reachability.verdict(now + GIVE_UP + SECOND, false), Course::GoOn, "a new one has its own chance");
    reachability.succeeded(now + GIVE_UP);
    assert_eq!(reachability.verdict(now + GIVE_UP * 9, false), Course::GoOn, "nothing has failed since");
}

#[tokio::test]
async fn one_failure_after_hours_of_calm_ends_nothing() {
    let (mut reachability, _status, now) = reachability();
    reachability.succeeded(now);
    let later = now + CALM * 5;
    reachability.failed(Reason::Unreachable, later);
    reachability.failed(Reason::Unreachable, later + FIRST_RETRY);
    assert_eq!(reachability.verdict(later + FIRST_RETRY, false), Course::GoOn);
}

#[tokio::test]
async fn a_tor_client_whose_circuits_carry_a_session_is_never_ended_but_the_service_is_published_again() {
    let (mut reachability, status, now) = reachability();
    reachability.begin(now);
    reachability.succeeded(now);
    let mut published = Vec::new();
    let mut passed = Duration::ZERO;
    while passed < Duration::from_secs(24 * 3600) {
        reachability.failed(Reason::Unreachable, now + passed);
        match reachability.verdict(now + passed, true) {
            Course::GoOn => {}
            Course::Republish => {
                published.push(passed);
                reachability.mended(now + passed);
            }
            Course::StartAfresh => panic!("after {passed:?} a session was ended for others"),
        }
        passed += LAST_RETRY;
    }
    assert_eq!(phase(&status), Phase::Degraded(Reason::Unreachable), "and it is not called reachable");
    assert!((10..40).contains(&published.len()), "{published:?}");
    let pauses: Vec<_> = published.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses.iter().all(|pause| (MEND..=LAST_MEND + LAST_RETRY).contains(pause)), "{pauses:?}");
    reachability.succeeded(now + passed);
    assert_eq!(reachability.verdict(now + passed, true), Course::GoOn);
}

#[tokio::test]
async fn the_pauses_while_all_is_well_have_no_bound_that_anybody_could_wait_for() {
    let (mut reachability, _status, now) = reachability();
    (0..10).for_each(|_| reachability.succeeded(now));
    let mut pauses: Vec<_> = (0..1000).map(|_| reachability.retry()).collect();
    pauses.sort();
    let first = pauses[0];
    let median = pauses[500];
    let last = pauses[999];
    assert!(first >= CALM && last <= LAST_CALM, "{first:?} {last:?}");
    assert!(median > CALM * 3 / 2 && median < CALM * 3, "{median:?}");
    assert!(last > CALM * 10, "{last:?}");
}

#[test]
fn a_pause_is_at_least_the_shortest_and_at_most_the_longest() {
    let minute = SECOND * 60;
    let hour = SECOND * 3600;
    assert_eq!(heavy_tailed(minute, hour, 0.0), minute);
    assert_eq!(heavy_tailed(minute, hour, 0.5), minute * 2);
    assert_eq!(heavy_tailed(minute, hour, 0.999_999_999), hour);
}

#[tokio::test]
async fn the_pauses_between_fruitless_incarnations_grow_and_stay_bounded() {
    let (mut reachability, _status, now) = reachability();
    reachability.begin(now);
    assert!(reachability.pause() <= FIRST_PAUSE);
    for _ in 0..40 {
        reachability.begin(now);
        assert!(reachability.pause() <= LAST_PAUSE);
    }
    assert!(reachability.pause() >= LAST_PAUSE / 2);
    assert!(reachability.pause() <= LAST_PAUSE);
    reachability.succeeded(now);
    assert!(reachability.pause() <= FIRST_PAUSE);
}

#[tokio::test]
async fn a_slow_network_is_given_more_time_with_each_incarnation() {
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
