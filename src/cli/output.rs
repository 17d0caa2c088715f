//! What the commands write: results to stdout, complaints to stderr.

use std::fmt::Display;
use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use super::{EXIT_NOT_ERASED, PATIENCE};
use crate::logging;

/// Writes to stdout; unlike `println!` it does not panic when nobody reads any more (`… | head`),
/// which is no error.
pub(super) fn print(text: &str) -> ExitCode {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => failure(format_args!("cannot write to stdout: {error}")),
    }
}

pub(super) fn failure(error: impl Display) -> ExitCode {
    complain(error);
    ExitCode::FAILURE
}

/// Says that something that was to be erased is left.
pub(super) fn not_erased(what: impl Display) -> ExitCode {
    complain(what);
    EXIT_NOT_ERASED.into()
}

/// Writes to stderr, beside the log's lines where there is a log: nobody who does not read holds up
/// the end.
pub(super) fn complain(what: impl Display) {
    let line = format!("ephemeral-server: {what}");
    if logging::is_writing() {
        logging::say(&line);
        logging::flush(PATIENCE);
    } else {
        // Without a panic if stderr is closed.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}
