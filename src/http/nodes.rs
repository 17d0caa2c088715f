//! `GET /nodes`: the signed list of the service's nodes, for clients that want another way to it.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode};

use super::response;

/// Answers with the list, as it was signed.
pub(super) fn answer(list: &serde_json::Value) -> Response<Full<Bytes>> {
    response::json_text(StatusCode::OK, list.to_string().into())
}
