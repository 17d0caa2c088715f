//! `ephemeral-server cluster set-key`: says that the cluster has this machine's secret and service
//! key, where another machine has written down other ones.

use std::process::ExitCode;

use crate::cli::{EXIT_CONFIG, complain, failure, on_runtime_with, print};
use crate::cluster::charter::OwnService;
use crate::cluster::charter::setting::{self, CharterNotSet};
use crate::config::Examined;
use ephemeral_tor::{Keystore, KeystoreError, address_digest};

pub(super) const HELP: &str = "\
Example:
  ephemeral-server cluster set-key

The first machine of a cluster that leads writes down which secret and which service key the cluster has, and a machine with \
others refuses to start. Where that first machine was the wrong one, or the key was changed on purpose: stop all machines, and run this \
on one that is right, as the server's user. Nothing that waits is erased, unless its keys are gone with those who had them.";

/// Why the key is as it was.
#[derive(Debug, thiserror::Error)]
enum KeyNotSet {
    #[error("this server is in no cluster: it has no [cluster]")]
    NoCluster,
    #[error(
        "this machine has no key of the onion service yet: start it once, or fetch the key with `ephemeral-server \
         cluster join`"
    )]
    NoKey,
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
    #[error(transparent)]
    Charter(#[from] CharterNotSet),
}

/// Does it.
pub(in crate::cli) fn run(examined: &Examined) -> ExitCode {
    if let Some(error) = &examined.error {
        error.to_string().lines().for_each(complain);
        return EXIT_CONFIG.into();
    }
    match on_runtime_with(set(examined)) {
        Ok(Ok(text)) => print(&text),
        Ok(Err(error @ KeyNotSet::NoCluster)) => {
            complain(error);
            EXIT_CONFIG.into()
        }
        Ok(Err(error)) => failure(error),
        Err(code) => code,
    }
}

async fn set(examined: &Examined) -> Result<String, KeyNotSet> {
    let config = &examined.config;
    let cluster = config.cluster.as_ref().ok_or(KeyNotSet::NoCluster)?;
    let (own, what) = match &config.onion {
        None => (OwnService::Off, "this machine's secret".to_owned()),
        Some(onion) => {
            let key = Keystore::open(&onion.tor, &config.state_dir, &onion.nickname)?.key()?.ok_or(KeyNotSet::NoKey)?;
            let address = key.address();
            (OwnService::Has(address_digest(address)), format!("this machine's secret, and the key of {address}"))
        }
    };
    let is_new = setting::set(cluster, &own).await?;
    Ok(if is_new {
        format!("the cluster has {what} from now on\n")
    } else {
        format!("the cluster has {what}: nothing to do\n")
    })
}
