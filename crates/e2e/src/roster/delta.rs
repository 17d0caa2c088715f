//! Deltas: the signed step from one roster to the next.

use super::{Entry, GroupId, Roster, RosterError, SIGNATURE, VERSION, read_door};
use crate::bytes::{Key, Reader};
use crate::card::Card;
use crate::identity::{IdentityKeys, verify};
use crate::label::{label, message};
use crate::servers::Here;

/// The most operations in one delta.
pub const MAX_OPERATIONS: usize = 50;
const ADD: u8 = 1;
const REMOVE: u8 = 2;
const DOOR: u8 = 3;
const ADMIN: u8 = 4;

/// Holds one change of a roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Somebody joins.
    Add(Box<Entry>),
    /// The owner of a Curve25519 key is out.
    Remove(Key),
    /// A member has a new card for first contact.
    Door(Key, Box<Card>),
    /// The owner of an Ed25519 key is the admin from now on.
    Admin(Key),
}

/// Holds a step from one roster to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// The group.
    pub group: GroupId,
    /// The version it leads to.
    pub version: u32,
    /// The id of the roster it starts from.
    pub before: Key,
    /// The id of the roster it leads to.
    pub after: Key,
    operations: Vec<Operation>,
    signed: Vec<u8>,
    signature: [u8; SIGNATURE],
}

impl Roster {
    /// Changes the roster and returns the next one with the signed delta that leads to it.
    pub fn change(&self, operations: &[Operation], admin: &IdentityKeys) -> Result<(Self, Vec<u8>), RosterError> {
        let next = self.applied(operations)?;
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.group);
        bytes.extend_from_slice(&next.version.to_be_bytes());
        bytes.extend_from_slice(&self.id().0);
        bytes.extend_from_slice(&next.id().0);
        bytes.push(u8::try_from(operations.len()).unwrap_or(u8::MAX));
        for operation in operations {
            operation.write(&mut bytes);
        }
        let signature = admin.sign(&message(label!("roster-delta"), &[&bytes]));
        bytes.extend_from_slice(&signature);
        Ok((next, bytes))
    }

    /// Takes a delta of this roster's admin that leads to the next version.
    pub fn follow(&self, delta: &Delta) -> Result<Self, RosterError> {
        verify(&self.admin, &message(label!("roster-delta"), &[&delta.signed]), &delta.signature)
            .map_err(|_| RosterError::Signature)?;
        let follows = delta.group == self.group && delta.before == self.id();
        if !follows || Some(delta.version) != self.version.checked_add(1) {
            return Err(RosterError::NotNext);
        }
        let next = self.applied(&delta.operations)?;
        if delta.after == next.id() { Ok(next) } else { Err(RosterError::NotNext) }
    }

    fn applied(&self, operations: &[Operation]) -> Result<Self, RosterError> {
        if operations.is_empty() || operations.len() > MAX_OPERATIONS {
            return Err(RosterError::Malformed);
        }
        let mut next = self.clone();
        next.version = self.version.checked_add(1).ok_or(RosterError::NotNext)?;
        next.before = self.id();
        for operation in operations {
            next.apply(operation).ok_or(RosterError::Members)?;
        }
        next.check()?;
        Ok(next)
    }

    fn apply(&mut self, operation: &Operation) -> Option<()> {
        match operation {
            Operation::Add(entry) => {
                let curve = entry.proof.curve;
                let at = self.entries.binary_search_by_key(&curve, |entry| entry.proof.curve).err()?;
                self.entries.insert(at, (**entry).clone());
            }
            Operation::Remove(curve) => {
                let at = self.entries.binary_search_by_key(curve, |entry| entry.proof.curve).ok()?;
                self.entries.remove(at);
            }
            Operation::Door(curve, card) => {
                let at = self.entries.binary_search_by_key(curve, |entry| entry.proof.curve).ok()?;
                self.entries[at].door = (**card).clone();
            }
            Operation::Admin(ed) => self.admin = *ed,
        }
        Some(())
    }
}

impl Operation {
    fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Add(entry) => {
                bytes.push(ADD);
                entry.write(bytes);
            }
            Self::Remove(curve) => {
                bytes.push(REMOVE);
                bytes.extend_from_slice(&curve.0);
            }
            Self::Door(curve, card) => {
                let card = card.to_bytes();
                bytes.push(DOOR);
                bytes.extend_from_slice(&curve.0);
                bytes.extend_from_slice(&u16::try_from(card.len()).unwrap_or(u16::MAX).to_be_bytes());
                bytes.extend_from_slice(&card);
            }
            Self::Admin(ed) => {
                bytes.push(ADMIN);
                bytes.extend_from_slice(&ed.0);
            }
        }
    }

    fn read(reader: &mut Reader<'_>, here: Here<'_>) -> Option<Self> {
        match reader.byte()? {
            ADD => Entry::read(reader, here.own(), |authority| here.is(authority)).map(Box::new).map(Self::Add),
            REMOVE => reader.key().map(Self::Remove),
            DOOR => {
                let curve = reader.key()?;
                let length = reader.u16()?;
                let card = read_door(reader.take(usize::from(length))?, here)?;
                Some(Self::Door(curve, Box::new(card)))
            }
            ADMIN => reader.key().map(Self::Admin),
            _ => None,
        }
    }
}

impl Delta {
    /// Reads a delta. Its signature is checked by [`Roster::follow`], which knows the admin.
    pub fn from_bytes<'a>(bytes: &[u8], here: impl Into<Here<'a>>) -> Result<Self, RosterError> {
        let (signed, signature) = bytes.split_last_chunk::<SIGNATURE>().ok_or(RosterError::Malformed)?;
        let mut reader = Reader::new(signed);
        let delta = Self::read(&mut reader, here.into(), signed, *signature).filter(|_| reader.is_empty());
        delta.ok_or(RosterError::Malformed)
    }

    fn read(reader: &mut Reader<'_>, here: Here<'_>, signed: &[u8], signature: [u8; SIGNATURE]) -> Option<Self> {
        reader.byte().filter(|version| *version == VERSION)?;
        let group = reader.array()?;
        let version = reader.u32()?;
        let before = reader.key()?;
        let after = reader.key()?;
        let count = reader.byte().map(usize::from).filter(|count| (1..=MAX_OPERATIONS).contains(count))?;
        let mut operations = Vec::with_capacity(count);
        for _ in 0..count {
            operations.push(Operation::read(reader, here)?);
        }
        Some(Self { group, version, before, after, operations, signed: signed.to_vec(), signature })
    }
}
