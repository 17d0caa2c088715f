//! What is on the disk after each call, and what is not any more.

#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn content(file: &mut File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_new_file_is_the_owners_alone_and_nothing_lies_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep/er/secret");
    create_directory(path.parent().unwrap()).unwrap();
    create_new(&path, b"secret").unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(names(path.parent().unwrap()), ["secret"]);
    assert_eq!(*read(&path, 6).unwrap(), b"secret");
}

#[test]
fn what_is_there_is_not_created_again_also_if_it_is_a_link_to_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    create_new(&path, b"first").unwrap();
    assert_eq!(create_new(&path, b"second").unwrap_err().kind(), ErrorKind::AlreadyExists);
    let link = directory.path().join("link");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    assert_eq!(create_new(&link, b"third").unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(*read(&path, 100).unwrap(), b"first");
    assert_eq!(names(directory.path()), ["link", "secret"]);
}

#[test]
fn a_file_that_is_longer_than_it_may_be_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, "12345").unwrap();
    assert_eq!(read(&path, 4).unwrap_err().kind(), ErrorKind::FileTooLarge);
    assert_eq!(read_text(&path, 5).unwrap().as_str(), "12345");
    fs::write(&path, [0xff]).unwrap();
    assert_eq!(read_text(&path, 5).unwrap_err().kind(), ErrorKind::InvalidData);
}

#[test]
fn a_replaced_file_is_another_one_and_what_an_interrupted_change_left_is_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(staged(&path), "leftover").unwrap();
    let mut leftover = File::open(staged(&path)).unwrap();
    replace(&path, b"one").unwrap();
    assert_eq!(content(&mut leftover), [0; 8]);
    let mut one = File::open(&path).unwrap();
    replace(&path, b"two").unwrap();
    assert_eq!(content(&mut one), b"one", "this one keeps its bytes for anyone who reads it");
    assert_eq!(*read(&path, 3).unwrap(), b"two");
    assert_eq!(names(directory.path()), ["file"]);
}

#[test]
fn the_bytes_of_a_file_that_was_replaced_for_good_are_gone_under_every_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let link = directory.path().join("hard-link");
    fs::write(&path, "secret").unwrap();
    fs::hard_link(&path, &link).unwrap();
    replace_and_erase(&path, b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(fs::read(&link).unwrap(), [0; 6]);
    fs::hard_link(&path, directory.path().join("another")).unwrap();
    erase(&path).unwrap();
    assert_eq!(fs::read(directory.path().join("another")).unwrap(), [0; 3]);
    assert!(!path.exists());
    erase(&path).unwrap();
}

#[test]
fn a_link_is_removed_and_what_it_leads_to_is_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let link = directory.path().join("link");
    fs::write(&path, "secret").unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    erase(&link).unwrap();
    assert_eq!(names(directory.path()), ["file"]);
    assert_eq!(fs::read(&path).unwrap(), b"secret");
}

#[test]
fn an_error_names_path_and_remedy_once() {
    let path = Path::new("/etc/x");
    let says = |kind: ErrorKind| FileError::of("create", path)(kind.into()).to_string();
    let denied = says(ErrorKind::PermissionDenied);
    assert!(denied.starts_with("cannot create /etc/x: permission denied to user "), "{denied}");
    assert!(denied.contains("chown") || denied.contains("chmod"), "{denied}");
    let full = says(ErrorKind::StorageFull);
    assert_eq!(full, "cannot create /etc/x: the disk is full: make room on it");
    let read_only = says(ErrorKind::ReadOnlyFilesystem);
    assert_eq!(read_only.matches("read-only").count(), 1, "{read_only}");
}
