//! A chat with a scripted engine: what is called is looked at, and answered by hand.

use ephemeral_client::api::{
    ContactInfo, EngineStatus, Greeting, GroupInfo, Groups, InviteInfo, MemberInfo, MethodError, Notification,
    ServerStatus,
};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use serde_json::{Value, json};

use crate::{Chat, ChatInput, ChatOutput, ChatStart, ChatTime, KeyName, KeyPress, OpeningStart, Settings, Words};

/// 2026-11-27T20:00:00Z.
pub(crate) const NOW: i64 = 1_795_809_600;
pub(crate) const SERVER: &str = "127.0.0.1:8080";

/// A chat, and the calls that were not answered.
pub(crate) struct ScriptedChat {
    pub(crate) chat: Chat,
    pub(crate) calls: Vec<(u64, &'static str, Value)>,
    pub(crate) outputs: Vec<ChatOutput>,
}

pub(crate) fn start(opening: OpeningStart, locale: &str, plain: bool) -> ScriptedChat {
    let chat = Chat::new(ChatStart {
        words: Words::of(locale),
        settings: Settings::default(),
        opening,
        home: "/home/alice".to_owned(),
        here: "/tmp".to_owned(),
        explain: |text, _| text.to_owned(),
        colour: true,
        plain,
    });
    let mut scripted = ScriptedChat { chat, calls: Vec::new(), outputs: Vec::new() };
    scripted.at(NOW);
    scripted
}

pub(crate) fn contact(name: &str) -> ContactInfo {
    ContactInfo {
        contact: name.to_owned(),
        identity: format!("{name:0>64}"),
        answered: true,
        verified: false,
        contested: false,
        left: false,
        wants_to_move: None,
        outgoing: 0,
    }
}

pub(crate) fn group(name: &str, members: &[&str]) -> GroupInfo {
    let member = |name: &&str| MemberInfo {
        member: (*name).to_owned(),
        identity: "cd".repeat(32),
        admin: *name == "Alice",
        me: *name == "Alice",
    };
    GroupInfo {
        group: name.to_owned(),
        group_id: "ef".repeat(16),
        admin: true,
        member: true,
        out: false,
        forked: false,
        members: members.iter().map(member).collect(),
        invited: vec!["Dora".to_owned()],
    }
}

impl ScriptedChat {
    /// Makes a running profile with these contacts.
    pub(crate) fn with(contacts: Vec<ContactInfo>) -> Self {
        let mut scripted = start(OpeningStart::Running, "C", false);
        scripted.open(contacts, Groups::default());
        scripted
    }

    /// Opens the profile, and answers what it asks for.
    pub(crate) fn open(&mut self, contacts: Vec<ContactInfo>, groups: Groups) {
        self.take(ChatInput::Opened(Greeting { version: 1, name: "Alice".to_owned(), server: SERVER.to_owned() }));
        self.answer("contacts.list", json!(contacts));
        self.answer("groups.list", json!(groups));
        self.answer("invites.list", json!(Vec::<InviteInfo>::new()));
        self.answer("files.list", json!([]));
        self.answer("subscribe", json!({}));
        self.answer("status", json!(online()));
        while self.calls.iter().any(|(_, name, _)| *name == "history") {
            self.answer("history", json!([]));
        }
    }

    pub(crate) fn take(&mut self, input: ChatInput) {
        self.chat.take(input);
        for output in self.chat.outputs() {
            match output {
                ChatOutput::Call(ticket, method, params) => self.calls.push((ticket, method, params)),
                other => self.outputs.push(other),
            }
        }
    }

    pub(crate) fn notified(&mut self, notification: Notification) {
        self.take(ChatInput::Notified(notification));
    }

    pub(crate) fn at(&mut self, unix_s: i64) {
        self.take(ChatInput::Tick(ChatTime { unix_s, offset_s: 0 }));
    }

    pub(crate) fn key(&mut self, chord: &str) {
        self.take(ChatInput::Key(chord.parse().unwrap()));
    }

    pub(crate) fn write(&mut self, text: &str) {
        for character in text.chars() {
            self.take(ChatInput::Key(KeyPress::plain(KeyName::Char(character))));
        }
    }

    /// Writes a line and presses Enter.
    pub(crate) fn enter(&mut self, text: &str) {
        self.write(text);
        self.key("enter");
    }

    /// Returns the parameters of the oldest call of a method that was not answered.
    pub(crate) fn called(&self, method: &str) -> Option<&Value> {
        self.calls.iter().find(|(_, name, _)| *name == method).map(|(_, _, params)| params)
    }

    pub(crate) fn answer(&mut self, method: &str, answer: Value) {
        let ticket = self.ticket(method);
        self.take(ChatInput::Answered(ticket, Ok(answer)));
    }

    pub(crate) fn refuse(&mut self, method: &str, why: &str) {
        let ticket = self.ticket(method);
        self.take(ChatInput::Answered(ticket, Err(MethodError { code: 3, message: why.to_owned(), reason: None })));
    }

    fn ticket(&mut self, method: &str) -> u64 {
        let place = self.calls.iter().position(|(_, name, _)| *name == method);
        let place = place.unwrap_or_else(|| panic!("{method} was not called: {:?}", self.calls));
        self.calls.remove(place).0
    }

    /// Has a text of a contact come, a minute after the one before.
    pub(crate) fn text(&mut self, contact: &str, number: u64, text: &str) {
        self.notified(Notification::Text {
            contact: contact.to_owned(),
            id: format!("{contact}-{number}"),
            at: "2026-11-27T19:58:00Z".to_owned(),
            text: text.to_owned(),
            burn_s: 0,
            missing: false,
            gone_at: None,
        });
    }

    pub(crate) fn buffer(&mut self, width: u16, height: u16) -> Buffer {
        self.take(ChatInput::Resize(width, height));
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        self.chat.draw(&mut buffer);
        buffer
    }

    /// Returns the rows of the screen, without blanks at their ends.
    pub(crate) fn screen(&mut self, width: u16, height: u16) -> String {
        text_of(&self.buffer(width, height))
    }
}

pub(crate) fn text_of(buffer: &Buffer) -> String {
    let area = buffer.area();
    let mut text = String::new();
    for y in area.top()..area.bottom() {
        let mut row = String::new();
        let mut skip = 0;
        for x in area.left()..area.right() {
            let symbol = buffer[(x, y)].symbol();
            if skip == 0 {
                row.push_str(symbol);
                skip = crate::layout::columns(symbol).max(1);
            }
            skip -= 1;
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

impl ScriptedChat {
    /// Returns the screen, and below it how each cell is set off where there are no colours: `#`
    /// reversed, `*` bold, `_` underlined, `.` dim.
    pub(crate) fn marks(&mut self, columns: u16, rows: u16) -> String {
        let mut text = self.screen(columns, rows);
        let buffer = self.buffer(columns, rows);
        for row in buffer.content().chunks(usize::from(columns)) {
            let marks: String = row.iter().map(|cell| mark(cell.modifier)).collect();
            text.push_str(marks.trim_end());
            text.push('\n');
        }
        text
    }
}

fn mark(modifier: Modifier) -> char {
    let marks = [(Modifier::REVERSED, '#'), (Modifier::BOLD, '*'), (Modifier::UNDERLINED, '_'), (Modifier::DIM, '.')];
    marks.into_iter().find(|(known, _)| modifier.contains(*known)).map_or(' ', |(_, mark)| mark)
}

pub(crate) fn online() -> EngineStatus {
    let own = ServerStatus {
        server: SERVER.to_owned(),
        own: true,
        state: "online".to_owned(),
        why: None,
        reason: None,
        for_s: 60,
        retry_in_s: None,
    };
    EngineStatus { tor: String::new(), tor_percent: 0, servers: vec![own], settled: true, fetched: true }
}

/// Answers that a text was taken.
pub(crate) fn sending(id: &str) -> Value {
    json!({"id": id, "standing": "sending", "at": "2026-11-27T20:00:00Z", "gone_at": null})
}
