//! Why a private file cannot be used, with the user, the path, and what to do, each said once.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The operating system refuses.
#[derive(Debug)]
pub struct FileError {
    /// What was tried: a verb.
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl FileError {
    /// Makes an error out of the system's: `action`, a verb, was tried on `path`.
    pub fn of(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { action, path: path.clone(), source }
    }

    /// Returns what the system says, in a word.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.source.kind()
    }

    /// Returns the file or directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what was tried: a verb.
    #[must_use]
    pub fn action(&self) -> &'static str {
        self.action
    }

    /// Returns the system's own error, for a sentence in another language.
    #[must_use]
    pub fn cause(&self) -> &io::Error {
        &self.source
    }

    /// Returns the system's own error.
    #[must_use]
    pub fn into_io(self) -> io::Error {
        self.source
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { action, path, source } = self;
        write!(formatter, "cannot {action} {}: {}", path.display(), explain(source, path))
    }
}

// Without a source: the text above has it already, and a report that walks the chain would say it
// twice.
impl std::error::Error for FileError {}

/// Returns what the system's error means for the operator, and what to do about it.
#[must_use]
pub fn explain(error: &io::Error, path: &Path) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied => format!("permission denied{}", who(path)),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "the disk is full: make room on it".to_owned(),
        ErrorKind::ReadOnlyFilesystem => {
            "its file system is read-only: mount it so that it can be written, or use another directory".to_owned()
        }
        _ => error.to_string(),
    }
}

/// The user who is refused, and the owner of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoAccess {
    /// Who this is.
    pub user: u32,
    /// The file, or the nearest directory above it that can be seen, with its owner and its mode.
    pub seen: Option<(PathBuf, u32, u32)>,
}

impl NoAccess {
    /// Looks who this is, and whose the file is; where the system has such owners.
    #[cfg(unix)]
    #[must_use]
    pub fn to(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;

        let user = rustix::process::geteuid().as_raw();
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let seen = absolute.ancestors().find_map(|path| {
            let metadata = path.metadata().ok()?;
            Some((path.to_owned(), metadata.uid(), metadata.mode() & 0o7777))
        });
        Some(Self { user, seen })
    }

    /// Looks who this is, and whose the file is; where the system has such owners.
    #[cfg(not(unix))]
    #[must_use]
    pub fn to(_: &Path) -> Option<Self> {
        None
    }
}

/// Says who this is, whose the file is, and how to change that.
fn who(path: &Path) -> String {
    let Some(NoAccess { user, seen }) = NoAccess::to(path) else { return String::new() };
    let Some((path, owner, mode)) = seen else { return format!(" to user {user}") };
    let path = path.display();
    if owner == user {
        return format!(" to user {user}, whose {path} is (mode {mode:o}): chmod u+rwX {path}");
    }
    format!(
        " to user {user}: {path} belongs to user {owner} (mode {mode:o}). Run this as that user, or: chown {user} {path}"
    )
}
