//! `contacts.*`: who they are, what can be done about them, and whether they are it.

use bip39::Language;
use ephemeral_e2e::core::{ContactView, Core, CoreError};
use ephemeral_e2e::link::received::AckPace;

use super::{Handle, MethodHandler};
use crate::api::{
    AgreeToMove, BlockContact, ContactInfo, ForgetContact, HealContacts, ListContacts, MethodError, Nothing,
    RenameContact, SafetyInfo, SafetyWords, SlowContact, TrustContact, VerifyContact,
};
use crate::names;
use crate::service::archive::Talk;
use crate::service::refusal::MethodRefusal;

fn info(contact: &ContactView) -> ContactInfo {
    ContactInfo {
        contact: names::called(contact),
        identity: contact.identity.to_hex(),
        answered: contact.answered,
        verified: contact.verified,
        contested: contact.contested,
        left: contact.left,
        wants_to_move: contact.wants_to_move.as_ref().map(|server| server.as_str().to_owned()),
        outgoing: contact.outgoing,
    }
}

impl MethodHandler {
    /// Changes a contact, and tells the others. Returns it as it was.
    fn change(
        &mut self,
        name: &str,
        connection: u64,
        action: impl FnOnce(&mut Core, &ContactView, u64) -> Result<(), CoreError>,
    ) -> Result<ContactView, MethodError> {
        let contact = names::contact(self.core(), name)?;
        self.engine.act(|core, now| action(core, &contact, now))?;
        self.changed(connection);
        Ok(contact)
    }

    /// Forgets the texts of a contact, and what was told of its files.
    fn forget(&mut self, contact: &ContactView) {
        self.archive.forget(Talk::Contact(contact.link));
        let withdrawn = self.files.forget(contact.link);
        self.news.extend(withdrawn.into_iter().map(|number| super::News::Withdrawn { number }));
    }
}

impl Handle<ListContacts> for MethodHandler {
    fn handle(&mut self, ListContacts {}: ListContacts, _: u64) -> Result<Vec<ContactInfo>, MethodError> {
        Ok(self.core().contacts().iter().map(info).collect())
    }
}

impl Handle<RenameContact> for MethodHandler {
    fn handle(
        &mut self,
        RenameContact { contact, new }: RenameContact,
        connection: u64,
    ) -> Result<Nothing, MethodError> {
        let renamed = names::contact(self.core(), &contact)?;
        let other = names::contact(self.core(), &new).is_ok_and(|other| other.link != renamed.link);
        if new.is_empty() || other {
            return Err(MethodRefusal::ContactName.into());
        }
        self.change(&contact, connection, |core, contact, _| core.rename(contact.link, &new))?;
        Ok(Nothing {})
    }
}

impl Handle<BlockContact> for MethodHandler {
    fn handle(&mut self, BlockContact { contact }: BlockContact, connection: u64) -> Result<Nothing, MethodError> {
        let blocked = self.change(&contact, connection, |core, contact, now| core.block(contact.link, now))?;
        self.forget(&blocked);
        Ok(Nothing {})
    }
}

impl Handle<ForgetContact> for MethodHandler {
    fn handle(&mut self, ForgetContact { contact }: ForgetContact, connection: u64) -> Result<Nothing, MethodError> {
        let left = self.change(&contact, connection, |core, contact, now| core.leave(contact.link, now))?;
        self.forget(&left);
        Ok(Nothing {})
    }
}

impl Handle<TrustContact> for MethodHandler {
    fn handle(&mut self, TrustContact { contact }: TrustContact, connection: u64) -> Result<Nothing, MethodError> {
        self.change(&contact, connection, |core, contact, _| core.trust(contact.link))?;
        Ok(Nothing {})
    }
}

impl Handle<VerifyContact> for MethodHandler {
    fn handle(&mut self, VerifyContact { contact }: VerifyContact, connection: u64) -> Result<Nothing, MethodError> {
        self.change(&contact, connection, |core, contact, _| core.verify(contact.link))?;
        Ok(Nothing {})
    }
}

impl Handle<SlowContact> for MethodHandler {
    fn handle(&mut self, SlowContact { contact }: SlowContact, connection: u64) -> Result<Nothing, MethodError> {
        self.change(&contact, connection, |core, contact, _| core.set_acks(contact.link, AckPace::Slow))?;
        Ok(Nothing {})
    }
}

impl Handle<HealContacts> for MethodHandler {
    fn handle(&mut self, HealContacts { contact }: HealContacts, connection: u64) -> Result<Nothing, MethodError> {
        if contact.is_empty() {
            self.engine.act(|core, now| core.heal(now))?;
            self.changed(connection);
        } else {
            self.change(&contact, connection, |core, contact, now| core.heal_contact(contact.link, now))?;
        }
        Ok(Nothing {})
    }
}

impl Handle<AgreeToMove> for MethodHandler {
    fn handle(&mut self, AgreeToMove { contact }: AgreeToMove, connection: u64) -> Result<Nothing, MethodError> {
        let moving = names::contact(self.core(), &contact)?;
        let Some(server) = moving.wants_to_move else { return Err(MethodRefusal::DoesNotMove.into()) };
        self.change(&contact, connection, |core, contact, now| core.agree(contact.link, server, now))?;
        Ok(Nothing {})
    }
}

impl Handle<SafetyWords> for MethodHandler {
    fn handle(&mut self, SafetyWords { contact }: SafetyWords, _: u64) -> Result<SafetyInfo, MethodError> {
        let contact = names::contact(self.core(), &contact)?;
        let number = self.engine.act(|core, _| core.safety_number(contact.link))?;
        let list = Language::English.word_list();
        let word = |index: &u16| list.get(usize::from(*index)).copied().unwrap_or_default().to_owned();
        Ok(SafetyInfo {
            words: number.words().iter().map(word).collect(),
            digits: number.digits(),
            qr: number.qr_text(),
            verified: contact.verified,
        })
    }
}
