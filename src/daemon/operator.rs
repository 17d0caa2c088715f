//! What the operator has done to the whole server, on the administrator's socket, by a signal, or by not being there for
//! too long: the wipe, the end of the identity, the check-in.

mod marks;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::conn::{self, Server};
use crate::erase;
use crate::http::Act;
use ephemeral_core::dead_man::{self, DeadMan, DeadManStats, Moment, Verdict};
use marks::MarksFile;

/// Between two looks at the dead-man switch.
const LOOK: Duration = Duration::from_secs(60);
/// Between two warnings that time runs out.
const WARN: Duration = Duration::from_secs(24 * 60 * 60);

/// Does it.
pub(super) struct Actions {
    state_dir: PathBuf,
    clock: Clock,
    started: Instant,
    switch: Mutex<Option<Switch>>,
    figures: watch::Sender<Option<DeadManStats>>,
    over: CancellationToken,
    /// Held by whoever removes files.
    erasing: Mutex<()>,
}

struct Switch {
    dead_man: DeadMan,
    kept: MarksFile,
    warned: Option<Instant>,
}

impl Actions {
    /// Reads when somebody last checked in, if that matters.
    pub(super) fn open(state_dir: PathBuf, settings: dead_man::Config) -> Arc<Self> {
        let (clock, started) = (Clock::System, Instant::now());
        let now = Moment { wall: clock.wall(), running_ms: 0 };
        let switch = (settings.after_days > 0).then(|| MarksFile::open(&state_dir)).and_then(|(kept, marks)| {
            let dead_man = DeadMan::new(settings, marks, now)?;
            Some(Switch { dead_man, kept, warned: None })
        });
        let figures = watch::Sender::new(switch.as_ref().map(|switch| switch.dead_man.figures()));
        let over = CancellationToken::new();
        let (switch, erasing) = (Mutex::new(switch), Mutex::new(()));
        Arc::new(Self { state_dir, clock, started, switch, figures, over, erasing })
    }

    /// For the connections.
    pub(super) fn operator(self: &Arc<Self>) -> conn::Operator {
        let actions = Arc::clone(self);
        conn::Operator {
            on_act: Arc::new(move |server: &Server, act| match act {
                Act::Wipe { keys } => actions.wipe(server, "`panic`", keys),
                Act::CheckIn => {
                    actions.check_in();
                    true
                }
            }),
            dead_man: self.figures.subscribe(),
        }
    }

    /// Wipes; whether all of it was done. With the keys, the daemon is to end then, and to finish with
    /// [`erase_identity`](Self::erase_identity).
    pub(super) fn wipe(&self, server: &Server, why: &str, keys: bool) -> bool {
        // First, and whatever becomes of the keys.
        let wiped = server.wipe();
        match &wiped {
            Ok(()) => tracing::warn!("{why}: everything that waited is erased, a new epoch begins"),
            Err(error) => tracing::error!(
                "{why}: everything that waited is erased, and there are no random numbers for a new epoch: {error}"
            ),
        }
        if !keys {
            return wiped.is_ok();
        }
        // At once, and not only when all has been drained: whoever asked for it may be in a hurry. Known first, since the
        // onion service may fail over the keys that go.
        let _erasing = self.erasing.lock().unwrap_or_else(PoisonError::into_inner);
        self.over.cancel();
        let erased = erase::keys(&self.state_dir);
        match &erased {
            Ok(()) => tracing::warn!("{why}: the keys of the onion service are overwritten and removed"),
            Err(error) => tracing::error!("{why}: not all keys could be removed: {error}"),
        }
        wiped.is_ok() && erased.is_ok()
    }

    /// Whether the identity is gone.
    pub(super) fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Waits until it is.
    pub(super) async fn over(&self) {
        self.over.cancelled().await;
    }

    /// After the Tor client has ended: the rest of the identity.
    pub(super) fn erase_identity(&self) -> Result<(), erase::EraseError> {
        // Nothing may write the times of the switch again.
        *self.lock() = None;
        let _erasing = self.erasing.lock().unwrap_or_else(PoisonError::into_inner);
        erase::identity(&self.state_dir)
    }

    fn check_in(&self) {
        let now = self.now();
        if let Some(switch) = &mut *self.lock() {
            switch.dead_man.check_in(now);
            switch.warned = None;
            switch.kept.keep(switch.dead_man.marks(), now);
            self.figures.send_replace(Some(switch.dead_man.figures()));
        }
    }

    /// Looks at the dead-man switch, and does what it says.
    pub(super) fn look(&self, server: &Server) {
        let now = self.now();
        let keys = {
            let mut guard = self.lock();
            let Some(switch) = &mut *guard else { return };
            let verdict = switch.dead_man.look(now);
            let figures = switch.dead_man.figures();
            self.figures.send_replace(Some(figures));
            match verdict {
                Verdict::Low => switch.warn(figures),
                Verdict::Quiet | Verdict::Wiped | Verdict::Due => {}
            }
            if verdict != Verdict::Due {
                switch.kept.keep(switch.dead_man.marks(), now);
                return;
            }
            switch.dead_man.wiped();
            switch.dead_man.takes_keys()
        };
        self.wipe(server, "nobody has checked in for too long", keys);
    }

    /// Looks at it again and again.
    pub(super) async fn keep_looking(&self, server: &Server) {
        loop {
            self.look(server);
            sleep(LOOK).await;
        }
    }

    fn now(&self) -> Moment {
        let running = self.started.elapsed().as_millis();
        Moment { wall: self.clock.wall(), running_ms: u64::try_from(running).unwrap_or(u64::MAX) }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Switch>> {
        self.switch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Switch {
    fn warn(&mut self, figures: DeadManStats) {
        if self.warned.is_none_or(|warned| warned.elapsed() >= WARN) {
            self.warned = Some(Instant::now());
            let what = if figures.keys { "everything that waits and the identity" } else { "everything that waits" };
            let hours = figures.left_s.div_ceil(3600);
            tracing::warn!(
                "nobody has checked in since {}: in {hours} h the dead-man switch erases {what}. \
                 `ephemeral-server check-in` puts it off",
                figures.checked_in
            );
        }
    }
}
