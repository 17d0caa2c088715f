//! The daemon's figures in words.

use serde_json::Value;

/// A number of the figures; 0 where there is none.
pub(in crate::cli) fn number(figures: &Value, pointer: &str) -> u64 {
    figures.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

/// A text of the figures; empty where there is none.
pub(in crate::cli) fn text<'figures>(figures: &'figures Value, pointer: &str) -> &'figures str {
    figures.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// `1 d 2 h`, `3 min 4 s`: the two largest units.
pub(in crate::cli) fn duration(seconds: u64) -> String {
    let units = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (size, name) in units {
        if rest >= size && parts.len() < 2 {
            parts.push(format!("{} {name}", rest / size));
            rest %= size;
        } else if !parts.is_empty() {
            break;
        }
    }
    if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
}

/// `1.5 MiB`.
#[allow(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub(super) fn bytes(bytes: u64) -> String {
    let mut size = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if size < 1024.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{size:.1} {unit}") };
        }
        size /= 1024.0;
    }
    format!("{size:.1} TiB")
}

/// What matters most, in one line.
pub(super) fn headline(figures: &Value) -> String {
    let state = match text(figures, "/status") {
        "healthy" if figures.get("onion").is_some() => "reachable: clients can connect".to_owned(),
        "healthy" => "running, without an onion service".to_owned(),
        "starting" => format!(
            "starting: {} %, {}",
            number(figures, "/onion/bootstrap_percent"),
            text(figures, "/onion/bootstrap")
        ),
        "degraded" => format!("NOT REACHABLE: {}", text(figures, "/onion/reason")),
        other => other.to_owned(),
    };
    format!("{state} · up {} · version {}", duration(number(figures, "/uptime_s")), text(figures, "/version"))
}

/// The rows below the headline: a name, and what there is to say.
pub(super) fn rows(figures: &Value) -> Vec<(&'static str, String)> {
    let n = |pointer: &str| number(figures, pointer);
    let of = |value: &str, bound: &str| format!("{} of {}", n(value), n(bound));
    let mut rows = Vec::new();
    if figures.get("onion").is_some() {
        rows.push(("address", format!("http://{}", text(figures, "/onion/address"))));
        rows.extend(onion(figures));
    }
    rows.extend(dead_man(figures));
    rows.extend([
        ("clients", of("/clients", "/bounds/clients")),
        ("not authenticated", of("/unauthenticated", "/bounds/unauthenticated")),
        (
            "waiting",
            format!(
                "{} messages, {} of {}",
                n("/pending_messages"),
                bytes(n("/pending_bytes")),
                bytes(n("/bounds/bytes"))
            ),
        ),
        (
            "messages",
            format!(
                "{} accepted, {} delivered, {} expired, {} refused, {} sent again",
                n("/messages/accepted"),
                n("/messages/delivered"),
                n("/messages/expired"),
                n("/messages/rejected"),
                n("/messages/duplicates")
            ),
        ),
        (
            "last minute",
            format!(
                "{} accepted, {} delivered, {} refused",
                n("/last_minute/accepted"),
                n("/last_minute/delivered"),
                n("/last_minute/rejected")
            ),
        ),
        (
            "process",
            format!("{} of memory, {} open files", bytes(n("/process/resident_bytes")), n("/process/open_files")),
        ),
        ("blocked", n("/security/blocked").to_string()),
    ]);
    rows
}

/// What there is to say of the dead-man switch: how it stood until this look at it, which is a check-in.
fn dead_man(figures: &Value) -> Option<(&'static str, String)> {
    let switch = figures.get("dead_man")?;
    let what = if switch["keys"] == true { "everything and the identity" } else { "everything that waits" };
    let left = duration(number(switch, "/left_s"));
    let (days, since) = (number(switch, "/after_days"), text(switch, "/checked_in"));
    let warning = if switch["low"] == true { "WAS ABOUT TO GO OFF: " } else { "" };
    Some((
        "dead-man switch",
        format!("{warning}{left} were left of {days} d, then it erases {what} · checked in {since}"),
    ))
}

/// What there is to say of the onion service.
fn onion(figures: &Value) -> Vec<(&'static str, String)> {
    let n = |pointer: &str| number(figures, pointer);
    let tor = format!("{} % · Arti says: {}", n("/onion/bootstrap_percent"), text(figures, "/onion/arti"));
    let probe = match figures.pointer("/onion/probe").filter(|probe| !probe.is_null()) {
        Some(probe) => {
            let went = if probe["answered"] == true { "answered" } else { "NOT answered" };
            format!("{went} after {} ms, at {}", number(probe, "/took_ms"), text(probe, "/at"))
        }
        None => "not yet".to_owned(),
    };
    let descriptor = figures.pointer("/onion/descriptor_age_s").and_then(Value::as_u64);
    let descriptor = descriptor.map_or("not yet".to_owned(), |age| format!("{} ago", duration(age)));
    let defence = if figures.pointer("/onion/proof_of_work") == Some(&Value::Bool(true)) { "on" } else { "off" };
    let discovery = figures.pointer("/onion/restricted_to").and_then(Value::as_u64);
    let discovery = discovery.map_or("everybody".to_owned(), |clients| format!("{clients} clients only"));
    vec![
        ("tor", tor),
        ("self-probe", probe),
        ("descriptor", format!("published {descriptor}, {} introduction points", n("/onion/introduction_points"))),
        (
            "circuits",
            format!(
                "{} of {}, {} of them with a session",
                n("/onion/circuits"),
                n("/bounds/circuits"),
                n("/onion/established_circuits")
            ),
        ),
        ("found by", format!("{discovery} · proof of work {defence}")),
    ]
}

/// The kinds of security events that there were, the most frequent first.
pub(super) fn kinds(figures: &Value) -> Vec<(String, u64)> {
    let counts = figures.pointer("/security/counts").and_then(Value::as_object);
    let mut kinds: Vec<_> = counts
        .into_iter()
        .flatten()
        .filter_map(|(kind, count)| Some((kind.clone(), count.as_u64().filter(|&count| count > 0)?)))
        .collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    kinds
}

/// The most recent security events, a line each.
pub(super) fn recent(figures: &Value, most: usize) -> Vec<String> {
    let events = figures.pointer("/security/recent").and_then(Value::as_array);
    let line = |event: &Value| {
        format!("{}  {:<16} {}", text(event, "/at"), text(event, "/kind"), text(event, "/who")).trim_end().to_owned()
    };
    events.into_iter().flatten().take(most).map(line).collect()
}

/// All of it, for a terminal that scrolls.
pub(super) fn report(figures: &Value) -> String {
    let mut report = format!("{}\n\n", headline(figures));
    for (name, value) in rows(figures) {
        report.push_str(&format!("  {name:<18} {value}\n"));
    }
    let kinds = kinds(figures);
    if !kinds.is_empty() {
        let kinds = kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect::<Vec<_>>().join(", ");
        report.push_str(&format!("\nsecurity events: {kinds}\n"));
        recent(figures, 10).iter().for_each(|line| report.push_str(&format!("  {line}\n")));
    }
    report
}

/// Who is blocked.
pub(super) fn blocks(blocks: &Value) -> String {
    let list = blocks.get("blocks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if list.is_empty() {
        return "nobody is blocked\n".to_owned();
    }
    let line = |block: &Value| format!("{}  until {}\n", text(block, "/who"), text(block, "/until"));
    list.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_and_sizes_are_written_for_people() {
        let times = [0, 59, 60, 3_661, 90_061, 86_400].map(duration);
        assert_eq!(times, ["0 s", "59 s", "1 min", "1 h 1 min", "1 d 1 h", "1 d"]);
        assert_eq!([0, 1023, 1536, 256 << 20].map(bytes), ["0 B", "1023 B", "1.5 KiB", "256.0 MiB"]);
    }

    #[test]
    fn the_report_says_first_whether_clients_can_connect() {
        let mut figures = json!({"status": "degraded", "onion": {"address": "a.onion", "reason": "no network"},
            "uptime_s": 61, "version": "1", "clients": 3, "bounds": {"clients": 10},
            "security": {"counts": {"malformed": 2, "quota": 5, "takeover": 0},
                "recent": [{"at": "T", "kind": "quota", "who": "key-abc"}]}});
        let report = report(&figures);
        assert!(report.starts_with("NOT REACHABLE: no network · up 1 min 1 s · version 1\n"), "{report}");
        for part in ["3 of 10", "http://a.onion", "security events: quota 5, malformed 2\n", "quota            key-abc"]
        {
            assert!(report.contains(part), "{part}: {report}");
        }
        figures["status"] = "healthy".into();
        assert!(headline(&figures).starts_with("reachable"));
    }

    #[test]
    fn the_dead_man_switch_is_shown_where_there_is_one_and_warned_of_in_the_last_quarter() {
        let mut figures = json!({"dead_man":
            {"after_days": 4, "left_s": 90_061, "low": false, "keys": false, "checked_in": "T"}});
        let line = "dead-man switch    1 d 1 h were left of 4 d, then it erases everything that waits · checked in T\n";
        assert!(report(&figures).contains(line), "{}", report(&figures));
        figures["dead_man"]["low"] = true.into();
        figures["dead_man"]["keys"] = true.into();
        assert!(report(&figures).contains("WAS ABOUT TO GO OFF: 1 d 1 h") && report(&figures).contains("the identity"));
        assert!(!report(&json!({})).contains("dead-man"));
    }

    #[test]
    fn blocks_are_listed_one_a_line() {
        assert_eq!(blocks(&json!({"blocks": []})), "nobody is blocked\n");
        let list = json!({"blocks": [{"who": "address-x", "until": "T"}]});
        assert_eq!(blocks(&list), "address-x  until T\n");
    }
}
