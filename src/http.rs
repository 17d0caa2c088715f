//! Routes, error bodies, headers, the `Host` and `Origin` rules. Pure: a request's head in, a
//! response out.

mod health;
mod host;
mod moved;
mod nodes;
mod origin;
mod response;
mod upgrade;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use crate::admission::Decision;
use crate::events::Kind;
use crate::metrics::Metrics;
use crate::transport::Listener;
use ephemeral_core::session::AwaitingAuth;
pub use health::Health;
use host::RequestHost;
use response::error;
pub(crate) use response::instead_of;

/// The values besides the request that an answer depends on.
pub struct Context<'server> {
    /// Where the figures come from.
    pub metrics: &'server Metrics,
    /// Whether the service is ready.
    pub health: Health,
    /// What holds for the listener.
    pub listener: &'server Listener,
    /// Whether the peer may ask now.
    pub decision: Decision,
    /// Whether the client came over TLS, here or at a trusted proxy.
    pub https: bool,
    /// The notices of this server's moves, if there are any.
    pub moved: Option<&'server Bytes>,
    /// The signed list of the service's nodes, if there is one.
    pub nodes: Option<&'server serde_json::Value>,
    /// Whether the machine that holds the messages is reached.
    pub has_hub: bool,
    /// Whether it is, or another one may be in a moment: then a session may begin, and waits for
    /// that.
    pub expects_hub: bool,
}

/// The fate of a request.
pub enum Outcome {
    /// This response, and the next request.
    Response(Response<Full<Bytes>>),
    /// This response (101), and then a session.
    Upgrade(Response<Full<Bytes>>, Box<AwaitingAuth>),
}

/// Answers a request by its head. Its body is not read.
#[must_use]
pub fn answer<B>(request: &Request<B>, context: &Context<'_>) -> (Outcome, Option<Kind>) {
    let mut offence = None;
    let host = host::of(request);
    let outcome = route(request, host.as_ref().map_err(|sentence| *sentence), context, &mut offence);
    let finish = |mut response: Response<Full<Bytes>>| {
        response::pace(&mut response, &context.decision);
        origin::allow(request, host.as_ref().ok(), context, &mut response);
        response::finish(response, request.method(), context.listener.tls)
    };
    let outcome = match outcome {
        Outcome::Response(response) => Outcome::Response(finish(response)),
        Outcome::Upgrade(response, session) => Outcome::Upgrade(finish(response), session),
    };
    (outcome, offence)
}

/// Tells whether a load balancer may be asking by itself whether the server is well.
#[must_use]
pub fn is_probe<B>(request: &Request<B>) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD) && request.uri().path() == "/health"
}

fn route<B>(
    request: &Request<B>,
    host: Result<&RequestHost, &'static str>,
    context: &Context<'_>,
    offence: &mut Option<Kind>,
) -> Outcome {
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
    let host = match host {
        Ok(host) if context.listener.answers_to(&host.name) => host,
        Ok(_) => {
            *offence = Some(Kind::MisdirectedHost);
            let sentence = "this server does not answer to that host";
            return Outcome::Response(error(StatusCode::MISDIRECTED_REQUEST, "misdirected_request", sentence));
        }
        Err(sentence) => return Outcome::Response(error(StatusCode::BAD_REQUEST, "bad_request", sentence)),
    };
    if !origin::is_welcome(request, host, context) {
        *offence = Some(Kind::OriginRefused);
        let sentence = "web pages of that origin may not use this server";
        return Outcome::Response(error(StatusCode::FORBIDDEN, "origin_not_allowed", sentence));
    }
    let path = request.uri().path();
    let moved = context.moved.filter(|_| path == "/moved");
    let nodes = context.nodes.filter(|_| path == "/nodes");
    let known = match path {
        "/ws" | "/health" => true,
        "/moved" => moved.is_some(),
        "/nodes" => nodes.is_some(),
        _ => false,
    };
    if !known {
        return Outcome::Response(error(StatusCode::NOT_FOUND, "not_found", "there is nothing here"));
    }
    if origin::is_preflight(request) {
        return Outcome::Response(origin::preflight());
    }
    if !(context.has_hub || (path == "/ws" && context.expects_hub)) {
        return Outcome::Response(response::no_hub());
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Outcome::Response(not_allowed("GET, HEAD", "the methods here are GET and HEAD"));
    }
    match path {
        "/ws" => upgrade::answer(request, host.name.clone()),
        _ => Outcome::Response(match (moved, nodes) {
            (Some(notices), _) => moved::answer(notices),
            (None, Some(list)) => nodes::answer(list),
            (None, None) => health::answer(context),
        }),
    }
}

fn not_allowed(allow: &'static str, sentence: &'static str) -> Response<Full<Bytes>> {
    let mut response = error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", sentence);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}
