//! What this machine tells the others of itself while it runs, and what it hears of them.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::{ClusterNode, PRESENCE, machine_name};
use crate::cluster::UnionStats;
use crate::cluster::presence::{
    EVERY, LiveMachine, NOTICE_BYTES, NoticeWorth, OnionPart, Presence, PresenceSeal, PublishedPart,
};

/// Between two notices, at least.
const REST: Duration = Duration::from_millis(200);
/// How long this machine speaks before who is not heard is not there.
const SETTLED: Duration = Duration::from_millis(2500);

/// Tells the others of this machine, and hears of them.
pub(super) struct Announcing {
    seal: PresenceSeal,
    presence: Mutex<Presence>,
    /// What there is to be said; `None`: nothing, there is no onion service.
    onion: watch::Sender<Option<OnionPart>>,
    /// The machines that are there; `None`: it is not known yet.
    others: watch::Sender<Option<Vec<LiveMachine>>>,
    /// Whether clients are to come to this machine no more.
    withdrawn: watch::Sender<bool>,
    /// A machine is to hear of this one soon.
    asked: Notify,
}

impl Announcing {
    pub(super) fn new(secret: &[u8], holder: &str) -> Self {
        Self {
            seal: PresenceSeal::new(secret),
            presence: Mutex::new(Presence::new(holder, Instant::now())),
            onion: watch::Sender::new(None),
            others: watch::Sender::new(None),
            withdrawn: watch::Sender::new(false),
            asked: Notify::new(),
        }
    }

    /// Hears what came over NATS. What no machine of this cluster says is for nobody.
    pub(super) fn hear(&self, sealed: &[u8]) {
        let now = Instant::now();
        let worth = {
            let mut presence = self.presence.lock();
            if sealed.len() > NOTICE_BYTES || !presence.may_open(now) {
                return;
            }
            let Ok(notice) = self.seal.open(sealed) else { return };
            presence.hear(notice, now)
        };
        match worth {
            NoticeWorth::Nothing => {}
            NoticeWorth::Unproven => self.asked.notify_one(),
            NoticeWorth::Fresh => self.tell(now),
        }
    }

    /// Lets know who is there, once that is known.
    fn tell(&self, now: Instant) {
        let live = self.presence.lock().live(now);
        self.others.send_if_modified(|others| match others {
            Some(known) if *known != live => {
                *known = live;
                true
            }
            _ => false,
        });
    }
}

impl ClusterNode {
    /// Says this of the onion service from now on, every second and at once.
    pub fn say(&self, onion: OnionPart) {
        self.announcing.onion.send_if_modified(|said| {
            let is_new = said.as_ref() != Some(&onion);
            if is_new {
                *said = Some(onion);
            }
            is_new
        });
    }

    /// Returns the other machines that have an onion service, now and later; `None`: it is not
    /// known yet which there are.
    #[must_use]
    pub fn others(&self) -> watch::Receiver<Option<Vec<LiveMachine>>> {
        self.announcing.others.subscribe()
    }

    /// Has clients come to this machine's onion service no more, or again. Sessions go on.
    pub fn withdraw(&self, is_withdrawn: bool) {
        self.announcing.withdrawn.send_replace(is_withdrawn);
    }

    /// Returns whether clients are to come here no more, now and later.
    #[must_use]
    pub fn withdrawn(&self) -> watch::Receiver<bool> {
        self.announcing.withdrawn.subscribe()
    }

    /// Returns the term for which this machine holds the lease, now and later.
    #[must_use]
    pub fn lease(&self) -> watch::Receiver<Option<u64>> {
        self.lease.subscribe()
    }

    /// Returns what the machines have published together, as far as it is known here.
    pub(super) fn union(&self) -> Option<UnionStats> {
        let own = self.announcing.onion.borrow().as_ref().and_then(|onion| onion.published);
        if let Some(PublishedPart { machines, points }) = own {
            let publisher = machine_name(&self.holder).to_owned();
            return Some(UnionStats { publisher, machines, introduction_points: points });
        }
        self.announcing.others.borrow().iter().flatten().find_map(LiveMachine::union)
    }

    /// Says again and again what this machine is, and notices who falls silent, for ever.
    pub(super) async fn keep_announcing(&self) {
        let mut onion = self.announcing.onion.subscribe();
        let mut server = self.nats.server();
        let mut since = None;
        loop {
            // It ends only with its sender, which outlives this.
            let _ = onion.wait_for(Option::is_some).await;
            if server.borrow().is_none() {
                let _ = server.wait_for(Option::is_some).await;
                self.announcing.presence.lock().was_deaf(Instant::now());
                since = None;
            }
            let Some(part) = onion.borrow_and_update().clone() else { continue };
            self.announce(part).await;
            let now = Instant::now();
            if now - *since.get_or_insert(now) >= SETTLED {
                self.announcing
                    .others
                    .send_if_modified(|others| others.is_none() && others.insert(Vec::new()).is_empty());
            }
            self.announcing.tell(now);
            sleep(REST).await;
            let soon = async {
                tokio::select! {
                    _ = onion.changed() => {}
                    () = self.announcing.asked.notified() => {}
                }
            };
            let _ = timeout(EVERY.saturating_sub(REST), soon).await;
        }
    }

    async fn announce(&self, onion: OnionPart) {
        let leads = self.lease.borrow().is_some();
        let notice = self.announcing.presence.lock().next(leads, onion, Instant::now());
        match self.announcing.seal.seal(&notice) {
            // Without a connection it is said again.
            Ok(sealed) => drop(self.nats.publish(PRESENCE, &[], &sealed).await),
            Err(error) => tracing::error!("the other machines are not told of this one: {error}"),
        }
    }
}
