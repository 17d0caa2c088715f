//! Does what an operator asks for by the admin socket or a signal, or by being away for too long:
//! the wipe, the end of the identity, the check-in.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::check_in::{CheckIns, Due};
use crate::clock::Clock;
use crate::cluster::lead::{ClusterNode, ClusterWipe};
use crate::conn::Server;
use crate::erase::{self, EraseError};
use ephemeral_core::dead_man::{self, DeadManStats};

/// The time between two looks at the dead-man switch.
const LOOK: Duration = Duration::from_secs(60);
/// How long a machine of a cluster hears the other ones before it looks for the first time.
const HEARING: Duration = Duration::from_secs(15);

/// Does it.
pub struct Actions {
    state_dir: PathBuf,
    check_ins: CheckIns,
    over: CancellationToken,
    /// Held while files are removed.
    erasing: Mutex<()>,
    /// Whether a key could not be overwritten, which nothing mends once its file is removed.
    is_left: AtomicBool,
    /// This machine of a cluster, if it is one: then the other ones are wiped, too.
    cluster: Option<Arc<ClusterNode>>,
}

/// A wipe was not whole. What waited is erased in each case.
#[derive(Debug, thiserror::Error)]
pub enum WipeError {
    /// The operating system has no random numbers.
    #[error("everything that waited is erased, but there are no random numbers for a new epoch: {0}")]
    Random(#[from] getrandom::Error),
    /// Something of the identity is left.
    #[error("everything that waited is erased, but not the whole identity: {0}")]
    Identity(#[from] EraseError),
}

impl Actions {
    /// Reads when somebody last checked in, if that matters. `cluster`: this machine of one.
    #[must_use]
    pub fn open(state_dir: PathBuf, config: dead_man::Config, cluster: Option<Arc<ClusterNode>>) -> Arc<Self> {
        let check_ins = CheckIns::open(&state_dir, config);
        let over = CancellationToken::new();
        let erasing = Mutex::new(());
        Arc::new(Self { state_dir, check_ins, over, erasing, is_left: AtomicBool::new(false), cluster })
    }

    /// Returns where the keys are.
    #[must_use]
    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// Follows how the dead-man switch stands; `None`: there is none.
    #[must_use]
    pub fn dead_man(&self) -> watch::Receiver<Option<DeadManStats>> {
        self.check_ins.stats()
    }

    /// Wipes, here at once; the other machines of a cluster follow, and [`wiped`](Self::wiped) says
    /// whether they have. With the keys, the daemon is to end then, and to finish with
    /// [`erase_identity`](Self::erase_identity).
    ///
    /// # Errors
    /// [`WipeError`]: what is left.
    pub fn wipe(&self, server: &Server, why: &str, keys: bool) -> Result<(), WipeError> {
        // First, and whatever becomes of the keys.
        if let Some(cluster) = &self.cluster {
            cluster.begin_wipe();
        }
        let wiped = server.wipe();
        match &wiped {
            Ok(()) => tracing::warn!("{why}: everything that waited is erased, a new epoch begins"),
            Err(error) => tracing::error!(
                "{why}: everything that waited is erased, and there are no random numbers for a new epoch: {error}"
            ),
        }
        if keys {
            self.erase_keys(why)?;
        }
        Ok(wiped?)
    }

    /// Waits until the other machines are wiped, for a bounded time, and returns what that has
    /// reached; `None`: there are none.
    pub async fn wiped(&self) -> Option<ClusterWipe> {
        self.cluster.as_ref()?.wiped().await
    }

    /// Returns this machine of a cluster.
    #[must_use]
    pub fn cluster(&self) -> Option<&Arc<ClusterNode>> {
        self.cluster.as_ref()
    }

    /// Returns whether there are other machines.
    #[must_use]
    pub fn has_others(&self) -> bool {
        self.cluster.is_some()
    }

    /// Erases the keys at once, and not only when all has been drained: the operator may be in a
    /// hurry.
    fn erase_keys(&self, why: &str) -> Result<(), EraseError> {
        let _erasing = self.erasing.lock().unwrap_or_else(PoisonError::into_inner);
        // Known first, since the onion service may fail over the keys that go.
        self.over.cancel();
        let erased = erase::keys(&self.state_dir);
        self.is_left.fetch_or(erased.is_err(), Ordering::Relaxed);
        match &erased {
            Ok(()) => tracing::warn!("{why}: the keys of the onion service are overwritten and removed"),
            Err(error) => tracing::error!("{why}: not all keys could be removed: {error}"),
        }
        erased
    }

    /// Returns whether the identity is to be erased.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Waits until it is.
    pub async fn over(&self) {
        self.over.cancelled().await;
    }

    /// Erases the rest of the identity, after the Tor client has ended.
    ///
    /// # Errors
    /// [`EraseError`]: what is left.
    pub fn erase_identity(&self) -> Result<(), EraseError> {
        // Nothing may write the times of the switch again.
        self.check_ins.close();
        let _erasing = self.erasing.lock().unwrap_or_else(PoisonError::into_inner);
        erase::identity(&self.state_dir)?;
        if self.is_left.load(Ordering::Relaxed) {
            return Err(EraseError::NotOverwritten(self.state_dir.clone()));
        }
        Ok(())
    }

    /// Notes that the operator is there, on all machines.
    pub fn check_in(&self) {
        self.check_ins.check_in();
        if let Some(cluster) = &self.cluster {
            cluster.tell_check_in(Clock::System.wall());
        }
    }

    /// Looks at the dead-man switch, and does what it says.
    pub fn look(&self, server: &Server) {
        if let Some(Due { keys }) = self.check_ins.look() {
            // What is left is in the log, and decides the exit code.
            let _ = self.wipe(server, "nobody has checked in for too long", keys);
        }
    }

    /// Looks at it again and again.
    pub async fn keep_looking(&self, server: &Server) {
        let Some(cluster) = &self.cluster else {
            loop {
                self.look(server);
                sleep(LOOK).await;
            }
        };
        if let Some(stats) = *self.dead_man().borrow() {
            cluster.tell_check_in(stats.checked_in);
        }
        let mut elsewhere = cluster.checked_in();
        // First it hears from the other machines: somebody may have checked in there.
        let mut next = Instant::now() + HEARING;
        loop {
            tokio::select! {
                _ = elsewhere.changed() => {
                    elsewhere.borrow_and_update().iter().for_each(|at| self.check_ins.checked_in_at(*at));
                }
                () = sleep_until(next) => {
                    self.look(server);
                    next = Instant::now() + LOOK;
                }
            }
        }
    }
}
