//! The schedule of the mailboxes, in paused time.

use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::bytes::Secret;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn key(number: u8) -> Key {
    Key([number; 32])
}

fn access(number: u8, active_at: u64, door: bool) -> MailboxAccess {
    let authority = Authority::loopback("localhost").unwrap();
    MailboxAccess { key: key(number), seed: Secret::random(), authority, after_ms: 0, active_at, door, awaited_ms: 0 }
}

/// Makes ten mailboxes, the last ones used most recently, and two doors that were used after all
/// of them.
fn twelve(fetching: Fetching, now: Instant) -> Mailboxes {
    let mut mailboxes = Mailboxes::new(fetching);
    for number in 0..12 {
        mailboxes.insert(access(number, number.into(), number >= 10), now);
    }
    mailboxes
}

fn staying(steps: &[Step]) -> Vec<Key> {
    steps.iter().filter_map(|step| if let Step::Stay(key) = step { Some(*key) } else { None }).collect()
}

fn visited(steps: &[Step]) -> Vec<Key> {
    steps.iter().filter_map(|step| if let Step::Visit(key) = step { Some(*key) } else { None }).collect()
}

#[tokio::test(start_paused = true)]
async fn within_a_minute_the_most_recently_used_are_connected_and_no_door_is() {
    let now = Instant::now();
    let mut mailboxes = twelve(Fetching::PATIENT, now);
    assert!(staying(&mailboxes.steps(now)).len() < 4, "they are spread over a minute");
    mailboxes.steps(now + 60 * SECOND);
    let stay: Vec<_> = (0..12).filter(|number| mailboxes.stays(&key(*number))).collect();
    assert_eq!(stay, [2, 3, 4, 5, 6, 7, 8, 9]);

    mailboxes.used(&key(0));
    let steps = mailboxes.steps(now + 60 * SECOND);
    assert!(steps.contains(&Step::Stay(key(0))) && steps.contains(&Step::Leave(key(2))), "{steps:?}");
}

#[tokio::test(start_paused = true)]
async fn the_others_are_visited_one_at_a_time_again_and_again() {
    let mut now = Instant::now();
    let mut mailboxes = twelve(Fetching::PATIENT, now);
    let mut visits = Vec::new();
    for _ in 0..24 * 60 * 6 {
        now += 10 * SECOND;
        let due = visited(&mailboxes.steps(now));
        assert!(due.len() <= 1);
        for visit in due {
            assert_eq!(visited(&mailboxes.steps(now + 3_600 * SECOND)), [], "while one is visited, no other is");
            visits.push(visit);
            mailboxes.ended(&visit, now);
        }
    }
    for number in [0, 1, 10, 11] {
        let count = visits.iter().filter(|visit| **visit == key(number)).count();
        assert!((100..190).contains(&count), "{count} visits in a day, with a mean of 144");
    }
}

#[tokio::test(start_paused = true)]
async fn the_door_of_an_invite_that_has_just_been_made_is_visited_once_a_minute_for_half_an_hour() {
    let half = 1_800 * SECOND;
    let mut soon = 0;
    let mut later = 0;
    for _ in 0..20 {
        let begin = Instant::now();
        let mut mailboxes = Mailboxes::new(Fetching::PATIENT);
        mailboxes.insert(MailboxAccess { awaited_ms: 1_800_000, ..access(1, 1, true) }, begin);
        for second in 0..7_200 {
            let now = begin + second * SECOND;
            for visit in visited(&mailboxes.steps(now)) {
                *(if now < begin + half { &mut soon } else { &mut later }) += 1;
                mailboxes.ended(&visit, now);
            }
        }
    }
    assert!((20 * 24..20 * 36).contains(&soon), "{soon} visits in 20 half hours, with a mean of 30 each");
    assert!((20 * 6..20 * 13).contains(&later), "{later} visits in 30 hours, with a mean of 6 an hour");
}

#[tokio::test(start_paused = true)]
async fn once_means_one_visit_each_and_never_means_none() {
    let now = Instant::now();
    let mut once = twelve(Fetching::HASTY.once(), now);
    assert!(!once.all_visited());
    for _ in 0..3 {
        for visit in visited(&once.steps(now + SECOND)) {
            once.fetched(&visit);
            once.ended(&visit, now + SECOND);
        }
    }
    assert!(once.all_visited());
    assert_eq!((once.steps(now + 9_999 * SECOND), once.wake_at(now + 9_999 * SECOND)), (Vec::new(), None));

    let mut never = twelve(Fetching::NONE, now);
    assert_eq!((never.steps(now + 9_999 * SECOND), never.wake_at(now)), (Vec::new(), None));
}

#[tokio::test(start_paused = true)]
async fn more_than_twenty_envelopes_a_minute_that_do_not_open_are_too_many() {
    let now = Instant::now();
    let mut mailboxes = twelve(Fetching::PATIENT, now);
    for second in 0..100 {
        assert!(!mailboxes.failed(&key(1), now + 4 * second * SECOND), "fifteen a minute");
    }
    let later = now + 1_000 * SECOND;
    let too_many = (0..30).position(|_| mailboxes.failed(&key(1), later));
    assert_eq!(too_many, Some(20));
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_that_rests_is_not_connected() {
    let now = Instant::now();
    let mut mailboxes = twelve(Fetching::PATIENT, now);
    mailboxes.rest(&key(9), 3_600 * SECOND, now);
    mailboxes.steps(now + 3_599 * SECOND);
    assert!(!mailboxes.stays(&key(9)));
    mailboxes.steps(now + 3_600 * SECOND);
    assert!(mailboxes.stays(&key(9)));
}
