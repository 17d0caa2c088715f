//! What is sent when, again, or no more.

#![allow(clippy::unwrap_used)]

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn message(id: &str) -> Outgoing {
    Outgoing { id: Some(id.to_owned()), ..Outgoing::new(Fingerprint::from_bytes([1; 32]), "hello") }
}

fn kept(id: &str) -> Outgoing {
    Outgoing { until_receipt: true, ..message(id) }
}

fn due_id(outbox: &mut Outbox, now: Instant) -> Option<String> {
    let frame: serde_json::Value = serde_json::from_str(&outbox.take_due(now)?).unwrap();
    Some(frame["id"].as_str().unwrap().to_owned())
}

fn with(in_flight: usize, messages: &[Outgoing]) -> Outbox {
    let mut outbox = Outbox::new(in_flight);
    for message in messages {
        outbox.push(message).unwrap();
    }
    outbox
}

#[test]
fn messages_go_out_in_order_and_no_more_than_allowed_without_an_answer() {
    let now = Instant::now();
    let mut outbox = with(2, &[message("a"), message("b"), message("c")]);
    assert_eq!(due_id(&mut outbox, now).as_deref(), Some("a"));
    assert_eq!(due_id(&mut outbox, now).as_deref(), Some("b"));
    assert_eq!(due_id(&mut outbox, now), None);
    assert_eq!(outbox.accepted("a"), Acceptance::First);
    assert_eq!(outbox.accepted("a"), Acceptance::Unknown, "it is forgotten");
    assert_eq!(due_id(&mut outbox, now).as_deref(), Some("c"));
}

#[test]
fn what_had_no_answer_is_sent_again_under_the_same_id() {
    let now = Instant::now();
    let mut outbox = with(4, &[message("a"), message("b")]);
    let first = outbox.take_due(now).unwrap().into_owned();
    outbox.reconnected(false);
    assert_eq!(outbox.take_due(now).as_deref(), Some(&*first), "byte for byte");
    assert_eq!(due_id(&mut outbox, now).as_deref(), Some("b"));
}

#[test]
fn after_a_refusal_for_a_while_everything_waits_and_the_order_stays() {
    let now = Instant::now();
    let mut outbox = with(1, &[message("a"), message("b")]);
    outbox.take_due(now).unwrap();
    let refusal = outbox.refused("a", ErrorCode::RateLimited, Some(3 * SECOND), now);
    assert_eq!(refusal, Rejection::Later(3 * SECOND));
    assert_eq!(due_id(&mut outbox, now + 2 * SECOND), None);
    assert_eq!(outbox.wake_at(60 * SECOND), Some(now + 3 * SECOND));
    assert_eq!(due_id(&mut outbox, now + 3 * SECOND).as_deref(), Some("a"));
}

#[test]
fn a_server_cannot_make_a_client_wait_for_ever() {
    let now = Instant::now();
    let mut outbox = with(1, &[message("a")]);
    outbox.take_due(now).unwrap();
    let refusal = outbox.refused("a", ErrorCode::RateLimited, Some(Duration::from_millis(u64::MAX)), now);
    assert_eq!(refusal, Rejection::Later(Outbox::LONGEST_PAUSE));
}

#[test]
fn a_message_that_is_refused_for_good_is_forgotten_and_the_next_one_goes_out() {
    let now = Instant::now();
    let mut outbox = with(1, &[message("a"), message("b")]);
    outbox.take_due(now).unwrap();
    assert_eq!(outbox.refused("a", ErrorCode::MailboxFull, None, now), Rejection::Final);
    assert_eq!(outbox.refused("a", ErrorCode::MailboxFull, None, now), Rejection::Unknown);
    assert_eq!(due_id(&mut outbox, now).as_deref(), Some("b"));
}

#[test]
fn an_accepted_message_is_sent_again_only_in_a_new_epoch_and_only_if_it_was_kept() {
    let now = Instant::now();
    let mut outbox = with(2, &[message("forgotten"), kept("kept")]);
    let first = outbox.take_due(now).map(Cow::into_owned);
    assert!(first.is_some_and(|frame| frame.contains("forgotten")));
    let first = outbox.take_due(now).map(Cow::into_owned);
    assert_eq!(outbox.accepted("forgotten"), Acceptance::First);
    assert_eq!(outbox.accepted("kept"), Acceptance::First);
    outbox.reconnected(true);
    assert_eq!(outbox.take_due(now).map(Cow::into_owned), first, "with its content");
    assert!(outbox.receipt("kept") && outbox.is_empty() && outbox.bytes == 0);
    assert!(!outbox.receipt("kept"));
}

#[test]
fn what_waits_for_a_receipt_is_asked_about_without_its_content_after_a_lost_connection() {
    let now = Instant::now();
    let mut outbox = with(1, &[kept("a")]);
    outbox.take_due(now).unwrap();
    assert_eq!(outbox.accepted("a"), Acceptance::First);
    assert_eq!(outbox.take_due(now), None, "not within a connection");
    for _ in 0..2 {
        outbox.reconnected(false);
        let question: serde_json::Value = serde_json::from_str(&outbox.take_due(now).unwrap()).unwrap();
        assert_eq!((question["id"].as_str(), question["content"].as_str()), (Some("a"), Some("")));
    }
    assert_eq!(outbox.accepted("a"), Acceptance::Again);
    assert!(!outbox.is_empty(), "it still waits for its receipt");
    outbox.reconnected(false);
    outbox.take_due(now).unwrap();
    assert_eq!(outbox.refused("a", ErrorCode::ContentEmpty, None, now), Rejection::Forgotten);
    assert!(outbox.is_empty());
}

#[test]
fn an_answer_that_does_not_come_is_noticed() {
    let now = Instant::now();
    let mut outbox = with(1, &[message("a")]);
    assert_eq!(outbox.wake_at(SECOND), None);
    outbox.take_due(now).unwrap();
    assert_eq!(outbox.wake_at(SECOND), Some(now + SECOND));
    assert!(!outbox.is_overdue(now, SECOND) && outbox.is_overdue(now + SECOND, SECOND));
}

#[test]
fn what_the_server_does_not_take_is_not_sent() {
    let mut outbox = with(1, &[message("a")]);
    assert!(outbox.take_oversized(5).is_empty());
    assert_eq!(outbox.take_oversized(4), ["a"]);
    assert!(outbox.is_empty());
}

#[test]
fn the_outbox_is_bounded_and_picky() {
    let mut outbox = with(1, &[message("a")]);
    assert_eq!(outbox.push(&message("a")), Err(OutboxError::SameId));
    for id in ["", "a b", "ä", &"a".repeat(65)] {
        assert_eq!(outbox.push(&message(id)), Err(OutboxError::InvalidId));
    }
    let large = Outgoing::new(Fingerprint::from_bytes([1; 32]), "x".repeat(Outbox::MAX_CONTENT_BYTES + 1));
    assert_eq!(outbox.push(&large), Err(OutboxError::TooLarge));
    let unnamed = Outgoing { id: None, ..message("a") };
    for _ in 1..Outbox::MAX_MESSAGES {
        assert!(is_message_id(&outbox.push(&unnamed).unwrap()));
    }
    assert_eq!(outbox.push(&unnamed), Err(OutboxError::Full));
}
