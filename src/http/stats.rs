//! `GET /stats` and `GET /metrics`: the figures, where they are shown.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode};
use serde::Serialize;

use super::{Context, Health, response};
use crate::metrics::Stats;
use crate::transport::Audience;

/// What a proxy adds. A loopback peer that sends one of them speaks for somebody else, who is not on this machine.
const PROXIED: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// Whether the figures are shown to whoever asks.
pub(super) fn shown<B>(request: &Request<B>, context: &Context<'_>) -> bool {
    let named = || PROXIED.iter().any(|name| request.headers().contains_key(*name));
    context.listener.shows_figures_to(context.peer) && !(context.listener.figures == Audience::Loopback && named())
}

#[derive(Serialize)]
struct Body {
    status: Health,
    #[serde(flatten)]
    figures: Stats,
}

pub(super) fn json(context: &Context<'_>) -> Response<Full<Bytes>> {
    response::json(StatusCode::OK, &Body { status: context.health, figures: context.metrics.figures() })
}

pub(super) fn text(context: &Context<'_>) -> Response<Full<Bytes>> {
    let ready = context.health == Health::Healthy;
    let mut response = Response::new(Full::from(context.metrics.prometheus(ready)));
    let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
