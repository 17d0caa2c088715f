//! Bodies and headers of responses.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER, STRICT_TRANSPORT_SECURITY};
use hyper::{Method, Response, StatusCode};
use serde::Serialize;

use crate::admission::Decision;

/// The headers on every response: nothing that this server says is a page, and nobody needs to
/// remember it.
const HEADERS: [(&str, &str); 7] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
];

/// Where TLS is served, and only there (RFC 6797, section 7.2): a browser asks over TLS only, for
/// two years from now on.
const OVER_TLS_ONLY: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// Returns a response with a JSON body.
pub(super) fn json<T: Serialize>(status: StatusCode, body: &T) -> Response<Full<Bytes>> {
    json_text(status, serde_json::to_vec(body).unwrap_or_default().into())
}

/// Returns a response whose body is JSON already.
pub(super) fn json_text(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[derive(Serialize)]
struct ErrorBody {
    error: &'static str,
    code: &'static str,
}

/// Returns an error: a sentence for a person, a code for a program.
pub(super) fn error(status: StatusCode, code: &'static str, sentence: &'static str) -> Response<Full<Bytes>> {
    json(status, &ErrorBody { error: sentence, code })
}

/// Returns the answer of a machine that cannot reach the one that holds the messages.
pub(super) fn no_hub() -> Response<Full<Bytes>> {
    let sentence = "this machine cannot reach the one that holds the messages: try again soon";
    let mut response = error(StatusCode::SERVICE_UNAVAILABLE, "no_hub", sentence);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("2"));
    response
}

/// Says how the peer's rate stands (draft-ietf-httpapi-ratelimit-headers-03): what there is at
/// once, what is left of it, and in how many seconds it is whole again. Anyone who has to wait or
/// is blocked is also told for how long.
pub(super) fn pace(response: &mut Response<Full<Bytes>>, decision: &Decision) {
    let headers = response.headers_mut();
    let (Decision::Allow(pace) | Decision::RateLimited(pace)) = decision else {
        if let Decision::Blocked(seconds) = decision {
            headers.insert(RETRY_AFTER, HeaderValue::from(*seconds));
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        return;
    };
    headers.insert("ratelimit-limit", HeaderValue::from(pace.burst));
    headers.insert("ratelimit-remaining", HeaderValue::from(pace.left));
    headers.insert("ratelimit-reset", HeaderValue::from(pace.reset_ms.div_ceil(1000)));
    if let Some(wait) = pace.wait_ms {
        headers.insert(RETRY_AFTER, HeaderValue::from(wait.div_ceil(1000)));
    }
}

/// Adds what every response has. The answer to `HEAD` has the length of the body, and no body.
/// `tls`: whether the connection is TLS.
pub(super) fn finish(mut response: Response<Full<Bytes>>, method: &Method, tls: bool) -> Response<Full<Bytes>> {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if tls {
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, OVER_TLS_ONLY);
    }
    if method == Method::HEAD {
        let length = hyper::body::Body::size_hint(response.body()).lower();
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        *response.body_mut() = Full::default();
    }
    response
}

/// Returns a whole response in place of one that hyper gives by itself to a request that it cannot
/// read: its status and what it says of the connection, and what every error has here. Nothing
/// follows it.
pub(crate) fn instead_of(answer: &[u8], tls: bool) -> Bytes {
    let answer = String::from_utf8_lossy(answer);
    let (code, sentence) = match answer.split(' ').nth(1) {
        Some("414") => ("uri_too_long", "the request's target is too long"),
        Some("431") => ("request_header_fields_too_large", "the request's head is too large"),
        _ => ("bad_request", "the request is not one of HTTP/1.1"),
    };
    let body = serde_json::to_string(&ErrorBody { error: sentence, code }).unwrap_or_default();
    let mut whole = String::new();
    for line in answer.lines().filter(|line| !line.is_empty() && !line.starts_with("content-length")) {
        whole.extend([line, "\r\n"]);
    }
    for (name, value) in finish(error(StatusCode::BAD_REQUEST, code, sentence), &Method::GET, tls).headers() {
        whole.extend([name.as_str(), ": ", value.to_str().unwrap_or_default(), "\r\n"]);
    }
    whole.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    whole.into()
}
