//! `ephemeral recv`: prints what comes, or hands it to a command, and takes out of the profile only
//! what was printed or handed over.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::time::Instant;

use super::exit::{Exit, Failure};
use super::running::{RunArgs, Running, at};
use super::stop;
use super::words::{fl, path, said};
use ephemeral_client::api::{EventParams, Notification, Subscribe, TakeFiles, Taking};
use ephemeral_client::text::printable;

mod exec;
mod printer;

use exec::{ExecArgs, Executor};
use printer::Printer;

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
  ephemeral recv --files ~/Downloads
  ephemeral recv --quiet --exec mail -s 'a message' me

A line is the time, the contact and the message; what is no message begins with *. Whatever could act
on a terminal is written as an escape (\\n, \\u{1b}) and backslashes are doubled, so a message is always
one line; for the exact text use --json. What was not printed because the output failed is printed
the next time. As long as it runs, it also sends what is on its way, and tells contacts that their
messages have arrived; and the other commands use it.

Files are written only with --files, into that folder; a file never takes the place of another. Without
it, a line says what waits; `ephemeral files` lists it, and can say no. A file that was begun goes on
where it stopped, in the folder where it was begun, and appears under its name when all of it is there
and its checksum fits.

--exec runs the command that follows, without a shell, for one message at a time: the exact text is its
standard input, and EPHEMERAL_EVENT, _CONTACT, _GROUP, _MEMBER, _ID and _AT say what it is. A message
counts as received when the command ends with 0; otherwise it comes again after a pause.")]
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
    exec: ExecArgs,
    #[command(flatten)]
    run: RunArgs,
}

pub(super) async fn run(args: RecvArgs) -> Result<(), Failure> {
    let fetching = args.run.fetching();
    let fetching = if args.once && !args.wait { fetching.once() } else { fetching };
    let started = if args.once { args.run.start(fetching).await } else { args.run.start_open(fetching).await };
    let mut running = started?;
    args.run.explain_the_wait(&mut running);
    let deadline = args.limit().map(|limit| Instant::now() + limit);
    let outcome = receive(&mut running, &args, deadline).await;
    // Another process's engine goes on by itself.
    if args.once && !args.no_linger && outcome.is_ok() && !running.reached.is_elsewhere() {
        linger(&mut running, deadline).await?;
    }
    let finished = running.finish().await;
    outcome.and(finished)
}

/// Stays until contacts were told, or the time is over.
async fn linger(running: &mut Running, deadline: Option<Instant>) -> Result<(), Failure> {
    let until = Instant::now() + LINGER;
    let until = deadline.map_or(until, |deadline| deadline.min(until));
    tokio::select! {
        settled = running.settle(until) => {
            if !settled? {
                running.note(&fl!("recv-linger-late"));
            }
            Ok(())
        }
        stopped = stop::requested() => stopped,
    }
}

impl RecvArgs {
    /// Says how it ends when the person ends it.
    fn interrupted(&self) -> Result<(), Failure> {
        if self.once { Err(Failure::local(fl!("interrupted"))) } else { Ok(()) }
    }

    /// Returns for how long it tries: in all with `--once`, else without a connection.
    fn limit(&self) -> Option<Duration> {
        let default_limit = (self.once && !self.wait).then_some(ONCE_LIMIT_S);
        self.timeout.or(default_limit).map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// Subscribes, and has files taken.
    async fn begin(&self, running: &mut Running) -> Result<(), Failure> {
        running.call(Subscribe { taking: Taking::Acknowledged }).await?;
        let Some(folder) = &self.files else { return Ok(()) };
        let full = std::path::absolute(folder).ok().and_then(|path| path.to_str().map(str::to_owned));
        let folder = full.ok_or_else(|| Failure::usage(fl!("source-path", path = path(folder))))?;
        running.call(TakeFiles { contact: String::new(), folder }).await?;
        Ok(())
    }
}

/// The memory of `recv`: what has come.
struct Receiving<'a> {
    args: &'a RecvArgs,
    printer: Printer,
    executor: Executor<'a>,
    deadline: Option<Instant>,
    fetched: bool,
}

async fn receive(running: &mut Running, args: &RecvArgs, deadline: Option<Instant>) -> Result<(), Failure> {
    let executor = Executor::new(&args.exec);
    let printer = Printer::new(args.json);
    let mut receiving = Receiving { args, printer, executor, deadline, fetched: false };
    let stopped = stop::requested();
    tokio::pin!(stopped);
    args.begin(running).await?;
    if !args.once && args.timeout.is_some() && running.is_online().await? {
        receiving.deadline = None;
    }
    loop {
        if receiving.printer.stopped {
            return args.interrupted();
        }
        if receiving.is_done() {
            return Ok(());
        }
        tokio::select! {
            told = running.next() => {
                let told = told?;
                receiving.take(running, told, &mut stopped).await?;
            }
            ended = receiving.executor.ended() => receiving.executed(running, ended?).await?,
            () = at(receiving.deadline) => return Err(late(running, args.limit(), receiving.fetched)),
            result = &mut stopped => {
                result?;
                return args.interrupted();
            }
        }
    }
}

impl Receiving<'_> {
    /// Returns whether `--once` has what it wants.
    fn is_done(&self) -> bool {
        let has_some = self.printer.printed > 0;
        let is_enough = (self.fetched && !self.args.wait) || (has_some && self.args.wait);
        self.args.once && is_enough && self.executor.is_idle()
    }

    /// Prints what was told, or puts it before the command.
    async fn take(
        &mut self,
        running: &mut Running,
        told: EventParams,
        stopped: &mut (impl Future<Output = Result<(), Failure>> + Unpin),
    ) -> Result<(), Failure> {
        match &told.event {
            Notification::AllFetched {} => self.fetched = true,
            Notification::Online { .. } if !self.args.once => self.deadline = None,
            Notification::Offline { .. } if !self.args.once => {
                let limit = self.args.limit();
                self.deadline = self.deadline.or_else(|| limit.map(|limit| Instant::now() + limit));
            }
            Notification::FileProgress { name, arrived, size, mine: false, contact, .. }
                if self.args.files.is_some() && *arrived <= ephemeral_e2e::payload::CHUNK as u64 =>
            {
                let size = indicatif::BinaryBytes(*size);
                let contact = printable(contact);
                let name = printable(name);
                running.note(&fl!("recv-file-begins", contact = contact, name = name, size = size.to_string()));
            }
            Notification::FolderFailed { why, reason, .. } => {
                return Err(Failure::local(said::explained(why, reason.as_ref())));
            }
            // It is taken.
            Notification::File { .. } if self.args.files.is_some() => return Ok(()),
            _ => {}
        }
        if self.executor.wants(&told.event) {
            self.executor.put(told);
            return Ok(());
        }
        self.printer.print_until(&told.event, stopped).await?;
        running.shown(told.number).await
    }

    /// Takes note of how the command ended: what it took leaves the profile.
    async fn executed(&mut self, running: &mut Running, ended: exec::Execution) -> Result<(), Failure> {
        match ended {
            exec::Execution::Taken(number) => {
                self.printer.printed += 1;
                running.shown(number).await
            }
            exec::Execution::Failed(why) if self.args.once => Err(Failure::local(why)),
            exec::Execution::Failed(why) => {
                running.note(&why);
                Ok(())
            }
        }
    }
}

fn late(running: &mut Running, limit: Option<Duration>, fetched: bool) -> Failure {
    let why = running.why();
    let seconds = limit.unwrap_or_default().as_secs().to_string();
    let what = match fetched {
        true => fl!("recv-none", seconds = seconds, why = why),
        false => fl!("recv-unreachable", seconds = seconds, why = why),
    };
    Failure::new(Exit::Unreachable, what)
}
