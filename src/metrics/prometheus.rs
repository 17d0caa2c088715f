//! The figures in the text format of Prometheus (OpenMetrics 1.0), named by its conventions: base
//! units, `_total`.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::{Onion, Stats};
use crate::cluster::{ClusterRole, ClusterStats};

type Labels = [(&'static str, String); 1];

pub(super) fn text(figures: &Stats, ready: bool) -> String {
    let mut registry = Registry::with_prefix("ephemeral");
    register_gauges(&mut registry, figures, ready);
    if let Some(onion) = &figures.onion {
        register_onion(&mut registry, figures, onion);
    }
    if let Some(cluster) = &figures.cluster {
        register_cluster(&mut registry, cluster);
    }
    register_counters(&mut registry, figures);
    let mut text = String::new();
    // Writing to a `String` does not fail.
    let _ = encode(&mut text, &registry);
    text
}

fn gauge(registry: &mut Registry, name: &str, help: &str, unit: Option<Unit>, value: usize) {
    let value = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    match unit {
        Some(unit) => registry.register_with_unit(name, help, unit, value),
        None => registry.register(name, help, value),
    }
}

fn register_gauges(registry: &mut Registry, figures: &Stats, ready: bool) {
    let mut gauge = |name: &str, help: &str, unit: Option<Unit>, value: usize| gauge(registry, name, help, unit, value);
    gauge("ready", "Whether clients can connect", None, usize::from(ready));
    gauge("clients", "Authenticated sessions", None, figures.clients);
    let elsewhere = "Authenticated sessions whose messages another machine holds";
    gauge("clients_elsewhere", elsewhere, None, figures.clients_elsewhere);
    let by_others = "Authenticated sessions whose clients are connected to another machine";
    gauge("clients_by_others", by_others, None, figures.clients_by_others);
    gauge("clients_max", "Authenticated sessions that there may be", None, figures.bounds.clients);
    gauge("unauthenticated_connections", "Connections that have not authenticated", None, figures.unauthenticated);
    gauge(
        "unauthenticated_connections_max",
        "Connections that have not authenticated that there may be",
        None,
        figures.bounds.unauthenticated,
    );
    gauge("pending_messages", "Messages waiting for their recipients", None, figures.pending_messages);
    gauge("pending", "What waits, with its bookkeeping", Some(Unit::Bytes), figures.pending_bytes);
    gauge("pending_max", "What may wait, with its bookkeeping", Some(Unit::Bytes), figures.bounds.bytes);
    gauge("remembered_ids", "Message ids that are remembered", None, figures.remembered_ids);
    gauge("known_fingerprints", "Fingerprints of which something is known", None, figures.known_fingerprints);
    gauge("blocked", "Peers and fingerprints that are blocked", None, figures.security.blocked);
    gauge("remembered_peers", "Peers and fingerprints with a rate or strikes", None, figures.security.remembered);
    gauge(
        "uptime",
        "Since the process began",
        Some(Unit::Seconds),
        usize::try_from(figures.uptime_s).unwrap_or(usize::MAX),
    );
    let process = [
        ("process_resident_memory", "Memory of the process", Some(Unit::Bytes), figures.process.resident_bytes),
        ("process_open_fds", "Open files of the process, sockets included", None, figures.process.open_files),
        ("tasks", "Tasks of the async runtime", None, figures.process.tasks),
    ];
    for (name, help, unit, value) in process {
        gauge(name, help, unit, usize::try_from(value).unwrap_or(usize::MAX));
    }
    if let Some(dead_man) = &figures.dead_man {
        let left = usize::try_from(dead_man.left_s).unwrap_or(usize::MAX);
        gauge("dead_man_left", "Until the dead-man switch wipes, unless somebody checks in", Some(Unit::Seconds), left);
    }
}

fn register_cluster(registry: &mut Registry, cluster: &ClusterStats) {
    let is_active = cluster.role == ClusterRole::Active;
    gauge(registry, "cluster_active", "Whether this machine is the active one", None, usize::from(is_active));
    gauge(registry, "cluster_keys", "Whether it has the journal's keys", None, usize::from(cluster.has_keys));
    let here = cluster.journal_entries;
    gauge(registry, "cluster_journal_entries", "Entries of the journal that it has while it stands by", None, here);
    let bytes = cluster.journal_bytes;
    gauge(registry, "cluster_journal", "Memory of these entries", Some(Unit::Bytes), bytes);
    let known = usize::from(cluster.active.is_some());
    gauge(registry, "cluster_active_known", "Whether it knows of an active machine", None, known);
    let Some(union) = &cluster.union else { return };
    let publishes = usize::from(union.publisher == cluster.node);
    gauge(registry, "cluster_union_publisher", "Whether this machine publishes for all", None, publishes);
    gauge(registry, "cluster_union_machines", "Machines that clients are told of", None, union.machines);
    let points = union.introduction_points;
    gauge(registry, "cluster_union_introduction_points", "Introduction points of all machines", None, points);
}

fn register_onion(registry: &mut Registry, figures: &Stats, onion: &Onion) {
    gauge(registry, "circuits", "Rendezvous circuits", None, onion.circuits);
    gauge(registry, "circuits_established", "Rendezvous circuits with a session", None, onion.established_circuits);
    gauge(registry, "circuits_max", "Rendezvous circuits that there may be", None, figures.bounds.circuits);
    gauge(registry, "bootstrap_percent", "How far the Tor client is", None, usize::from(onion.bootstrap_percent));
    let age = onion.descriptor_age_s.and_then(|age| usize::try_from(age).ok());
    if let Some(age) = age {
        gauge(registry, "descriptor_age", "Since the descriptor was published", Some(Unit::Seconds), age);
    }
    if let Some(probe) = &onion.probe {
        gauge(
            registry,
            "probe_answered",
            "Whether the last self-probe was answered",
            None,
            usize::from(probe.answered),
        );
        let at = usize::try_from(probe.at.0 / 1000).unwrap_or(usize::MAX);
        gauge(registry, "probe_timestamp", "When the last self-probe ended", Some(Unit::Seconds), at);
    }
    let refused = Family::<Labels, Counter>::default();
    for (reason, &count) in &onion.refused {
        refused.get_or_create(&[("reason", reason.clone())]).inc_by(count);
    }
    registry.register("circuits_refused", "Circuits and streams that were refused, by reason", refused);
}

fn register_counters(registry: &mut Registry, figures: &Stats) {
    let totals = &figures.messages;
    let mut counter = |name: &str, help: &str, value: u64| registry.register(name, help, ConstCounter::new(value));
    counter("messages_accepted", "Messages that were kept", totals.accepted);
    counter("messages_duplicate", "Messages that were sent again", totals.duplicates);
    counter("messages_rejected", "Messages that were refused", totals.rejected);
    counter("messages_delivered", "Messages that their recipients acknowledged", totals.delivered);
    counter("messages_expired", "Messages whose time ran out", totals.expired);
    counter("log_lines_dropped", "Log lines that nobody read in time", figures.process.log_lines_dropped);
    let events = Family::<Labels, Counter>::default();
    for (kind, &count) in &figures.security.counts {
        events.get_or_create(&[("kind", kind.clone())]).inc_by(count);
    }
    registry.register("security_events", "What happened that should not, by kind", events);
}
