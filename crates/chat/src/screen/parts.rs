//! The parts of the screen behind the dialogs.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::draw;
use crate::chat::{Chat, Pane};
use crate::layout::{Look, Row, one_line, wrapped, wrapped_at};
use crate::panes::{PROMPT, composer_width};
use crate::status::status_rows;
use crate::words::say;

/// Draws the top line: who it is with, how well that is known, and how much is unread elsewhere.
pub(super) fn header(chat: &Chat, place: Rect, buffer: &mut Buffer) {
    let words = &chat.words;
    let row = match chat.conversation() {
        Some(conversation) => {
            let (word, look) = chat.peer_word(conversation);
            Row::new(one_line(&conversation.name), Look::Bold).and(" · ", Look::Dim).and(word, look)
        }
        None => Row::new("ephemeral", Look::Bold),
    };
    let unread = i64::try_from(chat.unread()).unwrap_or(i64::MAX);
    let right = if unread > 0 { say!(words, "header-unread", n = unread) } else { say!(words, "header-help") };
    draw::row(&row.right(right, if unread > 0 { Look::Mine } else { Look::Dim }), place, chat.colour, buffer);
}

/// Draws as much of the list of conversations as there is room for, the open one among them.
pub(super) fn list(chat: &Chat, place: Rect, buffer: &mut Buffer) {
    let order = chat.in_order();
    let open = order.iter().position(|known| Some(&known.name) == chat.open.as_ref()).unwrap_or_default();
    let height = usize::from(place.height).max(1);
    let first = (open + 1).saturating_sub(height);
    let rows: Vec<_> = order
        .iter()
        .skip(first)
        .take(height)
        .map(|known| {
            let is_open = Some(&known.name) == chat.open.as_ref();
            let look = match (is_open, known.unread > 0) {
                (true, _) if chat.pane == Pane::List => Look::Chosen,
                (true, _) => Look::Bold,
                (false, true) => Look::Mine,
                (false, false) => Look::Plain,
            };
            let mark = if is_open { "> " } else { "  " };
            let row = Row::new(mark, Look::Plain).and(one_line(&known.name), look);
            let is_drafted = !is_open && !known.draft.is_empty();
            match (known.unread, is_drafted) {
                (0, false) => row,
                (0, true) => row.right(say!(chat.words, "list-draft"), Look::Dim),
                (unread, _) => row.right(format!("({unread})"), Look::Mine),
            }
        })
        .collect();
    draw::rows(&rows, place, chat.colour, buffer);
    for y in place.top()..place.bottom() {
        draw::put(buffer, (place.right(), y), place.right() + 1, "│", draw::style(Look::Dim, chat.colour));
    }
}

/// Draws the messages. Returns how many rows were laid out.
pub(super) fn messages(chat: &Chat, place: Rect, buffer: &mut Buffer) -> usize {
    let height = usize::from(place.height);
    let width = usize::from(place.width);
    if chat.conversation().is_none() {
        let text = say!(chat.words, "nobody-yet");
        let rows: Vec<_> = wrapped(&text, width).into_iter().map(|row| Row::new(row, Look::Dim)).collect();
        draw::rows(&rows, place, chat.colour, buffer);
        return 0;
    }
    let visible = chat.visible(width, height);
    // The latest is at the bottom.
    let empty = u16::try_from(height - visible.rows.len().min(height)).unwrap_or_default();
    let filled = Rect { y: place.y + empty, height: place.height.saturating_sub(empty), ..place };
    draw::rows(&visible.rows, filled, chat.colour, buffer);
    visible.laid_out
}

/// Draws the rows above the composer: what was just said, or how the connection is.
pub(super) fn status(chat: &Chat, place: Rect, buffer: &mut Buffer) {
    draw::rows(&status_rows(chat, place.width, place.height), place, chat.colour, buffer);
}

/// Draws the text that is being written. Returns where the cursor is.
pub(super) fn composer(chat: &Chat, place: Rect, buffer: &mut Buffer) -> Option<Position> {
    let width = composer_width(place.width);
    let height = usize::from(place.height).max(1);
    let composer = chat.composer();
    let (rows, (at, column)) = wrapped_at(composer.text(), composer.before(), width);
    let first = (at + 1).saturating_sub(height);
    let shown = rows.iter().enumerate().skip(first).take(height).map(|(number, row)| {
        let prompt = if number == 0 { PROMPT } else { "  " };
        Row::new(prompt, Look::Bold).and(row.clone(), Look::Plain)
    });
    draw::rows(&shown.collect::<Vec<_>>(), place, chat.colour, buffer);
    let x = place.x.saturating_add(u16::try_from(column + PROMPT.len()).unwrap_or(u16::MAX));
    let y = place.y.saturating_add(u16::try_from(at - first).unwrap_or_default());
    (chat.pane == Pane::Composer).then(|| Position::new(x.min(place.right().saturating_sub(1)), y))
}
