//! What somebody sees who reads along between the machines of a cluster and its NATS servers.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use ephemeral_test_support::canary::Canary;
use ephemeral_test_support::packets::{CapturedPacket, PacketCapture};
use ephemeral_test_support::private_network::PrivateNetwork;

use super::machines::{Cluster, ClusterPlan};
use super::people::{Person, fingerprint};
use super::standing_by::until_healthy;
use super::{ALICE, BOB};

/// Somebody who is not there yet.
const CAROL: u8 = 3;
const MESSAGES: usize = 30;

/// Returns how often this is in packets, whatever it is disguised as.
fn times<'packets>(packets: impl Iterator<Item = &'packets CapturedPacket>, canary: &Canary) -> usize {
    let disguises = canary.disguises();
    packets.map(|packet| disguises.iter().map(|(_, disguise)| packet.times(disguise)).sum::<usize>()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_packet_between_machines_and_nats_servers_has_a_word_of_a_message_or_who_writes_to_whom() {
    let network = Arc::new(PrivateNetwork::new());
    let capture = PacketCapture::of(&network);
    let more = "link = \"127.0.0.1:0\"\n".to_owned();
    let plan = ClusterPlan { more, inside: Some(Arc::clone(&network)), ..ClusterPlan::default() };
    let mut cluster = Cluster::planned(plan).begun().await;
    let active = cluster.active().await;
    let by = 1 - active;
    let word = Canary::text("word");
    // Alice is passed on over the link.
    until_healthy(&cluster, by).await;
    cluster.only(Some(by));
    let mut alice = Person::connect(ALICE, &cluster).await;
    cluster.only(Some(active));
    let mut bob = Person::connect(BOB, &cluster).await;
    let ledger = alice.send_many(&cluster, BOB, word.as_text(), MESSAGES).await;
    bob.receives_all(&cluster, &ledger).await;
    alice.is_told_of_all(&ledger).await;
    let later = alice.send_many(&cluster, CAROL, &format!("{}-later", word.as_text()), MESSAGES).await;
    // Something in clear on the same way, and the journal to the other machine.
    let control = Canary::text("control");
    let nats = cluster.nats.address(0);
    let publication = format!("CONNECT {{}}\r\nPUB elsewhere {}\r\n{}\r\n", control.bytes().len(), control.as_text());
    network.inside(|| TcpStream::connect(nats).unwrap().write_all(publication.as_bytes()).unwrap());
    let of_people = cluster.people_ports();
    cluster.kill(active);
    cluster.only(Some(by));
    let mut carol = Person::connect(CAROL, &cluster).await;
    carol.receives_all(&cluster, &later).await;

    let packets = capture.end();
    let is_of_people = |packet: &&CapturedPacket| {
        packet.ports().is_some_and(|ports| ports.iter().any(|port| of_people.contains(port)))
    };
    let theirs = times(packets.iter().filter(is_of_people), &word);
    assert!(theirs >= MESSAGES, "what people are sent is found, as it goes and as it comes: {theirs}");
    let between: Vec<_> = packets.iter().filter(|packet| !is_of_people(packet)).collect();
    let of = |canary: &Canary| times(between.iter().copied(), canary);
    assert!(of(&control) > 0, "what is sent to NATS in clear is found");
    assert_eq!(of(&word), 0, "a word of a message");
    for person in [ALICE, BOB, CAROL] {
        let key = HEXLOWER.decode(fingerprint(person).to_string().as_bytes()).unwrap();
        assert_eq!(of(&Canary::key(&key.try_into().unwrap())), 0, "who somebody is");
    }
}
