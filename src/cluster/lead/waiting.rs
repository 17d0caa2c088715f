//! What a machine does while it stands by: waits for the lease, asks for the keys and reads the
//! journal along; and when the operator has it stand by.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{ClusterNode, KEYS, Over};
use crate::cluster::jet::{Jet, JetError};
use crate::cluster::log::META;

/// How often a node that stands by asks for the keys, and how long it waits for an answer.
const ASK: Duration = Duration::from_secs(2);

impl ClusterNode {
    /// Waits until this node holds the lease, or is to rest or not any more, and asks for the keys
    /// and reads the journal along meanwhile. Returns whether it is to end instead.
    pub(super) async fn wait_for_lease(
        &self,
        held: &mut watch::Receiver<Option<u64>>,
        is_resting: bool,
        stop: &CancellationToken,
    ) -> bool {
        let asking = async {
            loop {
                self.forget_useless_keys().await;
                self.ask_for_keys().await;
                sleep(ASK).await;
            }
        };
        let reading = async {
            if is_resting {
                // It takes nothing over: what it has read is of no use.
                self.copy.lock().clear();
                std::future::pending::<()>().await;
            }
            self.read_along().await;
        };
        tokio::select! {
            // It ends only with its sender, which outlives this.
            _ = held.wait_for(Option::is_some) => false,
            () = stop.cancelled() => true,
            () = self.rest_changed(is_resting) => false,
            () = asking => false,
            () = reading => false,
        }
    }

    /// Leads until it is over, or the operator wants another machine to lead: then what is to be
    /// written is written first.
    pub(super) async fn lead_until_drained(
        &self,
        term: u64,
        held: &mut watch::Receiver<Option<u64>>,
        stop: &CancellationToken,
    ) -> Result<Over, JetError> {
        let leave = stop.child_token();
        let mut drained = self.operator.drained.subscribe();
        let draining = async {
            // It ends only with its sender, which outlives this.
            let _ = drained.wait_for(|drained| *drained).await;
            leave.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            over = self.lead(term, held, &leave) => over,
            () = draining => Ok(Over::Ends),
        }
    }

    /// Forgets keys that do not open the journal: the machine that writes it has others.
    async fn forget_useless_keys(&self) {
        let Ok(Some(sealed)) = Jet(&self.nats).meta().await else { return };
        if !self.keys.is_empty() && self.keys.open(META, &sealed).is_err() {
            tracing::warn!("the keys that this machine has do not open the journal: it asks for others");
            self.keys.forget();
        }
    }

    /// Asks the other machines for the keys, and takes those of the first that answers.
    pub(super) async fn ask_for_keys(&self) {
        let had_none = self.keys.is_empty();
        let answer = self.nats.request(KEYS, &[], &self.exchange.question(), ASK).await;
        match answer.map(|answer| self.exchange.take(&answer.payload, &self.keys)) {
            Ok(Ok(())) if had_none && !self.keys.is_empty() => {
                tracing::info!("this machine stands by, and it has the keys of the journal")
            }
            Ok(Err(_)) => {
                tracing::warn!("another machine answers with keys that cannot be opened: has it the same secret_file?");
            }
            Ok(Ok(())) | Err(_) => {}
        }
    }
}
