//! The names of files that come: a hidden one until a file is whole, and then its own, which never
//! takes another's place.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// How many files of one name a folder may have.
const MOST_ALIKE: u32 = 10_000;

/// Returns a new name for what is not whole yet.
pub(super) fn part() -> String {
    format!(".ephemeral-{}.part", uuid::Uuid::new_v4().simple())
}

/// Gives a file its name, or that name with a number. Nothing is overwritten.
pub(super) fn give_name(part: &Path, name: &str) -> io::Result<PathBuf> {
    for number in 1..MOST_ALIKE {
        let path = part.with_file_name(numbered(name, number));
        match link(part, &path) {
            Ok(()) => {
                sync_folder(&path)?;
                return Ok(path);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

/// Moves a file to a path where there is none.
fn link(part: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(part, path) {
        Ok(()) => fs::remove_file(part),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            // A process that ended just now may have given it this name.
            if is_same(part, path) { fs::remove_file(part) } else { Err(error) }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Err(error),
        // A file system without second names: an empty file takes the name first.
        Err(_) => {
            drop(fs::OpenOptions::new().write(true).create_new(true).open(path)?);
            fs::rename(part, path).inspect_err(|_| drop(fs::remove_file(path)))
        }
    }
}

#[cfg(unix)]
fn is_same(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let place = |path| fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino())).ok();
    place(one).is_some() && place(one) == place(other)
}

#[cfg(not(unix))]
fn is_same(_: &Path, _: &Path) -> bool {
    false
}

/// Returns the name, with a number before its kind if it is not the first.
fn numbered(name: &str, number: u32) -> String {
    match (number, name.rsplit_once('.')) {
        (1, _) => name.to_owned(),
        (number, Some((stem, kind))) if !stem.is_empty() => format!("{stem}-{number}.{kind}"),
        (number, _) => format!("{name}-{number}"),
    }
}

/// Makes the names in the folder of a file durable.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_never_takes_the_place_of_another_and_gets_a_number_instead() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.tar.gz"), "mine").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("/nowhere", folder.path().join("a.tar-2.gz")).unwrap();
        let part = folder.path().join(part());
        std::fs::write(&part, "theirs").unwrap();
        let path = give_name(&part, "a.tar.gz").unwrap();
        assert_eq!(path, folder.path().join("a.tar-3.gz"));
        assert_eq!(std::fs::read(path).unwrap(), b"theirs");
        assert_eq!(std::fs::read(folder.path().join("a.tar.gz")).unwrap(), b"mine");
        assert!(!part.exists());
    }

    #[test]
    fn a_file_that_got_its_name_just_before_the_process_ended_gets_no_second_one() {
        let folder = tempfile::tempdir().unwrap();
        let part = folder.path().join(part());
        std::fs::write(&part, "x").unwrap();
        fs::hard_link(&part, folder.path().join("x")).unwrap();
        assert_eq!(give_name(&part, "x").unwrap(), folder.path().join("x"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn numbers_stand_before_what_says_the_kind() {
        assert_eq!(numbered("a.txt", 2), "a-2.txt");
        assert_eq!(numbered("a", 3), "a-3");
    }
}
