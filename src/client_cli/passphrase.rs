//! Where a passphrase comes from: a file or a pipe, or the person at the terminal.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::Args;
use zeroize::Zeroizing;

use super::exit::Failure;
use super::words::{files, fl, said};
use ephemeral_client::secret_file;
use ephemeral_client::vault::Passphrase;

#[derive(Args)]
pub(super) struct PassphraseArgs {
    /// A file with the passphrase of the profile in its first line, or a pipe such as <(pass
    /// ephemeral); otherwise it is asked for at the terminal.
    #[arg(long, env = "EPHEMERAL_PASSPHRASE_FILE", value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseArgs {
    /// Returns whether it stands in a file: nobody is asked then.
    pub(super) fn is_given(&self) -> bool {
        self.passphrase_file.is_some()
    }

    /// Returns the passphrase of a profile that there is.
    pub(super) fn read(&self) -> Result<Passphrase, Failure> {
        match &self.passphrase_file {
            Some(file) => from_file(file),
            None => Ok(Passphrase::new(asked(&fl!("passphrase-ask"))?.to_string())?),
        }
    }

    /// Returns the passphrase of a new profile: at the terminal it is asked for twice.
    pub(super) fn read_new(&self) -> Result<Passphrase, Failure> {
        match &self.passphrase_file {
            Some(file) => from_file(file),
            None => new(),
        }
    }
}

/// Asks for a new passphrase, twice.
pub(super) fn new() -> Result<Passphrase, Failure> {
    let first = asked(&fl!("passphrase-ask-new"))?;
    if first != asked(&fl!("passphrase-ask-again"))? {
        return Err(Failure::usage(fl!("passphrase-differ")));
    }
    Ok(Passphrase::new(first.to_string())?)
}

/// Reads the first line of a file.
pub(super) fn from_file(file: &Path) -> Result<Passphrase, Failure> {
    let text = secret_file::read_text(file).map_err(|error| Failure::local(said::of(&error)))?;
    Ok(Passphrase::new(text.lines().next().unwrap_or_default().to_owned())?)
}

fn asked(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(fl!("passphrase-no-terminal")));
    }
    let failed = |error| Failure::local(fl!("passphrase-unread", why = files::system(&error)));
    rpassword::prompt_password(format!("{prompt} ")).map(Zeroizing::new).map_err(failed)
}
