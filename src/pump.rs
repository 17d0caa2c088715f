//! WebSocket ↔ session ↔ hub: the only place that reads and writes a WebSocket.
//!
//! One task owns both directions of a connection. In a turn it handles every frame that has
//! arrived, queues the answers and what its mailbox has for it, wakes whom it has to wake, and
//! flushes once. While the peer does not read, nothing is read from it and nothing is taken from
//! the mailbox: a slow peer costs what one turn can queue.

mod asking;
mod away;
mod driver;
mod frames;
mod host;
mod meter;
mod outgoing;
mod seat;
mod seat_wire;
pub mod websocket;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use serde::{Serialize, Serializer};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use crate::admission::{PeerConnection, Slot};
use crate::events::Kind;
use crate::hub::{Hub, Joined};
use crate::transport::link::front::HubWay;
use crate::transport::{CircuitHandle, CircuitSession, Io};
use away::{Away, SeatSeeker};
use driver::Pump;
use ephemeral_core::protocol::CloseReason;
use ephemeral_core::session::{self, AwaitingAuth, Beginning, Established};
use ephemeral_core::store::Acquaintance;
pub use host::host;
use outgoing::OutgoingFrames;
use seat::Seat;
use seat_wire::{Proof, SeatWelcome};
use websocket::{CLOSE_TIMEOUT, Socket, close, hang_up, open, reason_of};

/// The times for which a session waits for its peer. Each is serialized under its name in the
/// configuration file, `table.key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Config {
    /// The time from the upgrade to a valid `auth` frame.
    #[serde(rename = "session.auth_timeout_ms", serialize_with = "serialize_milliseconds")]
    pub auth_timeout: Duration,
    /// The time between two pings.
    #[serde(rename = "session.ping_interval_s", serialize_with = "serialize_seconds")]
    pub ping_interval: Duration,
    /// The longest time without a byte from the peer.
    #[serde(rename = "session.idle_timeout_s", serialize_with = "serialize_seconds")]
    pub idle_timeout: Duration,
    /// The patience with a peer that does not read what it is sent.
    #[serde(rename = "session.write_timeout_s", serialize_with = "serialize_seconds")]
    pub write_timeout: Duration,
}

fn serialize_milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u128(duration.as_millis())
}

/// Serializes a duration as the configuration file has most of them.
pub(crate) fn serialize_seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}

impl Default for Config {
    fn default() -> Self {
        Self {
            auth_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(90),
            write_timeout: Duration::from_secs(20),
        }
    }
}

/// The parts that every session needs.
pub struct SessionContext {
    /// Where messages wait.
    pub hub: Arc<Hub>,
    /// What holds for every session.
    pub rules: session::Config,
    /// How long it waits for its peer.
    pub timing: Config,
    /// Cancelled when the server shuts down.
    pub drain: CancellationToken,
    /// The signed list of the service's nodes, if there is one.
    pub nodes: NodesWatch,
    /// The way to the hub of another machine, which sessions take while this one stands by.
    pub way: Option<HubWay>,
}

impl SessionContext {
    /// Returns whether there is a hub to have sessions with, as far as this machine knows others.
    #[must_use]
    pub fn has_hub(&self) -> bool {
        self.way.as_ref().is_none_or(|way| way.is_there() || !self.hub.stands_by())
    }

    /// Returns whether somebody who comes now may well have a session: there is a hub, or there was
    /// one a moment ago.
    #[must_use]
    pub fn expects_hub(&self) -> bool {
        self.has_hub() || self.way.as_ref().is_some_and(HubWay::is_expected)
    }
}

/// The signed list of the service's nodes as it is now; `None`: there is none.
pub type NodesWatch = watch::Receiver<Option<Arc<serde_json::Value>>>;

/// Bytes of frames that one turn takes from the mailbox, before it flushes.
const TURN_BYTES: usize = 16 * 1024;

/// Bytes of the largest frame that any configuration allows.
const LARGEST_FRAME: usize = 6 * (1 << 20) + 4096;

/// A connection that is to be a session.
pub struct Upgraded {
    /// Its bytes.
    pub io: Box<dyn Io>,
    /// What had been read from it after the request.
    pub read_ahead: Bytes,
    /// Who it says it is, and the challenge.
    pub session: AwaitingAuth,
    /// Its peer's.
    pub connection: PeerConnection,
    /// Given up once it has authenticated.
    pub slot: Slot,
}

/// Runs a session from the upgrade to its end. From when it has authenticated, `circuit`, if there
/// is one, has a place of its own.
pub async fn run(settings: Arc<SessionContext>, upgraded: Box<Upgraded>, circuit: Option<CircuitHandle>) {
    // Each phase has a box of its own: what it needs is freed before the next one begins, and an
    // idle session holds nothing of its beginning or its end.
    let Some((pump, _place)) = Box::pin(begin(settings, upgraded, circuit)).await else { return };
    let (socket, outgoing, reason) = pump.await;
    Box::pin(part(socket, outgoing, reason)).await;
}

/// Opens the WebSocket, and authenticates the peer. `None`: it did not, or has lost its slot.
async fn begin(
    settings: Arc<SessionContext>,
    upgraded: Box<Upgraded>,
    circuit: Option<CircuitHandle>,
) -> Option<(Pump, Option<CircuitSession>)> {
    let Upgraded { io, read_ahead, session, connection, slot } = *upgraded;
    // Where the hub is another machine's, its rules count, and are not known yet: the meter bounds
    // what is read by then.
    let frame_bytes = if settings.way.is_some() { LARGEST_FRAME } else { settings.rules.frame_bytes() };
    let socket = open(io, read_ahead, frame_bytes).await;
    let begun = tokio::select! {
        begun = authenticate(settings, socket, session, connection, circuit.as_ref()) => begun?,
        () = slot.lost() => return None,
    };
    slot.authenticated();
    Some(begun)
}

/// Ends a session: tells its peer why, if it is still there and reads what came before that.
async fn part(mut socket: Socket, mut outgoing: OutgoingFrames, reason: Option<CloseReason>) {
    let Some(reason) = reason else { return hang_up(socket).await };
    let rest = async { socket.flush().await.is_ok() && outgoing.finish(socket.get_mut()).await.is_ok() };
    // In the middle of a frame nothing else can be said.
    if timeout(CLOSE_TIMEOUT, rest).await.is_ok_and(|written| written) {
        close(socket, reason).await;
    }
}

/// Authenticates the peer: challenge, answer, `welcome`.
async fn authenticate(
    settings: Arc<SessionContext>,
    mut socket: Socket,
    session: AwaitingAuth,
    mut connection: PeerConnection,
    circuit: Option<&CircuitHandle>,
) -> Option<(Pump, Option<CircuitSession>)> {
    let deadline = Instant::now() + settings.timing.auth_timeout;
    let answer = settings.drain.run_until_cancelled(answer(&settings, &mut socket, session, &connection, circuit));
    let answer = timeout_at(deadline, answer).await.map(|answer| answer.unwrap_or(Err(CloseReason::Draining)));
    match answer {
        Ok(Ok(Some(Begun { session, seat, welcome, frame_bytes, replaces, place }))) => {
            connection.established(session.fingerprint, seat.signal());
            if replaces {
                connection.report(Kind::Takeover);
            }
            socket.get_mut().authenticated(connection.frames(), frame_bytes);
            // Flushed in the pump's first turn.
            socket.feed(Message::text(welcome)).await.ok()?;
            Some((Pump::new(settings, socket, session, seat, connection), place))
        }
        Ok(Ok(None)) => {
            hang_up(socket).await;
            None
        }
        Ok(Err(reason)) => {
            offence(&connection, reason);
            close(socket, reason).await;
            None
        }
        Err(_) => {
            connection.report(Kind::AuthTimeout);
            close(socket, CloseReason::AuthTimeout).await;
            None
        }
    }
}

/// A session that has begun.
struct Begun {
    session: Established,
    seat: Seat,
    /// The first frame.
    welcome: String,
    /// Bytes of the largest frame that is read from now on.
    frame_bytes: usize,
    /// Whether it took over from another session.
    replaces: bool,
    /// Its circuit's place.
    place: Option<CircuitSession>,
}

/// Waits for the answer to the challenge; `Ok(None)` if the peer is gone.
async fn answer(
    settings: &Arc<SessionContext>,
    socket: &mut Socket,
    session: AwaitingAuth,
    connection: &PeerConnection,
    circuit: Option<&CircuitHandle>,
) -> Result<Option<Begun>, CloseReason> {
    if socket.send(Message::text(session.first_frame(settings.timing.auth_timeout))).await.is_err() {
        return Ok(None);
    }
    // Another hub checks it again.
    let mut proof = settings.way.as_ref().map(|_| Proof::of(&session));
    let established = loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                if let Some(proof) = &mut proof {
                    text.as_str().clone_into(&mut proof.auth);
                }
                break session.answer(&text, &settings.rules)?;
            }
            Some(Ok(Message::Binary(_))) => return Err(CloseReason::AuthRequired),
            // The socket answers a close by itself, when it is asked for what comes next: nothing.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_))) => {}
            None => return Ok(None),
            Some(Err(error)) => return reason_of(&error, socket).map_or(Ok(None), Err),
        }
    };
    if connection.admission().bars(&established.fingerprint) || connection.is_blocked() {
        return Err(CloseReason::Blocked);
    }
    match (&settings.way, proof) {
        (Some(way), Some(proof)) if settings.hub.stands_by() => {
            tokio::select! {
                begun = begin_away(settings, way.clone(), (established, proof), connection, circuit) => begun.map(Some),
                // Whoever does not wait any longer holds no place.
                () = socket.get_mut().gone() => Ok(None),
            }
        }
        _ => begin_here(settings, established, circuit).map(Some),
    }
}

/// Begins a session with the hub of this machine.
fn begin_here(
    settings: &SessionContext,
    session: Established,
    circuit: Option<&CircuitHandle>,
) -> Result<Begun, CloseReason> {
    let Established { fingerprint, receipts, window } = session;
    // Before the hub: a session that finds no place must not take over from one that has its own.
    let place = match circuit {
        Some(circuit) => {
            let acquaintance = settings.hub.acquaintance(&fingerprint);
            Some(circuit.establish(acquaintance).ok_or(CloseReason::Overloaded)?)
        }
        None => None,
    };
    let joined = settings.hub.join(fingerprint, receipts, window)?;
    let Joined { session_handle, pending, epoch, bounds, at, resumption: _ } = joined;
    let nodes = settings.nodes.borrow().clone();
    let beginning = Beginning { epoch: &epoch, pending, at, bounds, nodes: nodes.as_deref() };
    let welcome = session.welcome(&settings.rules, &beginning, &settings.hub.clocks());
    let replaces = session_handle.replaces();
    let frame_bytes = settings.rules.frame_bytes();
    Ok(Begun { session, seat: Seat::Here(session_handle), welcome, frame_bytes, replaces, place })
}

/// Begins a session with the hub of another machine.
async fn begin_away(
    settings: &Arc<SessionContext>,
    way: HubWay,
    (session, proof): (Established, Proof),
    connection: &PeerConnection,
    circuit: Option<&CircuitHandle>,
) -> Result<Begun, CloseReason> {
    let least = circuit.map_or(Acquaintance::Stranger, CircuitHandle::least);
    let seeker = SeatSeeker { fingerprint: session.fingerprint, proof, least };
    let (away, said) = Away::join(Arc::clone(settings), connection, way, seeker).await?;
    let place = match circuit {
        Some(circuit) => Some(circuit.establish(said.acquaintance).ok_or(CloseReason::Overloaded)?),
        None => None,
    };
    let SeatWelcome { welcome, frame_bytes, replaces, .. } = said;
    Ok(Begun { session, seat: Seat::Away(Box::new(away)), welcome, frame_bytes, replaces, place })
}

/// Reports what the end of a session for this reason means for its peer.
fn offence(connection: &PeerConnection, reason: CloseReason) {
    match reason {
        CloseReason::AuthFailed | CloseReason::AuthRequired => connection.report(Kind::AuthFailed),
        CloseReason::FrameTooLarge => connection.report(Kind::Oversize),
        CloseReason::ProtocolError | CloseReason::Unsupported | CloseReason::InvalidUtf8 => {
            connection.report(Kind::Malformed);
        }
        CloseReason::TooSlow => connection.report(Kind::TooSlow),
        CloseReason::AuthTimeout => connection.report(Kind::AuthTimeout),
        CloseReason::Overloaded => connection.report(Kind::Overload),
        CloseReason::Replaced | CloseReason::Blocked | CloseReason::Draining => {}
    }
}
