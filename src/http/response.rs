//! Bodies and headers of responses.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode};
use serde::Serialize;

/// On every response: nothing that this server says is a page, and nobody needs to remember it.
const HEADERS: [(&str, &str); 7] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
];

/// A response with a JSON body.
pub(super) fn json<T: Serialize>(status: StatusCode, body: &T) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(serde_json::to_vec(body).unwrap_or_default()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An error: a sentence for a person, a code for a program.
pub(super) fn error(status: StatusCode, code: &'static str, sentence: &'static str) -> Response<Full<Bytes>> {
    #[derive(Serialize)]
    struct Body {
        error: &'static str,
        code: &'static str,
    }
    json(status, &Body { error: sentence, code })
}

/// Adds what every response has. The answer to `HEAD` has the length of the body, and no body.
pub(super) fn finish(mut response: Response<Full<Bytes>>, method: &Method) -> Response<Full<Bytes>> {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if method == Method::HEAD {
        let length = hyper::body::Body::size_hint(response.body()).lower();
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        *response.body_mut() = Full::default();
    }
    response
}
