//! What a machine believes of what others say, and for how long.

use super::*;
use crate::cluster::keys::NotOpened;

const SECOND: Duration = Duration::from_secs(1);

fn onion(points: &str) -> OnionPart {
    OnionPart { service: "s".into(), points: points.into(), ..OnionPart::default() }
}

/// Two machines that hear each other, and what the second one said in each second.
struct Two {
    a: Presence,
    b: Presence,
    now: Instant,
    recorded: Vec<PresenceNotice>,
}

impl Two {
    fn new() -> Self {
        let now = Instant::now();
        Self { a: Presence::new("a/1", now), b: Presence::new("b/1", now), now, recorded: Vec::new() }
    }

    /// Both speak, and hear each other. Returns what the first one makes of the second one's.
    fn second(&mut self) -> NoticeWorth {
        self.now += SECOND;
        let said = self.a.next(true, onion("of a"), self.now);
        self.b.hear(said, self.now);
        let answer = self.b.next(false, onion("of b"), self.now);
        self.recorded.push(answer.clone());
        self.a.hear(answer, self.now)
    }
}

#[test]
fn a_machine_that_is_there_is_known_and_one_that_falls_silent_is_not_any_more() {
    let mut two = Two::new();
    assert_eq!(two.second(), NoticeWorth::Fresh);
    let live = two.a.live(two.now);
    assert_eq!((live.len(), live[0].holder.as_str(), live[0].onion.points.as_str()), (1, "b/1", "of b"));
    assert_eq!(two.b.live(two.now), [], "nothing has shown yet that what a says is of now");
    two.second();
    assert!(two.b.live(two.now)[0].leads);
    assert_eq!(two.a.live(two.now + LIFE - SECOND).len(), 1);
    assert_eq!(two.a.live(two.now + LIFE), []);
}

#[test]
fn a_notice_that_is_brought_again_says_nothing() {
    let mut two = Two::new();
    for _ in 0..10 {
        two.second();
    }
    for notice in two.recorded.clone() {
        assert_eq!(two.a.hear(notice, two.now), NoticeWorth::Nothing, "it was heard");
    }
    // One that was held back counts for no longer than if it had come at once.
    let held = two.b.next(false, onion("held back"), two.now);
    let mut later = Presence::new("a/1", two.now);
    std::mem::swap(&mut later, &mut two.a);
    let at = two.now + LIFE - SECOND;
    assert_eq!(later.hear(held.clone(), at), NoticeWorth::Fresh);
    assert_eq!(later.live(at + SECOND), []);
}

#[test]
fn what_a_dead_machine_said_proves_nothing_to_one_that_begins() {
    let mut two = Two::new();
    for _ in 0..20 {
        two.second();
    }
    let mut anew = Presence::new("c/1", two.now);
    for notice in two.recorded {
        anew.next(false, onion("of c"), two.now);
        assert_eq!(anew.hear(notice, two.now), NoticeWorth::Unproven, "it names no notice of this machine");
    }
    assert_eq!(anew.live(two.now), []);
}

#[test]
fn what_comes_too_late_is_no_proof() {
    let mut two = Two::new();
    two.second();
    let held = two.b.next(false, onion("held back"), two.now);
    assert_eq!(two.a.hear(held, two.now + LIFE), NoticeWorth::Unproven);
    assert_eq!(two.a.live(two.now + LIFE), []);
}

#[test]
fn only_machines_with_the_secret_say_something_and_only_of_a_bounded_size() {
    let [one, other, stranger] = [1, 1, 2].map(|secret| PresenceSeal::new(&[secret; 32]));
    let mut presence = Presence::new("a/1", Instant::now());
    let notice = presence.next(true, onion("here"), Instant::now());
    let sealed = one.seal(&notice).unwrap();
    assert_eq!(other.open(&sealed), Ok(notice));
    assert_eq!(stranger.open(&sealed), Err(NotOpened));
    for changed in [0, 30, sealed.len() - 1] {
        let mut forged = sealed.clone();
        forged[changed] ^= 1;
        assert_eq!(other.open(&forged), Err(NotOpened));
    }
    assert_eq!(other.open(&[]), Err(NotOpened));
    let wide = presence.next(true, onion(&"x".repeat(NOTICE_BYTES)), Instant::now());
    assert_eq!(one.seal(&wide), Err(NotOpened), "nobody would open it");
    assert_eq!(other.open(&vec![0; NOTICE_BYTES + 1]), Err(NotOpened));
    // The key of another kind of message opens nothing of it.
    let of_wipes = crate::cluster::wipe::WipeSeal::new(&[1; 32]);
    assert_eq!(of_wipes.asked(&sealed), Err(NotOpened));
}

#[test]
fn the_largest_notice_there_can_be_is_sent_and_its_length_says_little() {
    let seal = PresenceSeal::new(&[1; 32]);
    let now = Instant::now();
    let holder = |number: usize| format!("{number:032}/{number:032}");
    let mut presence = Presence::new(&holder(0), now);
    for number in 1..=MOST {
        let mut other = Presence::new(&holder(number), now);
        presence.hear(other.next(false, onion(""), now), now);
    }
    let empty = seal.seal(&Presence::new("a/1", now).next(false, onion(""), now)).unwrap();
    let few = seal.seal(&Presence::new("a/1", now).next(false, onion(&"p".repeat(900)), now)).unwrap();
    assert_eq!(empty.len(), few.len());
    // Twenty points of 181 bytes, and 159 clients.
    let mut part = onion(&"p".repeat(20 * 181 * 4 / 3));
    part.clients = vec!["descriptor:x25519:".to_owned() + &"K".repeat(52); 159];
    assert!(seal.seal(&presence.next(true, part, now)).is_ok());
}

#[test]
fn no_flood_of_notices_takes_more_than_a_bounded_part_and_who_is_there_stays() {
    let mut two = Two::new();
    two.second();
    let opened = (0..1000).filter(|_| two.a.may_open(two.now)).count();
    assert_eq!(opened, usize::try_from(RATE).unwrap());
    assert!(two.a.may_open(two.now + SECOND));
    for number in 0..1000 {
        let mut old = Presence::new(&format!("old/{number}"), two.now);
        two.a.hear(old.next(false, onion(""), two.now), two.now);
    }
    assert_eq!((two.a.known.len(), two.a.live(two.now).len()), (MOST, 1));
    let mut wide = Presence::new(&"w".repeat(HOLDER + 1), two.now);
    assert_eq!(two.a.hear(wide.next(false, onion(""), two.now), two.now), NoticeWorth::Nothing);
}

#[test]
fn who_could_hear_nobody_takes_nobody_for_dead() {
    let mut two = Two::new();
    two.second();
    let back = two.now + SECOND * 60;
    two.a.was_deaf(back);
    assert_eq!(two.a.live(back).len(), 1);
    assert_eq!(two.a.live(back + LIFE), []);
}
