//! Frames that are JSON and yet hold what no Rust value can: one half of a surrogate pair, a number
//! beyond every float.
//!
//! JSON's grammar allows both (RFC 8259, sections 8.2 and 6), and other languages write them: half
//! an emoji that was cut in two, an infinite number. Here they are exchanged for stand-ins, so that
//! the field can be named that is wrong.

use serde::de::IgnoredAny;

/// What a half is exchanged for: as long, and in no id, fingerprint, time or type.
const HALF: &[u8] = br"\ufffd";
/// What a number is exchanged for that is too large: no integer, and no longer than any of those.
const NUMBER: &[u8] = b"0.5";
/// Bytes of `\uXXXX`.
const ESCAPE: usize = 6;

/// What stands for one half of a surrogate pair in a text that was mended.
pub(super) const STAND_IN: char = '\u{fffd}';

/// Returns the text with stand-ins for all that no value can hold; `None` if it is not JSON.
pub(super) fn mended(text: &str) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut bytes = text.as_bytes().to_vec();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at = match byte {
            b'"' => mend_string(&mut bytes, at + 1),
            b'-' | b'0'..=b'9' => mend_number(&mut bytes, at),
            _ => at + 1,
        };
    }
    String::from_utf8(bytes).ok()
}

/// Mends a string from behind its quote on. Returns where it is over.
fn mend_string(bytes: &mut [u8], mut at: usize) -> usize {
    loop {
        match bytes.get(at) {
            None | Some(b'"') => return at + 1,
            Some(b'\\') => match (surrogate(bytes, at), surrogate(bytes, at + ESCAPE)) {
                (Some(Half::First), Some(Half::Second)) => at += 2 * ESCAPE,
                (Some(_), _) => {
                    if let Some(escape) = bytes.get_mut(at..at + ESCAPE) {
                        escape.copy_from_slice(HALF);
                    }
                    at += ESCAPE;
                }
                // The letter behind it may be a quote.
                (None, _) => at += 2,
            },
            Some(_) => at += 1,
        }
    }
}

/// One half of a surrogate pair.
enum Half {
    First,
    Second,
}

/// Returns the half of a surrogate pair that is written here, if one is.
fn surrogate(bytes: &[u8], at: usize) -> Option<Half> {
    let digits = bytes.get(at..at + ESCAPE)?.strip_prefix(b"\\u")?;
    match u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()? {
        0xd800..=0xdbff => Some(Half::First),
        0xdc00..=0xdfff => Some(Half::Second),
        _ => None,
    }
}

/// Mends a number. Returns where it is over.
fn mend_number(bytes: &mut [u8], from: usize) -> usize {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    let Some(number) = bytes.get_mut(from..) else { return from };
    let length = number.iter().take_while(|byte| is_part(byte)).count();
    let number = &mut number[..length];
    let is_finite = |text: &str| text.parse().is_ok_and(f64::is_finite);
    if !std::str::from_utf8(number).is_ok_and(is_finite) && length >= NUMBER.len() {
        number.fill(b' ');
        number[..NUMBER.len()].copy_from_slice(NUMBER);
    }
    from + length
}
