//! The TCP listener of `[metrics]`: `GET /metrics` for Prometheus, and no other route.
//!
//! Nobody is trusted for being on this machine: the listener exists only where the configuration
//! asks for it. A web page that somebody here looks at reaches it, too, so it answers to addresses
//! and `localhost` only (DNS rebinding needs a name of the page's own).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::uri::Authority;
use http_body_util::Full;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{HeaderMap, Method, Response, StatusCode};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Plane, serving};
use crate::http::Health;

/// `[metrics]` of the configuration, and serialized as it stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Config {
    /// Where to listen.
    #[serde(rename = "metrics.listen")]
    pub listen: SocketAddr,
    /// Whether that may be off loopback.
    #[serde(rename = "metrics.off_loopback")]
    pub off_loopback: bool,
}

/// The listener cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("[metrics] listen: {address} cannot be listened on: {source}")]
pub struct ScrapeError {
    address: SocketAddr,
    source: std::io::Error,
}

/// A bound listener.
#[derive(Debug)]
pub struct ScrapeListener(TcpListener);

impl ScrapeListener {
    /// Returns where it listens.
    ///
    /// # Errors
    /// If the operating system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// Listens.
///
/// # Errors
/// [`ScrapeError`]: the address is taken, or not this machine's.
pub async fn bind(config: Config) -> Result<ScrapeListener, ScrapeError> {
    let failed = |source| ScrapeError { address: config.listen, source };
    TcpListener::bind(config.listen).await.map(ScrapeListener).map_err(failed)
}

/// Answers requests until `cancel`.
pub async fn run(bound: ScrapeListener, plane: Arc<Plane>, cancel: CancellationToken) {
    let answer = move |asked: &serving::Asked| route(&asked.method, asked.uri.path(), &asked.headers, &plane);
    serving::run(&bound.0, answer, cancel).await;
}

/// Answers one request.
#[must_use]
pub fn route(method: &Method, path: &str, headers: &HeaderMap, plane: &Plane) -> Response<Full<Bytes>> {
    if !is_addressed(headers) {
        return refusal(StatusCode::MISDIRECTED_REQUEST, "name this listener by its address\n");
    }
    match (method, path) {
        (&Method::GET, "/metrics") => metrics(plane),
        _ => refusal(StatusCode::NOT_FOUND, "the only thing here is GET /metrics\n"),
    }
}

/// Writes the figures in the text format of Prometheus.
pub(super) fn metrics(plane: &Plane) -> Response<Full<Bytes>> {
    let server = plane.server();
    let ready = *server.health.borrow() == Health::Healthy;
    let mut response = Response::new(Full::from(server.metrics.prometheus(ready)));
    let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Returns whether the request names an address or `localhost`, and only one.
fn is_addressed(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let host = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
    host.is_some_and(|host| {
        let name = host.host().trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
    })
}

fn refusal(status: StatusCode, sentence: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(sentence));
    *response.status_mut() = status;
    response
}
