//! A profile: the end-to-end encryption's state, and the vault that keeps it. Nothing takes effect
//! before it is durable.

use std::path::Path;

use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::core::{CommitError, Core, CoreError, Effects};

use super::EngineError;
use crate::moved::Book;
use crate::vault::{Passphrase, Vault};
use crate::wall_clock::now_ms;

/// A clock that tells the milliseconds since 1970.
pub type WallClock = fn() -> u64;

/// An open profile. Only one process has it at a time.
#[derive(Debug)]
pub struct Profile {
    core: Core,
    vault: Vault,
    clock: WallClock,
}

impl Profile {
    /// Makes a profile. `directory`: where it is kept; `None` keeps nothing on the disk. `server`:
    /// one's own server. `name`: what contacts are told, at most 64 bytes.
    ///
    /// # Errors
    /// [`EngineError`], if there is one already, or it cannot be written.
    pub fn create(keep: Option<(&Path, &Passphrase)>, server: Authority, name: &str) -> Result<Self, EngineError> {
        let mut core = Core::create(server, name, now_ms())?;
        let mut vault = Vault::ephemeral();
        let made = core.commit(|state| match keep {
            Some((directory, passphrase)) => Vault::create(directory, passphrase, state).map(|new| vault = new),
            None => Ok(()),
        });
        // A profile without invites and contacts wants nothing.
        made.map(drop).map_err(EngineError::from_commit)?;
        Ok(Self { core, vault, clock: now_ms })
    }

    /// Opens a profile.
    ///
    /// # Errors
    /// [`EngineError`], if there is none, another process has it, or the passphrase is wrong.
    pub fn open(directory: &Path, passphrase: &Passphrase) -> Result<Self, EngineError> {
        let (vault, state) = Vault::open(directory, passphrase)?;
        let core = Core::open(&state, now_ms())?;
        Ok(Self { core, vault, clock: now_ms })
    }

    /// Makes a profile from a backup. Its conversations begin with a reset: no key is used twice.
    ///
    /// # Errors
    /// [`EngineError`], if there is a profile already, or the backup is none.
    pub fn restore(directory: &Path, passphrase: &Passphrase, backup: &[u8]) -> Result<Self, EngineError> {
        let mut core = Core::restore(backup, now_ms())?;
        let mut vault = Vault::ephemeral();
        let made = core.commit(|state| Vault::create(directory, passphrase, state).map(|new| vault = new));
        // What it wants is wanted again when it is opened.
        made.map(drop).map_err(EngineError::from_commit)?;
        Ok(Self { core, vault, clock: now_ms })
    }

    /// Goes by these notices of moves: invites and mailboxes that are made from now on are on the
    /// server's present address, and contacts learn it. Returns what one's own server was called,
    /// if it has moved.
    pub(super) fn follow(&mut self, book: &Book) -> Option<Authority> {
        let before = self.core.authority().clone();
        self.core.follow(book.moves());
        Some(before).filter(|before| before != self.core.authority())
    }

    /// Goes by another clock than the machine's.
    #[must_use]
    pub fn with_clock(self, clock: WallClock) -> Self {
        Self { clock, ..self }
    }

    /// Returns the time by this profile's clock.
    pub(super) fn wall_ms(&self) -> u64 {
        (self.clock)()
    }

    /// Shows the state.
    #[must_use]
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// Changes the state, and returns what is wanted now that the change is durable.
    ///
    /// # Errors
    /// What `action` says, with nothing changed; or [`EngineError::Vault`], after which nothing may
    /// go on.
    pub fn act<T>(
        &mut self,
        action: impl FnOnce(&mut Core, u64) -> Result<T, CoreError>,
    ) -> Result<(T, Effects), EngineError> {
        let result = action(&mut self.core, (self.clock)())?;
        Ok((result, self.commit()?))
    }

    /// Changes the state, and leaves the effects to the next engine that opens the profile.
    ///
    /// # Errors
    /// As [`act`](Self::act).
    pub fn change<T>(&mut self, action: impl FnOnce(&mut Core, u64) -> Result<T, CoreError>) -> Result<T, EngineError> {
        // Invites, frames and mailboxes stand in the state: opening it asks for them again.
        self.act(action).map(|(result, _)| result)
    }

    /// Changes the state without writing it yet.
    pub(super) fn core_mut(&mut self) -> &mut Core {
        &mut self.core
    }

    pub(super) fn commit(&mut self) -> Result<Effects, EngineError> {
        let Self { core, vault, clock: _ } = self;
        core.commit(|state| vault.write(state)).map_err(EngineError::from_commit)
    }

    /// Seals the profile under another passphrase.
    ///
    /// # Errors
    /// [`EngineError::Vault`].
    pub fn change_passphrase(&mut self, passphrase: &Passphrase) -> Result<(), EngineError> {
        let Self { core, vault, clock: _ } = self;
        core.commit(|state| vault.change_passphrase(passphrase, state)).map(drop).map_err(EngineError::from_commit)
    }

    /// Hands the state to `write`, which makes a backup of it.
    ///
    /// # Errors
    /// [`EngineError::Vault`], if the backup cannot be written.
    pub fn back_up(
        &mut self,
        write: impl FnOnce(&[u8]) -> Result<(), crate::vault::VaultError>,
    ) -> Result<(), EngineError> {
        let Self { core, vault, clock: _ } = self;
        let both = |state: &[u8]| write(state).and_then(|()| vault.write(state));
        core.commit(both).map(drop).map_err(EngineError::from_commit)
    }
}

impl EngineError {
    fn from_commit(error: CommitError<crate::vault::VaultError>) -> Self {
        match error {
            CommitError::Write(error) => Self::Vault(error),
            CommitError::Stopped => Self::Core(CoreError::Stopped),
        }
    }
}
