//! Routes, error bodies, headers, the `Host` and `Origin` rules. Pure: a request's head in, a response out.

mod blocks;
mod health;
mod host;
mod moved;
mod operate;
mod origin;
mod response;
mod stats;
mod upgrade;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use crate::admission::Decision;
use crate::events::Kind;
use crate::metrics::Metrics;
use crate::transport::{Listener, Peer};
use ephemeral_core::session::AwaitingAuth;
pub use health::Health;
use response::error;
pub(crate) use response::instead_of;

/// What an answer depends on besides the request.
pub struct Context<'server> {
    /// Where the figures come from.
    pub metrics: &'server Metrics,
    /// Whether the service is ready.
    pub health: Health,
    /// What holds for the listener.
    pub listener: &'server Listener,
    /// Who asks.
    pub peer: Peer,
    /// Whether the peer may ask now.
    pub decision: Decision,
    /// Whether the client came over TLS, here or at a trusted proxy.
    pub https: bool,
    /// The notices of this server's moves, if there are any.
    pub moved: Option<&'server Bytes>,
}

/// What becomes of a request.
pub enum Outcome {
    /// This response, and the next request.
    Response(Response<Full<Bytes>>),
    /// This response, once this was done; else [`not_done`].
    Act(Response<Full<Bytes>>, Act),
    /// This response (101), and then a session.
    Upgrade(Response<Full<Bytes>>, Box<AwaitingAuth>),
}

/// What the administrator has asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// To erase what waits.
    Wipe {
        /// And the identity.
        keys: bool,
    },
    /// Nothing: the operator is there.
    CheckIn,
}

/// Answers a request by its head. Its body is not read.
#[must_use]
pub fn answer<B>(request: &Request<B>, context: &Context<'_>) -> (Outcome, Option<Kind>) {
    let mut offence = None;
    let outcome = route(request, context, &mut offence);
    let finish = |mut response: Response<Full<Bytes>>| {
        response::pace(&mut response, &context.decision);
        origin::allow(request, context, &mut response);
        response::finish(response, request.method(), context.listener.tls)
    };
    let outcome = match outcome {
        Outcome::Response(response) => Outcome::Response(finish(response)),
        Outcome::Act(response, act) => Outcome::Act(finish(response), act),
        Outcome::Upgrade(response, session) => Outcome::Upgrade(finish(response), session),
    };
    (outcome, offence)
}

/// Tells whether a load balancer may be asking by itself whether the server is well.
#[must_use]
pub fn is_probe<B>(request: &Request<B>) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD) && request.uri().path() == "/health"
}

/// The response where what was asked for was not done, or not all of it.
#[must_use]
pub fn not_done() -> Response<Full<Bytes>> {
    let sentence = "it was not done, or not all of it: the server's log says what is left";
    response::finish(error(StatusCode::INTERNAL_SERVER_ERROR, "not_done", sentence), &Method::POST, false)
}

fn route<B>(request: &Request<B>, context: &Context<'_>, offence: &mut Option<Kind>) -> Outcome {
    match context.decision {
        Decision::Blocked(_) => {
            return Outcome::Response(error(StatusCode::FORBIDDEN, "blocked", "this address is blocked for a while"));
        }
        Decision::RateLimited(_) => {
            let sentence = "too many requests: wait as long as `Retry-After` says";
            return Outcome::Response(error(StatusCode::TOO_MANY_REQUESTS, "rate_limited", sentence));
        }
        Decision::Allow(_) | Decision::Free => {}
    }
    let host = match host::of(request) {
        Ok(host) if context.listener.answers_to(&host) => host,
        Ok(_) => {
            *offence = Some(Kind::MisdirectedHost);
            let sentence = "this server does not answer to that host";
            return Outcome::Response(error(StatusCode::MISDIRECTED_REQUEST, "misdirected_request", sentence));
        }
        Err(sentence) => return Outcome::Response(error(StatusCode::BAD_REQUEST, "bad_request", sentence)),
    };
    if !origin::is_welcome(request, context) {
        *offence = Some(Kind::OriginRefused);
        let sentence = "web pages of that origin may not use this server";
        return Outcome::Response(error(StatusCode::FORBIDDEN, "origin_not_allowed", sentence));
    }
    let path = request.uri().path();
    let shown = stats::shown(request, context);
    let moved = context.moved.filter(|_| path == "/moved");
    let known = match path {
        "/ws" | "/health" => true,
        "/moved" => moved.is_some(),
        "/stats" | "/metrics" => shown,
        _ => context.peer == Peer::Local && (blocks::is_path(path) || operate::is_path(path)),
    };
    if !known {
        return Outcome::Response(error(StatusCode::NOT_FOUND, "not_found", "there is nothing here"));
    }
    if origin::is_preflight(request) {
        return Outcome::Response(origin::preflight());
    }
    if context.peer == Peer::Local && blocks::is_path(path) {
        return Outcome::Response(blocks::answer(request, context));
    }
    if context.peer == Peer::Local && operate::is_path(path) {
        return operate::answer(request, context);
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Outcome::Response(not_allowed("GET, HEAD", "the methods here are GET and HEAD"));
    }
    match path {
        "/ws" => upgrade::answer(request, host),
        // Whoever looks at them here is the operator, and is there.
        "/stats" if context.peer == Peer::Local => Outcome::Act(stats::json(context), Act::CheckIn),
        "/stats" => Outcome::Response(stats::json(context)),
        "/metrics" => Outcome::Response(stats::text(context)),
        _ => Outcome::Response(match moved {
            Some(notices) => moved::answer(notices),
            None => health::answer(context, shown),
        }),
    }
}

fn not_allowed(allow: &'static str, sentence: &'static str) -> Response<Full<Bytes>> {
    let mut response = error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", sentence);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}
