//! Reads the files that are to be sent, beside the service's loop: hashing a large one takes
//! seconds, and others go on meanwhile.
//!
//! At most two are read at a time; the others wait, as many as connections may have requests.
//! Reading ends with the connection that asked for it, when that is lost, and with the service. One
//! that has only nothing more to ask is still answered, as for every other request.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ephemeral_e2e::effect::LinkId;
use ephemeral_e2e::files::Source;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet, spawn_blocking};

use super::pipes::RequestPermit;
use crate::source::{self, SourceError};

/// How many files are read at a time.
const AT_A_TIME: usize = 2;

/// Reads a file, until it is told to stop.
type Describe = dyn Fn(&Path, &AtomicBool) -> Result<Source, SourceError> + Send + Sync;

/// A file that is to be sent.
pub(super) struct FileToSend {
    pub(super) link: LinkId,
    pub(super) path: PathBuf,
}

/// A request whose file is being read.
pub(super) struct FileRequest {
    pub(super) connection: u64,
    /// Without one, no answer is wanted.
    pub(super) id: Option<Value>,
    pub(super) permit: RequestPermit,
}

/// A request whose file was read.
pub(super) struct Described {
    pub(super) request: FileRequest,
    pub(super) link: LinkId,
    pub(super) outcome: Result<Source, SourceError>,
}

/// Holds the files that are being read.
pub(super) struct Describing {
    tasks: JoinSet<Described>,
    turns: Arc<Semaphore>,
    /// Whose they are.
    running: Vec<(u64, AbortHandle)>,
    describe: Arc<Describe>,
}

impl Default for Describing {
    fn default() -> Self {
        Self::by(source::describe)
    }
}

/// Ends reading when the task ends that waits for it.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Describing {
    pub(super) fn by(
        describe: impl Fn(&Path, &AtomicBool) -> Result<Source, SourceError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            tasks: JoinSet::new(),
            turns: Arc::new(Semaphore::new(AT_A_TIME)),
            running: Vec::new(),
            describe: Arc::new(describe),
        }
    }

    /// Begins to read a file.
    pub(super) fn begin(&mut self, request: FileRequest, file: FileToSend) {
        self.running.retain(|(_, task)| !task.is_finished());
        let connection = request.connection;
        let turns = Arc::clone(&self.turns);
        let describe = Arc::clone(&self.describe);
        let task = self.tasks.spawn(async move {
            // It is never closed.
            let _turn = turns.acquire_owned().await;
            let FileToSend { link, path } = file;
            let outcome = described(describe, path).await;
            Described { request, link, outcome }
        });
        self.running.push((connection, task));
    }

    /// Returns a request whose file was read; waits for ever, if none is being read. Cancelling it
    /// loses nothing.
    pub(super) async fn next(&mut self) -> Described {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(described)) => return described,
                // Its connection is over.
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Takes note that a connection is over.
    pub(super) fn gone(&mut self, connection: u64) {
        let of_it = |(whose, task): &(u64, AbortHandle)| {
            if *whose == connection {
                task.abort();
            }
            *whose != connection
        };
        self.running.retain(of_it);
    }
}

async fn described(describe: Arc<Describe>, path: PathBuf) -> Result<Source, SourceError> {
    let stop = StopOnDrop(Arc::default());
    let stopped = Arc::clone(&stop.0);
    let named = path.clone();
    let reading = spawn_blocking(move || describe(&path, &stopped));
    let failed = |error| SourceError::Read { path: named, source: std::io::Error::other(error) };
    reading.await.map_err(failed)?
}
