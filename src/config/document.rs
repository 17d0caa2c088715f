//! The TOML file: which line says what. Whatever is not asked for by the time a table is closed is
//! an unknown key.

use std::fmt::Display;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Problem;
use super::setting::Setting;

/// A parsed file, and what was found wrong with it.
pub(super) struct Document<'t> {
    file: String,
    text: &'t str,
    tables: DeTable<'t>,
    known: Vec<&'static str>,
    /// What is wrong, in the order in which it was found.
    pub(super) problems: Vec<Problem>,
}

impl<'t> Document<'t> {
    /// Reads the syntax. No file at all is an empty text.
    pub(super) fn parse(file: &str, text: &'t str) -> Result<Self, Problem> {
        match DeTable::parse(text) {
            Ok(tables) => Ok(Self {
                file: file.to_owned(),
                text,
                tables: tables.into_inner(),
                known: Vec::new(),
                problems: Vec::new(),
            }),
            Err(error) => {
                let line = line_of(text, error.span().unwrap_or_default().start);
                Err(Problem::new(format!("{file}:{line}"), format!("not TOML: {}", error.message().trim())))
            }
        }
    }

    /// Stands for a file that cannot be read.
    pub(super) fn empty(file: &str) -> Self {
        Self { file: file.to_owned(), text: "", tables: DeTable::new(), known: Vec::new(), problems: Vec::new() }
    }

    /// Opens a table; one that the file does not have is empty.
    pub(super) fn section(&mut self, name: &'static str) -> Section<'_, 't> {
        let entries = self.table(name).map(|(_, table)| table).unwrap_or_default();
        Section { document: self, name, entries, known: Vec::new() }
    }

    /// Takes a whole table, whose keys are another's business, with its place.
    pub(super) fn passthrough(&mut self, name: &'static str) -> Option<Setting<toml::Table>> {
        let (place, _) = self.table(name)?;
        // The syntax was checked before; this only turns borrowed values into owned ones.
        let mut whole = self.text.parse::<toml::Table>().ok()?;
        let Some(toml::Value::Table(value)) = whole.remove(name) else { return None };
        Some(Setting::told(name, value, place))
    }

    fn table(&mut self, name: &'static str) -> Option<(String, DeTable<'t>)> {
        self.known.push(name);
        let (key, entry) = self.tables.remove_entry(name)?;
        let place = format!("{}:{}: [{name}]", self.file, line_of(self.text, key.span().start));
        if let DeValue::Table(table) = entry.into_inner() {
            Some((place, table))
        } else {
            self.problems.push(Problem::new(place, "must be a table"));
            None
        }
    }

    /// Closes the file: a table that nobody opened is an unknown one.
    pub(super) fn finish(&mut self) {
        let tables = self.known.iter().map(|name| format!("[{name}]")).collect::<Vec<_>>().join(", ");
        for (key, _) in &self.tables {
            let line = line_of(self.text, key.span().start);
            let told = format!("{}:{line}: {}", self.file, key.get_ref());
            self.problems
                .push(Problem::new(told, format!("unknown; every setting stands in one of the tables {tables}")));
        }
    }
}

/// A table of the file while its keys are asked for.
pub(super) struct Section<'d, 't> {
    document: &'d mut Document<'t>,
    name: &'static str,
    entries: DeTable<'t>,
    known: Vec<&'static str>,
}

impl Section<'_, '_> {
    /// Reads a value of any kind. `convert` says what would have been accepted.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        default: T,
        convert: impl FnOnce(&DeValue<'_>) -> Result<T, String>,
    ) -> Setting<T> {
        self.known.push(key);
        let Some((found, value)) = self.entries.remove_entry(key) else {
            return Setting { value: default, name: key, told: None, refused: false };
        };
        let told = format!("{} = {}", self.place(key, found.span()), shown(self.document.text, &value));
        match convert(value.get_ref()) {
            Ok(value) => Setting::told(key, value, told),
            Err(says) => {
                self.document.problems.push(Problem::new(told, says));
                Setting { value: default, name: key, told: None, refused: true }
            }
        }
    }

    /// Reads a whole number within a range.
    pub(super) fn number<T>(&mut self, key: &'static str, range: RangeInclusive<T>, default: T) -> Setting<T>
    where
        T: TryFrom<i64> + PartialOrd + Display,
    {
        self.read(key, default, |value| {
            let accepted = || format!("must be a whole number from {} to {}", range.start(), range.end());
            let DeValue::Integer(integer) = value else { return Err(accepted()) };
            let number = i64::from_str_radix(integer.as_str(), integer.radix()).map_err(|_| accepted())?;
            T::try_from(number).ok().filter(|number| range.contains(number)).ok_or_else(accepted)
        })
    }

    /// Reads `true` or `false`.
    pub(super) fn boolean(&mut self, key: &'static str, default: bool) -> Setting<bool> {
        self.read(key, default, |value| value.as_bool().ok_or_else(|| "must be true or false".to_owned()))
    }

    /// Reads one of a few words.
    pub(super) fn choice<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)], default: T) -> Setting<T> {
        self.read(key, default, |value| {
            let found = words.iter().find(|(word, _)| value.as_str() == Some(word));
            found.map(|(_, meant)| *meant).ok_or_else(|| {
                let words = words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
                format!("must be one of {words}")
            })
        })
    }

    /// Closes the table: what nobody asked for is an unknown key.
    pub(super) fn finish(self) {
        for (key, _) in &self.entries {
            let told = self.place(key.get_ref(), key.span());
            let says = format!("unknown key; [{}] accepts {}", self.name, self.known.join(", "));
            self.document.problems.push(Problem::new(told, says));
        }
    }

    fn place(&self, key: &str, span: Range<usize>) -> String {
        format!("{}:{}: [{}] {key}", self.document.file, line_of(self.document.text, span.start), self.name)
    }
}

/// Returns the line that a byte stands in, counted from 1.
fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
}

/// Returns the value as the file writes it; cut, since it is there to be recognised.
fn shown(text: &str, value: &Spanned<DeValue<'_>>) -> String {
    let written = text.get(value.span()).unwrap_or_default();
    let line = written.lines().next().unwrap_or_default();
    let start = line.chars().take(60).collect::<String>();
    if start.len() < written.len() { start + "…" } else { start }
}

#[cfg(test)]
mod tests;
