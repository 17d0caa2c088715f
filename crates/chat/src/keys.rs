//! Keys, chords, and what they do. A person can set other chords.

use std::fmt;
use std::str::FromStr;

/// A key that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPress {
    /// Which one.
    pub code: KeyName,
    /// Whether Ctrl was held.
    pub ctrl: bool,
    /// Whether Alt was held.
    pub alt: bool,
}

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyName {
    /// One that stands for a character.
    Char(char),
    /// Enter.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Shift and Tab.
    BackTab,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
    /// The arrow to the left.
    Left,
    /// The arrow to the right.
    Right,
    /// The arrow up.
    Up,
    /// The arrow down.
    Down,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// A function key.
    F(u8),
}

impl KeyPress {
    /// Makes a key without Ctrl and Alt.
    #[must_use]
    pub fn plain(code: KeyName) -> Self {
        Self { code, ctrl: false, alt: false }
    }

    /// Makes a character's key with Ctrl.
    #[must_use]
    pub fn ctrl(character: char) -> Self {
        Self { code: KeyName::Char(character), ctrl: true, alt: false }
    }

    /// Returns what the key writes, or wrote before it was pasted.
    #[must_use]
    pub fn written(self) -> Option<char> {
        if self == Self::ctrl('j') {
            return Some('\n');
        }
        match self.code {
            _ if self.ctrl || self.alt => None,
            KeyName::Char(character) => Some(character),
            KeyName::Enter => Some('\n'),
            KeyName::Tab => Some('\t'),
            _ => None,
        }
    }

    /// Tells whether keys that came in one go were pasted: there are letters behind an end of a
    /// line, or more in front of it than anybody types at once.
    #[must_use]
    pub fn are_pasted(keys: &[Self]) -> bool {
        let written = || keys.iter().filter_map(|key| key.written());
        let before = written().take_while(|character| *character != '\n').filter(|one| !one.is_control()).count();
        let ends = written().any(|character| character == '\n');
        (ends && before > TYPED_AT_ONCE) || Self::goes_on_behind_a_line(keys)
    }

    /// Tells whether letters stand behind an end of a line.
    #[must_use]
    pub fn goes_on_behind_a_line(keys: &[Self]) -> bool {
        let written = || keys.iter().filter_map(|key| key.written());
        let first_end = written().position(|character| character == '\n');
        first_end.is_some_and(|end| written().skip(end).any(|character| !character.is_control()))
    }
}

/// How many letters a person may have typed in one go with Enter, on a connection that stutters.
const TYPED_AT_ONCE: usize = 2;

/// The names of keys that are no characters, as they stand in settings; German keyboards have their
/// own for some.
const NAMES: [(&str, KeyName); 16] = [
    ("enter", KeyName::Enter),
    ("esc", KeyName::Esc),
    ("tab", KeyName::Tab),
    ("shift-tab", KeyName::BackTab),
    ("umschalt-tab", KeyName::BackTab),
    ("backspace", KeyName::Backspace),
    ("delete", KeyName::Delete),
    ("left", KeyName::Left),
    ("right", KeyName::Right),
    ("up", KeyName::Up),
    ("down", KeyName::Down),
    ("home", KeyName::Home),
    ("end", KeyName::End),
    ("pgup", KeyName::PageUp),
    ("pgdn", KeyName::PageDown),
    ("space", KeyName::Char(' ')),
];

impl FromStr for KeyPress {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some(named) = named(text.trim()) {
            return Ok(Self::plain(named));
        }
        let mut rest = text.trim();
        let mut press = Self::plain(KeyName::Esc);
        while let Some((modifier, behind)) = rest.split_once('-').filter(|(_, behind)| !behind.is_empty()) {
            match modifier.to_lowercase().as_str() {
                "ctrl" | "strg" => press.ctrl = true,
                "alt" => press.alt = true,
                _ => return Err(()),
            }
            rest = behind;
        }
        press.code = match name_of(rest).ok_or(())? {
            // Help shows Ctrl-P, and the terminal sends no capital.
            KeyName::Char(character) if press.ctrl => KeyName::Char(character.to_ascii_lowercase()),
            code => code,
        };
        Ok(press)
    }
}

fn named(text: &str) -> Option<KeyName> {
    let lower = text.to_lowercase();
    NAMES.iter().find(|(name, _)| *name == lower).map(|(_, key)| *key)
}

fn name_of(text: &str) -> Option<KeyName> {
    if let Some(key) = named(text) {
        return Some(key);
    }
    let lower = text.to_lowercase();
    let function = lower.strip_prefix('f').and_then(|number| number.parse().ok());
    if let Some(number) = function.filter(|number| (1..=12).contains(number)) {
        return Some(KeyName::F(number));
    }
    let mut characters = text.chars();
    let only = characters.next().filter(|character| !character.is_control())?;
    characters.next().is_none().then_some(KeyName::Char(only))
}

impl fmt::Display for KeyPress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ctrl {
            formatter.write_str("Ctrl-")?;
        }
        if self.alt {
            formatter.write_str("Alt-")?;
        }
        if let Some((name, _)) = NAMES.iter().find(|(_, key)| *key == self.code) {
            return match self.code {
                KeyName::BackTab => formatter.write_str("Shift-Tab"),
                KeyName::PageUp => formatter.write_str("PgUp"),
                KeyName::PageDown => formatter.write_str("PgDn"),
                _ => {
                    let mut letters = name.chars();
                    let first = letters.next().map(|letter| letter.to_ascii_uppercase()).unwrap_or_default();
                    write!(formatter, "{first}{}", letters.as_str())
                }
            };
        }
        match self.code {
            KeyName::Char(character) if self.ctrl => write!(formatter, "{}", character.to_uppercase()),
            KeyName::Char(character) => write!(formatter, "{character}"),
            KeyName::F(number) => write!(formatter, "F{number}"),
            _ => Ok(()),
        }
    }
}

/// The effects that a chord can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAction {
    /// Shows the help.
    Help,
    /// Finds a conversation.
    Find,
    /// Goes to the next conversation with something unread.
    NextUnread,
    /// Goes to the next pane.
    NextPane,
    /// Goes to the pane before.
    PreviousPane,
    /// Shows older messages.
    PageUp,
    /// Shows newer messages.
    PageDown,
    /// Begins a new line in the text.
    NewLine,
    /// Searches in the messages.
    Search,
    /// Sets after how long the next text is gone.
    Burn,
    /// The first key of two that erase everything.
    Panic,
    /// The second key of two that erase everything.
    PanicNow,
}

/// Each action with its name in the settings, and its chord where none is set.
pub(crate) const ACTIONS: [(KeyAction, &str, &str); 12] = [
    (KeyAction::Help, "help", "f1"),
    (KeyAction::Find, "find", "ctrl-p"),
    (KeyAction::NextUnread, "next-unread", "ctrl-n"),
    (KeyAction::NextPane, "next-pane", "tab"),
    (KeyAction::PreviousPane, "previous-pane", "shift-tab"),
    (KeyAction::PageUp, "page-up", "pgup"),
    (KeyAction::PageDown, "page-down", "pgdn"),
    (KeyAction::NewLine, "new-line", "ctrl-j"),
    (KeyAction::Search, "search", "ctrl-f"),
    (KeyAction::Burn, "burn", "ctrl-b"),
    (KeyAction::Panic, "panic", "ctrl-x"),
    (KeyAction::PanicNow, "panic-now", "ctrl-k"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chord_is_read_as_it_is_written() {
        for (text, written) in
            [("ctrl-p", "Ctrl-P"), ("F1", "F1"), ("alt-x", "Alt-x"), ("shift-tab", "Shift-Tab"), ("pgup", "PgUp")]
        {
            let press: KeyPress = text.parse().unwrap();
            assert_eq!(press.to_string(), written);
            let again: KeyPress = written.to_lowercase().parse().unwrap();
            assert_eq!(again, press);
        }
        for wrong in ["", "ctrl-", "hyper-a", "ab", "f13", "ctrl-\u{1b}"] {
            assert_eq!(wrong.parse::<KeyPress>(), Err(()), "{wrong}");
        }
    }

    #[test]
    fn no_two_actions_have_one_chord() {
        for (place, (_, name, chord)) in ACTIONS.iter().enumerate() {
            let others = ACTIONS.iter().skip(place + 1);
            assert!(others.clone().all(|(_, other, same)| other != name && same != chord), "{name}");
        }
    }
}
