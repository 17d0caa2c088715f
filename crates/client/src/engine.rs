//! The engine of a client: a profile, its mailboxes, and what comes of them.
//!
//! Whoever runs it asks for [`Engine::next`] again and again, shows what it returns, and calls [`Engine::act`] with what the
//! person wants. Nothing is shown, sent or acknowledged before the state that knows of it is durable. Everything happens
//! inside `next`, but for the connections: each is a task that the engine owns.
//!
//! | file | contents |
//! | --- | --- |
//! | `profile` | the state and its vault |
//! | `mailboxes` | which mailbox is fetched from, and when |
//! | `lane` | one pseudonym at one server |
//! | `lanes` | the tasks, and what they report |
//! | `agenda` | what is to be done later |
//! | `files` | reads what is sent of files, chunk by chunk |
//! | `route` | the ways to servers |

mod agenda;
mod files;
mod lane;
mod lanes;
mod mailboxes;
mod profile;
mod route;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::bytes::Key;
use ephemeral_e2e::core::{ContactView, Core, CoreError, Incoming, SendingView};
use ephemeral_e2e::effect::{Effect, Event, LinkId};
use tokio::time::{Instant, sleep_until};

pub use mailboxes::{Fetching, Visits};
pub use profile::{Profile, WallClock};
pub use route::Isolate;

use agenda::{Agenda, Due};
use files::Feeding;
use lane::{LaneId, Order, Report};
use lanes::Lanes;
use mailboxes::{Mailboxes, Step};

use crate::DialError;
use crate::moved::Book;
use crate::names;
use crate::url::UrlError;
use crate::vault::VaultError;

/// How many reports are worked on before their outcome is written.
const BATCH: usize = 32;
/// Losses within this time of each other are one outage: all mailboxes wait anew.
const OUTAGE: Duration = Duration::from_secs(10);
/// A clock that went on by so much more than this process noticed stands for a machine that slept.
const SLEPT_MS: u64 = 60_000;
/// How long a mailbox is left alone that somebody else fetches from.
const ELSEWHERE: Duration = Duration::from_secs(3_600);
/// The close code of a session that another one with the same key replaced (`docs/protocol.md`).
const REPLACED: u16 = 4409;
/// A server that takes less per message, in bytes, cannot carry the envelopes.
const LEAST_CONTENT_BYTES: usize = 16_384;
/// A server that keeps messages for less, in seconds, loses them before they can be fetched.
const LEAST_TTL_S: u64 = 3_600;
/// Below this, mailboxes that are fetched from now and then may lose messages.
const GOOD_TTL_S: u64 = 86_400;

/// Says why an engine cannot go on, or does not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// What was asked is not possible.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// There is no way to a server.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The name of a server is not one.
    #[error("{0}: {1}")]
    Address(String, UrlError),
    /// A copy of this profile is used at the same time.
    #[error("this profile runs somewhere else, too: a copy of it must not be used beside it")]
    Elsewhere,
    /// A task ended that never ends by itself.
    #[error("a connection's task failed: {0}")]
    Task(String),
}

/// Something that whoever runs an engine may want to know.
#[derive(Debug)]
pub enum Notice {
    /// Something to show. Then call [`Engine::shown`]: until then it comes again with each start.
    Event {
        /// Its name for [`Engine::shown`].
        id: u64,
        /// What happened.
        event: Event,
    },
    /// A text or a chunk of a file waits at the contact's server.
    AtServer {
        /// The contact, or the member of a group.
        link: LinkId,
        /// The content, if there is any in the message.
        mid: Option<u64>,
    },
    /// The contact's server did not take a message, or not for long enough. It is sent again later.
    Dropped {
        /// The contact, or the member of a group.
        link: LinkId,
        /// The server's reason in words, if it refused.
        why: Option<String>,
    },
    /// A connection is being made, for a mailbox of one's own or to send.
    Connecting,
    /// A server answers.
    Online(Authority),
    /// There is no connection. The next attempt begins after `retry_in`.
    Offline {
        /// The server.
        server: String,
        /// The reason, fit for a terminal.
        why: String,
        /// How long it waits.
        retry_in: Duration,
    },
    /// A server cannot be used, and trying again is of no use.
    Unusable {
        /// The server.
        server: String,
        /// The reason, fit for a terminal.
        why: String,
    },
    /// A server keeps messages for less than a day: mailboxes that are not always connected may lose some.
    ShortMemory(Authority),
    /// Another process uses a copy of this profile.
    Elsewhere,
    /// Each mailbox was fetched from since the start.
    AllFetched,
    /// A contact has so many chunks of a file.
    FileSent {
        /// The file, and how far it came.
        file: SendingView,
    },
    /// A file cannot be read. It goes on when it can, in another process.
    FileUnreadable {
        /// The file.
        file: SendingView,
        /// The reason, fit for a terminal.
        why: String,
    },
    /// Nothing waits to be sent, acknowledged or written any more.
    Settled,
}

/// A running profile.
pub struct Engine {
    profile: Profile,
    route: Box<dyn Isolate>,
    moves: Book,
    fetching: Fetching,
    mailboxes: Mailboxes,
    lanes: Lanes,
    agenda: Agenda,
    feeding: Feeding,
    notices: VecDeque<Notice>,
    /// Whether the state changed since it was written.
    dirty: bool,
    tick_at: Instant,
    /// The machine's clock and this process's, when they were looked at last.
    clocks: (u64, Instant),
    lost_at: Option<(Key, Instant)>,
    elsewhere: bool,
    all_fetched: bool,
    /// Whether [`Notice::Settled`] holds and was returned.
    settled: bool,
}

impl Engine {
    /// Runs a profile. Nothing is dialled before [`next`](Self::next).
    ///
    /// # Errors
    /// [`EngineError::Vault`].
    pub fn new(
        mut profile: Profile,
        route: Box<dyn Isolate>,
        moves: Book,
        fetching: Fetching,
    ) -> Result<Self, EngineError> {
        let hasty = fetching.spread < Fetching::PATIENT.spread;
        if hasty {
            profile.core_mut().hurry();
        }
        let now = Instant::now();
        Ok(Self {
            route,
            moves,
            fetching,
            mailboxes: Mailboxes::new(fetching),
            lanes: Lanes::default(),
            agenda: Agenda::default(),
            feeding: Feeding::default(),
            notices: VecDeque::new(),
            dirty: true,
            tick_at: now,
            clocks: (profile.wall_ms(), now),
            profile,
            lost_at: None,
            elsewhere: false,
            all_fetched: false,
            settled: false,
        })
    }

    /// Shows the state.
    #[must_use]
    pub fn core(&self) -> &Core {
        self.profile.core()
    }

    /// Changes the state. What comes of it is written and carried out by [`next`](Self::next).
    ///
    /// # Errors
    /// What `action` says.
    pub fn act<T>(&mut self, action: impl FnOnce(&mut Core, u64) -> Result<T, CoreError>) -> Result<T, EngineError> {
        let wall = self.profile.wall_ms();
        let result = action(self.profile.core_mut(), wall)?;
        self.dirty = true;
        self.tick_at = Instant::now();
        Ok(result)
    }

    /// Takes note that an event was shown.
    pub fn shown(&mut self, id: u64) {
        self.profile.core_mut().shown(id);
        self.dirty = true;
    }

    /// Returns whether nothing waits to be sent, acknowledged or written.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        !self.dirty && self.agenda.is_empty() && !self.lanes.has_visits() && !self.core().owes()
    }

    /// Writes what was changed: it is durable when this returns.
    ///
    /// # Errors
    /// [`EngineError::Vault`].
    pub fn write(&mut self) -> Result<(), EngineError> {
        if self.dirty {
            let now = Instant::now();
            let effects = self.profile.commit()?;
            self.dirty = false;
            for effect in effects {
                self.carry_out(effect, now);
            }
        }
        Ok(())
    }

    /// Writes what was changed, and carries out nothing more.
    ///
    /// # Errors
    /// [`EngineError::Vault`].
    pub fn finish(mut self) -> Result<Profile, EngineError> {
        if self.dirty {
            // What it wants is wanted again by the next process.
            drop(self.profile.commit()?);
        }
        Ok(self.profile)
    }

    /// Returns what happens next. Cancelling it loses nothing.
    ///
    /// # Errors
    /// [`EngineError`], after which nothing may go on.
    pub async fn next(&mut self) -> Result<Notice, EngineError> {
        loop {
            self.settle()?;
            if let Some(notice) = self.notices.pop_front() {
                return Ok(notice);
            }
            if self.is_settled() != self.settled {
                self.settled = !self.settled;
                if self.settled {
                    return Ok(Notice::Settled);
                }
            }
            let wake_at = self.wake_at();
            tokio::select! {
                report = self.lanes.report() => {
                    let (id, report) = report?;
                    self.handle(&id, report)?;
                    for _ in 1..BATCH {
                        let Some((id, report)) = self.lanes.report_now() else { break };
                        self.handle(&id, report)?;
                    }
                }
                () = sleep_until(wake_at) => {}
            }
        }
    }

    fn wake_at(&self) -> Instant {
        let times = [self.agenda.wake_at(), self.mailboxes.wake_at(Instant::now())];
        times.into_iter().flatten().fold(self.tick_at, Instant::min)
    }

    /// Does what is due, writes the state, and carries out what follows from it.
    fn settle(&mut self) -> Result<(), EngineError> {
        self.feed_files()?;
        let now = Instant::now();
        if now >= self.tick_at {
            self.notice_sleep(now);
            let wall = self.profile.wall_ms();
            self.profile.core_mut().tick(wall)?;
            self.dirty = true;
            self.tick_at = now + Duration::from_millis(self.core().next_due());
        }
        self.write()?;
        while let Some(due) = self.agenda.take(now) {
            self.do_now(due, now)?;
        }
        for step in self.mailboxes.steps(now) {
            self.step(step, now)?;
        }
        if !self.all_fetched && self.mailboxes.all_visited() {
            self.all_fetched = true;
            self.notices.push_back(Notice::AllFetched);
        }
        Ok(())
    }

    /// After a machine slept, all its connections end at one moment: they must not come back at one.
    fn notice_sleep(&mut self, now: Instant) {
        let wall = self.profile.wall_ms();
        let (wall_before, before) = self.clocks;
        let noticed = u64::try_from(now.duration_since(before).as_millis()).unwrap_or(u64::MAX);
        if wall.saturating_sub(wall_before) > noticed.saturating_add(SLEPT_MS) {
            self.outage(now);
        }
        self.clocks = (wall, now);
    }

    fn carry_out(&mut self, effect: Effect, now: Instant) {
        match effect {
            Effect::Acknowledge { mailbox, seq, after_ms } => {
                self.agenda.put(now + Duration::from_millis(after_ms), Due::Acknowledge(mailbox, seq));
            }
            Effect::Send { frame, after_ms } => {
                self.agenda.put(now + Duration::from_millis(after_ms), Due::Send(Box::new(frame)));
            }
            Effect::Open(access) => self.mailboxes.insert(access, now),
            Effect::Close(key) => {
                self.mailboxes.remove(&key);
                self.lanes.close(&key);
            }
            Effect::Show { id, event } => {
                self.name(&event);
                self.notices.push_back(Notice::Event { id, event });
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

    fn do_now(&mut self, due: Due, now: Instant) -> Result<(), EngineError> {
        match due {
            Due::Acknowledge(mailbox, seq) => {
                if let Some(access) = self.mailboxes.get(&mailbox) {
                    let id = LaneId { pseudonym: mailbox, authority: access.authority.as_str().to_owned() };
                    // If it ended, the message comes again, and is acknowledged then.
                    drop(self.lanes.order(&id, Order::Acknowledge(seq)));
                }
                Ok(())
            }
            Due::Send(frame) => {
                let id = lanes::sender(&frame);
                if self.mailboxes.get(&id.pseudonym).is_some() {
                    self.mailboxes.used(&id.pseudonym);
                }
                if !self.lanes.has(&id) {
                    let plan = lanes::to_send(&frame, &id, &*self.route, &self.moves, &self.fetching)?;
                    self.lanes.start(plan);
                }
                if let Err(Order::Send(frame)) = self.lanes.order(&id, Order::Send(*frame)) {
                    // Its lane has more to do than it takes in.
                    self.agenda.put(now + Duration::from_millis(100), Due::Send(Box::new(frame)));
                }
                Ok(())
            }
        }
    }

    fn step(&mut self, step: Step, now: Instant) -> Result<(), EngineError> {
        let (key, stays) = match step {
            Step::Stay(key) => (key, true),
            Step::Leave(key) | Step::Visit(key) => (key, false),
        };
        let Some(access) = self.mailboxes.get(&key) else { return Ok(()) };
        let id = LaneId { pseudonym: key, authority: access.authority.as_str().to_owned() };
        if self.lanes.has(&id) {
            drop(self.lanes.order(&id, Order::Stay(stays)));
        } else if step != Step::Leave(key) {
            let plan = lanes::to_fetch(access, &id, stays, &*self.route, &self.moves, &self.fetching, now)?;
            self.lanes.start(plan);
        }
        Ok(())
    }

    fn handle(&mut self, id: &LaneId, report: Report) -> Result<(), EngineError> {
        let now = Instant::now();
        match report {
            Report::Connecting => self.notices.push_back(Notice::Connecting),
            Report::Online { epoch, server_time, limits } => {
                self.online(id, &epoch, server_time.map(|time| time.0), (limits.content_bytes, limits.max_ttl_s))?;
            }
            Report::Lost { why, close_code, retry_in } => self.lost(id, why, close_code, retry_in, now)?,
            Report::Failed(error) => {
                let server = id.authority.clone();
                self.notices.push_back(Notice::Unusable { server, why: error.to_string() });
            }
            Report::Message { seq, from, content } => self.message(id, seq, from.as_ref(), &content, now)?,
            Report::Accepted { frame, epoch } => {
                let owner = self.core().owner_of(frame);
                self.lanes.done(id, frame);
                let wall = self.profile.wall_ms();
                self.profile.core_mut().accepted(frame, &epoch, wall)?;
                self.dirty = true;
                self.notices.extend(owner.map(|(link, mid)| Notice::AtServer { link, mid }));
            }
            Report::Dropped { frame, full } => {
                let owner = self.core().owner_of(frame);
                self.lanes.done(id, frame);
                let wall = self.profile.wall_ms();
                self.profile.core_mut().lost(frame, wall)?;
                self.dirty = true;
                let why = full.and_then(|code| serde_json::to_value(code).ok()?.as_str().map(str::to_owned));
                self.notices.extend(owner.map(|(link, _)| Notice::Dropped { link, why }));
            }
            Report::CaughtUp => self.mailboxes.fetched(&id.pseudonym),
            Report::Ended => self.end(id, now),
        }
        Ok(())
    }

    fn online(
        &mut self,
        id: &LaneId,
        epoch: &str,
        server_ms: Option<u64>,
        (content_bytes, max_ttl_s): (usize, u64),
    ) -> Result<(), EngineError> {
        let own = self.core().authority().clone();
        let authority = Authority::foreign(&id.authority, &own).unwrap_or(own);
        if content_bytes < LEAST_CONTENT_BYTES || max_ttl_s < LEAST_TTL_S {
            let why = format!(
                "it takes {content_bytes} bytes and keeps them for {max_ttl_s} s at most; \
                 {LEAST_CONTENT_BYTES} bytes and {LEAST_TTL_S} s are needed"
            );
            self.notices.push_back(Notice::Unusable { server: id.authority.clone(), why });
            // What it had to send waits for the next process: perhaps the server is another one by then.
            drop(self.lanes.stop(id));
            return Ok(());
        }
        if max_ttl_s < GOOD_TTL_S {
            self.notices.push_back(Notice::ShortMemory(authority.clone()));
        }
        let wall = self.profile.wall_ms();
        self.profile.core_mut().welcomed(&authority, epoch, server_ms.unwrap_or(wall), wall)?;
        self.dirty = true;
        self.notices.push_back(Notice::Online(authority));
        Ok(())
    }

    fn lost(
        &mut self,
        id: &LaneId,
        why: String,
        close_code: Option<u16>,
        retry_in: Duration,
        now: Instant,
    ) -> Result<(), EngineError> {
        let key = id.pseudonym;
        if close_code == Some(REPLACED) && self.mailboxes.get(&key).is_some() {
            if self.elsewhere {
                return Err(EngineError::Elsewhere);
            }
            self.elsewhere = true;
            self.notices.push_back(Notice::Elsewhere);
            self.mailboxes.rest(&key, ELSEWHERE, now);
            drop(self.lanes.order(id, Order::Rest(ELSEWHERE)));
            return Ok(());
        }
        self.notices.push_back(Notice::Offline { server: id.authority.clone(), why, retry_in });
        let together = self.lost_at.is_some_and(|(other, at)| other != key && now.duration_since(at) < OUTAGE);
        self.lost_at = Some((key, now));
        if together {
            self.outage(now);
        }
        Ok(())
    }

    /// Lets each mailbox wait anew, so that they do not come back at one moment.
    fn outage(&mut self, now: Instant) {
        self.lost_at = None;
        for id in self.lanes.staying(|key| self.mailboxes.stays(key)) {
            let wait = self.fetching.spread();
            self.mailboxes.rest(&id.pseudonym, wait, now);
            drop(self.lanes.order(&id, Order::Rest(wait)));
        }
    }

    fn message(
        &mut self,
        id: &LaneId,
        seq: u64,
        from: Option<&Key>,
        content: &str,
        now: Instant,
    ) -> Result<(), EngineError> {
        let mailbox = id.pseudonym;
        let incoming = Incoming { mailbox: &mailbox, content, seq, from };
        let wall = self.profile.wall_ms();
        match self.profile.core_mut().receive(incoming, wall) {
            Ok(failed) => {
                self.dirty = true;
                if !failed {
                    self.mailboxes.used(&mailbox);
                } else if self.mailboxes.failed(&mailbox, now) {
                    self.give_up(id, now);
                }
                Ok(())
            }
            // Nothing was acknowledged: it comes again when there is room.
            Err(CoreError::Full(_)) => {
                self.give_up(id, now);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Ends a lane, to fetch from its mailbox again later.
    fn give_up(&mut self, id: &LaneId, now: Instant) {
        self.mailboxes.rest(&id.pseudonym, self.fetching.linger(), now);
        self.end(id, now);
    }

    /// Takes a lane away. What it had not sent leaves by another one.
    fn end(&mut self, id: &LaneId, now: Instant) {
        for frame in self.lanes.stop(id) {
            self.agenda.put(now + self.fetching.linger(), Due::Send(Box::new(frame)));
        }
        self.mailboxes.ended(&id.pseudonym, now);
    }
}
