//! Whether the Tor network is reached from here: with a client that has nothing, and leaves
//! nothing.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::time::Duration;

use data_encoding::HEXLOWER;
use tokio::time::timeout;

use ephemeral_tor as tor;

/// How long a directory of some megabytes over a slow line, and a circuit, may take.
pub const LIMIT: Duration = Duration::from_secs(180);
/// The part of that for the way to the own address.
const OWN_LIMIT: Duration = Duration::from_secs(60);

/// Bootstraps, and then connects to the own address, if one is given. The outcome of that is `None`
/// if not.
pub(super) async fn reach(table: toml::Table, own: Option<(&str, u16)>) -> Result<Option<Result<(), String>>, String> {
    let directory = Scratch::new().map_err(|error| format!("no directory for it: {error}"))?;
    let bootstrap = timeout(LIMIT - OWN_LIMIT, Box::pin(tor::bootstrap(table, &directory.0))).await;
    let client = match bootstrap {
        Ok(Ok(client)) => client,
        Ok(Err(error)) => return Err(error.to_string()),
        Err(_) => return Err(format!("not within {} s", (LIMIT - OWN_LIMIT).as_secs())),
    };
    let Some(target) = own else { return Ok(None) };
    Ok(Some(match timeout(OWN_LIMIT, Box::pin(client.connect(target))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("not within {} s", OWN_LIMIT.as_secs())),
    }))
}

/// A directory, 0700, removed when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> std::io::Result<Self> {
        let mut name = [0; 12];
        getrandom::fill(&mut name).map_err(std::io::Error::other)?;
        let path = std::env::temp_dir().join(format!("ephemeral-doctor-{}", HEXLOWER.encode(&name)));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
