//! What a yes or a choice does, and the settings.

use ephemeral_client::api::{AdmitRequest, VerifyContact};

use super::calls::PendingCall;
use super::input::BURNS;
use super::{Chat, ChatOutput};
use crate::dialog::{Dialog, DialogAction, PickDialog, Toggle};
use crate::layout::{Look, in_sentence};
use crate::times::span;
use crate::words::say;

impl Chat {
    pub(crate) fn perform(&mut self, dialog_action: DialogAction) {
        match dialog_action {
            DialogAction::Open(name) => self.go_to(&name),
            DialogAction::Run(command) => {
                self.run(&command);
            }
            DialogAction::Verified(contact) => {
                let done = say!(self.words, "verified-now", name = in_sentence(&contact));
                self.call(&VerifyContact { contact }, PendingCall::Done(done));
            }
            DialogAction::Call { method, params, done } => self.call_named(method, params, PendingCall::Done(done)),
            DialogAction::Admit { invite, identity } => {
                let admit = AdmitRequest { invite, identity, name: String::new() };
                self.call(&admit, PendingCall::NewContact);
            }
            DialogAction::Set(setting) => {
                self.set(setting);
                self.show_settings();
            }
            DialogAction::More(choices) => {
                let title = say!(self.words, "what-to-do");
                self.show(Dialog::Pick(PickDialog::new(title, choices)));
            }
        }
    }

    fn set(&mut self, setting: Toggle) {
        match setting {
            Toggle::Bell => self.settings.bell = !self.settings.bell,
            Toggle::Notify => self.settings.notify = !self.settings.notify,
            Toggle::Burn => {
                let now = self.settings.burn_s;
                self.settings.burn_s = BURNS.into_iter().find(|burn| *burn > now).unwrap_or_default();
            }
        }
        self.outputs.push(ChatOutput::Save(self.settings.write()));
    }

    /// Sets a key: `/set key find ctrl-t`.
    pub(crate) fn set_by_name(&mut self, rest: &str) {
        let mut parts = rest.split_whitespace();
        let named = (parts.next(), parts.next(), parts.next());
        let (Some("key"), Some(action), Some(chord)) = named else {
            let sentence = say!(self.words, "about-set");
            return self.notify(sentence, Look::Warn);
        };
        let mut settings = self.settings.clone();
        settings.keys.insert(action.to_owned(), chord.to_owned());
        match settings.chords() {
            Ok(chords) => {
                self.chords = chords;
                self.settings = settings;
                self.outputs.push(ChatOutput::Save(self.settings.write()));
                let sentence = say!(self.words, "done");
                self.notify(sentence, Look::Good);
            }
            Err(problem) => {
                let sentence = problem.said(&self.words);
                self.notify(sentence, Look::Warn);
            }
        }
    }

    /// Sets after how long texts to the open conversation are gone.
    pub(crate) fn set_burn(&mut self, burn_s: u32) {
        let Some(open) = self.open.clone() else {
            let sentence = say!(self.words, "nobody-open");
            return self.notify(sentence, Look::Warn);
        };
        if self.conversation().is_some_and(super::Conversation::is_group) {
            let sentence = say!(self.words, "not-for-groups");
            return self.notify(sentence, Look::Warn);
        }
        if let Some(conversation) = self.conversation_mut(&open) {
            conversation.burn_s = Some(burn_s);
        }
        let sentence = self.burn_words(burn_s);
        self.notify(sentence, Look::Plain);
    }

    pub(crate) fn burn_words(&self, burn_s: u32) -> String {
        match burn_s {
            0 => say!(self.words, "burn-never"),
            _ => say!(self.words, "burn-after", time = span(&self.words, burn_s.into())),
        }
    }

    /// Sets it by a time such as `30s`, `5m`, `1h`, `7d`, or `off`.
    pub(crate) fn burn_by_name(&mut self, text: &str) -> bool {
        let Some(burn_s) = burn_time(text) else {
            let sentence = say!(self.words, "about-burn");
            self.notify(sentence, Look::Warn);
            return false;
        };
        self.set_burn(burn_s);
        true
    }
}

fn burn_time(text: &str) -> Option<u32> {
    if text == "off" {
        return Some(0);
    }
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let number: u32 = text.get(..text.len() - 1)?.parse().ok()?;
    number.checked_mul(unit)
}
