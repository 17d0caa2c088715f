//! Keys and pastes where no dialog is in front.

use super::{Chat, ChatOutput, Pane};
use crate::keys::{KeyAction, KeyName, KeyPress};
use crate::layout::Look;
use crate::words::say;

/// The longest text that goes in one message, in bytes.
pub(crate) const MOST_TEXT: usize = 47_000;
/// For how many seconds the second of the two keys is waited for.
const ARMED_S: i64 = 5;
/// After how many seconds a text can be gone; each press of the key goes to the next.
pub(crate) const BURNS: [u32; 6] = [0, 30, 300, 3_600, 86_400, 604_800];

impl Chat {
    pub(crate) fn press(&mut self, key: KeyPress) {
        let action = self.chords.iter().find(|(_, chord)| *chord == key).map(|(action, _)| *action);
        // Before all else: nothing may stand in the way of these two.
        if self.armed.take().is_some() {
            if action == Some(KeyAction::PanicNow) {
                self.outputs.clear();
                self.outputs.push(ChatOutput::Erase);
                return;
            }
            // What it said is no longer so.
            self.notice = None;
        }
        if action == Some(KeyAction::Panic) {
            return self.arm();
        }
        if self.ends(key) {
            return;
        }
        if !self.dialogs.is_empty() {
            return self.press_in_dialog(key, action);
        }
        self.notice = None;
        match action {
            Some(action) => self.act(action, key),
            None => self.press_in_pane(key),
        }
    }

    /// Lets the next key erase everything, for some seconds, and says so for that long.
    fn arm(&mut self) {
        let until = self.time.unix_s + ARMED_S;
        self.armed = Some(until);
        let next = self.chord(KeyAction::PanicNow);
        let sentence = say!(self.words, "panic-armed", key = next);
        self.notify(sentence, Look::Warn);
        self.notice_until = until;
    }

    /// Ends at the second Ctrl-C, or the second Ctrl-D where nothing is written.
    fn ends(&mut self, key: KeyPress) -> bool {
        let idle = self.dialogs.is_empty() && self.composer().is_empty();
        let is_end = key == KeyPress::ctrl('c') || (key == KeyPress::ctrl('d') && idle);
        if !is_end {
            self.ending = false;
            return false;
        }
        if self.ending || !self.running {
            self.outputs.push(ChatOutput::End);
        } else {
            self.ending = true;
            let sentence = say!(self.words, "end-once-more");
            self.notify(sentence, Look::Plain);
        }
        true
    }

    /// Returns how a person presses the chord of an action.
    pub(crate) fn chord(&self, action: KeyAction) -> String {
        let chord = self.chords.iter().find(|(known, _)| *known == action);
        chord.map(|(_, chord)| self.on_keyboard(&chord.to_string())).unwrap_or_default()
    }

    /// Returns keys by the names that they have on the person's keyboard.
    pub(crate) fn on_keyboard(&self, keys: &str) -> String {
        let words = &self.words;
        let keys = keys.replace("Ctrl", &say!(words, "chord-ctrl")).replace("Shift", &say!(words, "chord-shift"));
        keys.replace("PgUp", &say!(words, "chord-page-up")).replace("PgDn", &say!(words, "chord-page-down"))
    }

    fn act(&mut self, action: KeyAction, key: KeyPress) {
        match action {
            KeyAction::Help => self.show_help(),
            KeyAction::Find => self.show_finder(),
            KeyAction::NextUnread => self.go_to_unread(),
            KeyAction::NextPane if self.completes() => self.complete(),
            KeyAction::NextPane => self.next_pane(true),
            KeyAction::PreviousPane => self.next_pane(false),
            KeyAction::PageUp => self.scroll_pages(true),
            KeyAction::PageDown => self.scroll_pages(false),
            KeyAction::NewLine => {
                self.pane = Pane::Composer;
                self.composer_mut().insert("\n");
            }
            KeyAction::Search => self.show_search(),
            KeyAction::Burn => self.next_burn(),
            // By itself it is what readline has it for.
            KeyAction::PanicNow => self.press_in_pane(key),
            KeyAction::Panic => {}
        }
    }

    fn next_pane(&mut self, forward: bool) {
        self.pane = match (self.pane, forward) {
            (Pane::List, true) | (Pane::Composer, false) => Pane::Messages,
            (Pane::Messages, true) | (Pane::List, false) => Pane::Composer,
            (Pane::Composer, true) | (Pane::Messages, false) => Pane::List,
        };
    }

    fn press_in_pane(&mut self, key: KeyPress) {
        let written = matches!(key.code, KeyName::Char(_)) && !key.ctrl && !key.alt;
        match (self.pane, key.code) {
            (_, KeyName::Esc) => self.back_out(),
            (Pane::List, KeyName::Up) => self.go_in_list(false),
            (Pane::List, KeyName::Down) => self.go_in_list(true),
            (Pane::Messages, KeyName::Up) => self.scroll(1, true),
            (Pane::Messages, KeyName::Down) => self.scroll(1, false),
            (Pane::Messages, KeyName::End) => self.scroll_down(),
            (Pane::List | Pane::Messages, KeyName::Enter) => self.pane = Pane::Composer,
            (Pane::Composer, KeyName::Enter) => self.enter(),
            // What is written goes where it is written, wherever one is.
            _ if written || self.pane == Pane::Composer => {
                self.pane = Pane::Composer;
                self.write(key);
            }
            _ => {}
        }
    }

    fn write(&mut self, key: KeyPress) {
        let done = self.composer_mut().press(key);
        let scrolls = self.composer().is_empty() && !done;
        match key.code {
            KeyName::Up if scrolls => self.scroll(1, true),
            KeyName::Down if scrolls => self.scroll(1, false),
            _ => {}
        }
    }

    fn back_out(&mut self) {
        if self.search.take().is_none() {
            self.pane = Pane::Composer;
            self.scroll_down();
        }
    }

    fn go_in_list(&mut self, forward: bool) {
        let order: Vec<String> = self.in_order().iter().map(|conversation| conversation.name.clone()).collect();
        let at = order.iter().position(|name| Some(name) == self.open.as_ref()).unwrap_or_default();
        let next = if forward { at + 1 } else { at.wrapping_sub(1) };
        if let Some(name) = order.get(next) {
            self.go_to(name);
            self.pane = Pane::List;
        }
    }

    fn go_to_unread(&mut self) {
        let order = self.in_order();
        let next = order.iter().find(|conversation| conversation.unread > 0);
        match next.map(|conversation| conversation.name.clone()) {
            Some(name) => self.go_to(&name),
            None => {
                let sentence = say!(self.words, "nothing-unread");
                self.notify(sentence, Look::Plain);
            }
        }
    }

    /// Writes what was pasted; no character of it counts as a key.
    pub(crate) fn paste(&mut self, text: &str) {
        if self.dialogs.is_empty() {
            self.pane = Pane::Composer;
            let lost = self.composer_mut().insert(text);
            self.say_lost(lost);
        } else {
            self.paste_in_dialog(text);
        }
    }

    /// Keys that came in one go are a paste where Enter would send a line, or run it. In a dialog
    /// they are keys: who fills in a form may be faster than the screen.
    pub(crate) fn burst(&mut self, keys: Vec<KeyPress>) {
        let mut keys = keys.into_iter();
        while !self.dialogs.is_empty() {
            let Some(key) = keys.next() else { return };
            self.press(key);
        }
        let rest: Vec<KeyPress> = keys.collect();
        if !KeyPress::are_pasted(&rest) {
            return rest.into_iter().for_each(|key| self.press(key));
        }
        let is_one_line = !KeyPress::goes_on_behind_a_line(&rest);
        let text: String = rest.into_iter().filter_map(KeyPress::written).collect();
        if is_one_line {
            // It was perhaps typed after all, and only came late: then Enter is missed.
            let sentence = say!(self.words, "paste-not-sent");
            self.notify(sentence, Look::Plain);
            return self.paste(text.trim_end_matches('\n'));
        }
        self.paste(&text);
    }

    pub(crate) fn say_lost(&mut self, lost: usize) {
        if lost > 0 {
            let sentence = say!(self.words, "paste-cut", n = lost);
            self.notify(sentence, Look::Warn);
        }
    }

    fn enter(&mut self) {
        let text = self.composer().text().to_owned();
        if text.trim().is_empty() {
            return;
        }
        let command = text.strip_prefix('/').filter(|rest| !rest.starts_with('/') && !rest.contains('\n'));
        if let Some(command) = command {
            if self.run(command.trim()) {
                // What it did may have opened another conversation.
                self.forget_command(&text);
            }
            return;
        }
        if self.send_parts(&text) {
            self.composer_mut().take();
        }
    }

    fn forget_command(&mut self, text: &str) {
        let drafts = self.conversations.iter_mut().map(|conversation| &mut conversation.draft);
        for draft in drafts.chain([&mut self.loose]).filter(|draft| draft.text() == text) {
            draft.take();
        }
    }

    /// Sends a text to the open conversation, in as many messages as it needs.
    pub(crate) fn send_parts(&mut self, text: &str) -> bool {
        let Some(conversation) = self.conversation() else {
            let sentence = say!(self.words, "nobody-open");
            self.notify(sentence, Look::Warn);
            return false;
        };
        let name = conversation.name.clone();
        let burn_s = self.burn_now();
        let text = if text.starts_with("//") { text.get(1..).unwrap_or_default() } else { text };
        for part in parts(text) {
            self.send(&name, part, burn_s);
        }
        true
    }

    /// Returns after how many seconds the next text is to be gone: never, if it goes to a group.
    pub(crate) fn burn_now(&self) -> u32 {
        match self.conversation() {
            Some(open) if open.is_group() => 0,
            Some(open) => open.burn_s.unwrap_or(self.settings.burn_s),
            None => self.settings.burn_s,
        }
    }

    fn next_burn(&mut self) {
        let now = self.burn_now();
        let next = BURNS.into_iter().find(|burn| *burn > now).unwrap_or_default();
        self.set_burn(next);
    }
}

/// Splits a text where it is longer than one message can be.
pub(crate) fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while rest.len() > MOST_TEXT {
        let mut end = MOST_TEXT;
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (part, left) = rest.split_at(end);
        parts.push(part);
        rest = left;
    }
    parts.push(rest);
    parts
}
