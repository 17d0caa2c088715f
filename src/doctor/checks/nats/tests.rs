//! A cluster as it should be, and each thing that can be wrong with it.

use super::machines::{CHARTER, CLOCKS, LINK, NAMES};
use super::*;
use crate::cluster::ClusterRole;
use crate::cluster::charter::Belonging;
use crate::cluster::probe::ClusterProbe;
use crate::cluster::survey::{NatsReport, StreamFollower};
use crate::cluster::talk::MachineReport;
use crate::doctor::worst;
use ephemeral_core::protocol::WallTime;

fn server(version: &str) -> NatsServer {
    NatsServer {
        name: "n".to_owned(),
        version: version.to_owned(),
        jetstream: true,
        max_payload: 1_000_000,
        mutual_tls: true,
    }
}

fn stream() -> StreamReport {
    let follower = |name: &str| StreamFollower { name: name.to_owned(), current: true, lag: 0 };
    StreamReport {
        name: "EPHEMERAL".to_owned(),
        in_memory: true,
        replicas: 3,
        max_consumers: -1,
        leader: Some("n0".to_owned()),
        followers: vec![follower("n1"), follower("n2")],
    }
}

fn machine() -> MachineReport {
    MachineReport {
        node: "a".to_owned(),
        role: ClusterRole::Active,
        since_s: 0,
        has_keys: true,
        drained: false,
        version: "1".to_owned(),
        clock: WallTime(0),
        nats: None,
        link: None,
    }
}

fn good() -> ClusterFacts {
    let report = |number| NatsReport { address: format!("10.0.0.{number}:4222"), server: Ok(server("2.15.1")) };
    ClusterFacts {
        has_tls: true,
        is_local: false,
        largest: 100_000,
        probe: Ok(ClusterProbe {
            servers: (1..=3).map(report).collect(),
            streams: Some(Ok(vec![stream()])),
            machines: Some(Ok(vec![(machine(), 20), (MachineReport { node: "b".to_owned(), ..machine() }, 0)])),
            belonging: Some(Belonging::Member),
            links: vec![("b".to_owned(), "10.0.0.2:7443".parse().unwrap(), Ok(()))],
        }),
        store_dir: StoreDir::On { directory: "/var/lib/nats".into(), kind: "ext4".to_owned() },
    }
}

fn probe(facts: &mut ClusterFacts) -> &mut ClusterProbe {
    facts.probe.as_mut().unwrap()
}

fn of_first(facts: &mut ClusterFacts) -> &mut NatsServer {
    probe(facts).servers[0].server.as_mut().unwrap()
}

fn of_stream(facts: &mut ClusterFacts) -> &mut StreamReport {
    &mut probe(facts).streams.as_mut().unwrap().as_mut().unwrap()[0]
}

#[test]
fn nothing_is_found_in_a_cluster_that_is_as_it_should_be_nor_where_there_is_none() {
    let findings = cluster(Some(&good()));
    assert_eq!(worst(&findings), Severity::Ok, "{findings:?}");
    assert_eq!(cluster(None), []);
}

#[test]
fn each_thing_that_is_wrong_with_the_nats_servers_is_found() {
    type Spoil = fn(&mut ClusterFacts);
    let cases: [(&str, Severity, Spoil); 26] = [
        (SERVERS, Severity::Problem, |facts| facts.probe = Err("tls_ca: it is not PEM".to_owned())),
        (SERVERS, Severity::Warning, |facts| probe(facts).servers[1].server = Err("refused".to_owned())),
        (SERVERS, Severity::Problem, |facts| {
            probe(facts).servers.iter_mut().take(2).for_each(|one| one.server = Err("refused".to_owned()));
        }),
        (SERVERS, Severity::Warning, |facts| drop(probe(facts).servers.pop())),
        (VERSION, Severity::Problem, |facts| *of_first(facts) = server("2.9.10")),
        (VERSION, Severity::Note, |facts| *of_first(facts) = server("2.12.3")),
        (JETSTREAM, Severity::Problem, |facts| of_first(facts).jetstream = false),
        (PAYLOAD, Severity::Problem, |facts| of_first(facts).max_payload = 99_999),
        (TLS, Severity::Problem, |facts| of_first(facts).mutual_tls = false),
        (TLS, Severity::Problem, |facts| facts.has_tls = false),
        (STREAMS, Severity::Problem, |facts| of_stream(facts).in_memory = false),
        (STREAMS, Severity::Problem, |facts| of_stream(facts).replicas = 1),
        (STREAMS, Severity::Warning, |facts| of_stream(facts).followers[0].current = false),
        (STREAMS, Severity::Warning, |facts| probe(facts).streams = Some(Err("nobody".to_owned()))),
        (CONSUMERS, Severity::Problem, |facts| of_stream(facts).max_consumers = 1),
        (STORE, Severity::Problem, |facts| {
            facts.store_dir = StoreDir::On { directory: "/run/nats".into(), kind: "tmpfs".to_owned() };
        }),
        (STORE, Severity::Note, |facts| facts.store_dir = StoreDir::NotHere),
        (CLOCKS, Severity::Warning, |facts| probe(facts).machines = Some(Ok(vec![(machine(), -2001)]))),
        (CLOCKS, Severity::Note, |facts| probe(facts).machines = Some(Ok(Vec::new()))),
        (LINK, Severity::Problem, |facts| probe(facts).links[0].2 = Err("refused".to_owned())),
        (NAMES, Severity::Problem, |facts| probe(facts).machines = Some(Ok(vec![(machine(), 0), (machine(), 0)]))),
        (CHARTER, Severity::Problem, |facts| probe(facts).belonging = Some(Belonging::OtherSecret)),
        (CHARTER, Severity::Problem, |facts| probe(facts).belonging = Some(Belonging::OtherService("b".to_owned()))),
        (CHARTER, Severity::Note, |facts| probe(facts).belonging = Some(Belonging::Unwritten)),
        (CHARTER, Severity::Note, |facts| probe(facts).belonging = Some(Belonging::NotKnown)),
        (CHARTER, Severity::Note, |facts| probe(facts).machines = Some(Ok(vec![(machine(), 0)]))),
    ];
    for (check, level, spoil) in cases {
        let mut facts = good();
        spoil(&mut facts);
        let findings = cluster(Some(&facts));
        let found = findings.iter().any(|finding| finding.check == check && finding.level == level);
        assert!(found && worst(&findings) == level, "{check} {level:?}: {findings:?}");
    }
}

#[test]
fn without_tls_on_loopback_nothing_is_wrong() {
    let facts = ClusterFacts { has_tls: false, is_local: true, ..good() };
    assert_eq!(worst(&cluster(Some(&facts))), Severity::Ok);
}
