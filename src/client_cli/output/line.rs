//! What happened, as people read it.

use super::local_time;
use crate::client_cli::words::{fl, quoted};
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
        Notification::Contact { contact, .. } => fl!("news-accepted", contact = printable(contact)),
        Notification::Request { invite, identity, calls_itself, text } => {
            request(*invite, identity, calls_itself, text.as_deref())
        }
        Notification::Answered { contact, .. } => fl!("news-answered", contact = printable(contact)),
        Notification::NotDelivered { contact, .. } => fl!("news-given-up", contact = printable(contact)),
        Notification::WantsToMove { contact, server } => {
            fl!("news-moves", contact = printable(contact), server = server.as_str())
        }
        Notification::Contested { contact } => fl!("news-contested", contact = printable(contact)),
        Notification::NotWhoInviteSays { contact } => fl!("news-not-who", contact = printable(contact)),
        Notification::Left { contact } => fl!("news-left", contact = printable(contact)),
        Notification::Unstable { contact } => fl!("news-unstable", contact = printable(contact)),
        Notification::Resumed { contact } => fl!("news-resumed", contact = printable(contact)),
        Notification::NeedsInvite { contact } => fl!("news-needs-invite", contact = printable(contact)),
        Notification::ClockDisputed {} => fl!("news-clock"),
        _ => return of_file(news).or_else(|| of_group(news)),
    })
}

/// Writes that somebody waits for a yes.
fn request(invite: u64, identity: &str, calls_itself: &str, text: Option<&str>) -> String {
    let invite = invite.to_string();
    let name = quoted(calls_itself);
    let identity = identity.get(..8).unwrap_or_default();
    match text {
        None => fl!("news-asks", name = name, invite = invite, identity = identity),
        Some(text) => {
            let text = printable(text);
            fl!("news-asks-and-writes", name = name, text = text, invite = invite, identity = identity)
        }
    }
}

/// Writes what is about files.
fn of_file(news: &Notification) -> Option<String> {
    Some(match news {
        Notification::File { contact, name, size, .. } => {
            let size = indicatif::BinaryBytes(*size).to_string();
            fl!("news-file", contact = printable(contact), name = printable(name), size = size)
        }
        Notification::FileSaved { contact, path, .. } => {
            fl!("news-file-saved", contact = printable(contact), path = printable(path))
        }
        Notification::FileDamaged { contact, name, .. } => {
            fl!("news-file-damaged", contact = printable(contact), name = printable(name))
        }
        Notification::FileLost { contact, name, gone: true, .. } => {
            fl!("news-file-gone", contact = printable(contact), name = printable(name))
        }
        Notification::FileLost { contact, name, gone: false, .. } => {
            fl!("news-file-lost", contact = printable(contact), name = printable(name))
        }
        Notification::FileArrived { contact, name, .. } => {
            fl!("news-file-arrived", contact = printable(contact), name = printable(name))
        }
        Notification::FileDeclined { contact, name, .. } => {
            fl!("news-file-declined", contact = printable(contact), name = printable(name))
        }
        Notification::FileNotDelivered { contact, name, .. } => {
            fl!("news-file-given-up", contact = printable(contact), name = printable(name))
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
            fl!("news-group-offer", contact = printable(contact), name = quoted(group))
        }
        Notification::GroupJoined { group } => fl!("news-group-joined", group = printable(group)),
        Notification::GroupGap { group } => fl!("news-group-gap", group = printable(group)),
        Notification::GroupMembers { group, members } => {
            fl!("news-group-members", group = printable(group), count = members.len())
        }
        Notification::GroupForked { group } => fl!("news-group-forked", group = printable(group)),
        Notification::GroupRemoved { group } => fl!("news-group-removed", group = printable(group)),
        Notification::GroupNotDelivered { group, member, .. } => {
            fl!("news-group-given-up", group = printable(group), member = printable(member))
        }
        _ => return None,
    })
}

fn gap(missing: bool) -> String {
    if missing { fl!("news-missing") } else { String::new() }
}

fn burning(burn_s: u32) -> String {
    if burn_s == 0 { String::new() } else { fl!("news-burns", seconds = burn_s.to_string()) }
}
