//! When pseudonyms look at servers of others, in paused time.

use std::time::Duration;

use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::bytes::Secret;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn lookout(number: u8) -> Lookout {
    let authority = Authority::from_onion_key(&Key([number; 32]), 80);
    Lookout { key: Key([number; 32]), seed: Secret::random(), authority }
}

fn all(count: u8) -> Vec<Lookout> {
    (0..count).map(lookout).collect()
}

/// Looks for so long, each look taking 10 s. Returns who looked, and when.
fn looks(lookouts: &mut Lookouts, from: Instant, long: Duration) -> Vec<(Key, Duration)> {
    let mut seen = Vec::new();
    let mut now = from;
    while now < from + long {
        now += Duration::from_secs(10);
        if let Some(looking) = lookouts.next(now) {
            assert!(lookouts.next(now + 999 * MINUTE).is_none(), "while one looks, no other does");
            seen.push((looking.key, now - from));
            lookouts.looked(&lane(&looking), now);
            lookouts.ended(&lane(&looking));
        }
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn each_looks_within_the_hour_and_then_more_and_more_rarely_at_times_of_its_own() {
    let now = Instant::now();
    let mut lookouts = Lookouts::new(Fetching::PATIENT);
    lookouts.watch(all(20), now);
    let day = 24 * 60 * MINUTE;
    let seen = looks(&mut lookouts, now, day);
    let first = |key: u8| seen.iter().find(|(seen, _)| *seen == Key([key; 32])).unwrap().1;
    let first: Vec<Duration> = (0..20).map(first).collect();
    let mean = first.iter().sum::<Duration>() / 20;
    assert!(mean > 3 * MINUTE && mean < 30 * MINUTE, "{mean:?}, with a mean of 10 min");
    // After looks that are 10, 20 and 40 min apart, a day has room for 17 that are 80 min apart.
    let a_day = seen.len() as f64 / 20.0;
    assert!((15.0..26.0).contains(&a_day), "{a_day} looks");
}

#[tokio::test(start_paused = true)]
async fn nobody_looks_who_has_nothing_there_any_more_or_never_fetches() {
    let now = Instant::now();
    let mut lookouts = Lookouts::new(Fetching::PATIENT);
    lookouts.watch(all(2), now);
    assert!(lookouts.wake_at().is_some());
    lookouts.watch(Vec::new(), now);
    assert!(lookouts.wake_at().is_none() && lookouts.next(now + 999 * MINUTE).is_none());

    let mut never = Lookouts::new(Fetching::NONE);
    never.watch(all(2), now);
    assert!(never.wake_at().is_none());
}

#[tokio::test(start_paused = true)]
async fn with_one_visit_to_each_mailbox_there_is_one_look_for_what_waited_before() {
    let now = Instant::now();
    let mut once = Lookouts::new(Fetching::HASTY.once());
    once.watch(all(2), now);
    assert_eq!(looks(&mut once, now, 10 * MINUTE).len(), 2);
    once.watch(all(3), now);
    assert!(once.wake_at().is_none(), "what is sent now is not looked after at once");
}

#[tokio::test(start_paused = true)]
async fn whoever_was_told_an_epoch_meanwhile_looks_later() {
    let now = Instant::now();
    let mut lookouts = Lookouts::new(Fetching::PATIENT);
    lookouts.watch(all(1), now);
    let due = lookouts.wake_at().unwrap();
    let later = due + 9_999 * MINUTE;
    lookouts.looked(&lane(&lookout(0)), later);
    assert!(lookouts.wake_at().unwrap() >= later);
    lookouts.looked(&lane(&lookout(1)), later);
}
