//! Follows the frames in a WebSocket's bytes as they pass (RFC 6455, section 5.2): only how long
//! they are, which of them make one message, and with what code one says goodbye. Whether they are
//! right is the WebSocket's business.

/// Bytes of a header, at most.
const HEADER_BYTES: usize = 14;
/// The bit of an opcode that makes a frame one of control: those are short, and stand between the
/// frames of a message.
const CONTROL: u8 = 0x08;

/// The bits of an opcode, and that of a goodbye.
const OPCODE: u8 = 0x0f;
const CLOSE: u8 = 0x08;
/// The first bytes of a goodbye that has any (RFC 6455, section 5.5.1).
const CODE_BYTES: usize = 2;

/// A stream's place in its frames.
#[derive(Debug, Default)]
pub(super) struct FrameReader {
    header: [u8; HEADER_BYTES],
    /// Bytes of the header that have passed.
    known: usize,
    /// Bytes of the payload that have not.
    left: u64,
    within_payload: bool,
    /// Bytes of the message that has begun, as far as its headers have said.
    message: u64,
    /// Whether the message has more than one frame.
    is_fragmented: bool,
    within_message: bool,
    /// The code of a goodbye, as far as it has passed.
    code: [u8; CODE_BYTES],
    code_bytes: usize,
}

/// The parts that have passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passed {
    /// Everything, and nothing of note.
    All,
    /// The header of a frame of a message, which has so many bytes now.
    Header {
        /// Bytes of the message with this frame.
        message: u64,
        /// Whether other frames of it came before, or follow.
        is_fragmented: bool,
    },
    /// The header of a control frame with so many bytes.
    Control(u64),
    /// The header of one that says goodbye, with so many bytes.
    Close(u64),
    /// The code of a goodbye.
    Code(u16),
    /// The last byte of a message.
    Message,
}

impl FrameReader {
    /// Tells whether a message has begun and not ended.
    pub(super) fn is_within_message(&self) -> bool {
        self.within_message
    }

    /// Returns the bytes of the message that has begun, as far as its headers have said.
    pub(super) fn message(&self) -> u64 {
        self.message
    }

    /// Lets bytes pass, up to the first thing of note. Returns how many.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> (usize, Passed) {
        let mut passed = 0;
        while let Some(&byte) = bytes.get(passed) {
            if self.within_payload {
                let rest = u64::try_from(bytes.len() - passed).unwrap_or(u64::MAX);
                let is_code = self.is_close() && self.code_bytes < CODE_BYTES && self.left > 0;
                let skipped = rest.min(if is_code { 1 } else { self.left });
                self.left -= skipped;
                passed += usize::try_from(skipped).unwrap_or(usize::MAX);
                if self.left == 0 && self.end_of_frame() {
                    return (passed, Passed::Message);
                }
                if is_code && let Some(code) = self.code(byte) {
                    return (passed, Passed::Code(code));
                }
                continue;
            }
            passed += 1;
            if let Some(place) = self.header.get_mut(self.known) {
                *place = byte;
            }
            self.known += 1;
            if let Some(length) = self.length() {
                return (passed, self.begin(length));
            }
        }
        (passed, Passed::All)
    }

    /// Ends a message whose last frame is empty. Call it after a header has passed.
    pub(super) fn ends_at_once(&mut self) -> bool {
        self.within_payload && self.left == 0 && self.end_of_frame()
    }

    /// Returns the length of the payload, once the header is whole.
    fn length(&self) -> Option<u64> {
        let [_, second, b, c, d, e, f, g, h, i, ..] = self.header;
        let (bytes, length) = match second & 0x7f {
            126 => (2, u64::from(u16::from_be_bytes([b, c]))),
            127 => (8, u64::from_be_bytes([b, c, d, e, f, g, h, i])),
            length => (0, u64::from(length)),
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        (self.known >= 2 && self.known == 2 + bytes + mask).then_some(length)
    }

    /// Takes a byte of a goodbye's code. Returns the code with the last one.
    fn code(&mut self, byte: u8) -> Option<u16> {
        let [_, second, mask @ ..] = self.header;
        let mask = if second & 0x80 == 0 { 0 } else { mask.get(self.code_bytes).copied().unwrap_or_default() };
        if let Some(place) = self.code.get_mut(self.code_bytes) {
            *place = byte ^ mask;
        }
        self.code_bytes += 1;
        (self.code_bytes == CODE_BYTES).then(|| u16::from_be_bytes(self.code))
    }

    fn begin(&mut self, length: u64) -> Passed {
        self.known = 0;
        self.code_bytes = 0;
        self.left = length;
        self.within_payload = true;
        if self.is_control() {
            return if self.is_close() { Passed::Close(length) } else { Passed::Control(length) };
        }
        self.is_fragmented = self.within_message || !self.is_last();
        self.message = if self.within_message { self.message.saturating_add(length) } else { length };
        self.within_message = true;
        Passed::Header { message: self.message, is_fragmented: self.is_fragmented }
    }

    /// Returns whether the frame was the last one of a message.
    fn end_of_frame(&mut self) -> bool {
        self.within_payload = false;
        let ends = !self.is_control() && self.is_last();
        if ends {
            self.within_message = false;
            self.message = 0;
        }
        ends
    }

    fn is_control(&self) -> bool {
        self.header.first().is_some_and(|first| first & CONTROL != 0)
    }

    fn is_close(&self) -> bool {
        self.header.first().is_some_and(|first| first & OPCODE == CLOSE)
    }

    fn is_last(&self) -> bool {
        self.header.first().is_some_and(|first| first & 0x80 != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, length: usize) -> Vec<u8> {
        let mut bytes = vec![first];
        match length {
            0..126 => bytes.push(0x80 | u8::try_from(length).unwrap()),
            126..65_536 => {
                bytes.push(0x80 | 126);
                bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                bytes.push(0x80 | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        bytes.extend([1, 2, 3, 4]);
        bytes.extend(vec![7; length]);
        bytes
    }

    /// Returns what is noted of these bytes when they come in pieces of a size.
    fn noted(bytes: &[u8], piece: usize) -> (Vec<Passed>, bool) {
        let mut reader = FrameReader::default();
        let mut noted = Vec::new();
        for mut piece in bytes.chunks(piece) {
            while !piece.is_empty() {
                let (passed, what) = reader.pass(piece);
                piece = &piece[passed..];
                if what != Passed::All {
                    noted.push(what);
                }
                if matches!(what, Passed::Header { .. } | Passed::Control(_) | Passed::Close(_))
                    && reader.ends_at_once()
                {
                    noted.push(Passed::Message);
                }
            }
        }
        (noted, reader.is_within_message())
    }

    #[test]
    fn messages_are_told_apart_however_their_bytes_arrive() {
        let bytes = [
            frame(0x81, 5),
            frame(0x89, 0),
            frame(0x01, 200),
            frame(0x8a, 125),
            frame(0x00, 0),
            frame(0x80, 70_000),
            frame(0x82, 0),
            frame(0x88, 2),
            frame(0x88, 1),
            frame(0x88, 0),
            frame(0x01, 10),
        ]
        .concat();
        let header = |message, is_fragmented| Passed::Header { message, is_fragmented };
        let expected = vec![
            header(5, false),
            Passed::Message,
            Passed::Control(0),
            header(200, true),
            Passed::Control(125),
            header(200, true),
            header(70_200, true),
            Passed::Message,
            header(0, false),
            Passed::Message,
            Passed::Close(2),
            Passed::Code(u16::from_be_bytes([7 ^ 1, 7 ^ 2])),
            Passed::Close(1),
            Passed::Close(0),
            header(10, true),
        ];
        for piece in [1, 2, 3, 7, 100, 4096, bytes.len()] {
            assert_eq!(noted(&bytes, piece), (expected.clone(), true), "in pieces of {piece}");
        }
    }

    #[test]
    fn a_length_beyond_everything_is_a_length() {
        let mut bytes = vec![0x81, 127];
        bytes.extend(u64::MAX.to_be_bytes());
        let (all, _) = noted(&bytes, 3);
        assert_eq!(all, [Passed::Header { message: u64::MAX, is_fragmented: false }]);
    }
}
