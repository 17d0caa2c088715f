//! A journal that answers when it likes: whatever happens, and in whatever order.

mod slow;

use proptest::collection::vec;
use proptest::prelude::*;

use slow::{Op, PEOPLE, Run};

fn op() -> impl Strategy<Value = Op> {
    let who = 0..PEOPLE;
    prop_oneof![
        3 => who.clone().prop_map(|who| Op::Attach { who }),
        1 => who.clone().prop_map(|who| Op::Detach { who }),
        10 => (who.clone(), who.clone(), 0..6_u8, 1..40_u8)
            .prop_map(|(from, to, id, ttl_s)| Op::Send { from, to, id, ttl_s }),
        6 => who.clone().prop_map(|who| Op::Deliver { who }),
        4 => who.prop_map(|who| Op::Acknowledge { who }),
        6 => (1..5_usize).prop_map(|entries| Op::Arrives { entries }),
        6 => Just(Op::Answered),
        3 => (0..8_u8).prop_map(|seconds| Op::Pass { seconds }),
        1 => (0..PEOPLE).prop_map(|sender| Op::Drop { sender }),
        1 => Just(Op::Killed),
        1 => Just(Op::Amnesia),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_was_answered_is_lost_and_nothing_is_delivered_that_could_be(ops in vec(op(), 0..150)) {
        let mut run = Run::new();
        for op in &ops {
            run.step(op)?;
            run.check()?;
        }
        run.ends_well()?;
    }
}

fn two_people() -> Run {
    let mut run = Run::new();
    run.step(&Op::Attach { who: 0 }).unwrap();
    run.step(&Op::Attach { who: 1 }).unwrap();
    run
}

fn does(run: &mut Run, ops: &[Op]) {
    for op in ops {
        run.step(op).unwrap();
        run.check().unwrap();
    }
}

const HELLO: Op = Op::Send { from: 0, to: 1, id: 0, ttl_s: 30 };
const ALL: Op = Op::Arrives { entries: 99 };

#[test]
fn a_message_is_delivered_and_answered_when_it_holds_and_not_before() {
    let mut run = two_people();
    does(&mut run, &[HELLO, Op::Deliver { who: 1 }]);
    assert_eq!((run.answered(), run.delivered()), (0, 0));
    does(&mut run, &[ALL, Op::Deliver { who: 1 }]);
    assert_eq!((run.answered(), run.delivered()), (0, 0), "it holds, but nobody knows");
    does(&mut run, &[Op::Answered, Op::Deliver { who: 1 }]);
    assert_eq!((run.answered(), run.delivered()), (1, 1));
}

#[test]
fn a_message_that_did_not_hold_yet_when_its_recipient_came_is_not_called_old() {
    let mut run = two_people();
    does(&mut run, &[HELLO, Op::Detach { who: 1 }, Op::Attach { who: 1 }, Op::Deliver { who: 1 }]);
    does(&mut run, &[ALL, Op::Answered, Op::Deliver { who: 1 }]);
    assert_eq!((run.delivered(), run.stored()), (1, 0));
}

#[test]
fn a_receipt_waits_until_the_end_holds() {
    let mut run = two_people();
    does(&mut run, &[HELLO, ALL, Op::Answered, Op::Deliver { who: 1 }, Op::Acknowledge { who: 1 }]);
    assert_eq!(run.receipts(), 0);
    does(&mut run, &[ALL, Op::Answered]);
    assert_eq!(run.receipts(), 1);
}

#[test]
fn what_the_operator_drops_before_it_holds_ends_after_it_was_answered() {
    let mut run = two_people();
    does(&mut run, &[HELLO, Op::Drop { sender: 0 }, Op::Deliver { who: 1 }]);
    assert_eq!((run.answered(), run.receipts()), (0, 0));
    does(&mut run, &[ALL, Op::Answered, Op::Deliver { who: 1 }]);
    assert_eq!((run.answered(), run.receipts(), run.delivered()), (1, 1, 0));
}
