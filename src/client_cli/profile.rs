//! Which profile a command uses, and how it is opened.

use std::path::PathBuf;

use clap::Args;

use super::directories::directories;
use super::exit::{Failure, say};
use super::passphrase::PassphraseArgs;
use super::words::{fl, path};
use crate::hardening;
use ephemeral_client::engine::{Engine, Profile};
use ephemeral_e2e::authority::Authority;

#[derive(Args)]
pub(super) struct ProfileArgs {
    /// The profile: somebody may have several, which nobody can tell to be one person's.
    #[arg(long, env = "EPHEMERAL_PROFILE", value_name = "NAME", default_value = "default", value_parser = name)]
    profile: String,
    /// Where profiles are kept; by default in the platform's data directory.
    #[arg(long, env = "EPHEMERAL_PROFILES", value_name = "DIR")]
    profiles: Option<PathBuf>,
    #[command(flatten)]
    pub(super) passphrase: PassphraseArgs,
}

impl ProfileArgs {
    /// Returns the directory of the profile.
    pub(super) fn directory(&self) -> Result<PathBuf, Failure> {
        let profiles = match &self.profiles {
            Some(directory) => directory.clone(),
            None => directories()?.data_local_dir().join("profiles"),
        };
        Ok(profiles.join(&self.profile))
    }

    /// Returns what the profile is called.
    pub(super) fn name(&self) -> &str {
        &self.profile
    }

    /// Opens the profile.
    pub(super) fn open(&self) -> Result<Profile, Failure> {
        let directory = self.directory()?;
        if !ephemeral_client::vault::Vault::exists(&directory) {
            return Err(Failure::usage(fl!("profile-none", path = path(&directory))));
        }
        Ok(Profile::open(&directory, &self.passphrase.read()?)?)
    }
}

/// Says that one's own server has moved, if the engine has found that.
pub(super) fn moved(engine: &Engine) -> Option<String> {
    let url = |authority: &Authority| format!("http://{}", authority.as_str());
    let before = engine.moved_from()?;
    Some(fl!("run-moved", server = url(before), to = url(engine.core().authority())))
}

/// How much a client keeps in memory, at most, in bytes: what waits to be shown and sent, twice.
const MOST_KEPT: usize = 64 << 20;

/// Locks the memory of a profile that is kept nowhere else. It says so if it cannot be.
pub(super) fn lock_memory() {
    if hardening::lock_memory(MOST_KEPT).is_err() {
        say(&fl!("not-locked"));
    }
}

/// Takes a name that is one folder, and no other.
fn name(text: &str) -> Result<String, String> {
    let plain = |character: char| character.is_alphanumeric() || matches!(character, '-' | '_');
    if text.is_empty() || text.len() > 64 || !text.chars().all(plain) {
        return Err(fl!("profile-name"));
    }
    Ok(text.to_owned())
}
