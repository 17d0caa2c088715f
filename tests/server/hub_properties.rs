//! Whatever sessions do at a hub, and in whatever order: everybody is sent what is theirs, and is
//! told when there is some.

mod model;

use proptest::collection::vec;
use proptest::prelude::*;
use tokio::runtime::Builder;

use model::{Model, Op, PEOPLE};

fn op() -> impl Strategy<Value = Op> {
    let who = 0..PEOPLE;
    prop_oneof![
        4 => (who.clone(), any::<bool>(), 1..4_u32)
            .prop_map(|(who, receipts, window)| Op::Join { who, receipts, window }),
        2 => who.clone().prop_map(|who| Op::Leave { who }),
        10 => (who.clone(), 0..=PEOPLE, 0..5_u8, any::<bool>(), 1..60_u8)
            .prop_map(|(from, to, id, by_the_rules, ttl_s)| Op::Submit { from, to, id, by_the_rules, ttl_s }),
        6 => (who.clone(), 0..8_u8).prop_map(|(who, place)| Op::Acknowledge { who, place }),
        10 => (who, prop_oneof![3 => Just(usize::MAX), 1 => 1..2000_usize])
            .prop_map(|(who, budget)| Op::Collect { who, budget }),
        4 => (1..10_u8).prop_map(|seconds| Op::Pass { seconds }),
        1 => (20..120_u8).prop_map(|seconds| Op::Pass { seconds }),
        6 => Just(Op::EndTurn),
    ]
}

fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    // The shrunk steps are in the output: they become a test of their own, not an entry in a file
    // of seeds.
    ProptestConfig { cases: 4 * config.cases, failure_persistence: None, max_shrink_iters: 50_000, ..config }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_hub_keeps_its_promises_and_loses_no_wake_in_any_order_of_events(ops in vec(op(), 0..200)) {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
        runtime.block_on(async {
            let mut model = Model::new();
            for op in &ops {
                model.step(op).await?;
                model.check()?;
            }
            model.shut_down()
        })?;
    }
}
