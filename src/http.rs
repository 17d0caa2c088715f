//! Routes, error bodies, headers, the `Host` rule. Pure: a request's head in, a response out.

mod health;
mod host;
mod moved;
mod response;
mod upgrade;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode};

use crate::hub::Hub;
use crate::session::AwaitingAuth;
use crate::transport::{Listener, Peer};
pub use health::Health;
use response::error;
pub(crate) use response::instead_of;

/// What an answer depends on besides the request.
pub struct Context<'server> {
    /// Where messages wait.
    pub hub: &'server Hub,
    /// Whether the service is ready.
    pub health: Health,
    /// What holds for the listener.
    pub listener: &'server Listener,
    /// Who asks.
    pub peer: Peer,
    /// The notices of this server's moves, if there are any.
    pub moved: Option<&'server Bytes>,
}

/// What becomes of a request.
pub enum Outcome {
    /// This response, and the next request.
    Response(Response<Full<Bytes>>),
    /// This response (101), and then a session.
    Upgrade(Response<Full<Bytes>>, Box<AwaitingAuth>),
}

/// Answers a request by its head. Its body is not read.
#[must_use]
pub fn answer<B>(request: &Request<B>, context: &Context<'_>) -> Outcome {
    let outcome = route(request, context);
    match outcome {
        Outcome::Response(response) => Outcome::Response(response::finish(response, request.method())),
        Outcome::Upgrade(response, session) => Outcome::Upgrade(response::finish(response, request.method()), session),
    }
}

fn route<B>(request: &Request<B>, context: &Context<'_>) -> Outcome {
    let host = match host::of(request) {
        Ok(host) if context.listener.answers_to(&host) => host,
        Ok(_) => {
            let sentence = "this server does not answer to that host";
            return Outcome::Response(error(StatusCode::MISDIRECTED_REQUEST, "misdirected_request", sentence));
        }
        Err(sentence) => return Outcome::Response(error(StatusCode::BAD_REQUEST, "bad_request", sentence)),
    };
    let path = request.uri().path();
    let moved = context.moved.filter(|_| path == "/moved");
    if !matches!(path, "/ws" | "/health") && moved.is_none() {
        return Outcome::Response(error(StatusCode::NOT_FOUND, "not_found", "there is nothing here"));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response =
            error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "the methods here are GET and HEAD");
        response.headers_mut().insert(hyper::header::ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
        return Outcome::Response(response);
    }
    match (path, moved) {
        ("/ws", _) => upgrade::answer(request, host),
        (_, Some(notices)) => Outcome::Response(moved::answer(notices)),
        _ => Outcome::Response(health::answer(context)),
    }
}
