//! The key store, against the address that the service itself takes from it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use ephemeral::transport::onion_service;
use ephemeral_tor::{Keystore, KeystoreError, ServiceKey, TorError};

const NICKNAME: &str = "ephemeral";

fn to_change(state_dir: &Path) -> Keystore {
    Keystore::open_to_change(&toml::Table::new(), state_dir, NICKNAME).unwrap()
}

fn to_read(state_dir: &Path) -> Keystore {
    Keystore::open(&toml::Table::new(), state_dir, NICKNAME).unwrap()
}

fn state_dir() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn the_key_that_arti_made_is_read() {
    let directory = state_dir();
    let address = onion_service::address(directory.path(), NICKNAME).unwrap();
    assert_eq!(to_read(directory.path()).key().unwrap().unwrap().address(), address);
    assert!(Keystore::open(&toml::Table::new(), directory.path(), "another").unwrap().key().unwrap().is_none());
}

#[test]
fn reading_creates_nothing() {
    let directory = state_dir();
    assert!(to_read(&directory.path().join("new")).key().unwrap().is_none());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_key_that_was_put_in_is_the_services_and_only_its_owner_can_read_it() {
    let directory = state_dir();
    let key = ServiceKey::generate().unwrap();
    to_change(directory.path()).insert(&key).unwrap();
    assert_eq!(onion_service::address(directory.path(), NICKNAME).unwrap(), key.address());
    let kept = directory.path().join("tor/state/keystore/hss").join(NICKNAME);
    let file = fs::read_dir(kept).unwrap().next().unwrap().unwrap();
    assert!(file.file_name().to_string_lossy().starts_with("ks_hs_id."), "{file:?}");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0);
    // The same one again is no news.
    to_change(directory.path()).insert(&key).unwrap();
}

#[test]
fn another_key_is_not_overwritten_unless_that_is_asked_for() {
    let directory = state_dir();
    let address = onion_service::address(directory.path(), NICKNAME).unwrap();
    let key = ServiceKey::generate().unwrap();
    let refused = to_change(directory.path()).insert(&key);
    assert!(matches!(refused, Err(KeystoreError::Exists(there)) if there == address));
    assert_eq!(onion_service::address(directory.path(), NICKNAME).unwrap(), address);
    to_change(directory.path()).replace(&key).unwrap();
    assert_eq!(onion_service::address(directory.path(), NICKNAME).unwrap(), key.address());
}

#[test]
fn what_was_derived_from_the_old_key_goes_with_it_and_other_services_keep_theirs() {
    let directory = state_dir();
    onion_service::address(directory.path(), NICKNAME).unwrap();
    let other = onion_service::address(directory.path(), "other").unwrap();
    let keys = directory.path().join("tor/state/keystore/hss").join(NICKNAME);
    let state = directory.path().join("tor/state/hss").join(NICKNAME);
    fs::create_dir_all(&state).unwrap();
    fs::write(state.join("ipts.json"), "{}").unwrap();
    fs::write(keys.join("ks_hs_blind_id+20000_1440_43200.ed25519_expanded_private"), "").unwrap();
    fs::create_dir(keys.join("ipts")).unwrap();
    let key = ServiceKey::generate().unwrap();
    to_change(directory.path()).replace(&key).unwrap();
    assert!(!state.exists(), "the introduction points are those of the old address");
    let left: Vec<_> = fs::read_dir(&keys).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(onion_service::address(directory.path(), "other").unwrap(), other);
}

#[test]
fn nothing_is_changed_while_somebody_else_uses_the_state_directory() {
    let directory = state_dir();
    let first = to_change(directory.path());
    let second = Keystore::open_to_change(&toml::Table::new(), directory.path(), NICKNAME);
    assert!(matches!(second, Err(KeystoreError::Tor(TorError::InUse(_)))));
    drop(first);
    to_change(directory.path());
}

#[test]
fn a_key_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    let directory = state_dir();
    onion_service::address(directory.path(), NICKNAME).unwrap();
    let keys = directory.path().join("tor/state/keystore/hss").join(NICKNAME);
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o755)).unwrap();
    let error = to_read(directory.path()).key().unwrap_err().to_string();
    assert!(error.contains("chmod"), "{error}");
}
