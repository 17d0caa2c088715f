//! The directory of the clients: what is added is there, and what cannot be added leaves nothing
//! behind.

#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use ephemeral_tor::DiscoverySecret;

fn key() -> DiscoveryKey {
    DiscoverySecret::generate().unwrap().public()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn entries(state_dir: &Path) -> usize {
    fs::read_dir(directory(state_dir)).unwrap().count()
}

#[test]
fn a_client_is_a_file_that_c_tor_reads_for_the_owner_alone() {
    let state = tempfile::tempdir().unwrap();
    let key = key();
    add(state.path(), "alice", &key).unwrap();
    let path = state.path().join("clients/alice.auth");
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{key}\n"));
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert_eq!(list(state.path()).unwrap(), Clients::from([("alice".to_owned(), key)]));
    assert_eq!(entries(state.path()), 1, "and nothing beside it");
}

#[test]
fn a_client_that_was_removed_is_gone() {
    let state = tempfile::tempdir().unwrap();
    assert!(list(state.path()).unwrap().is_empty(), "no directory, no clients");
    assert!(matches!(remove(state.path(), "alice"), Err(ClientsError::Missing(_))));
    add(state.path(), "alice", &key()).unwrap();
    remove(state.path(), "alice").unwrap();
    assert_eq!(entries(state.path()), 0);
    assert!(matches!(remove(state.path(), "alice"), Err(ClientsError::Missing(_))));
}

#[test]
fn no_name_and_no_key_is_used_twice() {
    let state = tempfile::tempdir().unwrap();
    let first = key();
    let second = key();
    add(state.path(), "alice", &first).unwrap();
    assert!(matches!(add(state.path(), "alice", &second), Err(ClientsError::Exists(name)) if name == "alice"));
    assert!(matches!(add(state.path(), "bob", &first), Err(ClientsError::SameKey(name)) if name == "alice"));
    assert_eq!(list(state.path()).unwrap(), Clients::from([("alice".to_owned(), first)]));
    assert_eq!(entries(state.path()), 1);
}

#[test]
fn a_name_is_no_path_and_nothing_that_arti_would_refuse() {
    let state = tempfile::tempdir().unwrap();
    for name in ["", "../alice", "a/b", "Alice", "ä", "-a", "_a", ".a", "a.b", "a b", &"a".repeat(33)] {
        assert!(matches!(add(state.path(), name, &key()), Err(ClientsError::Name(_))), "{name}");
        assert!(matches!(remove(state.path(), name), Err(ClientsError::Name(_))), "{name}");
    }
    for name in ["a", "0", "a-b_c", &"a".repeat(32)] {
        add(state.path(), name, &key()).unwrap();
    }
}

#[test]
fn there_are_as_many_clients_as_a_descriptor_has_room_for() {
    let state = tempfile::tempdir().unwrap();
    for number in 0..MAX_CLIENTS {
        add(state.path(), &format!("client{number}"), &key()).unwrap();
    }
    assert!(matches!(add(state.path(), "one-more", &key()), Err(ClientsError::TooMany)));
    fs::write(state.path().join("clients/by-hand.auth"), key().to_string()).unwrap();
    let (clients, left_out) = usable(state.path()).unwrap();
    assert_eq!((clients.len(), left_out), (MAX_CLIENTS, 1));
}

#[test]
fn a_file_that_is_no_client_is_named_to_the_operator_and_left_out_by_the_service() {
    let state = tempfile::tempdir().unwrap();
    add(state.path(), "alice", &key()).unwrap();
    fs::write(state.path().join("clients/README"), "not meant").unwrap();
    assert_eq!(list(state.path()).unwrap().len(), 1);
    fs::write(state.path().join("clients/Bob.auth"), key().to_string()).unwrap();
    assert!(matches!(list(state.path()), Err(ClientsError::Name(name)) if name == "Bob"));
    assert_eq!(usable(state.path()).unwrap().1, 1);
    fs::remove_file(state.path().join("clients/Bob.auth")).unwrap();
    for content in ["", "something else", &"x".repeat(5000)] {
        fs::write(state.path().join("clients/bob.auth"), content).unwrap();
        let error = list(state.path()).unwrap_err().to_string();
        assert!(error.contains("clients/bob.auth"), "{error}");
        let (clients, left_out) = usable(state.path()).unwrap();
        assert_eq!((clients.len(), left_out), (1, 1));
    }
}
