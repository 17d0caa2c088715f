//! The mark of a wipe that was asked for while no server ran: a file in the state directory, which
//! the next start obeys before it restores anything.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Its name in the state directory.
pub const NAME: &str = "wipe";

/// The wipe that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WipeMark {
    /// The mark asks to erase what waits.
    Messages,
    /// The mark asks to erase the identity, too.
    Identity,
}

impl WipeMark {
    const fn text(self) -> &'static str {
        match self {
            Self::Messages => "messages\n",
            Self::Identity => "identity\n",
        }
    }
}

/// Returns the mark's file.
#[must_use]
pub fn path(state_dir: &Path) -> PathBuf {
    state_dir.join(NAME)
}

/// Leaves the mark, on the disk and not only in a cache, for the owner of the state directory. A
/// mark that asks for more stays.
///
/// # Errors
/// If the state directory is not there, or cannot be written.
pub fn write(state_dir: &Path, mark: WipeMark) -> io::Result<()> {
    if read(state_dir) == Some(WipeMark::Identity) {
        return Ok(());
    }
    put(state_dir, mark)
}

/// Takes note that the identity is erased: what is left for the next start are messages, if a
/// service manager holds any. At no moment is there no mark.
///
/// # Errors
/// As [`write()`]; the mark then still asks for both.
pub fn identity_is_gone(state_dir: &Path) -> io::Result<()> {
    put(state_dir, WipeMark::Messages)
}

fn put(state_dir: &Path, mark: WipeMark) -> io::Result<()> {
    let path = path(state_dir);
    let beside = path.with_extension("new");
    let no_link = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600).custom_flags(no_link);
    let mut file = options.open(&beside)?;
    file.write_all(mark.text().as_bytes())?;
    let owner = fs::metadata(state_dir)?;
    if owner.uid() != rustix::process::geteuid().as_raw() {
        // Root left it for the service's user, who is to read it.
        std::os::unix::fs::fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
    }
    file.sync_all()?;
    fs::rename(&beside, &path)?;
    File::open(state_dir)?.sync_all()
}

/// Returns the mark, if there is one. One that cannot be read asks for the messages: a wipe too
/// many is better than one too few.
#[must_use]
pub fn read(state_dir: &Path) -> Option<WipeMark> {
    let mut text = String::new();
    match File::open(path(state_dir)).and_then(|file| file.take(64).read_to_string(&mut text)) {
        Ok(_) if text == WipeMark::Identity.text() => Some(WipeMark::Identity),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => None,
        Ok(_) | Err(_) => Some(WipeMark::Messages),
    }
}

/// Removes the mark, once what it asks for is done.
///
/// # Errors
/// If it is still there. No mark is no error.
pub fn clear(state_dir: &Path) -> io::Result<()> {
    match fs::remove_file(path(state_dir)) {
        Ok(()) => File::open(state_dir)?.sync_all(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stays_until_it_is_cleared_and_one_for_the_identity_is_not_weakened() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(read(directory.path()), None);
        clear(directory.path()).unwrap();
        write(directory.path(), WipeMark::Messages).unwrap();
        assert_eq!(read(directory.path()), Some(WipeMark::Messages));
        write(directory.path(), WipeMark::Identity).unwrap();
        write(directory.path(), WipeMark::Messages).unwrap();
        assert_eq!(read(directory.path()), Some(WipeMark::Identity));
        identity_is_gone(directory.path()).unwrap();
        assert_eq!(read(directory.path()), Some(WipeMark::Messages));
        clear(directory.path()).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        assert!(write(&directory.path().join("nowhere"), WipeMark::Messages).is_err());
    }

    #[test]
    fn a_mark_that_cannot_be_read_still_asks_for_a_wipe() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(path(directory.path())).unwrap();
        assert_eq!(read(directory.path()), Some(WipeMark::Messages));
        fs::remove_dir(path(directory.path())).unwrap();
        fs::write(path(directory.path()), [0xff; 100]).unwrap();
        assert_eq!(read(directory.path()), Some(WipeMark::Messages));
    }
}
