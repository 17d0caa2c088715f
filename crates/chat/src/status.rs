//! The line above the composer: what was just said, or how the connection is. It has more rows
//! where it is too long for one: what comes next stands at its end.

use crate::chat::{Chat, parts};
use crate::layout::{Look, Row, columns, cut, sentence_rows};
use crate::words::say;

/// How many rows it has at most.
const MOST_ROWS: u16 = 3;
/// Of so many rows of the screen, one may be its.
const SHARE: u16 = 5;

/// Returns how many rows it has on a screen of this size.
pub(crate) fn status_height(chat: &Chat, (width, height): (u16, u16)) -> u16 {
    let most = (height / SHARE).clamp(1, MOST_ROWS);
    u16::try_from(status_rows(chat, width, most).len()).unwrap_or(1).min(height)
}

/// Returns its rows, as many as there may be.
pub(crate) fn status_rows(chat: &Chat, width: u16, most: u16) -> Vec<Row> {
    let width = usize::from(width);
    let most = usize::from(most).max(1);
    if let Some(completions) = completions(chat) {
        return vec![Row::new(cut(&completions, width), Look::Dim)];
    }
    let (text, look) = sentence(chat);
    let right = at_the_edge(chat);
    let room = width.saturating_sub(right.as_ref().map_or(0, |text| columns(text) + 1)).max(width / 4);
    let mut lines = sentence_rows(&text, room);
    if lines.len() > most {
        let rest = lines.split_off(most - 1).concat();
        lines.push(cut(&rest, room).into_owned());
    }
    let mut rows: Vec<_> = lines.into_iter().map(|line| Row::new(line, look)).collect();
    if let (Some(first), Some(right)) = (rows.first_mut(), right) {
        first.right = Some((right, Look::Warn));
    }
    rows
}

fn sentence(chat: &Chat) -> (String, Look) {
    let words = &chat.words;
    let scrolled = chat.conversation().is_some_and(|conversation| conversation.anchor.is_some());
    match &chat.notice {
        Some((text, look)) => (text.clone(), *look),
        None if !chat.running => (say!(words, "status-not-open"), Look::Dim),
        None if scrolled => (say!(words, "status-scrolled"), Look::Plain),
        None => chat.files_of_open().map_or_else(|| chat.uplink_words(), |text| (text, Look::Plain)),
    }
}

/// Returns what Tab can complete; nothing, while something else is to be read first.
fn completions(chat: &Chat) -> Option<String> {
    let shows = chat.notice.is_none() && chat.completes() && chat.running;
    let found = || chat.completions().iter().map(|found| found.trim().to_owned()).collect::<Vec<_>>();
    shows.then(|| found().join(" "))
}

/// Returns in how many messages the text goes, or when it is gone after it was written.
fn at_the_edge(chat: &Chat) -> Option<String> {
    let words = &chat.words;
    if chat.notice.is_some() || !chat.running {
        return None;
    }
    let text = chat.composer().text();
    let parts = parts(text).len();
    if parts > 1 {
        let bytes = i64::try_from(text.len()).unwrap_or(i64::MAX);
        return Some(say!(words, "status-parts", bytes = bytes, n = i64::try_from(parts).unwrap_or(i64::MAX)));
    }
    (chat.burn_now() > 0).then(|| chat.burn_words(chat.burn_now()))
}
