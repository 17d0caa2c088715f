//! The last line of the terminal, while Tor connects.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use tokio::time::Instant;

use crate::client_cli::words::fl;
use ephemeral_client::api::Notification;

/// Without a connection for so long, the person is asked to look.
const NO_ANSWER_AFTER: Duration = Duration::from_secs(8);

/// The stages of Tor's start.
#[derive(Clone, Copy)]
enum Stage {
    Starting(u8),
    Searching,
}

/// A line, as long as there is something to show.
#[derive(Default)]
pub(super) struct Progress {
    stage: Option<(Stage, Instant)>,
    line: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn is_shown(&self) -> bool {
        self.stage.is_some()
    }

    /// Takes note of what happened.
    pub(super) fn heard(&mut self, news: &Notification) {
        let stage = match news {
            Notification::TorStarting { percent } => Some(Stage::Starting(*percent)),
            Notification::TorSearching {} => Some(Stage::Searching),
            Notification::Connecting {} => return,
            _ => None,
        };
        let since = self.stage.map_or_else(Instant::now, |(_, since)| since);
        self.stage = stage.map(|stage| (stage, since));
        self.show();
    }

    pub(super) fn show(&mut self) {
        let message = match self.stage {
            None => {
                self.line = None;
                return;
            }
            Some((Stage::Starting(0), since)) if since.elapsed() >= NO_ANSWER_AFTER => fl!("tor-no-answer"),
            Some((Stage::Starting(percent), _)) => fl!("tor-starting", percent = percent.to_string()),
            Some((Stage::Searching, _)) => fl!("tor-searching"),
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
