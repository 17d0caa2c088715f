//! `ephemeral-server cluster join`: a new machine fetches the key of the onion service from one
//! that has it, before its server is started for the first time.

use std::io::{BufRead as _, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::{EXIT_CONFIG, complain, failure, on_runtime_with, print};
use crate::cluster::asking::{self, NotGiven};
use crate::cluster::joining::parcel::ServiceParcel;
use crate::cluster::joining::{JoinCode, NotAJoinCode};
use crate::config::Examined;
use crate::transport::onion_service::clients::{self, ClientsError};
use ephemeral_tor::{Keystore, KeystoreError, key_directory};

pub(super) const HELP: &str = "\
Examples:
  ephemeral-server cluster join ABCD-EFGH-…
  ephemeral-server cluster join -

`ephemeral-server cluster invite` on a machine that runs prints the code; - reads it from the first line of standard input. Run it as \
the server's user, with the configuration that the server will have. A key that is there is never replaced.";

/// Bytes of a code on stdin, at most.
const CODE_BYTES: usize = 256;

#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct ClusterJoinArgs {
    /// The code, or - to read it from standard input
    #[arg(value_name = "CODE")]
    code: Zeroizing<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Why the key is not there.
#[derive(Debug, thiserror::Error)]
enum NotJoined {
    #[error("this server is in no cluster: it has no [cluster]")]
    NoCluster,
    #[error("the onion service is off in this configuration, so there is no key that it could be given")]
    NoOnion,
    #[error(transparent)]
    Code(#[from] NotAJoinCode),
    #[error("the code cannot be read from standard input: {0}")]
    Input(std::io::Error),
    #[error("{} belongs to another user: run this as that one, which is the server's", .0.display())]
    NotYours(PathBuf),
    #[error(transparent)]
    Asked(#[from] NotGiven),
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
    #[error(
        "{} has a key already, that of {there}, and the cluster's is that of {asked}: nothing was changed. If nobody needs it, \
         keep a copy (`ephemeral-server keys export FILE`), remove it, and join with a new code", path.display()
    )]
    OtherKey { path: PathBuf, there: String, asked: String },
    #[error("the key is there, but not the clients that can find the service: {0}")]
    Clients(#[from] ClientsError),
}

impl NotJoined {
    /// Returns whether the error is about what it was told, and not about what happened.
    fn is_configuration(&self) -> bool {
        matches!(self, Self::NoCluster | Self::NoOnion | Self::Code(_))
    }
}

/// Does it.
pub(in crate::cli) fn run(args: &ClusterJoinArgs, examined: &Examined) -> ExitCode {
    if let Some(error) = &examined.error {
        error.to_string().lines().for_each(complain);
        return EXIT_CONFIG.into();
    }
    match on_runtime_with(join(args, examined)) {
        Ok(Ok(text)) => print(&text),
        Ok(Err(error)) if error.is_configuration() => {
            complain(error);
            EXIT_CONFIG.into()
        }
        Ok(Err(error)) => failure(error),
        Err(code) => code,
    }
}

async fn join(args: &ClusterJoinArgs, examined: &Examined) -> Result<String, NotJoined> {
    let config = &examined.config;
    let cluster = config.cluster.as_ref().ok_or(NotJoined::NoCluster)?;
    let onion = config.onion.as_ref().ok_or(NotJoined::NoOnion)?;
    let code = code(&args.code)?;
    if config.state_dir.metadata().is_ok_and(|found| found.uid() != rustix::process::geteuid().as_raw()) {
        return Err(NotJoined::NotYours(config.state_dir.clone()));
    }
    // Before the code is spent. While it is held, no server starts on this directory.
    let store = Keystore::open_to_change(&onion.tor, &config.state_dir, &onion.nickname)?;
    let had_one = store.key()?.is_some();
    let parcel = asking::ask(cluster, &code).await?;
    store.insert(&parcel.key).map_err(|error| match error {
        KeystoreError::Exists(there) => NotJoined::OtherKey {
            path: key_file(&config.state_dir, &onion.nickname),
            there,
            asked: parcel.key.address().to_owned(),
        },
        error => error.into(),
    })?;
    add_clients(&parcel, &config.state_dir)?;
    if parcel.restricted != onion.restricted {
        complain(format_args!(
            "restricted in [onion] is {} there and {} here: it has to be the same on all machines",
            parcel.restricted, onion.restricted
        ));
    }
    if had_one {
        complain("it is this machine's key already: nothing to do");
    }
    let address = parcel.key.address();
    if args.json {
        let said = json!({"address": address, "is_new": !had_one, "clients": parcel.clients.len()});
        return Ok(format!("{said}\n"));
    }
    Ok(format!("{address}\n"))
}

/// Returns the file with the key.
fn key_file(state_dir: &Path, nickname: &str) -> PathBuf {
    let below = Path::new("hss").join(nickname).join("ks_hs_id.ed25519_expanded_private");
    key_directory(state_dir).unwrap_or_else(|_| state_dir.to_owned()).join(below)
}

fn code(given: &str) -> Result<JoinCode, NotJoined> {
    if given != "-" {
        return Ok(JoinCode::parse(given)?);
    }
    // With the capacity from the start, no reallocation leaves a copy behind.
    let mut typed = Zeroizing::new(String::with_capacity(CODE_BYTES));
    std::io::stdin().lock().take(CODE_BYTES as u64).read_line(&mut typed).map_err(NotJoined::Input)?;
    Ok(JoinCode::parse(&typed)?)
}

/// Adds the clients that can find the service; one that is here already under its name is left as
/// it is.
fn add_clients(parcel: &ServiceParcel, state_dir: &Path) -> Result<(), NotJoined> {
    let there = clients::list(state_dir)?;
    for (name, key) in &parcel.clients {
        match clients::add(state_dir, name, key) {
            Err(ClientsError::Exists(_)) if there.get(name) == Some(key) => {}
            Err(error @ (ClientsError::Exists(_) | ClientsError::SameKey(_))) => {
                complain(format_args!("the client {name} of the cluster is not added here: {error}"));
            }
            outcome => outcome?,
        }
    }
    Ok(())
}
