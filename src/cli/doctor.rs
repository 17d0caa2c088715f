//! `ephemeral-server doctor`: looks at where and how the server runs, and says what to do.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{complain, failure, print};
use crate::config::Examined;
use crate::doctor::{Finding, Severity, examine, gather, report, worst};

pub(super) const EXAMPLES: &str = "Examples:
  ephemeral-server doctor
  ephemeral-server doctor --online --config /etc/ephemeral-server.toml
  ephemeral-server doctor --json | jq .level

Run it as the server's user and with the server's flags, so that it sees what the server sees. It changes nothing.

Exit codes: 0 nothing worse than a note, 1 warnings, 2 problems; a setting that cannot be used is one.";

#[derive(Debug, Clone, Args)]
pub(super) struct Doctor {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Also try whether the Tor network and, if the server runs, its onion address can be reached;
    /// up to 3 minutes
    #[arg(long)]
    online: bool,
}

pub(super) fn run(doctor: &Doctor, examined: &Examined, config_file: Option<PathBuf>) -> ExitCode {
    let config = &examined.config;
    let mut facts = gather::offline(config, config_file.as_deref());
    if config.cluster.is_some()
        && let Err(code) = super::on_runtime_with(gather::cluster(&mut facts, config))
    {
        return code;
    }
    if doctor.online {
        let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return failure(format_args!("the runtime cannot be started: {error}")),
        };
        if !doctor.json {
            complain(format_args!("connecting to the Tor network, for up to {} s …", gather::ONLINE_LIMIT.as_secs()));
        }
        runtime.block_on(gather::online(&mut facts, config));
        runtime.shutdown_background();
    }
    let mut findings = unusable(examined);
    findings.extend(examine(&facts));
    let text = if doctor.json {
        report::json(&findings)
    } else {
        report::text(&findings, std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none())
    };
    let printed = print(&text);
    if printed != ExitCode::SUCCESS {
        return printed;
    }
    worst(&findings).exit_code().into()
}

/// Returns a finding for each setting that cannot be used. Everything else is looked at with its
/// default.
fn unusable(examined: &Examined) -> Vec<Finding> {
    let text = examined.error.as_ref().map(ToString::to_string).unwrap_or_default();
    let why = "the server does not start with it, and a running one keeps the settings from before";
    let remedy = "mend it, and see `ephemeral-server check-config`";
    text.lines().map(|problem| Finding::new(Severity::Problem, "config.unusable", problem, why, remedy)).collect()
}
