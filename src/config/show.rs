//! What is in force, written as the file that would give it.

use std::fmt::{self, Display, Write};

use super::Config;
use super::tables::{SANITIZE, VANGUARDS};
use crate::transport::{clearnet, onion};
use crate::{conn, pump, session, store};

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
        let Self { state_dir, bounds, rules, timing, limits, clearnet, onion, grace, log_filter, log_format } = self;
        let store::Bounds { mailbox_messages, mailbox_bytes, sender_bytes, total_bytes } = bounds;
        let session::Rules { content_bytes, sanitize, default_ttl_s, max_ttl_s, .. } = rules;
        let session::Rules { messages_per_minute, message_burst, window, .. } = rules;
        let pump::Timing { auth_timeout, ping_interval, idle_timeout, write_timeout } = timing;
        let conn::Limits { unauthenticated, sessions } = limits;

        // Quoted: a line break in a path would end the comment.
        writeln!(out, "# state directory: {state_dir:?}")?;
        writeln!(out, "# log: {log_filter:?}, {log_format}")?;
        let mut table = |name: &str, entries: &[(&str, &dyn Display)]| -> fmt::Result {
            writeln!(out, "\n[{name}]")?;
            entries.iter().try_for_each(|(key, value)| writeln!(out, "{key} = {value}"))
        };
        table(
            "store",
            &[
                ("default_ttl_s", default_ttl_s),
                ("max_ttl_s", max_ttl_s),
                ("content_bytes", content_bytes),
                ("sanitize", &word(&SANITIZE, *sanitize)),
                ("mailbox_messages", mailbox_messages),
                ("mailbox_bytes", mailbox_bytes),
                ("sender_bytes", sender_bytes),
                ("total_bytes", total_bytes),
            ],
        )?;
        table(
            "limits",
            &[
                ("messages_per_minute", messages_per_minute),
                ("message_burst", message_burst),
                ("unauthenticated", unauthenticated),
                ("sessions", sessions),
            ],
        )?;
        table(
            "session",
            &[
                ("auth_timeout_ms", &auth_timeout.as_millis()),
                ("ping_interval_s", &ping_interval.as_secs()),
                ("idle_timeout_s", &idle_timeout.as_secs()),
                ("write_timeout_s", &write_timeout.as_secs()),
                ("window", window),
            ],
        )?;
        table("shutdown", &[("grace_s", &grace.as_secs())])?;
        match clearnet {
            None => table("clearnet", &[("# listen", &"(off)"), ("server_names", &"[]"), ("allow_plaintext", &false)])?,
            Some(clearnet::Settings { listen, server_names, allow_plaintext }) => {
                let server_names = server_names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
                table(
                    "clearnet",
                    &[
                        ("listen", &quoted(&listen.to_string())),
                        ("server_names", &format!("[{server_names}]")),
                        ("allow_plaintext", allow_plaintext),
                    ],
                )?;
            }
        }
        let Some(onion) = onion else { return table("onion", &[("enabled", &false)]) };
        let onion::Settings { nickname, port, vanguards, introduction_points, introduction_rate, .. } = onion;
        let onion::Settings { introduction_burst, proof_of_work, streams_per_circuit, circuits, .. } = onion;
        let onion::Settings { circuits_per_second, circuit_burst, restricted, memory_bytes, tor, .. } = onion;
        // Where the table below has a limit of its own, this one has no effect.
        let memory_key = if onion::limits_memory(tor) { "# memory_bytes" } else { "memory_bytes" };
        table(
            "onion",
            &[
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
                ("restricted", restricted),
                (memory_key, memory_bytes),
            ],
        )?;
        let tor = toml::Table::from_iter([("tor".to_owned(), toml::Value::Table(tor.clone()))]);
        write!(out, "\n{}", toml::to_string(&tor).map_err(|_| fmt::Error)?)
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// The word that stands for a value.
fn word<T: PartialEq>(words: &[(&str, T)], meant: T) -> String {
    words.iter().find(|(_, value)| *value == meant).map(|(word, _)| quoted(word)).unwrap_or_default()
}
