//! Defaults, then the file, the environment and the flags, become one validated [`Config`]. Every error names its key.

mod clearnet;
mod document;
mod metrics;
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
use self::sources::Sources;
pub use self::sources::{Flags, Places};
use self::tables::Tables;
use crate::admin::scrape;
pub use crate::logging::LogFormat;
use crate::logging::LogLevel;
use crate::{conn, pump, transport};
use ephemeral_core::limits;
use ephemeral_core::{dead_man, session, store};

/// Everything that the daemon was told, validated.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Keys and Tor state; never message content. Created 0700. Absolute.
    pub state_dir: PathBuf,
    /// `[store]`: the bounds.
    pub bounds: store::Config,
    /// `[store] survive_restart`: whether what waits is handed to a service manager that can keep it.
    pub survive_restart: bool,
    /// `[store]`, `[limits]` and `[session]`: what holds for every session.
    pub rules: session::Config,
    /// `[session]`: how long a session waits for its peer.
    pub timing: pump::Config,
    /// `[limits]`: how many connections there may be.
    pub limits: conn::Config,
    /// `[limits]` and `[block]`: what each peer may do, and what becomes of it otherwise.
    pub policy: limits::Config,
    /// The admin socket. Absolute.
    pub admin_socket: PathBuf,
    /// `[clearnet]`; `None`: off.
    pub clearnet: Option<transport::clearnet::Config>,
    /// `[metrics]`; `None`: off.
    pub metrics: Option<scrape::Config>,
    /// `[onion]` and `[tor]`; `None`: off.
    pub onion: Option<transport::onion_service::Config>,
    /// `[shutdown] grace_s`.
    pub grace: Duration,
    /// `[panic]`: the dead-man switch.
    pub dead_man: dead_man::Config,
    /// `[log] level`, `LOG_LEVEL` or `--log-level`.
    pub log_level: LogLevel,
    /// The log filter: the level, and the detail of `RUST_LOG`.
    pub log_filter: String,
    /// `--log-format`.
    pub log_format: LogFormat,
}

/// What could be read of a configuration that may be broken.
#[derive(Debug)]
pub struct Examined {
    /// The settings, with defaults in place of what cannot be used.
    pub config: Config,
    /// What is wrong.
    pub error: Option<ConfigError>,
    /// Whether `[onion]` was read, so that it is known which key is meant.
    pub onion_is_known: bool,
}

impl Config {
    /// Puts together the defaults, the file, the environment and the flags, later ones winning.
    ///
    /// `environment` looks a variable up; it is passed in so that what it says can be tested. Nothing is created and no
    /// network is used; the certificate and its key are read, to see that they can be served.
    ///
    /// # Errors
    /// [`ConfigError`], with everything that is wrong, not only the first.
    pub fn load(flags: &Flags, environment: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let Examined { config, error, .. } = Self::examine(flags, environment);
        error.map_or(Ok(config), Err)
    }

    /// As [`load`](Self::load), for commands that need only some of the settings: where one cannot be used, its default
    /// stands in for it, and what is wrong is returned beside.
    #[must_use]
    pub fn examine(flags: &Flags, environment: &dyn Fn(&str) -> Option<OsString>) -> Examined {
        let mut sources = Sources { flags, environment, problems: Vec::new() };
        let mut error = None;
        let (file, text) = match sources.config() {
            None => (String::new(), String::new()),
            Some((path, named_by)) => {
                let text = std::fs::read_to_string(&path).unwrap_or_else(|source| {
                    error = Some(ConfigError::Unreadable { path: path.clone(), named_by, source });
                    String::new()
                });
                (path.display().to_string(), text)
            }
        };
        let mut document = Document::parse(&file, &text).unwrap_or_else(|problem| {
            error = Some(ConfigError::Invalid(vec![problem]));
            Document::empty(&file)
        });
        let tables = Tables::read(&mut document);
        document.finish();

        let state_dir = sources.state_dir();
        let admin_socket = sources.admin_socket(&state_dir);
        let listen = sources.listen(tables.clearnet.listen.clone());
        let tor = sources.tor_enabled(&tables.onion_enabled);
        let (log_level, log_filter) = sources.log_filter(tables.log_level);

        let mut problems = document.problems;
        problems.append(&mut sources.problems);
        problems.extend(listen.value.map(|address| tables.clearnet.problems(&listen, address)).unwrap_or_default());
        if problems.is_empty() && listen.value.is_none() {
            problems = tables.clearnet.without_effect();
        }
        let off_loopback = listen.value.is_some_and(|address| !address.ip().to_canonical().is_loopback());
        if problems.is_empty() && tor && off_loopback && !tables.onion.location_is_public {
            let says = "a TCP listener off loopback beside the onion service shows everybody where the onion service is: \
                        the same key finds the same mailbox at both. Listen on loopback, run a second server for TCP, or \
                        accept it with location_is_public = true in [onion]";
            problems.push(listen.problem(says));
        }
        if problems.is_empty() && listen.value.is_none() && !tor {
            let says = "with neither Tor nor a TCP listener nobody could connect: leave Tor on (no --no-tor, TOR_ENABLED=false \
                        or enabled = false in [onion]), or give --clearnet, PORT or listen in [clearnet]";
            problems.push(Problem::new("", says));
        }
        let onion_is_known = error.is_none() && !problems.iter().any(Problem::is_about_the_onion_service);
        if error.is_none() && !problems.is_empty() {
            error = Some(ConfigError::Invalid(problems));
        }
        let config = Self {
            state_dir,
            bounds: tables.bounds,
            survive_restart: tables.survive_restart,
            rules: tables.rules,
            timing: tables.timing,
            limits: tables.limits,
            policy: tables.policy,
            admin_socket,
            clearnet: listen.value.map(|listen| tables.clearnet.settings(listen, &tables.timing)),
            metrics: tables.metrics,
            onion: tor.then_some(tables.onion),
            grace: tables.grace,
            log_level,
            dead_man: tables.dead_man,
            log_filter,
            log_format: flags.log_format.unwrap_or_default(),
        };
        Examined { config, error, onion_is_known }
    }
}
