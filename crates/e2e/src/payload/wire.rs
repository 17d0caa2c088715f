//! The protobuf schema of a payload, and the way from it and to it.

use zeroize::Zeroize;

use super::{Content, FileChunk, GroupContent, Head, Hello, PayloadError};
use crate::bytes::Key;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WirePayload {
    #[prost(fixed64, tag = "1")]
    mid: u64,
    #[prost(fixed64, tag = "2")]
    prev: u64,
    #[prost(fixed64, repeated, tag = "3")]
    acks: Vec<u64>,
    #[prost(bytes = "vec", tag = "4")]
    card: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    hello: Vec<u8>,
    #[prost(uint32, tag = "6")]
    at: u32,
    #[prost(string, optional, tag = "7")]
    text: Option<String>,
    #[prost(string, tag = "8")]
    profile: String,
    #[prost(message, optional, tag = "9")]
    group: Option<Group>,
    #[prost(message, optional, tag = "10")]
    file: Option<File>,
    #[prost(bool, tag = "11")]
    leave: bool,
    #[prost(uint32, tag = "12")]
    burn_s: u32,
    #[prost(bytes = "vec", repeated, tag = "13")]
    ended: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Group {
    #[prost(bytes = "vec", tag = "1")]
    id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    roster: Vec<u8>,
    #[prost(fixed64, tag = "3")]
    gmid: u64,
    #[prost(fixed64, tag = "4")]
    prev: u64,
    #[prost(message, repeated, tag = "5")]
    heads: Vec<WireHead>,
    #[prost(string, optional, tag = "6")]
    text: Option<String>,
    #[prost(bytes = "vec", repeated, tag = "7")]
    signed: Vec<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "8")]
    door: Option<Vec<u8>>,
    #[prost(string, optional, tag = "9")]
    offer: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireHead {
    #[prost(bytes = "vec", tag = "1")]
    member: Vec<u8>,
    #[prost(fixed64, tag = "2")]
    gmid: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct File {
    #[prost(bytes = "vec", tag = "1")]
    id: Vec<u8>,
    #[prost(uint32, tag = "2")]
    index: u32,
    #[prost(uint32, tag = "3")]
    count: u32,
    #[prost(uint64, tag = "4")]
    size: u64,
    #[prost(bytes = "vec", tag = "5")]
    sha256: Vec<u8>,
    #[prost(string, tag = "6")]
    name: String,
    #[prost(bytes = "vec", tag = "7")]
    data: Vec<u8>,
}

impl WirePayload {
    /// Wipes what is secret in it, once it was encoded.
    pub(super) fn wipe(&mut self) {
        self.card.zeroize();
        self.text.zeroize();
        if let Some(group) = &mut self.group {
            group.text.zeroize();
        }
        if let Some(file) = &mut self.file {
            file.data.zeroize();
        }
    }
}

impl From<&super::Payload> for WirePayload {
    fn from(payload: &super::Payload) -> Self {
        let super::Payload { mid, prev, acks, card, hello, at, profile, leave, burn_s, ended, content } = payload;
        let mut wire = Self {
            mid: *mid,
            prev: *prev,
            acks: acks.clone(),
            card: card.clone().unwrap_or_default(),
            hello: hello.as_ref().map(Hello::to_bytes).unwrap_or_default(),
            at: *at,
            profile: profile.clone(),
            leave: *leave,
            burn_s: *burn_s,
            ended: ended.iter().map(|file| file.to_vec()).collect(),
            ..Self::default()
        };
        match content {
            None => {}
            Some(Content::Text(text)) => wire.text = Some(text.clone()),
            Some(Content::Group(group)) => wire.group = Some(Group::from(group)),
            Some(Content::File(chunk)) => wire.file = Some(File::from(chunk)),
        }
        wire
    }
}

impl TryFrom<WirePayload> for super::Payload {
    type Error = PayloadError;

    fn try_from(wire: WirePayload) -> Result<Self, PayloadError> {
        let WirePayload { mid, prev, acks, card, hello, at, text, profile, group, file, leave, burn_s, ended } = wire;
        let hello = match hello.as_slice() {
            [] => None,
            bytes => Some(Hello::from_bytes(bytes).ok_or(PayloadError::Limit("hello"))?),
        };
        let content = match (text, group, file) {
            (None, None, None) => None,
            (Some(text), None, None) => Some(Content::Text(text)),
            (None, Some(group), None) => Some(Content::Group(group.try_into()?)),
            (None, None, Some(file)) => Some(Content::File(file.try_into()?)),
            _ => return Err(PayloadError::Contradiction),
        };
        let card = Some(card).filter(|card| !card.is_empty());
        let ended = ended.iter().map(|file| fixed(file, "ended")).collect::<Result<_, _>>()?;
        Ok(Self { mid, prev, acks, card, hello, at, profile, leave, burn_s, ended, content })
    }
}

impl From<&GroupContent> for Group {
    fn from(group: &GroupContent) -> Self {
        let GroupContent { id, roster, gmid, prev, heads, text, signed, door, offer } = group;
        let roster = if *roster == [0; 16] { Vec::new() } else { roster.to_vec() };
        let heads = heads.iter().map(|head| WireHead { member: head.member.to_vec(), gmid: head.gmid });
        Self {
            id: id.to_vec(),
            roster,
            gmid: *gmid,
            prev: *prev,
            heads: heads.collect(),
            text: text.clone(),
            signed: signed.clone(),
            door: door.clone(),
            offer: offer.clone(),
        }
    }
}

impl TryFrom<Group> for GroupContent {
    type Error = PayloadError;

    fn try_from(wire: Group) -> Result<Self, PayloadError> {
        let Group { id, roster, gmid, prev, heads, text, signed, door, offer } = wire;
        let id = fixed(&id, "group id")?;
        let roster = if roster.is_empty() { [0; 16] } else { fixed(&roster, "group roster")? };
        let heads = heads.into_iter().map(|head| {
            let member = fixed(&head.member, "head")?;
            Ok(Head { member, gmid: head.gmid })
        });
        let heads = heads.collect::<Result<_, _>>()?;
        Ok(Self { id, roster, gmid, prev, heads, text, signed, door, offer })
    }
}

impl From<&FileChunk> for File {
    fn from(chunk: &FileChunk) -> Self {
        let FileChunk { id, index, count, size, sha256, name, data } = chunk;
        Self {
            id: id.to_vec(),
            index: *index,
            count: *count,
            size: *size,
            sha256: sha256.0.to_vec(),
            name: name.clone(),
            data: data.clone(),
        }
    }
}

impl TryFrom<File> for FileChunk {
    type Error = PayloadError;

    fn try_from(wire: File) -> Result<Self, PayloadError> {
        let File { id, index, count, size, sha256, name, data } = wire;
        let id = fixed(&id, "file id")?;
        let sha256 = Key(fixed(&sha256, "file hash")?);
        Ok(Self { id, index, count, size, sha256, name, data })
    }
}

fn fixed<const N: usize>(bytes: &[u8], field: &'static str) -> Result<[u8; N], PayloadError> {
    bytes.try_into().map_err(|_| PayloadError::Limit(field))
}
