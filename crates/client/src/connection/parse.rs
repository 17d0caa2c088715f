//! The server's frames, read so that a newer server's are no offence and a broken one's are.

use serde::Deserialize;

use super::Lost;
use ephemeral_core::protocol::{ErrorCode, ServerEvent};

const KNOWN: [&str; 7] = ["challenge", "welcome", "accepted", "error", "receipt", "message", "caught_up"];

/// The fields that can be read of a frame that is not as expected.
#[derive(Deserialize)]
struct Outline {
    #[serde(rename = "type")]
    kind: String,
    message: Option<String>,
    id: Option<String>,
    retry_after_ms: Option<u64>,
}

/// Reads a text frame. `None`: a type of a later version, to be ignored. An `error` with a code of
/// a later version becomes `internal` with the server's own sentence.
pub(super) fn event(text: &str) -> Result<Option<ServerEvent>, Lost> {
    if let Ok(event) = serde_json::from_str(text) {
        return Ok(Some(event));
    }
    let outline: Outline =
        serde_json::from_str(text).map_err(|_| Lost::Protocol("a frame that is not in the protocol"))?;
    match outline {
        Outline { kind, message: Some(message), id, retry_after_ms } if kind == "error" => {
            Ok(Some(ServerEvent::Error { code: ErrorCode::Internal, message, id, retry_after_ms }))
        }
        Outline { kind, .. } if KNOWN.contains(&kind.as_str()) => {
            Err(Lost::Protocol("a frame with fields that are missing or wrong"))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn frames_of_a_later_version_are_ignored_or_understood_as_far_as_possible() {
        assert_eq!(event(r#"{"type":"news","content":"x"}"#).unwrap(), None);
        assert_eq!(event(r#"{"type":"caught_up","count":3}"#).unwrap(), Some(ServerEvent::CaughtUp));
        let error = event(r#"{"type":"error","code":"too_blue","message":"Too blue.","id":"a"}"#).unwrap().unwrap();
        let expected = ServerEvent::Error {
            code: ErrorCode::Internal,
            message: "Too blue.".to_owned(),
            id: Some("a".to_owned()),
            retry_after_ms: None,
        };
        assert_eq!(error, expected);
    }

    #[test]
    fn garbage_is_an_offence() {
        for text in
            ["", "garbage", "[]", "{}", r#"{"type":7}"#, r#"{"type":"accepted"}"#, r#"{"type":"message","seq":"1"}"#]
        {
            assert!(matches!(event(text), Err(Lost::Protocol(_))), "{text}");
        }
    }
}
