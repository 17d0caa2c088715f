//! Two people, one of whom made an invite: what most tests begin with.

use super::person::Person;
use super::server::{HostileServer, Malice};
use super::{Dice, START, authority};
use crate::clock::MINUTE;
use crate::core::{Accept, InviteOptions};
use crate::invite::Invite;

pub(super) struct SimulatedPair {
    pub(super) people: [Person; 2],
    pub(super) servers: Vec<HostileServer>,
    pub(super) dice: Dice,
    pub(super) now: u64,
    pub(super) invite: Invite,
}

impl SimulatedPair {
    /// Alice (0) made an invite; nobody used it yet.
    pub(super) fn new(reusable: bool) -> Self {
        let mut people = [0, 1].map(|who| Person::new(who, authority(1), START, 5));
        let options = InviteOptions { name: "bob".to_owned(), reusable, ..InviteOptions::default() };
        people[0].core.invite(options, START).unwrap();
        people[0].settle(&mut [], START);
        let invite = Invite::from_text(people[0].invites.first().unwrap(), &authority(1)).unwrap();
        Self { people, servers: vec![HostileServer::new(authority(1))], dice: Dice(5), now: START, invite }
    }

    pub(super) fn accept(&mut self) {
        let accept = Accept { name: "alice".to_owned(), ..Accept::default() };
        self.people[1].core.accept(&self.invite.to_text(), accept, self.now).unwrap();
        self.people[1].settle(&mut [], self.now);
    }

    pub(super) fn met() -> Self {
        let mut pair = Self::new(false);
        pair.accept();
        pair.run(10, 10 * MINUTE);
        pair
    }

    pub(super) fn run(&mut self, steps: usize, length: u64) {
        for _ in 0..steps {
            self.now += length;
            for person in &mut self.people {
                person.act(&mut self.servers, Malice::default(), self.now, None, &mut self.dice);
            }
        }
    }
}
