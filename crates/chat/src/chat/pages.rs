//! Pages: help, safety words, the connection, settings, what is on its way; and the finder.

use ephemeral_client::api::{SafetyInfo, StandingName};

use super::commands::{COMMANDS, about};
use super::{Chat, Uplink};
use crate::conversation::ItemBody;
use crate::dialog::{Choice, Dialog, DialogAction, Field, FormDialog, FormKind, PageDialog, PickDialog, Toggle};
use crate::keys::{ACTIONS, KeyAction};
use crate::layout::{Look, Row, in_sentence};
use crate::times::span;
use crate::words::say;

/// How many safety words stand in a row.
const WORDS_A_ROW: usize = 3;
/// How many rows they need with all that is said of them at 40 columns.
const ROWS_OF_WORDS: u16 = 18;

impl Chat {
    pub(crate) fn show_help(&mut self) {
        let words = &self.words;
        let mut page = PageDialog::new(say!(words, "help-title"));
        page = page.line(say!(words, "help-about")).line(String::new());
        for (action, _, _) in ACTIONS {
            let chord = match action {
                KeyAction::PanicNow => continue,
                KeyAction::Panic => format!("{} {}", self.chord(action), self.chord(KeyAction::PanicNow)),
                _ => self.chord(action),
            };
            page = page.row(Row::new(format!("{chord:<16}"), Look::Bold).and(self.action_words(action), Look::Plain));
        }
        let edit = say!(words, "help-edit");
        page = page
            .row(Row::new(format!("{:<16}", self.on_keyboard("Ctrl-A E U W K")), Look::Bold).and(edit, Look::Plain));
        page = page.row(Row::new(format!("{:<16}", "Esc"), Look::Bold).and(say!(words, "help-esc"), Look::Plain));
        let end = say!(words, "help-end");
        page =
            page.row(Row::new(format!("{:<16}", self.on_keyboard("Ctrl-C Ctrl-C")), Look::Bold).and(end, Look::Plain));
        page = page.line(String::new());
        for command in COMMANDS {
            let name = format!("{:<16}", format!("/{command}"));
            page = page.row(Row::new(name, Look::Bold).and(about(words, command), Look::Plain));
        }
        self.show(Dialog::Page(page));
    }

    fn action_words(&self, action: KeyAction) -> String {
        let words = &self.words;
        match action {
            KeyAction::Help => say!(words, "key-help"),
            KeyAction::Find => say!(words, "key-find"),
            KeyAction::NextUnread => say!(words, "key-next-unread"),
            KeyAction::NextPane => say!(words, "key-next-pane"),
            KeyAction::PreviousPane => say!(words, "key-previous-pane"),
            KeyAction::PageUp => say!(words, "key-page-up"),
            KeyAction::PageDown => say!(words, "key-page-down"),
            KeyAction::NewLine => say!(words, "key-new-line"),
            KeyAction::Search => say!(words, "key-search"),
            KeyAction::Burn => say!(words, "key-burn"),
            KeyAction::Panic | KeyAction::PanicNow => say!(words, "key-panic"),
        }
    }

    pub(crate) fn show_words(&mut self, contact: &str, safety: &SafetyInfo) {
        let words = &self.words;
        let name = in_sentence(contact);
        let mut page = PageDialog::new(say!(words, "words-title", name = name.clone()));
        page = page.line(say!(words, "words-about", name = name.clone()));
        // On a low screen the question is to be there, too.
        let is_low = self.size.1 < ROWS_OF_WORDS;
        let blank = |page: PageDialog| if is_low { page } else { page.line(String::new()) };
        page = blank(page);
        for row in safety.words.chunks(WORDS_A_ROW) {
            let row: String = row.iter().map(|word| format!("{word:<12}")).collect();
            page = page.row(Row::new(format!("  {row}"), Look::Bold));
        }
        page = blank(page);
        if safety.verified {
            page = page.row(Row::new(say!(words, "words-verified", name = name), Look::Good));
        } else {
            page = page.line(say!(words, "words-question", name = name));
            page.yes = Some(DialogAction::Verified(contact.to_owned()));
        }
        self.show(Dialog::Page(page));
    }

    pub(crate) fn show_finder(&mut self) {
        let order = self.in_order();
        let choices = order.iter().map(|known| {
            let dialog_action = DialogAction::Open(known.name.clone());
            Choice::new(&in_sentence(&known.name), self.peer_word(known).0, dialog_action)
        });
        let choices = choices.collect();
        let title = say!(self.words, "find-title");
        self.show(Dialog::Pick(PickDialog::new(title, choices)));
    }

    pub(crate) fn show_search(&mut self) {
        // Enter goes on with the search before.
        let before = self.search.clone().unwrap_or_default();
        let fields = vec![Field::new(say!(self.words, "field-search"), 200).with(&before)];
        let form = FormDialog::new(FormKind::Search, say!(self.words, "search-title"), fields);
        self.show(Dialog::Form(form));
    }

    pub(crate) fn show_settings(&mut self) {
        let words = &self.words;
        let on = |on: bool| if on { say!(words, "set-on") } else { say!(words, "set-off") };
        let burn = self.burn_words(self.settings.burn_s);
        let choices = vec![
            Choice::new(&say!(words, "set-bell"), on(self.settings.bell), DialogAction::Set(Toggle::Bell)),
            Choice::new(&say!(words, "set-notify"), on(self.settings.notify), DialogAction::Set(Toggle::Notify)),
            Choice::new(&say!(words, "set-burn"), burn, DialogAction::Set(Toggle::Burn)),
            Choice::new(&say!(words, "set-keys"), "/set key find ctrl-t", DialogAction::Run("help".to_owned())),
        ];
        let title = say!(words, "settings-title");
        self.show(Dialog::Pick(PickDialog::new(title, choices)));
    }

    pub(crate) fn show_status(&mut self) {
        let words = &self.words;
        let (sentence, look) = self.uplink_words();
        let page = PageDialog::new(say!(words, "status-title"));
        let mut page = page.row(Row::new(sentence, look)).line(String::new());
        if matches!(self.uplink, Uplink::Offline { .. }) {
            page = page.line(say!(words, "status-next")).line(String::new());
        }
        let page = page.line(say!(words, "status-server", server = in_sentence(&self.server)));
        let page = page.line(say!(words, "status-name", name = in_sentence(&self.me)));
        self.show(Dialog::Page(page));
    }

    /// Lists the own texts on the screen's side that have not arrived.
    pub(crate) fn show_outbox(&mut self) {
        let words = &self.words;
        let mut page = PageDialog::new(say!(words, "outbox-title"));
        for conversation in self.in_order() {
            for item in &conversation.items {
                let ItemBody::Message(message) = &item.body else { continue };
                let Some(standing) = message.standing.filter(|standing| *standing != StandingName::Arrived) else {
                    continue;
                };
                let text = format!("{}: {}", in_sentence(&conversation.name), in_sentence(&message.text));
                page = page.row(Row::new(text, Look::Plain).right(super::plain::standing(words, standing), Look::Dim));
            }
        }
        if page.rows.is_empty() {
            page = page.line(say!(words, "outbox-empty"));
        }
        self.show(Dialog::Page(page));
    }

    /// Says what the connection does, for how long, and what comes next.
    pub(crate) fn uplink_words(&self) -> (String, Look) {
        let words = &self.words;
        let time = self.time.since(words, self.uplink_since);
        match &self.uplink {
            // Then there is nothing to fetch, and no server is asked.
            Uplink::Unknown if self.conversations.is_empty() && self.invites.is_empty() => {
                (say!(words, "uplink-idle"), Look::Dim)
            }
            Uplink::Unknown => (say!(words, "uplink-unknown"), Look::Dim),
            Uplink::Starting(percent) => (say!(words, "uplink-tor", percent = i64::from(*percent)), Look::Warn),
            Uplink::Searching => (say!(words, "uplink-searching", time = time), Look::Warn),
            Uplink::Connecting => match self.lost_since {
                Some(lost) => (say!(words, "uplink-again", time = self.time.since(words, lost)), Look::Warn),
                None => (say!(words, "uplink-connecting", time = time), Look::Warn),
            },
            Uplink::Online => (say!(words, "uplink-online"), Look::Good),
            Uplink::Offline { why, next } => {
                let time = self.time.since(words, self.lost_since.unwrap_or(self.uplink_since));
                let next = span(words, (*next - self.time.unix_s).max(0));
                (say!(words, "uplink-offline", time = time, why = why.as_str(), next = next), Look::Warn)
            }
            Uplink::Unusable(why) => (say!(words, "uplink-unusable", why = why.as_str()), Look::Warn),
            Uplink::Gone(why) if why.is_empty() => (say!(words, "uplink-gone", time = time), Look::Warn),
            Uplink::Gone(why) => (say!(words, "uplink-broken", why = why.as_str(), time = time), Look::Warn),
        }
    }
}
