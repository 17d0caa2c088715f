//! What is done from time to time, and what an operator asks for with a signal.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::admin::Actions;
use crate::conn::Server;
use crate::metrics::SAMPLE;

/// What is held only for a time is looked through that often.
const HOUSEKEEPING: Duration = Duration::from_secs(60);

/// Starts the tasks that are due from time to time, and what the operator asks for with a signal.
pub(super) fn spawn(
    server: &Arc<Server>,
    actions: &Arc<Actions>,
    mut wipe_asked: tokio::signal::unix::Signal,
) -> JoinSet<()> {
    let mut upkeep = JoinSet::new();
    let hub = Arc::clone(&server.sessions.hub);
    upkeep.spawn(async move { hub.keep_expiring().await });
    let sampled = Arc::clone(server);
    upkeep.spawn(async move {
        loop {
            tokio::time::sleep(SAMPLE).await;
            sampled.metrics.sample();
        }
    });
    let admission = Arc::clone(&server.admission);
    upkeep.spawn(async move {
        loop {
            tokio::time::sleep(HOUSEKEEPING).await;
            admission.settle();
        }
    });
    let watching = Arc::clone(actions);
    let watched = Arc::clone(server);
    upkeep.spawn(async move { watching.keep_looking(&watched).await });
    let wiping = Arc::clone(actions);
    let wiped = Arc::clone(server);
    upkeep.spawn(async move {
        while wipe_asked.recv().await.is_some() {
            // What is left is in the log.
            let _ = wiping.wipe(&wiped, "SIGUSR1", false);
        }
    });
    upkeep
}
