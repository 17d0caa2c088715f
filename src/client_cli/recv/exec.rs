//! `--exec`: hands messages to a command, one at a time. What it does not take comes again.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::future::pending;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use clap::Args;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::client_cli::exit::Failure;
use crate::client_cli::words::{files, fl, shown};
use ephemeral_client::api::{EventParams, Notification};

/// How long it waits after the command failed: at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));

#[derive(Args)]
pub(super) struct ExecArgs {
    /// Run this command for each message, with everything that follows as its arguments.
    #[arg(long, value_name = "CMD", num_args = 1.., allow_hyphen_values = true)]
    exec: Vec<OsString>,
    /// End the command after this many seconds, as if it had failed.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "exec")]
    exec_timeout: u32,
}

/// The end of a command.
pub(super) enum Execution {
    /// It took what came under this number.
    Taken(Option<u64>),
    /// It did not, and why.
    Failed(String),
}

/// A command that runs, and is killed with this value.
struct Run {
    waiting: JoinHandle<std::io::Result<ExitStatus>>,
    group: Pid,
    deadline: Instant,
    killed: bool,
}

impl Run {
    fn kill(&self) {
        // It has a group of its own, so that its children end, too.
        let _ = kill_process_group(self.group, Signal::KILL);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.waiting.is_finished() {
            self.kill();
        }
    }
}

/// Holds the messages for the command.
pub(super) struct Executor<'a> {
    args: &'a ExecArgs,
    waiting: VecDeque<EventParams>,
    run: Option<Run>,
    /// When it is tried again, and how long it waits the next time.
    pause: Option<(Instant, Duration)>,
}

impl<'a> Executor<'a> {
    pub(super) fn new(args: &'a ExecArgs) -> Self {
        Self { args, waiting: VecDeque::new(), run: None, pause: None }
    }

    /// Returns whether a command is to have it.
    pub(super) fn wants(&self, news: &Notification) -> bool {
        let is_message = matches!(news, Notification::Text { .. } | Notification::GroupText { .. });
        is_message && !self.args.exec.is_empty()
    }

    /// Puts a message behind the others. The engine hands out only so many before the first of them
    /// is taken.
    pub(super) fn put(&mut self, told: EventParams) {
        self.waiting.push_back(told);
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Returns how the command ended for the first message. Cancelling it loses nothing.
    pub(super) async fn ended(&mut self) -> Result<Execution, Failure> {
        loop {
            let Some(told) = self.waiting.front() else { return pending().await };
            let Some(run) = &mut self.run else {
                if let Some((at, _)) = self.pause {
                    sleep_until(at).await;
                }
                self.run = Some(start(self.args, &told.event)?);
                continue;
            };
            let status = tokio::select! {
                status = &mut run.waiting => status,
                () = sleep_until(run.deadline), if !run.killed => {
                    run.killed = true;
                    run.kill();
                    continue;
                }
            };
            let killed = run.killed;
            self.run = None;
            let status = status.map_err(|error| Failure::local(fl!("exec-lost", why = error.to_string())))?;
            return Ok(self.judge(status, killed));
        }
    }

    fn judge(&mut self, status: std::io::Result<ExitStatus>, killed: bool) -> Execution {
        if !killed && status.as_ref().is_ok_and(ExitStatus::success) {
            self.pause = None;
            return Execution::Taken(self.waiting.pop_front().and_then(|told| told.number));
        }
        let next = self.pause.map_or(PAUSES.0, |(_, pause)| (pause * 2).min(PAUSES.1));
        self.pause = Some((Instant::now() + next, next));
        let pause = next.as_secs().to_string();
        Execution::Failed(match status.map(|status| status.code()) {
            Ok(_) if killed => fl!("exec-killed", limit = self.args.exec_timeout.to_string(), pause = pause),
            Ok(Some(code)) => fl!("exec-code", code = code.to_string(), pause = pause),
            Ok(None) => fl!("exec-died", pause = pause),
            Err(error) => fl!("exec-unknown", why = files::system(&error), pause = pause),
        })
    }
}

fn start(args: &ExecArgs, news: &Notification) -> Result<Run, Failure> {
    let (program, arguments) = args.exec.split_first().ok_or_else(|| Failure::usage(fl!("exec-needs")))?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).process_group(0);
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_secret(name)) {
        command.env_remove(name);
    }
    command.envs(variables(news));
    let name = || shown(&program.to_string_lossy());
    let failed = |error| Failure::local(fl!("exec-cannot", program = name(), why = files::system(&error)));
    let child = command.spawn().map_err(failed)?;
    let group = Pid::from_child(&child);
    let text = match news {
        Notification::Text { text, .. } | Notification::GroupText { text, .. } => text.clone(),
        _ => String::new(),
    };
    let waiting = tokio::task::spawn_blocking(move || feed(child, &text));
    let deadline = Instant::now() + Duration::from_secs(args.exec_timeout.into());
    Ok(Run { waiting, group, deadline, killed: false })
}

/// Hands the text to a command, which need not read it, and waits for its end.
fn feed(mut child: Child, text: &str) -> std::io::Result<ExitStatus> {
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(text.as_bytes());
    }
    child.wait()
}

/// Returns whether a variable leads to what opens the profile.
fn is_secret(name: &std::ffi::OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("EPHEMERAL_PASSPHRASE") || name == "CREDENTIALS_DIRECTORY"
}

/// Returns what is known of a message.
fn variables(news: &Notification) -> Vec<(String, String)> {
    let Value::Object(fields) = json!(news) else { return Vec::new() };
    let known = fields.into_iter().filter(|(name, _)| name != "text");
    let variable = |(name, value): (String, Value)| {
        let value = match value {
            Value::String(text) => text.chars().filter(|letter| !letter.is_control()).collect(),
            value => value.to_string(),
        };
        (format!("EPHEMERAL_{}", name.to_uppercase()), value)
    };
    known.map(variable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_what_is_known_of_a_message_but_not_the_message() {
        let news = Notification::GroupText {
            group: "friends\0\n".to_owned(),
            member: "~bob".to_owned(),
            id: "07".to_owned(),
            at: "2026-01-02T12:00:00Z".to_owned(),
            text: "canary".to_owned(),
            missing: false,
        };
        let mut known = variables(&news);
        known.sort();
        let known: Vec<_> = known.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let expected = [
            ("EPHEMERAL_AT", "2026-01-02T12:00:00Z"),
            ("EPHEMERAL_EVENT", "group_text"),
            ("EPHEMERAL_GROUP", "friends"),
            ("EPHEMERAL_ID", "07"),
            ("EPHEMERAL_MEMBER", "~bob"),
            ("EPHEMERAL_MISSING", "false"),
        ];
        assert_eq!(known, expected);
    }

    #[test]
    fn what_opens_the_profile_is_kept_from_the_command() {
        assert!(is_secret("EPHEMERAL_PASSPHRASE_FILE".as_ref()) && is_secret("CREDENTIALS_DIRECTORY".as_ref()));
        assert!(!is_secret("EPHEMERAL_PROFILE".as_ref()) && !is_secret("HOME".as_ref()));
    }
}
