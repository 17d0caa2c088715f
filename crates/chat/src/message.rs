//! An item of a conversation as rows: who and when, how it stands, what is left of its time, and
//! the text below.

use ephemeral_client::api::StandingName;

use crate::chat::{Chat, standing};
use crate::conversation::{ChatMessage, Conversation, Counterpart, Item, ItemBody};
use crate::layout::{Look, Row, columns, cut, one_line, sentence_rows, wrapped};
use crate::words::say;

/// Texts stand so far to the right: none can pose as the line of another.
const INDENT: usize = 2;

/// Lays out one item.
pub(crate) fn rows_of(chat: &Chat, conversation: &Conversation, place: usize, width: usize) -> Vec<Row> {
    let Some(item) = conversation.items.get(place) else { return Vec::new() };
    match &item.body {
        ItemBody::Note(text, look) => {
            let rows = sentence_rows(text, width.saturating_sub(2)).into_iter().enumerate();
            rows.map(|(number, row)| Row::new(format!("{}{row}", if number == 0 { "* " } else { "  " }), *look))
                .collect()
        }
        ItemBody::Message(message) => {
            let mut rows = Vec::new();
            if !continues(conversation, place, item, message) {
                rows.push(head(chat, item, message, width));
            }
            if message.missing {
                rows.push(Row::new(say!(chat.words, "message-missing"), Look::Warn));
            }
            rows.extend(text_rows(chat, message, width));
            rows
        }
    }
}

/// Returns whether an item goes on where the one before it stops, so that it needs no head.
fn continues(conversation: &Conversation, place: usize, item: &Item, message: &ChatMessage) -> bool {
    let before = place.checked_sub(1).and_then(|before| conversation.items.get(before));
    let same = before.is_some_and(|before| match &before.body {
        ItemBody::Message(earlier) => {
            earlier.from == message.from && earlier.standing == message.standing && before.at / 60 == item.at / 60
        }
        ItemBody::Note(..) => false,
    });
    same && message.gone_at.is_none() && message.burn_s == 0 && conversation.group().is_none()
}

fn head(chat: &Chat, item: &Item, message: &ChatMessage, width: usize) -> Row {
    let words = &chat.words;
    let (name, look) = match &message.from {
        Some(from) => (one_line(from), Look::Bold),
        None => (say!(words, "you"), Look::Mine),
    };
    let mut states = Vec::new();
    let mut state_look = Look::Dim;
    if let Some(standing_now) = message.standing.filter(|_| message.from.is_none()) {
        states.push(match message.members {
            0 => standing(words, standing_now),
            members => say!(words, "standing-members", n = i64::try_from(members).unwrap_or(i64::MAX)),
        });
        state_look = match standing_now {
            StandingName::Arrived => Look::Good,
            StandingName::NotDelivered | StandingName::Declined => Look::Warn,
            _ => Look::Dim,
        };
    }
    match message.gone_at {
        Some(gone_at) => states.push(chat.time.gone_in(words, gone_at)),
        None if message.burn_s > 0 => states.push(chat.burn_words(message.burn_s)),
        None => {}
    }
    let right = states.join(" · ");
    let room = width.saturating_sub(columns(&right) + 8);
    let row = Row::new(cut(&name, room.max(4)).into_owned(), look);
    let time = chat.time.of(item.at);
    let room = width.saturating_sub(columns(&right) + columns(&name) + 2);
    let row = if columns(&time) < room { row.and(format!(" {time}"), Look::Dim) } else { row };
    if right.is_empty() { row } else { row.right(right, state_look) }
}

fn text_rows(chat: &Chat, message: &ChatMessage, width: usize) -> Vec<Row> {
    let found = chat.search.as_ref().is_some_and(|wanted| message.text.to_lowercase().contains(wanted));
    let look = if found { Look::Found } else { Look::Plain };
    let rows = wrapped(&message.text, width.saturating_sub(INDENT)).into_iter();
    rows.map(|row| Row::new(" ".repeat(INDENT), Look::Plain).and(row, look)).collect()
}

impl Chat {
    /// Says how well a contact is known, or how large a group is.
    pub(crate) fn peer_word(&self, conversation: &Conversation) -> (String, Look) {
        let words = &self.words;
        match &conversation.peer {
            Counterpart::Contact(contact) if contact.left => (say!(words, "peer-left"), Look::Dim),
            Counterpart::Contact(contact) if contact.contested => (say!(words, "peer-changed"), Look::Warn),
            Counterpart::Contact(contact) if contact.verified => (say!(words, "peer-verified"), Look::Good),
            Counterpart::Contact(contact) if !contact.answered => (say!(words, "peer-not-answered"), Look::Dim),
            Counterpart::Contact(_) => (say!(words, "peer-new"), Look::Dim),
            Counterpart::Group(group) if group.out => (say!(words, "peer-out"), Look::Dim),
            Counterpart::Group(group) if group.forked => (say!(words, "peer-forked"), Look::Warn),
            Counterpart::Group(group) => {
                let members = i64::try_from(group.members.len()).unwrap_or(i64::MAX);
                (say!(words, "peer-group", n = members), Look::Dim)
            }
        }
    }
}
