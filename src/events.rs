//! Security events: counted, kept in a bounded ring in RAM, and logged under the target `security`.
//!
//! No identifier is in any of them. Who caused one is written as a [`Pseudonym`]: a keyed hash
//! whose key is random, never leaves the RAM and is replaced every day, so that an operator can
//! tell "the same peer again", and a log that is seized tells nothing. A flood does not flood the
//! log: each kind has a rate, and what was held back is counted.

mod kind;
mod pseudonym;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ephemeral_core::limits::{Bucket, Rate};
use ephemeral_core::protocol::Millis;
pub use kind::Kind;
use pseudonym::Pseudonyms;
pub use pseudonym::{Pseudonym, Subject};

/// The target of their log lines.
pub const LOG: &str = "security";
/// Events that are kept.
pub const KEPT: usize = 256;
/// Log lines a minute of one kind, and at once.
const LINES_PER_MINUTE: u32 = 6;
const LINES_AT_ONCE: u32 = 10;

/// An event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecentEvent {
    /// When.
    pub at: Millis,
    /// What happened.
    pub kind: Kind,
    /// Who caused it, if that is known.
    pub who: Option<Pseudonym>,
}

/// The events that happened.
pub struct Events {
    counters: [AtomicU64; Kind::ALL.len()],
    state: Mutex<State>,
}

struct State {
    pseudonyms: Pseudonyms,
    recent: VecDeque<RecentEvent>,
    gates: [Gate; Kind::ALL.len()],
    lines: Rate,
}

/// Spares the log too many lines of one kind.
#[derive(Debug, Clone, Copy, Default)]
struct Gate {
    lines: Bucket,
    held_back: u64,
}

impl Events {
    /// Returns a log without events.
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn new(now: Millis) -> Result<Self, getrandom::Error> {
        let state = State {
            pseudonyms: Pseudonyms::new(now)?,
            recent: VecDeque::with_capacity(KEPT),
            gates: [Gate::default(); Kind::ALL.len()],
            lines: Rate::new(LINES_PER_MINUTE, LINES_AT_ONCE),
        };
        Ok(Self { counters: std::array::from_fn(|_| AtomicU64::new(0)), state: Mutex::new(state) })
    }

    /// Counts, keeps and logs one.
    pub fn note(&self, now: Millis, kind: Kind, who: Option<&Subject<'_>>) {
        self.counters[kind as usize].fetch_add(1, Ordering::Relaxed);
        let (who, held_back) = {
            let mut state = self.lock();
            let state = &mut *state;
            let who = who.map(|who| state.pseudonyms.of(now, who));
            if state.recent.len() >= KEPT {
                state.recent.pop_front();
            }
            state.recent.push_back(RecentEvent { at: now, kind, who });
            let gate = &mut state.gates[kind as usize];
            if state.lines.take(&mut gate.lines, now).is_err() {
                gate.held_back += 1;
                return;
            }
            (who, std::mem::take(&mut gate.held_back))
        };
        log(kind, who, held_back);
    }

    /// Forgets yesterday's key, also where nobody is named today, and logs how many lines were held
    /// back of each kind that has been silent since. Call it about once a minute.
    pub fn settle(&self, now: Millis) {
        self.lock().pseudonyms.rotate(now);
        for kind in Kind::ALL {
            let held_back = {
                let mut state = self.lock();
                let state = &mut *state;
                let gate = &mut state.gates[kind as usize];
                if gate.held_back == 0 || state.lines.take(&mut gate.lines, now).is_err() {
                    continue;
                }
                std::mem::take(&mut gate.held_back)
            };
            tracing::warn!(target: LOG, kind = kind.name(), held_back, "more of the same");
        }
    }

    /// Returns how many events of a kind there were.
    #[must_use]
    pub fn count(&self, kind: Kind) -> u64 {
        self.counters[kind as usize].load(Ordering::Relaxed)
    }

    /// Returns the most recent events, the last one first.
    #[must_use]
    pub fn recent(&self, most: usize) -> Vec<RecentEvent> {
        self.lock().recent.iter().rev().take(most).copied().collect()
    }

    /// Returns the pseudonym of `who` for today.
    #[must_use]
    pub fn pseudonym(&self, now: Millis, who: &Subject<'_>) -> Pseudonym {
        self.lock().pseudonyms.of(now, who)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log(kind: Kind, who: Option<Pseudonym>, held_back: u64) {
    let who = who.map(tracing::field::display);
    let held_back = (held_back > 0).then_some(held_back);
    tracing::warn!(target: LOG, kind = kind.name(), who, held_back, "{}", kind.sentence());
}

#[cfg(test)]
mod tests;
