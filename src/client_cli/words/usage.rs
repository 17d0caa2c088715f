//! Says what is wrong with a command line. In English clap says it; clap has no other language, but
//! tells what it found.

use std::error::Error as _;
use std::net::AddrParseError;
use std::num::ParseIntError;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{Language, fl, said, shown};
use crate::client_cli::exit::say;
use ephemeral_client::url::UrlError;

/// Prints help, or what is wrong, and returns the exit code that clap has for it.
pub(in super::super) fn report(error: &clap::Error, language: Language) -> u8 {
    if language == Language::English || !error.use_stderr() {
        // A closed terminal leaves nobody to tell.
        let _ = error.print();
    } else {
        say(text(error).trim_end());
    }
    u8::try_from(error.exit_code()).unwrap_or(u8::MAX)
}

/// Returns all that a person is told, laid out as clap does.
fn text(error: &clap::Error) -> String {
    // What is shown instead of an error has no words of clap's but those that are translated.
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return error.to_string();
    }
    let mut text = format!("{} {}", fl!("usage-error"), sentence(error));
    let tips = tips(error);
    if !tips.is_empty() {
        text += "\n";
        tips.iter().for_each(|tip| text += &format!("\n  {} {tip}", fl!("usage-tip")));
    }
    if let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) {
        let usage = usage.to_string();
        let usage = usage.strip_prefix("Usage:").unwrap_or(&usage);
        text += &format!("\n\n{}{usage}", fl!("help-usage"));
    }
    text + "\n\n" + &fl!("usage-more") + "\n"
}

/// Returns one of the things that clap found.
fn one(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(value) => Some(shown(value)),
        ContextValue::Number(value) => Some(value.to_string()),
        ContextValue::Strings(values) => values.first().map(|value| shown(value)),
        _ => None,
    }
}

/// Returns several of them, each on a line of its own.
fn lines(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::Strings(values)) => values.iter().map(|value| format!("\n  {}", shown(value))).collect(),
        Some(ContextValue::String(value)) => format!(" {}", fl!("usage-quoted", text = shown(value))),
        _ => String::new(),
    }
}

fn sentence(error: &clap::Error) -> String {
    let argument = one(error, ContextKind::InvalidArg).unwrap_or_default();
    let value = one(error, ContextKind::InvalidValue).unwrap_or_default();
    let command = one(error, ContextKind::InvalidSubcommand).unwrap_or_default();
    match error.kind() {
        ErrorKind::UnknownArgument => fl!("usage-unknown", argument = argument),
        ErrorKind::InvalidSubcommand => fl!("usage-no-command", command = command),
        ErrorKind::MissingSubcommand => fl!("usage-command-missing", command = command),
        ErrorKind::MissingRequiredArgument => {
            fl!("usage-missing", arguments = lines(error, ContextKind::InvalidArg))
        }
        ErrorKind::InvalidValue if value.is_empty() => fl!("usage-value-missing", argument = argument),
        ErrorKind::InvalidValue => fl!("usage-value", value = value, argument = argument),
        ErrorKind::ValueValidation => {
            let why = reason(error);
            fl!("usage-value-why", value = value, argument = argument, why = why)
        }
        ErrorKind::ArgumentConflict if one(error, ContextKind::PriorArg).as_ref() == Some(&argument) => {
            fl!("usage-twice", argument = argument)
        }
        ErrorKind::ArgumentConflict => conflict(error, argument, command),
        ErrorKind::TooManyValues => fl!("usage-too-many", value = value, argument = argument),
        ErrorKind::InvalidUtf8 => fl!("usage-not-text"),
        // clap has no other reason to refuse any of the commands.
        _ => fl!("usage-other", kind = error.kind().to_string()),
    }
}

fn conflict(error: &clap::Error, argument: String, command: String) -> String {
    let invalid = if argument.is_empty() { command } else { argument };
    let prior = lines(error, ContextKind::PriorArg);
    let prior = if prior.starts_with('\n') { format!(":{prior}") } else { prior };
    fl!("usage-conflict", argument = invalid, others = prior)
}

/// Returns what is wrong with a value.
fn reason(error: &clap::Error) -> String {
    let Some(source) = error.source() else { return String::new() };
    if let Some(error) = source.downcast_ref::<UrlError>() {
        return said::of(error);
    }
    if source.is::<ParseIntError>() {
        return fl!("usage-no-number", why = source.to_string());
    }
    if source.is::<AddrParseError>() {
        return fl!("usage-no-address", why = source.to_string());
    }
    source.to_string()
}

/// Returns what was perhaps meant. clap has other tips, which are only English, and left away.
fn tips(error: &clap::Error) -> Vec<String> {
    let kinds = [
        (ContextKind::SuggestedSubcommand, "subcommand"),
        (ContextKind::SuggestedArg, "argument"),
        (ContextKind::SuggestedValue, "value"),
    ];
    let similar = |(kind, what): (ContextKind, &'static str)| {
        let names = match error.get(kind)? {
            ContextValue::String(name) => std::slice::from_ref(name),
            ContextValue::Strings(names) => names.as_slice(),
            _ => return None,
        };
        let quoted: Vec<_> = names.iter().map(|name| fl!("usage-quoted", text = shown(name))).collect();
        Some(fl!("usage-similar", count = names.len(), what = what, names = quoted.join(", ")))
    };
    kinds.into_iter().filter_map(similar).collect()
}

#[cfg(test)]
mod tests;
