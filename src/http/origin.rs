//! The `Origin` rule: which web pages may use this server (Fetch Standard, sections 3.1 and 3.2).
//!
//! A request without `Origin` is not a web page's. WebSockets are not subject to what a browser
//! asks beforehand, so that the rule is kept here, for every request.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use hyper::{Method, Request, Response, StatusCode};

use super::Context;
use super::host::RequestHost;

/// Returns whether the request may be answered: it has no `Origin`, or one that is welcome.
pub(super) fn is_welcome<B>(request: &Request<B>, host: &RequestHost, context: &Context<'_>) -> bool {
    let mut origins = request.headers().get_all(ORIGIN).iter();
    let Some(origin) = origins.next() else { return true };
    let authority = &host.authority;
    let allowed = origin.to_str().is_ok_and(|origin| context.listener.allows_origin(origin, authority, context.https));
    allowed && origins.next().is_none()
}

/// Returns whether a browser asks beforehand (a preflight request).
pub(super) fn is_preflight<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    *request.method() == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Returns the answer to a preflight request. It allows no header beyond those that need no
/// permission.
pub(super) fn preflight() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

/// Lets a page of a welcome origin read the answer; every answer depends on the `Origin`.
pub(super) fn allow<B>(
    request: &Request<B>,
    host: Option<&RequestHost>,
    context: &Context<'_>,
    response: &mut Response<Full<Bytes>>,
) {
    response.headers_mut().insert(VARY, HeaderValue::from_static("Origin"));
    let welcome = host.is_some_and(|host| is_welcome(request, host, context));
    let Some(origin) = request.headers().get(ORIGIN).filter(|_| welcome) else { return };
    let headers = response.headers_mut();
    let anybody = context.listener.allows_any_origin();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, if anybody { HeaderValue::from_static("*") } else { origin.clone() });
    let exposed = "Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset";
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(exposed));
}
