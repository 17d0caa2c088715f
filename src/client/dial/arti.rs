//! Tor in this process: nothing to install. It bootstraps when it is first needed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::timeout;

use super::{ByteStream, Dial, DialError};
use crate::client::ServerUrl;
use crate::tor::{self, TorError};

/// Tor in this process (Arti). Two identities that share one could be linked: give each its own with
/// [`isolated`](Self::isolated).
#[derive(Clone)]
pub struct Arti {
    client: Arc<tor::Client>,
    state_dir: PathBuf,
}

impl Arti {
    /// How long the first connection to the Tor network may take: a directory of some megabytes, over any line.
    pub const BOOTSTRAP_LIMIT: Duration = Duration::from_secs(300);
    /// How long a circuit to an onion service may take.
    pub const LIMIT: Duration = Duration::from_secs(120);

    /// `table`: the `[tor]` table of a configuration, empty for the public network. The directory is created 0700; it
    /// holds the network's directory and the entry guards, which should stay the same for months. Call it within a tokio
    /// runtime.
    ///
    /// # Errors
    /// [`TorError`], which says what to mend.
    pub fn new(table: toml::Table, state_dir: &Path) -> Result<Self, TorError> {
        let client = tor::client(tor::config(table, state_dir)?, state_dir)?;
        Ok(Self { client, state_dir: state_dir.to_owned() })
    }

    /// The same client, on circuits that nobody else uses.
    #[must_use]
    pub fn isolated(&self) -> Self {
        Self { client: self.client.isolated_client(), state_dir: self.state_dir.clone() }
    }

    async fn connect(&self, url: &ServerUrl) -> Result<Box<dyn ByteStream>, DialError> {
        let sorted = |action, error| DialError::Tor(TorError::from_arti(action, &self.state_dir, error));
        timeout(Self::BOOTSTRAP_LIMIT, Box::pin(self.client.bootstrap()))
            .await
            .map_err(|_| DialError::Timeout(Self::BOOTSTRAP_LIMIT))?
            .map_err(|error| sorted("the Tor network cannot be reached", error))?;
        let stream = timeout(Self::LIMIT, Box::pin(self.client.connect((url.bare_host(), url.port()))))
            .await
            .map_err(|_| DialError::Timeout(Self::LIMIT))?
            .map_err(|error| sorted("the server cannot be reached through Tor", error))?;
        Ok(Box::new(stream))
    }
}

impl Dial for Arti {
    fn dial<'a>(&'a self, url: &'a ServerUrl) -> BoxFuture<'a, Result<Box<dyn ByteStream>, DialError>> {
        Box::pin(self.connect(url))
    }
}

impl fmt::Debug for Arti {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Arti").field("state_dir", &self.state_dir).finish_non_exhaustive()
    }
}
