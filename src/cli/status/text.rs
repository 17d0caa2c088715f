//! The daemon's figures in words.

use crate::admin::routes::{BlocksAnswer, LargeSender, SendersAnswer, StatsAnswer};
use crate::cluster::{ClusterRole, ClusterStats, UnionStats};
use crate::http::Health;
use crate::metrics::{Onion, SecurityEvent, Stats};
use ephemeral_core::dead_man::DeadManStats;

/// Writes a duration in its two largest units: `1 d 2 h`, `3 min 4 s`.
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

/// Writes a number of bytes: `1.5 MiB`.
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

/// Says whether clients can connect: the only place that does.
pub(super) fn reachability(answer: &StatsAnswer) -> String {
    match (answer.status, &answer.stats.onion) {
        (Health::Healthy, Some(_)) => "reachable: clients can connect".to_owned(),
        (Health::Healthy, None) => "running, without an onion service".to_owned(),
        (Health::Draining, _) => "draining: it is about to end".to_owned(),
        (Health::Starting, Some(onion)) if onion.bootstrap_percent >= 100 => {
            "starting: publishing the onion service; clients cannot connect yet".to_owned()
        }
        (Health::Starting, Some(onion)) => format!(
            "starting: connecting to the Tor network, {} %; clients cannot connect yet",
            onion.bootstrap_percent
        ),
        (Health::Starting, None) => "starting; clients cannot connect yet".to_owned(),
        (Health::Degraded, onion) => {
            let reason = onion.as_ref().and_then(|onion| onion.reason.as_deref()).unwrap_or("the log says why");
            format!("NOT REACHABLE, it goes on trying: {reason}")
        }
    }
}

/// Returns the address that clients are given, if there is one.
pub(super) fn address(stats: &Stats) -> Option<String> {
    let address = stats.onion.as_ref()?.address.as_ref()?;
    Some(format!("http://{address}"))
}

/// Returns the rows below: a name, and a text. None of them says again whether clients can connect.
pub(super) fn rows(stats: &Stats) -> Vec<(&'static str, String)> {
    let mut rows = vec![("up", format!("{} · version {}", duration(stats.uptime_s), stats.version))];
    if let Some(onion) = &stats.onion {
        rows.extend(onion_rows(onion, stats.bounds.circuits));
    }
    rows.extend(stats.cluster.as_ref().map(cluster));
    rows.extend(stats.cluster.as_ref().and_then(|cluster| cluster.union.as_ref()).map(union));
    rows.extend(stats.dead_man.as_ref().map(dead_man));
    rows.extend([
        ("clients", clients(stats)),
        ("not authenticated", format!("{} of {}", stats.unauthenticated, stats.bounds.unauthenticated)),
        ("waiting", waiting(stats)),
        ("messages", messages(stats)),
        (
            "last minute",
            format!(
                "{} accepted, {} delivered, {} refused",
                stats.last_minute.accepted, stats.last_minute.delivered, stats.last_minute.rejected
            ),
        ),
        ("process", process(stats)),
        ("blocked", stats.security.blocked.to_string()),
    ]);
    rows
}

fn clients(stats: &Stats) -> String {
    let mut text = format!("{} of {}", stats.clients, stats.bounds.clients);
    if stats.clients_elsewhere > 0 {
        text += &format!(", of {} another machine holds the messages", stats.clients_elsewhere);
    }
    if stats.clients_by_others > 0 {
        text += &format!(", {} are connected to another machine", stats.clients_by_others);
    }
    text
}

fn waiting(stats: &Stats) -> String {
    let held = bytes(stats.pending_bytes as u64);
    let bound = bytes(stats.bounds.bytes as u64);
    format!("{} messages, {held} of {bound}", stats.pending_messages)
}

fn messages(stats: &Stats) -> String {
    let totals = &stats.messages;
    format!(
        "{} accepted, {} delivered, {} expired, {} refused, {} sent again",
        totals.accepted, totals.delivered, totals.expired, totals.rejected, totals.duplicates
    )
}

fn process(stats: &Stats) -> String {
    let process = &stats.process;
    let mut text = format!("{} of memory, {} open files", bytes(process.resident_bytes), process.open_files);
    if process.log_lines_dropped > 0 {
        text += &format!(", {} log lines dropped: nobody reads stderr", process.log_lines_dropped);
    }
    text
}

/// Says what this machine of a cluster is.
fn cluster(machine: &ClusterStats) -> (&'static str, String) {
    let ClusterStats { node, role, has_keys, journal_entries, journal_bytes, active, confirmed, has_twin, union: _ } =
        machine;
    let active =
        active.as_deref().map_or("no machine is known to be active".to_owned(), |name| format!("{name} is active"));
    let keys = if *has_keys { "it has the keys" } else { "IT HAS NO KEYS, and cannot take over" };
    let what = match role {
        ClusterRole::Active => "is the active one".to_owned(),
        ClusterRole::StandsBy if *journal_entries > 0 => {
            let mebibytes = journal_bytes.div_ceil(1 << 20);
            format!("stands by, and {keys} · {active} · {journal_entries} entries of the journal, {mebibytes} MiB")
        }
        ClusterRole::StandsBy => format!("stands by, and {keys} · {active}"),
    };
    let unconfirmed =
        if *confirmed { "" } else { " · no other machine has CONFIRMED its secret_file and its service's key yet" };
    let twin = if *has_twin { " · ANOTHER PROCESS HAS ITS NAME" } else { "" };
    ("machine", format!("{node} {what}{unconfirmed}{twin}"))
}

/// Says what the machines of a cluster have published together.
fn union(union: &UnionStats) -> (&'static str, String) {
    let UnionStats { publisher, machines, introduction_points } = union;
    ("together", format!("{machines} machines, {introduction_points} introduction points · {publisher} publishes them"))
}

/// Says how the dead-man switch stood until this look at it, which may be a check-in.
fn dead_man(switch: &DeadManStats) -> (&'static str, String) {
    let what = if switch.keys { "everything and the identity" } else { "everything that waits" };
    let left = duration(switch.left_s);
    let days = switch.after_days;
    let since = switch.checked_in;
    let warning = if switch.low { "ABOUT TO GO OFF: " } else { "" };
    ("dead-man switch", format!("{warning}{left} left of {days} d, then it erases {what} · checked in {since}"))
}

/// Says how the onion service is doing.
fn onion_rows(onion: &Onion, circuits: usize) -> Vec<(&'static str, String)> {
    let tried = match &onion.probe {
        Some(probe) => {
            let went = if probe.answered { "answered" } else { "not answered" };
            format!("{went} after {} ms, at {}", probe.took_ms, probe.at)
        }
        None => "not yet".to_owned(),
    };
    let published = match onion.descriptor_age_s {
        Some(age) => format!("published {} ago", duration(age)),
        None => "not published yet".to_owned(),
    };
    let points = onion.introduction_points;
    let found_by = onion.restricted_to.map_or("everybody".to_owned(), |clients| format!("{clients} clients only"));
    let defence = if onion.proof_of_work { "on" } else { "off" };
    vec![
        ("last self-test", tried),
        ("descriptor", format!("{published}, {points} introduction points")),
        (
            "circuits",
            format!("{} of {circuits}, {} of them with a session", onion.circuits, onion.established_circuits),
        ),
        ("found by", format!("{found_by} · proof of work {defence}")),
    ]
}

/// Returns the kinds of security events that there were, the most frequent first.
pub(super) fn kinds(stats: &Stats) -> Vec<(&str, u64)> {
    let counts = stats.security.counts.iter().filter(|(_, count)| **count > 0);
    let mut kinds: Vec<_> = counts.map(|(kind, count)| (kind.as_str(), *count)).collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    kinds
}

/// Returns the most recent security events, a line each.
pub(super) fn recent(stats: &Stats, most: usize) -> Vec<String> {
    let line = |event: &SecurityEvent| {
        let SecurityEvent { at, kind, who } = event;
        format!("{at}  {kind:<16} {}", who.as_deref().unwrap_or_default()).trim_end().to_owned()
    };
    stats.security.recent.iter().take(most).map(line).collect()
}

/// Lists the security events by kind.
pub(super) fn kinds_line(stats: &Stats) -> Option<String> {
    let kinds: Vec<_> = kinds(stats).iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    (!kinds.is_empty()).then(|| format!("security events: {}", kinds.join(", ")))
}

/// Returns the whole report, for a terminal that scrolls. The address is on a line of its own, so
/// that no terminal cuts it.
pub(super) fn report(answer: &StatsAnswer) -> String {
    let stats = &answer.stats;
    let mut report = format!("{}\n", reachability(answer));
    if let Some(address) = address(stats) {
        report.push_str(&format!("{address}\n"));
    }
    report.push('\n');
    for (name, value) in rows(stats) {
        report.push_str(&format!("  {name:<18} {value}\n"));
    }
    if let Some(kinds) = kinds_line(stats) {
        report.push_str(&format!("\n{kinds}\n"));
        recent(stats, 10).iter().for_each(|line| report.push_str(&format!("  {line}\n")));
    }
    report
}

/// Says who is blocked.
pub(super) fn blocks(answer: &BlocksAnswer) -> String {
    if answer.blocks.is_empty() {
        return "nobody is blocked\n".to_owned();
    }
    answer.blocks.iter().map(|block| format!("{}  until {}\n", block.who, block.until)).collect()
}

/// Says whose messages take most of the store.
pub(super) fn senders(answer: &SendersAnswer) -> String {
    if answer.senders.is_empty() {
        return "nothing waits\n".to_owned();
    }
    let line = |LargeSender { who, messages, bytes }: &LargeSender| {
        format!("{who}  {messages} messages, {}\n", self::bytes(*bytes))
    };
    answer.senders.iter().map(line).collect()
}

#[cfg(test)]
pub(super) mod tests;
