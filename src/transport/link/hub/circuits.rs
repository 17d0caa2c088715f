//! The circuits of fronts, as the hub accounts them: each is one peer here, too, and is closed with
//! all of its streams.

use std::collections::HashMap;
use std::io::Result;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;

use super::control::ControlLink;
use super::lock;
use crate::transport::circuit::{CircuitBounds, CircuitSlot, Registry};
use crate::transport::onion_service::stream::CircuitStream;
use crate::transport::{CircuitHandle, CircuitStats, Io};

/// The first number of a front's circuit: the hub's own count from one on, and never get here.
const FIRST: u64 = 1 << 62;
/// Circuits that there may be: each front has its own bound, so this one is in nobody's way.
const MOST: usize = 1 << 30;

/// Names a circuit of a front: the control connection, which stands for one run of the front, and
/// the front's number.
type Key = (u64, u64);
type Table = Arc<Mutex<HashMap<Key, Weak<LinkCircuit>>>>;

/// The circuits of all fronts that have a stream here.
pub(super) struct LinkCircuits {
    table: Table,
    registry: Registry,
    next: AtomicU64,
}

impl Default for LinkCircuits {
    fn default() -> Self {
        let registry = Registry::new(CircuitBounds::of(MOST), Arc::<CircuitStats>::default(), Arc::new(|_, _| {}));
        Self { table: Table::default(), registry, next: AtomicU64::new(FIRST) }
    }
}

/// A front's circuit, for as long as it has a stream here.
pub(super) struct LinkCircuit {
    slot: CircuitSlot,
    number: u64,
    key: Key,
    table: Table,
}

impl LinkCircuits {
    /// Returns the circuit with this number at the front. `None`: there are too many.
    pub(super) fn of(&self, link: &ControlLink, number: u64) -> Option<Arc<LinkCircuit>> {
        let key = (link.name, number);
        let mut table = lock(&self.table);
        if let Some(circuit) = table.get(&key).and_then(Weak::upgrade) {
            return Some(circuit);
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (slot, _) = self.registry.admit(number);
        let slot = slot?;
        slot.built();
        let circuit = Arc::new(LinkCircuit { slot, number, key, table: Arc::clone(&self.table) });
        table.insert(key, Arc::downgrade(&circuit));
        Some(circuit)
    }
}

impl LinkCircuit {
    /// Returns its number among all circuits of the hub.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn handle(&self) -> &CircuitHandle {
        self.slot.handle()
    }
}

impl Drop for LinkCircuit {
    fn drop(&mut self) {
        let mut table = lock(&self.table);
        // Another one may have taken its place meanwhile.
        if table.get(&self.key).is_some_and(|circuit| circuit.strong_count() == 0) {
            table.remove(&self.key);
        }
    }
}

/// A forwarded stream: it ends with its circuit, and with its front.
pub(super) struct LinkIo {
    io: Box<dyn Io>,
    _circuit: Option<Arc<LinkCircuit>>,
}

impl LinkIo {
    pub(super) fn new(io: impl Io, over: &CancellationToken, circuit: Option<Arc<LinkCircuit>>) -> Self {
        let io = CircuitStream::new(io, over);
        let io: Box<dyn Io> = match &circuit {
            Some(circuit) => Box::new(CircuitStream::new(io, circuit.handle().token())),
            None => Box::new(io),
        };
        Self { io, _circuit: circuit }
    }
}

impl AsyncRead for LinkIo {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl AsyncWrite for LinkIo {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
