//! What an engine says, in the person's language. It may run in another process, of somebody who
//! speaks something else: its sentences are English on the socket, and are found again here by
//! their English form. One that is not known, as of another version, stays English.

use std::collections::HashMap;
use std::io;
use std::sync::OnceLock;

use i18n_embed::LanguageLoader as _;
use i18n_embed::fluent::FluentLanguageLoader;

use super::{Language, files, loader};

/// The sentences with which an engine refuses something, or says why there is no connection. A test
/// holds that its sources have no others.
const SENTENCES: &[&str] = &[
    "refused-no-method",
    "refused-contact-name",
    "refused-does-not-move",
    "refused-several-wait",
    "refused-nobody-waits",
    "refused-group-burns",
    "refused-out",
    "refused-not-yet-in",
    "refused-forked",
    "refused-alone",
    "refused-group-name",
    "refused-taken",
    "refused-offer-taken",
    "refused-not-admin",
    "refused-member-already",
    "refused-group-full",
    "refused-remove-me",
    "refused-admin-already",
    "refused-last-admin",
    "refused-file-to-group",
    "refused-no-file",
    "refused-folder",
    "refused-callers",
    "send-empty",
    "send-too-long",
    "panic-incomplete",
    "name-unknown",
    "name-ambiguous",
    "core-stopped",
    "core-no-state",
    "core-unknown",
    "core-expired",
    "core-own-invite",
    "core-foreign",
    "core-full",
    "core-too-long",
    "core-not-now",
    "core-group",
    "invite-damaged",
    "invite-version",
    "invite-not-genuine",
    "full-inbox",
    "full-contacts",
    "full-outbox",
    "full-sending",
    "full-coming",
    "full-groups",
    "full-invites",
    "not-now-over",
    "not-now-identity",
    "not-now-unanswered",
    "not-now-no-answer",
    "not-now-chunk",
    "not-now-member",
    "vault-damaged",
    "vault-too-long",
    "vault-erased",
    "vault-stopped",
    "vault-unencrypted",
    "engine-elsewhere",
    "engine-task",
    "source-unread",
    "source-no-file",
    "source-size",
    "source-path",
    "source-changed",
    "download-unwritten",
    "download-no-folder",
    "file-failed",
    "file-denied",
    "file-denied-user",
    "file-denied-own",
    "file-denied-other",
    "file-disk-full",
    "file-read-only",
    "secret-exposed",
    "secret-none",
    "discovery-other",
    "no-random-numbers",
    "no-home",
    "lost-closed",
    "lost-closed-code",
    "lost-closed-reason",
    "lost-dropped",
    "lost-io",
    "lost-silent",
    "lost-not-reading",
    "lost-protocol",
    "connect-refused",
    "connect-old-server",
    "connect-timeout",
    "unusable-limits",
    "route-unencrypted",
    "route-tor-config",
    "dial-onion-directly",
    "dial-timeout",
    "dial-tcp",
    "dial-socks",
    "tor-path",
    "tor-unsafe",
    "tor-fix-mode",
    "tor-fix-owner",
    "tor-in-use",
    "tor-runtime",
    "tor-no-network",
    "tor-no-server",
];

/// The arguments that they have. A character of its own stands for each while it is looked where
/// they are.
const ARGUMENTS: [&str; 28] = [
    "name",
    "why",
    "path",
    "group",
    "admin",
    "most",
    "unambiguous",
    "server",
    "what",
    "size",
    "code",
    "reason",
    "status",
    "seconds",
    "proxy",
    "fix",
    "mode",
    "user",
    "owner",
    "action",
    "bytes",
    "least-bytes",
    "least-seconds",
    "from",
    "known",
    "to",
    "count",
    "field",
];
/// The first of these characters: Unicode leaves them to whoever uses them.
const FIRST_MARK: u32 = 0xe000;

/// An English sentence, taken apart.
struct Template {
    id: &'static str,
    beginning: String,
    /// The arguments, and what stands behind each.
    rest: Vec<(&'static str, String)>,
}

/// The values of a sentence's arguments.
type Values<'text> = Vec<(&'static str, &'text str)>;

/// Returns a sentence of an engine in the person's language.
pub(in super::super) fn translated(text: &str) -> String {
    let spoken = loader();
    match spoken.current_language() == *spoken.fallback_language() {
        true => text.to_owned(),
        false => said_by(spoken, text),
    }
}

fn said_by(spoken: &FluentLanguageLoader, text: &str) -> String {
    if let Some(inner) = text.strip_prefix('\u{2068}').and_then(|text| text.strip_suffix('\u{2069}')) {
        return format!("\u{2068}{}\u{2069}", said_by(spoken, inner));
    }
    let Some((id, values)) = found(text) else { return of_system(text) };
    let translated = |(name, value): (&'static str, &str)| match name {
        "why" | "what" | "fix" => (name, said_by(spoken, value)),
        _ => (name, value.to_owned()),
    };
    let arguments: HashMap<_, _> = values.into_iter().map(translated).collect();
    spoken.get_args(id, arguments)
}

/// Returns what the operating system said, if it did.
fn of_system(text: &str) -> String {
    let code = text.rsplit_once("error ").and_then(|(_, code)| code.strip_suffix(')')?.parse().ok());
    match code.map(io::Error::from_raw_os_error) {
        Some(error) if error.to_string() == text => files::system(&error),
        _ => text.to_owned(),
    }
}

/// Finds the sentence that a text is, and its arguments: of several, the one that leaves the least
/// to them.
fn found(text: &str) -> Option<(&'static str, Values<'_>)> {
    static TEMPLATES: OnceLock<Vec<Template>> = OnceLock::new();
    let templates = TEMPLATES.get_or_init(|| {
        let english = Language::English.load("ephemeral", Language::English);
        SENTENCES.iter().map(|id| Template::new(&english, id)).collect()
    });
    let fitting = templates.iter().filter_map(|template| Some((template, template.values(text)?)));
    let (template, values) = fitting.max_by_key(|(template, _)| template.length())?;
    Some((template.id, values))
}

impl Template {
    fn new(english: &FluentLanguageLoader, id: &'static str) -> Self {
        let marks = || (FIRST_MARK..).filter_map(char::from_u32).zip(ARGUMENTS);
        let arguments: HashMap<_, _> = marks().map(|(mark, name)| (name, mark.to_string())).collect();
        let text = english.get_args(id, arguments);
        let mut template = Self { id, beginning: String::new(), rest: Vec::new() };
        for character in text.chars() {
            match marks().find(|(mark, _)| *mark == character) {
                Some((_, name)) => template.rest.push((name, String::new())),
                None => template.rest.last_mut().map_or(&mut template.beginning, |(_, behind)| behind).push(character),
            }
        }
        template
    }

    /// Returns how much of the sentence is not in its arguments.
    fn length(&self) -> usize {
        self.beginning.len() + self.rest.iter().map(|(_, behind)| behind.len()).sum::<usize>()
    }

    /// Returns the arguments, if a text is this sentence.
    fn values<'text>(&self, text: &'text str) -> Option<Values<'text>> {
        let mut left = text.strip_prefix(self.beginning.as_str())?;
        let mut values = Values::new();
        for (index, (name, behind)) in self.rest.iter().enumerate() {
            let is_last = index + 1 == self.rest.len();
            let (value, next) = match is_last {
                true => (left.strip_suffix(behind.as_str())?, ""),
                false => left.split_once(behind.as_str())?,
            };
            values.push((name, value));
            left = next;
        }
        let is_whole = left.is_empty() && values.iter().all(|(_, value)| !value.is_empty());
        is_whole.then_some(values)
    }
}

#[cfg(test)]
mod tests;
