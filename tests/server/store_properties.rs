//! Whatever sessions do to a store, and in whatever order: each step is checked against a model
//! that is a plain list.

use ephemeral_core::store;
use proptest::collection::vec;
use proptest::prelude::*;

use model::{Ack, Model, Op, PEOPLE};
mod model;

/// Generates bounds so small that each is reached now and then, by itself and together with others.
fn bounds() -> impl Strategy<Value = store::Config> {
    let kept = prop_oneof![Just(0), 1..3000_usize];
    (0..24_usize, 1..800_usize, 300..3000_usize, 800..16_000_usize, kept, 1..90_u64).prop_map(
        |(mailbox_messages, mailbox_bytes, sender_bytes, total_bytes, kept_for_online, crowded_life_s)| store::Config {
            mailbox_messages,
            mailbox_bytes,
            sender_bytes,
            total_bytes,
            kept_for_online,
            crowded_life_ms: 1000 * crowded_life_s,
        },
    )
}

fn ack() -> impl Strategy<Value = Ack> {
    prop_oneof![
        8 => (0..8_u8).prop_map(Ack::Sent),
        1 => (0..8_u8).prop_map(Ack::JustBefore),
        1 => Just(Ack::Earlier),
        1 => (1..3_u8).prop_map(Ack::TooHigh),
        1 => Just(Ack::Zero),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let who = 0..PEOPLE;
    prop_oneof![
        4 => (who.clone(), any::<bool>()).prop_map(|(who, receipts)| Op::Attach { who, receipts }),
        2 => who.clone().prop_map(|who| Op::Detach { who }),
        10 => (who.clone(), who.clone(), 0..5_u8, 0..90_u8, 1..60_u8)
            .prop_map(|(from, to, id, padding, ttl_s)| Op::Send { from, to, id, padding, ttl_s }),
        8 => (who.clone(), 1..4_u8, 1..5_u8)
            .prop_map(|(who, window, times)| Op::Deliver { who, window, times }),
        6 => (who.clone(), ack()).prop_map(|(who, ack)| Op::Acknowledge { who, ack }),
        1 => who.prop_map(|who| Op::TakeRate { who }),
        4 => (0..10_u16).prop_map(|seconds| Op::Pass { seconds }),
        1 => (30..300_u16).prop_map(|seconds| Op::Pass { seconds }),
        1 => (0..300_u16).prop_map(|seconds| Op::SetBack { seconds }),
        4 => Just(Op::Expire),
        2 => Just(Op::Restart),
    ]
}

fn config() -> ProptestConfig {
    // The shrunk steps are in the output: they become a test of their own, not an entry in a file
    // of seeds.
    ProptestConfig { failure_persistence: None, max_shrink_iters: 50_000, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_store_keeps_its_promises_in_any_order_of_events(bounds in bounds(), ops in vec(op(), 0..200)) {
        let mut model = Model::new(bounds);
        for op in &ops {
            model.step(op)?;
            model.check()?;
        }
        model.everybody_fetches_everything()?;
        model.everybody_leaves_for_good()?;
    }

    #[test]
    fn a_store_with_room_enough_refuses_nothing(ops in vec(op(), 0..200)) {
        let mut model = Model::new(store::Config::default());
        for op in &ops {
            model.step(op)?;
            model.check()?;
        }
        prop_assert_eq!(model.refused, 0);
        model.everybody_fetches_everything()?;
        model.everybody_leaves_for_good()?;
    }

    #[test]
    fn a_store_that_is_written_down_keeps_its_promises_however_often_the_process_is_killed(
        bounds in bounds(),
        roomy in any::<bool>(),
        ops in vec(op(), 0..200),
    ) {
        let mut model = Model::written_down(if roomy { store::Config { total_bytes: 100_000, ..store::Config::default() } } else { bounds });
        for op in &ops {
            model.step(op)?;
            model.check()?;
        }
        model.restarts()?;
        model.everybody_fetches_everything()?;
        model.restarts()?;
        model.everybody_leaves_for_good()?;
    }
}

#[test]
fn an_id_that_was_used_again_before_its_first_use_was_erased_is_known_after_a_restart() {
    let mut model = Model::written_down(store::Config { total_bytes: 100_000, ..store::Config::default() });
    let send = |from| Op::Send { from, to: 0, id: 0, padding: 0, ttl_s: 1 };
    let ops = [
        Op::Attach { who: 1, receipts: false },
        send(1),
        Op::Attach { who: 0, receipts: false },
        Op::Pass { seconds: 1 },
        send(0),
        Op::Expire,
        Op::Pass { seconds: 1 },
        send(0),
        Op::Restart,
        Op::Attach { who: 0, receipts: false },
    ];
    for op in &ops {
        model.step(op).unwrap();
        model.check().unwrap();
    }
}
