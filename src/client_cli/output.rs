//! What commands print: lines for people, JSON for programs. Nothing in them acts on a terminal.

mod line;
mod object;

use std::io::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::exit::Failure;
use ephemeral_client::names;
use ephemeral_client::text::printable_json;
use ephemeral_e2e::bytes::Key;
use ephemeral_e2e::core::{Core, MemberView};
use ephemeral_e2e::effect::LinkId;
use ephemeral_e2e::roster::GroupId;

pub(super) use line::line;
pub(super) use object::{hex, object};

/// Writes to stdout at once.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| Failure::output(&error))
}

/// Writes an object on a line of its own.
pub(super) fn print_json(value: &Value) -> Result<(), Failure> {
    print(&format!("{}\n", printable_json(&value.to_string())))
}

/// Writes minutes since 1970 in the time zone of this machine.
pub(super) fn local_time(minutes: u64) -> String {
    let seconds = i64::try_from(minutes.saturating_mul(60)).unwrap_or(i64::MAX);
    let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}

/// Writes minutes since 1970 as RFC 3339 has it.
pub(super) fn utc(minutes: u64) -> String {
    let seconds = i64::try_from(minutes.saturating_mul(60)).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// Returns what a contact is called; for a member of a group, what it calls itself.
pub(super) fn name_of(core: &Core, link: LinkId) -> String {
    core.contacts().iter().find(|contact| contact.link == link).map_or_else(|| format!("contact-{link}"), names::called)
}

/// Returns what a member of a group is called.
pub(super) fn member_of(core: &Core, group: GroupId, member: &Key) -> String {
    let group = core.groups().into_iter().find(|known| known.group == group);
    let named = group.and_then(|group| group.members.into_iter().find(|known| known.identity == *member));
    let gone = || MemberView { identity: *member, name: String::new(), admin: false, me: false };
    names::called_member(core, &named.unwrap_or_else(gone))
}

fn group_of(core: &Core, group: GroupId) -> String {
    core.groups()
        .into_iter()
        .find(|known| known.group == group)
        .map_or_else(|| "a group".to_owned(), |group| group.name)
}

/// Returns the name of a message as people and programs see it.
pub(super) fn message_id(mid: u64) -> String {
    format!("{mid:016x}")
}
