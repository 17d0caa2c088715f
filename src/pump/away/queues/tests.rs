//! What a front holds of a session, when the hub answers and when it is lost.

use super::*;
use crate::admission::INCOMPLETE_BYTES;

/// Returns the queues of a session, and the account of another one.
fn with_budget(budget: usize) -> (Queues, FrameAccount) {
    let account = FrameAccount::of_a_budget_of(budget);
    let another = account.another();
    (Queues::new(account, SessionProgress::default()), another)
}

fn answer(frame: &str) -> TextAnswer {
    TextAnswer { fault: None, did_nothing: false, acknowledged: 0, frame: frame.to_owned() }
}

fn next(queues: &mut Queues) -> Option<(bool, String)> {
    match queues.next_text()? {
        SeatFrame::Text { again, text } => Some((again, text)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_sent_and_not_answered_is_sent_again_in_its_order_and_said_to_be() {
    let (mut queues, _) = with_budget(INCOMPLETE_BYTES);
    assert!(!queues.answered(answer("to nothing")), "nothing was asked");
    for text in ["a", "b", "c"] {
        queues.send(text);
    }
    assert_eq!(next(&mut queues), Some((false, "a".to_owned())));
    assert_eq!(next(&mut queues), Some((false, "b".to_owned())));
    assert!(queues.answered(answer("to a")));
    queues.lose();
    assert!(!queues.answered(answer("of another connection")));
    let all: Vec<_> = std::iter::from_fn(|| next(&mut queues)).collect();
    assert_eq!(all, [(true, "b".to_owned()), (false, "c".to_owned())]);
    assert_eq!(queues.next(), Some(FromHub::Answer(answer("to a"))), "what has come is not lost");
    assert_eq!(queues.next(), None);
}

#[test]
fn neither_what_waits_for_an_answer_nor_what_has_come_grows_without_bound() {
    let (mut queues, _) = with_budget(INCOMPLETE_BYTES);
    for _ in 0..TEXTS {
        assert!(!queues.is_full(0));
        queues.send("");
    }
    assert!(queues.is_full(0));
    let (mut queues, _) = with_budget(INCOMPLETE_BYTES);
    queues.send(&"x".repeat(TEXT_BYTES));
    assert!(queues.is_full(0) && queues.has_room());
    next(&mut queues);
    assert!(queues.answered(answer(&"y".repeat(TURN_BYTES))));
    assert!(!queues.is_full(0) && !queues.has_room());
    assert!(queues.next().is_some() && queues.has_room());
}

#[test]
fn what_waits_beyond_a_small_message_is_in_the_budget_of_all_sessions_until_it_is_answered() {
    let (mut queues, others) = with_budget(3 * SMALL_MESSAGE);
    let small = "x".repeat(SMALL_MESSAGE);
    queues.send(&small);
    assert_eq!(others.used(), 0);
    queues.send(&small);
    assert_eq!(others.used(), SMALL_MESSAGE);
    next(&mut queues);
    next(&mut queues);
    queues.lose();
    assert_eq!(others.used(), SMALL_MESSAGE, "it waits for the next hub");
    next(&mut queues);
    next(&mut queues);
    assert!(queues.answered(answer("to the first")) && queues.answered(answer("to the second")));
    assert_eq!(others.used(), 0);
    queues.send(&small);
    queues.send(&small);
    drop(queues);
    assert_eq!(others.used(), 0, "nor does an end of the session keep it");
}

#[test]
fn where_the_budget_is_used_up_only_those_are_read_who_wait_for_no_answer() {
    let (mut queues, others) = with_budget(SMALL_MESSAGE);
    let all = others.hold(SMALL_MESSAGE);
    assert!(!queues.is_full(0), "nothing else would have it read again");
    assert!(queues.is_full(1), "a turn ends with the first text");
    queues.send("a");
    assert!(queues.is_full(0));
    next(&mut queues);
    assert!(queues.answered(answer("to a")));
    assert!(!queues.is_full(0));
    queues.send("b");
    drop(all);
    assert!(!queues.is_full(0));
}
