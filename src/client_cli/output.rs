//! What commands print: lines for people, JSON for programs. Nothing in them acts on a terminal.

mod line;

use std::io::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::exit::Failure;
use ephemeral_client::text::printable_json;

pub(super) use line::line;

/// Writes to stdout at once.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| Failure::output(&error))
}

/// Writes an object on a line of its own.
pub(super) fn print_json(value: &Value) -> Result<(), Failure> {
    print(&format!("{}\n", printable_json(&value.to_string())))
}

/// Writes a time as RFC 3339 has it in the time zone of this machine, to the minute.
pub(super) fn local_time(utc: &str) -> String {
    let time: Timestamp = utc.parse().unwrap_or(Timestamp::UNIX_EPOCH);
    time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}
