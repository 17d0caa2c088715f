//! What each table of the file accepts: its keys, their ranges, and the rules between them.

use std::time::Duration;

use toml::de::DeValue;

use super::clearnet::ClearnetTable;
use super::cluster;
use super::document::Document;
use super::link;
use super::metrics;
use super::nodes;
use super::panic;
use super::proof_of_work;
use super::setting::Setting;
use crate::admin::scrape;
use crate::logging::LogLevel;
use crate::transport::link::{FrontConfig, HubConfig};
use crate::transport::onion_service::{self, MEMORY_BYTES, Vanguards};
use crate::{conn, pump};
use ephemeral_core::limits::{self, REQUESTS, Rate};
use ephemeral_core::protocol::Sanitize;
use ephemeral_core::{dead_man, session, store};

/// A message's age is kept in 32 bits of milliseconds, which is a little less than 50 days.
const MAX_TTL_S: u64 = 40 * 24 * 60 * 60;
/// A message with its bookkeeping has to fit into its sender's quota.
const BOOKKEEPING_BYTES: usize = 256;

/// The tables, before the environment and the flags were asked.
pub(super) struct Tables {
    pub(super) bounds: store::Config,
    pub(super) survive_restart: bool,
    pub(super) rules: session::Config,
    pub(super) timing: pump::Config,
    pub(super) limits: conn::Config,
    pub(super) policy: limits::Config,
    pub(super) grace: Duration,
    pub(super) log_level: LogLevel,
    pub(super) dead_man: dead_man::Config,
    pub(super) clearnet: ClearnetTable,
    pub(super) metrics: Option<scrape::Config>,
    pub(super) cluster: Option<crate::cluster::Config>,
    pub(super) hub: Option<HubConfig>,
    pub(super) front: Option<FrontConfig>,
    pub(super) onion_enabled: Setting<bool>,
    pub(super) onion: onion_service::Config,
}

impl Tables {
    /// Reads all of them; what is wrong is left in the document's problems.
    pub(super) fn read(document: &mut Document<'_>) -> Self {
        let mut rules = session::Config::default();
        let (bounds, survive_restart) = store(document, &mut rules);
        let (limits, policy) = limits(document, &mut rules);
        let timing = session(document, &mut rules);

        let clearnet = ClearnetTable::read(document);
        let (onion_enabled, mut onion, proof_of_work) = onion(document);
        let metrics = metrics::read(document);
        let cluster = cluster::read(document);
        onion.proof_of_work &= cluster.is_none() || proof_of_work.told.is_some();
        document.problems.extend(proof_of_work::problem(&proof_of_work, cluster.is_some()));
        let hub = link::hub(document, cluster.as_ref().and_then(|cluster| cluster.link));
        let front = link::front(document);

        let mut table = document.section("shutdown");
        let grace = Duration::from_secs(table.number("grace_s", 1..=3600, 10).value);
        table.finish();

        let mut table = document.section("log");
        let log_level = table.choice("level", &LEVELS, LogLevel::default()).value;
        table.finish();

        let dead_man = panic::read(document);

        Self {
            bounds,
            survive_restart,
            rules,
            timing,
            limits,
            policy,
            grace,
            log_level,
            dead_man,
            clearnet,
            metrics,
            cluster,
            hub,
            front,
            onion_enabled,
            onion,
        }
    }
}

/// Returns a tebibyte: far beyond any machine's memory, and no sum of such numbers overflows.
fn bytes_max() -> usize {
    usize::try_from(1_u64 << 40).unwrap_or(usize::MAX)
}

fn store(document: &mut Document<'_>, rules: &mut session::Config) -> (store::Config, bool) {
    let bounds = store::Config::default();
    let bytes_max = bytes_max();

    let mut table = document.section("store");
    let default_ttl = table.number("default_ttl_s", 1..=MAX_TTL_S, rules.default_ttl_s);
    let max_ttl = table.number("max_ttl_s", 1..=MAX_TTL_S, rules.max_ttl_s);
    let content = table.number("content_bytes", 1..=1 << 20, rules.content_bytes);
    let sanitize = table.choice("sanitize", &SANITIZE, rules.sanitize);
    let messages = table.number("mailbox_messages", 1..=1_000_000, bounds.mailbox_messages);
    let mailbox = table.number("mailbox_bytes", 1..=bytes_max, bounds.mailbox_bytes);
    let sender = table.number("sender_bytes", 1..=bytes_max, bounds.sender_bytes);
    let total = table.number("total_bytes", 1..=bytes_max, bounds.total_bytes);
    let survive_restart = table.boolean("survive_restart", true).value;
    table.finish();

    // What could never be reached would be a setting without effect; what could never be sent, a
    // promise that is not kept.
    document.problems.extend(default_ttl.must_be("at most", &max_ttl, "at least", |low, high| low <= high));
    document.problems.extend(mailbox.must_be("at least", &content, "at most", |high, low| high >= low));
    document.problems.extend(sender.must_be(
        &format!("at least {BOOKKEEPING_BYTES} more than"),
        &content,
        &format!("at least {BOOKKEEPING_BYTES} less than"),
        |high, low| *high >= low + BOOKKEEPING_BYTES,
    ));
    document.problems.extend(sender.must_be("at most", &total, "at least", |low, high| low <= high));
    document.problems.extend(mailbox.must_be("at most", &total, "at least", |low, high| low <= high));

    rules.default_ttl_s = default_ttl.value;
    rules.max_ttl_s = max_ttl.value;
    rules.content_bytes = content.value;
    rules.sanitize = sanitize.value;
    let bounds = store::Config {
        mailbox_messages: messages.value,
        mailbox_bytes: mailbox.value,
        sender_bytes: sender.value,
        total_bytes: total.value,
        kept_for_online: total.value / store::KEPT_FOR_ONLINE,
        crowded_life_ms: default_ttl.value.saturating_mul(1000),
    };
    (bounds, survive_restart)
}

fn limits(document: &mut Document<'_>, rules: &mut session::Config) -> (conn::Config, limits::Config) {
    let limits = conn::Config::default();
    let default = limits::Config::default();
    let (per_minute, burst) = REQUESTS;
    let mut table = document.section("limits");
    let per_minute = table.number("requests_per_minute", 1..=1_000_000, per_minute).value;
    let burst = table.number("burst", 1..=1_000_000, burst).value;
    rules.messages_per_minute = table.number("messages_per_minute", 1..=1_000_000, rules.messages_per_minute).value;
    rules.message_burst = table.number("message_burst", 1..=1_000_000, rules.message_burst).value;
    let connections = table.number("connections_per_peer", 1..=1_000_000, default.connections).value;
    let unauthenticated = table.number("unauthenticated", 1..=1_000_000, limits.unauthenticated).value;
    let sessions = table.number("sessions", 1..=1_000_000, limits.sessions).value;
    table.finish();

    let mut table = document.section("block");
    let strikes = table.number("strikes", 1..=10_000, default.strikes).value;
    let window_ms = table.number("window_s", 1..=86_400, default.window_ms / 1000).value * 1000;
    let duration_ms = table.number("duration_s", 1..=2_592_000, default.duration_ms / 1000).value * 1000;
    table.finish();

    let requests = Rate::new(per_minute, burst);
    (
        conn::Config { unauthenticated, sessions },
        limits::Config { requests, connections, strikes, window_ms, duration_ms },
    )
}

fn session(document: &mut Document<'_>, rules: &mut session::Config) -> pump::Config {
    let timing = pump::Config::default();
    let milliseconds = u64::try_from(timing.auth_timeout.as_millis()).unwrap_or(u64::MAX);

    let mut table = document.section("session");
    let auth = table.number("auth_timeout_ms", 100..=600_000, milliseconds);
    let ping = table.number("ping_interval_s", 1..=3600, timing.ping_interval.as_secs());
    let idle = table.number("idle_timeout_s", 2..=86_400, timing.idle_timeout.as_secs());
    let write = table.number("write_timeout_s", 1..=3600, timing.write_timeout.as_secs());
    rules.window = table.number("window", 1..=1000, rules.window).value;
    table.finish();

    // Otherwise a peer that answers every ping would be taken for a silent one.
    document.problems.extend(idle.must_be("greater than", &ping, "less than", |high, low| high > low));

    pump::Config {
        auth_timeout: Duration::from_millis(auth.value),
        ping_interval: Duration::from_secs(ping.value),
        idle_timeout: Duration::from_secs(idle.value),
        write_timeout: Duration::from_secs(write.value),
    }
}

fn onion(document: &mut Document<'_>) -> (Setting<bool>, onion_service::Config, Setting<bool>) {
    let default = onion_service::Config::default();
    let mut table = document.section("onion");
    let enabled = table.boolean("enabled", true);
    let nickname = table.read("nickname", default.nickname, nickname).value;
    let port = table.number("port", 1..=u16::MAX, default.port).value;
    let vanguards = table.choice("vanguards", &VANGUARDS, default.vanguards).value;
    let introduction_points = table.number("introduction_points", 3..=20, default.introduction_points).value;
    let rate = table.number("introduction_rate", 1..=1_000_000, default.introduction_rate);
    let burst = table.number("introduction_burst", 1..=1_000_000, default.introduction_burst);
    let proof_of_work = table.boolean("proof_of_work", default.proof_of_work);
    let streams_per_circuit = table.number("streams_per_circuit", 1..=1000, default.streams_per_circuit).value;
    let circuits = table.number("circuits", 4..=1_000_000, default.circuits).value;
    let circuits_per_second = table.number("circuits_per_second", 1..=10_000, default.circuits_per_second).value;
    let circuit_burst = table.number("circuit_burst", 1..=1_000_000, default.circuit_burst).value;
    let self_probe = table.boolean("self_probe", default.self_probe).value;
    let location_is_public = table.boolean("location_is_public", default.location_is_public).value;
    let restricted = table.boolean("restricted", default.restricted).value;
    let nodes = table.read("nodes", Vec::new(), nodes::read).value;
    let memory = table.number("memory_bytes", 16 << 20..=bytes_max(), MEMORY_BYTES);
    table.finish();

    // An introduction point ignores what is the other way round (rend-spec, EST_INTRO_DOS_EXT).
    document.problems.extend(burst.must_be("at least", &rate, "at most", |high, low| high >= low));
    let (tor, memory_bytes) = tor(document, &memory);
    let settings = onion_service::Config {
        nickname,
        port,
        vanguards,
        introduction_points,
        introduction_rate: rate.value,
        introduction_burst: burst.value,
        proof_of_work: proof_of_work.value,
        streams_per_circuit,
        circuits,
        circuits_per_second,
        circuit_burst,
        self_probe,
        location_is_public,
        restricted,
        nodes,
        memory_bytes,
        tor,
    };
    (enabled, settings, proof_of_work)
}

/// Reads Arti's own table, and returns the limit of its memory that `[onion]` sets, if that table
/// does not.
fn tor(document: &mut Document<'_>, memory: &Setting<usize>) -> (toml::Table, Option<usize>) {
    let table = document.passthrough("tor");
    let refused = table.as_ref().and_then(|table| {
        let error = onion_service::validate_tor_table(&table.value).err()?;
        Some(table.problem(error))
    });
    document.problems.extend(refused);
    let table = table.map(|table| table.value).unwrap_or_default();
    if !onion_service::limits_memory(&table) {
        return (table, Some(memory.value));
    }
    if memory.told.is_some() {
        document.problems.push(memory.problem("has no effect beside tor.system.memory.max: remove one of the two"));
    }
    (table, None)
}

/// The words of `[store] sanitize`.
pub(super) const SANITIZE: [(&str, Sanitize); 3] =
    [("clean", Sanitize::Clean), ("reject", Sanitize::Reject), ("ciphertext", Sanitize::Ciphertext)];

/// The words of `[log] level`.
pub(super) const LEVELS: [(&str, LogLevel); 5] = [
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];

/// The words of `[onion] vanguards`.
pub(super) const VANGUARDS: [(&str, Vanguards); 2] = [("lite", Vanguards::Lite), ("full", Vanguards::Full)];

/// Reads the nickname: the name of a directory and of a key in Arti's key store, which takes no
/// other characters.
fn nickname(value: &DeValue<'_>) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    match value.as_str() {
        Some(text) if (1..=64).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with(['-', '_']) => {
            Ok(text.to_owned())
        }
        _ => Err("must be 1 to 64 of a-z, 0-9, - and _, and start with a letter or a digit".into()),
    }
}
