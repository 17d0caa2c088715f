//! `ephemeral recv`: prints what comes, and takes out of the profile only what was printed.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, timeout};

use super::exit::{Exit, Failure};
use super::output::{line, object};
use super::running::{RunArgs, Running, at};
use super::stdio::{Output, stdout};
use super::stop;
use ephemeral_client::engine::EngineEvent;
use ephemeral_client::text::printable_json;
use ephemeral_e2e::effect::Event;

mod files;

use files::FileTaker;

/// How long `--once` tries, unless it is told.
const ONCE_LIMIT_S: u32 = 300;
/// How long a line that is being written is waited for when the person wants to end.
const LAST_WRITE: Duration = Duration::from_secs(1);
/// How long it stays to let contacts know that their messages arrived.
const LINGER: Duration = Duration::from_secs(100);

#[derive(Args)]
#[command(after_help = "\
Examples:
  ephemeral recv
  ephemeral recv --once --json | jq -r 'select(.event == \"text\").text'
  ephemeral recv --once --wait --timeout 600
  ephemeral recv --files ~/Downloads

A line is the time, the contact and the message; what is no message begins with *. Whatever could act
on a terminal is written as an escape (\\n, \\u{1b}) and backslashes are doubled, so a message is always
one line; for the exact text use --json. What was not printed because the output failed is printed
the next time. As long as it runs, it also sends what is on its way, and tells contacts that their
messages have arrived.

Files are written only with --files, into that folder; a file never takes the place of another. Without
it, a line says what waits. A file that was begun goes on where it stopped, in the folder where it was
begun, and appears under its name when all of it is there and its checksum fits.")]
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
    /// With --once: end as soon as everything is printed. Senders learn the next time that it
    /// arrived.
    #[arg(long, requires = "once")]
    no_linger: bool,
    /// Take the files that contacts send, and write them into this folder.
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// Give up after this many seconds: with --once in all (300 unless --wait is given), else
    /// without a connection.
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u32>,
    #[command(flatten)]
    run: RunArgs,
}

pub(super) async fn run(args: RecvArgs) -> Result<(), Failure> {
    let fetching = args.run.fetching();
    let fetching = if args.once && !args.wait { fetching.once() } else { fetching };
    let files = FileTaker::new(args.files.as_deref())?;
    let mut running = args.run.start(fetching)?;
    let deadline = args.limit().map(|limit| Instant::now() + limit);
    let outcome = receive(&mut running, &args, &files, deadline).await;
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
    /// Says how it ends when the person ends it.
    fn interrupted(&self) -> Result<(), Failure> {
        if self.once { Err(Failure::local("interrupted")) } else { Ok(()) }
    }

    /// Returns for how long it tries: in all with `--once`, else without a connection.
    fn limit(&self) -> Option<Duration> {
        let default_limit = (self.once && !self.wait).then_some(ONCE_LIMIT_S);
        self.timeout.or(default_limit).map(|seconds| Duration::from_secs(seconds.into()))
    }
}

async fn receive(
    running: &mut Running,
    args: &RecvArgs,
    files: &FileTaker,
    mut deadline: Option<Instant>,
) -> Result<(), Failure> {
    let limit = args.limit();
    let mut printer = Printer { stdout: stdout(), json: args.json, printed: 0, stopped: false };
    let mut fetched = false;
    let stopped = stop::requested();
    tokio::pin!(stopped);
    let before = files.begin(running)?;
    printer.print_until(&before, &mut stopped).await?;
    loop {
        if printer.stopped {
            return args.interrupted();
        }
        let news = tokio::select! {
            news = running.next() => news?,
            () = at(deadline) => return Err(late(running, limit, fetched)),
            result = &mut stopped => {
                result?;
                return args.interrupted();
            }
        };
        match news {
            EngineEvent::Event { id, event: Event::File { link, chunk, .. } } => {
                let told = files.take(running, id, link, &chunk)?;
                printer.print_until(&told, &mut stopped).await?;
            }
            EngineEvent::Event { id, event } => {
                let told = Told::of(running, &event);
                printer.print_until(&told, &mut stopped).await?;
                running.engine.shown(id);
            }
            EngineEvent::AllFetched => fetched = true,
            EngineEvent::Online(_) if !args.once => deadline = None,
            EngineEvent::Offline { .. } if !args.once => {
                deadline = deadline.or_else(|| limit.map(|limit| Instant::now() + limit));
            }
            _ => {}
        }
        if args.once && ((fetched && !args.wait) || (printer.printed > 0 && args.wait)) {
            return Ok(());
        }
    }
}

/// What is written of something that happened.
struct Told {
    /// For people; nothing, if only programs want to know it.
    line: Option<String>,
    object: Value,
    /// Whether it is what `--wait` waits for.
    counts: bool,
}

impl Told {
    fn of(running: &Running, event: &Event) -> Vec<Self> {
        let core = running.engine.core();
        let counts = matches!(event, Event::Text { .. } | Event::GroupText { .. });
        vec![Self { line: line(core, event), object: object(core, event), counts }]
    }
}

/// Writes to stdout.
struct Printer {
    stdout: Output,
    json: bool,
    /// How much of what `--wait` waits for was written.
    printed: u64,
    /// Whether the person wants to end.
    stopped: bool,
}

impl Printer {
    /// Writes everything, unless the person wants to end and nobody reads it.
    async fn print_until(
        &mut self,
        told: &[Told],
        stopped: &mut (impl Future<Output = Result<(), Failure>> + Unpin),
    ) -> Result<(), Failure> {
        for told in told {
            let line = if self.json { Some(printable_json(&told.object.to_string())) } else { told.line.clone() };
            let Some(line) = line.map(|line| line + "\n") else { continue };
            let mut writing = std::pin::pin!(write(&mut self.stdout, &line));
            let written = tokio::select! {
                biased;
                written = &mut writing => written,
                result = &mut *stopped, if !self.stopped => {
                    result?;
                    self.stopped = true;
                    let unread = |_| Failure::local("interrupted while nobody read the output");
                    timeout(LAST_WRITE, writing).await.map_err(unread)?
                }
            };
            written.map_err(|error| Failure::output(&error))?;
            self.printed += u64::from(told.counts);
        }
        Ok(())
    }
}

fn late(running: &mut Running, limit: Option<Duration>, fetched: bool) -> Failure {
    let what = if fetched { "no message came" } else { "the server was not reached" };
    let why = running.trouble.take().map(|trouble| format!(": {trouble}")).unwrap_or_default();
    Failure::new(Exit::Unreachable, format!("{what} within {} s{why}", limit.unwrap_or_default().as_secs()))
}

async fn write(stdout: &mut Output, line: &str) -> std::io::Result<()> {
    stdout.write_all(line.as_bytes()).await?;
    // Only with this the bytes have left the process, and only then an error is known.
    stdout.flush().await
}
