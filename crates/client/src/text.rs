//! Texts of strangers, made fit for a terminal: nothing in them can move the cursor, change colours, reorder what
//! stands beside them, or begin a line of their own.

use std::fmt::Write as _;

/// The text on one line: backslashes doubled, and everything that a terminal would act upon written as an escape
/// (`\n`, `\t`, `\u{1b}`). It can be undone, so nothing can pose as an escape either.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            _ if is_active(character) => {
                // Writing to a String cannot fail.
                let _ = write!(line, "\\u{{{:x}}}", u32::from(character));
            }
            _ => line.push(character),
        }
    }
    line
}

/// JSON that says the same and is as fit for a terminal: what one would act upon is written as `\u001b`. In valid JSON
/// such characters stand only inside strings, where that is allowed.
#[must_use]
pub fn printable_json(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    for character in json.chars() {
        if is_active(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(line, "\\u{unit:04x}");
            }
        } else {
            line.push(character);
        }
    }
    line
}

/// Whether a terminal does something else with it than to show it where it stands.
fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_acts_upon_passes() {
        let hostile = "\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}1m\r\n\u{202e}gpj.exe\u{2066}\u{7f}\u{0}\u{2028}\u{e0041}";
        let line = printable(hostile);
        assert!(line.chars().all(|c| !is_active(c)), "{line}");
        assert_eq!(
            line,
            "\\u{1b}]0;title\\u{7}\\u{1b}[2J\\u{9b}1m\\r\\n\\u{202e}gpj.exe\\u{2066}\\u{7f}\\u{0}\\u{2028}\\u{e0041}"
        );
    }

    #[test]
    fn an_escape_in_the_text_cannot_be_taken_for_one_of_ours() {
        assert_eq!(printable("a\\nb\nc"), "a\\\\nb\\nc");
    }

    #[test]
    fn json_stays_the_same_json_and_becomes_harmless() {
        let text = "\u{1b}[2J\u{9b}1m\u{202e}\u{e0041} é 🦀 \\ \" \n";
        let json = printable_json(&serde_json::to_string(text).unwrap_or_default());
        assert!(json.chars().all(|c| !is_active(c)), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).ok().as_deref(), Some(text));
    }

    #[test]
    fn what_people_write_stays_as_it_is() {
        let text = "Grüße, 世界 🦀 \u{301}";
        assert_eq!(printable(text), text);
    }
}
