//! Where things are on the screen.

use ratatui::layout::Rect;

use crate::chat::Chat;
use crate::layout::wrapped;
use crate::status::status_height;

/// From so many columns on, the list stands beside the messages.
const WIDE: u16 = 60;
/// How many rows the composer has at most.
const MOST_COMPOSER: u16 = 8;
/// What stands before the text that is written.
pub(crate) const PROMPT: &str = "> ";

/// The places of the parts of the screen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panes {
    pub(crate) header: Rect,
    pub(crate) list: Option<Rect>,
    pub(crate) messages: Rect,
    pub(crate) status: Rect,
    pub(crate) composer: Rect,
}

impl Panes {
    /// Returns the places for the size that the terminal has.
    pub(crate) fn of(chat: &Chat) -> Self {
        let (width, height) = chat.size;
        let rows = composer_rows(chat, width).min(MOST_COMPOSER).min(height / 3).max(1);
        let composer = Rect::new(0, height.saturating_sub(rows), width, rows.min(height));
        let said = status_height(chat, chat.size);
        let status = Rect::new(0, composer.y.saturating_sub(said), width, said);
        let header = Rect::new(0, 0, width, 1.min(height));
        let body = Rect::new(0, 1.min(height), width, status.y.saturating_sub(1));
        let list = (width >= WIDE).then(|| Rect { width: (width / 4).clamp(16, 28), ..body });
        let left = list.map_or(0, |list| list.width + 2);
        let messages = Rect { x: left, width: width.saturating_sub(left), ..body };
        Self { header, list, messages, status, composer }
    }
}

/// Returns how many columns the text has that is written.
pub(crate) fn composer_width(width: u16) -> usize {
    usize::from(width).saturating_sub(PROMPT.len() + 1).max(2)
}

fn composer_rows(chat: &Chat, width: u16) -> u16 {
    // The lines are enough to know that all places are taken.
    let text = chat.composer().text();
    let most = usize::from(MOST_COMPOSER);
    let mut rows = 0;
    for line in text.split('\n').take(most) {
        let width = composer_width(width);
        rows += if line.len() > width * most { most } else { wrapped(line, width).len() };
    }
    u16::try_from(rows.min(most)).unwrap_or(MOST_COMPOSER)
}
