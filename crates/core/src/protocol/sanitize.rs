//! What is done to a message's content before it is kept.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The ways of sanitizing content (`[store] sanitize`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sanitize {
    /// Control characters and bidirectional controls are removed.
    #[default]
    Clean,
    /// Content with any of them is refused.
    Reject,
    /// Everything but base64 or base64url text is refused.
    Ciphertext,
}

/// The content holds what the server's policy does not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the content holds characters that this server does not accept")]
pub struct SanitizeError;

impl Sanitize {
    /// Returns the content as it may be kept; borrowed where nothing had to be removed. It can be
    /// empty.
    ///
    /// # Errors
    /// [`SanitizeError`] if the policy refuses the content instead.
    pub fn apply(self, content: &str) -> Result<Cow<'_, str>, SanitizeError> {
        match self {
            Self::Clean | Self::Reject if is_printable_ascii(content) => Ok(Cow::Borrowed(content)),
            Self::Clean if content.chars().any(is_forbidden) => {
                Ok(Cow::Owned(content.chars().filter(|&character| !is_forbidden(character)).collect()))
            }
            Self::Reject if content.chars().any(is_forbidden) => Err(SanitizeError),
            Self::Ciphertext if !is_base64(content) => Err(SanitizeError),
            _ => Ok(Cow::Borrowed(content)),
        }
    }
}

/// Returns whether nothing needs a second look, as in most content. In blocks without a branch,
/// which the compiler makes vectors of: this is done with every byte that comes in.
fn is_printable_ascii(content: &str) -> bool {
    let all = |block: &[u8]| block.iter().fold(true, |all, byte| all & matches!(byte, b' '..=b'~'));
    content.as_bytes().chunks(64).all(all)
}

/// Returns whether the character is a control character (C0, delete, C1) other than tab, line feed
/// and carriage return, or one of those that embed, override or isolate the direction of text
/// (Unicode Standard Annex #9, section 2).
fn is_forbidden(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => false,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        _ => character.is_control(),
    }
}

/// Returns whether the text keeps to one of the alphabets of RFC 4648 sections 4 and 5, with at
/// most two `=` at the end.
fn is_base64(content: &str) -> bool {
    let body = content.strip_suffix("==").or_else(|| content.strip_suffix('=')).unwrap_or(content);
    let all = |extra: [u8; 2]| body.bytes().all(|byte| byte.is_ascii_alphanumeric() || extra.contains(&byte));
    (all(*b"+/") || all(*b"-_")) && (!body.is_empty() || content.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_text_is_passed_on_as_it_is() {
        for text in ["hello", "tab\tline\nreturn\r", "سلام שלום", "👩‍👩‍👧 \u{200f}", "\u{a0}"] {
            assert!(matches!(Sanitize::Clean.apply(text), Ok(Cow::Borrowed(same)) if same == text));
            assert_eq!(Sanitize::Reject.apply(text), Ok(Cow::Borrowed(text)));
        }
    }

    #[test]
    fn envelopes_in_base64url_pass_as_they_are() {
        for characters in [4096, 16_384, 65_536] {
            let alphabet = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']);
            let content: String = alphabet.cycle().take(characters).collect();
            for policy in [Sanitize::Clean, Sanitize::Reject, Sanitize::Ciphertext] {
                let kept = policy.apply(&content);
                assert!(matches!(kept, Ok(Cow::Borrowed(same)) if same == content), "{policy:?}, {characters}");
            }
        }
    }

    #[test]
    fn controls_are_removed_or_refused() {
        for dirty in ["a\0b", "a\u{1b}b", "a\u{7f}b", "a\u{85}b", "a\u{202e}b", "a\u{2066}b", "a\u{2069}b"] {
            assert_eq!(Sanitize::Clean.apply(dirty).as_deref(), Ok("ab"));
            assert_eq!(Sanitize::Reject.apply(dirty), Err(SanitizeError));
        }
    }

    #[test]
    fn ciphertext_is_base64_of_one_alphabet() {
        for good in ["aGVsbG8=", "aGVsbG8", "-_-_", "+/+/", "QQ=="] {
            assert_eq!(Sanitize::Ciphertext.apply(good).as_deref(), Ok(good));
        }
        for bad in ["hello world", "+/-_", "a=b", "====", "=", "é", "a\n"] {
            assert_eq!(Sanitize::Ciphertext.apply(bad), Err(SanitizeError), "{bad}");
        }
    }
}
