//! How a session begins, and how one goes on that had its place with another hub of the same
//! messages, or over a connection that was lost.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use super::{Hub, SessionHandle, Signal, State, Wakes};
use ephemeral_core::protocol::{Fingerprint, Millis, WireTime};
use ephemeral_core::store::{self, AccountId, Acquaintance, JoinError, SessionEnd, SessionProgress};

/// A session has begun.
pub struct Joined {
    /// Its place in the hub.
    pub session_handle: SessionHandle,
    /// Messages that wait for it.
    pub pending: usize,
    /// The random id of the store's lifetime.
    pub epoch: Arc<str>,
    /// The store's bounds.
    pub bounds: store::Config,
    /// When it began.
    pub at: WireTime,
    /// What it needs to go on with another hub.
    pub resumption: Resumption,
}

/// A session as it was: what a hub has to be told to go on with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumption {
    /// The epoch in which it began.
    pub epoch: String,
    /// Its rank among the sessions of its fingerprint: a newer one has a higher rank, whichever hub
    /// it began with.
    pub rank: u64,
    /// What its client was sent.
    pub progress: SessionProgress,
}

/// Why a session cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResumeError {
    /// It may, later or with another hub.
    NotNow(JoinError),
    /// It is over.
    Ended(SessionEnd),
}

impl Hub {
    /// Begins a session. One of the same fingerprint that was there before learns that it was
    /// replaced.
    ///
    /// # Errors
    /// [`JoinError`].
    pub fn join(
        self: &Arc<Self>,
        fingerprint: Fingerprint,
        wants_receipts: bool,
        window: u32,
    ) -> Result<Joined, JoinError> {
        let mut wakes = Wakes::default();
        let mut state = self.lock();
        self.enter(&mut state, fingerprint, &mut wakes)?;
        let rank = state.next_session;
        Ok(self.begin(&mut state, (fingerprint, wants_receipts, window), rank, &mut wakes))
    }

    /// Goes on with a session that had its place elsewhere. It takes over as [`join`](Self::join)
    /// does, unless there is a newer one.
    ///
    /// # Errors
    /// [`ResumeError`].
    pub fn resume(
        self: &Arc<Self>,
        fingerprint: Fingerprint,
        wants_receipts: bool,
        window: u32,
        resumption: &Resumption,
    ) -> Result<Joined, ResumeError> {
        let Resumption { epoch, rank, progress } = resumption;
        let mut wakes = Wakes::default();
        let mut state = self.lock();
        self.enter(&mut state, fingerprint, &mut wakes).map_err(ResumeError::NotNow)?;
        if *state.epoch != **epoch {
            // What it has of messages and answers is of a store that is no more.
            return Err(ResumeError::Ended(SessionEnd::Draining));
        }
        let known = state.store.find(&fingerprint);
        let newest = known.and_then(|account| state.online.get(account)).map(|online| online.rank);
        if newest.is_some_and(|newest| newest > *rank) {
            return Err(ResumeError::Ended(SessionEnd::Replaced));
        }
        let mut joined = self.begin(&mut state, (fingerprint, wants_receipts, window), *rank, &mut wakes);
        let account = joined.session_handle.account;
        for receipt in state.store.go_on(account, progress) {
            state.online.tell(account, receipt, &mut wakes);
        }
        joined.resumption.progress = *progress;
        Ok(joined)
    }

    /// Checks that somebody may come in now.
    fn enter(&self, state: &mut State, fingerprint: Fingerprint, wakes: &mut Wakes) -> Result<(), JoinError> {
        if state.draining || state.erasing || state.standing_by {
            return Err(JoinError::Draining);
        }
        let now = self.clock.now();
        self.expire(state, now, wakes);
        let known = state.store.find(&fingerprint);
        let replaces = known.is_some_and(|account| state.online.get(account).is_some());
        // Keys are free: a quarter of the places is kept for those whom the store knows, and half
        // of that for those whom it has known for long.
        let sessions = state.settings.sessions;
        let most = match state.store.acquaintance(now, &fingerprint) {
            Acquaintance::Stranger => sessions - sessions / 4,
            Acquaintance::Recent => sessions - sessions / 8,
            Acquaintance::Old => sessions,
        };
        if !replaces && state.online.len() >= most { Err(JoinError::Overloaded) } else { Ok(()) }
    }

    fn begin(
        self: &Arc<Self>,
        state: &mut State,
        (fingerprint, wants_receipts, window): (Fingerprint, bool, u32),
        rank: u64,
        wakes: &mut Wakes,
    ) -> Joined {
        let now: Millis = self.clock.now();
        let known = state.store.find(&fingerprint);
        let replaces = known.is_some_and(|account| state.online.get(account).is_some());
        let (account, pending): (AccountId, usize) = state.store.attach(now, fingerprint, wants_receipts);
        let session = state.next_session;
        state.next_session += 1;
        let signal = Arc::new(Signal::default());
        signal.raised.store(true, Ordering::Release);
        state.online.begin(account, (session, rank), Arc::clone(&signal), wakes);
        let progress = SessionProgress { began_at: state.store.began_at(account), ..SessionProgress::default() };
        let hub = Arc::clone(self);
        Joined {
            session_handle: SessionHandle { hub, account, session, signal, window: window as usize, replaces },
            pending,
            epoch: Arc::clone(&state.epoch),
            bounds: state.settings.bounds,
            at: state.store.on_wire(now, session),
            resumption: Resumption { epoch: state.epoch.to_string(), rank, progress },
        }
    }
}
