//! The NATS servers that hold the journal of a cluster, and its machines.

mod machines;

use crate::cluster::survey::{NatsServer, StreamReport};
use crate::doctor::facts::{ClusterFacts, StoreDir};
use crate::doctor::{Finding, Severity};

const SERVERS: &str = "cluster.nats";
const VERSION: &str = "cluster.version";
const JETSTREAM: &str = "cluster.jetstream";
const PAYLOAD: &str = "cluster.max_payload";
const TLS: &str = "cluster.tls";
const STREAMS: &str = "cluster.streams";
const CONSUMERS: &str = "cluster.max_consumers";
const STORE: &str = "cluster.store_dir";
/// The oldest version whose servers do not elect one that has lost everything, and the one that is
/// advised.
const OLDEST: (u64, u64) = (2, 12);
const ADVISED: (u64, u64) = (2, 15);

/// Looks at everything.
pub(super) fn cluster(facts: Option<&ClusterFacts>) -> Vec<Finding> {
    let Some(facts) = facts else { return Vec::new() };
    let probe = match &facts.probe {
        Ok(probe) => probe,
        Err(why) => {
            let remedy = "mend that in [cluster]";
            return vec![Finding::problem(SERVERS, why.clone(), "nothing can be written down", remedy)];
        }
    };
    let mut findings = vec![servers(facts)];
    let there: Vec<_> =
        probe.servers.iter().filter_map(|server| Some((&*server.address, server.server.as_ref().ok()?))).collect();
    findings.extend(there.iter().flat_map(|(address, server)| one(facts, address, server)));
    match &probe.streams {
        Some(Ok(all)) => findings.extend(all.iter().flat_map(streams)),
        Some(Err(why)) => findings.push(no_streams(why)),
        None => {}
    }
    findings.push(store_dir(&facts.store_dir));
    findings.extend(machines::examine(probe));
    findings
}

fn servers(facts: &ClusterFacts) -> Finding {
    let all = facts.probe.as_ref().map(|probe| &probe.servers[..]).unwrap_or_default();
    let silent: Vec<_> =
        all.iter().filter_map(|server| Some((&server.address, server.server.as_ref().err()?))).collect();
    let why = "the journal is held by three servers, and two of them have to be there";
    if let Some((address, error)) = silent.first() {
        let what = format!("{} of {} NATS servers cannot be used; {address}: {error}", silent.len(), all.len());
        let level = if silent.len() * 2 >= all.len() { Severity::Problem } else { Severity::Warning };
        return Finding::new(level, SERVERS, what, why, "start it, and see its log and the certificates");
    }
    if all.len() < 3 {
        let what = format!("nats in [cluster] names {} servers", all.len());
        return Finding::warning(SERVERS, what, why, "name all three: a machine goes on to the next one");
    }
    Finding::ok(SERVERS, format!("{} NATS servers answer", all.len()))
}

fn one(facts: &ClusterFacts, address: &str, server: &NatsServer) -> Vec<Finding> {
    let mut findings = vec![version(address, server)];
    if !server.jetstream {
        let what = format!("{address}: JetStream is off");
        findings.push(Finding::problem(JETSTREAM, what, "it holds the journal", "give it a `jetstream` block"));
    }
    if server.max_payload < facts.largest {
        let what =
            format!("{address}: max_payload is {}, and a message can have {}", server.max_payload, facts.largest);
        let remedy = format!("max_payload: {} or more", facts.largest);
        findings.push(Finding::problem(PAYLOAD, what, "it would be refused", remedy));
    }
    if facts.has_tls && !server.mutual_tls {
        let what = format!("{address}: it asks nobody for a certificate");
        let why = "anyone who reaches it can write into the journal, and see who writes when";
        findings.push(Finding::problem(TLS, what, why, "`verify: true` in its `tls` block, and in that of `cluster`"));
    } else if facts.has_tls {
        findings.push(Finding::ok(TLS, format!("{address}: it shows a certificate, and asks for one")));
    } else if !facts.is_local {
        let what = format!("{address}: it is reached without TLS");
        findings.push(Finding::problem(TLS, what, "anyone on the way can read and write", "tls_ca, tls_cert, tls_key"));
    }
    findings
}

fn version(address: &str, server: &NatsServer) -> Finding {
    let mut numbers = server.version.split('.').map(|number| number.parse::<u64>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let what = format!("{address}: NATS {}", server.version);
    if version < OLDEST {
        let why = "servers before 2.12 elect one that has lost everything";
        return Finding::problem(VERSION, what, why, "install 2.15 from the NATS project, one server after the other");
    }
    if version < ADVISED {
        let why = "the losses that were found until 2.15 are mended there";
        return Finding::note(VERSION, what, why, "2.15 is best; upgrade one server after the other");
    }
    Finding::ok(VERSION, what)
}

fn no_streams(why: &str) -> Finding {
    let remedy = "they are made by the first machine that is active; else see the log of the NATS servers";
    Finding::warning(STREAMS, format!("the streams cannot be asked: {why}"), "they hold the journal", remedy)
}

fn streams(stream: &StreamReport) -> Vec<Finding> {
    let name = &stream.name;
    let mut findings = Vec::new();
    if !stream.in_memory || stream.replicas != 3 {
        let place = if stream.in_memory { "in memory" } else { "on a disk" };
        let what = format!("{name} is {place}, {} times", stream.replicas);
        let why = "what waits is in RAM, three times, and nowhere else";
        findings.push(Finding::problem(STREAMS, what, why, "delete the stream: the active machine makes it again"));
    } else if stream.is_whole() {
        findings
            .push(Finding::ok(STREAMS, format!("{name} is in the memory of three servers, and each has everything")));
    } else {
        let what = format!("{name}: not each of its servers has everything");
        let why = "until then, nothing else may be restarted";
        findings.push(Finding::warning(STREAMS, what, why, "wait, and see `ephemeral-server cluster status`"));
    }
    if (0..4).contains(&stream.max_consumers) {
        let what = format!("{name} may have {} consumers", stream.max_consumers);
        let why = "a machine that takes over reads the journal by one";
        findings.push(Finding::problem(
            CONSUMERS,
            what,
            why,
            "max_consumers: -1 in the account, and make the stream again",
        ));
    }
    findings
}

fn store_dir(place: &StoreDir) -> Finding {
    let why = "on a tmpfs, two machines that start again at once discard what the third one has";
    match place {
        StoreDir::On { directory, kind } if matches!(&**kind, "tmpfs" | "ramfs") => {
            let what = format!("store_dir of the NATS server is {}, on {kind}", directory.display());
            Finding::problem(STORE, what, why, "a directory on a real disk: it never has a message in it")
        }
        StoreDir::On { directory, kind } => Finding::ok(
            STORE,
            format!("store_dir of the NATS server on this machine is {}, on {kind}", directory.display()),
        ),
        StoreDir::NotHere | StoreDir::Unknown => {
            let what = match place {
                StoreDir::NotHere => "no NATS server runs on this machine: where its store_dir is, cannot be seen",
                _ => "where the store_dir of this machine's NATS server is, cannot be seen",
            };
            let remedy = "look for store_dir in its configuration, and what `findmnt --target DIRECTORY` says";
            Finding::note(STORE, what, why, remedy)
        }
    }
}

#[cfg(test)]
mod tests;
