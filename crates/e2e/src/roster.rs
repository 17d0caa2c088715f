//! Rosters: who is in a group, signed by its admin.
//!
//! A full roster goes to newcomers, a [`delta::Delta`] to everybody else. Ids are hashes of bodies,
//! so that both ways lead to the same. Layouts: `docs/e2e.md`, "Rosters".

use serde::{Deserialize, Serialize};

use crate::authority::Authority;
use crate::bytes::{Key, Reader, text};
use crate::card::Card;
use crate::identity::{IdentityKeys, IdentityProof, PROOF_LENGTH, verify};
use crate::label::{hash, label, message};
use crate::payload::MAX_NAME;
use crate::servers::Here;

pub mod delta;

/// The most members of a group.
pub const MAX_MEMBERS: usize = 50;
const VERSION: u8 = 1;
const SIGNATURE: usize = 64;

/// Names a group: 16 random bytes.
pub type GroupId = [u8; 16];

/// Says why a roster or delta is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RosterError {
    /// The bytes are not a roster or delta of this version, or an entry is not valid.
    #[error("not a roster")]
    Malformed,
    /// The admin did not sign it.
    #[error("the roster is not signed by the group's admin")]
    Signature,
    /// It belongs to another group or does not follow on the roster that is known.
    #[error("the roster does not follow on the one that is known")]
    NotNext,
    /// The entries are not 1 to 50, not in order, or the admin is not among them.
    #[error("the members of the roster do not go together")]
    Members,
}

/// Holds what a roster says of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The member's identity.
    pub proof: IdentityProof,
    /// The card for first contact: with root, route and prekey.
    pub door: Card,
    /// The member's name as the admin writes it, at most 64 bytes.
    pub name: String,
}

/// Holds a roster. It is valid in itself; whether its admin is the right one is the holder's
/// matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Roster {
    /// The group.
    pub group: GroupId,
    /// Counts from 1.
    pub version: u32,
    /// The id of the version before, zeros for the first.
    pub before: Key,
    /// The admin's Ed25519 key.
    pub admin: Key,
    /// The server of all members' group mailboxes.
    pub authority: Authority,
    entries: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    authority: Authority,
    #[serde(with = "text")]
    body: Vec<u8>,
}

impl From<Roster> for Stored {
    fn from(roster: Roster) -> Self {
        Self { authority: roster.authority.clone(), body: roster.body() }
    }
}

impl TryFrom<Stored> for Roster {
    type Error = RosterError;

    fn try_from(stored: Stored) -> Result<Self, RosterError> {
        let mut reader = Reader::new(&stored.body);
        // Where its doors are was looked at when it came; the server may have moved since.
        let roster = Self::read(&mut reader, &stored.authority, |_| true).filter(|_| reader.is_empty());
        roster.ok_or(RosterError::Malformed)
    }
}

impl Entry {
    fn write(&self, body: &mut Vec<u8>) {
        let card = self.door.to_bytes();
        body.extend_from_slice(&self.proof.to_bytes());
        body.extend_from_slice(&u16::try_from(card.len()).unwrap_or(u16::MAX).to_be_bytes());
        body.extend_from_slice(&card);
        body.push(u8::try_from(self.name.len()).unwrap_or(u8::MAX));
        body.extend_from_slice(self.name.as_bytes());
    }

    fn read(reader: &mut Reader<'_>, own: &Authority, is_here: impl Fn(&Authority) -> bool) -> Option<Self> {
        let proof = IdentityProof::from_bytes(reader.take(PROOF_LENGTH)?).ok()?;
        let length = reader.u16()?;
        let door = door(reader.take(usize::from(length))?, own, is_here)?;
        let name = reader.short_text().filter(|name| name.len() <= MAX_NAME)?.to_owned();
        Some(Self { proof, door, name })
    }
}

/// Reads a door card: a root card on the group's server.
pub(crate) fn read_door(bytes: &[u8], here: Here<'_>) -> Option<Card> {
    door(bytes, here.own(), |authority| here.is(authority))
}

fn door(bytes: &[u8], own: &Authority, is_here: impl Fn(&Authority) -> bool) -> Option<Card> {
    let card = Card::from_bytes(bytes, own).ok().filter(|card| card.root)?;
    let there = card.route.as_ref().is_some_and(|route| is_here(&route.authority));
    there.then_some(card)
}

impl Roster {
    /// Makes a group's first roster, with its admin as the only member.
    pub fn first(group: GroupId, admin: Entry, authority: Authority) -> Self {
        Self { group, version: 1, before: Key::default(), admin: admin.proof.ed, authority, entries: vec![admin] }
    }

    /// Returns the members in the order of their Curve25519 keys.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns what the roster says of the owner of a Curve25519 key.
    pub fn entry(&self, curve: &Key) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.proof.curve == *curve)
    }

    /// Returns the id: SHA-256 over the body.
    pub fn id(&self) -> Key {
        hash(label!("roster-id"), &[&self.body()])
    }

    /// Returns the first 16 bytes of the id, as they stand in group messages.
    pub fn short_id(&self) -> [u8; 16] {
        let mut short = [0; 16];
        short.copy_from_slice(&self.id().0[..16]);
        short
    }

    fn body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        body.push(VERSION);
        body.extend_from_slice(&self.group);
        body.extend_from_slice(&self.version.to_be_bytes());
        body.extend_from_slice(&self.before.0);
        body.extend_from_slice(&self.admin.0);
        body.push(u8::try_from(self.entries.len()).unwrap_or(u8::MAX));
        for entry in &self.entries {
            entry.write(&mut body);
        }
        body
    }

    /// Writes the roster with the admin's signature.
    pub fn sign(&self, admin: &IdentityKeys) -> Vec<u8> {
        let mut bytes = self.body();
        let signature = admin.sign(&message(label!("roster"), &[&bytes]));
        bytes.extend_from_slice(&signature);
        bytes
    }

    /// Reads a signed roster that came from its admin, whose key is pinned.
    pub fn from_signed<'a>(bytes: &[u8], admin: &Key, here: impl Into<Here<'a>>) -> Result<Self, RosterError> {
        let here = here.into();
        let (body, signature) = bytes.split_last_chunk::<SIGNATURE>().ok_or(RosterError::Malformed)?;
        verify(admin, &message(label!("roster"), &[body]), signature).map_err(|_| RosterError::Signature)?;
        let mut reader = Reader::new(body);
        let roster = Self::read(&mut reader, here.own(), |authority| here.is(authority)).filter(|_| reader.is_empty());
        let roster = roster.ok_or(RosterError::Malformed)?;
        if roster.admin != *admin {
            return Err(RosterError::Signature);
        }
        roster.check()?;
        Ok(roster)
    }

    fn read(reader: &mut Reader<'_>, own: &Authority, is_here: impl Fn(&Authority) -> bool) -> Option<Self> {
        reader.byte().filter(|version| *version == VERSION)?;
        let group = reader.array()?;
        let version = reader.u32()?;
        let before = reader.key()?;
        let admin = reader.key()?;
        let count = reader.byte().map(usize::from).filter(|count| (1..=MAX_MEMBERS).contains(count))?;
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            entries.push(Entry::read(reader, own, &is_here)?);
        }
        Some(Self { group, version, before, admin, authority: own.clone(), entries })
    }

    fn check(&self) -> Result<(), RosterError> {
        let ascending = self.entries.windows(2).all(|pair| pair[0].proof.curve < pair[1].proof.curve);
        let admin = self.entries.iter().filter(|entry| entry.proof.ed == self.admin).count() == 1;
        let mut mailboxes: Vec<_> = self.entries.iter().filter_map(|entry| entry.door.route.as_ref()).collect();
        mailboxes.sort_unstable_by_key(|route| route.mailbox);
        let distinct = mailboxes.windows(2).all(|pair| pair[0].mailbox != pair[1].mailbox);
        let count = (1..=MAX_MEMBERS).contains(&self.entries.len());
        if ascending && admin && distinct && count && self.version != 0 { Ok(()) } else { Err(RosterError::Members) }
    }
}

#[cfg(test)]
mod tests;
