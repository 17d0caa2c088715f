//! Facts in, findings out. Nothing here reads anything.

mod machine;
mod nats;
mod settings;
mod state;
#[cfg(test)]
mod tests;
mod tor;

use super::Finding;
use super::facts::Facts;

/// Returns every finding, in the order in which people read them.
#[must_use]
pub fn examine(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(state::permissions(&facts.state, facts.daemon.as_ref().map_or(facts.uid, |daemon| daemon.uid)));
    findings.extend(state::config_file(facts.config_file.as_ref()));
    findings.extend(state::disk(facts.disk.as_ref()));
    findings.extend(machine::core_dumps(facts.daemon.as_ref(), &facts.core_pattern));
    findings.extend(machine::privileges(facts.daemon.as_ref()));
    findings.extend(machine::swap(&facts.memory, facts.daemon.as_ref()));
    findings.extend(machine::memory_lock(&facts.memory, facts.daemon.as_ref()));
    findings.extend(machine::clock(&facts.clock, facts.daemon.is_some()));
    findings.extend(settings::listener(facts.listener.as_ref(), facts.daemon.is_some()));
    findings.extend(settings::memory(&facts.settings, &facts.memory));
    findings.extend(settings::limits(&facts.settings));
    findings.extend(settings::visible(&facts.settings));
    findings.extend(machine::unit(&facts.unit));
    findings.extend(nats::cluster(facts.cluster.as_ref()));
    findings.extend(tor::daemon(facts.daemon.as_ref()));
    findings.extend(tor::key(facts.tor.as_ref()));
    findings.extend(tor::reachability(facts.tor.as_ref()));
    findings
}
