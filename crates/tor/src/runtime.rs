//! The async runtime as Arti sees it: tokio, but with an owner for every task that Arti starts.
//!
//! A Tor client that is dropped lives on in dozens of its tasks, for half a minute and more, with
//! its lock on the state directory. They have to end before another one is started.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::FutureObj;
use futures::task::{Spawn, SpawnError};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tor_rtcompat::{Blocking, CompoundRuntime, PreferredRuntime};

type Base = PreferredRuntime;

/// The runtime that a Tor client is made for.
pub type Runtime = CompoundRuntime<Tasks, Base, Base, Base, Base, Base, Base>;

/// The tasks of one Tor client. Clones are handles to the same ones.
#[derive(Clone, Debug)]
pub struct Tasks {
    base: Base,
    handle: Handle,
    /// None: ended.
    running: Arc<Mutex<Option<JoinSet<()>>>>,
    ended: CancellationToken,
    threads: TaskTracker,
}

/// The payload with which a thread unwinds whose client has ended.
struct Unwinding;

/// How long threads that compute, or write to a disk, may go on when their client ends. They hold
/// nothing that another needs.
const THREADS_PATIENCE: Duration = Duration::from_secs(5);

impl Tasks {
    /// Returns a runtime within the tokio runtime that this is called in; an error outside of one.
    pub(super) fn new() -> std::io::Result<Self> {
        let handle = Handle::try_current().map_err(std::io::Error::other)?;
        let running = Arc::new(Mutex::new(Some(JoinSet::new())));
        Ok(Self {
            base: Base::current()?,
            handle,
            running,
            ended: CancellationToken::new(),
            threads: TaskTracker::new(),
        })
    }

    /// Returns the runtime to make the client with.
    pub(super) fn runtime(&self) -> Runtime {
        let base = || self.base.clone();
        CompoundRuntime::new(self.clone(), base(), base(), base(), base(), base(), base())
    }

    /// Ends them all, and returns when they are gone with everything that they held.
    pub async fn end(&self) {
        self.ended.cancel();
        let running = self.running().take();
        if let Some(mut running) = running {
            running.shutdown().await;
        }
        self.threads.close();
        let _ = tokio::time::timeout(THREADS_PATIENCE, self.threads.wait()).await;
    }

    fn running(&self) -> MutexGuard<'_, Option<JoinSet<()>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spawn for Tasks {
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        let mut running = self.running();
        let tasks = running.as_mut().ok_or_else(SpawnError::shutdown)?;
        // Circuits come and go: without this the set would keep what is left of each.
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(future, &self.handle);
        Ok(())
    }
}

impl Blocking for Tasks {
    type ThreadHandle<T: Send + 'static> = <Base as Blocking>::ThreadHandle<T>;

    fn spawn_blocking<F, T>(&self, f: F) -> Self::ThreadHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let running = self.threads.token();
        self.base.spawn_blocking(move || {
            let _running = running;
            f()
        })
    }

    fn reenter_block_on<F>(&self, future: F) -> F::Output
    where
        F: Future,
        F::Output: Send + 'static,
    {
        // A thread that waits for its client would wait for ever once that has ended, and hold on
        // to it: Arti's queue of requests has one that does. There is no value to return, so it
        // unwinds; unlike a panic that is not reported.
        self.base.reenter_block_on(async {
            tokio::select! {
                output = future => output,
                () = self.ended.cancelled() => std::panic::resume_unwind(Box::new(Unwinding)),
            }
        })
    }

    fn blocking_io<F, T>(&self, f: F) -> impl Future<Output = T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.base.blocking_io(f)
    }
}

/// Ends the tasks of a Tor client when it is dropped, without waiting for them.
#[derive(Debug)]
pub struct EndOnDrop(pub Tasks);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.ended.cancel();
        // Dropping the set aborts what is in it.
        drop(self.0.running().take());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_thread_that_waits_for_ever_ends_with_its_client() {
        let tasks = Tasks::new().unwrap();
        let held = Arc::new(());
        let inner = tasks.clone();
        let holds = Arc::clone(&held);
        drop(tasks.spawn_blocking(move || {
            let _holds = holds;
            inner.reenter_block_on(std::future::pending::<()>());
        }));
        tasks.end().await;
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
