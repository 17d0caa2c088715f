//! `send`, `outbox` and `history`.

use ephemeral_e2e::core::{ContactView, Core, GroupView, OutgoingView, PartView, SendingView};
use ephemeral_e2e::effect::LinkId;
use ephemeral_e2e::payload::MAX_TEXT;
use ephemeral_e2e::roster::GroupId;

use super::{Handle, MethodHandler, News};
use crate::api::{
    History, HistoryItem, ListOutbox, MethodError, Notification, OutboxItem, SendText, SentText, StandingName,
};
use crate::names::{self, Recipient};
use crate::service::archive::{ArchiveEntry, Talk};
use crate::service::labels::{gone_ms, hex, member_of, message_id, utc, utc_ms};
use crate::service::refusal::MethodRefusal;

impl Handle<SendText> for MethodHandler {
    fn handle(&mut self, SendText { to, text, burn_s }: SendText, connection: u64) -> Result<SentText, MethodError> {
        if text.is_empty() {
            return Err(MethodRefusal::Empty.into());
        }
        if text.len() > MAX_TEXT {
            return Err(MethodRefusal::LongText.into());
        }
        let to = names::recipient(self.core(), &to)?;
        let members = match &to {
            Recipient::Contact(_) => None,
            Recipient::Group(group) => Some(group.members.len().saturating_sub(1)),
        };
        let (talk, name, mid, item) = match to {
            Recipient::Contact(contact) => self.send_to_contact(&contact, text, burn_s)?,
            Recipient::Group(_) if burn_s != 0 => return Err(MethodRefusal::GroupBurns.into()),
            Recipient::Group(group) => self.send_to_group(&group, text)?,
        };
        let HistoryItem { id, from: _, at, text, standing, gone_at, missing: _ } = item.clone();
        let gone_ms = gone_at.is_some().then(|| self.gone_ms_of(talk, mid, burn_s)).flatten();
        self.archive.put(ArchiveEntry { talk, mid, item, gone_ms, event: None });
        let sent = SentText {
            id: id.clone(),
            standing: standing.unwrap_or(StandingName::Sending),
            at: at.clone(),
            gone_at: gone_at.clone(),
            members,
        };
        let notification = Notification::Sent { to: name, id, at, text, burn_s, gone_at };
        self.news.push_back(News::Now { notification, but: Some(connection) });
        Ok(sent)
    }
}

/// A text that was accepted: its conversation, the name of that, its number, and the text.
type Accepted = (Talk, String, u64, HistoryItem);

impl MethodHandler {
    fn send_to_contact(&mut self, to: &ContactView, text: String, burn_s: u32) -> Result<Accepted, MethodError> {
        let link = to.link;
        let sent = self.engine.act(|core, now| core.send(link, text.clone(), burn_s, now))?;
        let outgoing = self.core().outgoing(link);
        let Some(view) = outgoing.iter().find(|item| item.mid == sent.mid) else {
            return Err(ephemeral_e2e::core::CoreError::Unknown.into());
        };
        let mut item = self.own_text(link, view, text, burn_s);
        // The first message goes with one text; the others follow when the contact has answered.
        if sent.waits && to.outgoing > 0 {
            item.standing = Some(StandingName::Kept);
        }
        Ok((Talk::Contact(link), names::called(to), sent.mid, item))
    }

    fn send_to_group(&mut self, to: &GroupView, text: String) -> Result<Accepted, MethodError> {
        can_write(to)?;
        let gmid = self.engine.act(|core, now| core.send_group(to.group, text.clone(), now))?;
        let parts = self.parts(to.group, gmid);
        let at = parts.first().map(|part| utc(part.at.into())).unwrap_or_default();
        let kept = parts.iter().all(|part| part.waits);
        let item = HistoryItem {
            id: message_id(gmid),
            from: None,
            at,
            text,
            standing: Some(if kept { StandingName::Kept } else { StandingName::Sending }),
            gone_at: None,
            missing: false,
        };
        Ok((Talk::Group(to.group), names::called_group(to), gmid, item))
    }

    fn gone_ms_of(&self, talk: Talk, mid: u64, burn_s: u32) -> Option<u64> {
        let Talk::Contact(link) = talk else { return None };
        let outgoing = self.core().outgoing(link);
        outgoing.iter().find(|item| item.mid == mid).and_then(|item| gone_ms(item.at, burn_s))
    }

    /// Returns the parts of a group's text that members have not acknowledged.
    pub(super) fn parts(&self, group: GroupId, gmid: u64) -> Vec<PartView> {
        let mut parts = self.core().group_outgoing(group);
        parts.retain(|part| part.gmid == gmid);
        parts
    }

    /// Returns a text of one's own to a contact, as history has it.
    pub(super) fn own_text(&self, link: LinkId, view: &OutgoingView, text: String, burn_s: u32) -> HistoryItem {
        HistoryItem {
            id: message_id(view.mid),
            from: None,
            at: utc(view.at.into()),
            text,
            standing: Some(self.standings.of(link, view.mid, view.standing, false)),
            gone_at: gone_ms(view.at, burn_s).map(utc_ms),
            missing: false,
        }
    }

    fn texts_to(&self, contact: &ContactView) -> Vec<OutboxItem> {
        let outgoing = self.core().outgoing(contact.link);
        let texts = outgoing.iter().enumerate().filter(|(_, item)| !item.file);
        let item = |(index, item): (usize, &OutgoingView)| {
            let waits = contact.begins_anew || (!contact.answered && index > 0);
            OutboxItem {
                to: names::called(contact),
                member: None,
                id: message_id(item.mid),
                file: None,
                at: utc(item.at.into()),
                standing: self.standings.of(contact.link, item.mid, item.standing, waits),
            }
        };
        texts.map(item).collect()
    }

    fn texts_to_group(&self, group: &GroupView) -> Vec<OutboxItem> {
        let item = |part: PartView| OutboxItem {
            to: names::called_group(group),
            member: Some(member_of(self.core(), group.group, &part.member)),
            id: message_id(part.gmid),
            file: None,
            at: utc(part.at.into()),
            standing: self.standings.of(part.link, part.mid, part.standing, part.waits),
        };
        self.core().group_outgoing(group.group).into_iter().map(item).collect()
    }
}

/// Refuses to write where nobody would read it.
fn can_write(to: &GroupView) -> Result<(), MethodRefusal> {
    match to {
        GroupView { out: true, .. } => Err(MethodRefusal::Out),
        GroupView { member: false, .. } => Err(MethodRefusal::NotYetIn),
        GroupView { forked: true, .. } => Err(MethodRefusal::Forked),
        GroupView { members, .. } if members.len() < 2 => Err(MethodRefusal::Alone),
        _ => Ok(()),
    }
}

fn file_item(core: &Core, file: &SendingView) -> OutboxItem {
    let at_server = |item: &OutgoingView| item.file && item.standing == ephemeral_e2e::core::Standing::AtServer;
    let begun = file.arrived > 0 || core.outgoing(file.link).iter().any(at_server);
    OutboxItem {
        to: crate::service::labels::name_of(core, file.link),
        member: None,
        id: hex(&file.id),
        file: Some(file.source.name.clone()),
        at: String::new(),
        standing: match (file.declined, begun) {
            (true, _) => StandingName::Declined,
            (false, true) => StandingName::AtServer,
            (false, false) => StandingName::Sending,
        },
    }
}

impl Handle<ListOutbox> for MethodHandler {
    fn handle(&mut self, ListOutbox { with }: ListOutbox, _: u64) -> Result<Vec<OutboxItem>, MethodError> {
        let core = self.core();
        let only = match with.as_str() {
            "" => None,
            name => Some(names::recipient(core, name)?),
        };
        let (contacts, groups) = match only {
            None => (core.contacts(), core.groups()),
            Some(Recipient::Contact(contact)) => (vec![contact], Vec::new()),
            Some(Recipient::Group(group)) => (Vec::new(), vec![group]),
        };
        let mut items: Vec<OutboxItem> = contacts.iter().flat_map(|contact| self.texts_to(contact)).collect();
        let wanted = |file: &&SendingView| contacts.iter().any(|contact| contact.link == file.link);
        items.extend(core.files_sending().iter().filter(wanted).map(|file| file_item(core, file)));
        items.extend(groups.iter().flat_map(|group| self.texts_to_group(group)));
        Ok(items)
    }
}

impl Handle<History> for MethodHandler {
    fn handle(&mut self, History { with, last }: History, _: u64) -> Result<Vec<HistoryItem>, MethodError> {
        self.archive.prune(self.engine.wall_ms());
        let talk = match names::recipient(self.core(), &with)? {
            Recipient::Contact(contact) => Talk::Contact(contact.link),
            Recipient::Group(group) => Talk::Group(group.group),
        };
        Ok(self.archive.latest(talk, last))
    }
}
