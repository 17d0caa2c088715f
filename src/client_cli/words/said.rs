//! What an engine and the libraries say, in the person's language: found by the cause that stands
//! beside each English sentence, which has the same name in `locales/`.

use std::collections::HashMap;
use std::io::ErrorKind;

use fluent_bundle::FluentValue;
use i18n_embed::fluent::FluentLanguageLoader;

use super::{loader, shown};
use ephemeral_client::cause::{Cause, CauseArgument};

/// Says why something failed.
pub(in super::super) fn of<E>(error: &E) -> String
where
    for<'error> Cause: From<&'error E>,
{
    sentence(&error.into())
}

/// Says what an engine says in English. Without a cause, as of another version, it stays English.
pub(in super::super) fn explained(text: &str, cause: Option<&Cause>) -> String {
    cause.map_or_else(|| shown(text), sentence)
}

/// Returns the sentence of a cause.
pub(in super::super) fn sentence(cause: &Cause) -> String {
    by(loader(), cause)
}

pub(super) fn by(spoken: &FluentLanguageLoader, cause: &Cause) -> String {
    match cause {
        Cause::Words { text } => shown(text),
        Cause::System { code, text } => system(spoken, *code, text),
        Cause::Several { reasons } => all(spoken, reasons),
        _ => {
            let value = |argument| match argument {
                CauseArgument::Text(text) => FluentValue::from(shown(text)),
                CauseArgument::Number(number) => number.into(),
                CauseArgument::Inner(cause) => by(spoken, cause).into(),
                CauseArgument::All(causes) => all(spoken, causes).into(),
            };
            let arguments = cause.arguments().into_iter();
            let arguments: HashMap<_, _> = arguments.map(|(name, of)| (in_locales(name), value(of))).collect();
            spoken.get_args(&in_locales(cause.name()), arguments)
        }
    }
}

/// Returns what a sentence or an argument is called in `locales/`.
fn in_locales(name: &str) -> String {
    name.replace('_', "-")
}

fn all(spoken: &FluentLanguageLoader, causes: &[Cause]) -> String {
    causes.iter().map(|cause| by(spoken, cause)).collect::<Vec<_>>().join("; ")
}

/// Says what the operating system says, by its number: its words are in the language of whoever
/// built it.
fn system(spoken: &FluentLanguageLoader, code: i64, text: &str) -> String {
    let known = i32::try_from(code).ok().map(std::io::Error::from_raw_os_error);
    match known.and_then(|error| name_of(error.kind())) {
        Some(name) => spoken.get_args(name, [("text", shown(text))].into()),
        None => shown(text),
    }
}

/// Returns the sentence for a kind of error, if there is one.
fn name_of(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::NotFound => "os-not-found",
        ErrorKind::PermissionDenied => "os-no-permission",
        ErrorKind::AlreadyExists => "os-exists",
        ErrorKind::ConnectionRefused => "os-refused",
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => "os-broken",
        ErrorKind::TimedOut => "os-timeout",
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => "os-unreachable",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "os-full",
        ErrorKind::ReadOnlyFilesystem => "os-read-only",
        ErrorKind::IsADirectory => "os-directory",
        ErrorKind::NotADirectory => "os-no-directory",
        ErrorKind::FileTooLarge => "os-too-large",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
