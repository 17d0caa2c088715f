//! `panic`: erases what waits and, with `--keys`, the identity; whether the server runs or not.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::places::{Candidates, Instance};
use super::{complain, failure, keys, not_erased, print};
use crate::admin::client::{AdminClientError, ask};
use crate::admin::routes::{HealthRequest, PanicAnswer, PanicRequest, RefusalCode};
use crate::daemon::wipe_mark::{self, WipeMark};
use crate::erase::{self, EraseError};

pub(super) const EXAMPLES: &str = "Examples:
  ephemeral-server panic
  ephemeral-server panic --yes
  ephemeral-server panic --keys --yes

`kill -USR1 PID` does the same as `panic`, without --keys. What waited is overwritten in memory; the server goes on, empty, \
and clients send again what they still have. With --keys it overwrites and removes its keys and Tor's state, and stops, and \
nobody can ever be reached at its address again. Where no server answers, it leaves a mark that the next start obeys before \
it restores anything, and with --keys removes the keys by itself. Overwriting a file does not reach what the file system, \
the disk, a snapshot or a backup keeps of it: only encrypting the disk, and destroying that key, does.

Exit codes: 0 all of it is erased; 74 something is left, which it names; 1 nothing could be done.";

/// How long the daemon may take to stop.
const PATIENCE: Duration = Duration::from_secs(30);
/// The time between two looks whether it has.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Panic {
    /// Wipe the identity as well: the onion service's keys, its clients, Tor's state. The server
    /// stops then
    #[arg(long)]
    keys: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(panic: Panic, candidates: &Candidates) -> ExitCode {
    let found = if panic.keys { candidates.to_destroy() } else { candidates.to_change() };
    let instance = match found {
        Ok(instance) => instance,
        Err(error) => return failure(error),
    };
    let word = if panic.keys { "wipe keys" } else { "wipe" };
    if !panic.yes
        && let Err(error) = keys::to_type(&question(panic, instance), word, false)
    {
        return failure(error);
    }
    let asked = super::on_runtime_with(async {
        let answer = ask(&instance.socket, &PanicRequest { keys: panic.keys }).await;
        let stopped = match &answer {
            Ok(answer) if panic.keys => has_stopped(&instance.socket, &answer.state_dir).await,
            Ok(_) | Err(_) => true,
        };
        (answer, stopped)
    });
    match asked {
        Err(code) => code,
        Ok((Ok(answer), stopped)) => answered(panic, &answer, stopped),
        Ok((Err(AdminClientError::Refused(refusal)), _)) if refusal.code == RefusalCode::NotDone => {
            not_erased(refusal.error)
        }
        Ok((Err(error @ (AdminClientError::NotYours(_) | AdminClientError::Refused(_))), _)) => failure(error),
        Ok((Err(error), _)) => without_server(panic, &error, instance, candidates),
    }
}

fn question(panic: Panic, instance: &Instance) -> String {
    let Instance { socket, state_dir, .. } = instance;
    // The daemon knows best where its keys are.
    let told = super::on_runtime_with(async { ask(socket, &HealthRequest {}).await.ok() }).ok().flatten();
    let state_dir = told.map(|answer| answer.state_dir).or_else(|| state_dir.clone()).unwrap_or_default();
    let content = format!("What waits in the server at {} is erased; its senders are not told.", socket.display());
    if panic.keys {
        let keys = format!("The keys in {} are destroyed, too", state_dir.display());
        format!("{content}\n{keys}: nobody can ever be reached at that address again, unless there is a backup.")
    } else {
        content
    }
}

/// Says what a running server has done.
fn answered(panic: Panic, answer: &PanicAnswer, stopped: bool) -> ExitCode {
    let PanicAnswer { messages, keys, state_dir, machines } = answer;
    let everywhere = match machines.as_deref() {
        None => String::new(),
        Some([]) => ", on all machines of the cluster; no other one was awake".to_owned(),
        Some(machines) => format!(", on all machines of the cluster; awake were this one, {}", machines.join(", ")),
    };
    let erased = format!("everything that waited is erased: {messages} messages{everywhere}");
    let state_dir = state_dir.display();
    match (panic.keys, keys, stopped) {
        (false, ..) => print(&format!("{erased}, of the server on {state_dir}\n")),
        (true, false, _) => not_erased(format_args!("{erased}; the server is of another version and kept its keys")),
        (true, true, false) => not_erased(format_args!(
            "{erased}, and the keys in {state_dir} are gone, but the server still runs: end it. Its memory has the key"
        )),
        (true, true, true) if erase::has_identity(&answer.state_dir) => {
            not_erased(format_args!("{erased}, and the server has stopped, but keys are left in {state_dir}"))
        }
        (true, true, true) => print(&format!(
            "{erased}; the identity in {state_dir} is gone, and the server has stopped\n{}",
            remains(&answer.state_dir)
        )),
    }
}

/// Does what can be done without the server's help.
fn without_server(panic: Panic, asked: &AdminClientError, instance: &Instance, candidates: &Candidates) -> ExitCode {
    let Some(state_dir) = &instance.state_dir else {
        return failure(format_args!("{asked}\nnothing was erased: give its --state-dir, and the next start wipes"));
    };
    if let Err(error) = fs::read_dir(state_dir) {
        return failure(format_args!("{asked}\nnothing was erased: {}: {error}", candidates.state_dirs()));
    }
    let finds_keys = erase::has_identity(state_dir);
    let wanted = if panic.keys && finds_keys { WipeMark::Identity } else { WipeMark::Messages };
    // First: whatever becomes of the rest, the next start obeys it.
    let marked = wipe_mark::write(state_dir, wanted);
    let runs = !matches!(asked, AdminClientError::NotRunning(_));
    if runs {
        complain(asked);
    }
    let erased = (panic.keys && finds_keys).then(|| erase::identity_offline(state_dir));
    if let (Some(Ok(())), Ok(())) = (&erased, &marked) {
        // Where this fails, the next start looks for an identity, too, and finds none.
        let _ = wipe_mark::identity_is_gone(state_dir);
    }
    let mut said = Vec::new();
    match &erased {
        None if panic.keys => said.push(format!("there is no identity in {}", candidates.state_dirs())),
        None => {}
        Some(Ok(())) => said.push(format!("the identity in {} is gone", state_dir.display())),
        Some(Err(error @ EraseError::InUse(_))) => said.push(format!("{error}: its identity is not erased")),
        Some(Err(error)) => said.push(format!("not the whole identity is erased: {error}")),
    }
    said.push(match &marked {
        Ok(()) => format!("{} is left: the next start wipes first", wipe_mark::path(state_dir).display()),
        Err(error) => format!("{} cannot be written: {error}", wipe_mark::path(state_dir).display()),
    });
    said.push(waits(instance, runs).to_owned());
    let is_whole = erased.is_some_and(|erased| erased.is_ok()) && marked.is_ok() && !runs && !instance.is_service;
    let said = said.join("\n");
    if is_whole {
        return print(&format!("no server runs; {said}\n{}", remains(state_dir)));
    }
    if !runs {
        complain(asked);
    }
    not_erased(said)
}

/// Says where messages may still be.
fn waits(instance: &Instance, runs: bool) -> &'static str {
    match (runs, instance.is_service) {
        (true, _) => {
            "the server still has what waits: end it (`systemctl kill --signal=KILL ephemeral-server`, or `kill -9`)"
        }
        (false, true) => {
            "systemd may hold what waits: it is overwritten at the next start, and \
             `systemctl stop ephemeral-server` drops it now"
        }
        (false, false) => "a service manager may hold what waits: it is overwritten at the next start",
    }
}

/// Says what an erased identity leaves elsewhere.
fn remains(state_dir: &Path) -> &'static str {
    if state_dir == Path::new("/var/lib/ephemeral-server") {
        "the journal may hold the address: `journalctl --rotate --vacuum-time=1s` removes old entries of every service\n"
    } else {
        "a log that was kept may hold the address\n"
    }
}

/// Waits until the server has stopped, and a moment longer for the rest of the identity: what Tor
/// wrote goes last.
async fn has_stopped(socket: &Path, state_dir: &Path) -> bool {
    let gone = async {
        while tokio::net::UnixStream::connect(socket).await.is_ok() {
            tokio::time::sleep(LOOK).await;
        }
    };
    let erased = async {
        while erase::has_identity(state_dir) {
            tokio::time::sleep(LOOK).await;
        }
    };
    let stopped = tokio::time::timeout(PATIENCE, gone).await.is_ok();
    // Whether it came to that is looked at again.
    let _ = tokio::time::timeout(PATIENCE, erased).await;
    stopped
}
