//! One machine that a front is connected with, and the streams that it may say something of.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::wire::LinkNotice;
use super::Way;
use crate::transport::CircuitHandle;

/// How long a stream that has ended is remembered: what the hub says of it comes by another way.
const REMEMBERED: Duration = Duration::from_secs(5);
/// The term of a hub that is the only one.
const ONLY: u64 = 1;

/// A machine that is connected: the hub, or one that may become it.
pub(super) struct HubLink {
    pub(super) way: Arc<Way>,
    /// The term in which it serves; 0: it stands by.
    pub(super) term: AtomicU64,
    /// What the hub calls this connection.
    pub(super) name: u64,
    /// Cancelled when the hub is gone: the streams end.
    pub(super) over: CancellationToken,
    streams: Mutex<Streams>,
    next: AtomicU64,
}

/// What the hub may say something of.
#[derive(Default)]
struct Streams {
    entries: HashMap<u64, Stream>,
    /// Those that have ended, and when: the hub may still have their circuits closed.
    ended: VecDeque<(Instant, u64)>,
}

struct Stream {
    authenticated: Option<oneshot::Sender<bool>>,
    circuit: Option<CircuitHandle>,
}

/// A stream's entry. When this is dropped, the stream has ended.
pub(super) struct Registered {
    link: Arc<HubLink>,
    number: u64,
}

impl Registered {
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.link.streams().ended.push_back((Instant::now(), self.number));
    }
}

impl HubLink {
    pub(super) fn new(way: Arc<Way>, name: u64, in_cluster: bool) -> Arc<Self> {
        let term = AtomicU64::new(if in_cluster { 0 } else { ONLY });
        let over = CancellationToken::new();
        Arc::new(Self { way, term, name, over, streams: Mutex::default(), next: AtomicU64::default() })
    }

    /// Enters a stream, and forgets those that ended a while ago. The second value resolves when
    /// its client has authenticated: whether the hub knows nothing of who it is.
    pub(super) fn register(self: &Arc<Self>, circuit: Option<CircuitHandle>) -> (Registered, oneshot::Receiver<bool>) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, authenticated) = oneshot::channel();
        let mut streams = self.streams();
        let Streams { entries, ended } = &mut *streams;
        while let Some((_, old)) = ended.front().filter(|(at, _)| at.elapsed() >= REMEMBERED) {
            entries.remove(old);
            ended.pop_front();
        }
        entries.insert(number, Stream { authenticated: Some(sender), circuit });
        (Registered { link: Arc::clone(self), number }, authenticated)
    }

    /// Takes what the machine says.
    pub(super) fn heard(&self, notice: LinkNotice) {
        match notice {
            LinkNotice::Authenticated { stream, stranger } => {
                let sender = self.streams().entries.get_mut(&stream).and_then(|stream| stream.authenticated.take());
                // It may have ended meanwhile.
                let _ = sender.map(|sender| sender.send(stranger));
            }
            LinkNotice::CloseCircuit { stream } => {
                let circuit = self.streams().entries.get(&stream).and_then(|stream| stream.circuit.clone());
                if let Some(circuit) = circuit {
                    circuit.close();
                }
            }
            LinkNotice::Standing(term) => self.term.store(term, Ordering::Relaxed),
            LinkNotice::Beat | LinkNotice::Name { .. } => {}
        }
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
