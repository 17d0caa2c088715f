//! `ephemeral recv`: prints the messages that come, and acknowledges only those that were written.

use std::time::Duration;

use clap::Args;
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, sleep_until};

use super::exit::{Exit, Failure};
use super::route::RouteArgs;
use super::stop;
use super::talk::Talk;
use ephemeral_client::text::{printable, printable_json};
use ephemeral_client::{ClientEvent, ConnectOptions};
use ephemeral_core::protocol::ReceivedMessage;

/// How long `--once` tries, unless it is told.
const ONCE_LIMIT_S: u32 = 180;

#[derive(Args)]
#[command(after_help = "\
Examples (with EPHEMERAL_SERVER set, or --server URL):
  ephemeral recv
  ephemeral recv --once --json | jq -r .content
  ephemeral recv --once --wait --timeout 600

A line is the time, the sender's fingerprint and the message. Whatever could act on a terminal is
written as an escape (\\n, \\u{1b}) and backslashes are doubled, so a message is always one line; for
the exact text use --json. A message is acknowledged, and so erased from the server, only after it
was written: if the output fails, it comes again.")]
pub(super) struct RecvArgs {
    /// Print what is waiting, then end. Nothing waiting is no failure.
    #[arg(long)]
    once: bool,
    /// Stay and print what comes, reconnecting as needed (the default). Ctrl-C or SIGTERM ends it, with exit code 0.
    #[arg(long, conflicts_with = "once")]
    follow: bool,
    /// With --once: if nothing is waiting, wait for the first message.
    #[arg(long, requires = "once")]
    wait: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// Do not let senders know when their messages were taken.
    #[arg(long)]
    no_receipts: bool,
    /// Give up after this many seconds: with --once in all (180 unless --wait is given), else without a connection.
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u32>,
    #[command(flatten)]
    route: RouteArgs,
}

pub(super) async fn run(args: RecvArgs) -> Result<(), Failure> {
    let options = ConnectOptions { receipts: !args.no_receipts, ..ConnectOptions::default() };
    let mut talk = args.route.session(options)?;
    let mut deadline = args.limit().map(|limit| Instant::now() + limit);
    let outcome = receive(&mut talk, &args, &mut deadline).await;
    let arrived = tokio::select! {
        arrived = talk.session.close() => arrived,
        // The time is for the goodbye, too.
        () = at(deadline) => false,
    };
    if outcome.is_ok() && !arrived {
        args.route.note("the last acknowledgements may not have arrived: those messages may come again");
    }
    outcome
}

impl RecvArgs {
    /// Returns for how long it tries: in all with `--once`, else without a connection.
    fn limit(&self) -> Option<Duration> {
        let default_limit = (self.once && !self.wait).then_some(ONCE_LIMIT_S);
        self.timeout.or(default_limit).map(|seconds| Duration::from_secs(seconds.into()))
    }
}

async fn receive(talk: &mut Talk, args: &RecvArgs, deadline: &mut Option<Instant>) -> Result<(), Failure> {
    let limit = args.limit();
    let mut last_trouble = None;
    let mut printed = 0_u64;
    let mut caught_up = false;
    let mut stdout = tokio::io::stdout();
    let stopped = stop::requested();
    tokio::pin!(stopped);
    loop {
        let event = tokio::select! {
            event = talk.next() => event?,
            () = at(*deadline) => return Err(late(limit, caught_up, last_trouble)),
            result = &mut stopped => {
                result?;
                return if args.once { Err(Failure::local("interrupted")) } else { Ok(()) };
            }
        };
        talk.report(&event);
        match event {
            ClientEvent::Message(message) => {
                let line = if args.json { json_line(&message)? } else { text_line(&message) };
                tokio::select! {
                    written = write(&mut stdout, &line) => written.map_err(|error| Failure::output(&error))?,
                    result = &mut stopped => {
                        result?;
                        return Err(Failure::local("interrupted while nobody read the output"));
                    }
                }
                talk.session.ack(&message);
                printed += 1;
            }
            ClientEvent::CaughtUp => caught_up = true,
            ClientEvent::Connected { .. } if !args.once => *deadline = None,
            ClientEvent::Disconnected { why, .. } => {
                last_trouble = Some(why.to_string());
                if !args.once {
                    *deadline = deadline.or_else(|| limit.map(|limit| Instant::now() + limit));
                }
            }
            _ => {}
        }
        if args.once && caught_up && (printed > 0 || !args.wait) {
            return Ok(());
        }
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn late(limit: Option<Duration>, caught_up: bool, last_trouble: Option<String>) -> Failure {
    let what = if caught_up { "no message came" } else { "the server was not reached" };
    let why = last_trouble.map(|trouble| format!(": {trouble}")).unwrap_or_default();
    Failure::new(Exit::Unreachable, format!("{what} within {} s{why}", limit.unwrap_or_default().as_secs()))
}

async fn write(stdout: &mut tokio::io::Stdout, line: &str) -> std::io::Result<()> {
    stdout.write_all(line.as_bytes()).await?;
    // Only with this the bytes have left the process, and only then an error is known.
    stdout.flush().await
}

fn text_line(message: &ReceivedMessage) -> String {
    format!("{} {} {}\n", printable(&message.timestamp), printable(&message.from), printable(&message.content))
}

fn json_line(message: &ReceivedMessage) -> Result<String, Failure> {
    let json = serde_json::to_string(message).map_err(|error| Failure::local(error.to_string()))?;
    Ok(format!("{}\n", printable_json(&json)))
}
