//! JSON-RPC 2.0: requests in, answers and notifications out. What is written is fit for a terminal.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::refusal::MethodRefusal;
use crate::api::{EventParams, MethodError};
use crate::text::printable_json;

/// The longest request in bytes: a text of 47,000 bytes, each written as an escape of six, and room
/// to spare.
pub(super) const MAX_REQUEST: usize = 512 * 1024;

/// A request. Without an `id`, no answer is wanted.
#[derive(Deserialize)]
pub(super) struct RpcRequest {
    pub(super) id: Option<Value>,
    pub(super) method: String,
    #[serde(default)]
    pub(super) params: Value,
}

/// Reads a request.
pub(super) fn request(line: &[u8]) -> Result<RpcRequest, Box<(Value, MethodError)>> {
    let value: Value = serde_json::from_slice(line)
        .map_err(|error| Box::new((Value::Null, MethodRefusal::NotJson(error.to_string()).into())))?;
    let id = value.get("id").cloned().unwrap_or(Value::Null);
    serde_json::from_value(value).map_err(|_| Box::new((id, MethodRefusal::NotARequest.into())))
}

fn line(value: &Value) -> Arc<str> {
    (printable_json(&value.to_string()) + "\n").into()
}

pub(super) fn answer(id: &Value, result: &Value) -> Arc<str> {
    line(&json!({"jsonrpc": "2.0", "id": id, "result": result}))
}

pub(super) fn error(id: &Value, error: &MethodError) -> Arc<str> {
    line(&json!({"jsonrpc": "2.0", "id": id, "error": error}))
}

pub(super) fn event(told: &EventParams) -> Arc<str> {
    line(&json!({"jsonrpc": "2.0", "method": "event", "params": told}))
}
