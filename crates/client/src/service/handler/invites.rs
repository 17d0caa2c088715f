//! `invites.*`: how others get in touch.

use ephemeral_e2e::bytes::Key;
use ephemeral_e2e::core::{Accept, InviteOptions, InviteView};
use ephemeral_e2e::effect::InviteId;

use super::{Handle, MethodHandler, MethodOutcome};
use crate::api::{
    AcceptInvite, AdmitRequest, CreateInvite, DeclineRequest, InviteInfo, ListInvites, MethodError, NewContact,
    Nothing, RequestInfo, RevokeInvite,
};
use crate::names;
use crate::service::archive::{ArchiveEntry, Talk};
use crate::service::labels::{name_of, utc_ms};
use crate::service::refusal::MethodRefusal;

impl MethodHandler {
    /// Makes an invite, whose text comes as soon as its keys are kept.
    pub(super) fn create_invite(&mut self, new: CreateInvite) -> Result<MethodOutcome, MethodError> {
        let CreateInvite { name, reusable, expires_s } = new;
        let life_ms = expires_s.saturating_mul(1_000);
        let options = InviteOptions { name, reusable, life_ms, ..InviteOptions::default() };
        let invite = self.engine.act(|core, now| core.invite(options, now))?;
        Ok(MethodOutcome::WithInvite(invite))
    }

    fn invite_info(&self, invite: &InviteView) -> InviteInfo {
        let contacts = self.core().contacts();
        let user = invite.used_by.and_then(|link| contacts.iter().find(|contact| contact.link == link));
        let requests = invite.requests.iter();
        let request = |request: &ephemeral_e2e::core::RequestView| RequestInfo {
            identity: request.identity.to_hex(),
            calls_itself: request.profile.clone(),
        };
        InviteInfo {
            invite: invite.invite,
            name: invite.name.clone(),
            reusable: invite.reusable,
            not_after: utc_ms(invite.not_after / 60_000 * 60_000),
            used: invite.used_by.is_some(),
            used_by: user.map(names::called),
            requests: requests.map(request).collect(),
        }
    }

    /// Finds the one that waits, and what it calls itself.
    fn waiting(&self, invite: InviteId, identity: &str) -> Result<(Key, String), MethodError> {
        let invites = self.core().invites();
        let invite = invites.iter().find(|known| known.invite == invite);
        let requests = invite.map(|invite| invite.requests.as_slice()).unwrap_or_default();
        let wanted = identity.to_lowercase();
        let mut found = requests.iter().filter(|request| request.identity.to_hex().starts_with(&wanted));
        match (found.next(), found.next()) {
            (Some(request), None) if !wanted.is_empty() => Ok((request.identity, request.profile.clone())),
            (Some(_), Some(_)) => Err(MethodRefusal::SeveralWait.into()),
            _ => Err(MethodRefusal::NobodyWaits.into()),
        }
    }
}

impl Handle<ListInvites> for MethodHandler {
    fn handle(&mut self, ListInvites {}: ListInvites, _: u64) -> Result<Vec<InviteInfo>, MethodError> {
        Ok(self.core().invites().iter().map(|invite| self.invite_info(invite)).collect())
    }
}

impl Handle<RevokeInvite> for MethodHandler {
    fn handle(&mut self, RevokeInvite { invite }: RevokeInvite, connection: u64) -> Result<Nothing, MethodError> {
        self.engine.act(|core, now| core.revoke(invite, now))?;
        self.changed(connection);
        Ok(Nothing {})
    }
}

impl Handle<AcceptInvite> for MethodHandler {
    fn handle(&mut self, accept: AcceptInvite, connection: u64) -> Result<NewContact, MethodError> {
        let AcceptInvite { invite, name, text, foreign } = accept;
        let said = text.clone();
        let accept = Accept { name, text, foreign };
        let link = self.engine.act(|core, now| core.accept(&invite, accept, now))?;
        self.changed(connection);
        if let Some((text, view)) = said.zip(self.core().outgoing(link).last()) {
            let item = self.own_text(link, view, text, 0);
            self.archive.put(ArchiveEntry {
                talk: Talk::Contact(link),
                mid: view.mid,
                item,
                gone_ms: None,
                event: None,
            });
        }
        Ok(NewContact { contact: name_of(self.core(), link) })
    }
}

impl Handle<AdmitRequest> for MethodHandler {
    fn handle(&mut self, admit: AdmitRequest, connection: u64) -> Result<NewContact, MethodError> {
        let AdmitRequest { invite, identity, name } = admit;
        let (identity, wished) = self.waiting(invite, &identity)?;
        let name = if name.is_empty() { names::free(self.core(), &wished) } else { name };
        self.engine.act(|core, now| core.admit(invite, &identity, &name, now))?;
        self.changed(connection);
        let contacts = self.core().contacts();
        let admitted = contacts.iter().rev().find(|contact| contact.identity == identity);
        Ok(NewContact { contact: admitted.map(names::called).unwrap_or(name) })
    }
}

impl Handle<DeclineRequest> for MethodHandler {
    fn handle(&mut self, decline: DeclineRequest, connection: u64) -> Result<Nothing, MethodError> {
        let DeclineRequest { invite, identity } = decline;
        let (identity, _) = self.waiting(invite, &identity)?;
        self.engine.act(|core, now| core.decline(invite, &identity, now))?;
        self.changed(connection);
        Ok(Nothing {})
    }
}
