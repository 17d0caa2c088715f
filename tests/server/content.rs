//! What a message may carry, and what becomes of it on the way.

use ephemeral_core::protocol::Sanitize;
use ephemeral_core::session;
use ephemeral_test_support::rig::{Rig, fingerprint, message, unlimited};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn content_may_be_as_large_as_the_limit_in_utf_8_however_it_is_escaped() {
    let (_rig, mut alice, mut bob) = Rig::with_two(session::Config { content_bytes: 3000, ..unlimited() }).await;
    let escaped = format!(r#"{{"to":"{}","id":"escaped","content":"{}"}}"#, fingerprint(2), "\\u0061".repeat(3000));
    alice.send_text(&escaped).await;
    assert_eq!(alice.next().await["type"], "accepted");
    assert_eq!(bob.receives("escaped").await["content"], json!("a".repeat(3000)));
    for (id, content) in [("crabs", "🦀".repeat(750)), ("quotes", "\"".repeat(3000)), ("one", "x".into())] {
        alice.sends(id, 2, &content).await;
        assert_eq!(bob.receives(id).await["content"], json!(content));
    }
    assert_eq!(alice.refused(&message("m", 2, &format!("{}x", "🦀".repeat(750)))).await, "content_too_large");
}

#[tokio::test(start_paused = true)]
async fn controls_and_direction_overrides_are_removed_by_default() {
    let (_rig, mut alice, mut bob) = Rig::with_two(unlimited()).await;
    let dirty = "a\u{0}\u{1b}\u{7f}\u{85}\u{9f}\u{202a}\u{202e}\u{2066}\u{2069}\tb\r\nc\"\\ \u{200f}\u{a0}👩‍👧 /\u{2028}";
    alice.sends("m", 2, dirty).await;
    assert_eq!(bob.receives("m").await["content"], "a\tb\r\nc\"\\ \u{200f}\u{a0}👩‍👧 /\u{2028}");
}

#[tokio::test(start_paused = true)]
async fn controls_and_direction_overrides_are_refused_where_the_operator_says_so() {
    let (_rig, mut alice, mut bob) = Rig::with_two(session::Config { sanitize: Sanitize::Reject, ..unlimited() }).await;
    for dirty in ["a\u{0}", "\u{1b}[31m", "\u{85}", "\u{202e}x", "\u{2068}"] {
        assert_eq!(alice.refused(&message("m", 2, dirty)).await, "invalid_content", "{dirty:?}");
    }
    alice.sends("m", 2, "tab\tline\r\n é").await;
    assert_eq!(bob.receives("m").await["content"], "tab\tline\r\n é");
}

#[tokio::test(start_paused = true)]
async fn everything_but_base64_is_refused_where_the_operator_wants_ciphertext() {
    let (_rig, mut alice, mut bob) =
        Rig::with_two(session::Config { sanitize: Sanitize::Ciphertext, ..unlimited() }).await;
    for plain in ["hello world", "é", "a\n", "{}", "a=b"] {
        assert_eq!(alice.refused(&message("m", 2, plain)).await, "invalid_content", "{plain:?}");
    }
    assert_eq!(alice.refused(&message("m", 2, "")).await, "content_empty");
    for (id, text) in [("padded", "aGVsbG8="), ("url", "-_-_"), ("standard", "+/+/")] {
        alice.sends(id, 2, text).await;
        assert_eq!(bob.receives(id).await["content"], json!(text));
    }
}
