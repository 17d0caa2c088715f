//! Who is online; takeover; wakes; the lock around the store.
//!
//! There is one lock, held for microseconds and never across an await: what is more work than that
//! is done in parts, and the lock is handed on in between, to a session that waits for it. Sessions
//! are woken after it was released. A session's own queue holds receipts only, and is bounded;
//! messages wait in the mailbox.

mod elsewhere;
mod expiry;
mod joining;
mod lifetime;
mod online;
mod receipts;
mod senders;
mod session_handle;
mod standby;
mod turn;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::task::AtomicWaker;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::clock::Clock;
use elsewhere::ElsewhereTable;
pub use elsewhere::{ByOther, Elsewhere, Within};
use ephemeral_core::limits::Rate;
use ephemeral_core::protocol::{ClockReading, Fingerprint, Millis};
use ephemeral_core::store::{self, AccountId, Acquaintance, Completion, Receipt, Store, StoreStats};
pub use expiry::ExpiryPart;
pub use joining::{Joined, ResumeError, Resumption};
pub(crate) use lifetime::random_lifetime;
pub use lifetime::{RestoreError, Restored};
use online::OnlineTable;
use receipts::ReceiptQueue;
pub use session_handle::{CollectBounds, Collected, SessionHandle};
pub use turn::{Submitted, Ticket, Turn};

/// How often the lock is tried before a thread sleeps on it, and the pauses of the processor
/// between two tries: 40 µs in all on an AMD EPYC, up to twice that elsewhere.
const TRIES: u32 = 200;
const PAUSES: u32 = 8;

/// The settings of a hub.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// The store's bounds.
    pub bounds: store::Config,
    /// Messages a minute a fingerprint.
    pub rate: Rate,
    /// Authenticated sessions.
    pub sessions: usize,
}

/// Everybody who is online, and everything that waits.
pub struct Hub {
    clock: Clock,
    state: Mutex<State>,
    /// Held while everything is erased, which is done without the other lock.
    emptying: Mutex<()>,
    due_earlier: Notify,
    elsewhere: ElsewhereTable,
}

struct State {
    settings: Config,
    store: Store,
    epoch: Arc<str>,
    online: OnlineTable,
    /// The number of the next session: higher than any that an earlier hub of the same messages
    /// gave, so that it says which of two sessions is the newer one.
    next_session: u64,
    /// The first session of now: those before it were ended together with what waited.
    ended_below: u64,
    draining: bool,
    /// Another machine is the active one: nobody can join here.
    standing_by: bool,
    /// The position in the journal up to which everything holds.
    settled: u64,
    /// Until what waited is overwritten in the file, nothing can be written down there.
    erasing: bool,
    /// But for the ends that the store has counted.
    totals: Totals,
    /// Empty, but for their allocations, whenever the lock is free.
    ended: Vec<Completion>,
    freed: Vec<AccountId>,
}

/// The fates of messages since the hub was made, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Totals {
    /// Accepted.
    pub accepted: u64,
    /// Sent again with an id that was known.
    pub duplicates: u64,
    /// Refused.
    pub rejected: u64,
    /// Acknowledged by their recipients.
    pub delivered: u64,
    /// Erased because their time had run out.
    pub expired: u64,
}

/// The signal by which a session's pump learns that the hub has something for it.
#[derive(Default)]
pub struct Signal {
    waker: AtomicWaker,
    raised: AtomicBool,
    evicted: AtomicBool,
    ended: AtomicBool,
}

impl Signal {
    /// Returns whether there is something to do; the task of `waker` is woken when there will be.
    pub fn poll(&self, waker: &std::task::Waker) -> bool {
        self.waker.register(waker);
        self.raised.swap(false, Ordering::AcqRel)
    }

    /// Tells the session to end, since its peer or its fingerprint is blocked. Call it without a
    /// lock that the session wants.
    pub fn evict(&self) {
        self.evicted.store(true, Ordering::Release);
        self.raised.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Tells the session to end, since the server does, or has erased everything.
    fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.raised.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Returns whether it was told so.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Returns whether the session was told to end because it is blocked.
    #[must_use]
    pub fn is_evicted(&self) -> bool {
        self.evicted.load(Ordering::Acquire)
    }
}

/// The sessions to wake, and the memory to free. Both happen when it is dropped: after the lock was
/// released.
#[derive(Default)]
pub struct Wakes {
    /// Most turns wake one.
    first: Option<Arc<Signal>>,
    others: Vec<Arc<Signal>>,
    /// What is freed with it.
    dropped: Vec<ReceiptQueue>,
}

impl Wakes {
    fn add(&mut self, signal: &Arc<Signal>) {
        if signal.raised.swap(true, Ordering::AcqRel) {
            return;
        }
        match &self.first {
            None => self.first = Some(Arc::clone(signal)),
            Some(_) => self.others.push(Arc::clone(signal)),
        }
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        for signal in self.first.take().into_iter().chain(self.others.drain(..)) {
            signal.waker.wake();
        }
    }
}

impl Hub {
    /// Returns the random id of the store's lifetime.
    #[must_use]
    pub fn epoch(&self) -> Arc<str> {
        Arc::clone(&self.lock().epoch)
    }

    /// Returns the store's bounds.
    #[must_use]
    pub fn bounds(&self) -> store::Config {
        self.lock().settings.bounds
    }

    /// Changes the bounds. Sessions stay, and so do waiting messages. A file in RAM keeps its size:
    /// `total_bytes` should be what it was.
    pub fn set_settings(&self, settings: Config) {
        let mut state = self.lock();
        state.settings = settings;
        state.store.set_bounds(settings.bounds);
    }

    /// Returns the time that everything here is reckoned in: nobody can set its clock.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Returns that time, and the wall clock's: for what is read and written.
    #[must_use]
    pub fn clocks(&self) -> ClockReading {
        self.clock.read()
    }

    /// Returns how many sessions there are, and how full the store is.
    #[must_use]
    pub fn figures(&self) -> (usize, StoreStats) {
        let state = self.lock();
        (state.online.len(), state.store.figures())
    }

    /// Returns how many messages came to each end.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let state = self.lock();
        state.totals()
    }

    /// Ends the session of `fingerprint`, if it has one, because it is blocked.
    pub fn evict(&self, fingerprint: &Fingerprint) {
        let signal = {
            let state = self.lock();
            let account = state.store.find(fingerprint);
            account.and_then(|account| state.online.get(account)).map(|online| Arc::clone(&online.signal))
        };
        if let Some(signal) = signal {
            signal.evict();
        }
        self.elsewhere.evict(fingerprint);
    }

    /// Returns how well the store knows somebody.
    #[must_use]
    pub fn acquaintance(&self, fingerprint: &Fingerprint) -> Acquaintance {
        let now = self.clock.now();
        self.lock().store.acquaintance(now, fingerprint)
    }

    /// Begins the end: nothing is accepted any more, nobody joins, and every session is told to
    /// end.
    pub fn drain(&self) {
        self.end_elsewhere();
        let mut wakes = Wakes::default();
        let mut state = self.lock();
        state.draining = true;
        for online in state.online.iter() {
            wakes.add(&online.signal);
        }
    }

    /// Locks the state. Nothing that is done under the lock can be left half done by a panic that
    /// is not a bug in the store; the other sessions go on.
    ///
    /// A turn holds it for some tens of microseconds, longer than the lock itself spins and less
    /// than it takes to put a thread to sleep and wake it: so it is tried for about as long first.
    fn lock(&self) -> MutexGuard<'_, State> {
        for _ in 0..TRIES {
            if let Some(state) = self.state.try_lock() {
                return state;
            }
            for _ in 0..PAUSES {
                std::hint::spin_loop();
            }
        }
        self.state.lock()
    }
}

impl State {
    /// Returns how many messages came to each end, those of the stores that were wiped included.
    fn totals(&self) -> Totals {
        let (delivered, expired) = self.store.ends();
        let Totals { delivered: delivered_before, expired: expired_before, .. } = self.totals;
        Totals { delivered: delivered_before + delivered, expired: expired_before + expired, ..self.totals }
    }

    /// Hands on what has ended to those senders who are online.
    fn tell_senders(&mut self, wakes: &mut Wakes) {
        let mut ended = std::mem::take(&mut self.ended);
        for Completion { sender, id, to, status, at } in ended.drain(..) {
            self.online.tell(sender, Receipt { id, to, status, at }, wakes);
        }
        // Its allocation is used again.
        self.ended = ended;
    }

    /// Wakes those for whom there may be room in the window because a message has expired.
    fn wake_freed(&mut self, wakes: &mut Wakes) {
        let Self { freed, online, .. } = self;
        for account in freed.drain(..) {
            if let Some(online) = online.get(account) {
                wakes.add(&online.signal);
            }
        }
    }
}

#[cfg(test)]
mod tests;
