//! The content of a message on its way into the store.

use std::ops::Deref;

use zeroize::Zeroizing;

/// Content as the inside of a JSON string. Where it is in the frame as it will be kept, it is not
/// copied before it is.
#[derive(Debug)]
pub enum EscapedContent<'frame> {
    /// A part of the frame.
    Borrowed(&'frame str),
    /// A copy, which is overwritten when it is dropped.
    Owned(Zeroizing<String>),
}

impl Deref for EscapedContent<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(content) => content,
            Self::Owned(content) => content,
        }
    }
}

impl PartialEq for EscapedContent<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for EscapedContent<'_> {}

impl From<String> for EscapedContent<'_> {
    fn from(content: String) -> Self {
        Self::Owned(Zeroizing::new(content))
    }
}
