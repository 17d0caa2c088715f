//! Puts rows into a buffer: grapheme by grapheme, nothing over its edge, directions isolated.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::layout::{Look, Row, columns, cut, is_mixed};

/// Begins and ends text whose direction has no effect on what stands around it (UAX #9).
const ISOLATE: [&str; 2] = ["\u{2068}", "\u{2069}"];

/// Returns how a part looks. Without colour, weight and reversal say the same.
pub(super) fn style(look: Look, colour: bool) -> Style {
    let plain = Style::new();
    let tinted = |tint: Color| if colour { plain.fg(tint) } else { plain };
    match look {
        Look::Plain => plain,
        Look::Dim => plain.add_modifier(Modifier::DIM),
        Look::Bold => tinted(Color::Cyan).add_modifier(Modifier::BOLD),
        Look::Mine => tinted(Color::Green).add_modifier(Modifier::BOLD),
        Look::Good => tinted(Color::Green),
        Look::Warn => tinted(Color::Red).add_modifier(Modifier::BOLD),
        Look::Chosen => plain.add_modifier(Modifier::REVERSED),
        // Also where no colours are wanted: it could not be read. No theme changes these two.
        Look::Code => plain.fg(Color::Indexed(16)).bg(Color::Indexed(231)),
        Look::Found => plain.add_modifier(Modifier::UNDERLINED | Modifier::BOLD),
    }
}

/// Draws rows from the top of a place.
pub(super) fn rows(rows: &[Row], place: Rect, colour: bool, buffer: &mut Buffer) {
    for (y, row) in (place.top()..place.bottom()).zip(rows) {
        self::row(row, Rect { y, height: 1, ..place }, colour, buffer);
    }
}

/// Draws a row: what is at the right edge first, and the rest up to it.
pub(super) fn row(row: &Row, place: Rect, colour: bool, buffer: &mut Buffer) {
    if place.is_empty() {
        return;
    }
    let width = usize::from(place.width);
    let right = row.right.as_ref().map(|(text, look)| (cut(text, width / 2 + width / 4), *look));
    let taken = right.as_ref().map_or(0, |(text, _)| columns(text) + 1);
    let mut x = place.x;
    let end = place.right().saturating_sub(u16::try_from(taken).unwrap_or(place.width));
    for (text, look) in &row.parts {
        x = put(buffer, (x, place.y), end, text, style(*look, colour));
    }
    if let Some((text, look)) = right {
        let start = place.right().saturating_sub(u16::try_from(columns(&text)).unwrap_or(place.width));
        put(buffer, (start, place.y), place.right(), &text, style(look, colour));
    }
}

/// Puts a text into one row, up to a column. Returns the column behind it.
pub(super) fn put(buffer: &mut Buffer, at: (u16, u16), end: u16, text: &str, style: Style) -> u16 {
    let (begin, y) = at;
    let mut x = begin;
    let mut last = None;
    let mut open = Isolates::default();
    for grapheme in text.graphemes(true) {
        if open.takes(grapheme) {
            if grapheme == ISOLATE[1]
                && let Some(last) = last
            {
                open.close(buffer, (last, y));
            }
            continue;
        }
        let wide = u16::try_from(columns(grapheme)).unwrap_or(0);
        // What has no column of its own has no cell either: nothing that was made harmless has any.
        if wide == 0 || grapheme.chars().any(char::is_control) {
            continue;
        }
        if x.saturating_add(wide) > end {
            break;
        }
        let Some(cell) = buffer.cell_mut((x, y)) else { break };
        cell.set_symbol(&open.begun(grapheme)).set_style(style);
        last = Some(x);
        for behind in x + 1..x + wide {
            if let Some(cell) = buffer.cell_mut((behind, y)) {
                cell.reset();
                cell.set_style(style);
            }
        }
        x += wide;
    }
    if let Some(last) = last {
        open.close(buffer, (last, y));
        if is_mixed(text) {
            isolate(buffer, (begin, last), y);
        }
    }
    x
}

/// The names in a sentence that are isolated for themselves: each in pairs of marks that are drawn
/// with its first and its last grapheme. They do not lie in one another.
#[derive(Default)]
struct Isolates {
    /// A mark was read, and nothing behind it.
    begins: bool,
    /// One was drawn whose end was not.
    drawn: bool,
}

impl Isolates {
    /// Takes a mark, if it is one.
    fn takes(&mut self, grapheme: &str) -> bool {
        let is_begin = grapheme == ISOLATE[0];
        self.begins = is_begin || (self.begins && grapheme != ISOLATE[1]);
        is_begin || grapheme == ISOLATE[1]
    }

    /// Returns what is drawn for the next grapheme.
    fn begun<'a>(&mut self, grapheme: &'a str) -> Cow<'a, str> {
        if !std::mem::take(&mut self.begins) || self.drawn {
            return Cow::Borrowed(grapheme);
        }
        self.drawn = true;
        Cow::Owned(format!("{}{grapheme}", ISOLATE[0]))
    }

    /// Ends the one that was begun behind a cell.
    fn close(&mut self, buffer: &mut Buffer, last: (u16, u16)) {
        if std::mem::take(&mut self.drawn)
            && let Some(cell) = buffer.cell_mut(last)
        {
            let symbol = format!("{}{}", cell.symbol(), ISOLATE[1]);
            cell.set_symbol(&symbol);
        }
    }
}

/// Writes the isolating marks into the first and the last cell: they go to the terminal with these.
fn isolate(buffer: &mut Buffer, (first, last): (u16, u16), y: u16) {
    let [begin, end] = ISOLATE;
    if let Some(cell) = buffer.cell_mut((first, y)) {
        let symbol = format!("{begin}{}", cell.symbol());
        cell.set_symbol(&symbol);
    }
    if let Some(cell) = buffer.cell_mut((last, y)) {
        let symbol = format!("{}{end}", cell.symbol());
        cell.set_symbol(&symbol);
    }
}
