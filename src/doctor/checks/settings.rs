//! SettingsFacts that do what they say, and more than one thinks.

use std::net::IpAddr;

use crate::doctor::facts::{Bind, ListenerFacts, Memory, SettingsFacts};
use crate::doctor::{Finding, Severity};

const PORT: &str = "network.port";
const PLAINTEXT: &str = "config.plaintext";
const CERTIFICATE: &str = "config.certificate";
const STORE: &str = "config.memory";
const LIMITS: &str = "config.limits";
const STATS: &str = "config.statistics";
const LOCATION: &str = "config.location";
const VANGUARDS: &str = "config.vanguards";
const LOG: &str = "config.log";

/// What a session takes, with room for what is on its way.
const SESSION_BYTES: u64 = 16 << 10;
/// What the connection to another machine takes beside it, at each of the two.
const SEAT_BYTES: u64 = 16 << 10;
/// What a circuit takes in Tor's client besides its queues, which have a bound of their own.
const CIRCUIT_BYTES: u64 = 256 << 10;
/// What all sessions together take for messages of which a part has come, and what the allocator
/// holds back of those that have gone.
const FRAME_BYTES: u64 = 64 << 20;
/// The program, and Tor's directory.
const REST_BYTES: u64 = 96 << 20;
/// `total_bytes` counts what messages take on the heap and in the file that survives a restart.
/// What the allocator and the file cannot use again at once is one of so many more, at most.
const UNUSED_SHARE: u64 = 8;
/// Files beside the connections.
const REST_FILES: u64 = 200;

pub(super) fn listener(listener: Option<&ListenerFacts>, running: bool) -> Vec<Finding> {
    let Some(ListenerFacts { address, bind, tls, certificate }) = listener else {
        return vec![Finding::ok(PORT, "nothing listens on TCP")];
    };
    let why = "the server ends at once if it cannot listen where it was told to";
    let port = match bind {
        Bind::Free => Finding::ok(PORT, format!("{address} is free")),
        Bind::InUse if running => Finding::ok(PORT, format!("{address} is in use, and the server runs")),
        Bind::InUse => {
            let what = format!("{address} is in use by another program");
            let port = address.port();
            let remedy = format!("`ss -ltnp 'sport = {port}'` says by which; give another port");
            Finding::problem(PORT, what, why, remedy)
        }
        Bind::Denied => {
            let what = format!("this user may not listen on {address}");
            Finding::problem(PORT, what, why, "use a port from 1024 on, or AmbientCapabilities=CAP_NET_BIND_SERVICE")
        }
        Bind::NotHere => {
            let what = format!("this machine does not have the address {}", address.ip());
            Finding::problem(PORT, what, why, "`ip address` lists those it has")
        }
        Bind::Failed(error) => {
            Finding::problem(PORT, format!("cannot listen on {address}: {error}"), why, "give another address")
        }
    };
    if !tls {
        return vec![port, plaintext(address.ip().to_canonical())];
    }
    let why = "clients that check certificates do not connect";
    let remedy = "put one in its place that a client accepts; `systemctl reload ephemeral-server` has it read again";
    let concern = |what: &String| Finding::warning(CERTIFICATE, what.clone(), why, remedy);
    let mut findings: Vec<_> = certificate.iter().map(concern).collect();
    if findings.is_empty() {
        findings.push(Finding::ok(CERTIFICATE, "TLS is served, with a certificate in its time"));
    }
    findings.insert(0, port);
    findings
}

fn plaintext(address: IpAddr) -> Finding {
    if address.is_loopback() {
        return Finding::ok(PLAINTEXT, "TCP is for this machine only");
    }
    let private = match address {
        IpAddr::V4(address) => address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    };
    let (level, who) = if private {
        (Severity::Warning, "everybody in that network")
    } else {
        (Severity::Problem, "everybody, unless a firewall is in between,")
    };
    let what = format!("plaintext off loopback: {who} can connect to {address}");
    let why = "without TLS anyone on the way reads who writes to whom and what, and the machine's address is known \
               to belong to this server";
    Finding::new(
        level,
        PLAINTEXT,
        what,
        why,
        "listen on 127.0.0.1 behind a proxy that serves TLS, or use the onion only",
    )
}

/// Returns what the server takes at most, in bytes, with these settings.
fn needed_memory(settings: &SettingsFacts) -> u64 {
    let store = settings.total_bytes as u64;
    let circuits = settings.circuits as u64;
    let session = if settings.is_linked { SESSION_BYTES + SEAT_BYTES } else { SESSION_BYTES };
    [
        store,
        store / UNUSED_SHARE,
        settings.onion_memory_bytes,
        circuits.saturating_mul(CIRCUIT_BYTES),
        (settings.reachable_sessions as u64).saturating_mul(session),
        FRAME_BYTES,
        REST_BYTES,
    ]
    .into_iter()
    .fold(0, u64::saturating_add)
}

pub(super) fn memory(settings: &SettingsFacts, memory: &Memory) -> Vec<Finding> {
    let why = "if it fills up, the kernel kills the server, and everything that waits is lost";
    let machine = memory.total_bytes.into_iter().chain(memory.group_bytes).min();
    let Some(machine) = machine else {
        return vec![Finding::note(STORE, "how much memory there is is not known", why, "")];
    };
    let needed = needed_memory(settings);
    let what = format!(
        "full, the server takes up to {} MiB of {} MiB of memory (total_bytes {} MiB, Tor's queues {} MiB, {} circuits, \
         {} sessions)",
        needed >> 20,
        machine >> 20,
        settings.total_bytes >> 20,
        settings.onion_memory_bytes >> 20,
        settings.circuits,
        settings.reachable_sessions,
    );
    // A control group is the server's alone. A machine is for others as well.
    let level = if needed > machine {
        Severity::Problem
    } else if memory.total_bytes.is_some_and(|total| needed > total / 4 * 3) {
        Severity::Warning
    } else {
        return vec![Finding::ok(STORE, what)];
    };
    let remedy = "lower total_bytes in [store], memory_bytes or circuits in [onion], or sessions in [limits]";
    vec![Finding::new(level, STORE, what, why, remedy)]
}

pub(super) fn limits(settings: &SettingsFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let connections = (settings.sessions as u64).saturating_add(settings.unauthenticated as u64);
    if let Some(limit) = settings.file_limit.filter(|limit| *limit < connections.saturating_add(REST_FILES)) {
        let what = format!("{connections} connections are allowed, and {limit} open files");
        let why = "each connection is an open file: at the limit nobody can connect, long before the configured bound";
        let remedy = "LimitNOFILE in the unit, or lower sessions in [limits]";
        findings.push(Finding::warning(LIMITS, what, why, remedy));
    }
    let flood = "one who floods is stopped late, at everybody's expense";
    if settings.messages_per_minute > 6000 {
        let what = format!("messages_per_minute is {}", settings.messages_per_minute);
        findings.push(Finding::warning(LIMITS, what, flood, "100 is plenty for people, 6000 for programs"));
    }
    if settings.auth_timeout_s > 60 {
        let what = format!("a connection may stay for {} s without proving who it is", settings.auth_timeout_s);
        findings.push(Finding::warning(LIMITS, what, flood, "auth_timeout_ms = 10000 suffices over Tor"));
    }
    if settings.unauthenticated > 10_000 {
        let what = format!("{} connections may be open that have not proven who they are", settings.unauthenticated);
        findings.push(Finding::warning(LIMITS, what, flood, "a few hundred suffice"));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(LIMITS, "the limits hold off a flood"));
    }
    findings
}

/// Returns the findings on what others learn.
pub(super) fn visible(settings: &SettingsFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if settings.metrics_off_loopback {
        let why = "how many people are there and write, and when, helps anyone who compares that with what they see elsewhere";
        let remedy = "listen = \"127.0.0.1:9100\" in [metrics], and a tunnel from the machine that asks";
        findings.push(Finding::warning(
            STATS,
            "anyone who can connect to [metrics] listen sees the statistics",
            why,
            remedy,
        ));
    }
    if settings.location_is_public {
        let why = "anyone who finds the TCP listener can prove that it is the same server, and knows where the onion service is";
        let remedy = "listen on loopback only, or run a second server for TCP, on another machine";
        findings.push(Finding::warning(
            LOCATION,
            "a TCP listener off loopback stands beside the onion service",
            why,
            remedy,
        ));
    }
    if settings.vanguards_lite {
        let why = "an attacker who runs relays finds this machine's guard sooner, and then this machine";
        let remedy = "vanguards = \"full\" in [onion], the default";
        findings.push(Finding::warning(VANGUARDS, "vanguards are \"lite\"", why, remedy));
    }
    if ["debug", "trace"].iter().any(|level| settings.log_filter.contains(level)) {
        let what = format!("the log is detailed ({})", settings.log_filter);
        let why = "it has no content and no identities, but times at which things happened";
        findings.push(Finding::note(LOG, what, why, "log_level info, once the trouble is found"));
    }
    findings
}
