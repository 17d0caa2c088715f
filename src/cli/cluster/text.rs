//! A cluster in words: its machines, its NATS servers, and how far each of them has the journal.

use std::fmt::Write as _;

use crate::cli::status::text::duration;
use crate::cluster::ClusterRole;
use crate::cluster::survey::{ClusterSurvey, NatsReport, StreamReport};
use crate::cluster::talk::MachineReport;

/// Returns whether one machine is active, another one could take over, and three NATS servers have
/// everything.
pub(super) fn is_well(survey: &ClusterSurvey) -> bool {
    let ClusterSurvey { machines, silent, nats, streams, left } = survey;
    let active = machines.iter().filter(|machine| machine.role == ClusterRole::Active).count();
    let ready = machines.iter().filter(|machine| machine.role != ClusterRole::Active && can_take_over(machine)).count();
    let mut names: Vec<_> = machines.iter().map(|machine| &machine.node).collect();
    names.sort();
    names.dedup();
    let has_streams = !streams.is_empty() && streams.iter().all(StreamReport::is_whole);
    let has_servers = nats.iter().all(|server| server.server.is_ok());
    active == 1
        && ready > 0
        && names.len() == machines.len()
        && silent.is_empty()
        && has_servers
        && has_streams
        && left.is_none()
}

fn can_take_over(machine: &MachineReport) -> bool {
    machine.has_keys && !machine.drained
}

/// Writes a line for each machine, server and stream.
pub(super) fn report(survey: &ClusterSurvey) -> String {
    let mut text = String::from("machines\n");
    // Writing to a String cannot fail.
    for machine in &survey.machines {
        let _ = writeln!(text, "  {}", line(machine));
    }
    for silent in &survey.silent {
        let _ = writeln!(text, "  {}: DOES NOT ANSWER, heard {} ago", silent.node, duration(silent.heard_s));
    }
    text.push_str("NATS servers\n");
    for server in &survey.nats {
        let _ = writeln!(text, "  {}", nats(server));
    }
    text.push_str("streams\n");
    for one in &survey.streams {
        let _ = writeln!(text, "  {}", stream(one));
    }
    if let Some(left) = &survey.left {
        let _ = writeln!(text, "  NOT KNOWN: {left}");
    }
    text
}

fn line(machine: &MachineReport) -> String {
    let role = match machine.role {
        ClusterRole::Active => "the active one",
        ClusterRole::StandsBy => "stands by",
    };
    let keys = if machine.has_keys { "it has the keys" } else { "it has NO KEYS" };
    let drained = if machine.drained { " · drained" } else { "" };
    let nats = machine.nats.as_deref().map_or("no NATS server".to_owned(), |name| format!("at NATS server {name}"));
    let since = duration(machine.since_s);
    format!("{}: {role} for {since} · {keys}{drained} · version {} · {nats}", machine.node, machine.version)
}

fn nats(report: &NatsReport) -> String {
    match &report.server {
        Ok(server) => format!("{}: {} · version {}", report.address, server.name, server.version),
        Err(why) => format!("{}: DOES NOT ANSWER: {why}", report.address),
    }
}

fn stream(stream: &StreamReport) -> String {
    let mut text = match &stream.leader {
        Some(leader) => format!("{}: {leader} leads", stream.name),
        None => format!("{}: NO SERVER LEADS", stream.name),
    };
    for follower in &stream.followers {
        let has = match (follower.current, follower.lag) {
            (true, 0) => "has everything".to_owned(),
            (true, lag) => format!("is {lag} entries behind"),
            (false, _) => "IS NOT CURRENT".to_owned(),
        };
        let _ = write!(text, " · {} {has}", follower.name);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::survey::{NatsServer, SilentMachine, StreamFollower};
    use ephemeral_core::protocol::WallTime;

    fn machine(node: &str, role: ClusterRole) -> MachineReport {
        MachineReport {
            node: node.to_owned(),
            role,
            since_s: 65,
            has_keys: true,
            drained: false,
            version: "0.1.0".to_owned(),
            clock: WallTime(0),
            nats: Some("n0".to_owned()),
            link: None,
        }
    }

    fn good() -> ClusterSurvey {
        let follower = |name: &str| StreamFollower { name: name.to_owned(), current: true, lag: 0 };
        let server = NatsServer { name: "n0".to_owned(), version: "2.15.1".to_owned(), ..NatsServer::default() };
        ClusterSurvey {
            machines: vec![machine("a", ClusterRole::Active), machine("b", ClusterRole::StandsBy)],
            nats: vec![NatsReport { address: "10.0.0.1:4222".to_owned(), server: Ok(server) }],
            streams: vec![StreamReport {
                name: "S".to_owned(),
                leader: Some("n0".to_owned()),
                replicas: 3,
                followers: vec![follower("n1"), follower("n2")],
                ..StreamReport::default()
            }],
            ..ClusterSurvey::default()
        }
    }

    #[test]
    fn a_cluster_is_well_where_nothing_that_could_die_takes_it_along() {
        assert!(is_well(&good()), "{:?}", good());
        let bad: [fn(&mut ClusterSurvey); 8] = [
            |survey| survey.machines[0].role = ClusterRole::StandsBy,
            |survey| survey.machines[1].has_keys = false,
            |survey| survey.machines[1].drained = true,
            |survey| survey.machines[1].node = "a".to_owned(),
            |survey| survey.silent.push(SilentMachine { node: "c".to_owned(), heard_s: 1 }),
            |survey| survey.nats[0].server = Err("it is gone".to_owned()),
            |survey| survey.streams[0].followers[1].lag = 2,
            |survey| survey.left = Some("nobody answers".to_owned()),
        ];
        for (number, spoil) in bad.iter().enumerate() {
            let mut survey = good();
            spoil(&mut survey);
            assert!(!is_well(&survey), "{number}");
        }
    }

    #[test]
    fn each_machine_server_and_stream_has_a_line_that_says_what_is_wrong() {
        let mut survey = good();
        survey.silent.push(SilentMachine { node: "c".to_owned(), heard_s: 61 });
        survey.machines[1].drained = true;
        survey.streams[0].followers[0].current = false;
        let said = report(&survey);
        for line in [
            "  a: the active one for 1 min 5 s · it has the keys · version 0.1.0 · at NATS server n0",
            "  b: stands by for 1 min 5 s · it has the keys · drained · version 0.1.0 · at NATS server n0",
            "  c: DOES NOT ANSWER, heard 1 min 1 s ago",
            "  10.0.0.1:4222: n0 · version 2.15.1",
            "  S: n0 leads · n1 IS NOT CURRENT · n2 has everything",
        ] {
            assert!(said.lines().any(|said| said == line), "{line} is not in\n{said}");
        }
    }
}
