//! Texts of strangers in a terminal: what is dangerous is seen, and what people write is readable.

use super::*;

/// Reads a line as [`printable`] wrote it.
fn undone(line: &str) -> String {
    let isolated = line.strip_prefix(ISOLATE.0).and_then(|line| line.strip_suffix(ISOLATE.1));
    let mut characters = isolated.unwrap_or(line).chars();
    let mut text = String::new();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        match characters.next().unwrap() {
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            '\\' => text.push('\\'),
            'u' => {
                let digits: String = characters.by_ref().skip(1).take_while(|digit| *digit != '}').collect();
                text.push(char::from_u32(u32::from_str_radix(&digits, 16).unwrap()).unwrap());
            }
            other => panic!("an escape of {other:?}"),
        }
    }
    text
}

fn between(isolated: &str) -> String {
    format!("{}{isolated}{}", ISOLATE.0, ISOLATE.1)
}

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
fn each_control_character_and_each_tag_is_written_as_an_escape() {
    for code in (0..0x20).chain(0x7f..0xa0).chain(0xe_0000..=0xe_007f) {
        let character = char::from_u32(code).unwrap();
        let line = printable(&format!("a{character}b"));
        assert!(line.starts_with("a\\") && line.chars().all(|c| !is_active(c)), "{code:x}: {line}");
        assert_eq!(undone(&line), format!("a{character}b"));
        let json = printable_json(&serde_json::to_string(&character.to_string()).unwrap());
        assert!(json.is_ascii(), "{code:x}: {json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), character.to_string());
    }
}

#[test]
fn whatever_is_written_can_be_read_again() {
    for code in 0..=0x0010_ffff {
        // Half of a surrogate pair is no character: no text that came can hold one.
        let Some(character) = char::from_u32(code) else {
            assert!((0xd800..0xe000).contains(&code));
            continue;
        };
        let text = format!("\\{character}\\u{{1b}}");
        assert_eq!(undone(&printable(&text)), text, "{code:x}");
    }
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
        "Việt Nam, Vie\u{302}\u{323}t",
        "क्\u{200d}ष, नमस्ते, ক্\u{200d}ষ",
        "ന്\u{200d}",
        "สวัสดี น้ำ",
        "བོད་སྐད་ ཧཱུྃ",
        "한국어 \u{1112}\u{1161}\u{11ab}",
        "👨\u{200d}👩\u{200d}👧 👩🏽\u{200d}🚀",
        "❤\u{fe0f} 🏳\u{fe0f}\u{200d}🌈 ❤\u{fe0f}\u{200d}🔥 👁\u{fe0f}\u{200d}🗨\u{fe0f} 1\u{fe0f}\u{20e3} 🇮🇷",
        "葛\u{e0100}",
    ] {
        assert_eq!(printable(text), text);
        assert_eq!(printable_json(&format!("\"{text}\"")), format!("\"{text}\""));
    }
}

#[test]
fn what_runs_from_right_to_left_stays_as_it_is_and_cannot_reorder_what_is_beside_it() {
    for text in ["می\u{200c}خواهم", "نامه\u{200c}ها 12", "שלום, world", "בְּרֵאשִׁ֖ית", "abc سلام", "\u{1e900}"]
    {
        assert_eq!(printable(text), between(text));
        assert_eq!(undone(&printable(text)), text);
        assert_eq!(printable_json(&format!("\"{text}\"")), format!("\"{text}\""));
    }
    // An isolate cannot be left from inside.
    assert_eq!(printable("של\u{2069}ום"), between("של\\u{2069}ום"));
}

#[test]
fn what_turns_the_direction_of_text_or_hides_in_it_is_written_as_an_escape() {
    for hostile in [
        '\u{61c}',
        '\u{200b}',
        '\u{200e}',
        '\u{200f}',
        '\u{202a}',
        '\u{202b}',
        '\u{202c}',
        '\u{202d}',
        '\u{202e}',
        '\u{2066}',
        '\u{2067}',
        '\u{2068}',
        '\u{2069}',
        '\u{feff}',
        '\u{fff9}',
        '\u{ad}',
        '\u{3164}',
        '\u{2800}',
        '\u{2060}',
        '\u{206a}',
        '\u{e0001}',
        '\u{1d173}',
    ] {
        let escape = format!("\\u{{{:x}}}", u32::from(hostile));
        assert!(printable(&hostile.to_string()).contains(&escape), "{escape}");
        assert!(printable(&format!("name{hostile}")).contains(&escape), "{escape}");
    }
}

#[test]
fn joiners_that_join_nothing_are_seen() {
    // Two names that look the same would be two contacts.
    assert_eq!(printable("ali\u{200d}ce"), "ali\\u{200d}ce");
    assert_eq!(printable("\u{200c}bob \u{200d}"), "\\u{200c}bob \\u{200d}");
    assert_eq!(printable("1\u{301}\u{200d}2"), "1\u{301}\\u{200d}2");
    assert_eq!(printable("\u{1b}\u{200d}"), "\\u{1b}\\u{200d}");
}

#[test]
fn ten_thousand_marks_cover_no_other_line() {
    for mark in ['\u{301}', '\u{489}', '\u{20dd}', '\u{fe0f}', '\u{200d}', '\u{200c}', '\u{e0100}', '\u{34f}'] {
        let flood = format!("😀{}😀", mark.to_string().repeat(10_000));
        let line = printable(&flood);
        assert_eq!(line.chars().filter(|c| *c == mark).count(), MAX_OVER_ONE);
        assert!(line.len() < 10 * flood.chars().count());
        assert_eq!(undone(&line), flood);
        let json = printable_json(&format!("\"{flood}\""));
        assert_eq!(json.chars().filter(|c| *c == mark).count(), MAX_OVER_ONE);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), flood);
    }
    let mixed = "a".to_owned() + &"\u{301}\u{fe0f}\u{34f}\u{327}".repeat(2_500);
    assert_eq!(printable(&mixed).chars().filter(|c| c.width() == Some(0)).count(), MAX_OVER_ONE);
}

#[test]
fn a_screen_is_shown_lines_and_one_mark_for_all_that_is_hidden_in_a_row() {
    let lines = |text: &str| visible_lines(text).collect::<Vec<_>>();
    assert_eq!(lines("a\\b\r\n\tc\u{1b}[31md"), ["a\\b", " c\u{fffd}[31md"]);
    assert_eq!(lines("\u{202e}\u{200b}\u{200b}x"), ["\u{fffd}x"]);
    let flood = format!("e{}", "\u{301}".repeat(10_000));
    let shown = lines(&flood);
    assert_eq!(shown, [format!("e{}\u{fffd}", "\u{301}".repeat(MAX_OVER_ONE))]);
}
