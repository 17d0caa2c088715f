//! The dead-man switch of a running daemon: who tells it the time, where it keeps it, and how it
//! warns.

mod marks;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock::Clock;
use ephemeral_core::dead_man::{self, DeadMan, DeadManStats, Moment, Verdict};
use ephemeral_core::protocol::WallTime;
use marks::MarksFile;

/// The time between two warnings that time runs out.
const WARN: Duration = Duration::from_secs(24 * 60 * 60);

/// The switch; it may be off.
pub(super) struct CheckIns {
    clock: Clock,
    started: Instant,
    switch: Mutex<Option<Switch>>,
    stats: watch::Sender<Option<DeadManStats>>,
}

struct Switch {
    dead_man: DeadMan,
    kept: MarksFile,
    warned: Option<Instant>,
}

/// The parts that are to be wiped now.
pub(super) struct Due {
    /// Whether the identity goes, too.
    pub(super) keys: bool,
}

impl CheckIns {
    /// Reads when somebody last checked in, if that matters.
    pub(super) fn open(state_dir: &Path, config: dead_man::Config) -> Self {
        let clock = Clock::System;
        let now = Moment { wall: clock.wall(), running_ms: 0 };
        let switch = (config.after_days > 0).then(|| MarksFile::open(state_dir)).and_then(|(kept, marks)| {
            let dead_man = DeadMan::new(config, marks, now)?;
            Some(Switch { dead_man, kept, warned: None })
        });
        let stats = watch::Sender::new(switch.as_ref().map(|switch| switch.dead_man.figures()));
        Self { clock, started: Instant::now(), switch: Mutex::new(switch), stats }
    }

    /// Follows how the switch stands.
    pub(super) fn stats(&self) -> watch::Receiver<Option<DeadManStats>> {
        self.stats.subscribe()
    }

    /// Notes that somebody is there.
    pub(super) fn check_in(&self) {
        let now = self.now();
        if let Some(switch) = &mut *self.lock() {
            switch.dead_man.check_in(now);
            switch.warned = None;
            switch.kept.keep(switch.dead_man.marks(), now);
            self.stats.send_replace(Some(switch.dead_man.figures()));
        }
    }

    /// Notes that somebody was there at this time, on another machine.
    pub(super) fn checked_in_at(&self, at: WallTime) {
        let now = self.now();
        if let Some(switch) = &mut *self.lock()
            && switch.dead_man.checked_in_at(at, now)
        {
            switch.warned = None;
            switch.kept.keep(switch.dead_man.marks(), now);
            self.stats.send_replace(Some(switch.dead_man.figures()));
        }
    }

    /// Looks at the time; returns what is to be wiped, once.
    pub(super) fn look(&self) -> Option<Due> {
        let now = self.now();
        let mut guard = self.lock();
        let switch = guard.as_mut()?;
        let verdict = switch.dead_man.look(now);
        let stats = switch.dead_man.figures();
        self.stats.send_replace(Some(stats));
        match verdict {
            Verdict::Low => switch.warn(stats),
            Verdict::Quiet | Verdict::Wiped => {}
            Verdict::Due => {
                switch.dead_man.wiped();
                return Some(Due { keys: switch.dead_man.takes_keys() });
            }
        }
        switch.kept.keep(switch.dead_man.marks(), now);
        None
    }

    /// Writes its file no more.
    pub(super) fn close(&self) {
        *self.lock() = None;
    }

    fn now(&self) -> Moment {
        let running = self.started.elapsed().as_millis();
        Moment { wall: self.clock.wall(), running_ms: u64::try_from(running).unwrap_or(u64::MAX) }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Switch>> {
        self.switch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Switch {
    fn warn(&mut self, stats: DeadManStats) {
        if self.warned.is_none_or(|warned| warned.elapsed() >= WARN) {
            self.warned = Some(Instant::now());
            let what = if stats.keys { "everything that waits and the identity" } else { "everything that waits" };
            let hours = stats.left_s.div_ceil(3600);
            tracing::warn!(
                "nobody has checked in since {}: in {hours} h the dead-man switch erases {what}. \
                 `ephemeral-server check-in` puts it off",
                stats.checked_in
            );
        }
    }
}
