//! Events as programs read them.

use ephemeral_e2e::core::Core;
use ephemeral_e2e::effect::{Event, LinkId};
use ephemeral_e2e::files::FileId;
use ephemeral_e2e::roster::GroupId;
use serde_json::{Map, Value, json};

use super::{group_of, member_of, message_id, name_of, utc};

/// Writes an event as an object.
pub(in crate::client_cli) fn object(core: &Core, event: &Event) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| drop(object.insert(key.to_owned(), value));
    let name = of_contact(&mut put, core, event).or_else(|| of_group(&mut put, core, event));
    // Every event is one or the other.
    put("event", json!(name.unwrap_or("unknown")));
    Value::Object(object)
}

/// Writes what is about invites and contacts. Returns the event's name.
fn of_contact(put: &mut impl FnMut(&str, Value), core: &Core, event: &Event) -> Option<&'static str> {
    Some(match event {
        Event::Invite { invite, text } => {
            put("invite", json!(invite));
            put("text", json!(text));
            "invite"
        }
        Event::Contact { link, invite, profile } => {
            put("invite", json!(invite));
            put("calls_itself", json!(profile));
            about(put, core, *link, "contact")
        }
        Event::Request { invite, identity, profile, text } => {
            put("invite", json!(invite));
            put("identity", json!(identity.to_hex()));
            put("calls_itself", json!(profile));
            put("text", json!(text));
            "request"
        }
        Event::Answered { link, profile } => {
            put("calls_itself", json!(profile));
            about(put, core, *link, "answered")
        }
        Event::Text { link, mid, text, at, burn_s, missing } => {
            put("id", json!(message_id(*mid)));
            put("at", json!(utc((*at).into())));
            put("text", json!(text));
            put("burn_s", json!(burn_s));
            put("missing", json!(missing));
            about(put, core, *link, "text")
        }
        Event::File { link, mid, chunk } => {
            put("id", json!(message_id(*mid)));
            put("name", json!(chunk.name));
            put("size", json!(chunk.size));
            put("index", json!(chunk.index));
            about(put, core, *link, "file")
        }
        Event::Delivered { link, mid } => {
            put("id", json!(message_id(*mid)));
            about(put, core, *link, "arrived")
        }
        Event::NotDelivered { link, mid } => {
            put("id", json!(message_id(*mid)));
            about(put, core, *link, "not_delivered")
        }
        Event::FileDelivered { link, file, name } => of_file(put, core, *link, (file, name), "file_arrived"),
        Event::FileNotDelivered { link, file, name } => of_file(put, core, *link, (file, name), "file_not_delivered"),
        Event::WantsToMove { link, authority } => {
            put("server", json!(authority.as_str()));
            about(put, core, *link, "wants_to_move")
        }
        Event::Contested { link, .. } => about(put, core, *link, "contested"),
        Event::NotWhoInviteSays { link } => about(put, core, *link, "not_who_invite_says"),
        Event::Left { link } => about(put, core, *link, "left"),
        Event::Unstable { link } => about(put, core, *link, "unstable"),
        Event::Resumed { link } => about(put, core, *link, "resumed"),
        Event::NeedsInvite { link } => about(put, core, *link, "needs_invite"),
        Event::ClockDisputed => "clock_disputed",
        _ => return None,
    })
}

/// Writes what is about groups. Returns the event's name.
fn of_group(put: &mut impl FnMut(&str, Value), core: &Core, event: &Event) -> Option<&'static str> {
    Some(match event {
        Event::GroupOffer { group, admin, name } => {
            put("group", json!(name));
            put("group_id", json!(hex(group)));
            about(put, core, *admin, "group_offer")
        }
        Event::GroupText { group, member, gmid, text, at, missing } => {
            put("member", json!(member_of(core, *group, member)));
            put("id", json!(message_id(*gmid)));
            put("at", json!(utc((*at).into())));
            put("text", json!(text));
            put("missing", json!(missing));
            in_group(put, core, *group, "group_text")
        }
        Event::GroupDelivered { group, member, gmid } | Event::GroupNotDelivered { group, member, gmid } => {
            put("member", json!(member_of(core, *group, member)));
            put("id", json!(message_id(*gmid)));
            let arrived = matches!(event, Event::GroupDelivered { .. });
            in_group(put, core, *group, if arrived { "group_arrived" } else { "group_not_delivered" })
        }
        Event::GroupMembers { group, members } => {
            put("members", members.iter().map(|member| member_of(core, *group, member)).collect());
            in_group(put, core, *group, "group_members")
        }
        Event::GroupJoined { group } => in_group(put, core, *group, "group_joined"),
        Event::GroupGap { group, .. } => in_group(put, core, *group, "group_gap"),
        Event::GroupForked { group } => in_group(put, core, *group, "group_forked"),
        Event::GroupRemoved { group } => in_group(put, core, *group, "group_removed"),
        _ => return None,
    })
}

fn about(put: &mut impl FnMut(&str, Value), core: &Core, link: LinkId, name: &'static str) -> &'static str {
    put("contact", json!(name_of(core, link)));
    name
}

fn of_file(
    put: &mut impl FnMut(&str, Value),
    core: &Core,
    link: LinkId,
    (file, name): (&FileId, &str),
    event: &'static str,
) -> &'static str {
    put("file", json!(hex(file)));
    put("name", json!(name));
    about(put, core, link, event)
}

fn in_group(put: &mut impl FnMut(&str, Value), core: &Core, group: GroupId, name: &'static str) -> &'static str {
    put("group", json!(group_of(core, group)));
    name
}

/// Writes bytes as digits.
pub(in crate::client_cli) fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}
