//! What a machine believes of what others say, and for how long.

use super::*;
use crate::cluster::keys::NotOpened;
use crate::transport::link::NodeKey;

const SECOND: Duration = Duration::from_secs(1);

fn onion(points: &str) -> OnionPart {
    OnionPart { service: "s".into(), points: points.into(), ..OnionPart::default() }
}

/// Returns what a machine says that leads or not, and has these points.
fn says(leads: bool, points: &str) -> MachinePart {
    MachinePart { term: u64::from(leads), onion: Some(onion(points)), ..MachinePart::default() }
}

/// Returns what a machine says that listens there.
fn listens(address: &str) -> MachinePart {
    let key = NodeKey::from_bytes([7; 32]);
    MachinePart { link: Some(LinkPart::new(address.parse().unwrap(), key)), ..MachinePart::default() }
}

/// Returns a process that began so many milliseconds after 1970.
fn process(holder: &str, began: u64, now: Instant) -> Presence {
    Presence::new(holder, WallTime(began), now)
}

/// Has a process say something to another one, which has just spoken: so it is fresh.
fn tell(from: &mut Presence, to: &mut Presence, part: MachinePart, now: Instant) -> NoticeWorth {
    let spoken = to.next(MachinePart { term: to.rank.term, ..MachinePart::default() }, now);
    from.hear(spoken, now);
    to.hear(from.next(part, now), now)
}

fn addresses(presence: &Presence, now: Instant) -> Vec<String> {
    presence.listening(now).iter().map(|machine| format!("{} {}", machine.name, machine.address)).collect()
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
        Self { a: process("a/1", 0, now), b: process("b/1", 0, now), now, recorded: Vec::new() }
    }

    /// Has both speak and hear each other. Returns what the first one makes of the second one's
    /// notice.
    fn second(&mut self) -> NoticeWorth {
        self.now += SECOND;
        let said = self.a.next(says(true, "of a"), self.now);
        self.b.hear(said, self.now);
        let answer = self.b.next(says(false, "of b"), self.now);
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
    let held = two.b.next(says(false, "held back"), two.now);
    let mut later = process("a/1", 0, two.now);
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
    let mut anew = process("c/1", 0, two.now);
    for notice in two.recorded {
        anew.next(says(false, "of c"), two.now);
        assert_eq!(anew.hear(notice, two.now), NoticeWorth::Unproven, "it names no notice of this machine");
    }
    assert_eq!(anew.live(two.now), []);
}

#[test]
fn what_comes_too_late_is_no_proof() {
    let mut two = Two::new();
    two.second();
    let held = two.b.next(says(false, "held back"), two.now);
    assert_eq!(two.a.hear(held, two.now + LIFE), NoticeWorth::Unproven);
    assert_eq!(two.a.live(two.now + LIFE), []);
}

#[test]
fn only_machines_with_the_secret_say_something_and_only_of_a_bounded_size() {
    let [one, other, stranger] = [1, 1, 2].map(|secret| PresenceSeal::new(&[secret; 32]));
    let mut presence = process("a/1", 0, Instant::now());
    let notice = presence.next(says(true, "here"), Instant::now());
    let sealed = one.seal(&notice).unwrap();
    assert_eq!(other.open(&sealed), Ok(notice));
    assert_eq!(stranger.open(&sealed), Err(NotOpened));
    for changed in [0, 30, sealed.len() - 1] {
        let mut forged = sealed.clone();
        forged[changed] ^= 1;
        assert_eq!(other.open(&forged), Err(NotOpened));
    }
    assert_eq!(other.open(&[]), Err(NotOpened));
    let wide = presence.next(says(true, &"x".repeat(NOTICE_BYTES)), Instant::now());
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
    let mut presence = process(&holder(0), 0, now);
    for number in 1..=MOST {
        let mut other = process(&holder(number), 0, now);
        presence.hear(other.next(says(false, ""), now), now);
    }
    let empty = seal.seal(&process("a/1", 0, now).next(says(false, ""), now)).unwrap();
    let few = seal.seal(&process("a/1", 0, now).next(says(false, &"p".repeat(900)), now)).unwrap();
    assert_eq!(empty.len(), few.len());
    // Twenty points of 181 bytes, and 159 clients.
    let mut part = onion(&"p".repeat(20 * 181 * 4 / 3));
    part.clients = vec!["descriptor:x25519:".to_owned() + &"K".repeat(52); 159];
    assert!(seal.seal(&presence.next(MachinePart { onion: Some(part), ..MachinePart::default() }, now)).is_ok());
}

#[test]
fn no_flood_of_notices_takes_more_than_a_bounded_part_and_who_is_there_stays() {
    let mut two = Two::new();
    two.second();
    let opened = (0..1000).filter(|_| two.a.may_open(two.now)).count();
    assert_eq!(opened, usize::try_from(RATE).unwrap());
    assert!(two.a.may_open(two.now + SECOND));
    for number in 0..1000 {
        let mut old = process(&format!("old/{number}"), 0, two.now);
        two.a.hear(old.next(says(false, ""), two.now), two.now);
    }
    assert_eq!((two.a.known.len(), two.a.live(two.now).len()), (MOST, 1));
    let mut wide = process(&"w".repeat(HOLDER + 1), 0, two.now);
    assert_eq!(two.a.hear(wide.next(says(false, ""), two.now), two.now), NoticeWorth::Nothing);
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

#[test]
fn machines_learn_where_the_others_listen_and_do_not_forget_it_when_nats_is_silent() {
    let now = Instant::now();
    let mut own = process("a/1", 0, now);
    let mut other = process("b/1", 0, now);
    assert_eq!(tell(&mut other, &mut own, listens("10.0.0.2:1"), now), NoticeWorth::Fresh);
    assert_eq!(addresses(&own, now), ["b 10.0.0.2:1"]);
    assert_eq!((own.live(now), own.names(now)), (vec![], vec!["b".to_owned()]), "it has no onion service");
    assert_eq!(addresses(&own, now + LIFE * 10), ["b 10.0.0.2:1"], "the link itself says that nobody is there");
    assert_eq!(addresses(&own, now + LIFE + REMEMBERED), [""; 0]);
    // Its next process listens elsewhere: that counts as soon as the earlier one is silent.
    let later = now + LIFE;
    tell(&mut process("b/2", 1, later), &mut own, listens("10.0.0.3:1"), later);
    assert_eq!(addresses(&own, later), ["b 10.0.0.3:1"]);
    let broken = LinkPart { key: "x".into(), ..listens("10.0.0.4:1").link.unwrap() };
    tell(&mut process("c/1", 1, later), &mut own, MachinePart { link: Some(broken), ..MachinePart::default() }, later);
    assert_eq!(addresses(&own, later), ["b 10.0.0.3:1"], "nobody connects to what has no key");
}

#[test]
fn where_a_machine_listened_is_believed_to_nobody_who_only_repeats_it() {
    let now = Instant::now();
    let mut own = process("a/1", 0, now);
    let mut other = process("b/1", 0, now);
    let part = || MachinePart { checked_in: Some(WallTime(9)), ..listens("10.0.0.2:1") };
    tell(&mut other, &mut own, part(), now);
    let recorded = other.next(part(), now);
    let mut anew = process("a/2", 5, now);
    anew.next(MachinePart::default(), now);
    assert_eq!(anew.hear(recorded, now), NoticeWorth::Unproven, "it names no notice of this process");
    assert_eq!(addresses(&anew, now), [""; 0]);
}

#[test]
fn of_two_processes_with_one_name_both_know_which_has_to_give_way() {
    let now = Instant::now();
    for (settled, terms, goes) in [
        // The one that was alone for a while stays; else the one that leads; else the earlier one.
        ([true, false], [0, 0], 1),
        ([true, true], [0, 3], 0),
        ([true, true], [0, 0], 1),
        ([false, false], [0, 0], 1),
        // The first stood still, and believes that it leads.
        ([true, true], [2, 3], 0),
    ] {
        let mut twins = [process("m/1", 1, now), process("m/2", 2, now)];
        for (number, twin) in twins.iter_mut().enumerate() {
            if settled[number] {
                twin.settle(now);
            }
        }
        let [one, other] = &mut twins;
        let part = |term| MachinePart { term, ..MachinePart::default() };
        one.rank.term = terms[0];
        other.rank.term = terms[1];
        for _ in 0..TIMES {
            tell(one, other, part(terms[0]), now);
            tell(other, one, part(terms[1]), now);
        }
        let told = [one.twin(now), other.twin(now)];
        let expected = if goes == 0 { [Twin::GoesFirst, Twin::GivesWay] } else { [Twin::GivesWay, Twin::GoesFirst] };
        assert_eq!(told, expected.map(Some), "{settled:?} {terms:?}");
        assert_eq!(other.settle(now), settled[1], "it is not alone");
        assert_eq!(one.twin(now + LIFE), None, "the other one has ended");
        assert!(one.listening(now).is_empty(), "it is none of the others");
    }
}

#[test]
fn a_process_of_before_is_no_twin_of_the_next_one() {
    let now = Instant::now();
    let mut before = process("m/1", 1, now);
    let mut next = process("m/2", 2, now);
    next.next(MachinePart::default(), now);
    for _ in 0..3 {
        // What is left of it was said before the next one began.
        assert_eq!(next.hear(before.next(says(true, ""), now), now), NoticeWorth::Unproven);
    }
    assert_eq!(next.twin(now), None);
    assert!(!next.is_settled() && next.settle(now) && next.is_settled());
}

#[test]
fn others_go_on_with_the_machine_that_had_the_name_first_while_a_copy_of_it_is_there() {
    let now = Instant::now();
    let mut own = process("a/1", 0, now);
    let mut first = process("m/9", 1, now);
    first.settle(now);
    let mut copy = process("m/1", 2, now);
    for _ in 0..2 {
        tell(&mut first, &mut own, listens("10.0.0.1:1"), now);
        tell(&mut copy, &mut own, listens("10.0.0.2:1"), now);
        assert_eq!(addresses(&own, now), ["m 10.0.0.1:1"]);
    }
    let later = now + LIFE;
    tell(&mut copy, &mut own, listens("10.0.0.2:1"), later);
    assert_eq!(addresses(&own, later), ["m 10.0.0.2:1"], "it is gone");
}
