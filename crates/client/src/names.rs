//! The names of contacts and groups: how a person's words find one, and what somebody without a
//! name is called.

use ephemeral_e2e::core::{ContactView, Core, GroupView};
use ephemeral_e2e::effect::LinkId;

mod groups;

pub use groups::{Recipient, called_group, called_member, group, is_taken, member, offer, recipient};

/// The longest name in bytes (`docs/e2e.md`).
const MAX_BYTES: usize = 64;

/// Says why a word names nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is none of this name.
    #[error("no contact or group is called {0}")]
    Unknown(String),
    /// There are several.
    #[error("several are called {0}: use {1}")]
    Ambiguous(String, String),
}

/// Returns what a contact is called: the name that it was given, or else its number.
#[must_use]
pub fn called(contact: &ContactView) -> String {
    if contact.name.is_empty() { numbered(contact.link) } else { contact.name.clone() }
}

fn numbered(link: LinkId) -> String {
    format!("contact-{link}")
}

/// Finds a contact by its name, whatever the case of its letters, or by `contact-NUMBER`.
///
/// # Errors
/// [`NameError`].
pub fn contact(core: &Core, name: &str) -> Result<ContactView, NameError> {
    let contacts = core.contacts();
    if let Some(numbered) = contacts.iter().find(|contact| numbered(contact.link) == name) {
        return Ok(numbered.clone());
    }
    let exact: Vec<_> = contacts.iter().filter(|contact| contact.name == name).collect();
    let folded = name.to_lowercase();
    let alike = || contacts.iter().filter(|contact| contact.name.to_lowercase() == folded).collect();
    let found = if exact.is_empty() { alike() } else { exact };
    match found.as_slice() {
        [] => Err(NameError::Unknown(name.to_owned())),
        [one] => Ok((*one).clone()),
        several => {
            let numbers: Vec<_> = several.iter().map(|contact| numbered(contact.link)).collect();
            Err(NameError::Ambiguous(name.to_owned(), numbers.join(" or ")))
        }
    }
}

/// Returns a name for a contact that calls itself so: nobody else has it, and nothing in it can
/// deceive.
#[must_use]
pub fn free(core: &Core, wished: &str) -> String {
    let visible = visible(wished);
    let wished = visible.trim();
    let taken = |name: &str| {
        let alike = |contact: &ContactView| contact.name.to_lowercase() == name.to_lowercase();
        // Nor the name of a group: a text to that name would have no recipient then.
        let group = |group: &GroupView| group.name.to_lowercase() == name.to_lowercase();
        core.contacts().iter().any(alike) || core.groups().iter().any(group)
    };
    if wished.is_empty() || wished.starts_with("contact-") {
        return String::new();
    }
    let numbers = std::iter::once(String::new()).chain((2..).map(|number| format!("-{number}")));
    numbers.map(|number| cut(wished, MAX_BYTES - number.len()) + &number).find(|name| !taken(name)).unwrap_or_default()
}

/// Returns a name without anything that acts on a terminal.
fn visible(name: &str) -> String {
    name.chars().filter(|character| !character.is_control()).collect()
}

/// Returns the beginning of a text that is no longer than so many bytes.
fn cut(text: &str, most: usize) -> String {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use ephemeral_e2e::authority::Authority;
    use ephemeral_e2e::core::{Accept, InviteOptions};
    use ephemeral_e2e::effect::{Effect, Event};

    use super::*;

    /// Makes a profile with contacts of these names.
    fn with(names: &[&str]) -> Core {
        let server = Authority::loopback("localhost").unwrap();
        let mut core = Core::create(server.clone(), "me", 0).unwrap();
        for name in names {
            let mut other = Core::create(server.clone(), "", 0).unwrap();
            other.invite(InviteOptions::default(), 0).unwrap();
            let effects = other.commit(|_| Ok::<(), ()>(())).unwrap();
            let text = effects.into_iter().find_map(|effect| match effect {
                Effect::Show { event: Event::Invite { text, .. }, .. } => Some(text),
                _ => None,
            });
            core.accept(&text.unwrap(), Accept { name: (*name).to_owned(), ..Accept::default() }, 0).unwrap();
        }
        core
    }

    #[test]
    fn a_contact_is_found_by_its_name_in_any_case_unless_two_have_it() {
        let core = with(&["Alice", "bob", "Bob", ""]);
        assert_eq!(contact(&core, "ALICE").unwrap().name, "Alice");
        assert_eq!(contact(&core, "bob").unwrap().name, "bob");
        assert!(matches!(contact(&core, "BOB"), Err(NameError::Ambiguous(..))));
        assert!(matches!(contact(&core, "carol"), Err(NameError::Unknown(_))));
        let last = core.contacts().last().unwrap().clone();
        assert_eq!(contact(&core, &called(&last)).unwrap(), last);
    }

    #[test]
    fn a_new_contact_takes_nobodys_name_and_fits() {
        let core = with(&["Alice", "alice-2"]);
        assert_eq!(free(&core, "alice"), "alice-3");
        assert_eq!(free(&core, " Carol\u{1b}\n"), "Carol");
        assert_eq!(free(&core, "contact-7"), "");
        let mut core = core;
        core.found("Board", 0).unwrap();
        assert_eq!(free(&core, "board"), "board-2");
        assert_eq!(free(&core, &"ü".repeat(100)).len(), 64);
    }
}
