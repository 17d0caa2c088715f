//! A field's value, as far as any frame cares.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::protocol::{ErrorCode, is_message_id};

/// A field's value, as far as any frame cares. A wrong type is not yet an error: the field may not
/// belong to the frame's type, and is ignored then.
#[derive(Debug, Default)]
pub(super) enum Value<'frame> {
    #[default]
    Absent,
    Bool(bool),
    Integer(i64),
    Text(Cow<'frame, str>),
    Other,
}

/// The answer to a field that is not as it should be.
pub(super) type Wrong = (ErrorCode, &'static str);

impl<'frame> Value<'frame> {
    pub(super) fn well_formed_id(&self) -> Option<Cow<'frame, str>> {
        match self {
            Self::Text(id) if is_message_id(id) => Some(id.clone()),
            _ => None,
        }
    }

    pub(super) fn into_owned(self) -> Value<'static> {
        match self {
            Self::Absent => Value::Absent,
            Self::Bool(bool) => Value::Bool(bool),
            Self::Integer(integer) => Value::Integer(integer),
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Other => Value::Other,
        }
    }

    pub(super) fn text(self, wrong: &'static str) -> Result<Option<Cow<'frame, str>>, Wrong> {
        match self {
            Self::Absent => Ok(None),
            Self::Text(text) => Ok(Some(text)),
            _ => Err((ErrorCode::Malformed, wrong)),
        }
    }

    pub(super) fn integer(self, wrong: &'static str) -> Result<Option<i64>, Wrong> {
        match self {
            Self::Absent => Ok(None),
            Self::Integer(integer) => Ok(Some(integer)),
            _ => Err((ErrorCode::Malformed, wrong)),
        }
    }

    pub(super) fn bool(self, wrong: &'static str) -> Result<Option<bool>, Wrong> {
        match self {
            Self::Absent => Ok(None),
            Self::Bool(bool) => Ok(Some(bool)),
            _ => Err((ErrorCode::Malformed, wrong)),
        }
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Value<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("any value")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Value::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Value::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_bool<E>(self, bool: bool) -> Result<Self::Value, E> {
                Ok(Value::Bool(bool))
            }
            fn visit_u64<E>(self, integer: u64) -> Result<Self::Value, E> {
                Ok(Value::Integer(i64::try_from(integer).unwrap_or(i64::MAX)))
            }
            fn visit_i64<E>(self, integer: i64) -> Result<Self::Value, E> {
                Ok(Value::Integer(integer))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(integer(number).map_or(Value::Other, Value::Integer))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Value::Absent)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Value::Other)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Value::Other)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// Returns a number as an integer, if it is one: `3600.0` and `36e2` are. Beyond 2^53 nobody can
/// tell.
fn integer(number: f64) -> Option<i64> {
    /// 2^53.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    // Exact, as was checked.
    #[allow(clippy::cast_possible_truncation)]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}
