//! How an engine carries out what the core wants, once the state that knows of it is durable.

use std::time::Duration;

use ephemeral_e2e::core::ContactView;
use ephemeral_e2e::effect::{Effect, Event, Frame};
use tokio::time::Instant;

use super::agenda::Deferred;
use super::dispatch::{LaneId, Order};
use super::mailboxes::Step;
use super::{Engine, EngineError, EngineEvent, lanes, lookouts};
use crate::cause::Explanation;
use crate::names;

/// After so long a lane is asked again that has more to do than it takes in.
const FULL_LANE: Duration = Duration::from_millis(100);
/// How long a mailbox is left alone to whose server there is no way until somebody mends something.
const NO_WAY: Duration = Duration::from_secs(60);

impl Engine {
    pub(super) fn carry_out(&mut self, effect: Effect, now: Instant) {
        match effect {
            Effect::Acknowledge { mailbox, seq, after_ms } => {
                self.agenda.put(now + Duration::from_millis(after_ms), Deferred::Acknowledge(mailbox, seq));
            }
            Effect::Send { frame, after_ms } => {
                self.agenda.put(now + Duration::from_millis(after_ms), Deferred::Send(Box::new(frame)));
            }
            Effect::Open(access) => self.mailboxes.insert(access, now),
            Effect::Close(key) => {
                self.mailboxes.remove(&key);
                self.lanes.close(&key);
            }
            Effect::Show { id, event } => {
                self.name(&event);
                self.news.push_back(EngineEvent::Event { id, event });
            }
        }
    }

    /// Gives a contact that has no name yet the one that it gives itself.
    fn name(&mut self, event: &Event) {
        let (Event::Contact { link, profile, .. } | Event::Answered { link, profile }) = event else { return };
        let unnamed = |contact: &ContactView| contact.link == *link && contact.name.is_empty();
        if !profile.is_empty() && self.core().contacts().iter().any(unnamed) {
            let name = names::free(self.core(), profile);
            // It fits, and the contact is there.
            let _ = self.profile.core_mut().rename(*link, &name);
            self.dirty = true;
        }
    }

    pub(super) fn do_now(&mut self, due: Deferred, now: Instant) {
        match due {
            Deferred::Acknowledge(mailbox, seq) => {
                if let Some(access) = self.mailboxes.get(&mailbox) {
                    let id = LaneId { pseudonym: mailbox, authority: access.authority.as_str().to_owned() };
                    // If it ended, the message comes again, and is acknowledged then.
                    if self.lanes.has(&id) && self.lanes.order(&id, Order::Acknowledge(seq)).is_err() {
                        self.agenda.put(now + FULL_LANE, Deferred::Acknowledge(mailbox, seq));
                    }
                }
            }
            Deferred::Send(frame) => self.send(frame, now),
        }
    }

    fn send(&mut self, frame: Box<Frame>, now: Instant) {
        let id = lanes::sender(&frame);
        if self.mailboxes.get(&id.pseudonym).is_some() {
            self.mailboxes.used(&id.pseudonym);
        }
        // A lane that only looked has something to do from now on, however long that takes.
        self.lookouts.ended(&id);
        if !self.lanes.has(&id) {
            match lanes::to_send(&frame, &id, &*self.route, &self.moves, &self.fetching) {
                Ok(plan) => self.lanes.start(plan),
                // The frame waits for the next process.
                Err(error) => return self.no_way(&id, &error),
            }
        }
        if let Err(Order::Send(frame)) = self.lanes.order(&id, Order::Send(frame)) {
            // Its lane has more to do than it takes in.
            self.agenda.put(now + FULL_LANE, Deferred::Send(frame));
        }
    }

    pub(super) fn step(&mut self, step: Step, now: Instant) {
        let (key, stays) = match step {
            Step::Stay(key) => (key, true),
            Step::Leave(key) | Step::Visit(key) => (key, false),
        };
        let Some(access) = self.mailboxes.get(&key) else { return };
        let id = LaneId { pseudonym: key, authority: access.authority.as_str().to_owned() };
        if self.lanes.has(&id) {
            drop(self.lanes.order(&id, Order::Stay(stays)));
        } else if step != Step::Leave(key) {
            match lanes::to_fetch(access, &id, stays, &*self.route, &self.moves, &self.fetching, now) {
                Ok(plan) => self.lanes.start(plan),
                Err(error) => {
                    self.no_way(&id, &error);
                    self.mailboxes.rest(&key, NO_WAY, now);
                    self.mailboxes.ended(&key, now);
                }
            }
        }
    }

    /// Has somebody look at a server of somebody else, if it is time.
    pub(super) fn look(&mut self, now: Instant) {
        while let Some(lookout) = self.lookouts.next(now) {
            let id = lookouts::lane(&lookout);
            if self.lanes.has(&id) {
                // It is told the epoch anyway.
                self.lookouts.looked(&id, now);
                self.lookouts.ended(&id);
                continue;
            }
            match lanes::to_look(&lookout, &id, &*self.route, &self.moves, &self.fetching) {
                Ok(plan) => self.lanes.start(plan),
                Err(error) => {
                    self.no_way(&id, &error);
                    self.lookouts.looked(&id, now);
                    self.lookouts.ended(&id);
                }
            }
        }
    }

    /// Tells that there is no way to a server. What goes to others goes on.
    fn no_way(&mut self, id: &LaneId, error: &EngineError) {
        let server = id.authority.clone();
        self.news.push_back(EngineEvent::Unusable { server, why: Explanation::of(error) });
    }
}
