//! A front's end of the control connection: connects again and again, and hears what becomes of the
//! streams.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ephemeral_core::backoff::{Backoff, Jitter};
use tokio::io::{AsyncRead, AsyncWrite, split};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::super::wire::{FirstFrame, LinkNotice};
use super::super::{BEAT, HANDSHAKE, LOG, SILENCE};
use super::Front;
use crate::transport::CircuitHandle;

/// The first pause between two attempts, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long a stream that has ended is remembered: what the hub says of it comes by another way.
const REMEMBERED: Duration = Duration::from_secs(5);
/// How long streams may take to end by themselves when the hub has ended the control connection: a
/// hub that stops says goodbye on each.
const FAREWELL: Duration = Duration::from_secs(15);

/// A hub that is connected.
pub(super) struct HubLink {
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
    fn new(name: u64) -> Arc<Self> {
        let over = CancellationToken::new();
        Arc::new(Self { name, over, streams: Mutex::default(), next: AtomicU64::default() })
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

    fn heard(&self, notice: LinkNotice) {
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
            LinkNotice::Beat | LinkNotice::Name(_) => {}
        }
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a control connection for ever.
pub(super) async fn keep(front: Arc<Front>, link: watch::Sender<Option<Arc<HubLink>>>) {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE).with_jitter(Jitter::Half);
    let mut farewells = JoinSet::new();
    let mut complained = false;
    loop {
        let attempt = Instant::now();
        let error = match timeout(HANDSHAKE, begin(&front)).await {
            Ok(Ok((reader, writer, hub))) => {
                complained = false;
                tracing::info!(target: LOG, "the hub is reached: connections are passed on");
                link.send_replace(Some(Arc::clone(&hub)));
                let error = serve(reader, writer, &hub).await;
                link.send_replace(None);
                let patience = if error.kind() == io::ErrorKind::TimedOut { Duration::ZERO } else { FAREWELL };
                farewells.spawn(async move {
                    sleep(patience).await;
                    hub.over.cancel();
                });
                error
            }
            Ok(Err(error)) => error,
            Err(_) => io::ErrorKind::TimedOut.into(),
        };
        if !std::mem::replace(&mut complained, true) {
            tracing::warn!(target: LOG, %error, "the hub is not reached: clients are told so, until it is");
        }
        if attempt.elapsed() >= SILENCE {
            backoff.reset();
        }
        while farewells.try_join_next().is_some() {}
        sleep(backoff.next_wait()).await;
    }
}

async fn begin(
    front: &Front,
) -> io::Result<(impl AsyncRead + Unpin + use<>, impl AsyncWrite + Unpin + use<>, Arc<HubLink>)> {
    let (mut reader, writer) = split(front.connect(&FirstFrame::Control).await?);
    match LinkNotice::read(&mut reader).await? {
        LinkNotice::Name(name) => Ok((reader, writer, HubLink::new(name))),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the hub does not say what it is asked")),
    }
}

/// Hears the hub until it says nothing any more. Returns why it is gone.
async fn serve(mut reader: impl AsyncRead + Unpin, mut writer: impl AsyncWrite + Unpin, hub: &HubLink) -> io::Error {
    let hearing = async {
        loop {
            match timeout(SILENCE, LinkNotice::read(&mut reader)).await {
                Ok(Ok(notice)) => hub.heard(notice),
                Ok(Err(error)) => return error,
                Err(_) => return io::ErrorKind::TimedOut.into(),
            }
        }
    };
    let beating = async {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            match timeout(SILENCE, LinkNotice::Beat.write(&mut writer)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return error,
                Err(_) => return io::ErrorKind::TimedOut.into(),
            }
        }
    };
    tokio::select! {
        error = hearing => error,
        error = beating => error,
    }
}
