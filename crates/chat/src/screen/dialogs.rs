//! Dialogs: they stand where the conversations were, so that there is room at 40 columns, too.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::draw;
use crate::chat::Chat;
use crate::dialog::{Dialog, FormDialog, PageDialog, PickDialog};
use crate::layout::{Look, Row, columns, wrapped};
use crate::words::say;

/// Draws a dialog, and returns where the cursor is.
pub(super) fn draw(chat: &Chat, dialog: &Dialog, place: Rect, buffer: &mut Buffer) -> Option<Position> {
    let title = match dialog {
        Dialog::Page(page) => &page.title,
        Dialog::Form(form) => &form.title,
        Dialog::Pick(pick) => &pick.title,
    };
    let keys = match dialog {
        Dialog::Page(page) if page.yes.is_some() => say!(chat.words, "keys-question"),
        Dialog::Page(_) => say!(chat.words, "keys-page"),
        Dialog::Form(_) => say!(chat.words, "keys-form"),
        Dialog::Pick(_) => say!(chat.words, "keys-pick"),
    };
    let head = Row::new(title.as_str(), Look::Bold).right(keys, Look::Dim);
    draw::row(&head, Rect { height: 1.min(place.height), ..place }, chat.colour, buffer);
    let body = Rect { y: place.y + 1, height: place.height.saturating_sub(1), ..place };
    match dialog {
        Dialog::Page(page) => {
            draw_page(chat, page, body, buffer);
            None
        }
        Dialog::Form(form) => draw_form(chat, form, body, buffer),
        Dialog::Pick(pick) => draw_pick(chat, pick, body, buffer),
    }
}

fn draw_page(chat: &Chat, page: &PageDialog, place: Rect, buffer: &mut Buffer) {
    let width = usize::from(place.width);
    let height = usize::from(place.height);
    let mut rows = Vec::new();
    for row in page.rows.iter().skip(page.scroll) {
        rows.extend(broken(row, width));
        if rows.len() >= height {
            break;
        }
    }
    draw::rows(&rows, place, chat.colour, buffer);
}

/// Breaks a row that is wider than the screen; its last part goes on below.
fn broken(row: &Row, width: usize) -> Vec<Row> {
    let Some(((last, look), begin)) = row.parts.split_last() else { return vec![row.clone()] };
    let indent: usize = begin.iter().map(|(text, _)| columns(text)).sum();
    if indent + columns(last) <= width || row.right.is_some() || is_drawing(last) {
        return vec![row.clone()];
    }
    let mut lines = wrapped(last, width.saturating_sub(indent).max(8)).into_iter();
    let mut first = row.clone();
    first.parts.pop();
    let first = first.and(lines.next().unwrap_or_default(), *look);
    let rest = lines.map(|line| Row::new(" ".repeat(indent), Look::Plain).and(line, *look));
    [first].into_iter().chain(rest).collect()
}

/// Returns whether it is a row of a QR code, which is of no use when it is broken.
fn is_drawing(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|character| matches!(character, ' ' | '█' | '▀' | '▄'))
}

fn draw_form(chat: &Chat, form: &FormDialog, place: Rect, buffer: &mut Buffer) -> Option<Position> {
    let width = usize::from(place.width);
    let mut rows = Vec::new();
    let mut cursor = None;
    for (number, field) in form.fields.iter().enumerate() {
        let at = number == form.at;
        let label = if at { Look::Bold } else { Look::Plain };
        rows.extend(wrapped(&field.label, width).into_iter().map(|row| Row::new(row, label)));
        let typed =
            if field.masked { "*".repeat(field.editor.text().chars().count()) } else { field.editor.text().to_owned() };
        let before = if field.masked { field.editor.before().chars().count() } else { columns(field.editor.before()) };
        // The end of what is longer than the screen.
        let room = width.saturating_sub(3).max(2);
        let pieces = wrapped(&typed, room);
        let piece = (before / room).min(pieces.len() - 1);
        if at && !form.busy {
            let x = place.x + u16::try_from((before - piece * room).min(room) + 2).unwrap_or_default();
            cursor = Some((x, rows.len()));
        }
        let mark = if at { "> " } else { "  " };
        rows.push(Row::new(mark, Look::Bold).and(pieces.get(piece).cloned().unwrap_or_default(), Look::Plain));
    }
    rows.push(Row::default());
    if form.busy {
        rows.push(Row::new(say!(chat.words, "form-busy"), Look::Dim));
    }
    let below =
        form.error.iter().map(|text| (text, Look::Warn)).chain(form.about.iter().map(|text| (text, Look::Plain)));
    for (text, look) in below {
        rows.extend(wrapped(text, width).into_iter().map(|row| Row::new(row, look)));
    }
    // On a low screen the field that is filled in is there, and what is below it.
    let height = usize::from(place.height);
    let at = cursor.map_or(0, |(_, row)| row);
    let skip = rows.len().saturating_sub(height).min(at.saturating_sub(1));
    draw::rows(rows.get(skip..).unwrap_or_default(), place, chat.colour, buffer);
    cursor.map(|(x, row)| Position::new(x, place.y + u16::try_from(row - skip).unwrap_or_default()))
}

fn draw_pick(chat: &Chat, pick: &PickDialog, place: Rect, buffer: &mut Buffer) -> Option<Position> {
    let filter = Row::new("> ", Look::Bold).and(pick.filter.text(), Look::Plain);
    let shown = pick.shown();
    let height = usize::from(place.height).saturating_sub(1).max(1);
    let first = (pick.at + 1).saturating_sub(height);
    let choices = shown.iter().enumerate().skip(first).take(height).map(|(number, choice)| {
        let look = if number == pick.at { Look::Chosen } else { Look::Plain };
        Row::new(format!(" {} ", choice.label), look).right(choice.detail.clone(), Look::Dim)
    });
    let mut rows: Vec<_> = [filter].into_iter().chain(choices).collect();
    if shown.is_empty() {
        rows.push(Row::new(say!(chat.words, "pick-nothing"), Look::Dim));
    }
    draw::rows(&rows, place, chat.colour, buffer);
    let x = 2 + columns(pick.filter.before());
    Some(Position::new(place.x + u16::try_from(x).unwrap_or_default(), place.y))
}
