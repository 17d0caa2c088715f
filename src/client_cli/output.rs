//! What commands print: lines for people, JSON for programs. Nothing in them acts on a terminal.

use std::io::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::exit::Failure;
use ephemeral_client::names;
use ephemeral_client::text::{printable, printable_json};
use ephemeral_e2e::bytes::Key;
use ephemeral_e2e::core::{Core, MemberView};
use ephemeral_e2e::effect::{Event, LinkId};
use ephemeral_e2e::roster::GroupId;

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

/// Returns what a member of a group is called: the contact's name, if it is one, or else the name that it gives itself.
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

/// An event as people read it, on a line; `None` if there is nothing that they need to be told.
pub(super) fn line(core: &Core, event: &Event) -> Option<String> {
    let who = |link: &LinkId| printable(&name_of(core, *link));
    let group_name = |group: &GroupId| printable(&group_of(core, *group));
    Some(match event {
        Event::Text { link, text, at, missing, burn_s, .. } => {
            let (late, burns) = (gap(*missing), burning(*burn_s));
            format!("{} {}: {}{late}{burns}", local_time((*at).into()), who(link), printable(text))
        }
        Event::GroupText { group, member, text, at, missing, .. } => {
            let member = printable(&member_of(core, *group, member));
            let time = local_time((*at).into());
            format!("{time} {}/{member}: {}{}", group_name(group), printable(text), gap(*missing))
        }
        Event::Contact { link, .. } => format!("* {} has accepted your invite", who(link)),
        Event::Request { invite, identity, profile, text } => {
            let said = text.as_ref().map(|text| format!(" and writes: {}", printable(text))).unwrap_or_default();
            let (profile, identity) = (printable(profile), &identity.to_hex()[..8]);
            format!(
                "* somebody who is called {profile:?} asks to write to you{said}; say yes with `ephemeral admit {invite} {identity}`"
            )
        }
        Event::Answered { link, .. } => format!("* {} has answered: you can write to each other", who(link)),
        Event::NotDelivered { link, .. } => format!("* a message to {} was given up: not delivered", who(link)),
        Event::WantsToMove { link, authority } => {
            let (who, server) = (who(link), authority.as_str());
            format!(
                "* {who} wants to be written to at {server}, whose operator would see when you are online; agree with `ephemeral \
                 contacts agree {who}`"
            )
        }
        Event::Contested { link, .. } => {
            let who = who(link);
            format!(
                "* STOP: somebody else used the invite of {who}. Compare the safety words with `ephemeral verify {who}`"
            )
        }
        Event::NotWhoInviteSays { link } => format!("* STOP: {} is not who the invite says", who(link)),
        Event::Left { link } => format!("* {} has ended the conversation", who(link)),
        Event::Unstable { link } => {
            format!("* something is wrong with the conversation with {}: a new invite helps", who(link))
        }
        Event::ClockDisputed => {
            "* the clock of this machine and the server's disagree: nothing old is deleted".to_owned()
        }
        Event::GroupOffer { admin, name, .. } => {
            format!(
                "* {} invites you to the group {name:?}; join with `ephemeral group join {name:?}`",
                who(admin),
                name = printable(name)
            )
        }
        Event::GroupJoined { group } => format!("* you are in the group {}", group_name(group)),
        Event::GroupGap { group, .. } => format!("* others in {} may see something that you do not", group_name(group)),
        Event::GroupMembers { group, members } => format!("* {} has {} members now", group_name(group), members.len()),
        Event::GroupForked { group } => {
            format!("* STOP: the admin of {} shows different members to different people", group_name(group))
        }
        Event::GroupRemoved { group } => format!("* you are no longer in the group {}", group_name(group)),
        Event::FileDelivered { link, name, .. } => format!("* {} has all of the file {}", who(link), printable(name)),
        Event::FileNotDelivered { link, name, .. } => {
            format!("* the file {} to {} was given up: not delivered", printable(name), who(link))
        }
        Event::GroupNotDelivered { group, member, .. } => {
            let member = printable(&member_of(core, *group, member));
            format!("* a message to {} was given up: not delivered to {member}", group_name(group))
        }
        Event::Invite { .. } | Event::Delivered { .. } | Event::GroupDelivered { .. } | Event::File { .. } => {
            return None;
        }
    })
}

fn gap(missing: bool) -> &'static str {
    if missing { " (one before it is missing)" } else { "" }
}

fn burning(burn_s: u32) -> String {
    if burn_s == 0 { String::new() } else { format!(" (to be deleted {burn_s} s after it was read)") }
}

/// An event as programs read it.
pub(super) fn object(core: &Core, event: &Event) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| drop(object.insert(key.to_owned(), value));
    let name = match event {
        Event::Invite { invite, text } => {
            put("invite", json!(invite));
            put("text", json!(text));
            "invite"
        }
        Event::Contact { link, invite, profile } => {
            put("contact", json!(name_of(core, *link)));
            put("invite", json!(invite));
            put("calls_itself", json!(profile));
            "contact"
        }
        Event::Request { invite, identity, profile, text } => {
            put("invite", json!(invite));
            put("identity", json!(identity.to_hex()));
            put("calls_itself", json!(profile));
            put("text", json!(text));
            "request"
        }
        Event::Answered { link, profile } => {
            put("contact", json!(name_of(core, *link)));
            put("calls_itself", json!(profile));
            "answered"
        }
        Event::Text { link, mid, text, at, burn_s, missing } => {
            put("contact", json!(name_of(core, *link)));
            put("id", json!(message_id(*mid)));
            put("at", json!(utc((*at).into())));
            put("text", json!(text));
            put("burn_s", json!(burn_s));
            put("missing", json!(missing));
            "text"
        }
        Event::File { link, mid, chunk } => {
            put("contact", json!(name_of(core, *link)));
            put("id", json!(message_id(*mid)));
            put("name", json!(chunk.name));
            put("size", json!(chunk.size));
            put("index", json!(chunk.index));
            "file"
        }
        Event::Delivered { link, mid } | Event::NotDelivered { link, mid } => {
            put("contact", json!(name_of(core, *link)));
            put("id", json!(message_id(*mid)));
            if matches!(event, Event::Delivered { .. }) { "arrived" } else { "not_delivered" }
        }
        Event::FileDelivered { link, file, name } | Event::FileNotDelivered { link, file, name } => {
            put("contact", json!(name_of(core, *link)));
            put("file", json!(hex(file)));
            put("name", json!(name));
            if matches!(event, Event::FileDelivered { .. }) { "file_arrived" } else { "file_not_delivered" }
        }
        Event::WantsToMove { link, authority } => {
            put("contact", json!(name_of(core, *link)));
            put("server", json!(authority.as_str()));
            "wants_to_move"
        }
        Event::Contested { link, .. } => about(&mut put, core, *link, "contested"),
        Event::NotWhoInviteSays { link } => about(&mut put, core, *link, "not_who_invite_says"),
        Event::Left { link } => about(&mut put, core, *link, "left"),
        Event::Unstable { link } => about(&mut put, core, *link, "unstable"),
        Event::ClockDisputed => "clock_disputed",
        Event::GroupOffer { group, admin, name } => {
            put("group", json!(name));
            put("group_id", json!(hex(group)));
            put("contact", json!(name_of(core, *admin)));
            "group_offer"
        }
        Event::GroupText { group, member, gmid, text, at, missing } => {
            put("group", json!(group_of(core, *group)));
            put("member", json!(member_of(core, *group, member)));
            put("id", json!(message_id(*gmid)));
            put("at", json!(utc((*at).into())));
            put("text", json!(text));
            put("missing", json!(missing));
            "group_text"
        }
        Event::GroupDelivered { group, member, gmid } | Event::GroupNotDelivered { group, member, gmid } => {
            put("group", json!(group_of(core, *group)));
            put("member", json!(member_of(core, *group, member)));
            put("id", json!(message_id(*gmid)));
            if matches!(event, Event::GroupDelivered { .. }) { "group_arrived" } else { "group_not_delivered" }
        }
        Event::GroupMembers { group, members } => {
            put("group", json!(group_of(core, *group)));
            put("members", members.iter().map(|member| member_of(core, *group, member)).collect());
            "group_members"
        }
        Event::GroupJoined { group } => in_group(&mut put, core, *group, "group_joined"),
        Event::GroupGap { group, .. } => in_group(&mut put, core, *group, "group_gap"),
        Event::GroupForked { group } => in_group(&mut put, core, *group, "group_forked"),
        Event::GroupRemoved { group } => in_group(&mut put, core, *group, "group_removed"),
    };
    put("event", json!(name));
    Value::Object(object)
}

fn about(put: &mut impl FnMut(&str, Value), core: &Core, link: LinkId, name: &'static str) -> &'static str {
    put("contact", json!(name_of(core, link)));
    name
}

fn in_group(put: &mut impl FnMut(&str, Value), core: &Core, group: GroupId, name: &'static str) -> &'static str {
    put("group", json!(group_of(core, group)));
    name
}

/// Returns the name of a message as people and programs see it.
pub(super) fn message_id(mid: u64) -> String {
    format!("{mid:016x}")
}

pub(super) fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}
