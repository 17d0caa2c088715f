//! Defaults, then the file, the environment and the flags, become one validated [`Config`]. Every
//! error names its key.

mod clearnet;
mod cluster;
mod document;
mod link;
mod metrics;
mod nodes;
mod panic;
mod problem;
mod proof_of_work;
mod setting;
mod show;
mod sources;
mod tables;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use self::document::Document;
use self::link::BesideFront;
pub use self::problem::{ConfigError, Problem};
use self::setting::Setting;
use self::show::{
    serialize_clearnet, serialize_cluster, serialize_front, serialize_hub, serialize_metrics, serialize_onion,
    serialize_path,
};
use self::sources::Sources;
pub use self::sources::{Flags, Places};
use self::tables::Tables;
use crate::admin::scrape;
pub use crate::logging::LogFormat;
use crate::logging::LogLevel;
use crate::{conn, pump, transport};
use ephemeral_core::limits;
use ephemeral_core::{dead_man, session, store};

/// The validated configuration: the one snapshot that the daemon starts from.
///
/// It is serialized in the order and under the names in which `check-config` prints it. `table.key`
/// is a key of the file; a name without a dot is for what only the flags and the environment can
/// say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Config {
    /// Keys and Tor state; never message content. Created 0700. Absolute.
    #[serde(rename = "state directory", serialize_with = "serialize_path")]
    pub state_dir: PathBuf,
    /// The admin socket. Absolute.
    #[serde(rename = "administrator's socket", serialize_with = "serialize_path")]
    pub admin_socket: PathBuf,
    /// The log filter: the level, and the detail of `RUST_LOG`.
    #[serde(rename = "log filter")]
    pub log_filter: String,
    /// `--log-format`.
    #[serde(rename = "log format")]
    pub log_format: LogFormat,
    /// `[store]`, `[limits]` and `[session]`: the rules of every session.
    #[serde(flatten)]
    pub rules: session::Config,
    /// `[store]`: the bounds.
    #[serde(flatten)]
    pub bounds: store::Config,
    /// `[store] survive_restart`: whether waiting messages are handed to a service manager that can
    /// keep them.
    #[serde(rename = "store.survive_restart")]
    pub survive_restart: bool,
    /// `[limits]` and `[block]`: the bounds on each peer, and the consequences of exceeding them.
    #[serde(flatten)]
    pub policy: limits::Config,
    /// `[limits]`: how many connections there may be.
    #[serde(flatten)]
    pub limits: conn::Config,
    /// `[session]`: how long a session waits for its peer.
    #[serde(flatten)]
    pub timing: pump::Config,
    /// `[shutdown] grace_s`.
    #[serde(rename = "shutdown.grace_s", serialize_with = "pump::serialize_seconds")]
    pub grace: Duration,
    /// `[log] level`, `LOG_LEVEL` or `--log-level`.
    #[serde(rename = "log.level")]
    pub log_level: LogLevel,
    /// `[panic]`: the dead-man switch.
    #[serde(flatten)]
    pub dead_man: dead_man::Config,
    /// `[metrics]`; `None`: off.
    #[serde(flatten, serialize_with = "serialize_metrics")]
    pub metrics: Option<scrape::Config>,
    /// `[clearnet]`; `None`: off.
    #[serde(flatten, serialize_with = "serialize_clearnet")]
    pub clearnet: Option<transport::clearnet::Config>,
    /// `[cluster]`; `None`: this server is the only one.
    #[serde(flatten, serialize_with = "serialize_cluster")]
    pub cluster: Option<crate::cluster::Config>,
    /// `[hub]`; `None`: off.
    #[serde(flatten, serialize_with = "serialize_hub")]
    pub hub: Option<transport::link::HubConfig>,
    /// `[front]`; `None`: off.
    #[serde(flatten, serialize_with = "serialize_front")]
    pub front: Option<transport::link::FrontConfig>,
    /// `[onion]` and `[tor]`; `None`: off.
    #[serde(flatten, serialize_with = "serialize_onion")]
    pub onion: Option<transport::onion_service::Config>,
}

/// The readable part of a configuration that may be broken.
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
    /// `environment` looks a variable up; it is passed in so that what it says can be tested.
    /// Nothing is created and no network is used; the certificate and its key are read, to see that
    /// they can be served.
    ///
    /// # Errors
    /// [`ConfigError`], with everything that is wrong, not only the first.
    pub fn load(flags: &Flags, environment: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let Examined { config, error, .. } = Self::examine(flags, environment);
        error.map_or(Ok(config), Err)
    }

    /// Loads as [`load`](Self::load) does, for commands that need only some of the settings: where
    /// one cannot be used, its default stands in for it, and the problems are returned beside.
    #[must_use]
    pub fn examine(flags: &Flags, environment: &dyn Fn(&str) -> Option<OsString>) -> Examined {
        let mut sources = Sources { flags, environment, problems: Vec::new() };
        let FileText { name, text, mut error } = FileText::read(&sources);
        let mut document = Document::parse(&name, &text).unwrap_or_else(|problem| {
            error = Some(ConfigError::Invalid(vec![problem]));
            Document::empty(&name)
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
        let beside = BesideFront { cluster: tables.cluster.is_some(), nodes: !tables.onion.nodes.is_empty() };
        problems.extend(link::problems(tables.hub.as_ref(), tables.front.as_ref(), &beside));
        check_transports(&tables, &listen, tor, &mut problems);
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
            cluster: tables.cluster,
            hub: tables.hub,
            front: tables.front,
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

/// The text of the file.
struct FileText {
    /// Its path, as problems name it; empty where no file is named.
    name: String,
    text: String,
    /// Why it cannot be read.
    error: Option<ConfigError>,
}

impl FileText {
    fn read(sources: &Sources<'_>) -> Self {
        let Some((path, named_by)) = sources.config() else {
            return Self { name: String::new(), text: String::new(), error: None };
        };
        let name = path.display().to_string();
        match std::fs::read_to_string(&path) {
            Ok(text) => Self { name, text, error: None },
            Err(source) => {
                let error = ConfigError::Unreadable { path, named_by, source };
                Self { name, text: String::new(), error: Some(error) }
            }
        }
    }
}

/// Checks what stands between the TCP listener and the onion service, of which there has to be one.
fn check_transports(tables: &Tables, listen: &Setting<Option<SocketAddr>>, tor: bool, problems: &mut Vec<Problem>) {
    match listen.value {
        Some(address) => problems.extend(tables.clearnet.problems(listen, address)),
        None if problems.is_empty() => problems.extend(tables.clearnet.without_effect()),
        None => {}
    }
    if !problems.is_empty() {
        return;
    }
    let off_loopback = listen.value.is_some_and(|address| !address.ip().to_canonical().is_loopback());
    if tor && off_loopback && !tables.onion.location_is_public {
        let says = "a TCP listener off loopback beside the onion service shows everybody where the onion service is: \
                    the same key finds the same mailbox at both. Listen on loopback, run a second server for TCP, or \
                    accept it with location_is_public = true in [onion]";
        problems.push(listen.problem(says));
    }
    // A hub has the clients of its fronts, and so has a machine of a cluster.
    let is_linked = tables.hub.is_some() || tables.cluster.as_ref().is_some_and(|cluster| cluster.link.is_some());
    if listen.value.is_none() && !tor && !is_linked {
        let says = "with neither Tor nor a TCP listener nobody could connect: leave Tor on (no --no-tor, TOR_ENABLED=false \
                    or enabled = false in [onion]), or give --clearnet, PORT or listen in [clearnet]";
        problems.push(Problem::new("", says));
    }
}
