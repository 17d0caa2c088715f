//! Payloads: what an Olm message holds.
//!
//! Protobuf (proto3), parsed strictly after Olm has authenticated it. A payload is never
//! re-encoded, and nothing that is signed is protobuf. The schema stands in `docs/e2e.md`.

use prost::Message as _;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::bytes::{Key, Reader, text};
use crate::card::MAX_CARD;
use crate::identity::{IdentityProof, PROOF_LENGTH};
use crate::text::is_active;

pub(crate) mod wire;

/// The longest text in bytes of UTF-8. Longer ones are split before they come here.
pub const MAX_TEXT: usize = 47_000;
/// The size of every chunk of a file but the last, in bytes.
pub const CHUNK: usize = 47_000;
/// The largest file in bytes.
pub const MAX_FILE: u64 = 64 << 20;
/// The longest name of a person in bytes.
pub const MAX_NAME: usize = 64;
/// The most acknowledgements in one payload.
pub const MAX_ACKS: usize = 32;
/// The longest time until a text is to be deleted, in seconds: a year.
pub const MAX_BURN_S: u32 = 31_536_000;
/// The most heads in one group message.
pub const MAX_HEADS: usize = 4;
/// The most signed deltas in one group message.
pub const MAX_SIGNED: usize = 8;
/// The most files that one payload ends: with all else that goes alone, it still is of the
/// smallest size.
pub const MAX_ENDED: usize = 4;
/// The longest name of a file in bytes.
pub const MAX_FILE_NAME: usize = 120;
const HELLO_LENGTH: usize = PROOF_LENGTH + 32 + 32 + 32 + 8;

/// Says why a payload is dropped as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// Not protobuf of this schema, or text that is not UTF-8.
    #[error("not a payload")]
    Malformed,
    /// A field is longer, larger or more frequent than it may be.
    #[error("a field of the payload is over its limit: {0}")]
    Limit(&'static str),
    /// Two kinds of content, content without a name, or control with one.
    #[error("the fields of the payload do not go together")]
    Contradiction,
}

/// Holds a payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    /// Names a content message; 0 is control, which is neither acknowledged nor shown.
    pub mid: u64,
    /// The `mid` of the sender's content message before this one, 0 if there was none.
    pub prev: u64,
    /// The `mid`s that arrived.
    pub acks: Vec<u64>,
    /// A card: see [`crate::card::Card::from_bytes`].
    pub card: Option<Vec<u8>>,
    /// Who the sender is.
    pub hello: Option<Hello>,
    /// When it was written, in minutes since 1970: shown, not trusted.
    pub at: u32,
    /// The sender's name for itself, at most 64 bytes, shown as such.
    pub profile: String,
    /// Whether the sender deletes this contact.
    pub leave: bool,
    /// How many seconds after it was shown a text is to be deleted; 0 is never.
    pub burn_s: u32,
    /// Files of which the sender wants no more, or sends no more.
    pub ended: Vec<[u8; 16]>,
    /// What is shown or worked with.
    pub content: Option<Content>,
}

/// Holds the content of a payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// A text.
    Text(String),
    /// What belongs to a group.
    Group(GroupContent),
    /// A chunk of a file.
    File(FileChunk),
}

/// Holds what belongs to a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupContent {
    /// The group.
    pub id: [u8; 16],
    /// The first 16 bytes of the id of the roster that the sender goes by; zeros before there is
    /// one.
    pub roster: [u8; 16],
    /// Names the text, the same for all members; 0 if there is no text.
    pub gmid: u64,
    /// The sender's text before this one.
    pub prev: u64,
    /// The last texts that the sender saw of some members.
    pub heads: Vec<Head>,
    /// The text.
    pub text: Option<String>,
    /// A signed roster or signed deltas.
    #[serde(with = "list")]
    pub signed: Vec<Vec<u8>>,
    /// A door card of the sender for this group.
    #[serde(with = "option")]
    pub door: Option<Vec<u8>>,
    /// The name of a group that the sender is the admin of and invites to.
    pub offer: Option<String>,
}

/// Names the last text that was seen of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The first 8 bytes of the member's Curve25519 key.
    pub member: [u8; 8],
    /// The text.
    pub gmid: u64,
}

/// Holds a chunk of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChunk {
    /// Names the file.
    pub id: [u8; 16],
    /// Counts chunks from 0.
    pub index: u32,
    /// How many chunks there are: the size by 47,000, rounded up.
    pub count: u32,
    /// The size of the file in bytes.
    pub size: u64,
    /// SHA-256 of the file.
    pub sha256: Key,
    /// A suggestion: at most 120 bytes, no path, no control characters.
    pub name: String,
    /// 47,000 bytes, or what is left.
    #[serde(with = "text")]
    pub data: Vec<u8>,
}

/// States who sends, and in answer to whom: 232 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The sender's identity.
    pub proof: IdentityProof,
    /// The receiver's Curve25519 key.
    pub your_curve: Key,
    /// The receiver's Ed25519 key, or zeros if the sender does not know it.
    pub your_ed: Key,
    /// The invite that is answered, or zeros.
    pub invite: Key,
    /// The number of the envelope with which the session began.
    pub born: u64,
}

impl Hello {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HELLO_LENGTH);
        bytes.extend_from_slice(&self.proof.to_bytes());
        for key in [&self.your_curve, &self.your_ed, &self.invite] {
            bytes.extend_from_slice(&key.0);
        }
        bytes.extend_from_slice(&self.born.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let proof = IdentityProof::from_bytes(reader.take(PROOF_LENGTH)?).ok()?;
        let your_curve = reader.key()?;
        let your_ed = reader.key()?;
        let invite = reader.key()?;
        let born = reader.u64()?;
        reader.is_empty().then_some(Self { proof, your_curve, your_ed, invite, born })
    }
}

impl Payload {
    /// Writes the payload.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut wire = wire::WirePayload::from(self);
        let bytes = Zeroizing::new(wire.encode_to_vec());
        wire.wipe();
        bytes
    }

    /// Reads a payload and holds it to all limits.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PayloadError> {
        let wire = wire::WirePayload::decode(bytes).map_err(|_| PayloadError::Malformed)?;
        let payload = Self::try_from(wire)?;
        payload.check()?;
        Ok(payload)
    }

    fn check(&self) -> Result<(), PayloadError> {
        within("acks", self.acks.len() <= MAX_ACKS && !self.acks.contains(&0))?;
        within("card", self.card.as_ref().is_none_or(|card| card.len() <= MAX_CARD))?;
        within("profile", self.profile.len() <= MAX_NAME)?;
        within("burn_s", self.burn_s <= MAX_BURN_S)?;
        within("ended", self.ended.len() <= MAX_ENDED)?;
        match &self.content {
            None => {}
            Some(Content::Text(text)) => within("text", text.len() <= MAX_TEXT)?,
            Some(Content::Group(group)) => group.check()?,
            Some(Content::File(chunk)) => chunk.check()?,
        }
        let burns = self.burn_s == 0 || matches!(self.content, Some(Content::Text(_)));
        if self.content.is_some() != (self.mid != 0) || !burns || (self.mid == 0 && self.prev != 0) {
            return Err(PayloadError::Contradiction);
        }
        Ok(())
    }
}

impl GroupContent {
    fn check(&self) -> Result<(), PayloadError> {
        within("heads", self.heads.len() <= MAX_HEADS)?;
        within("group text", self.text.as_ref().is_none_or(|text| text.len() <= MAX_TEXT))?;
        within("signed", self.signed.len() <= MAX_SIGNED)?;
        within("door", self.door.as_ref().is_none_or(|door| door.len() <= MAX_CARD))?;
        within("offer", self.offer.as_ref().is_none_or(|name| name.len() <= MAX_NAME))?;
        if self.text.is_some() != (self.gmid != 0) || (self.gmid == 0 && self.prev != 0) {
            return Err(PayloadError::Contradiction);
        }
        Ok(())
    }
}

impl FileChunk {
    fn check(&self) -> Result<(), PayloadError> {
        within("size", (1..=MAX_FILE).contains(&self.size))?;
        within("file name", self.name.len() <= MAX_FILE_NAME)?;
        let count = self.size.div_ceil(CHUNK as u64);
        let last = self.size - (count - 1) * CHUNK as u64;
        let length = if u64::from(self.index) + 1 == count { last } else { CHUNK as u64 };
        if u64::from(self.count) != count || self.index >= self.count || self.data.len() as u64 != length {
            return Err(PayloadError::Contradiction);
        }
        Ok(())
    }

    /// Returns the name under which a client may offer to keep the file: its last component without
    /// anything that a file system or a terminal would take for more than a name.
    pub fn safe_name(&self) -> String {
        let last = self.name.rsplit(['/', '\\']).next().unwrap_or_default();
        let plain: String = last.chars().filter(|char| !is_active(*char)).collect();
        // A file that is hidden, that a command takes for an option, or whose ending is not what is
        // seen.
        let name = plain.trim().trim_start_matches(['.', '-', '~', ' ']).trim_end_matches(['.', ' ']);
        if name.is_empty() { "file".to_owned() } else { name.to_owned() }
    }
}

impl Content {
    /// Wipes what was written by people.
    pub(crate) fn wipe(&mut self) {
        match self {
            Self::Text(text) => text.zeroize(),
            Self::Group(group) => group.text.zeroize(),
            Self::File(chunk) => chunk.data.zeroize(),
        }
    }
}

fn within(field: &'static str, holds: bool) -> Result<(), PayloadError> {
    if holds { Ok(()) } else { Err(PayloadError::Limit(field)) }
}

/// Serializes a list of byte strings, for `#[serde(with = …)]`.
mod list {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Item(#[serde(with = "text")] Vec<u8>);

    pub(super) fn serialize<S: serde::Serializer>(list: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().map(|bytes| Item(bytes.clone())))
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<u8>>, D::Error> {
        let items = Vec::<Item>::deserialize(deserializer)?;
        Ok(items.into_iter().map(|item| item.0).collect())
    }
}

/// Serializes a byte string that may be absent, for `#[serde(with = …)]`.
mod option {
    use super::*;

    pub(super) fn serialize<S: serde::Serializer>(bytes: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        let list = bytes.iter().cloned().collect::<Vec<_>>();
        list::serialize(&list, serializer)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
        Ok(list::deserialize(deserializer)?.into_iter().next())
    }
}

#[cfg(test)]
mod tests;
