//! Which profile a command uses, and how it is opened.

use std::path::PathBuf;

use clap::Args;

use super::directories::directories;
use super::exit::{Failure, say};
use super::passphrase::PassphraseArgs;
use super::route::book_path;
use crate::hardening;
use ephemeral_client::engine::Profile;
use ephemeral_client::moved::Book;
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

    /// Opens the profile.
    pub(super) fn open(&self) -> Result<Profile, Failure> {
        let directory = self.directory()?;
        if !ephemeral_client::vault::Vault::exists(&directory) {
            let directory = directory.display();
            return Err(Failure::usage(format!(
                "there is no profile {directory}: make one with `ephemeral init --server ADDRESS`"
            )));
        }
        let mut profile = Profile::open(&directory, &self.passphrase.read()?)?;
        profile.follow(&Book::open(&book_path()?)?);
        Ok(profile)
    }
}

/// How much a client keeps in memory, at most, in bytes: what waits to be shown and sent, twice.
const MOST_KEPT: usize = 64 << 20;

/// Makes a profile that is kept nowhere but in memory, which is locked. It says so if it cannot be.
pub(super) fn in_memory(server: Authority, name: &str) -> Result<Profile, Failure> {
    if let Err(error) = hardening::lock_memory(MOST_KEPT) {
        say(&error.to_string());
    }
    Ok(Profile::create(None, server, name)?)
}

/// Takes a name that is one folder, and no other.
fn name(text: &str) -> Result<String, String> {
    let plain = |character: char| character.is_alphanumeric() || matches!(character, '-' | '_');
    if text.is_empty() || text.len() > 64 || !text.chars().all(plain) {
        return Err("a profile's name has 1 to 64 letters, digits, - and _".to_owned());
    }
    Ok(text.to_owned())
}
