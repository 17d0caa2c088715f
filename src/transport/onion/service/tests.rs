//! The address, and settings that Arti does not take.

use super::*;
use crate::transport::onion;

#[test]
fn the_address_is_made_without_a_network_and_stays_the_same() {
    let state = tempfile::tempdir().unwrap();
    let address = onion::address(state.path(), "ephemeral").unwrap();
    assert!(address.len() == 62 && address.ends_with(".onion"), "{address}");
    assert_eq!(onion::address(state.path(), "ephemeral").unwrap(), address);
    assert_ne!(onion::address(state.path(), "another").unwrap(), address);
}

#[test]
fn a_nickname_that_cannot_be_one_names_its_key() {
    let state = tempfile::tempdir().unwrap();
    let error = onion::address(state.path(), "../other").unwrap_err().to_string();
    assert!(error.starts_with("onion.nickname"), "{error}");
}

#[test]
fn a_number_of_introduction_points_that_arti_refuses_names_its_key() {
    let error = service_config(&Settings { introduction_points: 21, ..Settings::default() }).unwrap_err();
    assert!(error.to_string().starts_with("onion.introduction_points"), "{error}");
}

#[test]
fn how_far_vanguards_go_is_set_in_one_place() {
    let table = "vanguards.mode = 'lite'".parse().unwrap();
    let error = onion::validate_tor_table(&table).unwrap_err();
    assert!(error.contains("tor.vanguards.mode") && error.contains("onion.vanguards"), "{error}");
    for vanguards in [Vanguards::Lite, Vanguards::Full] {
        client_config(&Settings { vanguards, ..Settings::default() }, Path::new("/nonexistent")).unwrap();
    }
}
