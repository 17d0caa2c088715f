//! `GET /health`: whether the service can be reached.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::{Context, response};
use ephemeral_core::protocol::WallTime;

/// Whether the service can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Not yet.
    Starting,
    /// Yes.
    Healthy,
    /// It could, and cannot any more.
    Degraded,
    /// It is shutting down.
    Draining,
}

#[derive(Serialize)]
struct Body {
    status: Health,
    timestamp: WallTime,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    clients: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_messages: Option<usize>,
}

/// `shown`: whether the counts are.
pub(super) fn answer(context: &Context<'_>, shown: bool) -> Response<Full<Bytes>> {
    let hub = context.metrics.hub();
    let (sessions, figures) = hub.figures();
    let body = Body {
        status: context.health,
        timestamp: hub.clocks().wall,
        version: env!("CARGO_PKG_VERSION"),
        clients: shown.then_some(sessions),
        pending_messages: shown.then_some(figures.messages),
    };
    let status = if context.health == Health::Healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    response::json(status, &body)
}
