//! How a hub's store begins and ends: new, taken over from a process that was killed, left to the
//! next one, erased.

use std::fs::File;
use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::elsewhere::ElsewhereTable;
use super::online::OnlineTable;
use super::{Config, Hub, State, Totals, Wakes};
use crate::clock::Clock;
use crate::memfd_journal::{Found, Loaded, MemfdJournal, MemfdJournalError, Unreadable};
use ephemeral_core::store::{Journal, Restoring, Seed, Store, StoreStats};

/// Why a hub cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] MemfdJournalError),
    /// The operating system has no random numbers.
    #[error("the system has no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

/// The fate of what another process left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// There was nothing: a new epoch.
    Nothing,
    /// It could not be read and was overwritten: a new epoch.
    Refused(Unreadable),
    /// It goes on.
    Going {
        /// What there is now. What expired meanwhile is not in it.
        figures: StoreStats,
        /// Messages that were not whole and are lost: then there is a new epoch. A kill does not do
        /// that.
        damaged: usize,
        /// Blocks of messages that were being written or overwritten when the process was killed.
        torn_blocks: usize,
    },
}

impl Hub {
    /// Makes an empty hub with a new epoch. Everything is on the heap, and ends with the process.
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn new(settings: Config, clock: Clock) -> Result<Arc<Self>, getrandom::Error> {
        let (epoch, seed) = random_lifetime()?;
        let store = Store::new(settings.bounds, seed, clock.now());
        Ok(Self::with(settings, clock, &epoch, store))
    }

    /// Makes a hub that goes on with what is in `file`, and writes down there what it accepts,
    /// before it says so. Nobody is online yet; everything that was accepted, not acknowledged and
    /// has not expired waits, under the same epoch.
    ///
    /// # Errors
    /// [`RestoreError`]; the file is as it was, then.
    pub fn restore(settings: Config, clock: Clock, file: File) -> Result<(Arc<Self>, Restored), RestoreError> {
        // First what can fail.
        let (fresh_epoch, fresh_seed) = random_lifetime()?;
        let (mut memory, found) = MemfdJournal::open(file, settings.bounds.total_bytes)?;
        let now = clock.now();
        let (epoch, store, restored) = match found {
            Found::Leftover(left) => {
                let mut restoring = Restoring::begin(settings.bounds, left.seed, now, memory.cost());
                let Loaded { damaged, torn_blocks } = memory.load(&left, |message| restoring.recall(message));
                let epoch = if damaged == 0 { left.epoch } else { fresh_epoch };
                if damaged != 0 {
                    memory.rename(epoch, &left.seed);
                }
                let store = restoring.finish(Box::new(memory));
                let figures = store.figures();
                (epoch, store, Restored::Going { figures, damaged, torn_blocks })
            }
            Found::Nothing | Found::Unreadable(_) => {
                memory.begin(fresh_epoch, &fresh_seed);
                let store = Store::with_journal(settings.bounds, fresh_seed, now, Box::new(memory));
                let restored =
                    if let Found::Unreadable(why) = found { Restored::Refused(why) } else { Restored::Nothing };
                (fresh_epoch, store, restored)
            }
        };
        Ok((Self::with(settings, clock, &epoch, store), restored))
    }

    pub(super) fn with(settings: Config, clock: Clock, epoch: &[u8; 16], store: Store) -> Arc<Self> {
        let state = State {
            settings,
            store,
            epoch: name(epoch),
            online: OnlineTable::default(),
            next_session: first_session(&clock),
            ended_below: 0,
            draining: false,
            standing_by: false,
            settled: 0,
            erasing: false,
            totals: Totals::default(),
            ended: Vec::new(),
            freed: Vec::new(),
        };
        Arc::new(Self {
            clock,
            state: Mutex::new(state),
            emptying: Mutex::new(()),
            due_earlier: Notify::new(),
            elsewhere: ElsewhereTable::default(),
        })
    }

    /// Overwrites and frees everything that waits, on the heap and in the file; the sessions are
    /// over. For the end of the process: nothing is written down any more.
    pub fn erase(&self) {
        self.empty(None, |mut journal| {
            journal.erase();
            None
        });
    }

    /// Ends as [`erase`](Self::erase) does, but leaves the file as it is, for the next process.
    pub fn release(&self) {
        self.empty(None, |_| None);
    }

    /// Overwrites and frees everything that waits, on the heap and in the file; the sessions are
    /// over. The hub goes on, empty, with a new epoch.
    ///
    /// # Errors
    /// If the operating system has no random numbers. What waited is erased nevertheless; nothing
    /// is written down any more.
    pub fn wipe(&self) -> Result<(), getrandom::Error> {
        match random_lifetime() {
            Ok(lifetime) => {
                self.empty(Some(lifetime), |mut journal| {
                    journal.erase();
                    journal.begin(lifetime.0, &lifetime.1);
                    Some(journal)
                });
                Ok(())
            }
            Err(error) => {
                self.erase();
                Err(error)
            }
        }
    }

    /// Puts an empty store in place of the one there is, with what `end` makes of that one's
    /// journal.
    ///
    /// To overwrite all that was there takes a while, and nobody has to wait for the lock
    /// meanwhile. But nobody can join, since what is accepted has to be written down in the file,
    /// too.
    fn empty(
        &self,
        lifetime: Option<([u8; 16], Seed)>,
        end: impl FnOnce(Box<dyn Journal>) -> Option<Box<dyn Journal>>,
    ) {
        self.end_elsewhere();
        let _one_at_a_time = self.emptying.lock();
        let seed = lifetime.map_or(Seed { hash_key: [0; 2], first_seq: 1 }, |(_, seed)| seed);
        let Emptied { full, journal, sessions } = self.begin_anew(lifetime.map(|(epoch, _)| epoch), seed);
        drop(sessions);
        let journal = journal.and_then(end);
        drop(full);
        let mut state = self.lock();
        if let Some(journal) = journal {
            state.store = Store::with_journal(state.settings.bounds, seed, self.clock.now(), journal);
        }
        state.erasing = false;
    }

    /// Ends all sessions, and takes out what there is.
    pub(super) fn begin_anew(&self, epoch: Option<[u8; 16]>, seed: Seed) -> Emptied {
        let mut wakes = Wakes::default();
        let mut state = self.lock();
        let sessions = state.online.clear(&mut wakes);
        state.ended_below = state.next_session;
        if let Some(epoch) = epoch {
            state.epoch = name(&epoch);
        }
        // The new store counts from 0.
        state.totals = state.totals();
        let journal = state.store.take_journal();
        state.erasing = journal.is_some();
        let empty = Store::new(state.settings.bounds, seed, self.clock.now());
        let full = std::mem::replace(&mut state.store, empty);
        drop(state);
        Emptied { full, journal, sessions }
    }
}

/// The contents that a hub had.
pub(super) struct Emptied {
    pub(super) full: Store,
    pub(super) journal: Option<Box<dyn Journal>>,
    pub(super) sessions: OnlineTable,
}

/// Returns a new epoch, and the seed that makes its store unpredictable.
pub(crate) fn random_lifetime() -> Result<([u8; 16], Seed), getrandom::Error> {
    let mut epoch = [0; 16];
    getrandom::fill(&mut epoch)?;
    let first_seq = (getrandom::u64()? >> 24).max(1);
    Ok((epoch, Seed { hash_key: [getrandom::u64()?, getrandom::u64()?], first_seq }))
}

/// Returns the number of a hub's first session: those of a hub that begins later are higher.
fn first_session(clock: &Clock) -> u64 {
    clock.read().wall.0 << 16
}

pub(super) fn name(epoch: &[u8; 16]) -> Arc<str> {
    BASE64URL_NOPAD.encode(epoch).into()
}
