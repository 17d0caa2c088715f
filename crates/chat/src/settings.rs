//! What a person can set. It says nothing of conversations.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::keys::{ACTIONS, KeyAction, KeyName, KeyPress};
use crate::layout::in_sentence;
use crate::words::{Words, say};

/// The settings, as they stand in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whether the terminal's bell rings when something comes.
    pub bell: bool,
    /// Whether the terminal is asked to notify (OSC 9), without content.
    pub notify: bool,
    /// Seconds after which texts are to be gone, where a conversation sets nothing else; 0: never.
    pub burn_s: u32,
    /// Chords that are other ones than usual: `find = "ctrl-t"`.
    pub keys: BTreeMap<String, String>,
}

/// What is wrong with settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingsProblem {
    /// The file is not what it should be; in the words of its parser, with the line.
    Unread(String),
    /// There is no such action.
    NoAction(String),
    /// An action and its chord, which is none.
    NoKey(&'static str, String),
    /// An action and its chord, which another one has.
    Taken(&'static str, String),
    /// An action and its chord, which is written.
    Written(&'static str, String),
    /// An action and its chord, which always does the same.
    Fixed(&'static str, String),
}

impl SettingsProblem {
    /// Says it in the person's language, on one line.
    #[must_use]
    pub fn said(&self, words: &Words) -> String {
        match self {
            Self::Unread(why) => say!(words, "setting-unread", why = in_sentence(why)),
            Self::NoAction(name) => {
                let known: Vec<_> = ACTIONS.iter().map(|(_, name, _)| *name).collect();
                say!(words, "setting-no-action", name = in_sentence(name), known = known.join(", "))
            }
            Self::NoKey(name, chord) => say!(words, "setting-no-key", name = *name, chord = in_sentence(chord)),
            Self::Taken(name, chord) => say!(words, "setting-taken", name = *name, chord = in_sentence(chord)),
            Self::Written(name, chord) => say!(words, "setting-written", name = *name, chord = in_sentence(chord)),
            Self::Fixed(name, chord) => say!(words, "setting-fixed", name = *name, chord = in_sentence(chord)),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { bell: true, notify: false, burn_s: 0, keys: BTreeMap::new() }
    }
}

impl Settings {
    /// Reads the file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, SettingsProblem> {
        let settings: Self = toml::from_str(text).map_err(|error| SettingsProblem::Unread(error.to_string()))?;
        settings.chords()?;
        Ok(settings)
    }

    /// Writes the file.
    #[must_use]
    pub fn write(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }

    /// Returns the chord of each action.
    pub(crate) fn chords(&self) -> Result<Vec<(KeyAction, KeyPress)>, SettingsProblem> {
        if let Some(unknown) = self.keys.keys().find(|name| !ACTIONS.iter().any(|(_, known, _)| known == name)) {
            return Err(SettingsProblem::NoAction(unknown.clone()));
        }
        let mut chords: Vec<(KeyAction, KeyPress)> = Vec::new();
        for (action, name, usual) in ACTIONS {
            let chord = self.keys.get(name).map_or(usual, String::as_str);
            let Ok(press) = chord.parse::<KeyPress>() else {
                return Err(SettingsProblem::NoKey(name, chord.to_owned()));
            };
            if chords.iter().any(|(_, other)| *other == press) {
                return Err(SettingsProblem::Taken(name, chord.to_owned()));
            }
            if is_fixed(press) {
                return Err(SettingsProblem::Fixed(name, chord.to_owned()));
            }
            if !press.ctrl && !press.alt && matches!(press.code, KeyName::Char(_)) {
                return Err(SettingsProblem::Written(name, chord.to_owned()));
            }
            chords.push((action, press));
        }
        Ok(chords)
    }
}

/// Tells whether a key cannot do anything else: without it nothing could be sent, corrected or
/// ended. To a terminal, Ctrl-I is Tab, Ctrl-M is Enter, and Ctrl-[ is Escape.
fn is_fixed(press: KeyPress) -> bool {
    match press.code {
        KeyName::Enter | KeyName::Esc | KeyName::Backspace => true,
        KeyName::Char(character) => press.ctrl && matches!(character, 'c' | 'd' | 'i' | 'm' | '['),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_they_are_written() {
        let mut settings = Settings { bell: false, burn_s: 60, ..Settings::default() };
        settings.keys.insert("find".to_owned(), "ctrl-t".to_owned());
        assert_eq!(Settings::read(&settings.write()), Ok(settings.clone()));
        let find = settings.chords().unwrap().into_iter().find(|(action, _)| *action == KeyAction::Find);
        assert_eq!(find, Some((KeyAction::Find, KeyPress::ctrl('t'))));
    }

    #[test]
    fn a_wrong_setting_is_named_with_what_is_wrong_in_the_persons_language() {
        for (text, english, german) in [
            ("bel = true", "bel", "keine Einstellung"),
            ("keys.fnd = \"ctrl-t\"", "keys.fnd", "gibt es nicht"),
            ("keys.find = \"hyper-t\"", "ctrl-p", "keine Taste"),
            ("keys.find = \"t\"", "letter", "Buchstabe"),
            ("keys.find = \"ctrl-n\"", "already", "schon"),
            ("keys.find = \"enter\"", "always", "immer"),
            ("keys.find = \"ctrl-c\"", "always", "immer"),
        ] {
            let problem = Settings::read(text).unwrap_err();
            for (locale, part) in [("C", english), ("de", german)] {
                let said = problem.said(&Words::of(locale));
                assert!(said.contains(part) && !said.contains('\n'), "{text}: {said}");
            }
        }
    }

    #[test]
    fn a_chord_as_the_help_shows_it_is_the_one_that_the_terminal_sends() {
        for (shown, sent) in [("Ctrl-T", "ctrl-t"), ("Strg-T", "ctrl-t"), ("Umschalt-Tab", "shift-tab"), ("F2", "f2")] {
            assert_eq!(shown.parse::<KeyPress>(), sent.parse(), "{shown}");
        }
    }
}
