//! Where messages wait: on the heap, or in a file in RAM that the service manager keeps while the
//! daemon is restarted.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;

use super::wipe_mark::{self, WipeMark};
use crate::causes::with_causes;
use crate::clock::Clock;
use crate::cluster::kept::KeptKeys;
use crate::hub::{self, Hub, RestoreError, Restored};
use crate::memfd_journal::{self, MemfdJournalError, Unreadable};
use crate::systemd;

/// A hub, and what its end has to be.
pub(super) struct MessageStore {
    pub(super) hub: Arc<Hub>,
    kept: Kept,
    /// The file with the keys of the journal, where the service manager has it.
    keys: Option<KeptKeys>,
}

/// The keeper of what waits when this process has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// Nobody.
    Nowhere,
    /// The service manager has the file for the next process.
    ByManager,
    /// The other machines of the cluster.
    Elsewhere,
}

impl MessageStore {
    /// Opens one, and takes over what an earlier process left. `survive`: what waits is to be there
    /// after a restart, if there is a service manager that can keep it. `asked`: a wipe that is
    /// carried out first.
    pub(super) fn open(
        settings: hub::Config,
        survive: bool,
        state_dir: &Path,
        asked: Option<WipeMark>,
    ) -> anyhow::Result<Self> {
        let mut passed = systemd::take_store_fd().unwrap_or_else(|error| {
            tracing::error!("what the service manager kept cannot be opened, and is lost: {error}");
            systemd::drop_store_fd();
            None
        });
        if let Some(mark) = asked {
            wipe(passed.take(), mark, state_dir)?;
        }
        if survive && systemd::is_managed() {
            // Running without is better than not running.
            match Self::in_file(settings, passed) {
                Ok(hub) => return Ok(Self { hub, kept: Kept::ByManager, keys: None }),
                Err(error) => tracing::error!("messages will not survive a restart: {}", with_causes(&error)),
            }
        } else if let Some(passed) = passed {
            tracing::warn!("what an earlier process left is not to survive, and is overwritten");
            discard(&passed);
        }
        let hub = Hub::new(settings, Clock::System).context("the system has no random numbers")?;
        Ok(Self { hub, kept: Kept::Nowhere, keys: None })
    }

    /// Opens one that waits on other machines, too: this one stands by. Of what an earlier process
    /// left to the service manager, the keys of the journal are taken over, if they are to
    /// `survive`. `asked`: a wipe that is carried out first.
    pub(super) fn elsewhere(
        settings: hub::Config,
        survive: bool,
        state_dir: &Path,
        asked: Option<WipeMark>,
    ) -> anyhow::Result<Self> {
        let mut passed = systemd::take_store_fd().unwrap_or(None);
        if let Some(mark) = asked {
            wipe(passed.take(), mark, state_dir)?;
        }
        let is_to_survive = survive && systemd::is_managed();
        let left = passed.as_ref().filter(|_| is_to_survive).and_then(KeptKeys::take_over);
        if let Some(passed) = passed.filter(|_| left.is_none()) {
            tracing::warn!(
                "what an earlier process left is not the keys of a cluster that are to survive, and is overwritten"
            );
            discard(&passed);
        }
        let keys = if is_to_survive { keep_keys(left) } else { None };
        let hub = Hub::standing_by(settings, Clock::System).context("the system has no random numbers")?;
        Ok(Self { hub, kept: Kept::Elsewhere, keys })
    }

    /// Returns the file that the service manager keeps for the keys of the journal.
    pub(super) fn keys(&self) -> Option<KeptKeys> {
        self.keys.as_ref().and_then(|keys| keys.again().ok())
    }

    fn in_file(settings: hub::Config, passed: Option<File>) -> anyhow::Result<Arc<Hub>> {
        if let Some(file) = passed {
            let again = file.try_clone().context("there is no descriptor for them")?;
            match Hub::restore(settings, Clock::System, file) {
                Ok((hub, restored)) => {
                    report(restored);
                    return Ok(hub);
                }
                Err(error) => {
                    tracing::error!("what the service manager kept cannot be used, and is lost: {error}");
                    discard(&again);
                    if let RestoreError::Random(_) = error {
                        return Err(error.into());
                    }
                }
            }
        }
        let file = memfd_journal::create().context("there is no memory for them")?;
        let ours: File = file.try_clone().context("there is no descriptor for them")?;
        let (hub, _) = Hub::restore(settings, Clock::System, ours)?;
        systemd::keep_store_fd(&file).context("the service manager does not take them")?;
        Ok(hub)
    }

    /// Closes the store after the sessions have ended, where there is to be no next process.
    pub(super) fn close_for_good(self) -> &'static str {
        self.hub.erase();
        if let Some(Err(error)) = self.keys.as_ref().map(KeptKeys::erase) {
            tracing::error!("the keys of the journal are let go of, but not overwritten: {error}");
        }
        if self.kept == Kept::ByManager || self.keys.is_some() {
            systemd::drop_store_fd();
        }
        "drained, and everything that waited is erased; the identity is gone"
    }

    /// Closes the store after the sessions have ended. What waits is left to the next process where
    /// there can be one, and is overwritten otherwise.
    pub(super) fn close(self) -> &'static str {
        match self.kept {
            // Nobody says whether this is a restart. If it is not, the manager drops the file, and
            // the kernel frees it.
            Kept::ByManager => {
                self.hub.release();
                "drained; what waits is left to the service manager for a restart"
            }
            Kept::Elsewhere => {
                self.hub.release();
                "drained; what waits is on the other machines"
            }
            Kept::Nowhere => {
                self.hub.erase();
                "drained, and everything that waited is erased"
            }
        }
    }
}

/// Has the service manager keep the keys of the journal. Running without is better than not
/// running.
fn keep_keys(left: Option<KeptKeys>) -> Option<KeptKeys> {
    if let Some(left) = left {
        tracing::info!("the keys of the journal are taken over from an earlier process");
        return Some(left);
    }
    let made = KeptKeys::create().and_then(|keys| systemd::keep_store_fd(keys.file()).map(|()| keys));
    made.inspect_err(|error| tracing::error!("the keys of the journal will not survive a restart: {error}")).ok()
}

/// Carries out a wipe that was asked for before there was a store. It stays asked for unless all is
/// overwritten.
fn wipe(passed: Option<File>, mark: WipeMark, state_dir: &Path) -> anyhow::Result<()> {
    let what = match &passed {
        Some(file) => {
            memfd_journal::overwrite(file).context("a wipe was asked for, and what waits cannot be overwritten")?;
            "everything that waited is overwritten"
        }
        None => "nothing was left to overwrite",
    };
    systemd::drop_store_fd();
    // Where the identity is to go as well, the mark stays until it has.
    if mark == WipeMark::Messages {
        wipe_mark::clear(state_dir)
            .with_context(|| format!("cannot remove {}", wipe_mark::path(state_dir).display()))?;
    }
    tracing::warn!("a wipe was asked for before the server ran: {what}");
    Ok(())
}

/// Overwrites what is not to be used, and has the service manager let go of it.
fn discard(passed: &File) {
    match memfd_journal::overwrite(passed) {
        Ok(()) => {}
        Err(MemfdJournalError::Foreign) => {
            tracing::error!("what the service manager kept is left as it is, and let go of")
        }
        Err(error) => tracing::error!("what the service manager kept is let go of, but not overwritten: {error}"),
    }
    systemd::drop_store_fd();
}

fn report(restored: Restored) {
    match restored {
        Restored::Nothing => {}
        Restored::Refused(why @ Unreadable::Attempts(_)) => tracing::error!(
            "what an earlier process left was overwritten, and everything that waited is lost; a new epoch begins: {why}. \
             Give the server more memory, or lower total_bytes in [store]"
        ),
        Restored::Refused(why) => {
            tracing::warn!(
                "what an earlier process left cannot be read and was overwritten, a new epoch begins: {why}"
            );
        }
        Restored::Going { figures, damaged, torn_blocks } => {
            let messages = figures.messages;
            let ids = figures.records - figures.messages;
            tracing::info!(
                "taken over from an earlier process: {messages} waiting messages, {ids} ids of delivered ones"
            );
            if torn_blocks > 0 {
                tracing::info!(
                    "it was killed while it wrote: {torn_blocks} blocks of what it had not accepted or had erased are overwritten"
                );
            }
            if damaged > 0 {
                tracing::error!("{damaged} messages were damaged and are lost: a new epoch begins");
            }
        }
    }
}
