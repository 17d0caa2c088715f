//! A conversation: what was said, what is being written, and what has not been read.

use std::collections::{HashMap, VecDeque};

use ephemeral_client::api::{ContactInfo, GroupInfo, HistoryItem, StandingName};

use crate::editor::Editor;
use crate::layout::Look;
use crate::times;

/// How many items a conversation keeps; the oldest go first.
pub(crate) const MOST_ITEMS: usize = 10_000;
/// How many bytes of text a conversation keeps.
pub(crate) const MOST_BYTES: usize = 16 * 1024 * 1024;
/// The longest text that can be written at once, in bytes: it goes in several messages.
pub(crate) const MOST_DRAFT: usize = 256 * 1024;

/// The contact or group that a conversation is with.
#[derive(Clone, Debug)]
pub(crate) enum Counterpart {
    /// A contact.
    Contact(ContactInfo),
    /// A group.
    Group(GroupInfo),
}

/// A text.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChatMessage {
    /// Empty until the engine has taken it.
    pub(crate) id: String,
    /// Who wrote it; `None`: oneself.
    pub(crate) from: Option<String>,
    pub(crate) text: String,
    pub(crate) standing: Option<StandingName>,
    /// How many members of a group have it.
    pub(crate) members: usize,
    pub(crate) burn_s: u32,
    pub(crate) gone_at: Option<i64>,
    pub(crate) missing: bool,
}

/// An entry of a conversation.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// Counts up, and names it while the program runs.
    pub(crate) seq: u64,
    /// In seconds since 1970.
    pub(crate) at: i64,
    pub(crate) body: ItemBody,
}

/// The content of an item.
#[derive(Clone, Debug)]
pub(crate) enum ItemBody {
    /// A text.
    Message(ChatMessage),
    /// Something that happened.
    Note(String, Look),
}

/// The place of the last row on the screen, where that is not the last row that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScrollAnchor {
    pub(crate) seq: u64,
    /// How many of its rows are below the screen.
    pub(crate) below: usize,
}

/// A conversation.
#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    pub(crate) name: String,
    pub(crate) peer: Counterpart,
    pub(crate) items: VecDeque<Item>,
    bytes: usize,
    /// The numbers of texts by their ids.
    ids: HashMap<String, u64>,
    pub(crate) unread: usize,
    /// When something happened last.
    pub(crate) latest: i64,
    pub(crate) draft: Editor,
    pub(crate) anchor: Option<ScrollAnchor>,
    /// Seconds after which texts are to be gone; `None`: as set for all.
    pub(crate) burn_s: Option<u32>,
}

impl Conversation {
    pub(crate) fn new(name: &str, peer: Counterpart) -> Self {
        Self {
            name: name.to_owned(),
            peer,
            items: VecDeque::new(),
            bytes: 0,
            ids: HashMap::new(),
            unread: 0,
            latest: 0,
            draft: Editor::lines(MOST_DRAFT),
            anchor: None,
            burn_s: None,
        }
    }

    pub(crate) fn is_group(&self) -> bool {
        matches!(self.peer, Counterpart::Group(_))
    }

    pub(crate) fn group(&self) -> Option<&GroupInfo> {
        match &self.peer {
            Counterpart::Group(group) => Some(group),
            Counterpart::Contact(_) => None,
        }
    }

    /// Adds an item at the end, and drops the oldest where there are too many.
    pub(crate) fn push(&mut self, item: Item) {
        self.latest = self.latest.max(item.at);
        self.bytes += item.length();
        if let ItemBody::Message(message) = &item.body
            && !message.id.is_empty()
        {
            self.ids.insert(message.id.clone(), item.seq);
        }
        self.items.push_back(item);
        while self.items.len() > MOST_ITEMS || (self.bytes > MOST_BYTES && self.items.len() > 1) {
            let oldest = self.items.pop_front();
            self.forget(oldest);
        }
    }

    fn forget(&mut self, gone: Option<Item>) {
        let Some(gone) = gone else { return };
        self.bytes -= gone.length();
        if let ItemBody::Message(message) = gone.body {
            self.ids.remove(&message.id);
        }
    }

    /// Gives a text the id that the engine has for it.
    pub(crate) fn name_message(&mut self, seq: u64, id: &str) -> Option<&mut ChatMessage> {
        self.ids.insert(id.to_owned(), seq);
        let message = self.by_seq(seq)?;
        message.id = id.to_owned();
        Some(message)
    }

    /// Returns a text by its id.
    pub(crate) fn message(&mut self, id: &str) -> Option<&mut ChatMessage> {
        let seq = *self.ids.get(id)?;
        self.by_seq(seq)
    }

    pub(crate) fn by_seq(&mut self, seq: u64) -> Option<&mut ChatMessage> {
        let place = self.items.binary_search_by_key(&seq, |item| item.seq).ok()?;
        match &mut self.items.get_mut(place)?.body {
            ItemBody::Message(message) => Some(message),
            ItemBody::Note(..) => None,
        }
    }

    pub(crate) fn remove(&mut self, seq: u64) {
        if let Ok(place) = self.items.binary_search_by_key(&seq, |item| item.seq) {
            let gone = self.items.remove(place);
            self.forget(gone);
        }
    }

    /// Takes note of how far a text came. Returns whether that is news: it never gets worse.
    pub(crate) fn stands(&mut self, id: &str, standing: StandingName) -> bool {
        let Some(message) = self.message(id) else { return false };
        message.stands(standing)
    }

    /// Takes over what the engine remembers of this conversation.
    pub(crate) fn merge(&mut self, history: Vec<HistoryItem>, seq: &mut u64) {
        let empty = !self.items.iter().any(|item| matches!(item.body, ItemBody::Message(_)));
        for remembered in history {
            let gone_at = remembered.gone_at.as_deref().and_then(times::seconds);
            if let Some(message) = self.message(&remembered.id) {
                message.gone_at = gone_at.or(message.gone_at);
                if let Some(standing) = remembered.standing {
                    message.stands(standing);
                }
            } else if empty {
                *seq += 1;
                let at = times::seconds(&remembered.at).unwrap_or_default();
                let HistoryItem { id, from, text, standing, missing, .. } = remembered;
                let message = ChatMessage { id, from, text, standing, gone_at, missing, ..ChatMessage::default() };
                self.push(Item { seq: *seq, at, body: ItemBody::Message(message) });
            }
        }
    }

    /// Removes what is to be gone by now.
    pub(crate) fn burn(&mut self, now: i64) {
        let is_gone = |item: &Item| match &item.body {
            ItemBody::Message(message) => message.gone_at.is_some_and(|gone_at| gone_at <= now),
            ItemBody::Note(..) => false,
        };
        let gone: Vec<u64> = self.items.iter().filter(|item| is_gone(item)).map(|item| item.seq).collect();
        for seq in gone {
            self.remove(seq);
        }
    }

    /// Returns the bytes that are kept.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> usize {
        self.bytes
    }
}

impl ChatMessage {
    fn stands(&mut self, standing: StandingName) -> bool {
        let is_better = self.standing.is_none_or(|before| standing > before && before != StandingName::Arrived);
        if is_better {
            self.standing = Some(standing);
        }
        is_better
    }
}

impl Item {
    fn length(&self) -> usize {
        match &self.body {
            ItemBody::Message(message) => message.text.len(),
            ItemBody::Note(text, _) => text.len(),
        }
    }
}
