//! The requests of one connection, until it ends or becomes a session.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming as Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Notify;

use super::stall::ResponseIo;
use super::{Server, is_proxy};
use crate::admission::{Decision, PeerConnection, Slot};
use crate::events::Kind;
use crate::http::{self, Context, Outcome};
use crate::pump::Upgraded;
use crate::transport::{Io, Listener, Peer};
use ephemeral_core::limits::RateStatus;
use ephemeral_core::session::AwaitingAuth;

/// Bytes of a request's head, at most: hyper's least.
const HEAD_BYTES: usize = 8192;
/// Headers of a request, at most.
const HEADERS: usize = 64;

/// A session that a request has asked for.
struct Upgrade {
    pending: OnUpgrade,
    session: AwaitingAuth,
    connection: PeerConnection,
}

/// The values that the requests of one connection share.
struct Requests<'connection> {
    server: &'connection Server,
    listener: &'connection Listener,
    peer: Peer,
    slot: &'connection Slot,
    /// Whether each request may be of somebody else, whom a trusted proxy names.
    proxied: bool,
    connection: Mutex<Option<PeerConnection>>,
    upgrade: Mutex<Option<Upgrade>>,
    /// Notified when the connection has to end: its circuit is blocked.
    barred: Notify,
    /// Whether there was a request before.
    further: AtomicBool,
}

impl Requests<'_> {
    fn answer(&self, mut request: Request<Body>) -> Response<Full<Bytes>> {
        let asking = if self.proxied { self.listener.peer_of(self.peer, request.headers()) } else { self.peer };
        let (visitor, decision) = self.admit(asking, &request);
        let nodes = self.server.sessions.nodes.borrow().clone();
        let context = Context {
            metrics: &self.server.metrics,
            health: *self.server.health.borrow(),
            listener: self.listener,
            decision,
            https: self.listener.is_https(self.peer, request.headers()),
            moved: self.server.moved.as_ref(),
            nodes: nodes.as_deref(),
            has_hub: self.server.sessions.has_hub(),
            expects_hub: self.server.sessions.expects_hub(),
        };
        let (outcome, offence) = http::answer(&request, &context);
        if let Some(visitor) = &visitor {
            if let Some(kind) = offence {
                visitor.report(kind);
            }
            // A blocked address is told so; a blocked circuit is closed.
            if matches!(asking, Peer::Circuit(_)) && visitor.is_blocked() {
                self.barred.notify_one();
            }
        }
        match (outcome, visitor) {
            (Outcome::Upgrade(response, session), Some(connection)) => {
                let pending = hyper::upgrade::on(&mut request);
                *lock(&self.upgrade) = Some(Upgrade { pending, session: *session, connection });
                response
            }
            (Outcome::Response(response) | Outcome::Upgrade(response, _), visitor) => {
                if !self.proxied {
                    *lock(&self.connection) = visitor;
                }
                response
            }
        }
    }

    /// Returns who asks, if they may. A load balancer that only checks the server's health counts
    /// as nobody.
    fn admit(&self, asking: Peer, request: &Request<Body>) -> (Option<PeerConnection>, Decision) {
        let by_proxy = is_proxy(asking, self.listener);
        if self.proxied && by_proxy && http::is_probe(request) {
            if self.further.swap(true, Ordering::Relaxed) {
                self.slot.keep();
            }
            return (None, Decision::Free);
        }
        let mut visitor = match self.proxied {
            true => self.server.admission.enter(asking, by_proxy).ok(),
            false => take(&self.connection),
        };
        let decision = visitor.as_mut().map_or(CROWDED, PeerConnection::request);
        match &visitor {
            Some(visitor) if self.proxied => visitor.hold(self.slot, &decision),
            _ if self.further.swap(true, Ordering::Relaxed) => self.slot.keep(),
            _ => {}
        }
        (visitor, decision)
    }
}

/// Answers requests until the connection ends (`None`) or becomes a session. `connection`: `None`
/// where each request may be of somebody else, whom a trusted proxy names.
pub async fn requests(
    server: Arc<Server>,
    peer: Peer,
    io: Box<dyn Io>,
    listener: Arc<Listener>,
    connection: Option<PeerConnection>,
    slot: Slot,
) -> Option<Upgraded> {
    let timing = server.sessions.timing;
    let answering = Arc::new(AtomicBool::new(false));
    let io = ResponseIo::new(io, Arc::clone(&answering), listener.tls, timing.write_timeout);
    let requests = Requests {
        server: &server,
        listener: &listener,
        peer,
        slot: &slot,
        proxied: connection.is_none(),
        connection: Mutex::new(connection),
        upgrade: Mutex::new(None),
        barred: Notify::new(),
        further: AtomicBool::new(false),
    };
    let service = service_fn(|request: Request<Body>| {
        answering.store(true, Ordering::Relaxed);
        std::future::ready(Ok::<_, Infallible>(requests.answer(request)))
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // Nothing that strangers read tells what this machine's clock says: skew finds a machine.
        .auto_date_header(false)
        .header_read_timeout(timing.auth_timeout.min(timing.idle_timeout))
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS);
    let mut serving = pin!(builder.serve_connection(TokioIo::new(io), service).with_upgrades());
    let over = async {
        tokio::select! {
            () = server.sessions.drain.cancelled() => {}
            () = requests.barred.notified() => {}
        }
    };
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = over => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let (Err(error), Some(connection)) = (&ended, &*lock(&requests.connection)) {
        report(error, connection);
    }
    ended.ok()?;
    let Upgrade { pending, session, connection } = take(&requests.upgrade)?;
    let parts = pending.await.ok()?.downcast::<TokioIo<ResponseIo>>().ok()?;
    // What was read ahead is a slice of the request's buffer, which would stay.
    let read_ahead = Bytes::copy_from_slice(&parts.read_buf);
    drop(requests);
    Some(Upgraded { io: parts.io.into_inner().into_inner(), read_ahead, session, connection, slot })
}

/// Reports what a connection did that could not be served to its end.
fn report(error: &hyper::Error, connection: &PeerConnection) {
    match error {
        _ if error.is_parse_too_large() => connection.report(Kind::Oversize),
        _ if error.is_parse() => connection.report(Kind::Malformed),
        _ if error.is_timeout() => connection.report(Kind::AuthTimeout),
        _ => {}
    }
}

/// What a client behind a trusted proxy is told that has as many requests and sessions open as it
/// may have.
const CROWDED: Decision =
    Decision::RateLimited(RateStatus { wait_ms: Some(1000), ignores: false, burst: 0, left: 0, reset_ms: 1000 });

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn take<T>(mutex: &Mutex<Option<T>>) -> Option<T> {
    lock(mutex).take()
}
