//! WebSocket ↔ session ↔ hub: the only place that reads and writes a WebSocket.
//!
//! One task owns both directions of a connection. In a turn it handles every frame that has
//! arrived, queues the answers and what its mailbox has for it, wakes whom it has to wake, and
//! flushes once. While the peer does not read, nothing is read from it and nothing is taken from
//! the mailbox: a slow peer costs what one turn can queue.

mod driver;
mod frames;
mod meter;
pub mod websocket;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use serde::{Serialize, Serializer};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use crate::admission::{PeerConnection, Slot};
use crate::events::Kind;
use crate::hub::{Hub, Joined};
use crate::transport::{CircuitHandle, CircuitSession, Io};
use driver::Pump;
use ephemeral_core::protocol::CloseReason;
use ephemeral_core::session::{self, AwaitingAuth, Beginning, Established};
use websocket::{Socket, close, hang_up, open, reason_of};

/// How long a session waits for its peer. Each is serialized under its name in the configuration
/// file, `table.key`.
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

/// What every session needs.
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
}

/// The signed list of the service's nodes as it is now; `None`: there is none.
pub type NodesWatch = watch::Receiver<Option<Arc<serde_json::Value>>>;

/// Bytes of frames that one turn takes from the mailbox, before it flushes.
const TURN_BYTES: usize = 16 * 1024;

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
    let (socket, reason) = pump.await;
    Box::pin(part(socket, reason)).await;
}

/// Opens the WebSocket, and authenticates the peer. `None`: it did not, or has lost its slot.
async fn begin(
    settings: Arc<SessionContext>,
    upgraded: Box<Upgraded>,
    circuit: Option<CircuitHandle>,
) -> Option<(Pump, Option<CircuitSession>)> {
    let Upgraded { io, read_ahead, session, connection, slot } = *upgraded;
    let socket = open(io, read_ahead, settings.rules.frame_bytes()).await;
    let begun = tokio::select! {
        begun = authenticate(settings, socket, session, connection, circuit.as_ref()) => begun?,
        () = slot.lost() => return None,
    };
    slot.authenticated();
    Some(begun)
}

/// Ends a session: tells its peer why, if it is still there.
async fn part(socket: Socket, reason: Option<CloseReason>) {
    match reason {
        Some(reason) => close(socket, reason).await,
        None => hang_up(socket).await,
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
        Ok(Ok(Some((established, joined, circuit)))) => {
            let Joined { session_handle, pending, epoch, bounds, at } = joined;
            connection.established(established.fingerprint, session_handle.signal());
            if session_handle.replaces() {
                connection.report(Kind::Takeover);
            }
            let nodes = settings.nodes.borrow().clone();
            let beginning = Beginning { epoch: &epoch, pending, at, bounds, nodes: nodes.as_deref() };
            let welcome = established.welcome(&settings.rules, &beginning, &settings.hub.clocks());
            socket.get_mut().authenticated(connection.frames(), settings.rules.frame_bytes());
            // Flushed in the pump's first turn.
            socket.feed(Message::text(welcome)).await.ok()?;
            Some((Pump::new(settings, socket, established, session_handle, connection), circuit))
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

/// Waits for the answer to the challenge; `Ok(None)` if the peer is gone.
async fn answer(
    settings: &SessionContext,
    socket: &mut Socket,
    session: AwaitingAuth,
    connection: &PeerConnection,
    circuit: Option<&CircuitHandle>,
) -> Result<Option<(Established, Joined, Option<CircuitSession>)>, CloseReason> {
    if socket.send(Message::text(session.first_frame(settings.timing.auth_timeout))).await.is_err() {
        return Ok(None);
    }
    let established = loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => break session.answer(&text, &settings.rules)?,
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
    // Before the hub: a session that finds no place must not take over from one that has its own.
    let place = match circuit {
        Some(circuit) => {
            let stranger = !settings.hub.knows(&established.fingerprint);
            Some(circuit.establish(stranger).ok_or(CloseReason::Overloaded)?)
        }
        None => None,
    };
    let joined = settings.hub.join(established.fingerprint, established.receipts, established.window)?;
    Ok(Some((established, joined, place)))
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
