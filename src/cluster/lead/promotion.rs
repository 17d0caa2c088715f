//! What a machine does to become the active one: reads the journal, or begins an empty one.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{ClusterNode, random};
use crate::cluster::jet::{Jet, JetError};
use crate::cluster::log::entry::{JournalMeta, decode};
use crate::cluster::log::{JournalQueue, META, SealedLog};
use crate::hub;
use ephemeral_core::store::{Journal as _, Restoring, Store};

/// What a new active machine begins with.
pub(super) struct Promoted {
    pub(super) queue: Arc<JournalQueue>,
    pub(super) epoch: [u8; 16],
    pub(super) store: Store,
    /// The last wipe of the whole cluster that is honoured in it.
    pub(super) wiped: u64,
}

impl ClusterNode {
    /// Reads what an earlier active machine left, up to the entry with this number.
    pub(super) async fn take_over(&self, fence: u64) -> Result<Promoted, JetError> {
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
                    return self.begin(wiped);
                }
            },
            None => return self.begin(wiped),
        };
        let now = self.clock.read();
        let mut restoring = Restoring::begin(self.hub.bounds(), meta.seed(), now.steady, |_| 0);
        let mut places = Vec::new();
        let mut damaged = 0_usize;
        jet.replay(fence, |entry| {
            if entry.place == META || entry.sealed.is_empty() {
                return;
            }
            let plain = self.keys.open(entry.place, &entry.sealed).ok();
            match plain.and_then(|plain: Zeroizing<Vec<u8>>| decode(&plain, &now)) {
                Some(remembered) => {
                    places.push(entry.place);
                    restoring.recall(remembered);
                }
                None => damaged += 1,
            }
        })
        .await?;
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
        Ok(Promoted { queue, epoch, store, wiped })
    }

    /// Begins an empty journal after this wipe.
    fn begin(&self, wiped: u64) -> Result<Promoted, JetError> {
        let (epoch, seed) = hub::random_lifetime().map_err(random)?;
        self.keys.rotate().map_err(random)?;
        self.keys.forget_older();
        let queue =
            JournalQueue::new(Arc::clone(&self.keys), self.clock.clone(), JournalMeta::new(epoch, &seed, wiped));
        let mut log = SealedLog::new(Arc::clone(&queue), &[]);
        log.begin(epoch, &seed);
        let store = Store::with_journal(self.hub.bounds(), seed, self.clock.now(), Box::new(log));
        tracing::info!("the journal is empty: a new epoch begins");
        Ok(Promoted { queue, epoch, store, wiped })
    }
}
