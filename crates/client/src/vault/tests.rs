//! A vault on the real disk: what is there after each call, and who is refused.

#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::*;

mod damage;
mod disk;
mod erasing;
mod interrupted;
mod processes;

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned()).unwrap()
}

fn right() -> Passphrase {
    passphrase("correct horse")
}

/// Returns a directory for a vault that is not there yet.
fn place() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().canonicalize().unwrap().join("profiles/alice");
    (parent, directory)
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Opens a vault that was dropped. A child process that another test starts holds its lock, too,
/// from the moment when it is forked until it executes its program.
fn reopen(directory: &Path, passphrase: &Passphrase) -> Result<(Vault, Zeroizing<Vec<u8>>), VaultError> {
    let patience = Instant::now() + Duration::from_secs(10);
    loop {
        match Vault::open(directory, passphrase) {
            Err(VaultError::Locked { .. }) if Instant::now() < patience => std::thread::yield_now(),
            outcome => return outcome,
        }
    }
}

fn state_of(directory: &Path, passphrase: &Passphrase) -> Vec<u8> {
    reopen(directory, passphrase).unwrap().1.to_vec()
}

fn content(mut file: &File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn the_last_state_that_was_written_is_the_one_that_is_opened() {
    let (_parent, directory) = place();
    assert!(!Vault::exists(&directory));
    let mut vault = Vault::create(&directory, &right(), b"one").unwrap();
    assert!(Vault::exists(&directory));
    vault.write(b"two").unwrap();
    vault.write(&[3; 200_000]).unwrap();
    drop(vault);
    let (mut vault, state) = reopen(&directory, &right()).unwrap();
    assert_eq!(*state, [3; 200_000]);
    vault.write(b"four").unwrap();
    drop(vault);
    assert_eq!(state_of(&directory, &right()), b"four");
}

#[test]
fn directory_and_files_are_their_owners_alone_and_nothing_is_left_beside_them() {
    let (_parent, directory) = place();
    let mut vault = Vault::create(&directory, &right(), b"one").unwrap();
    vault.write(b"two").unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(directory.parent().unwrap()), 0o700);
    assert_eq!(names(&directory), [KEY, lock::FILE, STATE]);
    for name in names(&directory) {
        assert_eq!(mode(&directory.join(&name)), 0o600, "{name}");
    }
}

#[test]
fn the_length_of_a_state_does_not_show() {
    let (_parent, directory) = place();
    let mut vault = Vault::create(&directory, &right(), b"").unwrap();
    for length in [0, 1, 60_000, (64 << 10) - 8] {
        vault.write(&vec![1; length]).unwrap();
        // age adds a header, and noise of a random length to it.
        let above = directory.join(STATE).metadata().unwrap().len() - (64 << 10);
        assert!((150..1000).contains(&above), "{length}: {above}");
    }
}

#[test]
fn the_bytes_of_a_state_that_was_replaced_are_zeros() {
    let (_parent, directory) = place();
    let mut vault = Vault::create(&directory, &right(), b"one").unwrap();
    let old_state = File::open(directory.join(STATE)).unwrap();
    vault.write(b"two").unwrap();
    let old = content(&old_state);
    assert!(old.len() > 64 << 10 && old.iter().all(|byte| *byte == 0));

    let old_state = File::open(directory.join(STATE)).unwrap();
    let old_key = File::open(directory.join(KEY)).unwrap();
    vault.change_passphrase(&passphrase("battery"), b"three").unwrap();
    for old in [content(&old_state), content(&old_key)] {
        assert!(old.len() > 100 && old.iter().all(|byte| *byte == 0));
    }
}

#[test]
fn a_changed_passphrase_is_the_only_one_and_goes_with_another_key() {
    let (_parent, directory) = place();
    let mut vault = Vault::create(&directory, &right(), b"one").unwrap();
    let old_key = fs::read(directory.join(KEY)).unwrap();
    let old_state = fs::read(directory.join(STATE)).unwrap();
    vault.change_passphrase(&passphrase("battery"), b"two").unwrap();
    vault.write(b"three").unwrap();
    drop(vault);
    assert!(matches!(reopen(&directory, &right()), Err(VaultError::WrongPassphrase(_))));
    assert_eq!(state_of(&directory, &passphrase("battery")), b"three");
    let open = |sealed: &[u8]| seal::StateKey::open_itself(&old_key, &right()).unwrap().open(sealed);
    assert_eq!(*open(&old_state).unwrap(), b"one");
    assert_eq!(open(&fs::read(directory.join(STATE)).unwrap()), Err(seal::OpenError::OtherKey));
}

#[test]
fn a_vault_that_is_there_is_not_created_again_and_one_that_is_not_is_not_opened() {
    let (_parent, directory) = place();
    assert!(matches!(reopen(&directory, &right()), Err(VaultError::Missing(_))));
    assert!(!directory.exists(), "looking for a vault makes none");
    drop(Vault::create(&directory, &right(), b"one").unwrap());
    assert!(matches!(Vault::create(&directory, &right(), b"two"), Err(VaultError::Exists(_))));
    assert_eq!(state_of(&directory, &right()), b"one");
}

#[test]
fn an_ephemeral_vault_forgets_what_it_is_given() {
    let mut vault = Vault::ephemeral();
    vault.write(b"one").unwrap();
    vault.change_passphrase(&right(), b"two").unwrap();
    assert_eq!(format!("{vault:?}"), "Vault { directory: None, .. }");
}

/// Measures the disk that `TMPDIR` is on. By hand:
/// `cargo test --workspace --lib what_a_commit_takes -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
#[allow(clippy::print_stdout, reason = "a measurement")]
fn what_a_commit_takes_on_this_disk() {
    let (_parent, directory) = place();
    let mut vault = Vault::create(&directory, &right(), b"state").unwrap();
    for contacts in [1, 20, 100] {
        let state = vec![b'x'; 1_000 + contacts * 10_816];
        let mut took: Vec<Duration> = Vec::new();
        for _ in 0..100 {
            let start = Instant::now();
            vault.write(&state).unwrap();
            took.push(start.elapsed());
        }
        took.sort_unstable();
        let [median, most] = [took[50], took[99]].map(|time| time.as_secs_f64() * 1e3);
        println!("{contacts:>3} contacts, {} KiB: median {median:.2} ms, most {most:.2} ms", state.len() >> 10);
    }
}
