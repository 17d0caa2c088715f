//! What a machine that stands by does with the journal: it reads along, so that it has all but the
//! end of it when it takes over.

use std::ops::ControlFlow;
use std::time::Duration;

use tokio::time::sleep;

use super::ClusterNode;
use crate::cluster::copy::CopyEnded;
use crate::cluster::fence::Fence;
use crate::cluster::jet::{Jet, JetError};

/// Until it is tried again when nothing comes any more; twice as long each time, up to the other
/// one.
const AGAIN: Duration = Duration::from_millis(500);
const LATER: Duration = Duration::from_secs(8);
/// How often the leader is asked how much there is.
const LOOK: Duration = Duration::from_secs(5);
/// Until a journal that was too large is tried again.
const TOO_LARGE: Duration = Duration::from_secs(600);

impl ClusterNode {
    /// Reads the journal along, for ever.
    pub(super) async fn read_along(&self) {
        let mut pause = AGAIN;
        let mut said = false;
        loop {
            let before = self.copy.lock().position();
            let read = self.read_on(None).await;
            let is_same = self.copy.lock().position() == before;
            pause = if is_same { LATER.min(pause * 2) } else { AGAIN };
            if let Ok(Some(ended)) = read {
                match ended {
                    CopyEnded::Other | CopyEnded::Behind => tracing::info!("{ended}: it is read from its beginning"),
                    CopyEnded::TooLarge => {
                        pause = TOO_LARGE;
                        if !said {
                            tracing::warn!("{ended}: it is read when this machine takes over, and that takes longer");
                        }
                        said = true;
                    }
                }
            }
            sleep(pause).await;
        }
    }

    /// Reads on, up to a fence that is the newest one, or for ever. Returns why what was read is no
    /// use any more, if it is so.
    ///
    /// # Errors
    /// [`JetError`]: what was read stays.
    pub(super) async fn read_on(&self, until: Option<&Fence>) -> Result<Option<CopyEnded>, JetError> {
        let jet = Jet(&self.nats);
        let newest = match until {
            Some(fence) => Some(fence.clone()),
            None => jet.newest_fence().await?,
        };
        let room = self.hub.bounds().total_bytes;
        let first = newest.and_then(|newest| self.copy.lock().attach(&newest, room, self.clock.now()));
        let Some(first) = first else {
            // Nobody has written anything yet, or all of it was lost.
            self.copy.lock().clear();
            return Ok(None);
        };
        let mut ended = None;
        let mut is_told = until.is_some();
        let reading = jet.read_from(first, |entry| {
            let mut copy = self.copy.lock();
            ended = copy.take(&entry, self.clock.now()).err();
            if !is_told && !entry.has_more {
                is_told = true;
                let (entries, bytes) = copy.figures();
                tracing::info!("this machine reads the journal along: {entries} entries, {} MiB", bytes >> 20);
            }
            let has_enough = ended.is_some() || until.is_some_and(|until| entry.number >= until.number);
            if has_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        tokio::select! {
            read = reading => read?,
            () = self.look_at_end(jet) => {}
        }
        // One that is too large to be read in time.
        let is_too_slow = first == 1 && !is_told && ended == Some(CopyEnded::Behind);
        Ok(if is_too_slow { Some(CopyEnded::TooLarge) } else { ended })
    }

    /// Asks how much there is, again and again: so it is known as of when all was read.
    async fn look_at_end(&self, jet: Jet<'_>) {
        loop {
            let now = self.clock.now();
            if let Ok(state) = jet.state().await {
                self.copy.lock().note_end(now, state.last);
            }
            sleep(LOOK).await;
        }
    }
}
