//! The dashboard in `docs/grafana.json`: it asks for nothing that `/metrics` does not print.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ephemeral::events::Kind;
use ephemeral::metrics::{Bounds, Metrics};
use ephemeral::transport::CircuitStats;
use ephemeral::transport::onion_service::{OnionStatus, Phase, Probe};
use ephemeral_core::protocol::Millis;
use ephemeral_test_support::rig::{Rig, UP};
use serde_json::Value;
use tokio::sync::watch;

fn dashboard() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/grafana.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Returns the text of `/metrics` of a server whose onion service has all there is to say about
/// one.
fn printed() -> String {
    let rig = Rig::new();
    let probe = Probe { at: UP, answered: true, took: Duration::from_millis(700) };
    let published = Some(Millis(UP.0 - 60_000));
    let status = OnionStatus { phase: Phase::Reachable, probe: Some(probe), published, ..OnionStatus::default() };
    let (_status, receiver) = watch::channel(status);
    let bounds =
        Bounds { clients: 1, unauthenticated: 1, circuits: 1, bytes: 1 << 20, ttl_s: 86_400, max_ttl_s: 604_800 };
    let hub = Arc::clone(&rig.hub);
    let admission = Arc::clone(&rig.server.admission);
    let dead_man = watch::channel(None).1;
    let onion = Some((receiver, Arc::<CircuitStats>::default()));
    Metrics::new(hub, admission, bounds, onion, (dead_man, None)).prometheus(true)
}

/// Returns the names of the series in the text, each with the names of its labels.
fn series(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::<String, BTreeSet<String>>::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_at(line.find(['{', ' ']).unwrap());
        let labels = rest.split(['{', ',']).filter_map(|part| part.split_once('=')).map(|(label, _)| label.to_owned());
        found.entry(name.to_owned()).or_default().extend(labels);
    }
    found
}

/// Returns every name that begins as ours do.
fn names(query: &str) -> BTreeSet<&str> {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("ephemeral_")).collect()
}

/// Collects every text in the document that has this key.
fn texts<'a>(document: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match document {
        Value::Object(fields) => {
            found.extend(fields.get(key).and_then(Value::as_str));
            fields.values().for_each(|value| texts(value, key, found));
        }
        Value::Array(values) => values.iter().for_each(|value| texts(value, key, found)),
        _ => {}
    }
}

#[tokio::test(start_paused = true)]
async fn every_name_in_its_queries_is_one_that_the_server_prints() {
    let document = dashboard();
    let series = series(&printed());
    let mut queries = Vec::new();
    for key in ["expr", "definition", "query"] {
        texts(&document, key, &mut queries);
    }
    assert!(queries.len() > 20, "{queries:?}");
    for query in queries {
        for name in names(query) {
            assert!(series.contains_key(name), "{name} of {query:?} is not one of {:?}", series.keys());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_name_in_the_page_about_monitoring_is_one_that_the_server_prints() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/monitoring.md");
    let page = fs::read_to_string(path).unwrap();
    let series = series(&printed());
    let named = names(&page);
    assert!(named.len() > 5, "{named:?}");
    for name in named {
        assert!(series.contains_key(name), "{name} is not one of {:?}", series.keys());
    }
    for kind in page.split("kind=~\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        let names: Vec<_> = kind.split('|').collect();
        assert!(names.iter().all(|name| Kind::ALL.iter().any(|kind| kind.name() == *name)), "{names:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_series_that_the_server_prints_is_in_it() {
    let document = dashboard();
    let series = series(&printed());
    let mut queries = Vec::new();
    texts(&document, "expr", &mut queries);
    let asked: BTreeSet<&str> = queries.into_iter().flat_map(names).collect();
    let missing: Vec<_> = series.keys().filter(|name| !asked.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test(start_paused = true)]
async fn a_label_in_a_legend_is_one_of_the_series_that_it_belongs_to() {
    let document = dashboard();
    let series = series(&printed());
    let targets =
        document["panels"].as_array().unwrap().iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let mut seen = 0;
    for target in targets {
        let legend = target["legendFormat"].as_str().unwrap();
        let query = target["expr"].as_str().unwrap();
        for label in legend.split("{{").skip(1).map(|rest| rest.split_once("}}").unwrap().0) {
            seen += 1;
            for name in names(query) {
                assert!(series[name].contains(label), "{name} has no label {label}");
            }
        }
    }
    assert_eq!(seen, 2, "refused circuits by reason, security events by kind");
}

#[test]
fn its_panels_have_numbers_of_their_own_and_do_not_overlap() {
    let document = dashboard();
    let panels = document["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}", panel["title"]);
        let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(place("x") + place("w") <= 24, "{}", panel["title"]);
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{} overlaps another one", panel["title"]);
            }
        }
    }
    assert!(document["schemaVersion"].as_u64().unwrap() >= 38, "Grafana 10");
}
