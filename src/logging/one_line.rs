//! Writes each event on one line, whatever is in it: an error with its causes, a library's list of
//! attempts.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::Event;
use tracing::subscriber::Subscriber;
use tracing_subscriber::fmt::format::{Format, Full, Writer};
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Whether the last line of the terminal is a status line, which a log line has to take the place
/// of.
static ABOVE_A_STATUS_LINE: AtomicBool = AtomicBool::new(false);

/// Says whether a status line is shown on the terminal that log lines go to. Each of them then
/// clears it first: the next time it is drawn, it is below them.
pub fn above_a_status_line(shown: bool) {
    ABOVE_A_STATUS_LINE.store(shown, Ordering::Relaxed);
}

/// The usual format, with every line break in an event replaced.
pub(super) struct OneLine(Format<Full, SystemTime>);

impl OneLine {
    pub(super) fn new(color: bool) -> Self {
        Self(Format::default().with_ansi(color))
    }
}

impl<S, N> FormatEvent<S, N> for OneLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut text = String::new();
        self.0.format_event(context, Writer::new(&mut text), event)?;
        if ABOVE_A_STATUS_LINE.load(Ordering::Relaxed) {
            // To the first column, and clear to the end of the line.
            writer.write_str("\r\u{1b}[K")?;
        }
        writeln!(writer, "{}", joined(&text))
    }
}

/// Joins the lines of a text, without what they are indented by. Two spaces stay two spaces
/// elsewhere.
fn joined(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    for line in text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()) {
        if !joined.is_empty() {
            let ends = joined.ends_with([':', ';', ',', '.']);
            joined.push_str(if ends { " " } else { "; " });
        }
        joined.push_str(line);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_text_become_one() {
        assert_eq!(joined("plain  text\n"), "plain  text");
        assert_eq!(
            joined("Tried to connect 2 times:\n  Attempt 1: no route\n\n  Attempt 2: no route\n"),
            "Tried to connect 2 times: Attempt 1: no route; Attempt 2: no route"
        );
        assert_eq!(joined(""), "");
    }
}
