//! Defaults, then the file, the environment and the flags, become one validated [`Config`]. Every error names its key.

mod document;
mod problem;
mod setting;
mod show;
mod sources;
mod tables;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use self::document::Document;
pub use self::problem::{ConfigError, Problem};
pub use self::sources::Flags;
use self::sources::Sources;
use self::tables::Tables;
pub use crate::logging::LogFormat;
use crate::{conn, pump, session, store, transport};

/// Everything that the daemon was told, validated.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Keys and Tor state; never message content. Created 0700. Absolute.
    pub state_dir: PathBuf,
    /// `[store]`: the bounds.
    pub bounds: store::Bounds,
    /// `[store] survive_restart`: whether what waits is handed to a service manager that can keep it.
    pub survive_restart: bool,
    /// `[store]`, `[limits]` and `[session]`: what holds for every session.
    pub rules: session::Rules,
    /// `[session]`: how long a session waits for its peer.
    pub timing: pump::Timing,
    /// `[limits]`: how many connections there may be.
    pub limits: conn::Limits,
    /// `[clearnet]`; `None`: off.
    pub clearnet: Option<transport::clearnet::Settings>,
    /// `[onion]` and `[tor]`; `None`: off.
    pub onion: Option<transport::onion::Settings>,
    /// `[shutdown] grace_s`.
    pub grace: Duration,
    /// The log filter: `--log-level`, `LOG_LEVEL`, `RUST_LOG`.
    pub log_filter: String,
    /// `--log-format`.
    pub log_format: LogFormat,
}

impl Config {
    /// Puts together the defaults, the file, the environment and the flags, later ones winning.
    ///
    /// `environment` looks a variable up; it is passed in so that what it says can be tested. Nothing is created and no
    /// network is used.
    ///
    /// # Errors
    /// [`ConfigError`], with everything that is wrong, not only the first.
    pub fn load(flags: &Flags, environment: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let mut sources = Sources { flags, environment, problems: Vec::new() };
        let (file, text) = match sources.config() {
            None => (String::new(), String::new()),
            Some((path, named_by)) => match std::fs::read_to_string(&path) {
                Ok(text) => (path.display().to_string(), text),
                Err(source) => return Err(ConfigError::Unreadable { path, named_by, source }),
            },
        };
        let mut document = Document::parse(&file, &text).map_err(|problem| ConfigError::Invalid(vec![problem]))?;
        let tables = Tables::read(&mut document);
        document.finish();

        let state_dir = sources.state_dir();
        let listen = sources.listen(tables.listen);
        let tor = sources.tor_enabled(&tables.onion_enabled);
        let log_filter = sources.log_filter();

        let mut problems = document.problems;
        problems.append(&mut sources.problems);
        if let Some(address) = listen.value
            && !address.ip().to_canonical().is_loopback()
            && !tables.allow_plaintext.value
        {
            problems.push(listen.problem(
                "off loopback without TLS, so that whoever is on the way reads who writes to whom: listen on 127.0.0.1 \
                 behind a proxy that serves TLS, or accept that with allow_plaintext = true in [clearnet]",
            ));
        }
        // A setting that does nothing is a mistake that nobody would notice.
        if problems.is_empty() && listen.value.is_none() {
            let off = "has no effect, since nothing listens on TCP: give listen in [clearnet], --clearnet or PORT";
            problems.extend((!tables.server_names.value.is_empty()).then(|| tables.server_names.problem(off)));
            problems.extend(tables.allow_plaintext.value.then(|| tables.allow_plaintext.problem(off)));
        }
        if problems.is_empty() && listen.value.is_none() && !tor {
            let says = "with neither Tor nor a TCP listener nobody could connect: leave Tor on (no --no-tor, TOR_ENABLED=false \
                        or enabled = false in [onion]), or give --clearnet, PORT or listen in [clearnet]";
            problems.push(Problem::new("", says));
        }
        if !problems.is_empty() {
            return Err(ConfigError::Invalid(problems));
        }

        Ok(Self {
            state_dir,
            bounds: tables.bounds,
            survive_restart: tables.survive_restart,
            rules: tables.rules,
            timing: tables.timing,
            limits: tables.limits,
            clearnet: listen.value.map(|listen| transport::clearnet::Settings {
                listen,
                server_names: tables.server_names.value,
                allow_plaintext: tables.allow_plaintext.value,
            }),
            onion: tor.then_some(tables.onion),
            grace: tables.grace,
            log_filter,
            log_format: flags.log_format.unwrap_or_default(),
        })
    }
}
