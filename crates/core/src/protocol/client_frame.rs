//! What a client may send: the frame's shape. What its values mean is the session's matter.

mod torn;
mod value;

use std::borrow::Cow;
use std::fmt;
use std::mem;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::{ErrorCode, is_message_id};
use value::{Value, Wrong};

/// A frame of a client, its fields of the right types.
#[derive(Debug, PartialEq, Eq)]
pub enum ClientFrame<'frame> {
    /// The answer to the challenge.
    Auth(AuthFrame<'frame>),
    /// Every delivered message up to and including `seq` has arrived.
    Ack {
        /// The last one that arrived.
        seq: u64,
        /// The frame's `id`, if it had a well-formed one: for errors.
        id: Option<Cow<'frame, str>>,
    },
    /// A message for somebody.
    Message(MessageFrame<'frame>),
}

/// The answer to the challenge.
#[derive(Debug, PartialEq, Eq)]
pub struct AuthFrame<'frame> {
    /// Who the client says it is, not yet decoded; it may have said so in the URL.
    pub fingerprint: Option<Cow<'frame, str>>,
    /// Base64url, not yet decoded.
    pub signature: Cow<'frame, str>,
    /// Whether senders are told when this recipient acknowledges.
    pub receipts: bool,
    /// How many unacknowledged messages the client wants out at most.
    pub window: Option<u32>,
    /// The frame's `id`, if it had a well-formed one: for errors.
    pub id: Option<Cow<'frame, str>>,
}

/// A message for somebody, its values not yet checked.
#[derive(Debug, PartialEq, Eq)]
pub struct MessageFrame<'frame> {
    /// Well formed where it is present.
    pub id: Option<Cow<'frame, str>>,
    /// Who the sender says it is.
    pub from: Option<Cow<'frame, str>>,
    /// The recipient.
    pub to: Option<Cow<'frame, str>>,
    /// What is carried.
    pub content: Option<Cow<'frame, str>>,
    /// Whether the content has one half of a surrogate pair, so that it cannot be delivered as it
    /// was sent.
    pub content_is_torn: bool,
    /// RFC 3339.
    pub expires_at: Option<Cow<'frame, str>>,
    /// Seconds.
    pub ttl_s: Option<i64>,
    /// `direct`, if anything.
    pub delivery_type: Option<Cow<'frame, str>>,
}

/// Why a frame is not one of the above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameError {
    /// `malformed`, `unknown_type` or `invalid_id`.
    pub code: ErrorCode,
    /// What is wrong, for a person.
    pub message: &'static str,
    /// The frame's `id`, if it had a well-formed one.
    pub id: Option<String>,
}

impl<'frame> ClientFrame<'frame> {
    /// Reads one text frame: a JSON object. Unknown fields are ignored, `null` counts as absent, a
    /// known field that stands there twice is an error. What is ignored is skipped without
    /// recursion, however deep it nests. Half of a surrogate pair and a number beyond every float
    /// are JSON, too, and wrong only where they stand in a known field.
    ///
    /// # Errors
    /// [`FrameError`] with what to tell the client.
    pub fn parse(text: &'frame str) -> Result<Self, FrameError> {
        let fields: Fields<'frame> = serde_json::from_str(text).or_else(|_| Fields::mended(text))?;
        let id = fields.id.well_formed_id().map(Cow::into_owned);
        fields.into_frame().map_err(|(code, message)| FrameError { code, message, id })
    }
}

macro_rules! fields {
    ($($name:ident = $key:literal),* $(,)?) => {
        /// Every field that some frame has. One pass over the text, nothing copied that has no
        /// escapes.
        #[derive(Default)]
        struct Fields<'frame> {
            $($name: Value<'frame>,)*
            /// Whether one of them stands there twice.
            twice: bool,
            /// Whether `content` has one half of a surrogate pair.
            content_is_torn: bool,
        }

        impl<'frame> Fields<'frame> {
            fn slot(&mut self, key: &str) -> Option<&mut Value<'frame>> {
                match key { $($key => Some(&mut self.$name),)* _ => None }
            }

            fn into_owned(self) -> Fields<'static> {
                Fields {
                    $($name: self.$name.into_owned(),)*
                    twice: self.twice,
                    content_is_torn: self.content_is_torn,
                }
            }
        }
    };
}
fields! {
    kind = "type", id = "id", from = "from", to = "to", content = "content", expires_at = "expires_at", ttl_s = "ttl_s",
    delivery_type = "delivery_type", seq = "seq", fingerprint = "fingerprint", signature = "signature", receipts = "receipts",
    window = "window",
}

impl Fields<'static> {
    /// Reads what is JSON, but holds what no value can.
    fn mended(text: &str) -> Result<Self, FrameError> {
        let no_object =
            || FrameError { code: ErrorCode::Malformed, message: "the frame is not a JSON object", id: None };
        let mended = torn::mended(text).ok_or_else(no_object)?;
        let mut fields: Fields<'_> = serde_json::from_str(&mended).map_err(|_| no_object())?;
        // A frame that has that character besides, and a half elsewhere, is refused for the one or
        // the other.
        fields.content_is_torn = matches!(&fields.content, Value::Text(text) if text.contains(torn::STAND_IN));
        Ok(fields.into_owned())
    }
}

impl<'frame> Fields<'frame> {
    fn into_frame(mut self) -> Result<ClientFrame<'frame>, Wrong> {
        if self.twice {
            return Err((ErrorCode::Malformed, "a field stands there twice"));
        }
        match mem::take(&mut self.kind).text("`type` is not a string")?.as_deref() {
            None | Some("message") => {}
            Some("ack") => {
                let seq = self.seq.integer("`seq` is not an integer")?.and_then(|seq| u64::try_from(seq).ok());
                return match seq {
                    Some(seq) => Ok(ClientFrame::Ack { seq, id: self.id.well_formed_id() }),
                    None => Err((ErrorCode::Malformed, "an ack needs a `seq` that was delivered")),
                };
            }
            Some("auth") => return self.into_auth().map(ClientFrame::Auth),
            Some(_) => return Err((ErrorCode::UnknownType, "a client's frames are `message`, `ack` and `auth`")),
        }
        let id = self.id.text("`id` is not a string")?;
        let frame = MessageFrame {
            from: self.from.text("`from` is not a string")?,
            to: self.to.text("`to` is not a string")?,
            content: self.content.text("`content` is not a string")?,
            content_is_torn: self.content_is_torn,
            expires_at: self.expires_at.text("`expires_at` is not a string")?,
            ttl_s: self.ttl_s.integer("`ttl_s` is not an integer")?,
            delivery_type: self.delivery_type.text("`delivery_type` is not a string")?,
            id,
        };
        if frame.id.as_deref().is_some_and(|id| !is_message_id(id)) {
            return Err((ErrorCode::InvalidId, "`id` is 1 to 64 of A-Z, a-z, 0-9, _ and -"));
        }
        Ok(ClientFrame::Message(frame))
    }

    fn into_auth(self) -> Result<AuthFrame<'frame>, Wrong> {
        let signature = self.signature.text("`signature` is not a string")?;
        let window = self.window.integer("`window` is not an integer")?;
        Ok(AuthFrame {
            fingerprint: self.fingerprint.text("`fingerprint` is not a string")?,
            signature: signature.unwrap_or_default(),
            receipts: self.receipts.bool("`receipts` is not true or false")?.unwrap_or(true),
            window: window.map(|window| u32::try_from(window.max(0)).unwrap_or(u32::MAX)),
            id: self.id.well_formed_id(),
        })
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Fields::default();
                while let Some(Key(key)) = map.next_key()? {
                    match fields.slot(&key) {
                        None => drop(map.next_value::<IgnoredAny>()?),
                        Some(slot @ Value::Absent) => *slot = map.next_value()?,
                        Some(_) => {
                            map.next_value::<IgnoredAny>()?;
                            fields.twice = true;
                        }
                    }
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A field's name; borrowed unless it has escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Text(text) => Ok(Self(text)),
            _ => Err(D::Error::custom("a field's name is a string")),
        }
    }
}

#[cfg(test)]
mod tests;
