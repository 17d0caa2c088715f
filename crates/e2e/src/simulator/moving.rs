//! Servers that move to another address while people talk.

use super::person::Person;
use super::server::{HostileServer, Malice};
use super::{Dice, START, authority};
use crate::clock::{HOUR, MINUTE, SECOND};
use crate::core::{Accept, InviteOptions};
use crate::effect::Event;
use crate::invite::Invite;
use crate::servers::Moves;

struct World {
    people: [Person; 2],
    servers: Vec<HostileServer>,
    dice: Dice,
    now: u64,
}

fn moved() -> Moves {
    Moves::new([(authority(1), authority(3))])
}

impl World {
    /// Two who met, the second one on a server of this number.
    fn met(second: u8) -> Self {
        let people = [(0, 1), (1, second)].map(|(who, at)| Person::new(who, authority(at), START, 9));
        let servers = vec![HostileServer::new(authority(1)), HostileServer::new(authority(2))];
        let mut world = Self { people, servers, dice: Dice(9), now: START };
        let invite = world.invite();
        let accept = Accept { name: "alice".to_owned(), text: None, foreign: second != 1 };
        world.people[1].core.accept(&invite, accept, START).unwrap();
        world.people[1].settle(&mut [], START);
        world.run(6, HOUR);
        world.talk();
        world
    }

    /// The first one's newest invite.
    fn invite(&mut self) -> String {
        let options = InviteOptions { name: "bob".to_owned(), ..InviteOptions::default() };
        self.people[0].core.invite(options, self.now).unwrap();
        self.people[0].settle(&mut [], self.now);
        self.people[0].invites.pop().unwrap()
    }

    fn run(&mut self, steps: usize, length: u64) {
        for _ in 0..steps {
            self.now += length;
            for person in &mut self.people {
                person.act(&mut self.servers, Malice::default(), self.now, None, &mut self.dice);
            }
        }
    }

    /// Each says something that the other hears.
    fn talk(&mut self) {
        for person in &mut self.people {
            person.talk(self.now);
        }
        self.run(6, HOUR);
        for (from, to) in [(0, 1), (1, 0)] {
            assert_eq!(self.people[to].heard, self.people[from].said, "from {from}");
        }
    }

    fn questions(&self, who: usize) -> Vec<&Event> {
        self.people[who].events.iter().filter(|event| matches!(event, Event::WantsToMove { .. })).collect()
    }
}

#[test]
fn a_contact_elsewhere_learns_the_new_address_of_a_server_that_moved_is_asked_and_writes_there() {
    let mut world = World::met(2);
    // Bob agreed to Alice's first answer from her own server; what follows is new.
    let before = world.questions(1).len();
    world.servers[0].authority = authority(3);
    world.people[0].follow(moved(), world.now);
    let invite = Invite::from_text(&world.invite(), &authority(3)).unwrap();
    assert_eq!(invite.authority, authority(3), "an invite names the present address");
    world.run(6, HOUR);
    let asked = world.questions(1);
    assert!(
        asked[before..]
            .iter()
            .any(|event| matches!(event, Event::WantsToMove { authority: to, .. } if *to == authority(3)))
    );
    let link = world.people[1].core.only_link().unwrap();
    assert_eq!(link.theirs.root.as_ref().unwrap().route.authority, authority(3));
    world.talk();
    // The next process, which knows of no move any more, goes by the first address again.
    world.people[0].follow(Moves::default(), world.now);
    assert_eq!(world.people[0].core.authority(), &authority(1));
}

#[test]
fn while_a_new_mailbox_may_not_connect_yet_texts_leave_from_the_one_before() {
    let mut world = World::met(1);
    world.servers[0].authority = authority(3);
    for person in &mut world.people {
        person.follow(moved(), world.now);
    }
    for moment in 0..12 {
        world.run(1, 30 * SECOND);
        world.people[0].talk(world.now);
        world.run(1, SECOND);
        let [alice, bob] = &world.people;
        assert_eq!(bob.heard, alice.said, "after {moment} half minutes");
    }
}

#[test]
fn who_knows_of_the_move_is_asked_nothing_and_the_conversation_goes_on() {
    let mut world = World::met(1);
    let mailboxes = [0, 1].map(|who| world.people[who].mailboxes());
    world.servers[0].authority = authority(3);
    for person in &mut world.people {
        person.follow(moved(), world.now);
    }
    // What was written before is still there for the old mailboxes.
    world.run(6, 20 * MINUTE);
    world.talk();
    for who in [0, 1] {
        assert_eq!(world.questions(who).len(), 0, "{who}");
        let now = world.people[who].mailboxes();
        assert!(now.iter().any(|mailbox| !mailboxes[who].contains(mailbox)), "a new one of {who} is announced");
    }
    world.run(60, 6 * HOUR);
    for who in [0, 1] {
        assert!(world.people[who].core.only_link().is_some_and(|link| link.mailbox != mailboxes[who][0]));
    }
    world.talk();
}
