//! What begins with a slash.

mod about;
mod complete;

use ephemeral_client::api::{
    AddMember, AgreeToMove, BlockContact, CreateGroup, DeclineOffer, ForgetContact, HandOverGroup, JoinGroup,
    LeaveGroup, Method, RemoveMember, RenameContact, SafetyWords, SendFile, TakeFiles, TrustContact,
};

use super::calls::PendingCall;
use super::{Chat, ChatOutput};
use crate::conversation::ItemBody;
use crate::dialog::{Dialog, DialogAction, PageDialog};
use crate::layout::{Look, in_sentence};
use crate::words::say;

pub(crate) use about::{COMMANDS, about};

impl Chat {
    /// Runs a command. Returns whether it was one.
    pub(crate) fn run(&mut self, command: &str) -> bool {
        let (name, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        let rest = rest.trim();
        match name {
            "help" | "?" => self.show_help(),
            "quit" => self.outputs.push(ChatOutput::End),
            // By itself it may have been pasted, or slipped in.
            "panic" if rest == "panic" => {
                self.outputs.clear();
                self.outputs.push(ChatOutput::Erase);
            }
            "invite" => self.show_invite_form(rest),
            "accept" => self.show_accept_form(rest),
            "invites" => self.show_invites(),
            "requests" => self.show_requests(),
            "groups" => self.show_offers(),
            "find" => self.show_finder(),
            "open" => self.open_by_name(rest),
            "files" => self.show_files(),
            "status" => self.show_status(),
            "unlock" => self.show_unlock(),
            "outbox" => self.show_outbox(),
            "settings" => self.show_settings(),
            "set" => self.set_by_name(rest),
            "search" if rest.is_empty() => self.show_search(),
            "search" => self.search_for(rest),
            "copy" => self.copy_latest(),
            "back" => self.scroll_pages(true),
            "group" => self.create_group(rest),
            "join" => self.join(rest),
            "refuse" => self.refuse(rest),
            _ => return self.run_on_open(name, rest),
        }
        true
    }

    /// Runs a command that is about the open conversation.
    fn run_on_open(&mut self, name: &str, rest: &str) -> bool {
        let about_contact =
            matches!(name, "verify" | "rename" | "trust" | "agree" | "block" | "forget" | "send" | "take" | "burn");
        let about_group = matches!(name, "add" | "members" | "remove" | "admin" | "leave");
        if name == "panic" {
            return self.needs_more(name);
        }
        if !about_contact && !about_group {
            let sentence = say!(self.words, "no-such-command", name = in_sentence(name));
            self.notify(sentence, Look::Warn);
            return false;
        }
        let open = self.conversation().map(|conversation| (conversation.name.clone(), conversation.is_group()));
        let Some((with, is_group)) = open else {
            let sentence = say!(self.words, "nobody-open");
            self.notify(sentence, Look::Warn);
            return false;
        };
        let fits = if is_group { about_group } else { about_contact };
        if !fits {
            let sentence =
                if is_group { say!(self.words, "not-for-groups") } else { say!(self.words, "only-for-groups") };
            self.notify(sentence, Look::Warn);
            return false;
        }
        if is_group { self.run_on_group(name, with, rest) } else { self.run_on_contact(name, with, rest) }
    }

    fn run_on_contact(&mut self, name: &str, contact: String, rest: &str) -> bool {
        let shown = in_sentence(&contact);
        let words = &self.words;
        match name {
            "verify" => self.call(&SafetyWords { contact: contact.clone() }, PendingCall::Words(contact)),
            "rename" if !rest.is_empty() => {
                let done = say!(words, "renamed", name = in_sentence(rest));
                self.call(&RenameContact { contact, new: rest.to_owned() }, PendingCall::Done(done));
            }
            "trust" => self.trust(contact),
            "agree" => self.agree(contact),
            "block" => self.confirm(&BlockContact { contact }, say!(words, "block-question", name = shown)),
            "forget" => self.confirm(&ForgetContact { contact }, say!(words, "forget-question", name = shown)),
            "burn" => return self.burn_by_name(rest),
            "send" if !rest.is_empty() => {
                let path = self.path(rest);
                self.call(&SendFile { contact, path }, PendingCall::File);
            }
            "take" if !rest.is_empty() => {
                let folder = self.path(rest);
                let done = say!(words, "files-taken", folder = in_sentence(&folder));
                self.folders.insert(contact.clone(), folder.clone());
                self.call(&TakeFiles { contact, folder }, PendingCall::Done(done));
            }
            _ => return self.needs_more(name),
        }
        true
    }

    /// Asks whether to go on with a contact whose invite somebody else used, if somebody did.
    fn trust(&mut self, contact: String) {
        let shown = in_sentence(&contact);
        if self.contact().is_some_and(|known| known.contested) {
            let question = say!(self.words, "trust-question", name = shown);
            return self.confirm(&TrustContact { contact }, question);
        }
        let sentence = say!(self.words, "trust-needless", name = shown);
        self.notify(sentence, Look::Plain);
    }

    /// Asks whether to write to a contact elsewhere, if it wants that.
    fn agree(&mut self, contact: String) {
        let shown = in_sentence(&contact);
        if let Some(server) = self.contact().and_then(|known| known.wants_to_move.clone()) {
            let question = say!(self.words, "agree-question", name = shown, server = in_sentence(&server));
            return self.confirm(&AgreeToMove { contact }, question);
        }
        let sentence = say!(self.words, "agree-needless", name = shown);
        self.notify(sentence, Look::Plain);
    }

    fn run_on_group(&mut self, name: &str, group: String, rest: &str) -> bool {
        let words = &self.words;
        let shown = in_sentence(rest);
        match name {
            "members" => self.show_members(),
            "leave" => {
                let question = say!(words, "leave-question", group = in_sentence(&group));
                self.confirm(&LeaveGroup { group }, question);
            }
            _ if rest.is_empty() => return self.needs_more(name),
            "add" => {
                let done = say!(words, "member-invited", name = shown);
                self.call(&AddMember { group, contact: rest.to_owned() }, PendingCall::Done(done));
            }
            "remove" => {
                let question = say!(words, "remove-question", name = shown);
                self.confirm(&RemoveMember { group, member: rest.to_owned() }, question);
            }
            _ => {
                let question = say!(words, "hand-over-question", name = shown);
                self.confirm(&HandOverGroup { group, member: rest.to_owned() }, question);
            }
        }
        true
    }

    /// Says what a command is about, when that was not written.
    fn needs_more(&mut self, name: &str) -> bool {
        let sentence = format!("/{name}: {}", about(&self.words, name));
        self.notify(sentence, Look::Warn);
        false
    }

    /// Asks whether to do something that cannot be undone.
    fn confirm<M: Method>(&mut self, method: &M, question: String) {
        let params = serde_json::to_value(method).unwrap_or_default();
        let dialog_action = DialogAction::Call { method: M::NAME, params, done: say!(self.words, "done") };
        let title = say!(self.words, "question-title");
        let page = PageDialog { yes: Some(dialog_action), ..PageDialog::new(title).line(question) };
        self.show(Dialog::Page(page));
    }

    fn create_group(&mut self, name: &str) {
        if name.is_empty() {
            self.needs_more("group");
            return;
        }
        let done = say!(self.words, "group-made", group = in_sentence(name));
        self.call(&CreateGroup { name: name.to_owned() }, PendingCall::Done(done));
    }

    fn join(&mut self, group: &str) {
        if group.is_empty() {
            return self.show_offers();
        }
        let done = say!(self.words, "group-yes", group = in_sentence(group));
        self.call(&JoinGroup { group: group.to_owned(), ..JoinGroup::default() }, PendingCall::Done(done));
    }

    fn refuse(&mut self, group: &str) {
        if group.is_empty() {
            return self.show_offers();
        }
        let done = say!(self.words, "group-no", group = in_sentence(group));
        self.call(&DeclineOffer { group: group.to_owned(), ..DeclineOffer::default() }, PendingCall::Done(done));
    }

    fn open_by_name(&mut self, name: &str) {
        if self.conversations.iter().any(|known| known.name == name) {
            self.go_to(name);
        } else {
            self.show_finder();
        }
    }

    /// Puts the latest text into the terminal's clipboard, because the person asked for it.
    fn copy_latest(&mut self) {
        let texts = self.conversation().into_iter().flat_map(|open| open.items.iter().rev());
        let latest = texts.filter_map(|item| match &item.body {
            ItemBody::Message(message) => Some(message.text.clone()),
            ItemBody::Note(..) => None,
        });
        let latest = latest.into_iter().next();
        if let Some(text) = latest {
            self.outputs.push(ChatOutput::Copy(text));
            let sentence = say!(self.words, "copied");
            self.notify(sentence, Look::Good);
        }
    }
}
