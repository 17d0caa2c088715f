//! Accepts the operator's connections and answers one request on each, within bounds.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming as Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, Uri};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Connections at the same time. Further ones wait in the kernel's queue.
const CONNECTIONS: usize = 16;
/// The longest time from the first byte to the last: so no connection holds its place for long.
const CONNECTION: Duration = Duration::from_secs(30);
/// How long the head of the request may take.
const HEAD: Duration = Duration::from_secs(5);
/// Bytes of a request's body, at most.
const BODY_BYTES: usize = 4096;
/// Bytes of a request's head, at most: hyper's least.
const HEAD_BYTES: usize = 8192;
/// Pause where the machine has no file descriptor or memory for one more connection.
const BREATH: Duration = Duration::from_millis(100);

/// A source of the operator's connections.
pub(super) trait Listen {
    /// A connection.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for the next one.
    fn next(&self) -> impl Future<Output = io::Result<Self::Io>> + Send;
}

impl Listen for UnixListener {
    type Io = UnixStream;

    async fn next(&self) -> io::Result<UnixStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

impl Listen for TcpListener {
    type Io = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

/// Ends a connection without an answer: the request cannot be read, or its answer has a bug.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A request that was read to its end.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Answers connections until `cancel`, and then those that have begun.
///
/// `answer` may block: it runs on a thread for that.
pub(super) async fn run<L, C>(listener: &L, answer: C, cancel: CancellationToken)
where
    L: Listen,
    C: Fn(&Asked) -> Response<Full<Bytes>> + Clone + Send + Sync + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = cancel.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.next(), if connections.len() < CONNECTIONS => match accepted {
                Ok(io) => drop(connections.spawn(one(io, answer.clone(), cancel.clone()))),
                Err(_) => tokio::time::sleep(BREATH).await,
            },
        }
    }
    while connections.join_next().await.is_some() {}
}

async fn one<I, C>(io: I, answer: C, cancel: CancellationToken)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    C: Fn(&Asked) -> Response<Full<Bytes>> + Clone + Send + Sync + 'static,
{
    let service = service_fn(move |request| respond(request, answer.clone()));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES).keep_alive(false);
    // Nothing on the wire tells the host's clock but what an answer says.
    builder.auto_date_header(false);
    let mut serving = pin!(builder.serve_connection(TokioIo::new(io), service));
    let served = async {
        tokio::select! {
            _ = serving.as_mut() => return,
            () = cancel.cancelled() => serving.as_mut().graceful_shutdown(),
        }
        // An answer that has begun is finished.
        let _ = serving.await;
    };
    let _ = timeout(CONNECTION, served).await;
}

/// Reads a request whole, and answers it on a thread that may block.
async fn respond<C>(request: Request<Body>, answer: C) -> Result<Response<Full<Bytes>>, BoxError>
where
    C: Fn(&Asked) -> Response<Full<Bytes>> + Send + Sync + 'static,
{
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES).collect().await?.to_bytes();
    let asked = Asked { method: head.method, uri: head.uri, headers: head.headers, body };
    Ok(tokio::task::spawn_blocking(move || answer(&asked)).await?)
}
