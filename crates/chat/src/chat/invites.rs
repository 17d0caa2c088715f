//! Invites: made, shown as a QR code, read before they are used, and people who wait for a yes.

use ephemeral_client::api::{
    AcceptInvite, CreateInvite, DeclineRequest, InviteInfo, InviteText, Method as _, RevokeInvite,
};
use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::invite::{Invite, InviteError};
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use super::Chat;
use super::calls::PendingCall;
use crate::dialog::{Choice, Dialog, DialogAction, Field, FormDialog, FormKind, PageDialog, PickDialog};
use crate::layout::{Look, Row, columns, in_sentence, one_line};
use crate::times;
use crate::words::say;

/// What the first column of an invite's text begins with.
const SCHEME: &str = "ephemeral:";

impl Chat {
    pub(crate) fn show_invite_form(&mut self, rest: &str) {
        let words = &self.words;
        if rest.is_empty() {
            let fields = vec![
                Field::new(say!(words, "field-invite-name"), 64),
                Field::new(say!(words, "field-invite-many"), 16),
            ];
            let mut form = FormDialog::new(FormKind::Invite, say!(words, "invite-title"), fields);
            form.about.push(say!(words, "invite-about"));
            return self.show(Dialog::Form(form));
        }
        self.make_invite(rest, false);
    }

    pub(crate) fn submit_invite(&mut self, form: &mut FormDialog) -> bool {
        let name = form.field(0).to_owned();
        let many = !form.field(1).is_empty();
        self.make_invite(&name, many);
        false
    }

    fn make_invite(&mut self, name: &str, reusable: bool) {
        self.call(&CreateInvite { name: name.to_owned(), reusable, expires_s: 0 }, PendingCall::Invite);
    }

    /// Shows an invite that was made, as text and as a QR code.
    pub(crate) fn show_invite(&mut self, made: &InviteText) {
        let words = &self.words;
        let mut page = PageDialog::new(say!(words, "invite-made-title"));
        let what = self.read_invite(&made.text).and_then(Result::ok);
        if let Some(invite) = what {
            let until = self.time.of(i64::from(invite.not_after) * 60);
            let sentence = match invite.one_time {
                true => say!(words, "invite-made-once", until = until),
                false => say!(words, "invite-made-many", until = until),
            };
            page = page.line(sentence);
        }
        page = page.line(String::new()).line(made.text.clone()).line(String::new());
        page = page.row(Row::new(say!(words, "invite-made-copy"), Look::Dim)).line(String::new());
        let drawing = drawn(&made.text);
        let height = drawing.len() + 2;
        let width = drawing.first().map_or(0, |row| columns(row));
        let (columns, rows) = self.size;
        if usize::from(rows) < height || usize::from(columns) < width {
            let width = i64::try_from(width).unwrap_or(i64::MAX);
            let height = i64::try_from(height).unwrap_or(i64::MAX);
            page = page.row(Row::new(say!(words, "invite-made-room", width = width, height = height), Look::Dim));
        }
        page.rows.extend(drawing.into_iter().map(|row| Row::new(row, Look::Code)));
        page.copy = Some(made.text.clone());
        self.show(Dialog::Page(page));
        self.call(&ephemeral_client::api::ListInvites {}, PendingCall::Invites);
    }

    pub(crate) fn show_accept_form(&mut self, invite: &str) {
        let words = &self.words;
        let fields = vec![
            Field::new(say!(words, "field-invite"), 4 * 1024).with(invite),
            Field::new(say!(words, "field-as"), 64),
            Field::new(say!(words, "field-first-text"), 2_000),
        ];
        let mut form = FormDialog::new(FormKind::Accept, say!(words, "accept-title"), fields);
        form.at = usize::from(!invite.is_empty());
        self.preview_invite(&mut form);
        self.show(Dialog::Form(form));
    }

    /// Says what an invite is, before it is used.
    pub(crate) fn preview_invite(&self, form: &mut FormDialog) {
        let place = usize::from(form.kind == FormKind::Create);
        form.about = match self.read_invite(form.field(place)) {
            None => vec![],
            Some(Err(problem)) => vec![problem],
            Some(Ok(invite)) => self.about_invite(&invite),
        };
    }

    fn about_invite(&self, invite: &Invite) -> Vec<String> {
        let words = &self.words;
        let not_after = i64::from(invite.not_after) * 60;
        let until = self.time.of(not_after);
        let mut about = vec![match invite.one_time {
            true => say!(words, "invite-is-once", until = until),
            false => say!(words, "invite-is-many", until = until),
        }];
        if self.time.unix_s > not_after {
            about = vec![say!(words, "invite-is-over", until = self.time.of(not_after))];
        }
        let server = invite.authority.as_str().to_owned();
        about.push(match self.server.is_empty() || self.server == server {
            true => say!(words, "invite-server", server = server),
            false => say!(words, "invite-server-foreign", server = server),
        });
        about.push(say!(words, "invite-verifies-nobody"));
        about
    }

    /// Reads the text of an invite; `None` if it does not look like one.
    pub(crate) fn read_invite(&self, text: &str) -> Option<Result<Invite, String>> {
        let text = text.trim();
        let scheme = text.get(..SCHEME.len())?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return None;
        }
        // A server on this machine is only one that the person named: who has none yet, has none
        // here.
        let own = if self.server.is_empty() { "localhost:0" } else { &self.server };
        let own = Authority::loopback(own).or_else(|_| Authority::onion(own)).ok()?;
        Some(Invite::from_text(text, &own).map_err(|error| match error {
            InviteError::Damaged => say!(self.words, "invite-damaged"),
            InviteError::Version | InviteError::NotGenuine => say!(self.words, "invite-not-for-this"),
        }))
    }

    pub(crate) fn submit_accept(&mut self, form: &mut FormDialog) -> bool {
        let invite = form.field(0).to_owned();
        match self.read_invite(&invite) {
            Some(Ok(read)) => {
                // Its server was shown.
                let foreign = read.authority.as_str() != self.server;
                let text = Some(form.field(2).to_owned()).filter(|text| !text.is_empty());
                let accept = AcceptInvite { invite, name: form.field(1).to_owned(), text, foreign };
                form.busy = true;
                form.error = None;
                self.call(&accept, PendingCall::NewContact);
            }
            other => {
                let problem = other.and_then(Result::err).unwrap_or_else(|| say!(self.words, "invite-none"));
                self.print(problem.clone());
                form.error = Some(problem);
                form.at = 0;
            }
        }
        true
    }

    pub(crate) fn show_invites(&mut self) {
        let choices: Vec<_> = self.invites.iter().map(|invite| self.invite_choice(invite)).collect();
        let title = say!(self.words, "invites-title");
        self.show(Dialog::Pick(PickDialog::new(title, choices)));
    }

    /// Returns the choice for one of the own invites: choosing it takes the invite back.
    fn invite_choice(&self, invite: &InviteInfo) -> Choice {
        let words = &self.words;
        let until = self.time.of(times::seconds(&invite.not_after).unwrap_or_default());
        let detail = match (invite.used, invite.reusable) {
            (true, false) => say!(words, "invite-used"),
            (_, true) => say!(words, "invite-open-many", until = until),
            (false, false) => say!(words, "invite-open-once", until = until),
        };
        let revoke = serde_json::to_value(RevokeInvite { invite: invite.invite }).unwrap_or_default();
        let done = say!(words, "invite-revoked");
        let call = DialogAction::Call { method: RevokeInvite::NAME, params: revoke, done };
        let label = format!("{} {}", invite.invite, in_sentence(&invite.name));
        Choice::new(&label, detail, DialogAction::More(vec![Choice::new(&say!(words, "invite-revoke"), "", call)]))
    }

    pub(crate) fn show_requests(&mut self) {
        let words = &self.words;
        let mut choices = Vec::new();
        for invite in &self.invites {
            for request in &invite.requests {
                let name = in_sentence(&request.calls_itself);
                let admit = DialogAction::Admit { invite: invite.invite, identity: request.identity.clone() };
                let decline = DeclineRequest { invite: invite.invite, identity: request.identity.clone() };
                let decline = DialogAction::Call {
                    method: DeclineRequest::NAME,
                    params: serde_json::to_value(decline).unwrap_or_default(),
                    done: say!(words, "request-declined", name = name.clone()),
                };
                let more = vec![
                    Choice::new(&say!(words, "request-yes", name = name.clone()), "", admit),
                    Choice::new(&say!(words, "request-no", name = name.clone()), "", decline),
                ];
                choices.push(Choice::new(&name, one_line(&request.identity), DialogAction::More(more)));
            }
        }
        let title = say!(words, "requests-title");
        self.show(Dialog::Pick(PickDialog::new(title, choices)));
    }
}

/// Draws a QR code in half blocks; nothing, if it does not fit into one.
pub(crate) fn drawn(text: &str) -> Vec<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L);
    let drawing = code.map(|code| code.render::<Dense1x2>().build()).unwrap_or_default();
    drawing.lines().map(str::to_owned).collect()
}
