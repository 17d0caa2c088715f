//! Attacks on a conversation, each once, and long lives.

use vodozemac::olm::OlmMessage;

use super::pair::SimulatedPair;
use super::person::Person;
use super::server::Malice;
use super::{START, authority};
use crate::bytes::Key;
use crate::card::CardKeys;
use crate::clock::{DAY, HOUR, MINUTE};
use crate::core::{Accept, CommitError, Core, CoreError, IncomingFrame};
use crate::effect::Event;
use crate::envelope::{DOOR_SIZE, NUMBER_LIMIT, from_text, open, seal, to_text};
use crate::identity::IdentityKeys;
use crate::invite::Form;
use crate::link::send::trace;
use crate::payload::{Hello, Payload};

impl SimulatedPair {
    /// Hands something to Alice as if it had come for the door.
    fn at_door(&mut self, content: &str) {
        let mailbox = self.invite.door;
        let incoming = IncomingFrame { mailbox: &mailbox, content, seq: 1, from: None };
        self.people[0].core.receive(incoming, self.now).unwrap();
    }

    fn keys(&self) -> CardKeys {
        let Form::Short { secret, .. } = &self.invite.form else { panic!("a short invite") };
        CardKeys::from_short_invite(secret)
    }

    fn events(&self, who: usize, matching: impl Fn(&Event) -> bool) -> usize {
        self.people[who].events.iter().filter(|event| matching(event)).count()
    }

    /// Seals a first message of `identity` to the door.
    fn hello(&self, identity: &IdentityKeys, change: impl Fn(&mut Payload)) -> String {
        let mut session = identity.outbound(&self.invite.identity, &self.invite.prekey).unwrap();
        let hello = Hello {
            proof: identity.proof(),
            your_curve: self.invite.identity,
            your_ed: Key::default(),
            invite: self.invite.id(),
            born: START,
        };
        let mut payload = Payload { hello: Some(hello), ..Payload::default() };
        change(&mut payload);
        self.sealed(&session.encrypt(payload.to_bytes()).unwrap(), START + 1)
    }

    fn sealed(&self, message: &OlmMessage, number: u64) -> String {
        let (kind, bytes) = message.to_parts();
        let contents = [&[u8::try_from(kind).unwrap()], bytes.as_slice()].concat();
        to_text(&seal(self.invite.card().address(), number, &contents, DOOR_SIZE).unwrap())
    }
}

#[test]
fn a_first_message_with_a_bad_hello_does_not_use_the_invite_up() {
    let mut pair = SimulatedPair::new(false);
    let mallory = IdentityKeys::generate();
    let bad = [
        pair.hello(&mallory, |payload| payload.hello = None),
        pair.hello(&mallory, |payload| payload.hello.as_mut().unwrap().your_curve = Key([1; 32])),
        pair.hello(&mallory, |payload| payload.hello.as_mut().unwrap().invite = Key([1; 32])),
        pair.hello(&mallory, |payload| payload.hello.as_mut().unwrap().proof = IdentityKeys::generate().proof()),
        pair.hello(&mallory, |payload| payload.hello.as_mut().unwrap().born = NUMBER_LIMIT),
        pair.hello(&mallory, |_| {}),
    ];
    for content in bad {
        pair.at_door(&content);
    }
    assert_eq!(pair.people[0].core.dropped().refused, 6);
    pair.accept();
    pair.run(10, 10 * MINUTE);
    assert!(pair.people[1].is_answered());
}

#[test]
fn who_photographed_an_invite_cannot_spoil_the_conversation_that_came_of_it() {
    let mut pair = SimulatedPair::new(false);
    pair.accept();
    pair.run(1, MINUTE);
    // The server kept Bob's first message; the photographer opens it and seals it anew with the
    // last number there is.
    let first = pair.servers[0].past_of(&pair.invite.door);
    pair.run(10, 10 * MINUTE);
    let opened = open(&pair.keys(), &pair.invite.door, &from_text(&first[0]).unwrap()).unwrap();
    let address = pair.invite.card();
    let again = seal(address.address(), NUMBER_LIMIT - 1, &opened.contents, DOOR_SIZE).unwrap();
    pair.at_door(&to_text(&again));
    // And one that names Bob's session, and decrypts to nothing.
    let mut broken = opened.contents.to_vec();
    let last = broken.len() - 1;
    broken[last] ^= 1;
    let broken = seal(address.address(), NUMBER_LIMIT - 2, &broken, DOOR_SIZE).unwrap();
    pair.at_door(&to_text(&broken));
    trace::take();
    for who in [0, 1] {
        pair.people[who].talk(pair.now);
    }
    pair.run(10, 10 * MINUTE);
    assert_eq!(trace::take().resets, 0);
    assert_eq!(pair.people[0].heard.len() + pair.people[1].heard.len(), 2);
    let wall = pair.now;
    let (_, links) = pair.people[0].core.state_mut();
    assert!(links[0].numbers.upcoming(wall) < wall + DAY, "the numbers were not driven up");
}

#[test]
fn a_second_identity_at_a_used_invite_holds_the_conversation_until_the_user_decides() {
    let mut pair = SimulatedPair::met();
    let mallory = IdentityKeys::generate();
    let second = pair.hello(&mallory, |_| {});
    pair.at_door(&second);
    pair.at_door(&second);
    pair.people[0].settle(&mut [], pair.now);
    assert_eq!(pair.events(0, |event| matches!(event, Event::Contested { .. })), 1);
    pair.people[0].talk(pair.now);
    pair.run(3, 10 * MINUTE);
    assert_eq!(pair.people[1].heard.len(), 0);
    let contact = pair.people[0].core.contacts()[0].link;
    pair.people[0].core.verify(contact).unwrap();
    pair.run(3, 10 * MINUTE);
    assert_eq!(pair.people[1].heard.len(), 1);
}

#[test]
fn noise_raises_no_alarm_and_no_more_than_five_nudges_a_day() {
    let mut pair = SimulatedPair::met();
    trace::take();
    let malice = Malice { inject: 100, replay: 50, ..Malice::default() };
    for _ in 0..24 * 4 {
        pair.now += 15 * MINUTE;
        pair.servers[0].misbehave(malice, pair.now, &mut pair.dice);
        pair.run(1, 0);
    }
    let figures = trace::take();
    assert_eq!(figures.resets, 0);
    assert!(figures.nudges <= 10, "{} nudges of two people in a day", figures.nudges);
    assert_eq!(pair.events(0, |event| matches!(event, Event::Contested { .. } | Event::Unstable { .. })), 0);
}

#[test]
fn after_a_commit_that_failed_nothing_goes_on() {
    let mut pair = SimulatedPair::met();
    let core = &mut pair.people[0].core;
    let contact = core.contacts()[0].link;
    core.send(contact, "text".to_owned(), 0, pair.now).unwrap();
    core.tick(pair.now).unwrap();
    assert!(matches!(core.commit(|_| Err("disk full")), Err(CommitError::Write("disk full"))));
    assert!(matches!(core.commit(|_| Ok::<(), ()>(())), Err(CommitError::Stopped)));
    assert_eq!(core.send(contact, "text".to_owned(), 0, pair.now), Err(CoreError::Stopped));
    assert_eq!(core.tick(pair.now), Err(CoreError::Stopped));
}

#[test]
fn a_restored_backup_resets_before_it_encrypts() {
    let mut pair = SimulatedPair::met();
    let backup = pair.people[0].disk.clone();
    for _ in 0..20 {
        pair.people[0].talk(pair.now);
        pair.people[1].talk(pair.now);
        pair.run(3, HOUR);
    }
    trace::take();
    pair.people[0].core = Core::restore(&backup, pair.now).unwrap();
    pair.people[0].settle(&mut [], pair.now);
    let heard = pair.people[1].heard.len();
    pair.people[0].talk(pair.now);
    pair.run(20, HOUR);
    let figures = trace::take();
    assert_eq!((figures.resets, figures.reused), (1, 0));
    assert_eq!(pair.people[1].heard.len(), heard + 1);
}

#[test]
fn a_conversation_of_three_months_changes_mailboxes_and_roots_and_keeps_nothing_old() {
    let mut pair = SimulatedPair::met();
    trace::take();
    let mailbox = |pair: &SimulatedPair, who: usize| pair.people[who].core.only_link().map(|link| link.mailbox);
    let before = [mailbox(&pair, 0), mailbox(&pair, 1)];
    let mut said = [0, 0];
    for day in 0..100usize {
        for who in [0, 1] {
            // Each is away for ten days now and then.
            if (day / 10) % 4 != who {
                pair.people[who].talk(pair.now);
                said[who] += 1;
            }
        }
        for _ in 0..4 {
            pair.now += DAY / 4;
            for who in [0, 1] {
                let away = (day / 10) % 4 == who;
                if !away {
                    pair.people[who].act(&mut pair.servers, Malice::default(), pair.now, None, &mut pair.dice);
                }
            }
        }
    }
    pair.run(20, HOUR);
    pair.run(10, DAY / 2);
    assert_eq!((pair.people[1].heard.len(), pair.people[0].heard.len()), (said[0], said[1]));
    let figures = trace::take();
    assert_eq!((figures.resets, figures.reused), (0, 0));
    for who in [0, 1] {
        assert_ne!(mailbox(&pair, who), before[who], "{who}");
        let (sessions, plain, roots, _) = pair.people[who].sizes();
        assert!(sessions == 1 && plain <= 8 && roots <= 3, "{sessions} {plain} {roots}");
        assert!(pair.people[who].mailboxes().len() <= 3);
        assert!(pair.people[who].disk.len() < 100_000, "{} bytes of state", pair.people[who].disk.len());
    }
}

#[test]
fn a_reusable_invite_asks_for_eight_people_an_hour_and_the_ninth_comes_again() {
    let mut pair = SimulatedPair::new(true);
    let mut crowd: Vec<Person> = (2..12).map(|who| Person::new(who, authority(1), START, 5)).collect();
    let text = pair.invite.to_text();
    for person in &mut crowd {
        let accept = Accept { name: "alice".to_owned(), ..Accept::default() };
        person.core.accept(&text, accept, pair.now).unwrap();
        person.act(&mut pair.servers, Malice::default(), pair.now, None, &mut pair.dice);
    }
    let requests = |pair: &SimulatedPair| pair.events(0, |event| matches!(event, Event::Request { .. }));
    pair.run(2, 10 * MINUTE);
    assert_eq!(requests(&pair), 8);
    pair.run(1, DAY);
    for person in &mut crowd {
        person.act(&mut pair.servers, Malice::default(), pair.now, None, &mut pair.dice);
    }
    pair.run(2, 10 * MINUTE);
    assert_eq!(requests(&pair), 10);
}
