//! Rendezvous circuits: each is admitted with a slot, has a number and a task, and its streams are
//! handed on. The bounds hold for a peer that has proved nothing yet, so nothing here waits on one
//! without a limit.

use std::sync::Arc;
use std::time::Duration;

use arti_client::HasKind as _;
use futures::{Stream, StreamExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tor_cell::relaycell::msg::{Connected, End, EndReason};
use tor_hsservice::{RendRequest, StreamRequest};
use tor_proto::stream::IncomingStreamRequest;

use super::circuit_limiter::CircuitLimiter;
use super::stream::CircuitStream;
use super::{Config, LOG, Outlets};
use crate::admission::Admission;
use crate::transport::circuit::{CircuitBounds, CircuitSlot, Registry};
use crate::transport::{CircuitRefused, CircuitStats, Incoming, Listener, Peer};

/// How long the circuit to a client's rendezvous point may take.
const ACCEPT_TIMEOUT: Duration = Duration::from_secs(60);
/// How long one answer to a stream request may take, and for the other side of the channel to take
/// a stream.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// A circuit without a stream for that long is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);
/// How long the last words of a circuit's streams may take to arrive after `cancel`.
const LINGER: Duration = Duration::from_secs(2);
/// Streams over the bound, on one circuit, in its lifetime: with the next one it is closed.
const STREAMS_OVER_BOUND: u32 = 100;
/// How often it is said that new circuits are refused, or push others out.
const NOTICE: Duration = Duration::from_secs(60);

/// Returns the number of open streams at which Arti closes a circuit. It counts those that are
/// being refused, too: over the real bound a stream is refused and the others live.
pub(super) fn hard_stream_bound(streams_per_circuit: u32) -> u32 {
    streams_per_circuit.saturating_mul(2).saturating_add(16)
}

/// The open circuits.
pub(super) struct Circuits {
    tasks: JoinSet<()>,
    registry: Registry,
    pace: CircuitLimiter,
    numbered: u64,
    notice: Option<Instant>,
    shared: Arc<Shared>,
}

struct Shared {
    port: u16,
    streams: u32,
    listener: Arc<Listener>,
    incoming: mpsc::Sender<Incoming>,
    cancel: CancellationToken,
    admission: Option<Arc<Admission>>,
}

impl Circuits {
    pub(super) fn new(settings: &Config, listener: Arc<Listener>, outlets: Outlets, cancel: CancellationToken) -> Self {
        let Outlets { incoming, circuits, on_refusal, admission, status: _, seat: _, haste: _ } = outlets;
        let port = settings.port;
        let streams = settings.streams_per_circuit;
        let shared = Shared { port, streams, listener, incoming, cancel, admission };
        Self {
            tasks: JoinSet::new(),
            registry: Registry::new(CircuitBounds::of(settings.circuits), circuits, on_refusal),
            pace: CircuitLimiter::new(settings, Instant::now()),
            numbered: 0,
            notice: None,
            shared: Arc::new(shared),
        }
    }

    /// Returns the figures on open circuits, to be read anywhere.
    pub(super) fn figures(&self) -> Arc<CircuitStats> {
        Arc::clone(self.registry.figures())
    }

    /// Returns the next request that may be admitted; `None` if there are no more. What comes too
    /// fast waits in `requests` or is dropped, see [`CircuitLimiter`]. Nothing is lost if the
    /// future is dropped.
    pub(super) async fn next(
        &mut self,
        requests: &mut (impl Stream<Item = RendRequest> + Unpin),
    ) -> Option<RendRequest> {
        loop {
            let Self { tasks, pace, .. } = self;
            let next = async {
                pace.wait().await;
                requests.next().await
            };
            let request = tokio::select! {
                request = next => request?,
                // What is left of a circuit that has ended.
                Some(_) = tasks.join_next() => continue,
            };
            if self.pace.take() {
                return Some(request);
            }
            self.numbered += 1;
            self.registry.refused(CircuitRefused::Paced, self.numbered);
            self.notice();
        }
    }

    /// Gives a request a circuit of its own. Where there are too many, an older one without a
    /// session has to go for it; if there is none, the request is dropped. A client is not told.
    pub(super) fn admit(&mut self, request: RendRequest) {
        self.numbered += 1;
        let (slot, crowded) = self.registry.admit(self.numbered);
        if crowded {
            self.notice();
        }
        if let Some(slot) = slot {
            let peer = Peer::Circuit(self.numbered);
            self.tasks.spawn(Arc::clone(&self.shared).rendezvous(peer, request, slot));
        }
    }

    fn notice(&mut self) {
        if self.notice.is_none_or(|at| at.elapsed() >= NOTICE) {
            self.notice = Some(Instant::now());
            let figures = self.registry.figures();
            let open = figures.open();
            let established = figures.established();
            tracing::warn!(target: LOG, open, established, "more clients than there is room for: sessions go first");
        }
    }

    /// Waits until no circuit is open. They end on their own after `cancel`, with their last
    /// streams.
    pub(super) async fn drained(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

impl Shared {
    async fn rendezvous(self: Arc<Self>, peer: Peer, request: RendRequest, slot: CircuitSlot) {
        let closed = slot.handle().token().clone();
        let accepted = tokio::select! {
            () = self.cancel.cancelled() => return,
            () = closed.cancelled() => return,
            accepted = timeout(ACCEPT_TIMEOUT, request.accept()) => accepted,
        };
        match accepted {
            Ok(Ok(requests)) => {
                slot.built();
                // Arti ends a circuit when nobody holds its requests or a stream of it any more,
                // and these end by themselves.
                closed.run_until_cancelled(self.circuit(peer, requests, &slot)).await;
            }
            // The kind only: the rest of the report would name relays of the client's choice.
            Ok(Err(error)) => {
                slot.refused(CircuitRefused::Failed);
                tracing::debug!(target: LOG, kind = %error.kind(), "a rendezvous failed");
            }
            Err(_) => {
                slot.refused(CircuitRefused::Failed);
                tracing::debug!(target: LOG, "a rendezvous took too long");
            }
        }
    }

    async fn circuit(&self, peer: Peer, mut requests: impl Stream<Item = StreamRequest> + Unpin, slot: &CircuitSlot) {
        let streams = Arc::new(Semaphore::new(self.streams as usize));
        let mut refused = Refused::default();
        loop {
            let request = tokio::select! {
                request = requests.next() => request,
                () = self.unused(&streams) => return,
            };
            // None: the client, or the network, has closed the circuit.
            let Some(request) = request else { return };
            let stream = if self.cancel.is_cancelled() {
                Err(Refusal::Draining)
            } else if is_for(request.request(), self.port) {
                Arc::clone(&streams).try_acquire_owned().map_err(|_| Refusal::Busy)
            } else {
                Err(Refusal::WrongPort)
            };
            if let Err(Some(why)) = stream.as_ref().map_err(|why| why.reported()) {
                slot.refused(why);
            }
            match stream {
                Ok(permit) => self.hand_on(peer, request, permit, slot).await,
                Err(Refusal::WrongPort) => {
                    // As C tor does, lest one be told from the other: END, and then the circuit
                    // with all of its streams.
                    refuse(request).await;
                    slot.handle().close();
                    return;
                }
                Err(_) if refused.bears() => refuse(request).await,
                Err(_) => {
                    tracing::debug!(target: LOG, "a circuit asked for too much and was closed");
                    // The error is that it is closed already.
                    let _ = request.shutdown_circuit();
                    return;
                }
            }
        }
    }

    /// Resolves when the circuit is not worth keeping: without a stream for long, or at all after
    /// `cancel`.
    async fn unused(&self, streams: &Semaphore) {
        // Every permit is back: no stream is open. An error is impossible, since nobody closes the
        // semaphore.
        let _all = streams.acquire_many(self.streams).await;
        tokio::select! {
            () = tokio::time::sleep(IDLE_TIMEOUT) => {}
            () = self.last_words() => {}
        }
    }

    /// Waits for the last bytes, since the end of a circuit overtakes what is still on its way
    /// through it.
    async fn last_words(&self) {
        self.cancel.cancelled().await;
        tokio::time::sleep(LINGER).await;
    }

    async fn hand_on(&self, peer: Peer, request: StreamRequest, permit: OwnedSemaphorePermit, slot: &CircuitSlot) {
        // The room first: a stream that nobody takes must not look open to its client.
        let room = match timeout(ANSWER_TIMEOUT, self.incoming.reserve()).await {
            Ok(Ok(room)) => room,
            _ => return refuse(request).await,
        };
        let Ok(admitted) = self.admission.as_ref().map(|admission| admission.admit(peer, false)).transpose() else {
            refuse(request).await;
            // A circuit that is blocked is closed, unless it carries a session.
            if self.admission.as_ref().is_some_and(|admission| admission.is_over(peer)) {
                slot.handle().close();
            }
            return;
        };
        match timeout(ANSWER_TIMEOUT, request.accept(Connected::new_empty())).await {
            Ok(Ok(stream)) => room.send(Incoming {
                peer,
                io: Box::new(CircuitStream::new(stream, slot.handle().token())),
                listener: Arc::clone(&self.listener),
                circuit: Some(slot.handle().clone()),
                admitted,
                permit: Some(permit),
            }),
            _ => tracing::debug!(target: LOG, "a stream ended before it was accepted"),
        }
    }
}

/// Refuses a stream. C tor says DONE whatever the reason is, so that nobody learns from it which
/// ports there are. So does this.
async fn refuse(request: StreamRequest) {
    let end = End::new_with_reason(EndReason::DONE);
    if !matches!(timeout(ANSWER_TIMEOUT, request.reject(end)).await, Ok(Ok(()))) {
        tracing::debug!(target: LOG, "a stream ended before it was refused");
    }
}

fn is_for(request: &IncomingStreamRequest, port: u16) -> bool {
    matches!(request, IncomingStreamRequest::Begin(begin) if begin.port() == port)
}

#[derive(Clone, Copy)]
enum Refusal {
    WrongPort,
    Busy,
    Draining,
}

impl Refusal {
    /// Returns the refusal as it is counted. That the service ends is nobody's fault.
    fn reported(self) -> Option<CircuitRefused> {
        match self {
            Self::WrongPort => Some(CircuitRefused::WrongPort),
            Self::Busy => Some(CircuitRefused::StreamOverBound),
            Self::Draining => None,
        }
    }
}

/// The number of a circuit's streams that were refused.
#[derive(Default)]
struct Refused(u32);

impl Refused {
    /// Counts one more, and says whether the circuit may stay.
    fn bears(&mut self) -> bool {
        self.0 = self.0.saturating_add(1);
        self.0 <= STREAMS_OVER_BOUND
    }
}

#[cfg(test)]
mod tests;
