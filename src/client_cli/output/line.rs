//! Events as people read them.

use ephemeral_client::text::printable;
use ephemeral_e2e::core::Core;
use ephemeral_e2e::effect::{Event, LinkId};
use ephemeral_e2e::roster::GroupId;

use super::{group_of, local_time, member_of, name_of};

/// Writes an event on a line; `None` if there is nothing that they need to be told.
pub(in crate::client_cli) fn line(core: &Core, event: &Event) -> Option<String> {
    let who = |link: &LinkId| printable(&name_of(core, *link));
    Some(match event {
        Event::Text { link, text, at, missing, burn_s, .. } => {
            let late = gap(*missing);
            let burns = burning(*burn_s);
            format!("{} {}: {}{late}{burns}", local_time((*at).into()), who(link), printable(text))
        }
        Event::Contact { link, .. } => format!("* {} has accepted your invite", who(link)),
        Event::Request { invite, identity, profile, text } => {
            let said = text.as_ref().map(|text| format!(" and writes: {}", printable(text))).unwrap_or_default();
            let profile = printable(profile);
            let identity = identity.to_hex().get(..8).unwrap_or_default().to_owned();
            format!(
                "* somebody who is called {profile:?} asks to write to you{said}; say yes with `ephemeral admit {invite} {identity}`"
            )
        }
        Event::Answered { link, .. } => format!("* {} has answered: you can write to each other", who(link)),
        Event::NotDelivered { link, .. } => format!("* a message to {} was given up: not delivered", who(link)),
        Event::WantsToMove { link, authority } => {
            let who = who(link);
            let server = authority.as_str();
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
        Event::Resumed { link } => format!("* {} has answered: the conversation goes on", who(link)),
        Event::NeedsInvite { link } => {
            format!("* {} did not answer for a week: a new invite is needed", who(link))
        }
        Event::ClockDisputed => {
            "* the clock of this machine and the server's disagree: nothing old is deleted".to_owned()
        }
        Event::FileDelivered { link, name, .. } => format!("* {} has all of the file {}", who(link), printable(name)),
        Event::FileNotDelivered { link, name, .. } => {
            format!("* the file {} to {} was given up: not delivered", printable(name), who(link))
        }
        Event::Invite { .. } | Event::Delivered { .. } | Event::File { .. } => return None,
        _ => return of_group(core, event),
    })
}

/// Writes what is about groups.
fn of_group(core: &Core, event: &Event) -> Option<String> {
    let group_name = |group: &GroupId| printable(&group_of(core, *group));
    Some(match event {
        Event::GroupText { group, member, text, at, missing, .. } => {
            let member = printable(&member_of(core, *group, member));
            let time = local_time((*at).into());
            format!("{time} {}/{member}: {}{}", group_name(group), printable(text), gap(*missing))
        }
        Event::GroupOffer { admin, name, .. } => {
            format!(
                "* {} invites you to the group {name:?}; join with `ephemeral group join {name:?}`",
                printable(&name_of(core, *admin)),
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
        Event::GroupNotDelivered { group, member, .. } => {
            let member = printable(&member_of(core, *group, member));
            format!("* a message to {} was given up: not delivered to {member}", group_name(group))
        }
        _ => return None,
    })
}

fn gap(missing: bool) -> &'static str {
    if missing { " (one before it is missing)" } else { "" }
}

fn burning(burn_s: u32) -> String {
    if burn_s == 0 { String::new() } else { format!(" (to be deleted {burn_s} s after it was read)") }
}
