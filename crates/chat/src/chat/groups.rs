//! Groups: their members, and invitations to some.

use ephemeral_client::api::{DeclineOffer, JoinGroup, Method as _};

use super::Chat;
use crate::dialog::{Choice, Dialog, DialogAction, PageDialog, PickDialog};
use crate::layout::{Look, Row, in_sentence};
use crate::words::say;

impl Chat {
    pub(crate) fn show_members(&mut self) {
        let words = &self.words;
        let Some(group) = self.conversation().and_then(|open| open.group()) else { return };
        let mut page = PageDialog::new(say!(words, "members-title", group = in_sentence(&group.group)));
        for member in &group.members {
            let name = in_sentence(&member.member);
            let row = Row::new(name, if member.me { Look::Mine } else { Look::Plain });
            let role = match (member.me, member.admin) {
                (true, true) => say!(words, "member-me-admin"),
                (true, false) => say!(words, "member-me"),
                (false, true) => say!(words, "member-admin"),
                (false, false) => String::new(),
            };
            page = page.row(row.right(role, Look::Dim));
        }
        for invited in &group.invited {
            let row = Row::new(in_sentence(invited), Look::Dim);
            page = page.row(row.right(say!(words, "member-asked"), Look::Dim));
        }
        self.show(Dialog::Page(page));
    }

    /// Shows the invitations to groups that wait for a yes.
    pub(crate) fn show_offers(&mut self) {
        let words = &self.words;
        let mut choices = Vec::new();
        for offer in &self.offers {
            let group = in_sentence(&offer.group);
            let join = JoinGroup { group: offer.group.clone(), from: offer.from.clone(), name: String::new() };
            let decline = DeclineOffer { group: offer.group.clone(), from: offer.from.clone() };
            let join = DialogAction::Call {
                method: JoinGroup::NAME,
                params: serde_json::to_value(join).unwrap_or_default(),
                done: say!(words, "group-yes", group = group.clone()),
            };
            let decline = DialogAction::Call {
                method: DeclineOffer::NAME,
                params: serde_json::to_value(decline).unwrap_or_default(),
                done: say!(words, "group-no", group = group.clone()),
            };
            let more = vec![
                Choice::new(&say!(words, "offer-yes", group = group.clone()), "", join),
                Choice::new(&say!(words, "offer-no", group = group.clone()), "", decline),
            ];
            let from = say!(words, "offer-from", name = in_sentence(&offer.from));
            choices.push(Choice::new(&group, from, DialogAction::More(more)));
        }
        let title = say!(words, "offers-title");
        self.show(Dialog::Pick(PickDialog::new(title, choices)));
    }
}
