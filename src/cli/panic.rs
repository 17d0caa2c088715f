//! `panic` and `check-in`: everything is wiped, and everything is well.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use hyper::Method;
use serde_json::Value;

use super::admin::{self, AdminClientError};
use super::status::text;
use super::{complain, failure, keys, print};
use crate::config::Config;
use crate::erase::{self, EraseError};

pub(super) const EXAMPLES: &str = "Examples:
  ephemeral-server panic
  ephemeral-server panic --yes
  ephemeral-server panic --keys --yes

`kill -USR1 PID` does the same as `panic`, without --keys. What waited is overwritten in memory; the server goes on, empty,
and clients send again what they still have. With --keys it overwrites and removes its keys and Tor's state, and stops, and
nobody can ever be reached at its address again; without a running server it does that by itself. Overwriting a file does
not reach what the file system, the disk, a snapshot or a backup keeps of it: only encrypting the disk, and destroying
that key, does.";

/// For the daemon to stop.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks whether it has.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Panic {
    /// Wipe the identity as well: the onion service's keys, its clients, Tor's state. The server stops then
    #[arg(long)]
    keys: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(panic: Panic, config: &Config) -> ExitCode {
    // A server of the system's must not lose its keys to somebody who means another one.
    let own = panic.keys && config.state_dir.exists();
    let socket = if own { config.admin_socket.clone() } else { admin::socket(&config.admin_socket) };
    let question = question(panic, &socket, &config.state_dir);
    let word = if panic.keys { "wipe keys" } else { "wipe" };
    if let Err(error) = keys::to_type(&question, word, panic.yes) {
        return failure(error);
    }
    let target = if panic.keys { "/panic?keys=true" } else { "/panic" };
    let asked = super::on_runtime_with(async {
        let answer = admin::ask(&socket, Method::POST, target).await;
        let stopped = answer.is_err() || !panic.keys || has_stopped(&socket).await;
        (answer, stopped)
    });
    match asked {
        Err(code) => code,
        Ok((Ok(_), _)) if !panic.keys => print("everything that waited is erased\n"),
        Ok((Ok(_), true)) => {
            print("everything that waited is erased, the identity is gone, and the server has stopped\n")
        }
        Ok((Ok(_), false)) => failure(
            "everything that waited is erased and the keys are gone, but the server still runs: end it. Its memory has the key",
        ),
        Ok((Err(error), _)) if panic.keys => offline(&error, &socket, &config.state_dir),
        Ok((Err(error), _)) => failure(error),
    }
}

fn question(panic: Panic, socket: &Path, state_dir: &Path) -> String {
    let content = format!("What waits in the server at {} is erased; its senders are not told.", socket.display());
    if panic.keys {
        let keys = format!("The keys in {} are destroyed, too", state_dir.display());
        format!("{content}\n{keys}: nobody can ever be reached at that address again, unless there is a backup.")
    } else {
        content
    }
}

/// Where the daemon did not do it.
fn offline(asked: &AdminClientError, socket: &Path, state_dir: &Path) -> ExitCode {
    let runs = !matches!(asked, AdminClientError::NotRunning(_));
    if runs {
        complain(asked);
    }
    match erase::identity_offline(state_dir) {
        Ok(()) if runs => failure(format_args!(
            "the identity in {} is gone; what waits may still be in the memory of the server: end it with `kill -9`",
            state_dir.display()
        )),
        Ok(()) => print(&format!("no server runs; the identity in {} is gone\n", state_dir.display())),
        Err(error @ EraseError::InUse(_)) => failure(format_args!(
            "{error}, and no answer comes on {}: nothing was removed. End that process (`systemctl stop ephemeral-server`, or \
             `kill -9` if it does not end), and run this again",
            socket.display()
        )),
        Err(error) => failure(error),
    }
}

async fn has_stopped(socket: &Path) -> bool {
    let gone = async {
        while tokio::net::UnixStream::connect(socket).await.is_ok() {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.is_ok()
}

pub(super) fn check_in(socket: &Path) -> ExitCode {
    super::on_runtime(async {
        match admin::ask(&admin::socket(socket), Method::POST, "/check-in").await {
            Ok(answer) => print(&format!("{}\n", checked_in(&answer))),
            Err(error) => failure(error),
        }
    })
}

fn checked_in(answer: &Value) -> String {
    match answer.get("dead_man").filter(|dead_man| !dead_man.is_null()) {
        None => "the dead-man switch is off: [panic] after_days is 0".to_owned(),
        Some(before) => {
            let days = text::number(before, "/after_days");
            let left = text::duration(text::number(before, "/left_s"));
            format!("checked in: {days} d from now on; {left} were left")
        }
    }
}
