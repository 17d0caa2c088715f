//! Where the passphrase of a profile comes from: a file or a pipe, else the terminal. Never the command line, which every
//! user of the machine can read, and no environment variable, which every process started from here would inherit.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;
use zeroize::Zeroizing;

use super::exit::{Exit, Failure};
use ephemeral_client::{Passphrase, VaultError};
use ephemeral_tor::private_file;

/// Characters of a new passphrase, at least.
const SHORTEST: usize = 8;
/// Bytes of a file with one, at most.
const MOST_BYTES: usize = 1024;

/// Says why there is no passphrase.
#[derive(Debug, thiserror::Error)]
pub enum PassphraseError {
    /// Nobody can be asked.
    #[error(
        "there is no terminal to ask for the passphrase on: give --passphrase-file FILE, which may be a pipe, or set \
         EPHEMERAL_PASSPHRASE_FILE"
    )]
    NoTerminal,
    /// The terminal did not answer.
    #[error("cannot ask for the passphrase: {0}")]
    Asking(std::io::Error),
    /// What was typed the second time is not what was typed the first time.
    #[error("the two passphrases are not the same: try again")]
    Different,
    /// A new one would soon be guessed.
    #[error(
        "the passphrase has fewer than {SHORTEST} characters, which anybody who finds the files would guess. Six random \
         words are good"
    )]
    TooShort,
    /// The file cannot be used.
    #[error("the passphrase file {} {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is the matter with it, and what to do.
        why: String,
    },
    /// It is none.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl From<PassphraseError> for Failure {
    fn from(error: PassphraseError) -> Self {
        let exit = if matches!(error, PassphraseError::NoTerminal) { Exit::Usage } else { Exit::Local };
        Self::new(exit, error.to_string())
    }
}

/// The options of each command that opens a profile.
#[derive(Args, Debug, Clone)]
pub struct PassphraseArgs {
    /// Read the passphrase from the first line of this file or pipe, instead of asking for it.
    #[arg(long = "passphrase-file", env = "EPHEMERAL_PASSPHRASE_FILE", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl PassphraseArgs {
    /// Returns one to encrypt with. On a terminal it is asked for twice, since nobody sees what was typed.
    ///
    /// # Errors
    /// [`PassphraseError`].
    pub fn new_one(&self) -> Result<Passphrase, PassphraseError> {
        self.new_one_asked(&mut on_terminal)
    }

    /// Returns one to decrypt with.
    ///
    /// # Errors
    /// [`PassphraseError`].
    pub fn existing(&self) -> Result<Passphrase, PassphraseError> {
        self.existing_asked(&mut on_terminal)
    }

    fn new_one_asked(&self, ask: &mut Ask<'_>) -> Result<Passphrase, PassphraseError> {
        let text = match &self.file {
            Some(file) => read(file)?,
            None => {
                let first = ask("New passphrase: ")?;
                let second = ask("The same again: ")?;
                if *first != *second {
                    return Err(PassphraseError::Different);
                }
                first
            }
        };
        if text.chars().count() < SHORTEST {
            return Err(PassphraseError::TooShort);
        }
        made(text)
    }

    fn existing_asked(&self, ask: &mut Ask<'_>) -> Result<Passphrase, PassphraseError> {
        made(match &self.file {
            Some(file) => read(file)?,
            None => ask("Passphrase: ")?,
        })
    }
}

/// Asks a question whose answer is not shown.
type Ask<'a> = dyn FnMut(&str) -> Result<Zeroizing<String>, PassphraseError> + 'a;

fn made(mut text: Zeroizing<String>) -> Result<Passphrase, PassphraseError> {
    Ok(Passphrase::new(std::mem::take(&mut *text))?)
}

/// Asks on the terminal itself: the input may be a message, and the output a pipe.
fn on_terminal(question: &str) -> Result<Zeroizing<String>, PassphraseError> {
    if cfg!(unix) && File::options().read(true).write(true).open("/dev/tty").is_err() {
        return Err(PassphraseError::NoTerminal);
    }
    rpassword::prompt_password(question).map(Zeroizing::new).map_err(PassphraseError::Asking)
}

fn read(path: &Path) -> Result<Zeroizing<String>, PassphraseError> {
    let refused = |why: String| PassphraseError::File { path: path.to_owned(), why };
    let unreadable =
        |error: std::io::Error| refused(format!("cannot be read: {}", private_file::explain(&error, path)));
    let file = File::open(path).map_err(unreadable)?;
    // Of the open file, not of the path. A pipe has no permissions that would mean anything.
    let metadata = file.metadata().map_err(unreadable)?;
    #[cfg(unix)]
    if metadata.is_file() && std::os::unix::fs::MetadataExt::mode(&metadata) & 0o077 != 0 {
        return Err(refused(format!("can be read by others: run `chmod 600 {}`", path.display())));
    }
    let text = private_file::read_open_text(file, path, MOST_BYTES).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => refused("is too long: its first line is to be the passphrase".to_owned()),
        ErrorKind::InvalidData => refused("is no text in UTF-8".to_owned()),
        _ => unreadable(error.into_io()),
    })?;
    match text.lines().next() {
        None | Some("") => Err(refused("is empty, or its first line is".to_owned())),
        Some(line) => Ok(Zeroizing::new(line.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use ephemeral_client::vault::backup;

    fn from(file: &Path) -> PassphraseArgs {
        PassphraseArgs { file: Some(file.to_owned()) }
    }

    fn written(text: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        file
    }

    fn no_terminal(question: &str) -> Result<Zeroizing<String>, PassphraseError> {
        panic!("nobody is to be asked {question}")
    }

    /// Opens a backup that was encrypted with a text, to see that the passphrase is that text.
    fn is(passphrase: &Passphrase, text: &str) -> bool {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut recipient = age::scrypt::Recipient::new(age::secrecy::SecretString::from(text));
        recipient.set_work_factor(2);
        std::fs::write(file.path(), age::encrypt(&recipient, b"no state").unwrap()).unwrap();
        match backup::read(file.path(), passphrase) {
            Err(VaultError::WrongPassphrase(_)) => false,
            // It was decrypted, and is none.
            Err(VaultError::NotABackup { .. }) => true,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_first_line_of_a_file_or_a_pipe_is_the_passphrase() {
        for text in ["correct horse", "correct horse\n", "correct horse\r\nmore\n"] {
            let file = written(text.as_bytes());
            let passphrase = from(file.path()).existing_asked(&mut no_terminal).unwrap();
            assert!(is(&passphrase, "correct horse"), "{text:?}");
            assert!(!is(&passphrase, text) || text == "correct horse");
            let (reader, mut writer) = std::io::pipe().unwrap();
            writer.write_all(text.as_bytes()).unwrap();
            drop(writer);
            let pipe = format!("/dev/fd/{}", reader.as_raw_fd());
            assert!(is(&from(Path::new(&pipe)).new_one_asked(&mut no_terminal).unwrap(), "correct horse"));
        }
    }

    #[test]
    fn a_file_that_cannot_be_one_is_refused_with_what_to_do() {
        let says = |text: &[u8], mode: u32| {
            let file = written(text);
            std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            let error = from(file.path()).existing_asked(&mut no_terminal).unwrap_err().to_string();
            assert!(error.contains(&file.path().display().to_string()), "{error}");
            error
        };
        assert!(says(b"correct horse", 0o644).contains("chmod 600"));
        assert!(says(b"", 0o600).contains("empty"));
        assert!(says(b"\nsecond", 0o600).contains("empty"));
        assert!(says(&[b'a'; 2000], 0o600).contains("too long"));
        assert!(says(&[0xff, 0xfe], 0o600).contains("UTF-8"));
        let missing = from(Path::new("/nowhere/at/all")).existing_asked(&mut no_terminal).unwrap_err();
        assert!(missing.to_string().contains("/nowhere/at/all"), "{missing}");
    }

    #[test]
    fn a_new_one_is_asked_for_twice_and_is_not_too_short() {
        let asked = |answers: &[&str]| {
            let mut answers = answers.iter();
            let mut ask = |_: &str| Ok(Zeroizing::new((*answers.next().unwrap()).to_owned()));
            let passphrase = PassphraseArgs { file: None }.new_one_asked(&mut ask);
            assert!(answers.next().is_none(), "every question is asked");
            passphrase
        };
        assert!(is(&asked(&["correct horse", "correct horse"]).unwrap(), "correct horse"));
        assert!(matches!(asked(&["correct horse", "correct house"]), Err(PassphraseError::Different)));
        assert!(matches!(asked(&["short", "short"]), Err(PassphraseError::TooShort)));
        let short = written(b"short\n");
        assert!(from(short.path()).new_one_asked(&mut no_terminal).is_err());
        assert!(from(short.path()).existing_asked(&mut no_terminal).is_ok(), "one that is there is taken as it is");
    }
}
