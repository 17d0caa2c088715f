//! What happens in the engine, as it is told.

mod groups;

use std::time::Duration;

use ephemeral_e2e::core::{PartView, SendingView};
use ephemeral_e2e::effect::{Event, LinkId};
use ephemeral_e2e::roster::GroupId;

use super::files::bytes;
use super::{MethodHandler, News};
use crate::api::{HistoryItem, Notification, StandingName};
use crate::cause::Explanation;
use crate::engine::{EngineError, EngineEvent};
use crate::service::archive::{ArchiveEntry, Talk};
use crate::service::labels::{gone_ms, group_of, hex, member_of, message_id, name_of, utc, utc_ms};

impl MethodHandler {
    /// Takes note of what happened, and tells it.
    pub(super) fn happened(&mut self, event: EngineEvent) -> Result<(), EngineError> {
        match event {
            EngineEvent::Event { id, event } => return self.came_event(id, event),
            EngineEvent::AtServer { link, mid } => self.at_server(link, mid),
            EngineEvent::Dropped { link, why } => {
                let contact = self.called(link);
                self.tell(Notification::SentAgain { contact, why });
            }
            EngineEvent::Connecting => {
                let own = self.core().authority().as_str().to_owned();
                self.servers.connecting(&own);
                self.tell(Notification::Connecting {});
            }
            EngineEvent::Online(server) => {
                let server = server.as_str().to_owned();
                self.servers.online(&server);
                self.tell(Notification::Online { server });
            }
            EngineEvent::Offline { server, why, retry_in } => {
                self.servers.offline(&server, &why, retry_in);
                let Explanation { text: why, cause: reason } = why;
                self.tell(Notification::Offline { server, why, retry_in_s: whole_seconds(retry_in), reason });
            }
            EngineEvent::Unusable { server, why } => {
                self.servers.unusable(&server, &why);
                self.tell(Notification::Unusable { server, why: why.text, reason: why.cause });
            }
            EngineEvent::ShortMemory(server) => {
                self.tell(Notification::ShortMemory { server: server.as_str().to_owned() });
            }
            EngineEvent::Elsewhere => self.tell(Notification::Elsewhere {}),
            EngineEvent::AllFetched => self.tell(Notification::AllFetched {}),
            EngineEvent::Settled => self.tell(Notification::Settled {}),
            EngineEvent::FileSent { file } => self.file_sent(&file),
            EngineEvent::FileUnreadable { file, why } => {
                let file = hex(&file.id);
                self.tell(Notification::FileUnreadable { file, why: why.text, reason: why.cause });
            }
        }
        Ok(())
    }

    /// Returns what a contact or a member of a group is called.
    fn called(&self, link: LinkId) -> String {
        match self.parts_of(link) {
            Some((group, parts)) => parts.first().map(|part| member_of(self.core(), group, &part.member)),
            None => None,
        }
        .unwrap_or_else(|| name_of(self.core(), link))
    }

    /// Finds the group to whose member a link leads, and what is on its way there.
    fn parts_of(&self, link: LinkId) -> Option<(GroupId, Vec<PartView>)> {
        self.core().groups().into_iter().find_map(|group| {
            let mut parts = self.core().group_outgoing(group.group);
            parts.retain(|part| part.link == link);
            (!parts.is_empty()).then_some((group.group, parts))
        })
    }

    fn file_sent(&mut self, file: &SendingView) {
        self.tell(Notification::FileProgress {
            contact: name_of(self.core(), file.link),
            file: hex(&file.id),
            name: file.source.name.clone(),
            arrived: bytes(file.arrived, file.source.size),
            size: file.source.size,
            mine: true,
        });
    }

    /// Tells that a text waits at a server, once: it may be sent again.
    fn at_server(&mut self, link: LinkId, mid: Option<u64>) {
        let Some(mid) = mid else {
            // A first message without a text; later ones without any are nobody's business.
            if self.core().contacts().iter().any(|contact| contact.link == link && !contact.answered) {
                let contact = name_of(self.core(), link);
                self.tell(Notification::AtServer { contact, id: String::new() });
            }
            return;
        };
        if !self.standings.at_server(self.engine.core(), link, mid) {
            return;
        }
        if let Some((group, parts)) = self.parts_of(link) {
            let Some(part) = parts.into_iter().find(|part| part.mid == mid) else { return };
            let member = member_of(self.core(), group, &part.member);
            let name = group_of(self.core(), group);
            let gmid = part.gmid;
            self.group_stands(group, gmid);
            return self.tell(Notification::GroupAtServer { group: name, member, id: message_id(gmid) });
        }
        let is_text = self.core().outgoing(link).iter().any(|item| item.mid == mid && !item.file);
        if is_text {
            self.archive.stands(Talk::Contact(link), mid, StandingName::AtServer);
            let contact = name_of(self.core(), link);
            self.tell(Notification::AtServer { contact, id: message_id(mid) });
        }
    }

    /// Takes note of how far a group's text came: as far as with the member with whom it came least
    /// far.
    fn group_stands(&mut self, group: GroupId, gmid: u64) {
        let parts = self.parts(group, gmid);
        let stands =
            |part: &ephemeral_e2e::core::PartView| self.standings.of(part.link, part.mid, part.standing, part.waits);
        let least = parts.iter().map(stands).min().unwrap_or(StandingName::Arrived);
        self.archive.stands(Talk::Group(group), gmid, least);
    }

    fn came_event(&mut self, id: u64, event: Event) -> Result<(), EngineError> {
        let notification = match event {
            Event::Invite { invite, text } => {
                self.news.push_back(News::Invite { number: id, invite, text });
                return Ok(());
            }
            Event::File { link, mid: _, chunk } => return self.chunk(id, link, chunk),
            Event::FileWithdrawn { link, file, begun, .. } => {
                self.withdrawn(link, &file, begun)?;
                if begun {
                    // That is told as it ends.
                    self.engine.shown(id);
                    return Ok(());
                }
                self.notification(event)
            }
            event => {
                self.keep(id, &event);
                self.notification(event)
            }
        };
        if let Some(notification) = notification {
            self.news.push_back(News::Kept { number: id, notification });
        }
        Ok(())
    }

    /// Puts into the archive what an event says.
    fn keep(&mut self, id: u64, event: &Event) {
        match event {
            Event::Text { link, mid, text, at, burn_s, missing } => {
                let gone = gone_ms(*at, *burn_s);
                let from = name_of(self.core(), *link);
                let item = theirs(*mid, from, *at, text, *missing, gone);
                let talk = Talk::Contact(*link);
                self.archive.put(ArchiveEntry { talk, mid: *mid, item, gone_ms: gone, event: Some(id) });
            }
            Event::GroupText { group, member, gmid, text, at, missing } => {
                let from = member_of(self.core(), *group, member);
                let item = theirs(*gmid, from, *at, text, *missing, None);
                let talk = Talk::Group(*group);
                self.archive.put(ArchiveEntry { talk, mid: *gmid, item, gone_ms: None, event: Some(id) });
            }
            Event::Delivered { link, mid } => {
                self.archive.stands(Talk::Contact(*link), *mid, StandingName::Arrived);
            }
            Event::NotDelivered { link, mid } => {
                self.archive.stands(Talk::Contact(*link), *mid, StandingName::NotDelivered);
            }
            Event::GroupDelivered { group, gmid, .. } => self.group_stands(*group, *gmid),
            Event::GroupNotDelivered { group, gmid, .. } => {
                self.archive.stands(Talk::Group(*group), *gmid, StandingName::NotDelivered);
            }
            _ => {}
        }
    }

    /// Returns what is told of an event.
    fn notification(&self, event: Event) -> Option<Notification> {
        let core = self.core();
        let name = |link| name_of(core, link);
        Some(match event {
            Event::Contact { link, invite, profile } => {
                Notification::Contact { contact: name(link), invite, calls_itself: profile }
            }
            Event::Request { invite, identity, profile, text } => {
                Notification::Request { invite, identity: identity.to_hex(), calls_itself: profile, text }
            }
            Event::Answered { link, profile } => Notification::Answered { contact: name(link), calls_itself: profile },
            Event::Text { link, mid, text, at, burn_s, missing } => Notification::Text {
                contact: name(link),
                id: message_id(mid),
                at: utc(at.into()),
                text,
                burn_s,
                missing,
                gone_at: gone_ms(at, burn_s).map(utc_ms),
            },
            Event::FileDelivered { link, file, name: file_name } => {
                Notification::FileArrived { contact: name(link), file: hex(&file), name: file_name }
            }
            Event::FileNotDelivered { link, file, name: file_name } => {
                Notification::FileNotDelivered { contact: name(link), file: hex(&file), name: file_name }
            }
            Event::FileDeclined { link, file, name: file_name } => {
                Notification::FileDeclined { contact: name(link), file: hex(&file), name: file_name }
            }
            Event::FileWithdrawn { link, name: file_name, size, sha256, .. } => Notification::FileLost {
                contact: name(link),
                name: file_name,
                size,
                sha256: sha256.to_hex(),
                gone: false,
            },
            Event::Delivered { link, mid } => Notification::Arrived { contact: name(link), id: message_id(mid) },
            Event::NotDelivered { link, mid } => {
                Notification::NotDelivered { contact: name(link), id: message_id(mid) }
            }
            Event::WantsToMove { link, authority } => {
                Notification::WantsToMove { contact: name(link), server: authority.as_str().to_owned() }
            }
            Event::Contested { link, .. } => Notification::Contested { contact: name(link) },
            Event::NotWhoInviteSays { link } => Notification::NotWhoInviteSays { contact: name(link) },
            Event::Left { link } => Notification::Left { contact: name(link) },
            Event::Unstable { link } => Notification::Unstable { contact: name(link) },
            Event::Resumed { link } => Notification::Resumed { contact: name(link) },
            Event::NeedsInvite { link } => Notification::NeedsInvite { contact: name(link) },
            Event::ClockDisputed => Notification::ClockDisputed {},
            Event::Invite { .. } | Event::File { .. } => return None,
            event => return self.group_notification(event),
        })
    }
}

/// Returns a time in seconds, none of which is nothing.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// Returns a text of somebody else's, as history has it.
fn theirs(mid: u64, from: String, at: u32, text: &str, missing: bool, gone: Option<u64>) -> HistoryItem {
    HistoryItem {
        id: message_id(mid),
        from: Some(from),
        at: utc(at.into()),
        text: text.to_owned(),
        standing: None,
        gone_at: gone.map(utc_ms),
        missing,
    }
}
