//! What a person reads of the figures.

use serde_json::{Value, json};

use super::*;

/// Figures of a server, with these on top.
pub(in crate::cli::status) fn answer(more: &Value) -> StatsAnswer {
    let totals = json!({"accepted": 0, "duplicates": 0, "rejected": 0, "delivered": 0, "expired": 0});
    let mut figures = json!({
        "status": "healthy", "state_dir": "/state", "version": "1", "timestamp": "2026-01-02T12:00:00.000Z",
        "uptime_s": 61, "clients": 3, "unauthenticated": 1, "pending_messages": 0, "pending_bytes": 250,
        "remembered_ids": 0, "known_fingerprints": 0, "messages": totals, "last_minute": totals,
        "bounds": {"clients": 10, "unauthenticated": 100, "circuits": 0, "bytes": 1000, "ttl_s": 1, "max_ttl_s": 1},
        "process": {"resident_bytes": 0, "open_files": 0, "tasks": 0},
        "security": {"counts": {"malformed": 2, "quota": 5, "takeover": 0}, "blocked": 0, "remembered": 0,
            "recent": [{"at": "2026-01-02T12:00:00.000Z", "kind": "quota", "who": "key-abc"}]},
    });
    for (key, value) in more.as_object().unwrap() {
        figures[key] = value.clone();
    }
    serde_json::from_value(figures).unwrap()
}

/// Returns an onion service with an address of the true length.
pub(in crate::cli::status) fn onion(phase: &str) -> Value {
    json!({"address": format!("{}.onion", "a".repeat(56)), "reachability": phase, "reason": "no network",
        "bootstrap_percent": 40, "bootstrap": "", "arti": "degraded, unreachable", "probe": null,
        "descriptor_age_s": null, "introduction_points": 3, "circuits": 0, "established_circuits": 0,
        "refused": {}, "proof_of_work": true, "restricted_to": null})
}

#[test]
fn times_and_sizes_are_written_for_people() {
    let times = [0, 59, 60, 3_661, 90_061, 86_400].map(duration);
    assert_eq!(times, ["0 s", "59 s", "1 min", "1 h 1 min", "1 d 1 h", "1 d"]);
    assert_eq!([0, 1023, 1536, 256 << 20].map(bytes), ["0 B", "1023 B", "1.5 KiB", "256.0 MiB"]);
}

#[test]
fn the_report_says_once_and_first_whether_clients_can_connect_and_has_the_whole_address() {
    for (status, phase, first) in [
        ("healthy", "reachable", "reachable: clients can connect\n"),
        ("degraded", "degraded", "NOT REACHABLE, it goes on trying: no network\n"),
        ("starting", "starting", "starting: connecting to the Tor network, 40 %; clients cannot connect yet\n"),
    ] {
        let report = report(&answer(&json!({"status": status, "onion": onion(phase)})));
        let address = format!("\nhttp://{}.onion\n", "a".repeat(56));
        assert!(report.starts_with(first) && report.contains(&address), "{report}");
        // What Arti thinks of it would be a second opinion.
        assert!(!report.contains("degraded, unreachable"), "{report}");
        assert_eq!(
            report.to_lowercase().matches("reachable").count(),
            first.to_lowercase().matches("reachable").count()
        );
        for part in ["3 of 10", "security events: quota 5, malformed 2\n", "quota            key-abc"] {
            assert!(report.contains(part), "{part}: {report}");
        }
    }
}

#[test]
fn the_dead_man_switch_is_shown_where_there_is_one_and_warned_of_in_the_last_quarter() {
    let mut switch = json!({"after_days": 4, "left_s": 90_061, "low": false, "keys": false,
        "checked_in": "2026-01-02T12:00:00.000Z"});
    let said = report(&answer(&json!({"dead_man": switch})));
    let line = "dead-man switch    1 d 1 h left of 4 d, then it erases everything that waits · checked in 2026-";
    assert!(said.contains(line), "{said}");
    switch["low"] = true.into();
    switch["keys"] = true.into();
    let said = report(&answer(&json!({"dead_man": switch})));
    assert!(said.contains("ABOUT TO GO OFF: 1 d 1 h") && said.contains("the identity"), "{said}");
    assert!(!report(&answer(&json!({}))).contains("dead-man"));
}

#[test]
fn what_the_machines_of_a_cluster_publish_together_is_said() {
    let union = json!({"publisher": "b", "machines": 2, "introduction_points": 6});
    let machine = json!({"node": "a", "role": "stands_by", "has_keys": true, "active": "b", "union": union});
    let said = report(&answer(&json!({"cluster": machine})));
    assert!(said.contains("2 machines, 6 introduction points · b publishes them"), "{said}");
}

#[test]
fn a_machine_of_a_cluster_says_what_it_is_and_who_is_active() {
    let mut machine = json!({"node": "b", "role": "stands_by", "has_keys": true, "active": "a", "confirmed": true});
    let said = report(&answer(&json!({"cluster": machine})));
    assert!(said.contains("machine            b stands by, and it has the keys · a is active\n"), "{said}");
    machine["journal_entries"] = 1000.into();
    machine["journal_bytes"] = (704 << 10).into();
    let said = report(&answer(&json!({"cluster": machine})));
    assert!(said.contains("the keys · a is active · 1000 entries of the journal, 1 MiB\n"), "{said}");
    machine["journal_entries"] = 0.into();
    machine["has_keys"] = false.into();
    machine["active"] = Value::Null;
    let said = report(&answer(&json!({"cluster": machine})));
    assert!(said.contains("IT HAS NO KEYS, and cannot take over · no machine is known to be active\n"), "{said}");
    machine["role"] = "active".into();
    let said = report(&answer(&json!({"cluster": machine})));
    assert!(said.contains("machine            b is the active one\n"), "{said}");
    // Whether it is the right one, the first machine of all cannot know.
    machine["confirmed"] = false.into();
    machine["has_twin"] = true.into();
    let said = report(&answer(&json!({"cluster": machine})));
    let row = "b is the active one · no other machine has CONFIRMED its secret_file and its service's key yet · ANOTHER PROCESS HAS \
               ITS NAME\n";
    assert!(said.contains(row), "{said}");
    assert!(!report(&answer(&json!({}))).contains("machine"));
}

#[test]
fn blocks_are_listed_one_a_line() {
    assert_eq!(blocks(&BlocksAnswer::default()), "nobody is blocked\n");
    let list = json!({"blocks": [{"who": "address-x", "until": "2026-01-02T12:00:00.000Z"}]});
    let list = serde_json::from_value(list).unwrap();
    assert_eq!(blocks(&list), "address-x  until 2026-01-02T12:00:00.000Z\n");
}
