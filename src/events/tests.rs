//! Counters, the ring, pseudonyms, and what reaches the log.

use std::io::Write;
use std::sync::{Arc, Mutex};

use super::*;
use ephemeral_core::protocol::Fingerprint;

const NOW: Millis = Millis(1_767_355_200_000);
const DAY: u64 = 86_400_000;

fn events() -> Events {
    Events::new(NOW).unwrap()
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn logged(what: impl FnOnce()) -> Vec<serde_json::Value> {
    let captured = Captured::default();
    let writer = captured.clone();
    let lines = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(lines, what);
    let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_kind_has_a_name_and_a_place_of_its_own() {
    for (place, kind) in Kind::ALL.into_iter().enumerate() {
        assert_eq!(kind as usize, place);
        assert_eq!(Kind::ALL.iter().filter(|other| other.name() == kind.name()).count(), 1);
    }
}

#[test]
fn the_ring_keeps_the_most_recent_ones_and_the_counters_count_all() {
    let events = events();
    for number in 0..1000 {
        events.note(NOW.plus(number), Kind::Malformed, Some(&Subject::Circuit(number)));
    }
    assert_eq!(events.count(Kind::Malformed), 1000);
    assert_eq!(events.count(Kind::Quota), 0);
    let recent = events.recent(usize::MAX);
    assert_eq!((recent.len(), recent[0].at, recent[KEPT - 1].at), (KEPT, NOW.plus(999), NOW.plus(744)));
    assert_eq!(events.recent(3).len(), 3);
}

#[test]
fn the_same_peer_has_the_same_name_for_a_day_and_another_one_the_next() {
    let other = events();
    let events = events();
    let who = Subject::Address(&[127, 0, 0, 1]);
    let name = events.pseudonym(NOW, &who);
    assert_eq!(events.pseudonym(NOW.plus(1000), &who), name);
    assert_ne!(events.pseudonym(NOW, &Subject::Address(&[127, 0, 0, 2])), name);
    assert_ne!(other.pseudonym(NOW, &who), name, "another process");
    let tomorrow = events.pseudonym(NOW.plus(DAY), &who);
    assert_ne!(tomorrow, name);
    assert_ne!(events.pseudonym(NOW, &who), name, "the key is gone");
}

#[test]
fn yesterdays_key_is_gone_though_nobody_was_named_today() {
    let events = events();
    let key = |events: &Events| events.lock().pseudonyms.key;
    let yesterday = key(&events);
    events.settle(NOW.plus(60_000));
    assert_eq!(key(&events), yesterday);
    events.settle(NOW.plus(DAY));
    assert_ne!(key(&events), yesterday);
}

#[test]
fn no_identifier_is_in_a_line_of_the_log() {
    let fingerprint = Fingerprint::from_bytes([0xab; 32]);
    let lines = logged(|| {
        let events = events();
        events.note(NOW, Kind::Takeover, Some(&Subject::Fingerprint(&fingerprint)));
        events.note(NOW, Kind::Overload, None);
    });
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["target"], &lines[0]["kind"]), (&"security".into(), &"takeover".into()));
    let who = lines[0]["who"].as_str().unwrap();
    assert!(who.starts_with("key-") && who.len() == 17, "{who}");
    assert!(!lines[0].to_string().contains("abab"), "{}", lines[0]);
    assert!(lines[1].get("who").is_none(), "{}", lines[1]);
}

#[test]
fn a_flood_does_not_flood_the_log_and_its_size_is_told() {
    let lines = logged(|| {
        let events = events();
        for number in 0..5000 {
            events.note(NOW.plus(number / 5), Kind::AuthFailed, Some(&Subject::Circuit(number)));
            events.note(NOW.plus(number / 5), Kind::Oversize, Some(&Subject::Circuit(number)));
        }
        events.settle(NOW.plus(2000));
        events.settle(NOW.plus(60_000));
        events.settle(NOW.plus(120_000));
    });
    let of = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).collect::<Vec<_>>();
    assert_eq!((lines.len(), of("auth_failed").len()), (22, 11));
    assert_eq!(of("auth_failed")[10]["held_back"], 4990, "said once, when there is room for a line");
}
