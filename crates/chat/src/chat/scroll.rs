//! Which rows of the open conversation are on the screen. Only these are laid out.

use super::Chat;
use crate::conversation::{Conversation, ItemBody, ScrollAnchor};
use crate::layout::{Look, Row};
use crate::message::rows_of;
use crate::panes::Panes;
use crate::words::say;

/// Rows for a place of a given height.
#[derive(Debug, Default)]
pub(crate) struct Visible {
    /// From the top.
    pub(crate) rows: Vec<Row>,
    /// How many rows were laid out for it.
    pub(crate) laid_out: usize,
}

impl Chat {
    /// Returns the rows that are on the screen, from the top.
    pub(crate) fn visible(&self, width: usize, height: usize) -> Visible {
        let mut visible = Visible::default();
        let Some(conversation) = self.conversation() else { return visible };
        let (last, mut below) = bottom(conversation);
        for place in (0..last).rev() {
            let mut rows = rows_of(self, conversation, place, width);
            visible.laid_out += rows.len();
            rows.truncate(rows.len().saturating_sub(below));
            below = 0;
            visible.rows.extend(rows.into_iter().rev());
            if visible.rows.len() >= height {
                break;
            }
        }
        visible.rows.truncate(height);
        visible.rows.reverse();
        visible
    }

    pub(crate) fn scroll_pages(&mut self, up: bool) {
        let height = usize::from(Panes::of(self).messages.height);
        self.scroll(height.saturating_sub(2).max(1), up);
    }

    /// Goes to the end.
    pub(crate) fn scroll_down(&mut self) {
        let Some(open) = self.open.clone() else { return };
        if let Some(conversation) = self.conversation_mut(&open) {
            conversation.anchor = None;
            conversation.unread = 0;
        }
    }

    /// Moves the rows on the screen.
    pub(crate) fn scroll(&mut self, rows: usize, up: bool) {
        let messages = Panes::of(self).messages;
        let width = usize::from(messages.width);
        let height = usize::from(messages.height);
        let Some(conversation) = self.conversation() else { return };
        let anchor = if up {
            // Up to the first row, which is at the top then.
            let above = self.rows_up_to(conversation, width, height + rows).saturating_sub(height);
            if above == 0 {
                return;
            }
            self.anchor_above(conversation, width, rows.min(above))
        } else {
            self.anchor_below(conversation, width, rows)
        };
        let name = conversation.name.clone();
        if let Some(conversation) = self.conversation_mut(&name) {
            conversation.anchor = anchor;
            if anchor.is_none() {
                conversation.unread = 0;
            }
        }
    }

    /// Counts the rows above the bottom of the screen, up to a bound.
    fn rows_up_to(&self, conversation: &Conversation, width: usize, most: usize) -> usize {
        let (last, below) = bottom(conversation);
        let mut count = 0;
        for place in (0..last).rev() {
            count += rows_of(self, conversation, place, width).len();
            if count >= most + below {
                break;
            }
        }
        count.saturating_sub(below)
    }

    fn anchor_above(&self, conversation: &Conversation, width: usize, rows: usize) -> Option<ScrollAnchor> {
        let (last, mut below) = bottom(conversation);
        below += rows;
        for place in (0..last).rev() {
            let length = rows_of(self, conversation, place, width).len();
            if below < length {
                let seq = conversation.items.get(place)?.seq;
                return Some(ScrollAnchor { seq, below });
            }
            below -= length;
        }
        conversation.items.front().map(|item| ScrollAnchor { seq: item.seq, below: 0 })
    }

    fn anchor_below(&self, conversation: &Conversation, width: usize, rows: usize) -> Option<ScrollAnchor> {
        let anchor = conversation.anchor?;
        let (last, below) = bottom(conversation);
        if below >= rows {
            return Some(ScrollAnchor { below: below - rows, ..anchor });
        }
        let mut left = rows - below;
        for place in last..conversation.items.len() {
            let length = rows_of(self, conversation, place, width).len();
            if left <= length {
                let seq = conversation.items.get(place)?.seq;
                let below = length - left;
                let is_end = below == 0 && place + 1 == conversation.items.len();
                return (!is_end).then_some(ScrollAnchor { seq, below });
            }
            left -= length;
        }
        None
    }

    /// Goes to the latest text above the screen's bottom in which this occurs, whatever the case.
    pub(crate) fn search_for(&mut self, wanted: &str) {
        let wanted = wanted.trim().to_lowercase();
        let Some(conversation) = self.conversation() else { return };
        if wanted.is_empty() {
            self.search = None;
            return;
        }
        let again = self.search.as_deref() == Some(wanted.as_str());
        let (last, _) = bottom(conversation);
        let above =
            if again && conversation.anchor.is_some() { last.saturating_sub(1) } else { conversation.items.len() };
        let found = (0..above).rev().find(|place| match conversation.items.get(*place).map(|item| &item.body) {
            Some(ItemBody::Message(message)) => message.text.to_lowercase().contains(&wanted),
            _ => false,
        });
        let item = found.and_then(|place| conversation.items.get(place));
        let anchor = item.map(|item| ScrollAnchor { seq: item.seq, below: 0 });
        let shown = item.map(|item| self.line_of(conversation, item));
        let name = conversation.name.clone();
        self.search = Some(wanted.clone());
        match (anchor, self.conversation_mut(&name)) {
            (Some(anchor), Some(conversation)) => {
                conversation.anchor = Some(anchor);
                shown.into_iter().for_each(|line| self.print(line));
            }
            _ => {
                let sentence = say!(self.words, "search-nothing", text = crate::layout::in_sentence(&wanted));
                self.notify(sentence, Look::Warn);
            }
        }
    }
}

/// Returns the number of items up to the screen's bottom, and the rows of the last that are below
/// it.
fn bottom(conversation: &Conversation) -> (usize, usize) {
    let Some(anchor) = conversation.anchor else { return (conversation.items.len(), 0) };
    let place = conversation.items.partition_point(|item| item.seq < anchor.seq);
    let exact = conversation.items.get(place).is_some_and(|item| item.seq == anchor.seq);
    ((place + 1).min(conversation.items.len()), if exact { anchor.below } else { 0 })
}
