//! What happened, as people read it.

use super::local_time;
use ephemeral_client::api::Notification;
use ephemeral_client::text::printable;

/// Writes what happened on a line; `None` if there is nothing that they need to be told.
pub(in crate::client_cli) fn line(news: &Notification) -> Option<String> {
    Some(match news {
        Notification::Text { contact, at, text, burn_s, missing, .. } => {
            let late = gap(*missing);
            let burns = burning(*burn_s);
            format!("{} {}: {}{late}{burns}", local_time(at), printable(contact), printable(text))
        }
        Notification::Contact { contact, .. } => format!("* {} has accepted your invite", printable(contact)),
        Notification::Request { invite, identity, calls_itself, text } => {
            let said = text.as_ref().map(|text| format!(" and writes: {}", printable(text))).unwrap_or_default();
            let profile = printable(calls_itself);
            let identity = identity.get(..8).unwrap_or_default();
            format!(
                "* somebody who is called {profile:?} asks to write to you{said}; say yes with `ephemeral admit {invite} {identity}`"
            )
        }
        Notification::Answered { contact, .. } => {
            format!("* {} has answered: you can write to each other", printable(contact))
        }
        Notification::NotDelivered { contact, .. } => {
            format!("* a message to {} was given up: not delivered", printable(contact))
        }
        Notification::WantsToMove { contact, server } => {
            let who = printable(contact);
            format!(
                "* {who} wants to be written to at {server}, whose operator would see when you are online; agree with `ephemeral \
                 contacts agree {who}`"
            )
        }
        Notification::Contested { contact } => {
            let who = printable(contact);
            format!(
                "* STOP: somebody else used the invite of {who}. Compare the safety words with `ephemeral verify {who}`"
            )
        }
        Notification::NotWhoInviteSays { contact } => {
            format!("* STOP: {} is not who the invite says", printable(contact))
        }
        Notification::Left { contact } => format!("* {} has ended the conversation", printable(contact)),
        Notification::Unstable { contact } => {
            format!("* something is wrong with the conversation with {}: a new invite helps", printable(contact))
        }
        Notification::ClockDisputed {} => {
            "* the clock of this machine and the server's disagree: nothing old is deleted".to_owned()
        }
        _ => return of_file(news).or_else(|| of_group(news)),
    })
}

/// Writes what is about files.
fn of_file(news: &Notification) -> Option<String> {
    Some(match news {
        Notification::File { contact, name, size, .. } => {
            let file = format!("{} ({})", printable(name), indicatif::BinaryBytes(*size));
            format!("* {} sends the file {file}; take it with `ephemeral recv --files DIR`", printable(contact))
        }
        Notification::FileSaved { contact, path, .. } => {
            format!("* {} sent a file: {}", printable(contact), printable(path))
        }
        Notification::FileDamaged { contact, name, .. } => {
            let name = printable(name);
            format!("* the file {name} of {} is not what was announced: it was deleted", printable(contact))
        }
        Notification::FileLost { contact, name, gone: true, .. } => {
            let name = printable(name);
            format!("* what was written of the file {name} of {} is gone: ask for it again", printable(contact))
        }
        Notification::FileLost { contact, name, gone: false, .. } => {
            let name = printable(name);
            format!("* the rest of the file {name} of {} did not come: it was deleted", printable(contact))
        }
        Notification::FileArrived { contact, name, .. } => {
            format!("* {} has all of the file {}", printable(contact), printable(name))
        }
        Notification::FileNotDelivered { contact, name, .. } => {
            format!("* the file {} to {} was given up: not delivered", printable(name), printable(contact))
        }
        _ => return None,
    })
}

/// Writes what is about groups.
fn of_group(news: &Notification) -> Option<String> {
    Some(match news {
        Notification::GroupText { group, member, at, text, missing, .. } => {
            let member = printable(member);
            format!("{} {}/{member}: {}{}", local_time(at), printable(group), printable(text), gap(*missing))
        }
        Notification::GroupOffer { contact, group, .. } => {
            format!(
                "* {} invites you to the group {name:?}; join with `ephemeral group join {name:?}`",
                printable(contact),
                name = printable(group)
            )
        }
        Notification::GroupJoined { group } => format!("* you are in the group {}", printable(group)),
        Notification::GroupGap { group } => {
            format!("* others in {} may see something that you do not", printable(group))
        }
        Notification::GroupMembers { group, members } => {
            format!("* {} has {} members now", printable(group), members.len())
        }
        Notification::GroupForked { group } => {
            format!("* STOP: the admin of {} shows different members to different people", printable(group))
        }
        Notification::GroupRemoved { group } => format!("* you are no longer in the group {}", printable(group)),
        Notification::GroupNotDelivered { group, member, .. } => {
            let member = printable(member);
            format!("* a message to {} was given up: not delivered to {member}", printable(group))
        }
        _ => return None,
    })
}

fn gap(missing: bool) -> &'static str {
    if missing { " (one before it is missing)" } else { "" }
}

fn burning(burn_s: u32) -> String {
    if burn_s == 0 { String::new() } else { format!(" (to be deleted {burn_s} s after it was written)") }
}
