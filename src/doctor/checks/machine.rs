//! The machine: what a crash, swapping, a wrong clock or a weak unit would do.

use crate::doctor::facts::{ClockFacts, Daemon, Memory, Sync, Unit};
use crate::doctor::{Finding, Severity};
use ephemeral_core::protocol::WallTime;

const CORE: &str = "process.core_dumps";
const PRIVILEGES: &str = "process.privileges";
const SWAP: &str = "memory.swap";
const LOCK: &str = "memory.lock";
const SYNC: &str = "clock.synchronised";
const TIME: &str = "clock.time";
const UNIT: &str = "unit.hardening";

/// 2026-01-01: this program is younger, so that a clock which shows an earlier time is wrong.
const MADE_AFTER: WallTime = WallTime(1_767_225_600_000);
const HOUR: u64 = 60 * 60 * 1000;
/// What the shipped unit has at most.
const GOOD_EXPOSURE: f32 = 1.5;
const POOR_EXPOSURE: f32 = 5.0;

pub(super) fn core_dumps(daemon: Option<&Daemon>, pattern: &str) -> Vec<Finding> {
    let why = "a core dump writes every waiting message to the disk";
    let Some(daemon) = daemon else {
        return vec![Finding::ok(CORE, "the server does not run; when it starts, it forbids core dumps of itself")];
    };
    if daemon.core_limit == Some(0) && daemon.dumpable != Some(true) {
        return vec![Finding::ok(CORE, format!("process {} leaves no core dump, whatever happens to it", daemon.pid))];
    }
    // The limit does not count for a collector behind a pipe, and being dumpable lets others read
    // the memory (core(5)).
    let piped = if pattern.starts_with('|') { ", and a collector takes them" } else { "" };
    let what = format!("process {} can leave a core dump{piped}", daemon.pid);
    vec![Finding::problem(CORE, what, why, "restart it: the server forbids them when it starts")]
}

pub(super) fn privileges(daemon: Option<&Daemon>) -> Vec<Finding> {
    let Some(daemon) = daemon else { return Vec::new() };
    let mut findings = Vec::new();
    if daemon.uid == 0 {
        let what = format!("process {} runs as root", daemon.pid);
        let why = "an intruder in it has the machine";
        let remedy = "run it as a user of its own, as the unit in systemd/ does";
        findings.push(Finding::warning(PRIVILEGES, what, why, remedy));
    }
    if !daemon.no_new_privileges {
        let what = format!("process {} could gain privileges from a setuid program", daemon.pid);
        let why = "an intruder in it has one door more";
        findings.push(Finding::warning(PRIVILEGES, what, why, "restart it: it renounces them when it starts"));
    }
    if daemon.outdated {
        let what = "the program was replaced since it was started";
        let remedy = "restart it when it suits";
        findings.push(Finding::note(PRIVILEGES, what, "the old version still runs", remedy));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(PRIVILEGES, "it has no privileges, and cannot gain any"));
    }
    findings
}

pub(super) fn swap(memory: &Memory, daemon: Option<&Daemon>) -> Vec<Finding> {
    let why = "what is swapped out is on the disk, where it can be found long after it was erased from memory";
    if let Some(daemon) = daemon.filter(|daemon| daemon.swapped_kib > 0) {
        let what = format!("{} KiB of the running server have been swapped out", daemon.swapped_kib);
        let remedy = "swapoff -a, restart the server, and then overwrite or encrypt the swap area";
        return vec![Finding::problem(SWAP, what, why, remedy)];
    }
    let Some(swaps) = &memory.swaps else {
        let what = "whether this machine swaps is not known (/proc/swaps cannot be read)";
        return vec![Finding::warning(SWAP, what, why, "see `swapon --show`")];
    };
    let names = |encrypted| {
        let names = swaps.iter().filter(|swap| (swap.is_ram || swap.is_encrypted) == encrypted);
        names.map(|swap| swap.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let open = names(false);
    if swaps.is_empty() {
        return vec![Finding::ok(SWAP, "this machine does not swap")];
    }
    if open.is_empty() {
        let what = format!("it swaps only to compressed memory or to an encrypted device ({})", names(true));
        return vec![Finding::ok(SWAP, what)];
    }
    let protected = memory.group_without_swap || daemon.is_some_and(|daemon| daemon.locked_kib > 0);
    let (level, what) = if protected {
        (Severity::Note, format!("this machine swaps to {open}, unencrypted; the server is kept out of it"))
    } else {
        (Severity::Warning, format!("this machine swaps to {open}, unencrypted, and the server with it"))
    };
    let remedy = "swapoff -a and take it out of /etc/fstab, encrypt it, or let the server lock its memory \
                  (LimitMEMLOCK=infinity, MemorySwapMax=0)";
    vec![Finding::new(level, SWAP, what, why, remedy)]
}

pub(super) fn memory_lock(memory: &Memory, daemon: Option<&Daemon>) -> Vec<Finding> {
    let why = "memory that is not locked is swapped out when the machine runs short of it";
    let remedy = "LimitMEMLOCK=infinity in the unit, or `ulimit -l unlimited` before it is started";
    let harmless = memory.group_without_swap || memory.swaps.as_ref().is_some_and(Vec::is_empty);
    let level = if harmless { Severity::Note } else { Severity::Warning };
    match daemon {
        Some(daemon) if daemon.locked_kib > 0 => vec![Finding::ok(LOCK, "the running server has locked its memory")],
        Some(_) => vec![Finding::new(level, LOCK, "the running server has not locked its memory", why, remedy)],
        None => match memory.lock_limit {
            None => vec![Finding::ok(LOCK, "a server started from here may lock its memory")],
            Some(bytes) => {
                let what = format!("a server started from here may lock {} KiB, which is not enough", bytes >> 10);
                vec![Finding::note(LOCK, what, why, remedy)]
            }
        },
    }
}

pub(super) fn clock(clock: &ClockFacts, running: bool) -> Vec<Finding> {
    let why = "Tor trusts no directory, and publishes nothing that others accept, if the clock is wrong by hours; and \
               an `expires_at` that a client writes is read by it";
    let remedy = "timedatectl set-ntp true (systemd-timesyncd), or install chrony";
    let now = clock.now;
    let wrong = |what: String| Finding::problem(TIME, what, why, remedy);
    let time = match clock.consensus {
        _ if now < MADE_AFTER => wrong(format!("the clock says {now}, and this program is younger than that")),
        Some((from, _)) if now.plus(HOUR) < from => {
            wrong(format!("the clock says {now}, and Tor's cached directory is from {from}, which is later"))
        }
        Some((_, until)) if now > until.plus(24 * HOUR) && running => {
            let what =
                format!("the clock says {now}, and the running server has no directory that is valid after {until}");
            let remedy = "look at the clock, and at the log for what keeps Tor from the network";
            Finding::warning(TIME, what, why, remedy)
        }
        Some((from, until)) if from <= now && now <= until => {
            Finding::ok(TIME, format!("the clock says {now}, and Tor's directory agrees"))
        }
        _ => {
            Finding::ok(TIME, format!("the clock says {now}; there is no recent directory of Tor's to compare it with"))
        }
    };
    let sync = match clock.sync {
        Sync::Done(by) => Finding::ok(SYNC, format!("the clock is set by {by}")),
        Sync::NotYet(by) => {
            let what = format!("{by} runs, and has not set the clock yet");
            Finding::warning(SYNC, what, why, "see `timedatectl timesync-status`; UDP port 123 has to be open")
        }
        Sync::Unknown => {
            let what = "nobody is known to set the clock; in a container it is the host that does";
            Finding::note(SYNC, what, why, remedy)
        }
    };
    vec![time, sync]
}

pub(super) fn unit(unit: &Unit) -> Vec<Finding> {
    let mut findings = sandbox(unit);
    if unit.kept_files == Some(0) {
        let what = "FileDescriptorStoreMax is 0 for ephemeral-server.service, in the unit or in a drop-in";
        let why = "the manager cannot keep the memory in which messages wait: a restart loses them all";
        let remedy =
            "FileDescriptorStoreMax=1 in [Service]; `systemctl cat ephemeral-server` shows where it was changed";
        findings.push(Finding::problem(UNIT, what, why, remedy));
    }
    findings
}

fn sandbox(unit: &Unit) -> Vec<Finding> {
    let why = "the unit's sandbox limits what somebody who breaks into the server can see and do";
    let Some(file) = &unit.file else {
        let what = if unit.systemd {
            "systemd runs this machine, and no ephemeral-server.service is installed"
        } else {
            "systemd does not run this machine: the sandbox is whatever starts the server"
        };
        return vec![Finding::note(UNIT, what, why, "use the unit in systemd/, or a container without privileges")];
    };
    let file = file.display();
    let remedy =
        "use the unit that comes with this program; `systemd-analyze security ephemeral-server` says what is open";
    let Some(exposure) = unit.exposure else {
        let what = format!("{file} is installed; how well it is hardened could not be asked (systemd-analyze)");
        return vec![Finding::note(UNIT, what, why, remedy)];
    };
    let what = format!("{file} has an exposure of {exposure:.1} (0 is best, 10 is none)");
    match exposure {
        exposure if exposure <= GOOD_EXPOSURE => vec![Finding::ok(UNIT, what)],
        exposure if exposure <= POOR_EXPOSURE => vec![Finding::note(UNIT, what, why, remedy)],
        _ => vec![Finding::warning(UNIT, what, why, remedy)],
    }
}
