//! The lease: who holds it renews it every second; who has seen it unrenewed for some seconds takes
//! it.
//!
//! Nobody compares clocks: each machine counts the time for which it saw the same revision, and
//! only while NATS answered. So an outage of NATS takes the lease from nobody. It is no fence: that
//! is the journal's own matter (`jet`).

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::cluster::jet::{Jet, JetError, LeaseEntry};
use crate::cluster::nats::Unanswered;

/// How often it is renewed, and looked at.
const RENEW: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(500);
/// How long it stays unrenewed before another one takes it.
const PATIENCE: Duration = Duration::from_secs(3);
/// Between two looks, at most: if it was longer, nothing is known of the time between.
const GAP: Duration = Duration::from_millis(2500);
/// How long a holder goes on without an answer. Longer than NATS servers take to find a new leader.
const ALONE: Duration = Duration::from_secs(20);
/// For giving it up.
const RELEASE: Duration = Duration::from_secs(2);

/// What is known of the lease.
enum View {
    /// Another one holds it, or nobody: it has been like this since then, and was looked at then.
    Others(Option<(LeaseEntry, Instant, Instant)>),
    /// This node holds it, and has known so since then.
    Own { term: u64, revision: u64, known: Instant },
}

/// Keeps looking at the lease, takes it when it is free, and renews it, until `released`. Tells
/// `held` the term for which this node has it.
/// While it `rests`, it gives the lease up, and only looks at it.
pub(super) async fn keep(
    jet: Jet<'_>,
    holder: &str,
    (held, mut rests): (&watch::Sender<Option<u64>>, watch::Receiver<bool>),
    released: &CancellationToken,
) {
    let mut view = View::Others(None);
    let mut trouble = Trouble::default();
    loop {
        let is_resting = *rests.borrow_and_update();
        view = match view {
            View::Own { term, revision, .. } if is_resting => {
                release(jet, term, revision).await;
                View::Others(None)
            }
            View::Own { term, revision, known } => renew(jet, holder, (term, revision, known)).await,
            View::Others(seen) => look(jet, holder, (seen, is_resting), &mut trouble).await,
        };
        let term = if let View::Own { term, .. } = &view { Some(*term) } else { None };
        held.send_if_modified(|held| std::mem::replace(held, term) != term);
        let pause = if term.is_some() { RENEW } else { LOOK };
        tokio::select! {
            () = sleep(pause) => {}
            () = released.cancelled() => break,
            _ = rests.changed() => {}
        }
    }
    if let View::Own { term, revision, .. } = view {
        release(jet, term, revision).await;
    }
}

/// Gives it up: who stands by takes it at once, and not when it has been unrenewed for long enough.
async fn release(jet: Jet<'_>, term: u64, revision: u64) {
    let _ = timeout(RELEASE, jet.take_lease("", term, revision)).await;
}

async fn renew(jet: Jet<'_>, holder: &str, (term, revision, known): (u64, u64, Instant)) -> View {
    let began = Instant::now();
    match jet.take_lease(holder, term, revision).await {
        Ok(Some(revision)) => View::Own { term, revision, known: began },
        Ok(None) => match jet.lease().await {
            // One that was not answered was done.
            Ok(entry) if entry.node == holder => View::Own { term, revision: entry.revision, known: began },
            // NATS has lost everything.
            Ok(entry) if entry.revision == 0 => View::Own { term, revision: 0, known },
            Ok(_) => View::Others(None),
            Err(error) => unanswered(&error, (term, revision, known)),
        },
        Err(error) => unanswered(&error, (term, revision, known)),
    }
}

fn unanswered(error: &JetError, (term, revision, known): (u64, u64, Instant)) -> View {
    if known.elapsed() < ALONE {
        return View::Own { term, revision, known };
    }
    tracing::error!("the lease could not be renewed for {} seconds, and is given up: {error}", ALONE.as_secs());
    View::Others(None)
}

/// Why there is no lease to be looked at, as it was said last.
#[derive(Default)]
struct Trouble(String);

impl Trouble {
    /// Says it, if that is something new. That there is no connection, the connection says.
    fn is(&mut self, error: &JetError) {
        let new = error.to_string();
        if new != self.0 && !matches!(error, JetError::Unanswered(Unanswered::Disconnected)) {
            tracing::warn!("the cluster's streams are not there, and cannot be made: {new}; it is tried again");
            self.0 = new;
        }
    }
}

async fn look(
    jet: Jet<'_>,
    holder: &str,
    (seen, is_resting): (Option<(LeaseEntry, Instant, Instant)>, bool),
    trouble: &mut Trouble,
) -> View {
    let Ok(entry) = jet.lease().await else {
        // The streams may not be there yet. Whether it is renewed meanwhile is not known.
        if let Err(error) = jet.prepare().await {
            trouble.is(&error);
        }
        return View::Others(None);
    };
    *trouble = Trouble::default();
    let now = Instant::now();
    let since = match seen {
        Some((before, since, looked)) if before == entry && now - looked <= GAP => since,
        _ => now,
    };
    let is_free = entry.revision != 0 && entry.node.is_empty();
    if is_resting || !is_free && now - since < PATIENCE {
        return View::Others(Some((entry, since, now)));
    }
    let term = entry.term + 1;
    match jet.take_lease(holder, term, entry.revision).await {
        Ok(Some(revision)) => View::Own { term, revision, known: now },
        Ok(None) | Err(_) => View::Others(None),
    }
}
