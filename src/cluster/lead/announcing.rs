//! What this machine tells the others of itself while it runs, and what it hears of them.

use std::net::SocketAddr;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::{ClusterNode, PRESENCE, machine_name};
use crate::cluster::UnionStats;
use crate::cluster::charter::OwnService;
use crate::cluster::presence::{
    EVERY, LinkPart, LiveMachine, MachinePart, NOTICE_BYTES, NoticeWorth, OnionPart, Presence, PresenceSeal,
    PublishedPart, Twin,
};
use crate::transport::link::{LinkMachine, NodeKey};
use ephemeral_core::protocol::WallTime;

/// Between two notices, at least.
const REST: Duration = Duration::from_millis(200);
/// How long this machine speaks before who is not heard is not there.
const SETTLED: Duration = Duration::from_millis(2500);

/// Tells the others of this machine, and hears of them.
pub(super) struct Announcing {
    seal: PresenceSeal,
    presence: Mutex<Presence>,
    /// What there is to be said of the onion service; `None`: there is none, or none yet.
    pub(super) onion: watch::Sender<Option<OnionPart>>,
    /// Where this machine listens for the others, if it does.
    link: watch::Sender<Option<LinkPart>>,
    /// The machines that are there and have an onion service; `None`: it is not known yet.
    others: watch::Sender<Option<Vec<LiveMachine>>>,
    /// Where the other machines listen.
    machines: watch::Sender<Vec<LinkMachine>>,
    /// Whether another process has this machine's name.
    pub(super) twin: watch::Sender<Option<Twin>>,
    /// Whether another machine with the same secret, and the same service, was there.
    pub(super) confirmed: watch::Sender<bool>,
    /// Whether clients are to come to this machine no more.
    withdrawn: watch::Sender<bool>,
    /// A machine is to hear of this one soon.
    asked: Notify,
}

impl Announcing {
    pub(super) fn new(secret: &[u8], holder: &str, began: WallTime) -> Self {
        Self {
            seal: PresenceSeal::new(secret),
            presence: Mutex::new(Presence::new(holder, began, Instant::now())),
            onion: watch::Sender::new(None),
            link: watch::Sender::new(None),
            others: watch::Sender::new(None),
            machines: watch::Sender::default(),
            twin: watch::Sender::new(None),
            confirmed: watch::Sender::new(false),
            withdrawn: watch::Sender::new(false),
            asked: Notify::new(),
        }
    }

    /// Lets know who is there, where that is news.
    fn tell(&self, now: Instant) {
        let (live, machines, twin) = {
            let presence = self.presence.lock();
            // The machine whose name it may have has the same key for the link, if all was copied.
            let listening = if presence.is_settled() { presence.listening(now) } else { Vec::new() };
            (presence.live(now), listening, presence.twin(now))
        };
        self.machines.send_if_modified(|known| std::mem::replace(known, machines.clone()) != machines);
        let before = self.twin.send_replace(twin);
        if twin == Some(Twin::GivesWay) && before.is_none() {
            tracing::error!(
                "another process of this cluster has the name of this machine: node in [cluster] is another one on each. \
                 The other one is to end"
            );
        }
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

    /// Tells the other machines from now on that they reach this one there, and know it by this
    /// key.
    pub fn listens(&self, address: SocketAddr, key: NodeKey) {
        self.announcing.link.send_replace(Some(LinkPart::new(self.advertised.unwrap_or(address), key)));
    }

    /// Returns where the others are told that they reach this machine.
    pub(super) fn announced(&self) -> Option<SocketAddr> {
        self.announcing.link.borrow().as_ref().map(|link| link.address)
    }

    /// Returns the other machines that listen, as they are and will be.
    #[must_use]
    pub fn link_machines(&self) -> watch::Receiver<Vec<LinkMachine>> {
        self.announcing.machines.subscribe()
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
        let Announcing { onion, link, asked, presence, others, .. } = &self.announcing;
        let mut onion = onion.subscribe();
        let mut link = link.subscribe();
        let mut checked_in = self.checked_in();
        let mut server = self.nats.server();
        let mut since = None;
        loop {
            if server.borrow().is_none() {
                // It ends only with its sender, which outlives this.
                let _ = server.wait_for(Option::is_some).await;
                presence.lock().was_deaf(Instant::now());
                since = None;
            }
            let part = MachinePart {
                checked_in: *checked_in.borrow_and_update(),
                link: link.borrow_and_update().clone(),
                onion: onion.borrow_and_update().clone(),
                ..MachinePart::default()
            };
            self.announce(part).await;
            let now = Instant::now();
            // Under another's name, it passes nobody on, leads nothing and publishes nothing.
            if now - *since.get_or_insert(now) >= SETTLED && presence.lock().settle(now) {
                others.send_if_modified(|others| others.is_none() && others.insert(Vec::new()).is_empty());
            }
            self.announcing.tell(now);
            sleep(REST).await;
            let soon = async {
                tokio::select! {
                    _ = onion.changed() => {}
                    _ = link.changed() => {}
                    _ = checked_in.changed() => {}
                    () = asked.notified() => {}
                }
            };
            let _ = timeout(EVERY.saturating_sub(REST), soon).await;
        }
    }

    async fn announce(&self, part: MachinePart) {
        let part = MachinePart { term: self.lease.borrow().unwrap_or(0), ..part };
        let notice = self.announcing.presence.lock().next(part, Instant::now());
        match self.announcing.seal.seal(&notice) {
            // Without a connection it is said again.
            Ok(sealed) => drop(self.nats.publish(PRESENCE, &[], &sealed).await),
            Err(error) => tracing::error!("the other machines are not told of this one: {error}"),
        }
    }

    /// Hears what came over NATS. What no machine of this cluster says is for nobody.
    pub(super) fn hear_notice(&self, sealed: &[u8]) {
        let now = Instant::now();
        let (worth, said) = {
            let mut presence = self.announcing.presence.lock();
            if sealed.len() > NOTICE_BYTES || !presence.may_open(now) {
                return;
            }
            let Ok(notice) = self.announcing.seal.open(sealed) else { return };
            let said = (notice.name().to_owned(), notice.part().clone());
            (presence.hear(notice, now), said)
        };
        match worth {
            NoticeWorth::Nothing => {}
            NoticeWorth::Unproven => self.announcing.asked.notify_one(),
            NoticeWorth::Fresh => {
                self.note_machine(said, now);
                self.announcing.tell(now);
            }
        }
    }

    /// Takes note of a machine that is there, and of what it knows.
    fn note_machine(&self, (name, part): (String, MachinePart), now: Instant) {
        let is_same = match self.own_service() {
            OwnService::Off => true,
            OwnService::NotYet => false,
            OwnService::Has(own) => part.onion.is_some_and(|onion| onion.service == own),
        };
        let is_same = is_same && name != machine_name(&self.holder);
        self.announcing.confirmed.send_if_modified(|confirmed| is_same && !std::mem::replace(confirmed, true));
        self.note_heard(name, part.checked_in, now);
    }
}
