//! What a terminal sends, as the state understands it: characters, control characters, escape
//! sequences (ECMA-48, and xterm's for modifiers), pastes in brackets.
//!
//! The library that draws has a reader, too. It is never dropped, and so keeps the last kilobyte
//! that was typed or pasted until the process is gone: a passphrase, perhaps.

use zeroize::Zeroize as _;

use super::super::stdio::Bytes;
use ephemeral_chat::{ChatInput, KeyName, KeyPress};

const ESCAPE: u8 = 0x1b;
const PASTE: &[u8] = b"\x1b[200~";
const PASTE_END: &[u8] = b"\x1b[201~";
/// The longest paste that is handed on as one, in bytes.
const LONGEST_PASTE: usize = 1 << 20;
/// No sequence of a key is longer, in bytes.
const LONGEST_SEQUENCE: usize = 64;

/// Reads what a terminal sends. Bytes are wiped when they are understood.
#[derive(Default)]
pub(super) struct Keyboard {
    rest: Bytes,
    /// Whether a paste has begun and not ended.
    pastes: bool,
}

/// What the beginning of some bytes is.
enum Read {
    /// It takes so many bytes and says something, or nothing.
    Whole(usize, Option<ChatInput>),
    /// The beginning of something.
    Partly,
}

impl Keyboard {
    /// Takes bytes, and puts what they say behind the rest.
    pub(super) fn take(&mut self, bytes: &[u8], out: &mut Vec<ChatInput>) {
        self.rest.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(rest) = self.rest.get(at..).filter(|rest| !rest.is_empty()) {
            let begins = !self.pastes && rest.starts_with(PASTE);
            self.pastes |= begins;
            let part = if begins {
                Read::Whole(PASTE.len(), None)
            } else if self.pastes {
                pasted(rest, &mut self.pastes)
            } else {
                read(rest)
            };
            let Read::Whole(length, input) = part else { break };
            out.extend(input);
            at += length;
        }
        self.forget(at);
    }

    /// Tells whether there is an escape character that may begin a sequence.
    pub(super) fn has_escape(&self) -> bool {
        *self.rest == [ESCAPE]
    }

    /// Takes note that nothing came behind it: so it was the key.
    pub(super) fn pause(&mut self, out: &mut Vec<ChatInput>) {
        if self.has_escape() {
            self.forget(1);
            out.push(key(KeyName::Esc));
        }
    }

    fn forget(&mut self, count: usize) {
        self.rest.get_mut(..count).unwrap_or_default().zeroize();
        self.rest.drain(..count);
        let left = self.rest.len();
        // What was moved to the front is still behind it.
        self.rest.resize(left + count, 0);
        self.rest.truncate(left);
    }
}

fn key(code: KeyName) -> ChatInput {
    ChatInput::Key(KeyPress::plain(code))
}

fn read(bytes: &[u8]) -> Read {
    match bytes {
        [] | [ESCAPE] => Read::Partly,
        [ESCAPE, ESCAPE, ..] => Read::Whole(1, Some(key(KeyName::Esc))),
        [ESCAPE, b'O', rest @ ..] => application_key(rest),
        [ESCAPE, b'[', ..] => sequence(bytes),
        // Alt sends an escape character first.
        [ESCAPE, rest @ ..] => match character(rest) {
            Read::Whole(length, Some(ChatInput::Key(press))) => {
                Read::Whole(length + 1, Some(ChatInput::Key(KeyPress { alt: true, ..press })))
            }
            Read::Whole(length, _) => Read::Whole(length + 1, None),
            Read::Partly => Read::Partly,
        },
        _ => character(bytes),
    }
}

/// Reads a character: one that is written, or a control character.
fn character(bytes: &[u8]) -> Read {
    let Some(first) = bytes.first().copied() else { return Read::Partly };
    let ctrl = |letter: u8| ChatInput::Key(KeyPress::ctrl(char::from(letter)));
    let input = match first {
        b'\r' => key(KeyName::Enter),
        b'\t' => key(KeyName::Tab),
        0x7f => key(KeyName::Backspace),
        0 => ctrl(b' '),
        0x01..=0x1a => ctrl(first - 1 + b'a'),
        0x1c..=0x1f => ctrl(first - 0x1c + b'4'),
        _ => return written(bytes, first),
    };
    Read::Whole(1, Some(input))
}

/// Reads a character of UTF-8 (RFC 3629). A byte that does not belong to one is left out.
fn written(bytes: &[u8], first: u8) -> Read {
    let length = match first {
        0..=0x7f => 1,
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Read::Whole(1, None),
    };
    let present = bytes.get(..length.min(bytes.len())).unwrap_or_default();
    match std::str::from_utf8(present) {
        Ok(text) => Read::Whole(length, text.chars().next().map(KeyName::Char).map(key)),
        Err(error) if error.error_len().is_none() && present.len() < length => Read::Partly,
        Err(_) => Read::Whole(1, None),
    }
}

/// Reads a key as terminals send it in "application mode": `ESC O` and a letter.
fn application_key(rest: &[u8]) -> Read {
    let Some(letter) = rest.first() else { return Read::Partly };
    Read::Whole(3, named(*letter).map(key))
}

/// Returns the key of a letter at the end of a sequence.
fn named(letter: u8) -> Option<KeyName> {
    Some(match letter {
        b'A' => KeyName::Up,
        b'B' => KeyName::Down,
        b'C' => KeyName::Right,
        b'D' => KeyName::Left,
        b'H' => KeyName::Home,
        b'F' => KeyName::End,
        b'Z' => KeyName::BackTab,
        b'P'..=b'S' => KeyName::F(letter - b'P' + 1),
        _ => return None,
    })
}

/// Returns the key of a number before a tilde.
fn numbered(number: u32) -> Option<KeyName> {
    let function = |first: u32, from: u8| u8::try_from(number - first).ok().map(|more| KeyName::F(from + more));
    match number {
        1 | 7 => Some(KeyName::Home),
        3 => Some(KeyName::Delete),
        4 | 8 => Some(KeyName::End),
        5 => Some(KeyName::PageUp),
        6 => Some(KeyName::PageDown),
        11..=15 => function(11, 1),
        17..=21 => function(17, 6),
        23..=24 => function(23, 11),
        _ => None,
    }
}

/// Returns the key of a code point, as terminals send it that tell all modifiers (`CSI … u`).
fn coded(number: u32, shift: bool) -> Option<KeyName> {
    Some(match number {
        9 if shift => KeyName::BackTab,
        9 => KeyName::Tab,
        13 => KeyName::Enter,
        27 => KeyName::Esc,
        127 => KeyName::Backspace,
        _ => {
            let letter = char::from_u32(number).filter(|letter| !letter.is_control())?;
            KeyName::Char(if shift { letter.to_uppercase().next()? } else { letter })
        }
    })
}

/// Reads a sequence: `ESC [`, numbers, and a byte that ends it.
fn sequence(bytes: &[u8]) -> Read {
    if let [_, _, b'[', rest @ ..] = bytes {
        // The console of Linux.
        let Some(letter) = rest.first() else { return Read::Partly };
        let number = letter.checked_sub(b'A').filter(|number| *number < 5);
        return Read::Whole(4, number.map(|number| key(KeyName::F(number + 1))));
    }
    let body = bytes.get(2..bytes.len().min(LONGEST_SEQUENCE)).unwrap_or_default();
    match body.iter().position(|byte| !(0x20..0x40).contains(byte)) {
        Some(end) => match body.split_at_checked(end) {
            Some((numbers, [last @ 0x40..=0x7e, ..])) => Read::Whole(end + 3, modified(numbers, *last)),
            // Something else begins in the middle.
            _ => Read::Whole(end + 2, None),
        },
        None if bytes.len() >= LONGEST_SEQUENCE => Read::Whole(LONGEST_SEQUENCE, None),
        None => Read::Partly,
    }
}

/// Returns the key of a sequence with its numbers: the second one says which modifiers were held.
fn modified(numbers: &[u8], last: u8) -> Option<ChatInput> {
    let mut numbers = std::str::from_utf8(numbers).ok()?.split([';', ':']).map(|number| number.parse::<u32>().ok());
    let first = numbers.next().flatten().unwrap_or(1);
    let held = numbers.next().flatten().unwrap_or(1).saturating_sub(1);
    let code = match last {
        b'~' => numbered(first),
        b'u' => coded(first, held & 1 != 0),
        // Others are answers of the terminal, such as where the cursor is.
        _ if first == 1 => named(last),
        _ => None,
    }?;
    Some(ChatInput::Key(KeyPress { code, ctrl: held & 4 != 0, alt: held & 2 != 0 }))
}

/// Reads what was pasted, up to the bracket that ends it. Of a very long paste, a part: what is
/// left is no keys.
fn pasted(bytes: &[u8], goes_on: &mut bool) -> Read {
    let (length, after) = match memchr::memmem::find(bytes, PASTE_END) {
        Some(end) => (end, end + PASTE_END.len()),
        None if bytes.len() >= LONGEST_PASTE => (bytes.len() - PASTE_END.len(), bytes.len() - PASTE_END.len()),
        None => return Read::Partly,
    };
    *goes_on = after == length;
    let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).into_owned();
    Read::Whole(after, Some(ChatInput::Paste(text)))
}

#[cfg(test)]
mod tests;
