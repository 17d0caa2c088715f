//! Keeps a connection to each of the machines that there are, as they come and go.

use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::super::{LinkKey, LinkMachine, TermWatch, tls};
use super::hubs::Hubs;
use super::{Way, control};

/// Keeps a connection to each of the machines, for ever.
pub(super) async fn keep(
    hubs: Arc<Hubs>,
    key: Arc<LinkKey>,
    mut machines: watch::Receiver<Vec<LinkMachine>>,
    mut own: Option<TermWatch>,
) {
    let mut kept = HashMap::new();
    let mut tasks = JoinSet::new();
    own.iter_mut().for_each(TermWatch::mark_changed);
    loop {
        let now = machines.borrow_and_update().clone();
        kept.retain(|machine, task: &mut tokio::task::AbortHandle| {
            let stays = now.contains(machine);
            if !stays {
                task.abort();
            }
            stays
        });
        for machine in now.into_iter().filter(|machine| !kept.contains_key(machine)).collect::<Vec<_>>() {
            // The key was tried when the front was made.
            let Ok(tls) = tls::front(&key, machine.key) else { continue };
            let way = Way { machine: machine.clone(), tls };
            kept.insert(machine, tasks.spawn(control::keep(Arc::clone(&hubs), way)));
        }
        tokio::select! {
            () = changed(&mut machines) => {}
            () = changed_own(&mut own) => {
                hubs.serve(own.as_mut().map_or(0, |own| *own.borrow_and_update()));
            }
            Some(_) = tasks.join_next() => {}
        }
    }
}

async fn changed(machines: &mut watch::Receiver<Vec<LinkMachine>>) {
    if machines.changed().await.is_err() {
        // They are those of the configuration.
        pending::<()>().await;
    }
}

async fn changed_own(own: &mut Option<TermWatch>) {
    if let Some(own) = own
        && own.changed().await.is_ok()
    {
        return;
    }
    // It is in no cluster, or the process ends.
    pending::<()>().await;
}
