//! What a person can set. It says nothing of conversations.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::keys::{ACTIONS, KeyAction, KeyPress};

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

impl Default for Settings {
    fn default() -> Self {
        Self { bell: true, notify: false, burn_s: 0, keys: BTreeMap::new() }
    }
}

impl Settings {
    /// Reads the file.
    ///
    /// # Errors
    /// What is wrong with it, and in which line.
    pub fn read(text: &str) -> Result<Self, String> {
        let settings: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        settings.chords()?;
        Ok(settings)
    }

    /// Writes the file.
    #[must_use]
    pub fn write(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }

    /// Returns the chord of each action.
    pub(crate) fn chords(&self) -> Result<Vec<(KeyAction, KeyPress)>, String> {
        if let Some(unknown) = self.keys.keys().find(|name| !ACTIONS.iter().any(|(_, known, _)| known == name)) {
            let known: Vec<_> = ACTIONS.iter().map(|(_, name, _)| *name).collect();
            return Err(format!("keys.{unknown}: there is no such action; there are {}", known.join(", ")));
        }
        let mut chords: Vec<(KeyAction, KeyPress)> = Vec::new();
        for (action, name, usual) in ACTIONS {
            let chord = self.keys.get(name).map_or(usual, String::as_str);
            let wrong = || format!("keys.{name}: {chord:?} is no key such as ctrl-p, alt-x or f2");
            let press: KeyPress = chord.parse().map_err(|()| wrong())?;
            if chords.iter().any(|(_, other)| *other == press) {
                return Err(format!("keys.{name}: {chord:?} is the key of something else already"));
            }
            if !press.ctrl && !press.alt && matches!(press.code, crate::keys::KeyName::Char(_)) {
                return Err(format!("keys.{name}: {chord:?} is a letter that is written; add ctrl- or alt-"));
            }
            chords.push((action, press));
        }
        Ok(chords)
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
    fn a_wrong_setting_is_named_with_what_is_wrong() {
        for (text, part) in [
            ("bel = true", "bel"),
            ("keys.fnd = \"ctrl-t\"", "keys.fnd"),
            ("keys.find = \"hyper-t\"", "ctrl-p"),
            ("keys.find = \"t\"", "letter"),
            ("keys.find = \"ctrl-n\"", "already"),
        ] {
            let problem = Settings::read(text).unwrap_err();
            assert!(problem.contains(part), "{text}: {problem}");
        }
    }
}
