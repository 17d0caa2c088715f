//! The ways to servers that commands which connect have in common.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use tokio::sync::watch;

use super::directories::directories;
use super::discovery::DirectoryArgs;
use super::exit::{Failure, say};
use super::words::{self, files, fl, said};
use ephemeral_client::cause::{Cause, Explanation};
use ephemeral_client::discovery_file::DiscoveryFileError;
use ephemeral_client::engine::Isolate;
use ephemeral_client::moved::{Book, BookError};
use ephemeral_client::{Arti, Dial, DialError, Direct, ServerUrl, Socks, TorStage, discovery_file};
use ephemeral_tor::{DiscoverySecret, TorError};

#[derive(Args)]
pub(super) struct RouteArgs {
    #[command(flatten)]
    discovery: DirectoryArgs,
    /// Use an existing Tor at this address (usually 127.0.0.1:9050) instead of the built-in one.
    /// For a restricted server it needs the discovery key: see `ephemeral discovery new --help`.
    #[arg(long, env = "EPHEMERAL_SOCKS", value_name = "ADDR")]
    socks: Option<SocketAddr>,
    /// A TOML file whose [tor] table the built-in Tor is given (bridges, private networks).
    #[arg(long, env = "EPHEMERAL_TOR_CONFIG", value_name = "FILE")]
    tor_config: Option<PathBuf>,
    /// Where the built-in Tor keeps its files; by default in the platform's data directory.
    #[arg(long, env = "EPHEMERAL_CLIENT_STATE_DIR", value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// No status lines on stderr; errors are still reported.
    #[arg(long, short)]
    pub(super) quiet: bool,
}

impl RouteArgs {
    /// Returns whether the person is told what happens meanwhile.
    pub(super) fn is_chatty(&self) -> bool {
        !self.quiet
    }

    pub(super) fn note(&self, line: &str) {
        if !self.quiet {
            say(line);
        }
    }

    /// Returns the ways to servers.
    pub(super) fn ways(&self) -> Result<Ways, Failure> {
        let discovery = self.discovery.path()?;
        if let Some(proxy) = self.socks {
            return Ok(Ways { onion: Onion::Socks(proxy), discovery, stages: watch::Sender::default() });
        }
        let table = match &self.tor_config {
            Some(file) => tor_table(file)?,
            None => toml::Table::new(),
        };
        let state_dir = match &self.state_dir {
            Some(directory) => directory.clone(),
            None => directories()?.data_local_dir().join("client"),
        };
        let file = self.tor_config.clone().unwrap_or_default();
        let tor = BuiltIn { table, state_dir, file, arti: Mutex::default() };
        Ok(Ways { onion: Onion::BuiltIn(Box::new(tor)), discovery, stages: watch::Sender::default() })
    }
}

/// Says why there is no way to a server, in English and by a cause, as an engine tells it on: it
/// may serve others than the person who started it.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoRoute {
    #[error(
        "http:// to another machine is not encrypted: anybody on the way could see who talks to whom. Use the server's \
         onion address"
    )]
    Unencrypted,
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
    #[error("there is no home directory: set HOME")]
    NoHome,
    #[error("--tor-config {}: {why}", file.display())]
    Table { file: PathBuf, why: String },
    #[error(transparent)]
    Key(#[from] DiscoveryFileError),
    #[error(transparent)]
    Book(#[from] BookError),
    #[error(transparent)]
    Tor(#[from] TorError),
}

impl From<&NoRoute> for Cause {
    fn from(error: &NoRoute) -> Self {
        match error {
            NoRoute::Unencrypted => Self::RouteUnencrypted {},
            NoRoute::Random(error) => Self::NoRandomNumbers { why: error.to_string() },
            NoRoute::NoHome => Self::NoHome {},
            NoRoute::Table { file, why } => Self::RouteTorConfig { path: file.display().to_string(), why: why.clone() },
            NoRoute::Key(error) => error.into(),
            NoRoute::Book(error) => error.into(),
            NoRoute::Tor(error) => error.into(),
        }
    }
}

impl From<NoRoute> for Failure {
    fn from(error: NoRoute) -> Self {
        match error {
            NoRoute::Unencrypted | NoRoute::Table { .. } => Self::usage(said::of(&error)),
            NoRoute::Random(_) | NoRoute::NoHome => Self::local(said::of(&error)),
            NoRoute::Key(error) => error.into(),
            NoRoute::Book(error) => error.into(),
            NoRoute::Tor(error) => error.into(),
        }
    }
}

/// The ways to servers: onion services through Tor, a server on this machine directly.
pub(super) struct Ways {
    onion: Onion,
    discovery: PathBuf,
    stages: watch::Sender<TorStage>,
}

enum Onion {
    Socks(SocketAddr),
    BuiltIn(Box<BuiltIn>),
}

struct BuiltIn {
    table: toml::Table,
    state_dir: PathBuf,
    file: PathBuf,
    /// Made when it is first needed: who talks to a server on this machine needs no Tor.
    arti: Mutex<Option<Arti>>,
}

impl Ways {
    /// Returns how far Tor has come, where it runs in this process.
    pub(super) fn stages(&self) -> watch::Receiver<TorStage> {
        self.stages.subscribe()
    }

    /// Returns a way to a server on circuits of its own.
    pub(super) fn to(&self, server: &ServerUrl) -> Result<Arc<dyn Dial>, NoRoute> {
        if !server.is_onion() {
            return match server.is_loopback() {
                true => Ok(Arc::new(Direct::default())),
                false => Err(NoRoute::Unencrypted),
            };
        }
        match &self.onion {
            Onion::Socks(proxy) => Ok(Arc::new(Socks::new(*proxy).map_err(NoRoute::Random)?)),
            Onion::BuiltIn(tor) => self.through(tor, server),
        }
    }

    fn through(&self, tor: &BuiltIn, server: &ServerUrl) -> Result<Arc<dyn Dial>, NoRoute> {
        let mut arti = tor.arti.lock().unwrap_or_else(PoisonError::into_inner);
        let arti = match &mut *arti {
            Some(arti) => arti,
            none => none.insert(tor.start(self.stages.clone())?),
        };
        arti.set_discovery_key(server, self.discovery_key(server)?.as_ref())?;
        Ok(Arc::new(arti.isolated()))
    }

    /// Returns the key for finding a restricted server. One that has moved keeps its clients: the
    /// key of its latest name before counts, if there is none for this one.
    fn discovery_key(&self, server: &ServerUrl) -> Result<Option<DiscoverySecret>, NoRoute> {
        let book = Book::open(&book_path().map_err(|_| NoRoute::NoHome)?)?;
        let mut names = vec![server.clone()];
        names.extend(book.before(server));
        for onion in names.iter().filter_map(ServerUrl::onion_name) {
            if let Some(secret) = discovery_file::read(&discovery_file::path(&self.discovery, onion), onion)? {
                return Ok(Some(secret));
            }
        }
        Ok(None)
    }
}

impl BuiltIn {
    fn start(&self, stages: watch::Sender<TorStage>) -> Result<Arti, NoRoute> {
        match Arti::new(self.table.clone(), &self.state_dir) {
            Ok(arti) => Ok(arti.with_stages(stages)),
            // Without a file the table is empty, and right.
            Err(TorError::Table(why)) => Err(NoRoute::Table { file: self.file.clone(), why }),
            Err(error) => Err(error.into()),
        }
    }
}

impl Isolate for Ways {
    fn isolated(&self, to: &ServerUrl) -> Result<Arc<dyn Dial>, DialError> {
        self.to(to).map_err(|error| DialError::NoWay(Explanation::of(&error)))
    }
}

fn wrong_table(file: &Path, why: &str) -> Failure {
    Failure::usage(fl!("route-tor-config", path = words::path(file), why = why))
}

/// Reads the `[tor]` table of a configuration.
fn tor_table(file: &Path) -> Result<toml::Table, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| wrong_table(file, &files::system(&error)))?;
    let unread = |error: toml::de::Error| wrong_table(file, &error.to_string());
    let mut tables: toml::Table = text.parse().map_err(unread)?;
    match tables.remove("tor") {
        Some(toml::Value::Table(table)) => Ok(table),
        _ => Err(wrong_table(file, &fl!("route-no-table"))),
    }
}

/// Returns the file with the notices of moves that are followed.
pub(super) fn book_path() -> Result<PathBuf, Failure> {
    Ok(directories()?.config_dir().join("moved.jsonl"))
}
