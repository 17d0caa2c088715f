//! Makes texts of strangers fit for a terminal: nothing in them can move the cursor, change colours, reorder the text
//! beside them, or begin a line of their own.

use std::fmt::Write as _;

/// Writes the text on one line: backslashes doubled, and everything that a terminal would act upon as an escape
/// (`\n`, `\t`, `\u{1b}`). It can be undone, so nothing can pose as an escape either.
///
/// The joiners U+200C and U+200D stay as they are: Persian, Kurdish and the languages of India are not readable without
/// them, nor are emoji of several parts. They shape the letters beside them, and do nothing else.
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

/// Writes JSON that says the same and is as fit for a terminal: what one would act upon becomes `\u001b`. In valid JSON
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

/// Returns whether a terminal does something else with it than to show it where it stands: control characters, marks,
/// embeddings, overrides and isolates of direction, spaces without width, tags.
fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
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
        for text in [
            "Grüße, 世界 🦀 \u{301}",
            "می\u{200c}خواهم",
            "نامه\u{200c}ها",
            "क्\u{200d}ष",
            "ന്\u{200d}",
            "👨\u{200d}👩\u{200d}👧",
            "❤\u{fe0f}",
            "葛\u{e0100}",
            "שלום",
        ] {
            assert_eq!(printable(text), text);
            assert_eq!(printable_json(&format!("\"{text}\"")), format!("\"{text}\""));
        }
    }

    #[test]
    fn what_turns_the_direction_of_text_or_hides_in_it_is_written_as_an_escape() {
        for hostile in [
            '\u{61c}', '\u{200b}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}',
            '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}', '\u{feff}', '\u{fff9}',
        ] {
            assert_eq!(printable(&hostile.to_string()), format!("\\u{{{:x}}}", u32::from(hostile)));
        }
    }
}
