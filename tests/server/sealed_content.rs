//! What end-to-end encrypted conversations ask of a server with its default limits: envelopes of
//! three sizes in base64url, groups, and files.

use ephemeral_core::protocol::Sanitize;
use ephemeral_core::session;
use ephemeral_test_support::rig::{Options, Rig, Socket, fingerprint, message};
use serde_json::{Value, json};

/// The sizes of an envelope, in characters.
const SIZES: [usize; 3] = [4096, 16_384, 65_536];

/// Makes a server with the default rules. (The rate is of no concern but to a group, and for that
/// it is the default, too.)
fn rig(sanitize: Sanitize) -> Rig {
    Rig::with(Options { rules: session::Config { sanitize, ..session::Config::default() }, ..Options::default() })
}

/// Returns an envelope of so many characters, in which each one of the alphabet of base64url comes
/// up.
fn envelope(characters: usize) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let content: String = ALPHABET.iter().rev().cycle().take(characters).map(|&byte| char::from(byte)).collect();
    content
}

/// Sends frames in one go, and returns the answers.
async fn answers(socket: &mut Socket, frames: &[Value]) -> Vec<Value> {
    for frame in frames {
        socket.send(frame).await;
    }
    let mut answers = Vec::new();
    for _ in frames {
        answers.push(socket.next().await["type"].clone());
    }
    answers
}

/// Takes and acknowledges so many messages.
async fn takes(socket: &mut Socket, messages: usize) {
    for _ in 0..messages {
        let message = socket.next().await;
        assert_eq!(message["type"], "message", "{message}");
        socket.acks(&message).await;
    }
}

#[tokio::test(start_paused = true)]
async fn envelopes_of_every_size_pass_unchanged_whatever_is_done_to_content() {
    for sanitize in [Sanitize::Clean, Sanitize::Reject, Sanitize::Ciphertext] {
        let mut rig = rig(sanitize);
        let mut alice = rig.login(1).await;
        let mut bob = rig.login(2).await;
        for size in SIZES {
            let id = size.to_string();
            let content = envelope(size);
            alice.sends(&id, 2, &content).await;
            let message = bob.receives(&id).await;
            assert_eq!(message["content"], json!(content), "{sanitize:?}, {size}");
            bob.acks(&message).await;
            assert_eq!(alice.next().await["status"], "delivered");
        }
        assert_eq!(alice.refused(&message("more", 2, &envelope(65_537))).await, "content_too_large");
    }
}

#[tokio::test(start_paused = true)]
async fn a_text_to_a_group_of_50_goes_out_at_once() {
    let mut rig = rig(Sanitize::Clean);
    let mut alice = rig.login(1).await;
    let frames: Vec<_> = (2..=50).map(|member| message(&member.to_string(), member, &envelope(4096))).collect();
    assert_eq!(frames.len(), 49);
    assert_eq!(answers(&mut alice, &frames).await, vec![json!("accepted"); 49]);
    assert_eq!(rig.waiting(), 49);
    // And a second one half a minute later.
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    let frames: Vec<_> = (2..=50).map(|member| message(&format!("2-{member}"), member, &envelope(4096))).collect();
    assert_eq!(answers(&mut alice, &frames).await, vec![json!("accepted"); 49]);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_envelopes_of_a_group_wait_for_a_member_who_is_offline() {
    let mut rig = Rig::new();
    let mut bob = rig.login(1).await;
    // He has written to all of them, as in a group.
    for member in 2..=50 {
        bob.sends(&member.to_string(), member, &envelope(4096)).await;
    }
    drop(bob);
    let mut waiting = 0;
    for member in 2..=50 {
        let (mut sender, _) = rig.login_with(member, json!({})).await;
        takes(&mut sender, 1).await;
        sender.catches_up().await;
        // 49 members: 20 of each, and 20 more of the first one.
        let letters = if member == 2 { 40 } else { 20 };
        for number in 0..letters {
            sender.sends(&number.to_string(), 1, &envelope(4096)).await;
            waiting += 1;
        }
    }
    assert_eq!((waiting, rig.waiting()), (1000, 1000));
    let (mut bob, welcome) = rig.login_with(1, json!({})).await;
    assert_eq!(welcome["pending"], 1000);
    takes(&mut bob, 1000).await;
    bob.catches_up().await;
}

#[tokio::test(start_paused = true)]
async fn one_contact_may_have_sixteen_chunks_of_a_file_and_a_hundred_texts_on_the_way() {
    let mut rig = Rig::new();
    let mut alice = rig.login(1).await;
    for number in 0..16 {
        alice.sends(&format!("chunk-{number}"), 2, &envelope(65_536)).await;
    }
    for number in 0..109 {
        alice.sends(&format!("text-{number}"), 2, &envelope(4096)).await;
    }
    assert_eq!(alice.refused(&message("one-more", 2, &envelope(4096))).await, "mailbox_full", "an eighth of 1,000");
    alice.sends("for-another-contact", 3, &envelope(65_536)).await;
}

#[tokio::test(start_paused = true)]
async fn a_conversation_goes_on_without_end_only_where_its_recipient_lets_the_sender_know() {
    for (receipts, room) in [(true, 300), (false, 125)] {
        let mut rig = Rig::new();
        let mut alice = rig.login(1).await;
        let (mut bob, _) = rig.login_with(2, json!({"receipts": receipts})).await;
        bob.catches_up().await;
        let mut taken = 0;
        while taken < 300 {
            let text =
                json!({"id": taken.to_string(), "to": fingerprint(2), "content": envelope(4096), "ttl_s": 604_800});
            if alice.ask(&text).await["type"] != "accepted" {
                break;
            }
            takes(&mut bob, 1).await;
            if receipts {
                assert_eq!(alice.next().await["status"], "delivered");
            }
            taken += 1;
        }
        assert_eq!(taken, room, "what is taken without a receipt counts for as long as the message would have lived");
    }
}
