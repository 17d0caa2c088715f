//! The machines that a front is connected with, and which of them is the hub: the one that serves
//! in the newest term. Each says so itself, over its own connection, and nobody else is believed.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::super::LOG;
use super::hub_link::HubLink;

/// The hub.
#[derive(Clone, Default)]
pub(super) enum BestHub {
    /// None is known, or reached.
    #[default]
    None,
    /// This machine.
    Here,
    /// Another one.
    There(Arc<HubLink>),
}

impl BestHub {
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) | (Self::Here, Self::Here) => true,
            (Self::There(one), Self::There(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

/// The machines that are connected.
#[derive(Default)]
pub(super) struct Hubs {
    connected: Mutex<Connected>,
    best: watch::Sender<BestHub>,
    is_reached: watch::Sender<bool>,
}

#[derive(Default)]
struct Connected {
    links: Vec<Arc<HubLink>>,
    /// The term in which this machine serves by itself; 0: it does not.
    own: u64,
    /// When the hub was lost, if there is none.
    lost: Option<Instant>,
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
    pub(super) fn best(&self) -> watch::Receiver<BestHub> {
        self.best.subscribe()
    }

    /// Returns how long there has been no hub; `None`: there is one, or never was.
    pub(super) fn missed_for(&self) -> Option<Duration> {
        self.connected().lost.map(|lost| lost.elapsed())
    }

    /// Returns whether it is another machine.
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
    /// does not know yet: the seats there end.
    pub(super) fn choose(&self) {
        let mut connected = self.connected();
        let term = |link: &HubLink| link.term.load(Ordering::Relaxed);
        let newest = connected.links.iter().map(|link| term(link)).fold(connected.own, u64::max);
        let is_best = |link: &&Arc<HubLink>| newest > connected.own && term(link) == newest;
        let best = match connected.links.iter().find(is_best) {
            Some(link) => BestHub::There(Arc::clone(link)),
            None if connected.own > 0 && newest == connected.own => BestHub::Here,
            None => BestHub::None,
        };
        for link in &connected.links {
            if (1..newest).contains(&term(link)) {
                link.over.cancel();
            }
        }
        let is_reached = matches!(best, BestHub::There(_));
        if !matches!(best, BestHub::None) {
            connected.lost = None;
        } else if !matches!(*self.best.borrow(), BestHub::None) {
            connected.lost = Some(Instant::now());
        }
        let is_news = self.best.send_if_modified(|now| {
            let is_same = now.is(&best);
            *now = best;
            !is_same
        });
        self.is_reached.send_if_modified(|now| std::mem::replace(now, is_reached) != is_reached);
        if is_news && is_reached {
            tracing::info!(target: LOG, "the hub is reached: sessions have their place there");
        }
    }

    fn connected(&self) -> MutexGuard<'_, Connected> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
