//! One connection: HTTP/1 with timeouts, then an upgrade to a session.

mod answers;

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
use tokio::sync::OwnedSemaphorePermit;

use crate::http::{self, Context, Outcome};
use crate::pump;
use crate::session::AwaitingAuth;
use crate::transport::{Incoming, Io};
use answers::Answers;

/// How many connections there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections that have not authenticated yet, in all.
    pub unauthenticated: usize,
    /// Authenticated sessions.
    pub sessions: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { unauthenticated: 256, sessions: 10_000 }
    }
}

/// What every connection needs.
pub struct Server {
    /// What every session needs.
    pub sessions: Arc<pump::Settings>,
    /// Whether the service is ready.
    pub health: tokio::sync::watch::Receiver<http::Health>,
}

/// Bytes of a request's head, at most: hyper's least.
const HEAD_BYTES: usize = 8192;
/// Headers of a request, at most.
const HEADERS: usize = 64;

/// Serves one connection to its end. `permit` is one of [`Limits::unauthenticated`], and is released once the peer has
/// authenticated.
pub async fn serve(server: Arc<Server>, incoming: Incoming, permit: OwnedSemaphorePermit) {
    let Incoming { peer, io, listener, circuit, permit: transports } = incoming;
    let sessions = Arc::clone(&server.sessions);
    // Both are boxed: an idle session holds nothing of what the request needed.
    if let Some((io, read_ahead, session)) = Box::pin(requests(server, peer, io, listener)).await {
        Box::pin(pump::run(sessions, io, read_ahead, session, circuit, permit)).await;
    }
    drop(transports);
}

/// Answers requests until the connection ends (`None`) or becomes a session.
async fn requests(
    server: Arc<Server>,
    peer: crate::transport::Peer,
    io: Box<dyn Io>,
    listener: Arc<crate::transport::Listener>,
) -> Option<(Box<dyn Io>, Bytes, AwaitingAuth)> {
    let upgrade: Mutex<Option<(OnUpgrade, AwaitingAuth)>> = Mutex::new(None);
    let timing = server.sessions.timing;
    let drain = &server.sessions.drain;
    let answering = Arc::new(AtomicBool::new(false));
    let io = Answers::new(io, Arc::clone(&answering), timing.write_timeout);
    let service = service_fn(|mut request: Request<Body>| {
        answering.store(true, Ordering::Relaxed);
        let context = Context { hub: &server.sessions.hub, health: *server.health.borrow(), listener: &listener, peer };
        let response = match http::answer(&request, &context) {
            Outcome::Response(response) => response,
            Outcome::Upgrade(response, session) => {
                let pending = hyper::upgrade::on(&mut request);
                *upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some((pending, *session));
                response
            }
        };
        std::future::ready(Ok::<Response<Full<Bytes>>, Infallible>(response))
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(timing.auth_timeout.min(timing.idle_timeout))
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(io), service).with_upgrades());
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = drain.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    ended.ok()?;
    let (pending, session) = upgrade.into_inner().unwrap_or_else(PoisonError::into_inner)?;
    let parts = pending.await.ok()?.downcast::<TokioIo<Answers>>().ok()?;
    // What was read ahead is a slice of the request's buffer, which would stay.
    Some((parts.io.into_inner().into_inner(), Bytes::copy_from_slice(&parts.read_buf), session))
}
