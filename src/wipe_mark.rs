//! A wipe that was asked for while no server could be asked: a file in the state directory, which the next server obeys
//! before it takes over anything that waits.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The file's name. What is in it does not matter.
pub const WIPE: &str = "wipe";

/// Tells whether a wipe was asked for. What cannot be looked at counts as asked for.
#[must_use]
pub fn wipe_is_asked(state_dir: &Path) -> bool {
    match fs::symlink_metadata(state_dir.join(WIPE)) {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
    }
}

/// Asks for a wipe. It is on the disk when this returns.
///
/// # Errors
/// What the operating system says: then nobody may rely on it.
pub fn ask_for_wipe(state_dir: &Path) -> io::Result<()> {
    let no_link = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let options = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).custom_flags(no_link).clone();
    options.open(state_dir.join(WIPE))?.sync_all()?;
    File::open(state_dir)?.sync_all()
}

/// Forgets that a wipe was asked for, after it was carried out.
///
/// # Errors
/// What the operating system says: then the next server wipes once more.
pub fn clear_wipe(state_dir: &Path) -> io::Result<()> {
    match fs::remove_file(state_dir.join(WIPE)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => File::open(state_dir)?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wipe_is_asked_for_until_it_is_cleared() {
        let directory = tempfile::tempdir().expect("a directory");
        assert!(!wipe_is_asked(directory.path()) && !wipe_is_asked(&directory.path().join("none")));
        ask_for_wipe(directory.path()).expect("to write");
        ask_for_wipe(directory.path()).expect("to write again");
        assert!(wipe_is_asked(directory.path()));
        clear_wipe(directory.path()).expect("to remove");
        clear_wipe(directory.path()).expect("nothing to do");
        assert!(!wipe_is_asked(directory.path()));
    }

    #[test]
    fn a_link_in_its_place_is_not_followed() {
        let directory = tempfile::tempdir().expect("a directory");
        std::os::unix::fs::symlink(directory.path().join("elsewhere"), directory.path().join(WIPE)).expect("a link");
        assert!(ask_for_wipe(directory.path()).is_err());
        assert!(!directory.path().join("elsewhere").exists());
        assert!(wipe_is_asked(directory.path()), "a link is a mark as well");
    }
}
