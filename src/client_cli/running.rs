//! A profile that runs for a command: its engine, with what a person is told meanwhile on stderr.

use std::future::pending;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::exit::{Failure, say};
use super::profile::ProfileArgs;
use super::route::{RouteArgs, book_path};
use super::words::fl;
use ephemeral_client::engine::{Engine, EngineError, EngineEvent, Fetching, Profile};
use ephemeral_client::moved::Book;
use ephemeral_client::text::printable;
use ephemeral_client::{ServerUrl, TorStage};

/// Without a connection for so long, the person is asked to look.
const NO_ANSWER_AFTER: Duration = Duration::from_secs(8);
/// Over plain TCP all connections come from one address, which may hold eight.
const LIVE_ON_LOOPBACK: usize = 4;

#[derive(Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) profile: ProfileArgs,
    #[command(flatten)]
    pub(super) route: RouteArgs,
    /// Connect, fetch and acknowledge as soon as possible. A server can then tell by the time which
    /// mailboxes are one person's; otherwise up to a minute goes by.
    #[arg(long, env = "EPHEMERAL_AT_ONCE", value_parser = clap::builder::FalseyValueParser::new())]
    at_once: bool,
}

impl RunArgs {
    /// Returns how a command fetches that goes on until it is stopped.
    pub(super) fn fetching(&self) -> Fetching {
        if self.at_once { Fetching::HASTY } else { Fetching::PATIENT }
    }

    /// Opens the profile and makes its engine.
    pub(super) fn start(&self, fetching: Fetching) -> Result<Running, Failure> {
        self.run(self.profile.open()?, fetching)
    }

    /// Makes the engine of a profile.
    pub(super) fn run(&self, profile: Profile, fetching: Fetching) -> Result<Running, Failure> {
        let ways = self.route.ways()?;
        let stages = ways.stages();
        let onion = profile.core().authority().onion_parts().is_some();
        let fetching = if onion { fetching } else { fetching.with_live(LIVE_ON_LOOPBACK) };
        let moves = Book::open(&book_path()?)?;
        let server = format!("http://{}", profile.core().authority().as_str());
        let moved = server.parse().ok().and_then(|server: ServerUrl| moves.follow(&server));
        if let Some(moved) = moved {
            self.route.note(&fl!("run-moved", server = server, to = moved.to_string()));
        }
        let engine = Engine::new(profile, Box::new(ways), moves, fetching)?;
        Ok(Running::new(engine, self.route.quiet, stages))
    }
}

/// An engine and its status lines.
pub(super) struct Running {
    pub(super) engine: Engine,
    /// The last reason why there was no connection.
    pub(super) trouble: Option<String>,
    quiet: bool,
    /// Whether the person was told that connections are being made, and that there are some.
    connecting: bool,
    online: bool,
    progress: Option<Progress>,
}

/// The last line of the terminal, while Tor connects.
struct Progress {
    stages: watch::Receiver<TorStage>,
    since: Instant,
    line: Option<ProgressBar>,
}

impl Running {
    fn new(engine: Engine, quiet: bool, stages: watch::Receiver<TorStage>) -> Self {
        let is_shown = !quiet && std::io::IsTerminal::is_terminal(&std::io::stderr());
        let progress = is_shown.then(|| Progress { stages, since: Instant::now(), line: None });
        Self { engine, trouble: None, quiet, connecting: false, online: false, progress }
    }

    /// Returns what happens next, and tells the person what is of no other use. Cancelling it loses
    /// nothing.
    pub(super) async fn next(&mut self) -> Result<EngineEvent, Failure> {
        let news = self.news().await?;
        self.report(&news);
        Ok(news)
    }

    async fn news(&mut self) -> Result<EngineEvent, EngineError> {
        let Self { engine, progress, .. } = self;
        let Some(progress) = progress else { return engine.next().await };
        loop {
            let news = tokio::select! {
                news = engine.next() => news,
                () = progress.changed() => {
                    progress.show();
                    continue;
                }
            };
            progress.line = None;
            return news;
        }
    }

    fn report(&mut self, news: &EngineEvent) {
        let line = match news {
            EngineEvent::Connecting if !self.connecting => {
                self.connecting = true;
                let server = format!("http://{}", self.engine.core().authority().as_str());
                fl!("run-connecting", server = server)
            }
            EngineEvent::Online(_) => {
                self.trouble = None;
                if std::mem::replace(&mut self.online, true) {
                    return;
                }
                fl!("run-connected")
            }
            EngineEvent::Offline { server, why, retry_in } => {
                let known = self.trouble.replace(why.clone());
                self.online = false;
                // There are several connections, and an outage ends them all.
                if known.as_ref() == Some(why) {
                    return;
                }
                let seconds = format!("{:.1}", retry_in.as_secs_f64());
                fl!("run-offline", server = printable(server), why = why.as_str(), seconds = seconds)
            }
            EngineEvent::Unusable { server, why } => {
                self.trouble = Some(why.clone());
                fl!("run-unusable", server = printable(server), why = why.as_str())
            }
            EngineEvent::Dropped { why: Some(why), .. } => fl!("run-dropped", why = printable(why)),
            EngineEvent::Dropped { why: None, .. } => fl!("run-expired"),
            EngineEvent::ShortMemory(server) => fl!("run-short-memory", server = server.as_str()),
            EngineEvent::Elsewhere => fl!("run-elsewhere"),
            EngineEvent::FileUnreadable { file, why } => {
                fl!("run-file-waits", name = printable(&file.source.name), why = printable(why))
            }
            EngineEvent::Event { .. }
            | EngineEvent::FileSent { .. }
            | EngineEvent::AtServer { .. }
            | EngineEvent::Connecting
            | EngineEvent::AllFetched
            | EngineEvent::Settled => return,
        };
        self.note(&line);
    }

    /// Returns whether this is one's own server. That a contact's server cannot be used stops
    /// nothing but what is for that contact.
    pub(super) fn is_own(&self, server: &str) -> bool {
        self.engine.core().authority().as_str() == server
    }

    /// Tells the person something.
    pub(super) fn note(&self, line: &str) {
        if !self.quiet {
            say(line);
        }
    }

    /// Goes on until everything is sent and acknowledged, or the time is over. Returns whether
    /// everything is.
    pub(super) async fn settle(&mut self, deadline: Instant) -> Result<bool, Failure> {
        while !self.engine.is_settled() {
            tokio::select! {
                news = self.next() => drop(news?),
                () = sleep_until(deadline) => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Writes the state, and ends.
    pub(super) fn finish(self) -> Result<Profile, Failure> {
        Ok(self.engine.finish()?)
    }
}

/// Waits until then; without a deadline, for ever.
pub(super) async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}

impl Progress {
    /// Waits for something to show: a new stage, or that nothing has come of one for some time.
    async fn changed(&mut self) {
        let a_second = || tokio::time::sleep(Duration::from_secs(1));
        tokio::select! {
            // The ways to servers live as long as the engine.
            changed = self.stages.changed() => if changed.is_err() { a_second().await },
            () = a_second() => {}
        }
    }

    fn show(&mut self) {
        let stage = *self.stages.borrow_and_update();
        if self.line.is_none() {
            self.since = Instant::now();
        }
        let message = match stage {
            TorStage::Idle => {
                self.line = None;
                return;
            }
            TorStage::Starting { percent: 0 } if self.since.elapsed() >= NO_ANSWER_AFTER => {
                fl!("tor-no-answer")
            }
            TorStage::Starting { percent } => fl!("tor-starting", percent = percent.to_string()),
            TorStage::Searching => fl!("tor-searching"),
        };
        self.line.get_or_insert_with(spinner).set_message(message);
    }
}

fn spinner() -> ProgressBar {
    let line = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_finish(ProgressFinish::AndClear);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
        line.set_style(style);
    }
    line.enable_steady_tick(Duration::from_millis(120));
    line
}
