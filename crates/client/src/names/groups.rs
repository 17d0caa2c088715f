//! The names of groups, of their members, and of what one is invited to.

use ephemeral_e2e::bytes::Key;
use ephemeral_e2e::core::{ContactView, Core, GroupView, MemberView, OfferView};
use ephemeral_e2e::roster::GroupId;

use super::{NameError, called, contact, visible};

/// Somebody, or several, to whom something is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// A contact.
    Contact(ContactView),
    /// A group.
    Group(GroupView),
}

/// Returns what a group is called.
#[must_use]
pub fn called_group(group: &GroupView) -> String {
    let name = visible(&group.name);
    if name.is_empty() { numbered(&group.group) } else { name }
}

fn numbered(group: &GroupId) -> String {
    let number: String = group.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("group-{number}")
}

/// Returns what a member of a group is called: as the contact that it is, or else as the admin
/// calls it, which `~` shows.
#[must_use]
pub fn called_member(core: &Core, member: &MemberView) -> String {
    match core.contacts().iter().find(|contact| contact.identity == member.identity) {
        Some(contact) => called(contact),
        None if visible(&member.name).is_empty() => format!("~{}", beginning(&member.identity, 8)),
        None => format!("~{}", visible(&member.name)),
    }
}

/// Returns the first digits of a key.
fn beginning(key: &Key, digits: usize) -> String {
    key.to_hex().chars().take(digits).collect()
}

/// Returns those that `name` stands for: those called exactly so, or else those whose name differs
/// in the case of letters.
fn alike<T: Clone>(all: &[(T, Vec<String>)], name: &str) -> Vec<T> {
    let having = |same: &dyn Fn(&str) -> bool| -> Vec<T> {
        let found = all.iter().filter(|(_, names)| names.iter().any(|known| same(known)));
        found.map(|(one, _)| one.clone()).collect()
    };
    let exact = having(&|known| known == name);
    let folded = name.to_lowercase();
    if exact.is_empty() { having(&|known| known.to_lowercase() == folded) } else { exact }
}

fn one<T>(mut found: Vec<T>, name: &str, distinct: impl Fn(&T) -> String) -> Result<T, NameError> {
    match found.len() {
        0 => Err(NameError::Unknown(name.to_owned())),
        1 => Ok(found.remove(0)),
        _ => {
            let distinct: Vec<_> = found.iter().map(distinct).collect();
            Err(NameError::Ambiguous(name.to_owned(), distinct.join(" or ")))
        }
    }
}

/// Finds a group by its name, whatever the case of its letters, or by `group-` and the beginning of
/// its id. Groups that one has left are found only if no other one has the name.
///
/// # Errors
/// [`NameError`].
pub fn group(core: &Core, name: &str) -> Result<GroupView, NameError> {
    let named = |group: GroupView| {
        let names = vec![called_group(&group), numbered(&group.group)];
        (group, names)
    };
    let all: Vec<_> = core.groups().into_iter().map(named).collect();
    let mut found = alike(&all, name);
    if found.iter().any(|group| !group.out) {
        found.retain(|group| !group.out);
    }
    one(found, name, |group| numbered(&group.group))
}

/// Finds a member of a group: as it is called, with or without `~`, or by the beginning of its key,
/// at least 8 digits.
///
/// # Errors
/// [`NameError`].
pub fn member(core: &Core, group: &GroupView, name: &str) -> Result<MemberView, NameError> {
    let named = |member: &MemberView| {
        let called = called_member(core, member);
        let short = called.trim_start_matches('~').to_owned();
        (member.clone(), vec![called, short])
    };
    let all: Vec<_> = group.members.iter().map(named).collect();
    let mut found = alike(&all, name);
    if found.is_empty() && name.len() >= 8 {
        let begins = |member: &&MemberView| member.identity.to_hex().starts_with(&name.to_lowercase());
        found = group.members.iter().filter(begins).cloned().collect();
    }
    one(found, name, |member| beginning(&member.identity, 16))
}

/// Finds an invitation to a group by the name of the group, and by the contact that invites if that
/// is given.
///
/// # Errors
/// [`NameError`].
pub fn offer(core: &Core, name: &str, from: Option<&str>) -> Result<OfferView, NameError> {
    let from = from.map(|from| contact(core, from)).transpose()?;
    let offers = core.offers().into_iter().filter(|offer| from.as_ref().is_none_or(|from| from.link == offer.admin));
    let named = |offer: OfferView| {
        let names = vec![visible(&offer.name), numbered(&offer.group)];
        (offer, names)
    };
    let all: Vec<_> = offers.map(named).collect();
    one(alike(&all, name), name, |offer| numbered(&offer.group))
}

/// Finds the contact or the group of a name.
///
/// # Errors
/// [`NameError`]; also if there is one of each.
pub fn recipient(core: &Core, name: &str) -> Result<Recipient, NameError> {
    match (contact(core, name), group(core, name)) {
        (Ok(contact), Err(NameError::Unknown(_))) => Ok(Recipient::Contact(contact)),
        (Err(NameError::Unknown(_)), Ok(group)) => Ok(Recipient::Group(group)),
        (Ok(contact), Ok(group)) => {
            let distinct = format!(
                "{} for the contact or {} for the group",
                super::numbered(contact.link),
                numbered(&group.group)
            );
            Err(NameError::Ambiguous(name.to_owned(), distinct))
        }
        (Err(error @ NameError::Ambiguous(..)), _) | (_, Err(error)) => Err(error),
    }
}

/// Tells whether a contact or a group that one is in is called so.
#[must_use]
pub fn is_taken(core: &Core, name: &str) -> bool {
    let folded = name.to_lowercase();
    let group = core.groups().iter().any(|group| !group.out && called_group(group).to_lowercase() == folded);
    group || core.contacts().iter().any(|contact| called(contact).to_lowercase() == folded)
}
