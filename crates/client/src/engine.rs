//! The engine of a client: a profile, its mailboxes, and what comes of them.
//!
//! The program that runs it asks for [`Engine::next`] again and again, shows what it returns, and
//! calls [`Engine::act`] with what the person wants. Nothing is shown, sent or acknowledged before
//! the state that knows of it is durable. Everything happens inside `next`, but for the
//! connections: each is a task that the engine owns.
//!
//! | file | contents |
//! | --- | --- |
//! | `profile` | the state and its vault |
//! | `mailboxes` | which mailbox is fetched from, and when |
//! | `lane` | one pseudonym at one server |
//! | `dispatch` | what goes between the engine and a lane |
//! | `lanes` | the tasks, and what they report |
//! | `lookouts` | looks whether other people's servers still have what was sent there |
//! | `agenda` | what is to be done later |
//! | `files` | reads what is sent of files, chunk by chunk |
//! | `route` | the ways to servers |
//! | `effects`, `reports` | what the engine does with what the core wants, and with what lanes report |
//! | `event` | what it tells the program that runs it |

mod agenda;
mod dispatch;
mod effects;
mod event;
mod files;
mod lane;
mod lanes;
mod lookouts;
mod mailboxes;
mod profile;
mod reports;
mod route;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::bytes::Key;
use ephemeral_e2e::core::{Core, CoreError};
use tokio::time::{Instant, sleep_until};

pub use event::{EngineError, EngineEvent};
pub use mailboxes::{Fetching, Visits};
pub use profile::{Profile, WallClock};
pub use route::Isolate;

use agenda::Agenda;
use files::Feeding;
use lanes::Lanes;
use lookouts::Lookouts;
use mailboxes::Mailboxes;

use crate::moved::Book;

/// How many reports are worked on before their outcome is written.
const BATCH: usize = 32;
/// A clock that went on by so much more than this process noticed stands for a machine that slept.
const SLEPT_MS: u64 = 60_000;

/// A running profile.
pub struct Engine {
    profile: Profile,
    route: Box<dyn Isolate>,
    moves: Book,
    moved_from: Option<Authority>,
    fetching: Fetching,
    mailboxes: Mailboxes,
    lookouts: Lookouts,
    lanes: Lanes,
    agenda: Agenda,
    feeding: Feeding,
    news: VecDeque<EngineEvent>,
    /// Whether the state changed since it was written.
    dirty: bool,
    tick_at: Instant,
    /// The machine's clock and this process's, when they were looked at last.
    clocks: (u64, Instant),
    lost_at: Option<(Key, Instant)>,
    /// The servers that were said to keep messages for less than a day. There are few.
    forgetful: BTreeSet<String>,
    elsewhere: bool,
    all_fetched: bool,
    /// Whether [`EngineEvent::Settled`] holds and was returned.
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
        let moved_from = profile.follow(&moves);
        let hasty = fetching.spread < Fetching::PATIENT.spread;
        if hasty {
            profile.core_mut().hurry();
        }
        let now = Instant::now();
        Ok(Self {
            route,
            moves,
            moved_from,
            fetching,
            mailboxes: Mailboxes::new(fetching),
            lookouts: Lookouts::new(fetching),
            lanes: Lanes::default(),
            agenda: Agenda::default(),
            feeding: Feeding::default(),
            news: VecDeque::new(),
            dirty: true,
            tick_at: now,
            clocks: (profile.wall_ms(), now),
            profile,
            lost_at: None,
            forgetful: BTreeSet::new(),
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

    /// Returns what one's own server was called before this engine, if it has moved.
    #[must_use]
    pub fn moved_from(&self) -> Option<&Authority> {
        self.moved_from.as_ref()
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

    /// Returns whether each mailbox was fetched from since the start.
    #[must_use]
    pub fn has_fetched(&self) -> bool {
        self.all_fetched
    }

    /// Returns the machine's time, in milliseconds since 1970.
    #[must_use]
    pub fn wall_ms(&self) -> u64 {
        self.profile.wall_ms()
    }

    /// Returns something that has happened already, if there is such a thing. It does not go on:
    /// nothing is dialled.
    pub fn news(&mut self) -> Option<EngineEvent> {
        self.news.pop_front()
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
    pub async fn next(&mut self) -> Result<EngineEvent, EngineError> {
        loop {
            self.settle()?;
            if let Some(news) = self.news.pop_front() {
                return Ok(news);
            }
            if self.is_settled() != self.settled {
                self.settled = !self.settled;
                if self.settled {
                    return Ok(EngineEvent::Settled);
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
        let now = Instant::now();
        let times = [self.agenda.wake_at(), self.mailboxes.wake_at(now), self.lookouts.wake_at()];
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
            self.lookouts.watch(self.profile.core().lookouts(), now);
        }
        self.write()?;
        while let Some(due) = self.agenda.take(now) {
            self.do_now(due, now);
        }
        for step in self.mailboxes.steps(now) {
            self.step(step, now);
        }
        self.look(now);
        if !self.all_fetched && self.mailboxes.all_visited() {
            self.all_fetched = true;
            self.news.push_back(EngineEvent::AllFetched);
        }
        Ok(())
    }

    /// Notices that the machine slept: all its connections end at one moment, and must not come
    /// back at one.
    fn notice_sleep(&mut self, now: Instant) {
        let wall = self.profile.wall_ms();
        let (wall_before, before) = self.clocks;
        let noticed = u64::try_from(now.duration_since(before).as_millis()).unwrap_or(u64::MAX);
        if wall.saturating_sub(wall_before) > noticed.saturating_add(SLEPT_MS) {
            self.outage(now);
        }
        self.clocks = (wall, now);
    }
}
