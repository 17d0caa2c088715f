//! The part that `send`, `recv` and `moved ask` share: which server, which way there, which identity; and the status
//! lines on stderr.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use tokio::sync::watch;

use super::directories::directories;
use super::discovery::DirectoryArgs;
use super::exit::{Failure, say};
use super::talk::Talk;
use ephemeral_client::moved::Book;
use ephemeral_client::{
    Arti, ConnectOptions, Dial, Direct, ServerUrl, Session, Socks, TorStage, discovery_file, key_file,
};
use ephemeral_tor::{DiscoverySecret, TorError};

#[derive(Args)]
pub(super) struct KeyArgs {
    /// The key file, or a pipe such as <(age -d id.age); by default identity.pem in the platform's configuration
    /// directory.
    #[arg(long = "key", env = "EPHEMERAL_KEY", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl KeyArgs {
    pub(super) fn path(&self) -> Result<PathBuf, Failure> {
        match &self.file {
            Some(path) => Ok(path.clone()),
            None => Ok(directories()?.config_dir().join("identity.pem")),
        }
    }
}

#[derive(Args)]
pub(super) struct RouteArgs {
    /// The server: NAME.onion, or http://127.0.0.1:8443 on this machine.
    #[arg(long, env = "EPHEMERAL_SERVER", value_name = "URL")]
    server: ServerUrl,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    discovery: DirectoryArgs,
    /// Use an existing Tor at this address (usually 127.0.0.1:9050) instead of the built-in one. For a restricted server
    /// it needs the discovery key: see `ephemeral discovery new --help`.
    #[arg(long, env = "EPHEMERAL_SOCKS", value_name = "ADDR")]
    socks: Option<SocketAddr>,
    /// A TOML file whose [tor] table the built-in Tor is given (bridges, private networks).
    #[arg(long, env = "EPHEMERAL_TOR_CONFIG", value_name = "FILE")]
    tor_config: Option<PathBuf>,
    /// Where the built-in Tor keeps its files; by default in the platform's data directory.
    #[arg(long, env = "EPHEMERAL_CLIENT_STATE_DIR", value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Allow http:// to another machine without Tor: anybody on the way can read and change everything.
    #[arg(long)]
    insecure_http: bool,
    /// No status lines on stderr; errors are still reported.
    #[arg(long, short)]
    quiet: bool,
}

/// A way to a server.
pub(super) struct Way {
    pub(super) dialer: Arc<dyn Dial>,
    /// How far Tor has come, where it runs in this process.
    stages: Option<watch::Receiver<TorStage>>,
}

impl RouteArgs {
    /// Makes a session that has not dialled yet.
    pub(super) fn session(&self, options: ConnectOptions) -> Result<Talk, Failure> {
        let identity = key_file::read(&self.key.path()?)?;
        let names = self.names()?;
        let current = names.last().unwrap_or(&self.server).clone();
        let Way { dialer, stages } = self.way(&names)?;
        let session = Session::new(dialer, current.clone(), identity, options);
        Ok(Talk::new(session, current, self.quiet, stages))
    }

    /// Returns the server as it was named, whether it has moved or not.
    pub(super) fn server(&self) -> &ServerUrl {
        &self.server
    }

    /// Returns the names that the server has had since it had the given one, which comes first. The last is the present
    /// one, as far as it is known.
    fn names(&self) -> Result<Vec<ServerUrl>, Failure> {
        let mut names = vec![self.server.clone()];
        if self.server.is_onion() {
            names.extend(Book::open(&book_path()?)?.way(&self.server));
        }
        if let [old, .., new] = names.as_slice() {
            self.note(&format!("{old} has moved to {new}"));
        }
        Ok(names)
    }

    pub(super) fn note(&self, line: &str) {
        if !self.quiet {
            say(line);
        }
    }

    /// Returns the way to the last of these names of the server. A restricted server is found with the key of that name,
    /// or else with that of the latest name before it: a server keeps its clients when it moves.
    pub(super) fn way(&self, names: &[ServerUrl]) -> Result<Way, Failure> {
        if !self.server.is_onion() && !self.server.is_loopback() && !self.insecure_http {
            return Err(Failure::usage(
                "http:// to another machine is not encrypted: anybody on the way could read and change everything. \
                 Use the server's onion address, or --insecure-http if you know the network",
            ));
        }
        if let Some(proxy) = self.socks {
            let socks = Socks::new(proxy).map_err(|error| Failure::local(format!("no random numbers: {error}")))?;
            return Ok(Way { dialer: Arc::new(socks), stages: None });
        }
        if !self.server.is_onion() {
            return Ok(Way { dialer: Arc::new(Direct::default()), stages: None });
        }
        let table = match &self.tor_config {
            Some(file) => tor_table(file)?,
            None => toml::Table::new(),
        };
        let state_dir = match &self.state_dir {
            Some(directory) => directory.clone(),
            None => directories()?.data_local_dir().join("client"),
        };
        match Arti::new(table, &state_dir) {
            Ok(arti) => {
                if let Some(current) = names.last() {
                    arti.set_discovery_key(current, self.discovery_key(names)?.as_ref())?;
                }
                let stages = Some(arti.stages());
                Ok(Way { dialer: Arc::new(arti), stages })
            }
            Err(error @ TorError::Table(_)) => {
                // Without a file the table is empty, and right.
                let file = self.tor_config.as_deref().unwrap_or(Path::new(""));
                Err(Failure::usage(format!("--tor-config {}: {error}", file.display())))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn discovery_key(&self, names: &[ServerUrl]) -> Result<Option<DiscoverySecret>, Failure> {
        let directory = self.discovery.path()?;
        for onion in names.iter().rev().filter_map(ServerUrl::onion_name) {
            if let Some(secret) = discovery_file::read(&discovery_file::path(&directory, onion), onion)? {
                return Ok(Some(secret));
            }
        }
        Ok(None)
    }
}

/// Reads the `[tor]` table of a configuration.
fn tor_table(file: &Path) -> Result<toml::Table, Failure> {
    let failed = |why: &dyn std::fmt::Display| Failure::usage(format!("--tor-config {}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| failed(&error))?;
    let mut tables: toml::Table = text.parse().map_err(|error: toml::de::Error| failed(&error))?;
    match tables.remove("tor") {
        Some(toml::Value::Table(table)) => Ok(table),
        _ => Err(failed(&"there is no [tor] table in it")),
    }
}

/// Returns the file with the notices of moves that are followed.
pub(super) fn book_path() -> Result<PathBuf, Failure> {
    Ok(directories()?.config_dir().join("moved.jsonl"))
}
