//! The machines of a cluster: their clocks, their names, where they are, and whether this one is of
//! that cluster.

use std::net::SocketAddr;

use crate::cluster::charter::Belonging;
use crate::cluster::probe::ClusterProbe;
use crate::cluster::talk::MachineReport;
use crate::doctor::Finding;

pub(super) const CLOCKS: &str = "cluster.clocks";
pub(super) const CHARTER: &str = "cluster.key";
pub(super) const LINK: &str = "cluster.link";
pub(super) const NAMES: &str = "cluster.node";
/// Milliseconds that clocks may differ: a message's time differs as much after a failover.
const CLOCK_MS: u64 = 2000;

type Machines = Result<Vec<(MachineReport, i64)>, String>;

/// Looks at everything.
pub(super) fn examine(probe: &ClusterProbe) -> Vec<Finding> {
    let mut findings: Vec<_> = probe.links.iter().map(link).collect();
    if let Some(machines) = &probe.machines {
        findings.push(clocks(machines));
        findings.extend(names(machines));
        findings.extend(probe.belonging.as_ref().map(|belonging| charter(belonging, machines)));
    }
    findings
}

fn clocks(machines: &Machines) -> Finding {
    let why = "a failover makes times that the server wrote differ as much, and messages expire early or late";
    match machines {
        Err(error) => {
            let what = format!("the machines' clocks cannot be compared: {error}");
            Finding::note(CLOCKS, what, why, "run it as the server's user")
        }
        Ok(all) => match all.iter().max_by_key(|(_, ahead)| ahead.unsigned_abs()) {
            Some((machine, ahead)) if ahead.unsigned_abs() > CLOCK_MS => {
                let which = if *ahead > 0 { "ahead of" } else { "behind" };
                let what = format!("the clock of {} is {} ms {which} this one", machine.node, ahead.unsigned_abs());
                Finding::warning(CLOCKS, what, why, "run chrony on each machine")
            }
            Some(_) => Finding::ok(CLOCKS, format!("the clocks of {} machines agree", all.len())),
            None => Finding::note(CLOCKS, "no machine of the cluster answers", why, "start them"),
        },
    }
}

/// Says whether another machine is reached where it says that it is.
fn link((node, address, reached): &(String, SocketAddr, Result<(), String>)) -> Finding {
    let Err(error) = reached else {
        return Finding::ok(LINK, format!("{node} is reached at {address}"));
    };
    let what = format!("{node} says that it is reached at {address}, and is not from here: {error}");
    let why = "what this machine accepts while it stands by could not be passed on to it";
    Finding::problem(LINK, what, why, "see the firewalls, and `link` and `link_announced` in [cluster] there")
}

/// Complains of a name that two machines have.
fn names(machines: &Machines) -> Option<Finding> {
    let mut names: Vec<_> = machines.iter().flatten().map(|(machine, _)| &machine.node).collect();
    names.sort();
    let twice = names.windows(2).find(|pair| pair[0] == pair[1])?;
    let what = format!("two machines are called {}", twice[0]);
    let why = "commands that name one reach both, and the one that came later ends by itself";
    Some(Finding::problem(NAMES, what, why, "another node in [cluster] on each machine"))
}

/// Says whether this machine is of the cluster that is there.
fn charter(belonging: &Belonging, machines: &Machines) -> Finding {
    let there = machines.as_ref().map_or(0, Vec::len);
    let set = "if it is the others that are wrong, stop them, and run `ephemeral-server cluster set-key` here";
    match belonging {
        Belonging::OtherSecret => {
            let what = "secret_file in [cluster] is another one than that of the cluster which the NATS servers hold";
            Finding::problem(CHARTER, what, "this machine refuses to start", format!("copy theirs; {set}"))
        }
        Belonging::OtherService(by) => {
            let what = format!("this machine has another service key than its cluster, as {by} wrote it down");
            let remedy = format!("give it theirs (docs/several-machines.md, \"The same key\"); {set}");
            Finding::problem(CHARTER, what, "this machine refuses to start", remedy)
        }
        Belonging::Unwritten => {
            let what =
                "no machine of this cluster has led yet: the first that does decides which secret and which key it has";
            let why = "which machine is right, nobody can know: one with others refuses to start then";
            Finding::note(CHARTER, what, why, "start a machine that is right first")
        }
        Belonging::NotKnown => {
            let what =
                "this machine has no key of the onion service, so that nobody can say whether it is its cluster's";
            let remedy = "`ephemeral-server cluster join`, unless it is the first machine";
            Finding::note(CHARTER, what, "it would make one of its own", remedy)
        }
        Belonging::Member if there < 2 => {
            let what = "this machine has the secret and the key of its cluster, and no other machine confirms that now";
            let why = "where a wrong machine was the first, the right ones refuse to start";
            Finding::note(CHARTER, what, why, "start the others, and see that they stay")
        }
        Belonging::Member => {
            Finding::ok(CHARTER, format!("{there} machines have the secret and the key of their cluster"))
        }
    }
}
