//! What may be said to Arti, and what is said about its directories.

#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn table(text: &str) -> toml::Table {
    text.parse().unwrap()
}

#[test]
fn an_empty_table_is_valid() {
    validate_table(&toml::Table::new()).unwrap();
}

#[test]
fn what_arti_knows_is_valid() {
    validate_table(&table(
        "path_rules.ipv4_subnet_family_prefix = 33\n\
         address_filter.allow_local_addrs = true\n\
         override_net_params.cbtmintimeout = 5000\n\
         system.memory.max = '100 MB'\n\
         bridges.enabled = false\n\
         storage.permissions.dangerously_trust_everyone = true",
    ))
    .unwrap();
}

#[test]
fn an_unknown_key_is_named() {
    for (text, key) in [
        ("nonsense = 1", "tor.nonsense"),
        ("path_rules.nonsense = 1", "tor.path_rules.nonsense"),
        ("logging.console = 'debug'", "tor.logging"),
        ("storage.nonsense = 1", "tor.storage.nonsense"),
    ] {
        let error = validate_table(&table(text)).unwrap_err();
        assert!(error.contains(key), "{text}: {error}");
    }
}

#[test]
fn a_wrong_value_names_its_key() {
    for (text, key) in [
        ("path_rules.ipv4_subnet_family_prefix = 'wide'", "ipv4_subnet_family_prefix"),
        ("path_rules = 7", "path_rules"),
        ("storage = 7", "tor.storage"),
        ("vanguards.mode = 'heavy'", "vanguards.mode"),
        ("bridges.bridges = ['not a bridge line at all']", "bridges"),
    ] {
        let error = validate_table(&table(text)).unwrap_err();
        assert!(error.contains(key), "{text}: {error}");
    }
}

#[test]
fn the_table_cannot_move_the_files() {
    for key in ["state_dir", "cache_dir"] {
        let error = validate_table(&table(&format!("storage.{key} = '/tmp/x'"))).unwrap_err();
        assert!(error.contains(&format!("tor.storage.{key}")), "{error}");
    }
}

#[test]
fn a_directory_that_others_can_write_is_refused_with_the_command_that_mends_it() {
    let parent = tempfile::tempdir().unwrap();
    let state = parent.path().join("state");
    std::fs::create_dir(&state).unwrap();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o777)).unwrap();
    let config = config(toml::Table::new(), &state).unwrap();
    let error = make_directories(&config, &state).unwrap_err().to_string();
    assert!(error.contains(&format!("chmod g-w,o-w {}", state.display())), "{error}");

    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
    make_directories(&config, &state).unwrap();
    let mode = std::fs::metadata(state.join("tor/state")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_file_in_the_place_of_the_directory_is_reported_with_its_path() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let config = config(toml::Table::new(), file.path()).unwrap();
    let error = make_directories(&config, file.path()).unwrap_err().to_string();
    assert!(error.contains(&file.path().display().to_string()), "{error}");
}

#[tokio::test]
async fn a_second_client_on_the_same_state_is_refused_until_the_first_has_gone() {
    let state = tempfile::tempdir().unwrap();
    let start = || owned_client(config(toml::Table::new(), state.path()).unwrap(), state.path());
    let (first, tasks) = start().unwrap();
    let refusal = start().map(drop).unwrap_err();
    assert!(matches!(refusal, TorError::InUse(_)), "{refusal}");
    drop(first);
    tasks.end().await;
    start().unwrap();
}

#[tokio::test]
async fn clients_that_only_connect_share_their_state() {
    let state = tempfile::tempdir().unwrap();
    let start = |table: &str| client(config(self::table(table), state.path()).unwrap(), state.path());
    let _first = start("").unwrap();
    let _second = start("").unwrap();
    let refusal = start("vanguards.mode = 'full'").map(drop).unwrap_err();
    assert!(matches!(refusal, TorError::InUse(_)), "{refusal}");
}
