//! What a circuit may ask for, and how often.

#![allow(clippy::unwrap_used)]

use tor_cell::relaycell::msg::{Begin, Resolve};

use super::*;

#[test]
fn only_a_stream_to_the_configured_port_is_for_the_service() {
    let begin = |port| IncomingStreamRequest::Begin(Begin::new("", port, 0).unwrap());
    assert!(is_for(&begin(80), 80));
    assert!(!is_for(&begin(81), 80));
    assert!(!is_for(&IncomingStreamRequest::Resolve(Resolve::new("host.example")), 80));
}

#[test]
fn a_circuit_may_ask_for_a_stream_too_many_a_hundred_times() {
    let mut refused = Refused::default();
    assert!((0..STREAMS_OVER_BOUND).all(|_| refused.bears()));
    assert!(!refused.bears());
}

#[test]
fn arti_closes_a_circuit_only_well_above_the_bound() {
    assert!(hard_stream_bound(8) > 8 + 8);
    assert_eq!(hard_stream_bound(u32::MAX), u32::MAX);
}
