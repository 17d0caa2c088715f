//! Invites: how two people who share nothing yet come together.
//!
//! A short invite is for one person and holds a secret from which the keys of its card are derived.
//! A long one may be public, holds the keys themselves, and is signed. Layouts: `docs/e2e.md`,
//! "Invites".

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::authority::Authority;
use crate::bytes::{Key, Reader, Secret, text};
use crate::card::{CardKeys, KEM_LENGTH, check_kem};
use crate::envelope::Address;
use crate::identity::{IdentityKeys, check_agreement_key, check_signature_key, verify};
use crate::label::{hash, label, message};

/// The longest text of an invite that is looked at, in bytes.
pub const MAX_TEXT: usize = 2_200;
const SCHEME: &str = "ephemeral:";
const VERSION: u8 = 1;
const ONE_TIME: u8 = 1;
const SHORT: u8 = 2;
const DISCOVERY: u8 = 4;
const NAMED_HOST: u8 = 8;

/// Says why an invite is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InviteError {
    /// Not the text of an invite, or mistyped, or cut off.
    #[error("the invite is damaged")]
    Damaged,
    /// Its version or flags are unknown, or bytes are left over.
    #[error("the invite is not for this version")]
    Version,
    /// A key in it is not one, or its signature is wrong.
    #[error("the invite is not genuine")]
    NotGenuine,
}

/// Holds an invite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// Whether it is used up by its first use.
    pub one_time: bool,
    /// When it ends, in minutes since 1970.
    pub not_after: u32,
    /// The server of its door.
    pub authority: Authority,
    /// The door: a mailbox of its own.
    pub door: Key,
    /// The inviter's Curve25519 identity key.
    pub identity: Key,
    /// The prekey with which the first session is made.
    pub prekey: Key,
    /// What is different between the two forms.
    pub form: Form,
}

/// Holds what is different between the two forms of an invite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// A secret to derive the card from; with a server that has restricted discovery, also a key
    /// for that.
    Short {
        /// Whoever knows it can use the invite.
        secret: Secret,
        /// An x25519 key for Tor's restricted discovery.
        discovery: Option<Secret>,
    },
    /// The card's keys and a signature.
    Long {
        /// The pre-shared key, as public as the invite.
        psk: Secret,
        /// The X-Wing public key.
        kem: Vec<u8>,
        /// The inviter's Ed25519 identity key.
        ed: Key,
        /// Its signature over the label and all bytes before.
        signature: [u8; 64],
    },
}

/// Holds the card that an invite stands for, as the invitee seals to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DoorCard {
    mailbox: Key,
    psk: Secret,
    id: Key,
    #[serde(with = "text")]
    kem: Vec<u8>,
}

impl DoorCard {
    /// Returns what an envelope is sealed to.
    pub fn address(&self) -> Address<'_> {
        Address { mailbox: &self.mailbox, psk: &self.psk, id: &self.id, kem: &self.kem }
    }
}

impl Invite {
    /// Makes a long invite and signs it. `keys` are those of its card.
    pub(crate) fn signed(mut self, keys: &CardKeys, identity: &IdentityKeys) -> Self {
        let form = |signature| Form::Long { psk: keys.psk().clone(), kem: keys.kem(), ed: identity.ed(), signature };
        self.form = form([0; 64]);
        let unsigned = self.body();
        let signed = unsigned.get(..unsigned.len() - 64).unwrap_or_default();
        self.form = form(identity.sign(&message(label!("invite"), &[signed])));
        self
    }

    /// Returns the card of the invite's door.
    pub fn card(&self) -> DoorCard {
        let mailbox = self.door;
        match &self.form {
            Form::Short { secret, .. } => {
                let keys = CardKeys::from_short_invite(secret);
                DoorCard { mailbox, psk: keys.psk().clone(), id: *keys.id(), kem: keys.kem() }
            }
            Form::Long { psk, kem, .. } => {
                let id = hash(label!("card"), &[psk.expose(), kem]);
                DoorCard { mailbox, psk: psk.clone(), id, kem: kem.clone() }
            }
        }
    }

    /// Returns the name of the invite in a hello: SHA-256 over all of it but the checksum.
    pub fn id(&self) -> Key {
        hash(label!("invite-id"), &[&self.body()])
    }

    /// Returns the inviter's Ed25519 key, if the invite says it.
    pub fn ed(&self) -> Option<Key> {
        match &self.form {
            Form::Short { .. } => None,
            Form::Long { ed, .. } => Some(*ed),
        }
    }

    fn body(&self) -> Zeroizing<Vec<u8>> {
        let mut body = Zeroizing::new(Vec::with_capacity(1_600));
        let mut flags = if self.one_time { ONE_TIME } else { 0 };
        let onion = self.authority.onion_parts();
        if onion.is_none() {
            flags |= NAMED_HOST;
        }
        match &self.form {
            Form::Short { discovery: None, .. } => flags |= SHORT,
            Form::Short { discovery: Some(_), .. } => flags |= SHORT | DISCOVERY,
            Form::Long { .. } => {}
        }
        body.extend_from_slice(&[VERSION, flags]);
        body.extend_from_slice(&self.not_after.to_be_bytes());
        match onion {
            Some((key, port)) => {
                body.extend_from_slice(&key.0);
                body.extend_from_slice(&port.to_be_bytes());
            }
            None => {
                let name = self.authority.as_str().as_bytes();
                body.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
                body.extend_from_slice(name);
            }
        }
        for key in [&self.door, &self.identity, &self.prekey] {
            body.extend_from_slice(&key.0);
        }
        self.form.write(&mut body);
        body
    }

    /// Writes the invite with its checksum.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = self.body();
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum);
        bytes
    }

    /// Writes the invite as text: `ephemeral:` and base64url.
    pub fn to_text(&self) -> Zeroizing<String> {
        let encoded = Zeroizing::new(BASE64URL_NOPAD.encode(&self.to_bytes()));
        Zeroizing::new(format!("{SCHEME}{}", *encoded))
    }

    /// Reads the text of an invite. `own` is the authority of one's own server.
    pub fn from_text(text: &str, own: &Authority) -> Result<Self, InviteError> {
        let text = text.trim();
        let scheme = text.get(..SCHEME.len()).filter(|scheme| scheme.eq_ignore_ascii_case(SCHEME));
        if scheme.is_none() || text.len() > MAX_TEXT {
            return Err(InviteError::Damaged);
        }
        let encoded = text.get(SCHEME.len()..).unwrap_or_default();
        let bytes = BASE64URL_NOPAD.decode(encoded.as_bytes()).map_err(|_| InviteError::Damaged)?;
        Self::from_bytes(&Zeroizing::new(bytes), own)
    }

    /// Reads the bytes of an invite, and checks its keys and signature.
    pub fn from_bytes(bytes: &[u8], own: &Authority) -> Result<Self, InviteError> {
        let (body, sum) = bytes.split_last_chunk::<4>().ok_or(InviteError::Damaged)?;
        if checksum(body) != *sum {
            return Err(InviteError::Damaged);
        }
        let mut reader = Reader::new(body);
        let invite = Self::read(&mut reader, own).filter(|_| reader.is_empty()).ok_or(InviteError::Version)?;
        invite.check(body)?;
        Ok(invite)
    }

    fn read(reader: &mut Reader<'_>, own: &Authority) -> Option<Self> {
        let version = reader.byte()?;
        let flags = reader.byte()?;
        let known = match flags & SHORT {
            0 => flags & !(ONE_TIME | NAMED_HOST) == 0,
            _ => flags & ONE_TIME != 0 && flags & !(ONE_TIME | SHORT | DISCOVERY | NAMED_HOST) == 0,
        };
        if version != VERSION || !known {
            return None;
        }
        let not_after = reader.u32()?;
        let authority = if flags & NAMED_HOST == 0 {
            let key = reader.key()?;
            let port = reader.u16().filter(|port| *port != 0)?;
            Authority::from_onion_key(&key, port)
        } else {
            // An onion has the other form, so that an invite has one spelling only.
            let authority = Authority::foreign(reader.short_text()?, own).ok()?;
            Some(authority).filter(|authority| authority.onion_parts().is_none())?
        };
        let door = reader.key()?;
        let identity = reader.key()?;
        let prekey = reader.key()?;
        let form = Form::read(reader, flags)?;
        Some(Self { one_time: flags & ONE_TIME != 0, not_after, authority, door, identity, prekey, form })
    }

    fn check(&self, body: &[u8]) -> Result<(), InviteError> {
        for key in [&self.identity, &self.prekey] {
            check_agreement_key(key).map_err(|_| InviteError::NotGenuine)?;
        }
        check_signature_key(&self.door).map_err(|_| InviteError::NotGenuine)?;
        let Form::Long { kem, ed, signature, .. } = &self.form else { return Ok(()) };
        check_kem(kem).map_err(|_| InviteError::NotGenuine)?;
        let signed = body.get(..body.len() - 64).unwrap_or_default();
        verify(ed, &message(label!("invite"), &[signed]), signature).map_err(|_| InviteError::NotGenuine)
    }
}

impl Form {
    fn write(&self, body: &mut Vec<u8>) {
        match self {
            Self::Short { secret, discovery } => {
                body.extend_from_slice(secret.expose());
                if let Some(discovery) = discovery {
                    body.extend_from_slice(discovery.expose());
                }
            }
            Self::Long { psk, kem, ed, signature } => {
                body.extend_from_slice(psk.expose());
                body.extend_from_slice(kem);
                body.extend_from_slice(&ed.0);
                body.extend_from_slice(signature);
            }
        }
    }

    fn read(reader: &mut Reader<'_>, flags: u8) -> Option<Self> {
        if flags & SHORT != 0 {
            let secret = reader.secret()?;
            let discovery = if flags & DISCOVERY != 0 { Some(reader.secret()?) } else { None };
            return Some(Self::Short { secret, discovery });
        }
        let psk = reader.secret()?;
        let kem = reader.take(KEM_LENGTH)?.to_vec();
        let ed = reader.key()?;
        let signature = reader.array()?;
        Some(Self::Long { psk, kem, ed, signature })
    }
}

/// Returns the first four bytes of SHA-256: against typing errors and cuts, not against anybody.
fn checksum(body: &[u8]) -> [u8; 4] {
    use sha2::Digest as _;
    let digest: [u8; 32] = sha2::Sha256::digest(body).into();
    [digest[0], digest[1], digest[2], digest[3]]
}

#[cfg(test)]
mod tests;
