//! Sends log lines to stderr, as text or JSON, filtered. No level makes identifiers or content
//! appear, and no task that logs waits for a reader.
//!
//! What the program itself logs holds none (identifiers are types whose `Debug` hides them). What
//! the libraries log is kept out in two ways. First, nothing listens to the `log` crate, through
//! which `tungstenite` writes whole frames at trace level: the subscriber is installed without the
//! bridge from `log` to `tracing` (`tracing_subscriber`'s own `init` would install it whenever any
//! crate in the tree turns that feature on, and one does). Second, targets that write what a peer
//! sent are refused whatever the filter says.

mod filter;
mod one_line;
mod queue;

use std::fmt;
use std::io::IsTerminal;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tracing::Metadata;
use tracing::subscriber::{SetGlobalDefaultError, Subscriber};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::{Layer, Registry};

pub use filter::filter;
use one_line::OneLine;
pub use one_line::above_a_status_line;
use queue::{Queue, QueueWriter};

/// Crates that are handed what peers send. Whatever they say at a level that someone turns on for
/// finding a fault may be content.
const REFUSED: [&str; 4] = ["tungstenite", "tokio_tungstenite", "hyper", "hyper_util"];

/// The lines of this process that wait to be written to stderr.
static LINES: OnceLock<Queue> = OnceLock::new();

/// Whether anybody takes lines from it.
static WRITING: AtomicBool = AtomicBool::new(false);

fn lines() -> &'static Queue {
    LINES.get_or_init(Queue::default)
}

/// Starts the thread that writes the log. Until then, lines wait. Call it once.
///
/// # Errors
/// If the machine has no room for one more thread.
pub fn start_writing() -> std::io::Result<()> {
    let mention = |dropped| tracing::warn!(dropped, "log lines were dropped: nobody read them");
    let thread = std::thread::Builder::new().name("log".to_owned());
    // It is not waited for: stderr may be stuck for ever.
    thread.spawn(move || lines().write(std::io::stderr(), mention))?;
    WRITING.store(true, Ordering::Relaxed);
    Ok(())
}

/// Returns whether the thread that writes was started.
#[must_use]
pub fn is_writing() -> bool {
    WRITING.load(Ordering::Relaxed)
}

/// Puts a line of the program's own among the log's, without waiting for anybody to read it.
pub fn say(line: &str) {
    lines().push(format!("{line}\n").as_bytes());
}

/// Waits until every line is written, for so long at most.
pub fn flush(within: Duration) {
    if is_writing() {
        lines().flush(within);
    }
}

/// Returns how many lines were dropped because nobody read them.
#[must_use]
pub fn dropped() -> u64 {
    lines().dropped()
}

/// The level of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What ended something.
    Error,
    /// What needs a look; `warning` is understood too.
    #[value(alias = "warning")]
    Warn,
    /// What a person who runs it wants to know.
    #[default]
    Info,
    /// What helps to find a fault.
    Debug,
    /// Everything.
    Trace,
}

impl fmt::Display for LogLevel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        })
    }
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One line a person can read.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl fmt::Display for LogFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

/// Logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter does not parse; `config` checks it before, so this is a mistake in the program.
    #[error("the log filter is not valid: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The subscriber is gone, which it is not while the process lives.
    #[error("the log filter cannot be changed: {0}")]
    Reload(#[from] reload::Error),
    /// Another part of the process set up logging before.
    #[error("logging is set up already: {0}")]
    Twice(#[from] SetGlobalDefaultError),
}

/// Returns whether a text is a filter in the language of `RUST_LOG` (`info,ephemeral=debug`).
#[must_use]
pub fn is_filter(text: &str) -> bool {
    EnvFilter::builder().parse(text).is_ok()
}

/// Changes how much is logged, while the process runs.
#[derive(Debug, Clone)]
pub struct Filter(reload::Handle<EnvFilter, Registry>);

impl Filter {
    /// Puts `filter` into force.
    ///
    /// # Errors
    /// [`LogError`]; then it is as it was.
    pub fn set(&self, filter: &str) -> Result<(), LogError> {
        Ok(self.0.reload(EnvFilter::builder().parse(filter)?)?)
    }
}

/// Sends the process's log to the queue for stderr ([`start_writing`]), in colors where that is a
/// terminal (and `NO_COLOR` is not set).
///
/// # Errors
/// [`LogError`].
pub fn init(filter: &str, format: LogFormat) -> Result<Filter, LogError> {
    let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    // Not `init` of `tracing_subscriber`: it installs the bridge from `log`, see above.
    let (subscriber, filter) = subscriber(filter, format, color, QueueWriter(lines()))?;
    tracing::subscriber::set_global_default(subscriber)?;
    Ok(filter)
}

fn subscriber<W>(
    filter: &str,
    format: LogFormat,
    color: bool,
    writer: W,
) -> Result<(impl Subscriber + Send + Sync, Filter), LogError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(EnvFilter::builder().parse(filter)?);
    let lines = tracing_subscriber::fmt::layer().with_ansi(color).log_internal_errors(false).with_writer(writer);
    let lines: Box<dyn Layer<_> + Send + Sync> = match format {
        LogFormat::Text => lines.event_format(OneLine::new(color)).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // Below the others, so that the type of the handle does not depend on where the lines go.
    Ok((Registry::default().with(filter).with(lines).with(filter_fn(may_appear)), Filter(handle)))
}

fn may_appear(metadata: &Metadata<'_>) -> bool {
    let root = metadata.target().split("::").next().unwrap_or_default();
    !REFUSED.contains(&root)
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("lock").write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: &str, format: LogFormat, events: impl FnOnce()) -> String {
        logged_and_changed(filter, format, |_| events())
    }

    fn logged_and_changed(filter: &str, format: LogFormat, events: impl FnOnce(&Filter)) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let (subscriber, handle) = subscriber(filter, format, false, move || writer.clone()).expect("a filter");
        tracing::subscriber::with_default(subscriber, || events(&handle));
        let bytes = captured.0.lock().expect("lock").clone();
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn the_filter_decides_what_is_logged() {
        let events = || {
            tracing::info!("plain");
            tracing::debug!("detail");
            tracing::debug!(target: "other", "elsewhere");
        };
        let seen = |filter| {
            let text = logged(filter, LogFormat::Text, events);
            ["plain", "detail", "elsewhere"].map(|word| text.contains(word))
        };
        assert_eq!(seen("info"), [true, false, false]);
        assert_eq!(seen("warn"), [false, false, false]);
        assert_eq!(seen("info,ephemeral=debug"), [true, true, false]);
        assert_eq!(seen("error,debug"), [true, true, true], "the later one of two levels counts");
    }

    #[test]
    fn the_filter_can_be_changed_and_one_that_does_not_parse_changes_nothing() {
        let text = logged_and_changed("info", LogFormat::Text, |filter| {
            let detail = |word: &str| tracing::debug!("{word}");
            detail("before");
            filter.set("debug").expect("a filter");
            detail("between");
            assert!(filter.set("==").is_err());
            detail("still");
            filter.set("warn").expect("a filter");
            detail("after");
        });
        let seen = ["before", "between", "still", "after"].map(|word| text.contains(word));
        assert_eq!(seen, [false, true, true, false], "{text}");
    }

    #[test]
    fn an_event_is_one_line_with_the_causes_of_its_error() {
        let text = logged("info", LogFormat::Text, || {
            tracing::warn!(target: "tor_dirmgr", "Tried 2 times:\n  Attempt 1: no route\n  Attempt 2: no route");
            let cause = io::Error::other("the cause\nof it");
            tracing::error!(error = &cause as &(dyn std::error::Error + 'static), "it failed");
        });
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("Tried 2 times: Attempt 1: no route; Attempt 2: no route"), "{text}");
        assert!(text.contains("the cause; of it"), "{text}");
    }

    #[test]
    fn at_the_default_level_artis_own_lines_are_at_error() {
        let events = || {
            tracing::info!(target: "arti_client::status", "noise");
            tracing::warn!(target: "tor_circmgr", "noise");
            tracing::error!(target: "tor_hsservice::ipt_mgr", "a failure");
            tracing::info!(target: "ephemeral::onion", "our words");
        };
        let text = logged(&filter(LogLevel::Info, None), LogFormat::Text, events);
        assert!(!text.contains("noise") && text.contains("a failure") && text.contains("our words"), "{text}");
        let text = logged(&filter(LogLevel::Info, Some("tor_circmgr=warn")), LogFormat::Text, events);
        assert_eq!(text.matches("noise").count(), 1, "{text}");
    }

    #[test]
    fn what_libraries_say_about_frames_does_not_appear_whatever_the_filter_says() {
        let text = logged("trace,tungstenite=trace", LogFormat::Text, || {
            tracing::trace!(target: "tungstenite::protocol", "a frame with a secret");
            tracing::error!(target: "hyper", "a header with a secret");
            tracing::trace!(target: "hyperspace", "another crate");
        });
        assert!(!text.contains("secret"), "{text}");
        assert!(text.contains("another crate"), "{text}");
    }

    #[test]
    fn a_line_of_json_is_one_object() {
        let text = logged("info", LogFormat::Json, || tracing::info!(answer = 42, "two\nlines"));
        let value: serde_json::Value = serde_json::from_str(&text).expect("one object");
        assert_eq!((&value["message"], &value["answer"]), (&"two\nlines".into(), &42.into()));
    }

    #[test]
    fn a_filter_that_does_not_parse_is_not_one() {
        assert!(is_filter("info,ephemeral::hub=trace"));
        assert!(!is_filter("ephemeral=loud"));
        assert!(!is_filter("=="));
    }
}
