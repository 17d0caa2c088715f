//! What the fuzzer checks (`fuzz/`), for every seed, for seeds with changes, and for any bytes.

use std::path::Path;
use std::{fmt, fs};

use ephemeral_test_support::fuzz::{client_frame, configuration, http_request, seat, session_sequence};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What a body is given; shown so that it can be made a seed.
#[derive(Clone)]
struct Input(Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "b\"{}\"", self.0.escape_ascii())
    }
}

/// Returns the seeds of a target, with their names.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let seed = |path: &Path| (path.display().to_string(), fs::read(path).unwrap());
    let mut seeds: Vec<_> = files.map(|file| seed(&file.unwrap().path())).collect();
    seeds.sort();
    assert!(seeds.len() > 3, "{}: too few seeds", folder.display());
    seeds
}

/// Returns a seed: pieces of it, and of others, are taken out, repeated and put in, and bytes are
/// changed.
fn mutated(target: &str) -> impl Strategy<Value = Input> + use<> {
    let seeds: Vec<_> = seeds(target).into_iter().map(|(_, seed)| seed).collect();
    let change = (any::<Index>(), any::<Index>(), 0..5_u8, any::<u8>());
    (select(seeds.clone()), select(seeds), vec(change, 0..6)).prop_map(|(mut seed, other, changes)| {
        for (from, to, kind, byte) in changes {
            let from = from.index(seed.len() + 1);
            let to = to.index(seed.len() + 1);
            let piece = from.min(to)..from.max(to);
            match kind {
                0 => drop(seed.drain(piece)),
                1 => seed = [&seed[..piece.end], &seed[piece.start..]].concat(),
                2 => seed = [&seed[..from], &other[to.min(other.len())..], &seed[from..]].concat(),
                3 => seed.insert(from, byte),
                _ => seed.iter_mut().skip(from).take(1).for_each(|place| *place = byte),
            }
        }
        seed.truncate(4000);
        Input(seed)
    })
}

fn any_bytes() -> impl Strategy<Value = Input> {
    let any =
        prop_oneof![vec(any::<u8>(), 0..300), "\\PC{0,200}".prop_map(String::into_bytes), vec(32..127_u8, 0..300)];
    any.prop_map(Input)
}

fn config() -> ProptestConfig {
    // The shrunk input is in the output: it becomes a seed, not an entry in a file of the test's.
    ProptestConfig { failure_persistence: None, max_shrink_iters: 500, ..ProptestConfig::default() }
}

macro_rules! bodies {
    ($($target:ident: $every_seed:ident, $changed:ident, $any:ident;)*) => {$(
        #[test]
        fn $every_seed() {
            for (name, seed) in seeds(stringify!($target)) {
                println!("{name}");
                $target::check(&seed);
            }
        }

        proptest! {
            #![proptest_config(config())]

            #[test]
            fn $changed(input in mutated(stringify!($target))) {
                $target::check(&input.0);
            }

            #[test]
            fn $any(input in any_bytes()) {
                $target::check(&input.0);
            }
        }
    )*};
}

bodies! {
    client_frame:
        every_seed_of_a_frame_is_answered_by_the_rules,
        a_frame_that_is_nearly_one_is_answered_by_the_rules,
        any_bytes_in_a_frame_are_answered_by_the_rules;
    http_request:
        every_seed_of_a_request_is_answered_and_its_connection_ends,
        a_request_that_is_nearly_one_is_answered_and_its_connection_ends,
        any_bytes_on_a_connection_are_answered_and_it_ends;
    seat:
        every_seed_of_a_seat_gets_what_it_is_worth,
        a_seat_that_is_nearly_one_gets_what_it_is_worth,
        any_bytes_of_a_front_get_what_they_are_worth;
    session_sequence:
        every_seed_of_a_sequence_keeps_the_promises,
        any_change_of_a_sequence_keeps_the_promises,
        any_sequence_keeps_the_promises;
    configuration:
        every_seed_of_a_configuration_is_refused_or_shown_as_it_is,
        a_configuration_that_is_nearly_one_is_refused_or_shown_as_it_is,
        any_bytes_for_a_configuration_are_refused_or_shown_as_they_are;
}

// Seeds reach behind the door only where they are of the form that is spoken now.
#[test]
fn the_seeds_of_a_seat_that_were_signed_get_one() {
    let seated: Vec<_> = seeds("seat").into_iter().filter(|(_, seed)| seat::is_seated(seed)).collect();
    assert_eq!(seated.len(), 8, "{:?}", seated.iter().map(|(name, _)| name).collect::<Vec<_>>());
}
