//! A session of `send` or `recv`, with what a person is told meanwhile: status lines on stderr, and on a terminal how far
//! Tor has come.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use tokio::sync::watch;
use tokio::time::Instant;

use super::exit::say;
use ephemeral_client::text::printable;
use ephemeral_client::{ClientEvent, ConnectError, ServerUrl, Session, TorStage};

/// Without a connection for so long, the person is asked to look.
const NO_ANSWER_AFTER: Duration = Duration::from_secs(8);

/// A session and its status lines.
pub(super) struct Talk {
    /// The session.
    pub(super) session: Session,
    server: ServerUrl,
    quiet: bool,
    progress: Option<Progress>,
}

/// The last line of the terminal, while Tor connects.
struct Progress {
    stages: watch::Receiver<TorStage>,
    since: Instant,
    line: Option<ProgressBar>,
}

impl Talk {
    /// `stages`: how far Tor has come, where it runs in this process.
    pub(super) fn new(
        session: Session,
        server: ServerUrl,
        quiet: bool,
        stages: Option<watch::Receiver<TorStage>>,
    ) -> Self {
        let is_shown = !quiet && std::io::IsTerminal::is_terminal(&std::io::stderr());
        let progress = stages.filter(|_| is_shown).map(|stages| Progress { stages, since: Instant::now(), line: None });
        Self { session, server, quiet, progress }
    }

    /// Returns what happens next. Cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> Result<ClientEvent, ConnectError> {
        let Self { session, progress, .. } = self;
        let Some(progress) = progress else { return session.next().await };
        loop {
            let event = tokio::select! {
                event = session.next() => event,
                () = progress.changed() => {
                    progress.show();
                    continue;
                }
            };
            progress.line = None;
            return event;
        }
    }

    /// Tells the person what happened.
    pub(super) fn report(&self, event: &ClientEvent) {
        let line = match event {
            ClientEvent::Connecting => format!("connecting to {} …", self.server),
            ClientEvent::Connected { new_epoch: true, .. } => {
                "connected; the server was restarted meanwhile, and what was waiting there is gone".to_owned()
            }
            ClientEvent::Connected { .. } => "connected".to_owned(),
            ClientEvent::Disconnected { why, retry_in } => format!("{why}; trying again in {}", seconds(*retry_in)),
            ClientEvent::Delayed { retry_in } => {
                format!("the server takes no more for now; sending in {}", seconds(*retry_in))
            }
            ClientEvent::Complaint { message, .. } => format!("the server complains: {}", printable(message)),
            _ => return,
        };
        self.note(&line);
    }

    /// Tells the person something.
    pub(super) fn note(&self, line: &str) {
        if !self.quiet {
            say(line);
        }
    }
}

impl Progress {
    /// Waits for something to show: a new stage, or that nothing has come of one for some time.
    async fn changed(&mut self) {
        let a_second = || tokio::time::sleep(Duration::from_secs(1));
        tokio::select! {
            // The dialer lives as long as the session.
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
                "starting Tor: no answer yet. Is this machine online, without a login page before the network?"
                    .to_owned()
            }
            TorStage::Starting { percent } => {
                format!("starting Tor: {percent} % (the first time it fetches some megabytes); next: the server")
            }
            TorStage::Searching => "Tor is ready; looking for the server: a few seconds, up to a minute".to_owned(),
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

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
