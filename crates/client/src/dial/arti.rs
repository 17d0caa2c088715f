//! Reaches servers by Tor in this process: nothing to install. It bootstraps when it is first
//! needed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::timeout;

use super::hedge::{Finish, Hedge, race};
use super::{ByteStream, Dial, DialError};
use crate::ServerUrl;
use ephemeral_tor::{self as tor, DiscoverySecret, TorError, TorStep};

/// The stages of an attempt to reach a server through Tor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TorStage {
    /// No attempt is being made.
    #[default]
    Idle,
    /// Tor starts: it connects to the network and fetches its directory.
    Starting {
        /// How much of that is done, 0 to 100.
        percent: u8,
    },
    /// Tor is ready, and looks for the server.
    Searching,
}

/// Tor in this process (Arti). Two identities that share one could be linked: give each its own
/// with [`isolated`](Self::isolated).
pub struct Arti {
    state_dir: PathBuf,
    attempts: Mutex<Attempts>,
    stage: watch::Sender<TorStage>,
    /// What second attempts have been worth so far, also those of the clients that are isolated
    /// from each other: each new one has to find the server first, and none could tell by itself
    /// whether that is slow today.
    hedge: Arc<Mutex<Hedge>>,
}

/// The settings of the next attempt.
struct Attempts {
    client: Arc<tor::Client>,
    limit: Duration,
}

impl Arti {
    /// Bounds the first connection to the Tor network: a directory of some megabytes, over any
    /// line.
    pub const BOOTSTRAP_LIMIT: Duration = Duration::from_secs(300);
    /// Bounds the first attempt to reach the server. After each one that took longer, the bound is
    /// doubled.
    pub const FIRST_LIMIT: Duration = Duration::from_secs(30);
    /// Bounds any attempt to reach the server.
    pub const LONGEST_LIMIT: Duration = Duration::from_secs(240);

    /// Makes a client that has not touched the network. `table`: the `[tor]` table of a
    /// configuration, empty for the public network. The directory is created 0700; it holds the
    /// network's directory and the entry guards, which should stay the same for months. Call it
    /// within a tokio runtime.
    ///
    /// # Errors
    /// [`TorError`], which says what to mend.
    pub fn new(table: toml::Table, state_dir: &Path) -> Result<Self, TorError> {
        Ok(Self::with(tor::client(tor::config(table, state_dir)?, state_dir)?, state_dir))
    }

    /// Returns the same client, on circuits that nobody else uses.
    #[must_use]
    pub fn isolated(&self) -> Self {
        let client = self.attempts().client.isolated_client();
        let hedge = Arc::clone(&self.hedge);
        Self { stage: self.stage.clone(), hedge, ..Self::with(client, &self.state_dir) }
    }

    /// Returns the same client, which tells there how far it has come, and so do those isolated
    /// from it.
    #[must_use]
    pub fn with_stages(self, stage: watch::Sender<TorStage>) -> Self {
        Self { stage, ..self }
    }

    /// Sets the key for finding a restricted server; `None` forgets what an earlier run may have
    /// left. Arti keeps it below the state directory, for its owner alone.
    ///
    /// # Errors
    /// [`TorError`], if it cannot be kept.
    pub fn set_discovery_key(&self, url: &ServerUrl, secret: Option<&DiscoverySecret>) -> Result<(), TorError> {
        match url.onion_name() {
            Some(onion) => tor::set_discovery_key(&self.attempts().client, &self.state_dir, onion, secret),
            None => Ok(()),
        }
    }

    fn with(client: Arc<tor::Client>, state_dir: &Path) -> Self {
        let attempts = Mutex::new(Attempts { client, limit: Self::FIRST_LIMIT });
        let hedge = Arc::default();
        Self { state_dir: state_dir.to_owned(), attempts, stage: watch::Sender::default(), hedge }
    }

    /// Returns where one can see how far an attempt has come.
    #[must_use]
    pub fn stages(&self) -> watch::Receiver<TorStage> {
        self.stage.subscribe()
    }

    async fn connect(&self, url: &ServerUrl) -> Result<Box<dyn ByteStream>, DialError> {
        let sorted = |action, error| DialError::Tor(TorError::from_arti(action, &self.state_dir, error));
        let (client, limit) = {
            let attempts = self.attempts();
            (Arc::clone(&attempts.client), attempts.limit)
        };
        let _idle_in_the_end = Idle(&self.stage);
        timeout(Self::BOOTSTRAP_LIMIT, Box::pin(self.bootstrap(&client)))
            .await
            .map_err(|_| DialError::Timeout(Self::BOOTSTRAP_LIMIT))?
            .map_err(|error| sorted(TorStep::Network, error))?;
        self.stage.send_replace(TorStage::Searching);
        let outcome = timeout(limit, Box::pin(self.search(&client, url))).await;
        let mut attempts = self.attempts();
        match outcome {
            Ok(Ok((stream, winner))) => {
                attempts.limit = Self::FIRST_LIMIT;
                attempts.client = winner;
                Ok(stream)
            }
            Ok(Err(error)) => {
                attempts.limit = Self::FIRST_LIMIT;
                Err(sorted(TorStep::Server, error))
            }
            Err(_) => {
                attempts.limit = (2 * limit).min(Self::LONGEST_LIMIT);
                self.hedge().ended(Finish::InVain, limit);
                // Arti goes on trying in the background, and the same client would only join in:
                // with a directory of yesterday it may wait for minutes for an answer that cannot
                // come.
                attempts.client = client.isolated_client();
                Err(DialError::Timeout(limit))
            }
        }
    }

    /// Connects, with a second attempt on an isolated circuit beside one that hangs. Returns the
    /// client that has won, too.
    async fn search(
        &self,
        client: &Arc<tor::Client>,
        url: &ServerUrl,
    ) -> Result<(Box<dyn ByteStream>, Arc<tor::Client>), tor::ArtiError> {
        let attempt = |client: Arc<tor::Client>| async move {
            let stream = client.connect((url.bare_host(), url.port())).await?;
            Ok((Box::new(stream) as Box<dyn ByteStream>, client))
        };
        let delay = self.hedge().delay();
        let second = || attempt(client.isolated_client());
        let (outcome, finish, took) = race(attempt(Arc::clone(client)), delay, second).await;
        self.hedge().ended(finish, took);
        outcome
    }

    async fn bootstrap(&self, client: &tor::Client) -> Result<(), tor::ArtiError> {
        let mut events = client.bootstrap_events();
        let mut attempt = Box::pin(client.bootstrap());
        loop {
            let fraction = client.bootstrap_status().as_frac();
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
            let percent = (fraction * 100.0).round().clamp(0.0, 100.0) as u8;
            self.stage.send_replace(TorStage::Starting { percent });
            tokio::select! {
                outcome = &mut attempt => return outcome,
                Some(_) = events.next() => {}
            }
        }
    }

    fn hedge(&self) -> MutexGuard<'_, Hedge> {
        self.hedge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the stage of an attempt, however that ends.
struct Idle<'a>(&'a watch::Sender<TorStage>);

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        self.0.send_replace(TorStage::Idle);
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
