//! The onion service: its key, the running server, and whether the network is reached.

use crate::doctor::Finding;
use crate::doctor::facts::{Daemon, Online, Tor};

const KEY: &str = "tor.key";
const DAEMON: &str = "server.running";
const ONLINE: &str = "tor.network";
const OWN: &str = "tor.own_address";

pub(super) fn key(tor: Option<&Tor>) -> Vec<Finding> {
    let why = "the key is the address: without it people cannot be reached where they look";
    match tor.map(|tor| &tor.address) {
        None => Vec::new(),
        Some(Ok(Some(address))) => {
            let what = format!("the key is there: {address}");
            let remedy = "if there is no backup yet: ephemeral-server keys backup FILE";
            vec![Finding { remedy: Some(remedy.into()), ..Finding::ok(KEY, what) }]
        }
        Some(Ok(None)) => {
            let remedy = "it is made when the server starts; or `ephemeral-server keys restore`, `keys import`";
            vec![Finding::note(KEY, "there is no key yet", why, remedy)]
        }
        Some(Err(error)) => {
            let what = format!("the key cannot be read: {error}");
            vec![Finding::problem(KEY, what, why, "mend that, or `ephemeral-server keys restore FILE`")]
        }
    }
}

pub(super) fn daemon(daemon: Option<&Daemon>) -> Vec<Finding> {
    let why = "nobody can connect";
    let Some(daemon) = daemon else {
        return vec![Finding::note(DAEMON, "no server runs on this state directory", why, "")];
    };
    let pid = daemon.pid;
    match daemon.health.as_deref() {
        None => vec![Finding::ok(DAEMON, format!("the server runs (process {pid})"))],
        Some("healthy") => {
            vec![Finding::ok(DAEMON, format!("the server runs (process {pid}), and says that it is healthy"))]
        }
        Some("starting") => {
            let remedy = "it takes up to a few minutes; then see the log";
            vec![Finding::note(DAEMON, format!("the server (process {pid}) is still starting"), why, remedy)]
        }
        Some(health) => {
            let what = format!("the server (process {pid}) says that it is {health}");
            vec![Finding::problem(DAEMON, what, why, "its log says why; is the network there, and the clock right?")]
        }
    }
}

pub(super) fn reachability(tor: Option<&Tor>) -> Vec<Finding> {
    let Some(tor) = tor else {
        return vec![Finding::ok(ONLINE, "the onion service is off: Tor is not needed")];
    };
    let why = "without Tor nobody reaches the onion service";
    let mut findings = vec![match &tor.online {
        Online::NotTried => {
            let what = "whether the Tor network can be reached was not tried";
            Finding::note(ONLINE, what, why, "ephemeral-server doctor --online")
        }
        Online::Reached => Finding::ok(ONLINE, "the Tor network can be reached from here"),
        Online::Failed(error) => {
            let what = format!("the Tor network was not reached: {error}");
            let remedy = "is outgoing TCP allowed? Where Tor is blocked, bridges help ([tor] bridges)";
            Finding::problem(ONLINE, what, why, remedy)
        }
    }];
    match &tor.own_address {
        None => {}
        Some(Ok(())) => findings.push(Finding::ok(OWN, "the server was reached at its onion address")),
        Some(Err(error)) => {
            let what = format!("the server was not reached at its onion address: {error}");
            let remedy = "after a start it takes a few minutes; then see the log, and the clock";
            findings.push(Finding::warning(OWN, what, why, remedy));
        }
    }
    findings
}
