//! How contacts, members, groups, messages and times are written in answers and notifications.

use ephemeral_e2e::bytes::Key;
use ephemeral_e2e::core::{Core, MemberView};
use ephemeral_e2e::effect::LinkId;
use ephemeral_e2e::roster::GroupId;
use jiff::Timestamp;

use crate::names;

/// Milliseconds in a minute.
const MINUTE_MS: u64 = 60_000;

/// Writes milliseconds since 1970 as RFC 3339 has it, to the second.
pub(super) fn utc_ms(milliseconds: u64) -> String {
    let seconds = i64::try_from(milliseconds / 1_000).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// Writes minutes since 1970 as RFC 3339 has it.
pub(super) fn utc(minutes: u64) -> String {
    utc_ms(minutes.saturating_mul(MINUTE_MS))
}

/// Returns when a text is deleted on both sides: so long after the end of the minute in which it
/// was written, which is all that either side knows of it.
pub(super) fn gone_ms(at: u32, burn_s: u32) -> Option<u64> {
    (burn_s > 0).then(|| (u64::from(at) + 1) * MINUTE_MS + u64::from(burn_s) * 1_000)
}

/// Writes the name of a text or a message.
pub(super) fn message_id(mid: u64) -> String {
    format!("{mid:016x}")
}

/// Writes bytes as digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// Returns what a contact is called.
pub(super) fn name_of(core: &Core, link: LinkId) -> String {
    let contacts = core.contacts();
    contacts.iter().find(|contact| contact.link == link).map_or_else(|| format!("contact-{link}"), names::called)
}

/// Returns what a member of a group is called.
pub(super) fn member_of(core: &Core, group: GroupId, member: &Key) -> String {
    let group = core.groups().into_iter().find(|known| known.group == group);
    let named = group.and_then(|group| group.members.into_iter().find(|known| known.identity == *member));
    let gone = || MemberView { identity: *member, name: String::new(), admin: false, me: false };
    names::called_member(core, &named.unwrap_or_else(gone))
}

/// Returns what a group is called.
pub(super) fn group_of(core: &Core, group: GroupId) -> String {
    let groups = core.groups();
    groups.iter().find(|known| known.group == group).map_or_else(|| "a group".to_owned(), names::called_group)
}
