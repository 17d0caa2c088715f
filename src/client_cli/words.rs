//! The sentences that a person reads, in the person's language. Programs read JSON, names of events
//! and exit codes, which are the same in every language.
//!
//! The sentences are in `locales/LANGUAGE/ephemeral.ftl`. `fl!` checks when the program is built
//! that English has a sentence, with these arguments; tests hold the other languages to English.

pub(super) mod files;
pub(super) mod help;
pub(super) mod network;
pub(super) mod said;
pub(super) mod usage;

use std::borrow::Cow;
use std::path::Path;
use std::sync::OnceLock;

use i18n_embed::fluent::FluentLanguageLoader;
use i18n_embed::unic_langid::LanguageIdentifier;
use i18n_embed::{I18nAssets, LanguageLoader as _};

use ephemeral_client::text::printable;

/// A language that the sentences are there in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    English,
    German,
}

/// The files of a language, and which is which.
struct Sentences;

/// Those that are spoken in this process.
static LOADER: OnceLock<FluentLanguageLoader> = OnceLock::new();

/// Returns a sentence: `fl!("id")`, `fl!("id", argument = value)`.
macro_rules! fl {
    ($($id_and_arguments:tt)+) => {
        i18n_embed_fl::fl!($crate::client_cli::words::loader(), $($id_and_arguments)+)
    };
}
pub(super) use fl;

impl Language {
    /// Returns the language that the environment asks for, by the first of LC_ALL, LC_MESSAGES and
    /// LANG that is set and not empty (POSIX, section 8.2); English if that is C, POSIX, unknown,
    /// or of a terminal that does not understand UTF-8.
    pub(super) fn of_environment() -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set);
        locale.map_or(Self::English, |locale| Self::of_locale(&locale))
    }

    /// Takes `language[_territory][.codeset][@modifier]`.
    fn of_locale(locale: &str) -> Self {
        let without_modifier = locale.split('@').next().unwrap_or_default();
        let (place, codeset) = without_modifier.split_once('.').unwrap_or((without_modifier, "UTF-8"));
        let is_utf8 = ["utf-8", "utf8"].contains(&codeset.to_ascii_lowercase().as_str());
        match place.split(['_', '-']).next() {
            Some("de") if is_utf8 => Self::German,
            _ => Self::English,
        }
    }

    /// Returns its name in BCP 47.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    fn identifier(self) -> LanguageIdentifier {
        // A test holds that they can be read.
        self.code().parse().unwrap_or_default()
    }

    /// Reads a file of this language. `fallback`: has what this one does not have.
    fn load(self, file: &str, fallback: Self) -> FluentLanguageLoader {
        let loader = FluentLanguageLoader::new(file, fallback.identifier());
        // The files are in the program, and a test reads them all: this cannot fail.
        let _ = loader.load_languages(&Sentences, &[self.identifier()]);
        // Its marks would stand around each argument. `shown` and `printable` put them where the
        // direction of one demands it.
        loader.set_use_isolating(false);
        loader
    }
}

impl I18nAssets for Sentences {
    fn get_files(&self, path: &str) -> Vec<Cow<'_, [u8]>> {
        let text = match path {
            "en/ephemeral.ftl" => include_str!("../../locales/en/ephemeral.ftl"),
            "de/ephemeral.ftl" => include_str!("../../locales/de/ephemeral.ftl"),
            "de/help.ftl" => include_str!("../../locales/de/help.ftl"),
            _ => return Vec::new(),
        };
        vec![Cow::Borrowed(text.as_bytes())]
    }

    fn filenames_iter(&self) -> Box<dyn Iterator<Item = String> + '_> {
        Box::new(["en/ephemeral.ftl", "de/ephemeral.ftl", "de/help.ftl"].into_iter().map(str::to_owned))
    }
}

/// Lets this process speak a language from now on. The first call counts.
pub(super) fn speak(language: Language) {
    LOADER.get_or_init(|| language.load("ephemeral", Language::English));
}

/// Returns the sentences. Without [`speak`] they are English.
pub(super) fn loader() -> &'static FluentLanguageLoader {
    LOADER.get_or_init(|| Language::English.load("ephemeral", Language::English))
}

/// Returns an argument for a sentence as it can stand there: ASCII as it is, anything else so that
/// it changes nothing around it.
pub(super) fn shown(text: &str) -> String {
    match text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        true => text.to_owned(),
        false => printable(text),
    }
}

/// Returns the words of somebody else in quotation marks that no word ends before its end, so that
/// a command with them can be copied.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", printable(text).replace('"', "\\\""))
}

/// Returns a path as it can stand in a sentence.
pub(super) fn path(path: &Path) -> String {
    shown(&path.to_string_lossy())
}

#[cfg(test)]
mod tests;
