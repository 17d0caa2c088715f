//! Texts as rows of a screen: made harmless, broken between words, and measured by what is seen.

use std::borrow::Cow;

use ephemeral_client::text::{is_right_to_left, visible_lines};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

/// The look of a part of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// As text does.
    Plain,
    /// Beside the point.
    Dim,
    /// A name or a title.
    Bold,
    /// One's own name.
    Mine,
    /// All is well.
    Good,
    /// Somebody should look.
    Warn,
    /// A line of the list or of a choice that is chosen.
    Chosen,
    /// What was searched for.
    Found,
    /// A QR code: dark on light, whatever the terminal's colours are.
    Code,
}

/// A row: parts from the left, and one at the right edge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) parts: Vec<(String, Look)>,
    pub(crate) right: Option<(String, Look)>,
}

impl Row {
    pub(crate) fn new(text: impl Into<String>, look: Look) -> Self {
        Self { parts: vec![(text.into(), look)], right: None }
    }

    pub(crate) fn and(mut self, text: impl Into<String>, look: Look) -> Self {
        self.parts.push((text.into(), look));
        self
    }

    pub(crate) fn right(mut self, text: impl Into<String>, look: Look) -> Self {
        self.right = Some((text.into(), look));
        self
    }
}

/// Returns how many columns a text takes.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// Returns a text of others, or of unknown content, on one line.
pub(crate) fn one_line(text: &str) -> String {
    let mut lines = visible_lines(text);
    let first = lines.next().unwrap_or_default();
    lines.fold(first, |line, next| format!("{line} {next}"))
}

/// Returns a name of others inside a sentence: isolated, if it is written from right to left.
pub(crate) fn in_sentence(name: &str) -> String {
    let name = one_line(name);
    if is_mixed(&name) { format!("\u{2068}{name}\u{2069}") } else { name }
}

/// Tells whether it has letters that are written from right to left.
pub(crate) fn is_mixed(text: &str) -> bool {
    text.chars().any(is_right_to_left)
}

/// Cuts a line to so many columns, and marks that.
pub(crate) fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if columns(text) <= width {
        return Cow::Borrowed(text);
    }
    let mut short = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        used += columns(grapheme);
        if used + 1 > width {
            break;
        }
        short.push_str(grapheme);
    }
    if width > 0 {
        short.push('…');
    }
    Cow::Owned(short)
}

/// Makes a text of several lines harmless, and breaks it into rows of so many columns.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut rows = Vec::new();
    for line in visible_lines(text) {
        wrap_line(&line, width.max(2), &mut rows);
    }
    rows
}

/// Breaks a line between words, and within those that are longer than a row.
fn wrap_line(line: &str, width: usize, rows: &mut Vec<String>) {
    let mut row = String::new();
    let mut used = 0;
    for word in line.split_word_bounds() {
        let wide = columns(word);
        if used + wide > width && used > 0 && !word.trim().is_empty() && wide <= width {
            rows.push(std::mem::take(&mut row));
            used = 0;
        }
        for grapheme in word.graphemes(true) {
            let wide = columns(grapheme);
            if used + wide > width {
                rows.push(std::mem::take(&mut row));
                used = 0;
                if grapheme.trim().is_empty() {
                    continue;
                }
            }
            row.push_str(grapheme);
            used += wide;
        }
    }
    rows.push(row);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_breaks_between_words_and_within_long_ones() {
        assert_eq!(wrapped("one two three", 8), ["one two ", "three"]);
        assert_eq!(wrapped("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("", 4), [""]);
        assert_eq!(wrapped("a\n\nb", 4), ["a", "", "b"]);
    }

    #[test]
    fn what_is_wide_takes_two_columns_and_is_never_halved() {
        assert_eq!(wrapped("日本語", 5), ["日本", "語"]);
        let family = "👨\u{200d}👩\u{200d}👧";
        assert_eq!(wrapped(&family.repeat(3), 4), [family.repeat(2), family.to_owned()]);
        assert_eq!(cut("日本語", 4), "日…");
    }

    #[test]
    fn a_flood_of_marks_takes_one_column() {
        let rows = wrapped(&format!("a{}b", "\u{301}".repeat(10_000)), 20);
        assert_eq!(rows.len(), 1);
        assert!(rows[0].len() < 40, "{}", rows[0].len());
    }
}
