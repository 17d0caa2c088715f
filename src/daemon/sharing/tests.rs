//! Who shares the address, who reads the descriptor, and who is in it.

use super::*;
use ephemeral_tor::DiscoverySecret;

fn part(service: &str) -> OnionPart {
    OnionPart { service: service.to_owned(), ..OnionPart::default() }
}

fn machine(name: &str, leads: bool, onion: OnionPart) -> LiveMachine {
    LiveMachine { holder: format!("{name}/1"), leads, onion }
}

#[test]
fn a_machine_with_another_service_than_the_active_one_is_refused_and_the_active_one_goes_on() {
    let own = part("one");
    let active = machine("a", true, part("other"));
    let refused = Kinship::default().of(&own, vec![active.clone()], false).unwrap_err().to_string();
    assert!(refused.contains("another service key than a, the active one"), "{refused}");
    let mut kinship = Kinship::default();
    for others in [vec![machine("b", false, part("other"))], vec![active]] {
        assert_eq!(kinship.of(&own, others, true).unwrap(), []);
    }
    assert_eq!(kinship.said.len(), 2);
    assert_eq!(Kinship::default().of(&own, vec![machine("b", false, part("other"))], false).unwrap(), []);
}

#[test]
fn a_machine_that_everybody_may_find_is_in_no_descriptor_of_a_restricted_one() {
    let own = OnionPart { restricted: true, ..part("one") };
    let open = machine("b", false, part("one"));
    let mut kinship = Kinship::default();
    assert_eq!(kinship.of(&own, vec![open.clone()], true).unwrap(), []);
    assert_eq!(kinship.said.len(), 1);
    let mended = LiveMachine { onion: own.clone(), ..open };
    assert_eq!(kinship.of(&own, vec![mended.clone()], true).unwrap(), [mended]);
    assert_eq!(kinship.said.len(), 0, "it would be said again");
}

#[test]
fn clients_of_all_machines_read_the_descriptor_each_once_and_as_many_as_there_may_be() {
    let keys: Vec<_> = (0..MAX_CLIENTS + 5).map(|_| DiscoverySecret::generate().unwrap().public()).collect();
    let of = |range: std::ops::Range<usize>| OnionPart {
        clients: keys[range].iter().map(ToString::to_string).collect(),
        ..part("one")
    };
    assert_eq!(readers([of(0..3), of(2..5)].iter()).len(), 5);
    assert_eq!(readers([of(0..MAX_CLIENTS), of(5..MAX_CLIENTS + 5)].iter()).len(), MAX_CLIENTS);
    let broken = OnionPart { clients: vec!["x".to_owned()], ..part("one") };
    assert_eq!(readers([broken].iter()), []);
}

#[test]
fn nobody_is_sent_to_a_machine_that_cannot_be_reached() {
    for (phase, is_so) in [
        (Phase::Starting, true),
        (Phase::Reachable, true),
        (Phase::Degraded(Reason::Offline), false),
        (Phase::Degraded(Reason::Unreachable), false),
        (Phase::Degraded(Reason::Elsewhere), true),
    ] {
        assert_eq!(can_be_reached(phase), is_so, "{phase:?}");
    }
    let garbled = OnionPart { points: "AAAA".to_owned(), ..part("one") };
    assert_eq!((points(&garbled), points(&part("one"))), (None, None));
}
