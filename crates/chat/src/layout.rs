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

    /// Breaks a row that is wider than the screen; its last part goes on below.
    pub(crate) fn broken(&self, width: usize) -> Vec<Self> {
        let Some(((last, look), begin)) = self.parts.split_last() else { return vec![self.clone()] };
        let indent: usize = begin.iter().map(|(text, _)| columns(text)).sum();
        if indent + columns(last) <= width || self.right.is_some() || is_drawing(last) {
            return vec![self.clone()];
        }
        let mut lines = sentence_rows(last, width.saturating_sub(indent).max(8)).into_iter();
        let mut first = self.clone();
        first.parts.pop();
        let first = first.and(lines.next().unwrap_or_default(), *look);
        let rest = lines.map(|line| Self::new(" ".repeat(indent), Look::Plain).and(line, *look));
        [first].into_iter().chain(rest).collect()
    }
}

/// Returns whether it is a row of a QR code, which is of no use when it is broken.
fn is_drawing(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|character| matches!(character, ' ' | '█' | '▀' | '▄'))
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

/// Returns a sentence of the engine on one line. Names in it that are isolated stay so.
pub(crate) fn said(sentence: &str) -> String {
    let mut line = String::with_capacity(sentence.len());
    let mut isolated = false;
    for part in sentence.split_inclusive(['\u{2068}', '\u{2069}']) {
        let text = part.trim_end_matches(['\u{2068}', '\u{2069}']);
        line.push_str(&one_line(text));
        match part.get(text.len()..) {
            Some("\u{2068}") if !isolated => isolated = true,
            Some("\u{2069}") if isolated => isolated = false,
            _ => continue,
        }
        line.push_str(part.get(text.len()..).unwrap_or_default());
    }
    if isolated {
        line.push('\u{2069}');
    }
    line
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
        wrap_line(&line, width, usize::MAX, &mut rows);
    }
    rows
}

/// Breaks a sentence of the program into rows. The names in it are harmless already, and stay
/// isolated.
pub(crate) fn sentence_rows(text: &str, width: usize) -> Vec<String> {
    let mut rows = Vec::new();
    for line in text.split('\n') {
        wrap_line(line, width, usize::MAX, &mut rows);
    }
    rows
}

/// Wraps a text that is being written, as [`wrapped`]. Returns also in which row and column the
/// cursor is, in front of which `before` stands.
pub(crate) fn wrapped_at(text: &str, before: &str, width: usize) -> (Vec<String>, (usize, usize)) {
    let line_of_cursor = before.matches('\n').count();
    let cursor = visible_lines(before).last().map_or(0, |line| line.len());
    let mut rows = Vec::new();
    let mut at = (0, 0);
    for (number, line) in visible_lines(text).enumerate() {
        let mark = if number == line_of_cursor { cursor } else { usize::MAX };
        at = wrap_line(&line, width, mark, &mut rows).unwrap_or(at);
    }
    (rows, at)
}

/// Breaks a line between words, and within those that are longer than a row. Returns the row and
/// the column at which so many bytes of the line are behind.
fn wrap_line(line: &str, width: usize, cursor: usize, rows: &mut Vec<String>) -> Option<(usize, usize)> {
    let width = width.max(2);
    let mut row = String::new();
    let mut used = 0;
    let mut passed = 0;
    let mut at = None;
    for word in line.split_inclusive(' ') {
        let wide = columns(word.trim_end());
        if used + wide > width && used > 0 && wide > 0 && wide <= width {
            rows.push(std::mem::take(&mut row));
            used = 0;
        }
        for grapheme in word.graphemes(true) {
            let wide = columns(grapheme);
            let is_full = used + wide > width;
            if is_full {
                rows.push(std::mem::take(&mut row));
                used = 0;
            }
            if passed >= cursor {
                at = at.or(Some((rows.len(), used)));
            }
            passed += grapheme.len();
            if is_full && grapheme.trim().is_empty() {
                continue;
            }
            row.push_str(grapheme);
            used += wide;
        }
    }
    rows.push(row);
    let end = Some((rows.len() - 1, used)).filter(|_| passed <= cursor && cursor != usize::MAX);
    at.or(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_breaks_between_words_and_within_long_ones() {
        assert_eq!(wrapped("one two three", 8), ["one two ", "three"]);
        assert_eq!(wrapped("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("in /tmp/a (1 KiB): so", 9), ["in /tmp/a", "(1 KiB): ", "so"]);
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
    fn the_cursor_is_where_the_next_letter_appears_also_in_a_word_that_went_to_the_next_row() {
        let text = "one two three four";
        for (before, place) in [("", (0, 0)), ("one two ", (1, 0)), ("one two th", (1, 2)), ("one two three f", (1, 7))]
        {
            assert_eq!(wrapped_at(text, before, 12), (wrapped(text, 12), place), "{before:?}");
        }
        assert_eq!(wrapped_at("ab\ncd", "ab\nc", 12).1, (1, 1));
        assert_eq!(wrapped_at("日本語", "日本", 5).1, (1, 0));
        assert_eq!(wrapped_at("abcd", "abcd", 4).1, (0, 4), "behind the last column");
    }

    #[test]
    fn a_sentence_with_a_name_from_right_to_left_keeps_it_isolated_when_it_is_broken() {
        let sentence = format!("{} has answered", in_sentence("שלום"));
        assert_eq!(sentence_rows(&sentence, 10), ["\u{2068}שלום\u{2069} has ", "answered"]);
    }

    #[test]
    fn what_the_engine_says_keeps_the_pairs_of_isolating_marks_and_nothing_else_that_acts() {
        assert_eq!(said("no \u{2068}שלום\u{2069}:\n\u{1b}[31m"), "no \u{2068}שלום\u{2069}: \u{fffd}[31m");
        assert_eq!(said("\u{2069}a\u{2068}b\u{2068}c"), "a\u{2068}bc\u{2069}");
    }

    #[test]
    fn a_flood_of_marks_takes_one_column() {
        let rows = wrapped(&format!("a{}b", "\u{301}".repeat(10_000)), 20);
        assert_eq!(rows.len(), 1);
        assert!(rows[0].len() < 40, "{}", rows[0].len());
    }
}
