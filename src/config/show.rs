//! What is in force, written as the file that would give it.

use std::fmt::{self, Display, Write};
use std::path::PathBuf;

use super::Config;
use super::tables::{LEVELS, SANITIZE, VANGUARDS};
use crate::admin::scrape;
use crate::transport::{clearnet, onion_service};
use crate::{conn, pump};
use ephemeral_core::limits;
use ephemeral_core::{session, store};

impl Config {
    /// Every setting that has an effect, as TOML: read as a file, with the same flags and environment for what no file
    /// can say (they stand in comments), it gives this configuration again.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        // Writing to a `String` does not fail, and a table of Arti's that could be read can be written.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        // No `..`: a new field does not compile until it is shown.
        let Self {
            state_dir,
            bounds,
            survive_restart,
            rules,
            timing,
            limits,
            policy,
            admin_socket,
            clearnet,
            metrics,
            onion,
            grace,
            dead_man,
            log_level,
            log_filter,
            log_format,
        } = self;
        // Quoted: a line break in a path would end the comment.
        writeln!(out, "# state directory: {state_dir:?}")?;
        writeln!(out, "# administrator's socket: {admin_socket:?}")?;
        writeln!(out, "# log: {log_filter:?}, {log_format}")?;
        write_store(out, bounds, *survive_restart, rules)?;
        write_limits(out, rules, limits, policy)?;
        write_session(out, rules, timing)?;
        table(out, "shutdown", &[("grace_s", &grace.as_secs())])?;
        table(out, "log", &[("level", &word(&LEVELS, *log_level))])?;
        table(out, "panic", &[("after_days", &dead_man.after_days), ("keys", &dead_man.keys)])?;
        write_metrics(out, metrics.as_ref())?;
        write_clearnet(out, clearnet.as_ref())?;
        write_onion(out, onion.as_ref())
    }
}

fn table(out: &mut String, name: &str, entries: &[(&str, &dyn Display)]) -> fmt::Result {
    writeln!(out, "\n[{name}]")?;
    entries.iter().try_for_each(|(key, value)| writeln!(out, "{key} = {value}"))
}

fn write_store(out: &mut String, bounds: &store::Config, survives: bool, rules: &session::Config) -> fmt::Result {
    let store::Config {
        mailbox_messages,
        mailbox_bytes,
        sender_bytes,
        total_bytes,
        // These follow from other settings.
        kept_for_online: _,
        crowded_life_ms: _,
    } = bounds;
    let entries: [(&str, &dyn Display); 9] = [
        ("default_ttl_s", &rules.default_ttl_s),
        ("max_ttl_s", &rules.max_ttl_s),
        ("content_bytes", &rules.content_bytes),
        ("sanitize", &word(&SANITIZE, rules.sanitize)),
        ("mailbox_messages", mailbox_messages),
        ("mailbox_bytes", mailbox_bytes),
        ("sender_bytes", sender_bytes),
        ("total_bytes", total_bytes),
        ("survive_restart", &survives),
    ];
    table(out, "store", &entries)
}

fn write_limits(
    out: &mut String,
    rules: &session::Config,
    limits: &conn::Config,
    policy: &limits::Config,
) -> fmt::Result {
    let conn::Config { unauthenticated, sessions } = limits;
    let limits::Config { requests, connections, strikes, window_ms, duration_ms } = policy;
    let entries: [(&str, &dyn Display); 7] = [
        ("requests_per_minute", &requests.per_minute()),
        ("burst", &requests.burst()),
        ("messages_per_minute", &rules.messages_per_minute),
        ("message_burst", &rules.message_burst),
        ("connections_per_peer", connections),
        ("unauthenticated", unauthenticated),
        ("sessions", sessions),
    ];
    table(out, "limits", &entries)?;
    let (window_s, duration_s) = (window_ms / 1000, duration_ms / 1000);
    table(out, "block", &[("strikes", strikes), ("window_s", &window_s), ("duration_s", &duration_s)])
}

fn write_session(out: &mut String, rules: &session::Config, timing: &pump::Config) -> fmt::Result {
    let pump::Config { auth_timeout, ping_interval, idle_timeout, write_timeout } = timing;
    let entries: [(&str, &dyn Display); 5] = [
        ("auth_timeout_ms", &auth_timeout.as_millis()),
        ("ping_interval_s", &ping_interval.as_secs()),
        ("idle_timeout_s", &idle_timeout.as_secs()),
        ("write_timeout_s", &write_timeout.as_secs()),
        ("window", &rules.window),
    ];
    table(out, "session", &entries)
}

fn write_metrics(out: &mut String, metrics: Option<&scrape::Config>) -> fmt::Result {
    match metrics {
        None => table(out, "metrics", &[("# listen", &"(off)"), ("off_loopback", &false)]),
        Some(scrape::Config { listen, off_loopback }) => {
            table(out, "metrics", &[("listen", &quoted(&listen.to_string())), ("off_loopback", off_loopback)])
        }
    }
}

fn write_clearnet(out: &mut String, clearnet: Option<&clearnet::Config>) -> fmt::Result {
    let Some(settings) = clearnet else {
        let entries: [(&str, &dyn Display); 8] = [
            ("# listen", &"(off)"),
            ("server_names", &"[]"),
            ("allow_plaintext", &false),
            ("# tls_cert", &"(none)"),
            ("# tls_key", &"(none)"),
            ("trusted_proxies", &"[]"),
            ("proxy_protocol", &false),
            ("allowed_origins", &"[]"),
        ];
        return table(out, "clearnet", &entries);
    };
    let clearnet::Config {
        listen,
        server_names,
        allow_plaintext,
        tls,
        trusted_proxies,
        proxy_protocol,
        allowed_origins,
        // It stands in [session].
        preparation: _,
    } = settings;
    let file = |name: &'static str, commented: &'static str, path: Option<&PathBuf>| match path {
        Some(path) => (name, quoted(&path.to_string_lossy())),
        None => (commented, "(none)".to_owned()),
    };
    let (cert_key, cert) = file("tls_cert", "# tls_cert", tls.as_ref().map(|tls| &tls.cert));
    let (key_key, key) = file("tls_key", "# tls_key", tls.as_ref().map(|tls| &tls.key));
    let entries: [(&str, &dyn Display); 8] = [
        ("listen", &quoted(&listen.to_string())),
        ("server_names", &list(server_names)),
        ("allow_plaintext", allow_plaintext),
        (cert_key, &cert),
        (key_key, &key),
        ("trusted_proxies", &list(trusted_proxies)),
        ("proxy_protocol", proxy_protocol),
        ("allowed_origins", &list(allowed_origins)),
    ];
    table(out, "clearnet", &entries)
}

fn write_onion(out: &mut String, onion: Option<&onion_service::Config>) -> fmt::Result {
    let Some(onion) = onion else { return table(out, "onion", &[("enabled", &false)]) };
    let onion_service::Config {
        nickname,
        port,
        vanguards,
        introduction_points,
        introduction_rate,
        introduction_burst,
        proof_of_work,
        streams_per_circuit,
        circuits,
        circuits_per_second,
        circuit_burst,
        self_probe,
        location_is_public,
        restricted,
        memory_bytes,
        tor,
    } = onion;
    // Where the table below has a limit of its own, this one has no effect.
    let memory_key = if onion_service::limits_memory(tor) { "# memory_bytes" } else { "memory_bytes" };
    let entries: [(&str, &dyn Display); 16] = [
        ("enabled", &true),
        ("nickname", &quoted(nickname)),
        ("port", port),
        ("vanguards", &word(&VANGUARDS, *vanguards)),
        ("introduction_points", introduction_points),
        ("introduction_rate", introduction_rate),
        ("introduction_burst", introduction_burst),
        ("proof_of_work", proof_of_work),
        ("streams_per_circuit", streams_per_circuit),
        ("circuits", circuits),
        ("circuits_per_second", circuits_per_second),
        ("circuit_burst", circuit_burst),
        ("self_probe", self_probe),
        ("location_is_public", location_is_public),
        ("restricted", restricted),
        (memory_key, memory_bytes),
    ];
    table(out, "onion", &entries)?;
    let tor = toml::Table::from_iter([("tor".to_owned(), toml::Value::Table(tor.clone()))]);
    write!(out, "\n{}", toml::to_string(&tor).map_err(|_| fmt::Error)?)
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn list<T: Display>(items: &[T]) -> String {
    format!("[{}]", items.iter().map(|item| quoted(&item.to_string())).collect::<Vec<_>>().join(", "))
}

/// The word that stands for a value.
fn word<T: PartialEq>(words: &[(&str, T)], meant: T) -> String {
    words.iter().find(|(_, value)| *value == meant).map(|(word, _)| quoted(word)).unwrap_or_default()
}
