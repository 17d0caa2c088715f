//! Dialogs: they stand where the conversations were, so that there is room at 40 columns, too.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::draw;
use crate::chat::Chat;
use crate::dialog::{Choice, Dialog, FormDialog, PageDialog, PickDialog};
use crate::layout::{Look, Row, columns, sentence_rows, wrapped, wrapped_at};
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
    let rows: Vec<_> =
        page.on_screen(usize::from(place.width)).skip(page.scroll).take(usize::from(place.height)).collect();
    draw::rows(&rows, place, chat.colour, buffer);
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
        let before = field.editor.before();
        let before = if field.masked { "*".repeat(before.chars().count()) } else { before.to_owned() };
        // Of what is longer than the screen, the row with the cursor.
        let (pieces, (piece, column)) = wrapped_at(&typed, &before, width.saturating_sub(3));
        if at && !form.busy {
            cursor = Some((place.x + u16::try_from(column + 2).unwrap_or_default(), rows.len()));
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
        rows.extend(sentence_rows(text, width).into_iter().map(|row| Row::new(row, look)));
    }
    // On a low screen the field that is filled in is there, and what is below it.
    let height = usize::from(place.height);
    let at = cursor.map_or(0, |(_, row)| row);
    let skip = rows.len().saturating_sub(height).min(at.saturating_sub(1));
    draw::rows(rows.get(skip..).unwrap_or_default(), place, chat.colour, buffer);
    cursor.map(|(x, row)| Position::new(x, place.y + u16::try_from(row - skip).unwrap_or_default()))
}

fn draw_pick(chat: &Chat, pick: &PickDialog, place: Rect, buffer: &mut Buffer) -> Option<Position> {
    let width = usize::from(place.width);
    let filter = Row::new("> ", Look::Bold).and(pick.filter.text(), Look::Plain);
    let shown = pick.shown();
    let height = usize::from(place.height).saturating_sub(1).max(1);
    let mut first = pick.at.min(shown.len());
    let mut room = height;
    // As many above the chosen one as there is room for.
    while let Some(choice) = first.checked_sub(1).and_then(|above| shown.get(above)) {
        let chosen = shown.get(pick.at).map_or(0, |choice| choice_rows(choice, width, Look::Plain).len());
        let above = choice_rows(choice, width, Look::Plain).len();
        if above + chosen > room {
            break;
        }
        room -= above;
        first -= 1;
    }
    let mut rows = vec![filter];
    for (number, choice) in shown.iter().enumerate().skip(first).take(height) {
        rows.extend(choice_rows(choice, width, if number == pick.at { Look::Chosen } else { Look::Plain }));
    }
    if shown.is_empty() {
        rows.push(Row::new(say!(chat.words, "pick-nothing"), Look::Dim));
    }
    draw::rows(&rows, place, chat.colour, buffer);
    let x = 2 + columns(pick.filter.before());
    Some(Position::new(place.x + u16::try_from(x).unwrap_or_default(), place.y))
}

/// Returns a choice, and what is known of it beside it, or below where there is no room for both.
fn choice_rows(choice: &Choice, width: usize, look: Look) -> Vec<Row> {
    let label = format!(" {} ", choice.label);
    if columns(&label) + columns(&choice.detail) < width || choice.detail.is_empty() {
        return vec![Row::new(label, look).right(choice.detail.clone(), Look::Dim)];
    }
    let mut rows = Row::new(" ", look).and(choice.label.clone(), look).broken(width);
    rows.extend(Row::new("   ", Look::Plain).and(choice.detail.clone(), Look::Dim).broken(width));
    rows
}
