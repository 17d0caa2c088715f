//! `ephemeral recv`: prints what comes, and takes out of the profile only what was printed.

use std::time::Duration;

use clap::Args;
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;

use super::exit::{Exit, Failure};
use super::output::{line, object};
use super::running::{RunArgs, Running, at};
use super::stop;
use ephemeral_client::engine::EngineEvent;
use ephemeral_client::text::printable_json;
use ephemeral_e2e::effect::Event;

/// How long `--once` tries, unless it is told.
const ONCE_LIMIT_S: u32 = 300;
/// How long it stays to let contacts know that their messages arrived.
const LINGER: Duration = Duration::from_secs(100);

#[derive(Args)]
#[command(after_help = "\
Examples:
  ephemeral recv
  ephemeral recv --once --json | jq -r 'select(.event == \"text\").text'
  ephemeral recv --once --wait --timeout 600

A line is the time, the contact and the message; what is no message begins with *. Whatever could act
on a terminal is written as an escape (\\n, \\u{1b}) and backslashes are doubled, so a message is always
one line; for the exact text use --json. What was not printed because the output failed is printed
the next time. As long as it runs, it also sends what is on its way, and tells contacts that their
messages have arrived.")]
pub(super) struct RecvArgs {
    /// Print what is waiting, let its senders know, then end. Nothing waiting is no failure.
    #[arg(long)]
    once: bool,
    /// Stay and print what comes (the default). Ctrl-C or SIGTERM ends it, with exit code 0.
    #[arg(long, conflicts_with = "once")]
    follow: bool,
    /// With --once: if nothing is waiting, wait for the first message.
    #[arg(long, requires = "once")]
    wait: bool,
    /// With --once: end as soon as everything is printed. Senders learn the next time that it arrived.
    #[arg(long, requires = "once")]
    no_linger: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// Give up after this many seconds: with --once in all (300 unless --wait is given), else without a connection.
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u32>,
    #[command(flatten)]
    run: RunArgs,
}

pub(super) async fn run(args: RecvArgs) -> Result<(), Failure> {
    let fetching = args.run.fetching();
    let fetching = if args.once && !args.wait { fetching.once() } else { fetching };
    let mut running = args.run.start(fetching)?;
    let deadline = args.limit().map(|limit| Instant::now() + limit);
    let outcome = receive(&mut running, &args, deadline).await;
    if args.once && !args.no_linger && outcome.is_ok() {
        linger(&mut running, deadline).await?;
    }
    running.finish()?;
    outcome
}

/// Stays until contacts were told, or the time is over.
async fn linger(running: &mut Running, deadline: Option<Instant>) -> Result<(), Failure> {
    let until = Instant::now() + LINGER;
    let until = deadline.map_or(until, |deadline| deadline.min(until));
    tokio::select! {
        settled = running.settle(until) => {
            if !settled? {
                running.note("some contacts learn only later that their messages have arrived");
            }
            Ok(())
        }
        stopped = stop::requested() => stopped,
    }
}

impl RecvArgs {
    /// Returns for how long it tries: in all with `--once`, else without a connection.
    fn limit(&self) -> Option<Duration> {
        let default_limit = (self.once && !self.wait).then_some(ONCE_LIMIT_S);
        self.timeout.or(default_limit).map(|seconds| Duration::from_secs(seconds.into()))
    }
}

async fn receive(running: &mut Running, args: &RecvArgs, mut deadline: Option<Instant>) -> Result<(), Failure> {
    let limit = args.limit();
    let mut stdout = tokio::io::stdout();
    let mut printed = 0_u64;
    let mut fetched = false;
    let stopped = stop::requested();
    tokio::pin!(stopped);
    loop {
        let news = tokio::select! {
            news = running.next() => news?,
            () = at(deadline) => return Err(late(running, limit, fetched)),
            result = &mut stopped => {
                result?;
                return if args.once { Err(Failure::local("interrupted")) } else { Ok(()) };
            }
        };
        match news {
            EngineEvent::Event { id, event } => {
                if let Some(line) = printed_form(running, args, &event) {
                    tokio::select! {
                        written = write(&mut stdout, &line) => written.map_err(|error| Failure::output(&error))?,
                        result = &mut stopped => {
                            result?;
                            return Err(Failure::local("interrupted while nobody read the output"));
                        }
                    }
                    printed += u64::from(matches!(event, Event::Text { .. } | Event::GroupText { .. }));
                }
                running.engine.shown(id);
            }
            EngineEvent::AllFetched => fetched = true,
            EngineEvent::Online(_) if !args.once => deadline = None,
            EngineEvent::Offline { .. } if !args.once => {
                deadline = deadline.or_else(|| limit.map(|limit| Instant::now() + limit));
            }
            _ => {}
        }
        if args.once && ((fetched && !args.wait) || (printed > 0 && args.wait)) {
            return Ok(());
        }
    }
}

/// Returns what is written for an event: nothing for what only programs want to know.
fn printed_form(running: &Running, args: &RecvArgs, event: &Event) -> Option<String> {
    let core = running.engine.core();
    if args.json {
        return Some(printable_json(&object(core, event).to_string()) + "\n");
    }
    line(core, event).map(|line| line + "\n")
}

fn late(running: &mut Running, limit: Option<Duration>, fetched: bool) -> Failure {
    let what = if fetched { "no message came" } else { "the server was not reached" };
    let why = running.trouble.take().map(|trouble| format!(": {trouble}")).unwrap_or_default();
    Failure::new(Exit::Unreachable, format!("{what} within {} s{why}", limit.unwrap_or_default().as_secs()))
}

async fn write(stdout: &mut tokio::io::Stdout, line: &str) -> std::io::Result<()> {
    stdout.write_all(line.as_bytes()).await?;
    // Only with this the bytes have left the process, and only then an error is known.
    stdout.flush().await
}
