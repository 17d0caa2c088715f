//! What a person is asked: for a passphrase, and whether what cannot be undone is meant. A script
//! is never asked: without a terminal it has to say so with a flag or a file.

use std::io::{BufRead as _, ErrorKind, IsTerminal as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use age::secrecy::{ExposeSecret as _, SecretString};
use clap::Args;
use zeroize::Zeroize as _;

use super::KeysError;
use ephemeral_tor::private_file;

/// Characters of a new passphrase, at least.
const SHORTEST: usize = 8;
/// Bytes of a file with one, at most.
const MOST_BYTES: usize = 1024;
/// Its name among systemd's credentials (`LoadCredential=backup-passphrase:PATH`).
const CREDENTIAL: &str = "backup-passphrase";

/// The source of the passphrase: never the command line, which every user of the machine can read.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct PassphraseSource {
    /// Read the passphrase from the first line of this file, instead of asking for it [default: the
    /// credential backup-passphrase, where systemd passes one]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseSource {
    /// Asks for a passphrase to encrypt with: on a terminal it is asked for twice, since nobody
    /// sees what was typed.
    pub(super) fn new_one(&self) -> Result<SecretString, KeysError> {
        let passphrase = match self.file_or_credential()? {
            Some(passphrase) => passphrase,
            None => {
                let first = prompt("Passphrase for the backup: ")?;
                let second = prompt("The same again: ")?;
                if first.expose_secret() != second.expose_secret() {
                    return Err(KeysError::Passphrase("the two are not the same".into()));
                }
                first
            }
        };
        if passphrase.expose_secret().chars().count() < SHORTEST {
            return Err(KeysError::Passphrase(format!(
                "it has fewer than {SHORTEST} characters, which anybody who finds the backup would guess. Five or six \
                 random words are good"
            )));
        }
        Ok(passphrase)
    }

    /// Asks for a passphrase to decrypt with.
    pub(super) fn existing(&self) -> Result<SecretString, KeysError> {
        match self.file_or_credential()? {
            Some(passphrase) => Ok(passphrase),
            None => prompt("Passphrase of the backup: "),
        }
    }

    fn file_or_credential(&self) -> Result<Option<SecretString>, KeysError> {
        if let Some(path) = &self.passphrase_file {
            return read(path).map(Some);
        }
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|directory| !directory.is_empty());
        match credentials.map(|directory| Path::new(&directory).join(CREDENTIAL)).filter(|path| path.exists()) {
            Some(path) => read(&path).map(Some),
            None => Ok(None),
        }
    }
}

fn read(path: &Path) -> Result<SecretString, KeysError> {
    let refused = |why: &str| KeysError::Passphrase(format!("{} {why}", path.display()));
    // A pipe has no permissions that would mean anything.
    if let Ok(metadata) = path.metadata()
        && metadata.is_file()
        && metadata.mode() & 0o077 != 0
    {
        return Err(refused("can be read by others: run `chmod 600` on it"));
    }
    let bytes = match private_file::read(path, MOST_BYTES) {
        Err(error) if error.kind() == ErrorKind::FileTooLarge => {
            return Err(refused("is no file with a passphrase: too long, or not UTF-8"));
        }
        bytes => bytes?,
    };
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match std::str::from_utf8(line) {
        Ok("") => Err(refused("is empty, or its first line is")),
        Ok(line) => Ok(SecretString::from(line)),
        _ => Err(refused("is no file with a passphrase: too long, or not UTF-8")),
    }
}

fn prompt(question: &str) -> Result<SecretString, KeysError> {
    if !std::io::stdin().is_terminal() {
        return Err(KeysError::Passphrase("there is no terminal to ask on: give --passphrase-file FILE".into()));
    }
    let typed = rpassword::prompt_password(question).map_err(|error| KeysError::Passphrase(error.to_string()))?;
    Ok(SecretString::from(typed))
}

/// Asks for a word to be typed, before what cannot be undone, or not easily.
pub(in crate::cli) fn to_type(question: &str, word: &str, yes: bool) -> Result<(), KeysError> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(KeysError::NotAgreed("there is no terminal to ask on, and --yes was not given"));
    }
    let mut stderr = std::io::stderr();
    // A closed stderr is answered with nothing, and that is no agreement.
    let _ = write!(stderr, "{question}\nType {word} to go on: ").and_then(|()| stderr.flush());
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    let agreed = read.is_ok() && line.trim() == word;
    line.zeroize();
    if agreed { Ok(()) } else { Err(KeysError::NotAgreed("that was not what was asked for")) }
}

/// Returns as much of an address as shows that somebody has read it.
pub(super) fn first_letters(address: &str) -> &str {
    address.get(..6).unwrap_or(address)
}
