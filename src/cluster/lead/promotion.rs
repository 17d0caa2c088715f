//! What a machine does to become the active one: reads the journal, or begins an empty one.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{ClusterNode, random};
use crate::cluster::fence::{Fence, FenceMark};
use crate::cluster::jet::replay::{EntryKind, ReplayedEntry};
use crate::cluster::jet::{Jet, JetError};
use crate::cluster::keys::Keyring;
use crate::cluster::log::entry::{JournalMeta, decode};
use crate::cluster::log::{JournalQueue, META, SealedLog};
use crate::hub;
use ephemeral_core::protocol::ClockReading;
use ephemeral_core::store::{Journal as _, Restoring, Store};

/// Entries that are recalled before others have their turn.
const AT_ONCE: usize = 256;

/// What a new active machine begins with.
pub(super) struct Promoted {
    pub(super) queue: Arc<JournalQueue>,
    pub(super) epoch: [u8; 16],
    pub(super) store: Store,
    /// The last wipe of the whole cluster that is honoured in it.
    pub(super) wiped: u64,
    /// The number of the last entry of the journal.
    pub(super) last: u64,
}

/// A store that is made out of what is read.
struct Recalling<'node> {
    keys: &'node Keyring,
    now: ClockReading,
    restoring: Restoring,
    places: Vec<u32>,
    damaged: usize,
}

impl<'node> Recalling<'node> {
    fn begin(node: &'node ClusterNode, meta: &JournalMeta) -> Self {
        let now = node.clock.read();
        let restoring = Restoring::begin(node.hub.bounds(), meta.seed(), now.steady, |_| 0);
        Self { keys: &node.keys, now, restoring, places: Vec::new(), damaged: 0 }
    }

    fn replayed(&mut self, entry: &ReplayedEntry) {
        if let EntryKind::Place(place) = entry.kind
            && !entry.sealed.is_empty()
        {
            self.recall(place, &entry.sealed, false);
        }
    }

    /// Recalls what stands at a place. What `may_be_gone` from the journal may be of a time before
    /// the keys.
    fn recall(&mut self, place: u32, sealed: &[u8], may_be_gone: bool) {
        let plain = self.keys.open(place, sealed).ok();
        match plain.and_then(|plain: Zeroizing<Vec<u8>>| decode(&plain, &self.now)) {
            Some(remembered) => {
                self.places.push(place);
                self.restoring.recall(remembered);
            }
            None => self.damaged += usize::from(!may_be_gone),
        }
    }
}

impl ClusterNode {
    /// Writes the fence of this machine: whatever an earlier active one still writes is refused
    /// from now on.
    pub(super) async fn begin_to_write(&self, lease_term: u64) -> Result<Fence, JetError> {
        let jet = Jet(&self.nats);
        let newest = jet.newest_fence().await?;
        let own = self.fenced.lock().clone();
        if let Some(newest) = newest.as_ref().filter(|newest| own.is_some() && newest.mark == own) {
            // It was written by an attempt that failed, and nobody has written anything since.
            return Ok(newest.clone());
        }
        let term = lease_term.max(newest.as_ref().map_or(0, |newest| newest.term) + 1);
        let mark = FenceMark::new(newest.and_then(|newest| newest.mark).as_ref()).map_err(random)?;
        // Without an answer it may be there nevertheless.
        *self.fenced.lock() = Some(mark.clone());
        Ok(Fence { number: jet.fence(term, &mark).await?, term, mark: Some(mark) })
    }

    /// Reads what an earlier active machine left, up to this fence, which is the machine's own.
    pub(super) async fn take_over(&self, fence: &Fence) -> Result<Promoted, JetError> {
        let jet = Jet(&self.nats);
        self.look_for_wipe().await?;
        let wiped = self.keys.wiped();
        let meta = match jet.meta().await? {
            Some(sealed) => match self.keys.open(META, &sealed).ok().and_then(|plain| JournalMeta::decode(&plain)) {
                Some(meta) if meta.wiped >= wiped => meta,
                other => {
                    if wiped > 0 && other.is_none_or(|meta| meta.wiped < wiped) {
                        tracing::warn!("the whole cluster was wiped: the journal is erased, and a new epoch begins");
                    } else {
                        tracing::error!(
                            "nobody has the keys of the journal any more: what waited is lost, and a new epoch begins"
                        );
                    }
                    jet.purge().await?;
                    self.copy.lock().clear();
                    let last = jet.fence(fence.term, &FenceMark::new(None).map_err(random)?).await?;
                    return self.begin(wiped, last);
                }
            },
            None => {
                self.copy.lock().clear();
                return self.begin(wiped, fence.number);
            }
        };
        let recalled = self.recall(&meta, fence).await?;
        let Recalling { restoring, places, damaged, .. } = recalled;
        let is_whole = meta.whole && damaged == 0;
        let epoch = if is_whole { meta.epoch } else { hub::random_lifetime().map_err(random)?.0 };
        if !is_whole {
            tracing::error!("the journal was not whole ({damaged} messages are damaged): a new epoch begins");
        }
        let queue =
            JournalQueue::new(Arc::clone(&self.keys), self.clock.clone(), JournalMeta { epoch, whole: true, ..meta });
        let store = restoring.finish(Box::new(SealedLog::new(Arc::clone(&queue), &places)));
        if !is_whole {
            queue.put_meta(true);
        }
        Ok(Promoted { queue, epoch, store, wiped, last: fence.number })
    }

    /// Recalls all that there is up to this fence: what was read along is here already.
    async fn recall(&self, meta: &JournalMeta, fence: &Fence) -> Result<Recalling<'_>, JetError> {
        let mut recalling = Recalling::begin(self, meta);
        let (before, position) = {
            let copy = self.copy.lock();
            (copy.figures().0, copy.position())
        };
        // Where nothing was read before, there is no reason to keep it twice.
        let has_read = position > 0 && self.read_on(Some(fence)).await?.is_none();
        let mut copy = std::mem::take(&mut *self.copy.lock());
        if !has_read || !copy.is_read_up_to(fence) {
            drop(copy);
            tracing::info!("this machine reads the whole journal: it has not read it along, or it is another one now");
            Jet(&self.nats).replay(fence.number, |entry| recalling.replayed(&entry)).await?;
            return Ok(recalling);
        }
        tracing::info!(
            "this machine has read the journal along: {before} entries were here, and {} numbers were still to be read",
            fence.number - position
        );
        for (number, (place, sealed, has_run_out)) in (1_usize..).zip(copy.take_all()) {
            recalling.recall(place, &sealed, has_run_out);
            if number.is_multiple_of(AT_ONCE) {
                // The lease is to be renewed meanwhile.
                tokio::task::yield_now().await;
            }
        }
        Ok(recalling)
    }

    /// Begins an empty journal after this wipe, behind the entry with the number `last`.
    fn begin(&self, wiped: u64, last: u64) -> Result<Promoted, JetError> {
        let (epoch, seed) = hub::random_lifetime().map_err(random)?;
        self.keys.rotate().map_err(random)?;
        self.keys.forget_older();
        let queue =
            JournalQueue::new(Arc::clone(&self.keys), self.clock.clone(), JournalMeta::new(epoch, &seed, wiped));
        let mut log = SealedLog::new(Arc::clone(&queue), &[]);
        log.begin(epoch, &seed);
        let store = Store::with_journal(self.hub.bounds(), seed, self.clock.now(), Box::new(log));
        tracing::info!("the journal is empty: a new epoch begins");
        Ok(Promoted { queue, epoch, store, wiped, last })
    }
}
