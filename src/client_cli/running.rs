//! An engine that a command uses while it is connected, with what a person is told meanwhile on
//! stderr.

mod progress;

use std::future::pending;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep, sleep_until};

use super::exit::{Failure, say};
use super::profile::{ProfileArgs, moved};
use super::reach::{Host, Reached};
use super::route::{RouteArgs, book_path};
use super::socket;
use super::words::{fl, said};
use ephemeral_client::api::{EventParams, Hello, Method, Notification, Status};
use ephemeral_client::engine::{Engine, Fetching, Profile};
use ephemeral_client::moved::Book;
use ephemeral_client::service::{EngineClient, ServiceOptions};
use ephemeral_client::text::printable;
use progress::Progress;

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

    /// Says why nothing comes in the first moments, unless it was asked for at once or another
    /// process has been connected for long.
    pub(super) fn explain_the_wait(&self, running: &mut Running) {
        if !self.at_once && !running.reached.is_elsewhere() {
            running.note(&fl!("run-spread"));
        }
    }

    /// Uses the engine that runs, or else one in this process, which ends with the command.
    pub(super) async fn start(&self, fetching: Fetching) -> Result<Running, Failure> {
        if let Some(stream) = self.profile.running().await? {
            return self.used(Reached { client: EngineClient::new(stream), host: None }).await;
        }
        let directory = self.profile.directory()?;
        let host = self.host(self.profile.open()?, Some(directory), fetching, true)?;
        self.used(Reached::here(host).await).await
    }

    /// Does the same, and lets other commands use this process's engine as long as it lives.
    pub(super) async fn start_open(&self, fetching: Fetching) -> Result<Running, Failure> {
        let mut running = self.start(fetching).await?;
        if let Some(host) = &mut running.reached.host {
            host.open_door(&socket::of_directory(&self.profile.directory()?))?;
        }
        Ok(running)
    }

    /// Runs the engine of a profile in this process. `held`: only once somebody has subscribed.
    pub(super) fn host(
        &self,
        profile: Profile,
        directory: Option<PathBuf>,
        fetching: Fetching,
        held: bool,
    ) -> Result<Host, Failure> {
        let ways = self.route.ways()?;
        let stages = ways.stages();
        let onion = profile.core().authority().onion_parts().is_some();
        let fetching = if onion { fetching } else { fetching.with_live(LIVE_ON_LOOPBACK) };
        let moves = Book::open(&book_path()?)?;
        let engine = Engine::new(profile, Box::new(ways), moves, fetching)?;
        if let Some(note) = moved(&engine) {
            self.route.note(&note);
        }
        let options = ServiceOptions { directory, offline: false, held, stages: onion.then_some(stages) };
        Ok(Host::new(engine, options))
    }

    /// Has a command use an engine.
    pub(super) async fn used(&self, mut reached: Reached) -> Result<Running, Failure> {
        let server = reached.call(Hello {}).await?.server;
        let quiet = !self.route.is_chatty();
        let is_shown = !quiet && std::io::IsTerminal::is_terminal(&std::io::stderr());
        let progress = is_shown.then(Progress::default);
        Ok(Running { reached, trouble: None, server, quiet, connecting: false, online: false, progress })
    }
}

/// An engine and its status lines.
pub(super) struct Running {
    pub(super) reached: Reached,
    /// The last reason why there was no connection.
    pub(super) trouble: Option<String>,
    /// One's own server.
    server: String,
    quiet: bool,
    /// Whether the person was told that connections are being made, and that there are some.
    connecting: bool,
    online: bool,
    progress: Option<Progress>,
}

impl Running {
    /// Calls a method.
    pub(super) async fn call<M: Method>(&mut self, method: M) -> Result<M::Answer, Failure> {
        self.reached.call(method).await
    }

    /// Says that an event was shown.
    pub(super) async fn shown(&mut self, number: Option<u64>) -> Result<(), Failure> {
        match number {
            Some(number) => self.reached.shown(number).await,
            None => Ok(()),
        }
    }

    /// Returns what happens next, and tells the person what is of no other use. Cancelling it loses
    /// nothing.
    pub(super) async fn next(&mut self) -> Result<EventParams, Failure> {
        let told = loop {
            let progress = &mut self.progress;
            let moving = progress.as_ref().is_some_and(Progress::is_shown);
            tokio::select! {
                told = self.reached.client.next() => break told,
                () = sleep(Duration::from_secs(1)), if moving => {
                    progress.iter_mut().for_each(Progress::show);
                }
            }
        };
        let told = self.reached.explained(told).await?;
        if let Some(progress) = &mut self.progress {
            progress.heard(&told.event);
        }
        self.report(&told.event);
        Ok(told)
    }

    fn report(&mut self, news: &Notification) {
        let line = match news {
            Notification::Connecting {} if !self.connecting => {
                self.connecting = true;
                fl!("run-connecting", server = format!("http://{}", self.server))
            }
            Notification::Online { .. } => {
                self.trouble = None;
                if std::mem::replace(&mut self.online, true) {
                    return;
                }
                fl!("run-connected")
            }
            Notification::Offline { server, why, retry_in_s, reason } => {
                let why = said::explained(why, reason.as_ref());
                let known = self.trouble.replace(why.clone());
                self.online = false;
                // There are several connections, and an outage ends them all.
                if known.as_ref() == Some(&why) {
                    return;
                }
                fl!("run-offline", server = printable(server), why = why, seconds = retry_in_s.to_string())
            }
            Notification::Unusable { server, why, reason } => {
                let why = said::explained(why, reason.as_ref());
                self.trouble = Some(why.clone());
                fl!("run-unusable", server = printable(server), why = why)
            }
            Notification::SentAgain { why: Some(why), .. } => fl!("run-dropped", why = printable(why)),
            Notification::SentAgain { why: None, .. } => fl!("run-expired"),
            Notification::ShortMemory { server } => fl!("run-short-memory", server = server.as_str()),
            Notification::Elsewhere {} => fl!("run-elsewhere"),
            Notification::FileUnreadable { why, reason, .. } => {
                fl!("run-file-unreadable", why = said::explained(why, reason.as_ref()))
            }
            Notification::FileWaits { name, .. } => {
                fl!("run-file-no-room", name = printable(name))
            }
            _ => return,
        };
        self.note(&line);
    }

    /// Returns whether this is one's own server. That a contact's server cannot be used stops
    /// nothing but what is for that contact.
    pub(super) fn is_own(&self, server: &str) -> bool {
        self.server == server
    }

    /// Returns whether one's own server answers, as far as the engine knows.
    pub(super) async fn is_online(&mut self) -> Result<bool, Failure> {
        let status = self.call(Status {}).await?;
        Ok(status.servers.iter().any(|server| server.own && server.state == "online"))
    }

    /// Tells the person something.
    pub(super) fn note(&self, line: &str) {
        if !self.quiet {
            say(line);
        }
    }

    /// Takes the last reason why there was no connection, as the end of a sentence.
    pub(super) fn why(&mut self) -> String {
        self.trouble.take().map(|trouble| format!(": {trouble}")).unwrap_or_default()
    }

    /// Goes on until everything is sent and acknowledged, or the time is over. Returns whether
    /// everything is.
    pub(super) async fn settle(&mut self, deadline: Instant) -> Result<bool, Failure> {
        while !self.call(Status {}).await?.settled {
            loop {
                let told = tokio::select! {
                    told = self.next() => told?,
                    () = sleep_until(deadline) => return Ok(false),
                };
                if told.event == (Notification::Settled {}) {
                    break;
                }
            }
        }
        Ok(true)
    }

    /// Lets everything take effect, and ends.
    pub(super) async fn finish(self) -> Result<(), Failure> {
        self.reached.finish().await
    }
}

/// Waits until then; without a deadline, for ever.
pub(super) async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
