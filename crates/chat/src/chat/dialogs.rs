//! What keys do in front of the conversations.

use super::{Chat, ChatOutput};
use crate::dialog::{Dialog, FormDialog, FormKind, PageDialog, PickDialog};
use crate::keys::{KeyAction, KeyName, KeyPress};
use crate::layout::Look;
use crate::words::say;

/// How many rows of a page a key goes up or down that goes a page; fewer than the smallest screen
/// has.
const PAGE: usize = 10;
/// How many rows a page has not for itself: its title, and the line below where it is highest.
const AROUND_A_PAGE: u16 = 4;

impl Chat {
    /// Shows a dialog in front of what is there.
    pub(crate) fn show(&mut self, dialog: Dialog) {
        self.print_dialog(&dialog);
        if self.awaits(&dialog) {
            self.dialogs.push(dialog);
        }
    }

    pub(crate) fn press_in_dialog(&mut self, key: KeyPress, action: Option<KeyAction>) {
        let Some(mut dialog) = self.dialogs.pop() else { return };
        let depth = self.dialogs.len();
        let stays = match &mut dialog {
            Dialog::Page(page) => self.press_in_page(page, key, action),
            Dialog::Form(form) => self.press_in_form(form, key, action),
            Dialog::Pick(pick) => self.press_in_pick(pick, key, action),
        };
        if stays {
            // What it opened stands in front of it.
            self.dialogs.insert(depth.min(self.dialogs.len()), dialog);
        }
    }

    fn press_in_page(&mut self, page: &mut PageDialog, key: KeyPress, action: Option<KeyAction>) -> bool {
        let (width, height) = self.size;
        let room = (usize::from(width), usize::from(height.saturating_sub(AROUND_A_PAGE)));
        match (key.code, action) {
            (_, Some(KeyAction::PageUp)) => page.go(PAGE, false, room),
            (_, Some(KeyAction::PageDown)) => page.go(PAGE, true, room),
            (KeyName::Up, _) => page.go(1, false, room),
            (KeyName::Down, _) => page.go(1, true, room),
            (KeyName::Char('y' | 'j'), _) if !key.ctrl => {
                if let Some(dialog_action) = page.yes.take() {
                    self.perform(dialog_action);
                    return false;
                }
            }
            (KeyName::Char('c'), _) if !key.ctrl => self.copy_from(page),
            (KeyName::Esc | KeyName::Char('n' | 'q') | KeyName::F(1), _) => return false,
            (KeyName::Enter, _) => return page.yes.is_some(),
            _ => {}
        }
        true
    }

    pub(crate) fn copy_from(&mut self, page: &PageDialog) {
        if let Some(text) = &page.copy {
            self.outputs.push(ChatOutput::Copy(text.clone()));
            let sentence = say!(self.words, "copied");
            self.notify(sentence, Look::Good);
        }
    }

    fn press_in_form(&mut self, form: &mut FormDialog, key: KeyPress, action: Option<KeyAction>) -> bool {
        let is_first = !self.running && matches!(form.kind, FormKind::Unlock | FormKind::Create);
        if key.code == KeyName::Esc {
            // Behind the first two there is nothing to go back to.
            return is_first;
        }
        if form.busy {
            return true;
        }
        let last = form.at + 1 >= form.fields.len();
        match (key.code, action) {
            (_, Some(KeyAction::NextPane)) | (KeyName::Down, _) => form.go(true),
            (_, Some(KeyAction::PreviousPane)) | (KeyName::Up, _) => form.go(false),
            (KeyName::Enter, _) if last => return self.submit(form),
            (KeyName::Enter, _) => form.go(true),
            _ => {
                form.error = None;
                let at = form.at;
                if let Some(field) = form.fields.get_mut(at) {
                    field.editor.press(key);
                }
                self.form_changed(form);
            }
        }
        true
    }

    /// Takes what was filled in. Returns whether the form stays.
    pub(crate) fn submit(&mut self, form: &mut FormDialog) -> bool {
        match form.kind {
            FormKind::Unlock => self.submit_unlock(form),
            FormKind::Create => self.submit_create(form),
            FormKind::Invite => self.submit_invite(form),
            FormKind::Accept => self.submit_accept(form),
            FormKind::Search => {
                let wanted = form.field(0).to_owned();
                self.search_for(&wanted);
                false
            }
        }
    }

    fn form_changed(&mut self, form: &mut FormDialog) {
        if matches!(form.kind, FormKind::Accept | FormKind::Create) {
            self.preview_invite(form);
        }
    }

    fn press_in_pick(&mut self, pick: &mut PickDialog, key: KeyPress, action: Option<KeyAction>) -> bool {
        match (key.code, action) {
            (KeyName::Esc, _) => return false,
            (KeyName::Up, _) | (_, Some(KeyAction::PreviousPane)) => pick.go(false),
            (KeyName::Down, _) | (_, Some(KeyAction::NextPane | KeyAction::Find)) => pick.go(true),
            (KeyName::Enter, _) => {
                if let Some(dialog_action) = pick.chosen().map(|choice| choice.dialog_action.clone()) {
                    self.perform(dialog_action);
                    return false;
                }
            }
            _ => {
                pick.filter.press(key);
                pick.at = 0;
            }
        }
        true
    }

    pub(crate) fn paste_in_dialog(&mut self, text: &str) {
        let Some(mut dialog) = self.dialogs.pop() else { return };
        match &mut dialog {
            Dialog::Page(_) => {}
            Dialog::Form(form) if form.busy => {}
            Dialog::Form(form) => {
                let at = form.at;
                let lost = form.fields.get_mut(at).map_or(0, |field| field.editor.insert(text));
                self.say_lost(lost);
                self.form_changed(form);
            }
            Dialog::Pick(pick) => {
                pick.filter.insert(text);
                pick.at = 0;
            }
        }
        self.dialogs.push(dialog);
    }
}
