//! Two sessions exchange messages.

use ephemeral_test_support::rig::{Rig, fingerprint};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn a_message_is_accepted_delivered_acknowledged_and_receipted() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    let mut bob = rig.login(2).await;
    let accepted = alice.ask(&json!({"id": "m-1", "to": fingerprint(2), "content": "hello\n\"Bob\" 🦀"})).await;
    assert_eq!(
        accepted,
        json!({"type": "accepted", "id": "m-1", "expires_at": "2026-01-03T12:00:00.000Z", "duplicate": false})
    );
    let message = bob.next().await;
    let seq = message["seq"].as_u64().unwrap();
    assert_eq!(
        message,
        json!({
            "type": "message", "id": "m-1", "from": fingerprint(1), "to": fingerprint(2), "content": "hello\n\"Bob\" 🦀",
            "timestamp": "2026-01-02T12:00:00.000Z", "expires_at": "2026-01-03T12:00:00.000Z",
            "delivery_type": "direct", "seq": seq
        })
    );
    bob.send(&json!({"type": "ack", "seq": seq})).await;
    let receipt = alice.next().await;
    assert_eq!(
        receipt,
        json!({"type": "receipt", "id": "m-1", "to": fingerprint(2), "status": "delivered", "at": "2026-01-02T12:00:00.000Z"})
    );
    bob.hears_nothing().await;
}
