//! The machines that a front is connected with, and which of them is the hub: the one that serves
//! in the newest term. Each says so itself, over its own connection, and nobody else is believed.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::super::LOG;
use super::hub_link::HubLink;

/// The machines that are connected.
#[derive(Default)]
pub(super) struct Hubs {
    connected: Mutex<Connected>,
    best: watch::Sender<Option<Arc<HubLink>>>,
    is_reached: watch::Sender<bool>,
}

#[derive(Default)]
struct Connected {
    links: Vec<Arc<HubLink>>,
    /// The term in which this machine serves by itself; 0: it does not.
    own: u64,
}

/// The entry of a machine. When this is dropped, it is not connected any more.
pub(super) struct Entered<'hubs> {
    hubs: &'hubs Hubs,
    link: Arc<HubLink>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.hubs.connected().links.retain(|link| !Arc::ptr_eq(link, &self.link));
        self.hubs.choose();
    }
}

impl Hubs {
    /// Returns the hub, as it is and will be.
    pub(super) fn best(&self) -> watch::Receiver<Option<Arc<HubLink>>> {
        self.best.subscribe()
    }

    /// Returns whether there is one.
    pub(super) fn reached(&self) -> watch::Receiver<bool> {
        self.is_reached.subscribe()
    }

    /// Enters a machine that is connected now.
    pub(super) fn enter(&self, link: Arc<HubLink>) -> Entered<'_> {
        self.connected().links.push(Arc::clone(&link));
        self.choose();
        Entered { hubs: self, link }
    }

    /// Notes in which term this machine serves by itself; 0: it does not.
    pub(super) fn serve(&self, own: u64) {
        self.connected().own = own;
        self.choose();
    }

    /// Looks again which machine is the hub. One of an earlier term has stood still meanwhile, and
    /// does not know yet: what was passed on to it ends.
    pub(super) fn choose(&self) {
        let connected = self.connected();
        let term = |link: &HubLink| link.term.load(Ordering::Relaxed);
        let newest = connected.links.iter().map(|link| term(link)).fold(connected.own, u64::max);
        let is_best = |link: &&Arc<HubLink>| newest > connected.own && term(link) == newest;
        let best = connected.links.iter().find(is_best).cloned();
        for link in &connected.links {
            if (1..newest).contains(&term(link)) {
                link.over.cancel();
            }
        }
        let is_reached = best.is_some();
        let is_news = self.best.send_if_modified(|now| {
            let is_same = match (&*now, &best) {
                (Some(now), Some(best)) => Arc::ptr_eq(now, best),
                (None, None) => true,
                _ => false,
            };
            *now = best;
            !is_same
        });
        self.is_reached.send_if_modified(|now| std::mem::replace(now, is_reached) != is_reached);
        if is_news && is_reached {
            tracing::info!(target: LOG, "the hub is reached: connections are passed on");
        }
    }

    fn connected(&self) -> MutexGuard<'_, Connected> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
