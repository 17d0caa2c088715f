//! `ephemeral passphrase`, `backup`, `restore` and `panic`: what becomes of the profile's file.

use std::path::PathBuf;

use clap::Args;

use super::exit::{Exit, Failure, say};
use super::output::print;
use super::passphrase;
use super::profile::ProfileArgs;
use super::words::{fl, path, said};
use ephemeral_client::engine::Profile;
use ephemeral_client::vault::{Erased, Vault, VaultError, backup};

#[derive(Args)]
#[command(after_help = "Example:\n  ephemeral passphrase")]
pub(super) struct PassphraseCommand {
    /// A file with the new passphrase in its first line; otherwise it is asked for at the terminal.
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    profile: ProfileArgs,
}

pub(super) fn change_passphrase(args: &PassphraseCommand) -> Result<(), Failure> {
    let mut profile = args.profile.open()?;
    let new = match &args.new_passphrase_file {
        Some(file) => passphrase::from_file(file)?,
        None => passphrase::new()?,
    };
    Ok(profile.change_passphrase(&new)?)
}

#[derive(Args)]
#[command(after_help = "\
Example:
  ephemeral backup /media/stick/ephemeral.age

The backup is sealed with the passphrase of the profile. It is good for 8 to 15 days of conversation:
what it knows of a contact is older then than what the contact still has, and a new invite is needed.
Make one often, or none.")]
pub(super) struct BackupArgs {
    /// The new file. It is never overwritten.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    profile: ProfileArgs,
}

pub(super) fn back_up(args: &BackupArgs) -> Result<(), Failure> {
    let directory = args.profile.directory()?;
    let passphrase = args.profile.passphrase.read()?;
    let mut profile = Profile::open(&directory, &passphrase)?;
    profile.back_up(|state| backup::write(&args.file, &passphrase, state))?;
    say(&fl!("backup-done"));
    Ok(())
}

#[derive(Args)]
#[command(after_help = "\
Example:
  ephemeral restore /media/stick/ephemeral.age

Do this only if the profile is lost: it must not be used in two places. Conversations begin anew, so
that no key is used twice: whoever has not answered after a week needs a new invite.")]
pub(super) struct RestoreArgs {
    /// The backup.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    profile: ProfileArgs,
}

pub(super) fn restore(args: &RestoreArgs) -> Result<(), Failure> {
    let directory = args.profile.directory()?;
    if Vault::exists(&directory) {
        return Err(VaultError::Exists(directory).into());
    }
    let passphrase = args.profile.passphrase.read()?;
    let state = backup::read(&args.file, &passphrase)?;
    let profile = Profile::restore(&directory, &passphrase, &state)?;
    let contacts = profile.core().contacts().len();
    print(&format!("{}\n", fl!("restore-done", count = contacts)))
}

#[derive(Args)]
#[command(after_help = "\
Example:
  ephemeral panic

It asks nothing, needs no passphrase, and works while another `ephemeral` runs, which ends then.
Everything that the profile was is overwritten and deleted. What flash memory keeps of overwritten
files is out of its reach: an encrypted disk is what helps there.")]
pub(super) struct PanicArgs {
    #[command(flatten)]
    profile: ProfileArgs,
}

pub(super) async fn panic(args: &PanicArgs) -> Result<(), Failure> {
    // Before the files are gone, and the socket with them. Whatever becomes of it stops nothing.
    let running = args.profile.running().await.unwrap_or_default();
    let directory = args.profile.directory()?;
    let memory_only = running.is_some() && !Vault::exists(&directory);
    let erased = if memory_only { Erased::default() } else { Vault::erase(&directory)? };
    super::reach::end_erased(running).await;
    for file in &erased.removed {
        print(&format!("{}\n", fl!("panic-erased", path = path(file))))?;
    }
    let trouble: Vec<_> = erased.left.iter().chain(&erased.not_overwritten).map(said::of).collect();
    if trouble.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Exit::Storage, fl!("panic-incomplete", why = trouble.join("; "))))
}
