//! `/blocks`, for the administrator on this machine: who is blocked, and the end of a block before its time.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;

use super::response::{error, json};
use super::{Context, not_allowed};
use crate::admission::BlockEntry;

const PATH: &str = "/blocks";

pub(super) fn is_path(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[derive(Serialize)]
struct Blocks {
    blocks: Vec<BlockEntry>,
}

/// `GET /blocks` lists them, `DELETE /blocks/<name>` ends one.
pub(super) fn answer<B>(request: &Request<B>, context: &Context<'_>) -> Response<Full<Bytes>> {
    let name = request.uri().path().strip_prefix(PATH).and_then(|rest| rest.strip_prefix('/'));
    let admission = context.metrics.admission();
    match (request.method(), name) {
        (&Method::GET | &Method::HEAD, None) => json(StatusCode::OK, &Blocks { blocks: admission.blocks() }),
        (&Method::DELETE, Some(name)) if admission.unblock(name) => {
            json(StatusCode::OK, &Blocks { blocks: admission.blocks() })
        }
        (&Method::DELETE, Some(_)) => error(StatusCode::NOT_FOUND, "not_found", "nobody of that name is blocked"),
        (_, None) => not_allowed("GET, HEAD", "the methods here are GET and HEAD"),
        (_, Some(_)) => not_allowed("DELETE", "the method here is DELETE"),
    }
}
