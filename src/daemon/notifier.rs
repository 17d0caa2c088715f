//! What the service manager hears of the daemon: that it is ready, how it is, and that it lives.
//!
//! "Lives" is said only while three things answer: the runtime (a new task is run), the store (its
//! lock can be taken) and the watch over the onion service (it has got on not long ago, whatever
//! came of it: being offline is no reason to be killed). While it is starting, the same decides
//! whether the manager goes on waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::reload::Reloaded;
use crate::hub::Hub;
use crate::systemd;
use crate::transport::onion_service::{OnionStatus, Phase};
use ephemeral_core::dead_man;

/// How often it is looked at, at least; more often where the manager wants to hear it more often.
const LOOK: Duration = Duration::from_secs(10);
/// The time without a sign after which the watch over the onion service is taken for dead. Its
/// longest pause is six minutes, and what it does then has a minute.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(600);
/// While it starts, the manager waits so much longer after each look.
const STARTING: Duration = Duration::from_secs(60);

/// The notifications that the manager hears.
pub(super) struct ManagerNotifier {
    hub: Arc<Hub>,
    onion: Option<watch::Receiver<OnionStatus>>,
    dead_man: watch::Receiver<Option<dead_man::DeadManStats>>,
    reloaded: watch::Sender<Reloaded>,
    /// Whether the manager was told that it serves.
    ready: AtomicBool,
}

impl ManagerNotifier {
    /// Makes the notifier. `onion`: what is known of the onion service, if there is one.
    /// `dead_man`: the same of the dead-man switch.
    pub(super) fn new(
        hub: Arc<Hub>,
        onion: Option<watch::Receiver<OnionStatus>>,
        dead_man: watch::Receiver<Option<dead_man::DeadManStats>>,
    ) -> Arc<Self> {
        let reloaded = watch::Sender::new(Reloaded::default());
        Arc::new(Self { hub, onion, dead_man, reloaded, ready: AtomicBool::new(false) })
    }

    /// Tells the manager that a reload begins. A start that is still going on is not interrupted by
    /// it.
    pub(super) fn reloading(&self) {
        if self.ready.load(Ordering::Relaxed) {
            systemd::reloading();
        }
    }

    /// Tells the manager that the reload has ended.
    pub(super) fn reloaded(&self, outcome: Reloaded) {
        self.reloaded.send_replace(outcome);
        // Before it is ready again: anyone who waited for that may ask.
        let _ = systemd::status(&self.words());
        if self.ready.load(Ordering::Relaxed) && !systemd::ready() {
            // Told by `keep`, then.
            self.ready.store(false, Ordering::Relaxed);
        }
    }

    /// Tells the manager, for ever. Without one there is nothing to do.
    pub(super) async fn keep(self: Arc<Self>) {
        if !systemd::is_managed() {
            return;
        }
        let look = systemd::watchdog().map_or(LOOK, |within| (within / 3).min(LOOK));
        let mut ticks = interval(look);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut onion = self.onion.clone();
        let mut reloaded = self.reloaded.subscribe();
        let mut dead_man = self.dead_man.clone();
        let mut pulse = LivenessCheck::default();
        let mut said = String::new();
        loop {
            let words = self.words();
            if words != said && systemd::status(&words) {
                said = words;
            }
            if !self.ready.load(Ordering::Relaxed) && self.serves() && systemd::ready() {
                self.ready.store(true, Ordering::Relaxed);
            }
            tokio::select! {
                _ = ticks.tick() => match pulse.take(&self.hub, self.heartbeat_at(), look).await {
                    Ok(()) if self.ready.load(Ordering::Relaxed) => systemd::lives(),
                    Ok(()) => systemd::extend_start(STARTING),
                    Err(what) => tracing::error!("{what}: the service manager is not told that this process lives"),
                },
                () = changed(onion.as_mut()) => {}
                () = changed(Some(&mut dead_man)) => {}
                _ = reloaded.changed() => {}
            }
        }
    }

    /// Returns whether the daemon does what it can do. Without a network that is to go on trying,
    /// and to say so: a start that failed for it would be tried for ever, and one that waited for
    /// it would hold up the machine's.
    fn serves(&self) -> bool {
        self.onion.as_ref().is_none_or(|status| status.borrow().phase != Phase::Starting)
    }

    /// Returns how long ago the watch over the onion service last got on; `None`: there is none.
    fn heartbeat_at(&self) -> Option<Duration> {
        let status = self.onion.as_ref()?;
        // Not yet: it has not begun, and the manager's patience with a start is what bounds that.
        Some(status.borrow().heartbeat_at.map_or(Duration::ZERO, |heartbeat_at| Instant::now() - heartbeat_at))
    }

    fn words(&self) -> String {
        let mut words = match &self.onion {
            Some(status) => onion(&status.borrow()),
            None => "listening on TCP".to_owned(),
        };
        let sessions = self.hub.sessions();
        words += &match sessions {
            1 => "; 1 session".to_owned(),
            _ => format!("; {sessions} sessions"),
        };
        if let Some(switch) = self.dead_man.borrow().filter(|switch| switch.low) {
            let what =
                if switch.keys { "everything that waits and the identity are" } else { "everything that waits is" };
            let hours = switch.left_s.div_ceil(3600);
            words += &format!("; nobody has checked in for long: in {hours} h {what} erased");
        }
        words
            + &match *self.reloaded.borrow() {
                Reloaded::InForce => String::new(),
                Reloaded::InPart => "; some changed settings wait for a restart, see the log".to_owned(),
                Reloaded::Refused { problems } => {
                    let plural = if problems == 1 { "" } else { "s" };
                    format!(
                        "; the configuration has {problems} problem{plural}, see the log: the one before stays in force"
                    )
                }
            }
    }
}

fn onion(status: &OnionStatus) -> String {
    match status.phase {
        Phase::Starting if status.bootstrap_percent >= 100 => "starting: publishing the onion service".to_owned(),
        Phase::Starting => format!("starting: Tor {} %", status.bootstrap_percent),
        Phase::Reachable => "reachable".to_owned(),
        Phase::Degraded(reason) => format!("not reachable, it goes on trying: {reason}"),
    }
}

async fn changed<T>(status: Option<&mut watch::Receiver<T>>) {
    match status {
        // One that has ended changes no more.
        Some(status) => {
            if status.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
        None => std::future::pending().await,
    }
}

/// Feels whether the parts live.
#[derive(Default)]
struct LivenessCheck {
    /// A thread that waits for the store's lock. As long as it does, no second one is sent.
    store: Option<JoinHandle<()>>,
}

impl LivenessCheck {
    /// Checks every part. `heartbeat_at`: how long ago the watch over the onion service last got
    /// on. Takes `within` at most.
    ///
    /// # Errors
    /// What does not answer.
    async fn take(
        &mut self,
        hub: &Arc<Hub>,
        heartbeat_at: Option<Duration>,
        within: Duration,
    ) -> Result<(), &'static str> {
        let mut task = JoinSet::new();
        task.spawn(async {});
        if timeout(within, task.join_next()).await.is_err() {
            return Err("the runtime does not run a task");
        }
        let hub = Arc::clone(hub);
        let store = self.store.get_or_insert_with(|| {
            tokio::task::spawn_blocking(move || {
                let _ = hub.figures();
            })
        });
        if timeout(within, store).await.is_err() {
            return Err("the store does not answer");
        }
        self.store = None;
        match heartbeat_at {
            Some(heartbeat_at) if heartbeat_at > HEARTBEAT_TIMEOUT => {
                Err("the watch over the onion service has stopped")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
