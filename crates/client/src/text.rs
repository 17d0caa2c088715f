//! Makes texts of strangers fit for a terminal: nothing in them can move the cursor, change
//! colours, reorder the text beside them, begin a line of their own, be hidden, or cover the lines
//! above and below.

use std::fmt::Write as _;

use ephemeral_e2e::text::is_active;
use unicode_width::UnicodeWidthChar as _;

/// How many characters without a width may stand over one that has one. Hebrew with its accents
/// needs five, Tibetan four, an emoji two; of hundreds, the lines above and below become
/// unreadable.
const MAX_OVER_ONE: usize = 8;
/// Begins and ends text whose direction has no effect on what stands around it (UAX #9, FSI and
/// PDI).
const ISOLATE: (char, char) = ('\u{2068}', '\u{2069}');

/// Writes the text on one line: backslashes doubled, and everything that a terminal would act upon,
/// or hide, as an escape (`\n`, `\t`, `\u{1b}`). It can be undone, so nothing can pose as an escape
/// either.
///
/// Text with letters that run from right to left is isolated, so that it does not reorder what is
/// printed beside it.
///
/// The joiners U+200C and U+200D stay where they shape the letters or pictures beside them:
/// Persian, Kurdish and the languages of India are not readable without them, nor are emoji of
/// several parts. After Latin letters they are hidden.
#[must_use]
pub fn printable(text: &str) -> String {
    let isolated = text.chars().any(is_right_to_left);
    let mut line = String::with_capacity(text.len() + 6);
    if isolated {
        line.push(ISOLATE.0);
    }
    let mut place = Place::default();
    for character in text.chars() {
        match character {
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            _ if place.hides(character) => {
                // Writing to a String cannot fail.
                let _ = write!(line, "\\u{{{:x}}}", u32::from(character));
            }
            _ => line.push(character),
        }
    }
    if isolated {
        line.push(ISOLATE.1);
    }
    line
}

/// Writes JSON that says the same and is as fit for a terminal: what one would act upon, or hide,
/// becomes `\u001b`. In valid JSON such characters stand only inside strings, where that is
/// allowed.
#[must_use]
pub fn printable_json(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    let mut place = Place::default();
    for character in json.chars() {
        if place.hides(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(line, "\\u{unit:04x}");
            }
        } else {
            line.push(character);
        }
    }
    line
}

/// Returns the lines of a text for a screen that has a place for each: as [`printable`], but
/// backslashes stay single, a tab is a space, and each run of characters that a terminal would act
/// upon, or hide, is one U+FFFD. The direction is left to the code that draws them:
/// [`is_right_to_left`].
pub fn visible_lines(text: &str) -> impl Iterator<Item = String> {
    text.split('\n').map(|line| {
        let mut place = Place::default();
        let mut shown = String::with_capacity(line.len());
        let mut hidden = false;
        for character in line.trim_end_matches('\r').chars() {
            let character = if character == '\t' { ' ' } else { character };
            let hides = place.hides(character);
            match (hides, hidden) {
                (true, true) => {}
                (true, false) => shown.push(char::REPLACEMENT_CHARACTER),
                (false, _) => shown.push(character),
            }
            hidden = hides;
        }
        shown
    })
}

/// Remembers what a text showed last.
#[derive(Default)]
struct Place {
    /// The last character that has a width.
    base: Option<char>,
    /// How many that have none were shown since.
    over: usize,
}

impl Place {
    /// Tells whether a character is to be written as an escape where it stands, and goes on behind
    /// it.
    fn hides(&mut self, character: char) -> bool {
        if is_active(character) {
            // What is shown for it is the end of an escape.
            *self = Self::default();
            return true;
        }
        if character.width() != Some(0) {
            *self = Self { base: Some(character), over: 0 };
            return false;
        }
        let joiner = matches!(character, '\u{200c}' | '\u{200d}');
        if self.over >= MAX_OVER_ONE || (joiner && !self.base.is_some_and(is_joined)) {
            return true;
        }
        self.over += 1;
        false
    }
}

/// Tells whether a joiner behind a character can be seen: not behind Latin, Greek or Cyrillic
/// letters, digits and spaces.
fn is_joined(base: char) -> bool {
    base >= '\u{590}' && !base.is_whitespace()
}

/// Tells whether it is written from right to left, so that it can change the order of what stands
/// beside it.
#[must_use]
pub fn is_right_to_left(character: char) -> bool {
    matches!(character,
        '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}' | '\u{10800}'..='\u{10fff}'
        | '\u{1e800}'..='\u{1efff}')
}

#[cfg(test)]
mod tests;
