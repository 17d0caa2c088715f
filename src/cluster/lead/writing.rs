//! What the active machine does with the queue: batch after batch, each behind the last
//! one; and everything once more, if NATS has lost it or a new key is to be used.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::rotation::Rotation;
use super::{ClusterNode, FLUSH, Over};
use crate::cluster::fence::FenceMark;
use crate::cluster::jet::{BatchOutcome, Jet, JetError, batch_id};
use crate::cluster::log::{JournalQueue, JournalWrite};

/// Entries of a batch, and their bytes, at most: NATS takes a thousand, and a message of a
/// mebibyte.
const BATCH: usize = 200;
const BATCH_BYTES: usize = 512 << 10;
/// Records that are written again in one hold of the hub's lock.
const AT_ONCE: u32 = 16;
/// Until a batch that was not answered is looked for or tried again.
const AGAIN: Duration = Duration::from_millis(200);

/// Returns when a batch has had its time after the server was to end.
async fn cut_short(stop: &CancellationToken) {
    stop.cancelled().await;
    sleep(FLUSH).await;
}

/// The writer of the journal.
pub(super) struct Writer<'node> {
    node: &'node ClusterNode,
    jet: Jet<'node>,
    queue: &'node JournalQueue,
    term: u64,
    /// The number of the last entry.
    last: u64,
    rotation: Rotation,
    /// NATS has lost everything: this record and those behind it are still to be written again.
    /// Nothing is answered until they are.
    lost: Option<u32>,
}

/// What became of a batch in the end.
enum Fate {
    Holds,
    Replaced,
    /// Nothing holds any more: everything is to be written again.
    Lost,
}

impl<'node> Writer<'node> {
    pub(super) fn new(
        node: &'node ClusterNode,
        jet: Jet<'node>,
        queue: &'node JournalQueue,
        (term, last): (u64, u64),
    ) -> Self {
        Self { node, jet, queue, term, last, rotation: Rotation::begin(&node.keys), lost: None }
    }

    /// Writes until the lease is another's, or `stop`.
    pub(super) async fn run(
        &mut self,
        held: &mut watch::Receiver<Option<u64>>,
        stop: &CancellationToken,
    ) -> Result<Over, JetError> {
        loop {
            self.rotation = self.rotation.tick(&self.node.keys);
            self.write_again();
            let due = self.rotation.due();
            let time = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(Over::Ends),
                _ = held.wait_for(Option::is_none) => return Ok(Over::Replaced),
                () = self.queue.added() => {}
                () = time => continue,
            }
            tokio::select! {
                biased;
                _ = held.wait_for(Option::is_none) => return Ok(Over::Replaced),
                fate = self.write_next() => if let Fate::Replaced = fate? {
                    return Ok(Over::Replaced);
                },
                () = cut_short(stop) => return Ok(Over::Cut),
            }
        }
    }

    /// Writes all that is left.
    pub(super) async fn flush(&mut self) -> Result<(), JetError> {
        while self.queue.waiting() > 0 || self.lost.is_some() {
            self.write_again();
            if let Fate::Replaced = self.write_next().await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Has some more written again, where that is to be done and the queue has room.
    fn write_again(&mut self) {
        while self.queue.waiting() < BATCH {
            let lost = self.lost;
            let rewriting = if let Rotation::Rewriting(next) = self.rotation { Some(next) } else { None };
            let Some(first) = lost.or(rewriting) else { return };
            let next = self.node.hub.write_again(first, AT_ONCE);
            if lost.is_some() {
                self.lost = next;
                if next.is_none() {
                    self.queue.put_meta(true);
                }
            } else {
                self.rotation = next.map_or_else(|| Rotation::Written(self.queue.position()), Rotation::Rewriting);
            }
        }
    }

    /// Writes one batch, and lets the hub know what holds.
    async fn write_next(&mut self) -> Result<Fate, JetError> {
        let (mut batch, position) = self.queue.take(BATCH, BATCH_BYTES);
        let purge = batch.iter().rposition(|write| matches!(write, JournalWrite::Purge));
        if let Some(purge) = purge {
            // Nothing before it counts any more.
            batch.drain(..=purge);
            self.purge().await;
            // Whoever reads along is told by it.
            let mark = FenceMark::new(None).map_err(super::random)?;
            batch.insert(0, JournalWrite::Fence(self.term.to_le_bytes(), mark));
        }
        let was_lost = self.lost.is_some();
        match self.write(&batch).await? {
            Fate::Holds => {
                // While everything is written again, what was answered to holds only in part.
                if !was_lost && self.lost.is_none() {
                    self.node.hub.committed(position);
                    self.rotation = self.rotation.committed(position, &self.node.keys);
                }
                Ok(Fate::Holds)
            }
            Fate::Lost => {
                tracing::error!(
                    "the NATS servers have lost the journal: it is written again from this machine's memory"
                );
                self.queue.clear();
                self.lost = Some(0);
                self.queue.put_meta(false);
                Ok(Fate::Lost)
            }
            Fate::Replaced => Ok(Fate::Replaced),
        }
    }

    async fn purge(&self) {
        // The keys are gone already: what is not erased at once cannot be read.
        while let Err(error) = self.jet.purge().await {
            tracing::warn!("the journal could not be erased, and is tried again: {error}");
            sleep(AGAIN).await;
        }
    }

    /// Writes a batch, as often as it takes to know what became of it.
    async fn write(&mut self, batch: &[JournalWrite]) -> Result<Fate, JetError> {
        if batch.is_empty() {
            return Ok(Fate::Holds);
        }
        let mark = batch_id().map_err(super::random)?;
        let mut said = false;
        let mut is_open = false;
        loop {
            let attempt = batch_id().map_err(super::random)?;
            match self.jet.write(batch, (&mark, &attempt), self.last).await {
                Ok(BatchOutcome::Holds(last)) => {
                    self.last = last;
                    return Ok(Fate::Holds);
                }
                Ok(BatchOutcome::NotLast) => {}
                Err(error) => {
                    if !said {
                        said = true;
                        tracing::warn!("the journal does not answer, and senders wait: {error}");
                    }
                    is_open = true;
                    sleep(AGAIN).await;
                }
            }
            match self.find_out(batch, &mark).await {
                Ok(Some(fate)) => return Ok(fate),
                // It was not written: once more.
                Ok(None) if is_open => {}
                Ok(None) => sleep(AGAIN).await,
                Err(_) => sleep(AGAIN).await,
            }
        }
    }

    /// Finds out what became of a batch that was refused or not answered; `None`: nothing, and it
    /// may be tried again.
    async fn find_out(&mut self, batch: &[JournalWrite], mark: &str) -> Result<Option<Fate>, JetError> {
        if self.jet.settle(batch, mark, self.last).await? {
            self.last += u64::try_from(batch.len()).unwrap_or(u64::MAX);
            return Ok(Some(Fate::Holds));
        }
        let lease = self.jet.lease().await?;
        if lease.revision == 0 {
            // NATS has lost it with everything else: whoever had it is about to renew it.
            return Ok(None);
        }
        if lease.node != self.node.holder || self.jet.newest_term().await? > self.term {
            return Ok(Some(Fate::Replaced));
        }
        if self.jet.state().await?.last == self.last {
            return Ok(None);
        }
        // Nobody else writes, and what was written last is not there.
        let mark = FenceMark::new(None).map_err(super::random)?;
        self.last = self.jet.fence(self.term, &mark).await?;
        Ok(Some(Fate::Lost))
    }
}
