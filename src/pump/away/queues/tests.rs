//! What a front holds of a session, when the hub answers and when it is lost.

use super::*;

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
    let mut queues = Queues::new(SessionProgress::default());
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
    let mut queues = Queues::new(SessionProgress::default());
    for _ in 0..TEXTS {
        assert!(!queues.is_full());
        queues.send("");
    }
    assert!(queues.is_full());
    let mut queues = Queues::new(SessionProgress::default());
    queues.send(&"x".repeat(TEXT_BYTES));
    assert!(queues.is_full() && queues.has_room());
    next(&mut queues);
    assert!(queues.answered(answer(&"y".repeat(TURN_BYTES))));
    assert!(!queues.is_full() && !queues.has_room());
    assert!(queues.next().is_some() && queues.has_room());
}
