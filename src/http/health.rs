//! `GET /health`: whether the service can be reached.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::{Context, response};

/// Whether the service can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Clients cannot connect yet.
    Starting,
    /// Yes.
    Healthy,
    /// Clients could connect, and cannot any more.
    Degraded,
    /// It is shutting down.
    Draining,
}

#[derive(Serialize)]
struct Body {
    status: Health,
}

pub(super) fn answer(context: &Context<'_>) -> Response<Full<Bytes>> {
    let body = Body { status: context.health };
    let status = if context.health == Health::Healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    response::json(status, &body)
}
