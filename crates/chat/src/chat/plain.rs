//! The linear mode: each event is a line, choices have numbers, nothing is drawn twice. A screen
//! reader follows it.

use ephemeral_client::api::StandingName;

use super::Chat;
use crate::conversation::{ChatMessage, Conversation, Item, ItemBody};
use crate::dialog::{Dialog, FormDialog, FormKind, PageDialog, PickDialog};
use crate::layout::in_sentence;
use crate::words::{Words, say};

/// Says how far a text came.
pub(crate) fn standing(words: &Words, standing: StandingName) -> String {
    match standing {
        StandingName::Kept => say!(words, "standing-kept"),
        StandingName::Sending => say!(words, "standing-sending"),
        StandingName::AtServer => say!(words, "standing-at-server"),
        StandingName::Arrived => say!(words, "standing-arrived"),
        StandingName::NotDelivered => say!(words, "standing-not-delivered"),
        StandingName::Declined => say!(words, "standing-declined"),
    }
}

impl Chat {
    /// Returns whether the next line is a secret, which must not be seen while it is written.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        match self.dialogs.last() {
            Some(Dialog::Form(form)) => form.fields.get(form.at).is_some_and(|field| field.masked),
            _ => false,
        }
    }

    /// Returns whether an answer is awaited, before which nothing can be written.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self.dialogs.last(), Some(Dialog::Form(form)) if form.busy)
    }

    pub(crate) fn line(&mut self, line: &str) {
        let line = line.trim_end_matches(['\r', '\n']);
        match self.dialogs.pop() {
            Some(Dialog::Form(form)) => self.line_in_form(form, line),
            Some(Dialog::Pick(pick)) => self.line_in_pick(pick, line.trim()),
            Some(Dialog::Page(page)) => self.line_in_page(page, line.trim()),
            None if line.trim().is_empty() => {}
            None => match line.strip_prefix('/').filter(|rest| !rest.starts_with('/')) {
                Some(command) => {
                    self.run(command.trim());
                }
                None => {
                    self.send_parts(line);
                }
            },
        }
    }

    fn line_in_form(&mut self, mut form: FormDialog, line: &str) {
        let is_first = !self.running && matches!(form.kind, FormKind::Unlock | FormKind::Create);
        if form.busy {
            return self.dialogs.push(Dialog::Form(form));
        }
        if line == "/back" && !is_first {
            return;
        }
        let at = form.at;
        if let Some(field) = form.fields.get_mut(at) {
            // What is there already stays, if nothing is written.
            if !line.is_empty() || field.masked {
                field.editor.set(line);
            }
        }
        let about = form.about.clone();
        if matches!(form.kind, FormKind::Accept | FormKind::Create) {
            self.preview_invite(&mut form);
        }
        if form.about != about {
            form.about.clone().into_iter().for_each(|line| self.print(line));
        }
        let is_last = form.at + 1 >= form.fields.len();
        if is_last && !self.submit(&mut form) {
            return;
        }
        if !is_last {
            form.go(true);
        }
        let asks = !form.busy;
        self.dialogs.push(Dialog::Form(form));
        if asks {
            self.print_field();
        }
    }

    fn line_in_pick(&mut self, pick: PickDialog, line: &str) {
        let number = line.parse::<usize>().ok().filter(|number| *number > 0);
        let dialog_action =
            number.and_then(|number| pick.choices.get(number - 1)).map(|choice| choice.dialog_action.clone());
        match dialog_action {
            Some(dialog_action) => self.perform(dialog_action),
            None if line.is_empty() || line == "/back" => {}
            None => {
                let sentence = say!(self.words, "plain-number");
                self.print(sentence);
                self.dialogs.push(Dialog::Pick(pick));
            }
        }
    }

    fn line_in_page(&mut self, page: PageDialog, line: &str) {
        let yes = matches!(line.to_lowercase().as_str(), "y" | "yes" | "j" | "ja");
        if let Some(dialog_action) = page.yes.filter(|_| yes) {
            self.perform(dialog_action);
        }
    }

    /// Says the question of the field that comes next.
    pub(crate) fn print_field(&mut self) {
        let Some(Dialog::Form(form)) = self.dialogs.last() else { return };
        let Some(field) = form.fields.get(form.at) else { return };
        let label = format!("{}:", field.label);
        self.print(label);
    }

    /// Says what would stand in front.
    pub(crate) fn print_dialog(&mut self, dialog: &Dialog) {
        match dialog {
            Dialog::Page(page) => {
                self.print(titled(&page.title));
                let rows = page.rows.iter().filter(|row| row.parts.iter().any(|(text, _)| is_spoken(text)));
                let lines = rows.map(|row| {
                    let left: String = row.parts.iter().map(|(text, _)| text.as_str()).collect();
                    let right = row.right.iter().map(|(text, _)| format!(" · {text}")).collect::<String>();
                    format!("{}{right}", left.split_whitespace().collect::<Vec<_>>().join(" "))
                });
                lines.for_each(|line| self.print(line));
                if page.yes.is_some() {
                    let sentence = say!(self.words, "plain-yes");
                    self.print(sentence);
                }
            }
            Dialog::Form(form) => {
                self.print(titled(&form.title));
                form.about.iter().for_each(|line| self.print(line.clone()));
                if let Some(field) = form.fields.get(form.at) {
                    self.print(format!("{}:", field.label));
                }
            }
            Dialog::Pick(pick) => {
                self.print(titled(&pick.title));
                for (number, choice) in (1..).zip(&pick.choices) {
                    let detail =
                        if choice.detail.is_empty() { String::new() } else { format!(" · {}", choice.detail) };
                    self.print(format!("{number}. {}{detail}", choice.label));
                }
                let sentence = if pick.choices.is_empty() {
                    say!(self.words, "plain-nothing")
                } else {
                    say!(self.words, "plain-number")
                };
                self.print(sentence);
            }
        }
    }

    /// Returns whether a dialog needs an answer in the linear mode.
    pub(crate) fn awaits(&self, dialog: &Dialog) -> bool {
        match dialog {
            Dialog::Page(page) => !self.is_plain() || page.yes.is_some(),
            Dialog::Pick(pick) => !self.is_plain() || !pick.choices.is_empty(),
            Dialog::Form(_) => true,
        }
    }

    fn is_plain(&self) -> bool {
        self.plain
    }

    pub(crate) fn print_message(&mut self, with: &str, is_group: bool, message: &ChatMessage) {
        let line = self.post_line(with, is_group, message);
        self.print(line);
    }

    pub(crate) fn line_of(&self, conversation: &Conversation, item: &Item) -> String {
        match &item.body {
            ItemBody::Message(message) => self.post_line(&conversation.name, conversation.is_group(), message),
            ItemBody::Note(text, _) => text.clone(),
        }
    }

    fn post_line(&self, with: &str, is_group: bool, message: &ChatMessage) -> String {
        let words = &self.words;
        let with = in_sentence(with);
        let text = in_sentence(&message.text);
        match &message.from {
            Some(from) if is_group => {
                say!(words, "plain-in-group", from = in_sentence(from), group = with, text = text)
            }
            Some(_) => format!("{with}: {text}"),
            None => say!(words, "plain-mine", name = with, text = text),
        }
    }
}

/// Ends a title.
fn titled(title: &str) -> String {
    let ended = title.ends_with(|character: char| !character.is_alphanumeric());
    if ended { title.to_owned() } else { format!("{title}:") }
}

/// Returns whether something of a row can be read aloud: a QR code cannot.
fn is_spoken(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}
