//! The address, and settings that Arti does not take.

use super::super::arti_config::{limit_memory, queue_depth};
use super::super::{PROOF_OF_WORK, Vanguards};
use super::*;
use crate::transport::onion_service;

#[test]
fn the_address_is_made_without_a_network_and_stays_the_same() {
    let state = tempfile::tempdir().unwrap();
    let address = onion_service::address(state.path(), "ephemeral").unwrap();
    assert!(address.len() == 62 && address.ends_with(".onion"), "{address}");
    assert_eq!(onion_service::address(state.path(), "ephemeral").unwrap(), address);
    assert_ne!(onion_service::address(state.path(), "another").unwrap(), address);
}

#[test]
fn a_nickname_that_cannot_be_one_names_its_key() {
    let state = tempfile::tempdir().unwrap();
    let error = onion_service::address(state.path(), "../other").unwrap_err().to_string();
    assert!(error.starts_with("onion.nickname"), "{error}");
}

#[test]
fn a_number_of_introduction_points_that_arti_refuses_names_its_key() {
    let error = service_config(&Config { introduction_points: 21, ..Config::default() }, None).unwrap_err();
    assert!(error.to_string().starts_with("onion.introduction_points"), "{error}");
}

#[test]
fn how_far_vanguards_go_is_set_in_one_place() {
    let table = "vanguards.mode = 'lite'".parse().unwrap();
    let error = onion_service::validate_tor_table(&table).unwrap_err();
    assert!(error.contains("tor.vanguards.mode") && error.contains("onion.vanguards"), "{error}");
    for vanguards in [Vanguards::Lite, Vanguards::Full] {
        client_config(&Config { vanguards, ..Config::default() }, Path::new("/nonexistent")).unwrap();
    }
}

#[test]
fn the_limit_of_arti_s_memory_is_the_operator_s_or_ours() {
    let limit = |tor: &str| {
        let settings = Config { tor: tor.parse().unwrap(), ..Config::default() };
        let mut table = settings.tor.clone();
        limit_memory(&mut table, settings.memory_bytes.unwrap()).unwrap();
        client_config(&settings, Path::new("/nonexistent")).unwrap();
        table["system"]["memory"]["max"].clone()
    };
    assert_eq!(limit(""), toml::Value::Integer(128 << 20));
    assert_eq!(limit("system.memory.low_water = 1000000"), toml::Value::Integer(128 << 20));
    assert_eq!(limit("system.memory.max = '100 MB'"), toml::Value::String("100 MB".into()));
    let settings = Config { tor: "system = 7".parse().unwrap(), ..Config::default() };
    let error = client_config(&settings, Path::new("/nonexistent")).unwrap_err().to_string();
    assert!(error.contains("tor.system"), "{error}");
}

#[test]
fn proof_of_work_follows_what_the_program_was_built_with() {
    let settings = |proof_of_work| Config { proof_of_work, ..Config::default() };
    service_config(&settings(PROOF_OF_WORK), None).unwrap();
    service_config(&settings(false), None).unwrap();
    if !PROOF_OF_WORK {
        let error = service_config(&settings(true), None).unwrap_err().to_string();
        assert!(error.contains("onion.proof_of_work") && error.contains("--features pow"), "{error}");
    }
    assert_eq!(Config::default().proof_of_work, PROOF_OF_WORK);
}

#[test]
fn the_queue_of_arti_is_bounded_whatever_the_rate() {
    assert_eq!([0, 1, 25, u32::MAX].map(queue_depth), [64, 64, 500, 8192]);
}

#[test]
fn the_names_of_clients_are_ones_that_arti_takes() {
    let key = tor::DiscoverySecret::generate().unwrap().public();
    let names = ["alice", "0", "a-b_c", super::super::restriction::OWN];
    let settings = Config::default();
    service_config(&settings, Some(&mut names.into_iter().map(|name| (name, &key)))).unwrap();
}
