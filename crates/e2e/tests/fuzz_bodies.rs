//! What the fuzzer checks (`fuzz/`), for every seed, for seeds with changes, and for any bytes.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::Path;

use ephemeral_test_support::fuzz::e2e;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Returns the seeds of a target, with their names.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let seed = |path: &Path| (path.display().to_string(), fs::read(path).unwrap());
    let mut seeds: Vec<_> = files.map(|file| seed(&file.unwrap().path())).collect();
    seeds.sort();
    assert!(seeds.len() > 2, "{}: too few seeds", folder.display());
    seeds
}

/// Returns a seed in which bytes were changed, taken out or repeated.
fn changed(target: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let seeds: Vec<_> = seeds(target).into_iter().map(|(_, seed)| seed).collect();
    let change = (any::<Index>(), any::<Index>(), 0..3_u8, any::<u8>());
    (select(seeds), vec(change, 0..4)).prop_map(|(mut seed, changes)| {
        for (from, to, kind, byte) in changes {
            let from = from.index(seed.len() + 1);
            let to = to.index(seed.len() + 1);
            let piece = from.min(to)..from.max(to);
            match kind {
                0 => drop(seed.drain(piece)),
                1 => seed = [&seed[..piece.end], &seed[piece.start..]].concat(),
                _ => seed.iter_mut().skip(from).take(1).for_each(|place| *place = byte),
            }
        }
        seed
    })
}

fn config() -> ProptestConfig {
    // The shrunk input is in the output: it becomes a seed, not an entry in a file of the test's.
    ProptestConfig { failure_persistence: None, max_shrink_iters: 500, ..ProptestConfig::default() }
}

macro_rules! bodies {
    ($($target:ident: $every_seed:ident, $any:ident;)*) => {$(
        #[test]
        fn $every_seed() {
            for (name, seed) in seeds(stringify!($target)) {
                println!("{name}");
                e2e::$target(&seed);
            }
        }

        proptest! {
            #![proptest_config(config())]

            #[test]
            fn $any(changed in changed(stringify!($target)), any in vec(any::<u8>(), 0..300)) {
                e2e::$target(&changed);
                e2e::$target(&any);
            }
        }
    )*};
}

bodies! {
    card: every_seed_of_a_card_has_one_spelling, a_card_that_is_nearly_one_has_one_spelling_or_is_none;
    envelope: every_seed_of_an_envelope_comes_out_as_it_went_in, whatever_is_sealed_comes_out_as_it_went_in;
    invite: every_seed_of_an_invite_has_one_spelling, an_invite_that_is_nearly_one_has_one_spelling_or_is_none;
    payload: every_seed_of_a_payload_means_one_thing, a_payload_that_is_nearly_one_means_one_thing_or_is_none;
    roster: every_seed_of_a_roster_is_read, a_roster_that_is_nearly_one_is_read_or_is_none;
    state: every_seed_of_a_state_goes_on, a_state_that_is_nearly_one_goes_on_or_is_none;
    vault: every_seed_of_a_state_file_has_one_spelling, a_state_file_that_is_nearly_one_has_one_spelling_or_is_none;
}
