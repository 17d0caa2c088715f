//! The state: everything that is shown, and what keys, the engine and the clock do to it.
//!
//! | file | contents |
//! | --- | --- |
//! | `input` | keys and pastes |
//! | `told` | notifications of the engine |
//! | `asked` | calls of the engine's methods, and their answers |
//! | `commands` | what begins with a slash |
//! | `dialogs` | what keys do in front of the conversations |
//! | `deeds` | what a yes or a choice does |
//! | `opening` | the first start, and the passphrase |
//! | `invites`, `files`, `groups`, `pages` | what is shown in front, by subject |
//! | `scroll` | which rows are on the screen |
//! | `plain` | the linear mode's lines |

mod asked;
mod commands;
mod deeds;
mod dialogs;
mod files;
mod groups;
mod input;
mod invites;
mod opening;
mod pages;
mod plain;
mod scroll;
#[cfg(test)]
mod tests;
mod told;

use std::collections::{BTreeMap, VecDeque};

use ephemeral_client::api::{
    ContactInfo, FileInfo, Greeting, GroupInfo, GroupOfferInfo, InviteInfo, MethodError, Notification, StandingName,
};
use serde_json::Value;

use crate::conversation::{Body, Conversation, Item, Peer};
use crate::dialog::Dialog;
use crate::editor::Editor;
use crate::keys::{KeyAction, KeyPress};
use crate::layout::{Look, in_sentence};
use crate::settings::Settings;
use crate::times::ChatTime;
use crate::words::{Words, say};

pub(crate) use input::parts;
pub use opening::{Opening, OpeningStart};
pub(crate) use plain::standing;

use asked::Asked;

/// How long a notice stands in the status line, in seconds.
const NOTICE_S: i64 = 12;

/// What happens to the state.
#[derive(Clone, Debug)]
pub enum ChatInput {
    /// A key was pressed.
    Key(KeyPress),
    /// A text was pasted.
    Paste(String),
    /// The terminal has so many columns and rows.
    Resize(u16, u16),
    /// A line was written, in the linear mode.
    Line(String),
    /// The engine tells something.
    Told(Notification),
    /// A method answered.
    Answered(u64, Result<Value, MethodError>),
    /// The profile is open, and its engine runs.
    Opened(Greeting),
    /// The profile could not be opened or made.
    NotOpened(String),
    /// The engine is gone.
    Gone(String),
    /// Time went on.
    Tick(ChatTime),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChatOutput {
    /// Call a method, and say what it answers under this number.
    Call(u64, &'static str, Value),
    /// Open or make a profile.
    Open(Opening),
    /// Ring the bell.
    Bell,
    /// Ask the terminal to notify, with a text without content.
    Notify(String),
    /// Put a text into the terminal's clipboard.
    Copy(String),
    /// Write the settings.
    Save(String),
    /// End.
    End,
    /// Clear the screen, erase the profile, and end. Nothing else comes first.
    Erase,
}

/// What the state begins with.
#[derive(Debug)]
pub struct ChatStart {
    /// The language.
    pub words: Words,
    /// What the person has set.
    pub settings: Settings,
    /// How the profile is opened.
    pub opening: OpeningStart,
    /// The person's folder, for paths that begin with `~`.
    pub home: String,
    /// The folder in which the program was started, for paths that begin with no slash.
    pub here: String,
    /// Whether there is colour.
    pub colour: bool,
    /// Whether the linear mode runs.
    pub plain: bool,
}

/// How the connection with one's own server is.
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

/// Where keys go that are not written.
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
    pub(crate) time: ChatTime,
    pub(crate) size: (u16, u16),
    pub(crate) me: String,
    pub(crate) server: String,
    pub(crate) running: bool,
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
    /// Whether the first of the two keys was pressed that erase everything.
    armed: bool,
    /// Whether the key that ends was pressed once.
    ending: bool,
    pub(crate) uplink: Uplink,
    pub(crate) uplink_since: i64,
    pub(crate) search: Option<String>,
    invites: Vec<InviteInfo>,
    offers: Vec<GroupOfferInfo>,
    files: Vec<FileInfo>,
    waiting: BTreeMap<u64, Asked>,
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
        let ChatStart { words, settings, opening, home, here, colour, plain } = start;
        let mut chat = Self {
            chords: settings.chords().unwrap_or_default(),
            words,
            settings,
            colour,
            plain,
            home,
            here,
            time: ChatTime::default(),
            size: (80, 24),
            me: String::new(),
            server: String::new(),
            running: false,
            first_invite: None,
            conversations: Vec::new(),
            open: None,
            loose: Editor::lines(crate::conversation::MOST_DRAFT),
            pane: Pane::Composer,
            dialogs: Vec::new(),
            notice: None,
            notice_until: 0,
            armed: false,
            ending: false,
            uplink: Uplink::Unknown,
            uplink_since: 0,
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
            ChatInput::Paste(text) => self.paste(&text),
            ChatInput::Resize(columns, rows) => self.size = (columns.max(1), rows.max(1)),
            ChatInput::Line(line) => self.line(&line),
            ChatInput::Told(notification) => self.told(notification),
            ChatInput::Answered(ticket, answer) => self.answered(ticket, answer),
            ChatInput::Opened(greeting) => self.opened(greeting),
            ChatInput::NotOpened(why) => self.not_opened(why),
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

    /// Returns how many texts are unread.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.conversations.iter().map(|conversation| conversation.unread).sum()
    }

    fn tick(&mut self, time: ChatTime) {
        self.time = time;
        self.armed = false;
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

    /// Opens a conversation: what it has is read from then on.
    pub(crate) fn go_to(&mut self, name: &str) {
        let Some(conversation) = self.conversation_mut(name) else { return };
        conversation.unread = 0;
        let changed = self.open.as_deref() != Some(name);
        self.open = Some(name.to_owned());
        self.pane = Pane::Composer;
        if changed {
            let sentence = say!(self.words, "plain-open", name = in_sentence(name));
            self.print(sentence);
        }
    }

    /// Returns the conversation with this name, which is made if there is none.
    pub(crate) fn with(&mut self, name: &str, peer: impl FnOnce() -> Peer) -> &mut Conversation {
        let place = self.conversations.iter().position(|conversation| conversation.name == name);
        let place = place.unwrap_or_else(|| {
            self.conversations.push(Conversation::new(name, peer()));
            self.conversations.len() - 1
        });
        &mut self.conversations[place]
    }

    pub(crate) fn with_contact(&mut self, name: &str) -> &mut Conversation {
        self.with(name, || Peer::Contact(unknown_contact(name)))
    }

    pub(crate) fn with_group(&mut self, name: &str) -> &mut Conversation {
        self.with(name, || Peer::Group(unknown_group(name)))
    }

    /// Adds a line about something that happened to a conversation.
    pub(crate) fn note(&mut self, name: &str, is_group: bool, text: String, look: Look) {
        self.seq += 1;
        let item = Item { seq: self.seq, at: self.time.unix_s, body: Body::Note(text.clone(), look) };
        let conversation = if is_group { self.with_group(name) } else { self.with_contact(name) };
        conversation.push(item);
        self.print(text);
    }

    /// Lists conversations as the screen does: the latest first.
    pub(crate) fn in_order(&self) -> Vec<&Conversation> {
        let mut order: Vec<_> = self.conversations.iter().collect();
        order.sort_by(|one, other| other.latest.cmp(&one.latest).then_with(|| one.name.cmp(&other.name)));
        order
    }
}

/// What is known of a contact before it is listed.
fn unknown_contact(name: &str) -> ContactInfo {
    ContactInfo {
        contact: name.to_owned(),
        identity: String::new(),
        answered: false,
        verified: false,
        contested: false,
        left: false,
        wants_to_move: None,
        outgoing: 0,
    }
}

fn unknown_group(name: &str) -> GroupInfo {
    GroupInfo {
        group: name.to_owned(),
        group_id: String::new(),
        admin: false,
        member: true,
        out: false,
        forked: false,
        members: Vec::new(),
        invited: Vec::new(),
    }
}
