//! The sentences that the person reads, in the language of the environment.

use std::borrow::Cow;

use i18n_embed::fluent::FluentLanguageLoader;
use i18n_embed::unic_langid::LanguageIdentifier;
use i18n_embed::{I18nAssets, LanguageLoader as _};

/// The languages and their sentences. They are in the program, and nothing else of their files is.
const LOCALES: [(&str, &str); 2] = [
    ("de", include_str!("../locales/de/ephemeral_chat.ftl")),
    ("en", include_str!("../locales/en/ephemeral_chat.ftl")),
];

/// The language that has every sentence, and is taken where no other is known.
const FALLBACK: &str = "en";

/// Looks up a sentence by its id, which the compiler checks together with its arguments.
macro_rules! say {
    ($words:expr, $id:literal $(, $name:ident = $value:expr)* $(,)?) => {
        i18n_embed_fl::fl!($words.loader, $id $(, $name = $crate::words::itself($value))*)
    };
}
pub(crate) use say;

/// The files, as the loader asks for them: `de/ephemeral_chat.ftl`.
struct Locales;

impl I18nAssets for Locales {
    fn get_files(&self, path: &str) -> Vec<Cow<'_, [u8]>> {
        let language = path.split('/').next().unwrap_or_default();
        let files = LOCALES.iter().filter(|(known, _)| *known == language);
        files.map(|(_, text)| Cow::Borrowed(text.as_bytes())).collect()
    }

    fn filenames_iter(&self) -> Box<dyn Iterator<Item = String> + '_> {
        Box::new(LOCALES.iter().map(|(language, _)| format!("{language}/ephemeral_chat.ftl")))
    }
}

/// Returns what it takes: `into` then knows the type of what is computed.
pub(crate) fn itself<T>(value: T) -> T {
    value
}

/// Every sentence in one language.
#[derive(Debug)]
pub struct Words {
    pub(crate) loader: FluentLanguageLoader,
}

impl Words {
    /// Takes the language of a locale's name: `de_DE.UTF-8` is German; `C`, `POSIX`, and languages
    /// that there are no sentences in, English. Which locale counts, the program knows.
    #[must_use]
    pub fn of(locale: &str) -> Self {
        let language = locale.split(['_', '.', '@']).next().unwrap_or_default().to_lowercase();
        let wanted = if Self::languages().contains(&language) { language } else { FALLBACK.to_owned() };
        let fallback: LanguageIdentifier = FALLBACK.parse().unwrap_or_default();
        let loader = FluentLanguageLoader::new("ephemeral_chat", fallback.clone());
        let wanted: LanguageIdentifier = wanted.parse().unwrap_or_else(|_| fallback.clone());
        // Both are in the program; without them, ids are shown instead of sentences.
        let _ = loader.load_languages(&Locales, &[wanted, fallback]);
        // What comes of others is isolated already, where its direction demands it.
        loader.set_use_isolating(false);
        Self { loader }
    }

    /// Lists the languages that there are.
    #[must_use]
    pub fn languages() -> Vec<String> {
        LOCALES.iter().map(|(language, _)| (*language).to_owned()).collect()
    }
}

#[cfg(test)]
mod tests;
