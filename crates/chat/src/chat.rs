//! The state: everything that is shown, and what keys, the engine and the clock do to it.
//!
//! | file | contents |
//! | --- | --- |
//! | `input` | keys and pastes |
//! | `notifications` | notifications of the engine |
//! | `calls` | calls of the engine's methods, and their answers |
//! | `ports` | what goes in, and what comes out |
//! | `people` | the conversations |
//! | `standings` | how far texts came, and how the connection is |
//! | `commands` | what begins with a slash |
//! | `dialogs` | what keys do in front of the conversations |
//! | `actions` | what a yes or a choice does |
//! | `opening` | the first start, and the passphrase |
//! | `invites`, `files`, `groups`, `pages` | what is shown in front, by subject |
//! | `scroll` | which rows are on the screen |
//! | `plain` | the linear mode's lines |

mod actions;
mod calls;
mod commands;
mod dialogs;
mod files;
mod groups;
mod input;
mod invites;
mod notifications;
mod opening;
mod pages;
mod people;
mod plain;
mod ports;
mod scroll;
mod standings;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use ephemeral_client::api::{ContactInfo, FileInfo, GroupOfferInfo, InviteInfo, StandingName};

use crate::conversation::{Conversation, Counterpart};
use crate::dialog::Dialog;
use crate::editor::Editor;
use crate::keys::{KeyAction, KeyPress};
use crate::layout::{Look, said};
use crate::settings::Settings;
use crate::times::ChatTime;
use crate::words::Words;

pub(crate) use input::parts;
pub use opening::{Opening, OpeningStart};
pub(crate) use plain::standing;
pub use ports::{ChatInput, ChatOutput, ChatStart, Explain};

use calls::PendingCall;

/// How long a notice stands in the status line, in seconds.
const NOTICE_S: i64 = 12;

/// The state of the connection with one's own server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Uplink {
    Unknown,
    Starting(u8),
    Searching,
    Connecting,
    Online,
    Offline { why: String, next: i64 },
    Unusable(String),
    Gone(String),
}

/// The pane that gets keys that write nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pane {
    List,
    Messages,
    Composer,
}

/// The state.
#[derive(Debug)]
pub struct Chat {
    pub(crate) words: Words,
    pub(crate) settings: Settings,
    chords: Vec<(KeyAction, KeyPress)>,
    pub(crate) colour: bool,
    plain: bool,
    home: String,
    here: String,
    explain: Explain,
    pub(crate) time: ChatTime,
    pub(crate) size: (u16, u16),
    pub(crate) me: String,
    pub(crate) server: String,
    pub(crate) running: bool,
    /// The folders into which files of contacts are taken: another engine has to be told them.
    folders: BTreeMap<String, String>,
    /// The invite with which a newcomer began.
    first_invite: Option<String>,
    pub(crate) conversations: Vec<Conversation>,
    pub(crate) open: Option<String>,
    /// The composer where no conversation is open.
    pub(crate) loose: Editor,
    pub(crate) pane: Pane,
    pub(crate) dialogs: Vec<Dialog>,
    pub(crate) notice: Option<(String, Look)>,
    notice_until: i64,
    /// Until when the second of the two keys is waited for that erase everything.
    armed: Option<i64>,
    /// Whether the key that ends was pressed once.
    ending: bool,
    pub(crate) uplink: Uplink,
    pub(crate) uplink_since: i64,
    /// Since when there is no connection, whatever was tried meanwhile.
    pub(crate) lost_since: Option<i64>,
    pub(crate) search: Option<String>,
    invites: Vec<InviteInfo>,
    offers: Vec<GroupOfferInfo>,
    files: Vec<FileInfo>,
    waiting: BTreeMap<u64, PendingCall>,
    ticket: u64,
    seq: u64,
    /// How far texts came whose ids are not known yet.
    early: VecDeque<(String, StandingName)>,
    outputs: Vec<ChatOutput>,
    lines: Vec<String>,
}

impl Chat {
    /// Makes the state. Wrong chords were refused when the settings were read.
    #[must_use]
    pub fn new(start: ChatStart) -> Self {
        let ChatStart { words, settings, opening, home, here, explain, colour, plain } = start;
        let mut chat = Self {
            chords: settings.chords().unwrap_or_default(),
            words,
            settings,
            colour,
            plain,
            home,
            here,
            explain,
            time: ChatTime::default(),
            size: (80, 24),
            me: String::new(),
            server: String::new(),
            running: false,
            folders: BTreeMap::new(),
            first_invite: None,
            conversations: Vec::new(),
            open: None,
            loose: Editor::lines(crate::conversation::MOST_DRAFT),
            pane: Pane::Composer,
            dialogs: Vec::new(),
            notice: None,
            notice_until: 0,
            armed: None,
            ending: false,
            uplink: Uplink::Unknown,
            uplink_since: 0,
            lost_since: None,
            search: None,
            invites: Vec::new(),
            offers: Vec::new(),
            files: Vec::new(),
            waiting: BTreeMap::new(),
            ticket: 0,
            seq: 0,
            early: VecDeque::new(),
            outputs: Vec::new(),
            lines: Vec::new(),
        };
        chat.begin(opening);
        chat
    }

    /// Takes what happened.
    pub fn take(&mut self, input: ChatInput) {
        match input {
            ChatInput::Key(key) => self.press(key),
            ChatInput::Burst(keys) => self.burst(keys),
            ChatInput::Paste(text) => self.paste(&text),
            ChatInput::Resize(columns, rows) => self.size = (columns.max(1), rows.max(1)),
            ChatInput::Line(line) => self.line(&line),
            ChatInput::Notified(notification) => self.notified(notification),
            ChatInput::Answered(ticket, answer) => self.answered(ticket, answer),
            ChatInput::Opened(greeting) => self.opened(greeting),
            ChatInput::NotOpened(error) => self.not_opened(&error),
            ChatInput::NotSaved(why) => self.notify(said(&why), Look::Warn),
            ChatInput::Gone(why) => self.gone(why),
            ChatInput::Tick(time) => self.tick(time),
        }
    }

    /// Returns what is to be done by now.
    pub fn outputs(&mut self) -> Vec<ChatOutput> {
        std::mem::take(&mut self.outputs)
    }

    /// Returns the linear mode's lines since the last time.
    pub fn lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    /// Returns the title for the terminal: how much is unread, and no name.
    #[must_use]
    pub fn title(&self) -> String {
        match self.unread() {
            0 => "ephemeral".to_owned(),
            unread => format!("({unread}) ephemeral"),
        }
    }

    /// Returns whether the profile was open: without an engine, another one is looked for.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// Returns how many texts are unread.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.conversations.iter().map(|conversation| conversation.unread).sum()
    }

    fn tick(&mut self, time: ChatTime) {
        self.time = time;
        // Late, another key may be meant.
        self.armed = self.armed.filter(|until| *until > time.unix_s);
        if self.notice_until <= time.unix_s {
            self.notice = None;
        }
        for conversation in &mut self.conversations {
            conversation.burn(time.unix_s);
        }
    }

    /// Says something in the status line, or on a line of its own.
    pub(crate) fn notify(&mut self, text: impl Into<String>, look: Look) {
        let text = text.into();
        self.print(text.clone());
        self.notice = Some((text, look));
        self.notice_until = self.time.unix_s + NOTICE_S;
    }

    /// Writes a line in the linear mode.
    pub(crate) fn print(&mut self, line: String) {
        if self.plain {
            self.lines.push(line);
        }
    }

    pub(crate) fn conversation(&self) -> Option<&Conversation> {
        let open = self.open.as_ref()?;
        self.conversations.iter().find(|conversation| conversation.name == *open)
    }

    /// Returns what is known of the open conversation's contact.
    fn contact(&self) -> Option<&ContactInfo> {
        match &self.conversation()?.peer {
            Counterpart::Contact(contact) => Some(contact),
            Counterpart::Group(_) => None,
        }
    }

    pub(crate) fn conversation_mut(&mut self, name: &str) -> Option<&mut Conversation> {
        self.conversations.iter_mut().find(|conversation| conversation.name == name)
    }

    /// Returns the text that is being written.
    pub(crate) fn composer(&self) -> &Editor {
        self.conversation().map_or(&self.loose, |conversation| &conversation.draft)
    }

    fn composer_mut(&mut self) -> &mut Editor {
        let open = self.open.clone().unwrap_or_default();
        match self.conversations.iter_mut().find(|conversation| conversation.name == open) {
            Some(conversation) => &mut conversation.draft,
            None => &mut self.loose,
        }
    }
}
