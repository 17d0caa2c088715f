//! The commands, and what each does.

use crate::words::{Words, say};

/// The commands, in the order of the help.
pub(crate) const COMMANDS: [&str; 36] = [
    "invite", "accept", "invites", "requests", "verify", "find", "open", "rename", "trust", "agree", "block", "forget",
    "send", "take", "files", "group", "add", "groups", "join", "refuse", "members", "remove", "admin", "leave", "burn",
    "search", "copy", "status", "unlock", "outbox", "settings", "set", "back", "help", "quit", "panic",
];

/// Says what a command does.
pub(crate) fn about(words: &Words, command: &str) -> String {
    match command {
        "invite" => say!(words, "about-invite"),
        "accept" => say!(words, "about-accept"),
        "invites" => say!(words, "about-invites"),
        "requests" => say!(words, "about-requests"),
        "verify" => say!(words, "about-verify"),
        "find" => say!(words, "about-find"),
        "open" => say!(words, "about-open"),
        "rename" => say!(words, "about-rename"),
        "trust" => say!(words, "about-trust"),
        "agree" => say!(words, "about-agree"),
        "block" => say!(words, "about-block"),
        "forget" => say!(words, "about-forget"),
        "send" => say!(words, "about-send"),
        "take" => say!(words, "about-take"),
        "files" => say!(words, "about-files"),
        "group" => say!(words, "about-group"),
        "add" => say!(words, "about-add"),
        "groups" => say!(words, "about-groups"),
        "join" => say!(words, "about-join"),
        "refuse" => say!(words, "about-refuse"),
        "members" => say!(words, "about-members"),
        "remove" => say!(words, "about-remove"),
        _ => about_the_rest(words, command),
    }
}

fn about_the_rest(words: &Words, command: &str) -> String {
    match command {
        "admin" => say!(words, "about-admin"),
        "leave" => say!(words, "about-leave"),
        "burn" => say!(words, "about-burn"),
        "search" => say!(words, "about-search"),
        "copy" => say!(words, "about-copy"),
        "status" => say!(words, "about-status"),
        "unlock" => say!(words, "about-unlock"),
        "outbox" => say!(words, "about-outbox"),
        "settings" => say!(words, "about-settings"),
        "set" => say!(words, "about-set"),
        "back" => say!(words, "about-back"),
        "help" => say!(words, "about-help"),
        "quit" => say!(words, "about-quit"),
        "panic" => say!(words, "about-panic"),
        _ => String::new(),
    }
}
