//! `GET /ws`: the opening handshake of a session (RFC 6455, section 4.2).

use ed25519_dalek::VerifyingKey;
use http_body_util::Full;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use hyper::{Method, Request, Response, StatusCode, Version};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::Outcome;
use super::response::error;
use ephemeral_core::protocol::{Challenge, Fingerprint};
use ephemeral_core::session::AwaitingAuth;

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");
const VERSION_13: HeaderValue = HeaderValue::from_static("13");

pub(super) fn answer<B>(request: &Request<B>, host: String) -> Outcome {
    let headers = request.headers();
    let asks = request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && has_token(headers, &CONNECTION, "upgrade")
        && has_token(headers, &UPGRADE, "websocket");
    if !asks || headers.get(SEC_WEBSOCKET_VERSION) != Some(&VERSION_13) {
        let sentence = "this is a WebSocket endpoint: ask for an upgrade, version 13";
        let mut response = error(StatusCode::UPGRADE_REQUIRED, "upgrade_required", sentence);
        response.headers_mut().insert(UPGRADE, WEBSOCKET);
        response.headers_mut().insert(SEC_WEBSOCKET_VERSION, VERSION_13);
        return Outcome::Response(response);
    }
    if has_body(headers) {
        let sentence = "a request for an upgrade has no body: what follows it are WebSocket frames";
        return Outcome::Response(error(StatusCode::BAD_REQUEST, "bad_request", sentence));
    }
    let Ok(claimed) = claimed(request.uri().query().unwrap_or_default()) else {
        let sentence = "`fingerprint` must be 64 hex digits, an Ed25519 public key; or name it in `auth` instead";
        return Outcome::Response(error(StatusCode::BAD_REQUEST, "invalid_fingerprint", sentence));
    };
    let Some(websocket_key) = headers.get(SEC_WEBSOCKET_KEY).filter(|key| is_websocket_key(key)) else {
        let sentence = "`Sec-WebSocket-Key` must be 16 bytes in base64";
        return Outcome::Response(error(StatusCode::BAD_REQUEST, "bad_request", sentence));
    };
    let Ok(challenge) = Challenge::random() else {
        let sentence = "the server has no random numbers";
        return Outcome::Response(error(StatusCode::INTERNAL_SERVER_ERROR, "internal", sentence));
    };
    let Ok(accept) = HeaderValue::from_str(&derive_accept_key(websocket_key.as_bytes())) else {
        return Outcome::Response(error(StatusCode::INTERNAL_SERVER_ERROR, "internal", "no answer to that key"));
    };
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    response.headers_mut().insert(UPGRADE, WEBSOCKET);
    response.headers_mut().insert(SEC_WEBSOCKET_ACCEPT, accept);
    Outcome::Upgrade(response, Box::new(AwaitingAuth { claimed, host, challenge }))
}

/// The query names two fingerprints, or one that is no key.
struct InvalidClaim;

/// Returns the key of the one `fingerprint` of a query, if it has any.
fn claimed(query: &str) -> Result<Option<VerifyingKey>, InvalidClaim> {
    let mut values = query.split('&').filter_map(|pair| pair.strip_prefix("fingerprint="));
    let Some(value) = values.next() else { return Ok(None) };
    let fingerprint = Fingerprint::from_hex(value).map_err(|_| InvalidClaim)?;
    if values.next().is_some() {
        return Err(InvalidClaim);
    }
    fingerprint.verifying_key().map(Some).map_err(|_| InvalidClaim)
}

/// Returns whether a body is announced (RFC 9112, section 6.3). Its bytes would be taken for
/// frames.
fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0");
    length || headers.contains_key(TRANSFER_ENCODING)
}

/// Returns whether a list header has a token, whatever its case (RFC 9110, section 5.6.1).
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let lists = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
}

fn is_websocket_key(key: &HeaderValue) -> bool {
    data_encoding::BASE64.decode(key.as_bytes()).is_ok_and(|bytes| bytes.len() == 16)
}
