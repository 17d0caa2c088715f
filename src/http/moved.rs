//! `GET /moved`: the signed notices of this server's moves, for clients that know an earlier
//! address.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode};

use super::response;

/// Answers with the notices. `notices`: as they stand in the file, checked when it was read.
pub(super) fn answer(notices: &Bytes) -> Response<Full<Bytes>> {
    response::json_text(StatusCode::OK, notices.clone())
}
