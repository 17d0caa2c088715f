//! What stands in front of the conversations for a while: pages to read, forms to fill in, lists
//! to choose from.

use crate::editor::Editor;
use crate::layout::{Look, Row};

/// A dialog in front of the conversations.
#[derive(Debug)]
pub(crate) enum Dialog {
    /// Something to read, and perhaps to say yes to.
    Page(PageDialog),
    /// A form to fill in.
    Form(FormDialog),
    /// A list to choose from.
    Pick(PickDialog),
}

/// A page to read.
#[derive(Debug, Default)]
pub(crate) struct PageDialog {
    pub(crate) title: String,
    pub(crate) rows: Vec<Row>,
    /// How many rows are above the screen, as they are broken there.
    pub(crate) scroll: usize,
    /// What a yes does.
    pub(crate) yes: Option<DialogAction>,
    /// What can be copied to the terminal's clipboard.
    pub(crate) copy: Option<String>,
}

/// A field of a form.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) label: String,
    pub(crate) editor: Editor,
    /// Whether it shows how long it is and nothing else.
    pub(crate) masked: bool,
}

/// A form to fill in.
#[derive(Debug)]
pub(crate) struct FormDialog {
    pub(crate) title: String,
    pub(crate) about: Vec<String>,
    pub(crate) fields: Vec<Field>,
    /// The field with the cursor.
    pub(crate) at: usize,
    pub(crate) error: Option<String>,
    pub(crate) kind: FormKind,
    /// Whether it was sent, and an answer is awaited.
    pub(crate) busy: bool,
}

/// The purpose of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormKind {
    /// Opening the profile.
    Unlock,
    /// Making one.
    Create,
    /// Making an invite.
    Invite,
    /// Using somebody's invite.
    Accept,
    /// Searching.
    Search,
}

/// An entry that can be chosen.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) label: String,
    pub(crate) detail: String,
    pub(crate) dialog_action: DialogAction,
}

/// A list to choose from.
#[derive(Debug)]
pub(crate) struct PickDialog {
    pub(crate) title: String,
    pub(crate) choices: Vec<Choice>,
    pub(crate) filter: Editor,
    pub(crate) at: usize,
}

/// The effect of a yes or of a choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DialogAction {
    /// Opens a conversation.
    Open(String),
    /// Runs a command as if it had been written.
    Run(String),
    /// Takes note that safety words were compared.
    Verified(String),
    /// Calls a method that answers nothing, and says a sentence when it is done.
    Call {
        /// Its name.
        method: &'static str,
        /// Its parameters.
        params: serde_json::Value,
        /// The sentence.
        done: String,
    },
    /// Says yes to somebody who used a reusable invite.
    Admit {
        /// The invite.
        invite: u64,
        /// Who.
        identity: String,
    },
    /// Turns a setting on or off, or goes to its next value.
    Set(Toggle),
    /// Shows what can be done with something.
    More(Vec<Choice>),
}

/// A setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Toggle {
    Bell,
    Notify,
    Burn,
}

impl PartialEq for Choice {
    fn eq(&self, other: &Self) -> bool {
        self.label == other.label && self.dialog_action == other.dialog_action
    }
}

impl Eq for Choice {}

impl PageDialog {
    pub(crate) fn new(title: String) -> Self {
        Self { title, ..Self::default() }
    }

    pub(crate) fn line(mut self, text: impl Into<String>) -> Self {
        self.rows.push(Row::new(text, Look::Plain));
        self
    }

    pub(crate) fn row(mut self, row: Row) -> Self {
        self.rows.push(row);
        self
    }

    /// Returns its rows on a screen of so many columns.
    pub(crate) fn on_screen(&self, width: usize) -> impl Iterator<Item = Row> {
        self.rows.iter().flat_map(move |row| row.broken(width))
    }

    /// Goes up or down, and no further than until the last row is at the bottom.
    pub(crate) fn go(&mut self, rows: usize, down: bool, (width, height): (usize, usize)) {
        let most = self.on_screen(width).count().saturating_sub(height.max(1));
        self.scroll = if down { self.scroll + rows } else { self.scroll.saturating_sub(rows) }.min(most);
    }
}

impl Field {
    pub(crate) fn new(label: String, most: usize) -> Self {
        Self { label, editor: Editor::line(most), masked: false }
    }

    pub(crate) fn masked(label: String) -> Self {
        Self { label, editor: Editor::line(1024), masked: true }
    }

    pub(crate) fn with(mut self, text: &str) -> Self {
        self.editor.set(text);
        self
    }
}

impl FormDialog {
    pub(crate) fn new(kind: FormKind, title: String, fields: Vec<Field>) -> Self {
        Self { title, about: Vec::new(), fields, at: 0, error: None, kind, busy: false }
    }

    pub(crate) fn field(&self, place: usize) -> &str {
        self.fields.get(place).map_or("", |field| field.editor.text().trim())
    }

    /// Goes to another field.
    pub(crate) fn go(&mut self, forward: bool) {
        let count = self.fields.len().max(1);
        self.at = (self.at + if forward { 1 } else { count - 1 }) % count;
    }
}

impl PickDialog {
    pub(crate) fn new(title: String, choices: Vec<Choice>) -> Self {
        Self { title, choices, filter: Editor::line(200), at: 0 }
    }

    /// Returns the choices in which what was typed occurs, whatever the case.
    pub(crate) fn shown(&self) -> Vec<&Choice> {
        let wanted = self.filter.text().to_lowercase();
        self.choices.iter().filter(|choice| choice.label.to_lowercase().contains(&wanted)).collect()
    }

    pub(crate) fn chosen(&self) -> Option<&Choice> {
        self.shown().get(self.at).copied()
    }

    pub(crate) fn go(&mut self, forward: bool) {
        let count = self.shown().len().max(1);
        self.at = (self.at + if forward { 1 } else { count - 1 }) % count;
    }
}

impl Choice {
    /// Names in the label are harmless already.
    pub(crate) fn new(label: &str, detail: impl Into<String>, dialog_action: DialogAction) -> Self {
        Self { label: label.to_owned(), detail: detail.into(), dialog_action }
    }
}
