//! A text that is being written: the composer, and the fields of forms. Keys of readline.

use unicode_segmentation::UnicodeSegmentation as _;

use crate::keys::{KeyName, KeyPress};

/// A text and a place in it.
#[derive(Clone, Debug)]
pub(crate) struct Editor {
    text: String,
    /// In bytes, between two graphemes.
    cursor: usize,
    /// The longest text, in bytes.
    most: usize,
    /// Whether it may have several lines.
    lines: bool,
}

impl Editor {
    /// Makes a field of one line.
    pub(crate) fn line(most: usize) -> Self {
        Self { text: String::new(), cursor: 0, most, lines: false }
    }

    /// Makes a field of several lines.
    pub(crate) fn lines(most: usize) -> Self {
        Self { text: String::new(), cursor: 0, most, lines: true }
    }

    /// Begins with this text.
    #[cfg(test)]
    pub(crate) fn with(mut self, text: &str) -> Self {
        self.insert(text);
        self
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub(crate) fn before(&self) -> &str {
        self.text.get(..self.cursor).unwrap_or_default()
    }

    fn behind(&self) -> &str {
        self.text.get(self.cursor..).unwrap_or_default()
    }

    /// Takes the text, and is empty.
    pub(crate) fn take(&mut self) -> String {
        self.cursor = 0;
        std::mem::take(&mut self.text)
    }

    pub(crate) fn set(&mut self, text: &str) {
        self.take();
        self.insert(text);
    }

    /// Inserts a text where the cursor is, without what is no text in it. Returns how many bytes
    /// there was no room for.
    pub(crate) fn insert(&mut self, text: &str) -> usize {
        let text = self.cleaned(text);
        let room = self.most.saturating_sub(self.text.len());
        let mut fits = text.len().min(room);
        while !text.is_char_boundary(fits) {
            fits -= 1;
        }
        let (taken, left) = text.split_at(fits);
        self.text.insert_str(self.cursor, taken);
        self.cursor += taken.len();
        left.len()
    }

    /// Drops control characters; a line's end is `\n`, or a space where there is only one line.
    fn cleaned(&self, text: &str) -> String {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let text = text.trim_end_matches(|character| !self.lines && character == '\n');
        let kept = text.chars().filter_map(|character| match character {
            '\n' if self.lines => Some('\n'),
            '\n' | '\t' => Some(' '),
            _ if character.is_control() => None,
            _ => Some(character),
        });
        kept.collect()
    }

    /// Does what a key does in a text. Returns whether it did.
    pub(crate) fn press(&mut self, key: KeyPress) -> bool {
        match (key.code, key.ctrl, key.alt) {
            (KeyName::Char(character), false, false) => {
                let mut buffer = [0; 4];
                self.insert(character.encode_utf8(&mut buffer));
            }
            (KeyName::Backspace, false, false) | (KeyName::Char('h'), true, false) => self.cut_to(self.left()),
            (KeyName::Delete, false, false) | (KeyName::Char('d'), true, false) => self.cut_to(self.right()),
            (KeyName::Left, false, false) => self.cursor = self.left(),
            (KeyName::Right, false, false) => self.cursor = self.right(),
            (KeyName::Left, true, _) | (KeyName::Char('b'), false, true) => self.cursor = self.word_left(),
            (KeyName::Right, true, _) | (KeyName::Char('f'), false, true) => self.cursor = self.word_right(),
            (KeyName::Home, ..) | (KeyName::Char('a'), true, false) => self.cursor = self.line_start(),
            (KeyName::End, ..) | (KeyName::Char('e'), true, false) => self.cursor = self.line_end(),
            (KeyName::Char('u'), true, false) => self.cut_to(self.line_start()),
            (KeyName::Char('k'), true, false) => self.cut_to(self.line_end()),
            (KeyName::Char('w'), true, false) | (KeyName::Backspace, _, true) => self.cut_to(self.word_left()),
            (KeyName::Up, false, false) => return self.up(),
            (KeyName::Down, false, false) => return self.down(),
            _ => return false,
        }
        true
    }

    /// Deletes what is between the cursor and there.
    fn cut_to(&mut self, place: usize) {
        let from = self.cursor.min(place);
        let to = self.cursor.max(place);
        self.text.replace_range(from..to, "");
        self.cursor = from;
    }

    fn left(&self) -> usize {
        let last = self.before().graphemes(true).next_back();
        self.cursor - last.map_or(0, str::len)
    }

    fn right(&self) -> usize {
        let next = self.behind().graphemes(true).next();
        self.cursor + next.map_or(0, str::len)
    }

    fn word_left(&self) -> usize {
        let before = self.before().trim_end();
        before.rfind(char::is_whitespace).map_or(0, |space| space + before.get(space..).map_or(1, first_length))
    }

    fn word_right(&self) -> usize {
        let behind = self.behind();
        let word = behind.find(|character: char| !character.is_whitespace()).unwrap_or(behind.len());
        let rest = behind.get(word..).unwrap_or_default();
        self.cursor + word + rest.find(char::is_whitespace).unwrap_or(rest.len())
    }

    fn line_start(&self) -> usize {
        self.before().rfind('\n').map_or(0, |end| end + 1)
    }

    fn line_end(&self) -> usize {
        self.behind().find('\n').map_or(self.text.len(), |end| self.cursor + end)
    }

    /// Goes to the line above, at the same number of graphemes.
    fn up(&mut self) -> bool {
        let start = self.line_start();
        if start == 0 {
            return false;
        }
        let column = self.column();
        self.cursor = start - 1;
        self.cursor = self.line_start();
        self.go_right(column);
        true
    }

    fn down(&mut self) -> bool {
        let end = self.line_end();
        if end == self.text.len() {
            return false;
        }
        let column = self.column();
        self.cursor = end + 1;
        self.go_right(column);
        true
    }

    fn column(&self) -> usize {
        self.text.get(self.line_start()..self.cursor).unwrap_or_default().graphemes(true).count()
    }

    fn go_right(&mut self, columns: usize) {
        let line = self.text.get(self.cursor..self.line_end()).unwrap_or_default();
        let length: usize = line.graphemes(true).take(columns).map(str::len).sum();
        self.cursor += length;
    }
}

fn first_length(text: &str) -> usize {
    text.chars().next().map_or(1, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(editor: &mut Editor, text: &str) {
        for character in text.chars() {
            assert!(editor.press(KeyPress::plain(KeyName::Char(character))));
        }
    }

    #[test]
    fn the_keys_of_readline_move_and_delete() {
        let mut editor = Editor::lines(100);
        typed(&mut editor, "one two three");
        editor.press(KeyPress::ctrl('w'));
        assert_eq!(editor.text(), "one two ");
        editor.press(KeyPress::ctrl('a'));
        typed(&mut editor, "0 ");
        assert_eq!(editor.before(), "0 ");
        editor.press(KeyPress::ctrl('k'));
        assert_eq!(editor.text(), "0 ");
        typed(&mut editor, "x");
        editor.press(KeyPress::ctrl('u'));
        assert!(editor.is_empty());
    }

    #[test]
    fn a_grapheme_is_one_step_however_many_characters_it_has() {
        let family = "👨\u{200d}👩\u{200d}👧";
        let mut editor = Editor::lines(100).with(&format!("a{family}e\u{301}"));
        editor.press(KeyPress::plain(KeyName::Backspace));
        assert_eq!(editor.text(), format!("a{family}"));
        editor.press(KeyPress::plain(KeyName::Backspace));
        assert_eq!(editor.text(), "a");
    }

    #[test]
    fn lines_are_gone_up_and_down_and_only_where_there_are_some() {
        let mut editor = Editor::lines(100).with("abc\nd\nefg");
        assert!(editor.press(KeyPress::plain(KeyName::Up)));
        assert_eq!(editor.before(), "abc\nd");
        assert!(editor.press(KeyPress::plain(KeyName::Up)));
        assert_eq!(editor.before(), "a");
        assert!(!editor.press(KeyPress::plain(KeyName::Up)));
    }

    #[test]
    fn what_does_not_fit_or_is_no_text_is_not_taken() {
        let mut editor = Editor::line(8);
        assert_eq!(editor.insert("a\u{1b}[31mb\r\nc"), 0);
        assert_eq!(editor.text(), "a[31mb c");
        assert_eq!(editor.insert("äöü"), 6);
        let mut cut = Editor::lines(3);
        assert_eq!(cut.insert("ääää"), 6, "a character is whole or not there");
        assert_eq!(cut.text(), "ä");
    }
}
