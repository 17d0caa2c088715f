//! The frames that every message has, written without a serializer: each is allocated once, exactly
//! as long as it is.

use super::{AcceptedFrame, DeliveryType, MessageOut, ReceiptFrame, ReceiptStatus};
use crate::protocol::{ClockReading, WallTime};

impl MessageOut<'_> {
    /// Returns the frame's text, its times by this reading of the clocks. Written by hand, since
    /// this is the one frame that content goes through: nothing is escaped twice, and the text is
    /// allocated once, exactly as long as it is.
    #[must_use]
    pub fn encode(&self, clocks: &ClockReading) -> String {
        [
            r#"{"type":"message","id":""#,
            self.id,
            r#"","from":""#,
            self.from.hex(&mut [0; 64]),
            r#"","to":""#,
            self.to.hex(&mut [0; 64]),
            r#"","content":""#,
            self.escaped_content,
            r#"","timestamp":""#,
            clocks.on_wire(self.timestamp).text(&mut [0; WallTime::LENGTH]),
            r#"","expires_at":""#,
            clocks.on_wire(self.expires_at).text(&mut [0; WallTime::LENGTH]),
            r#"","delivery_type":""#,
            match self.delivery_type {
                DeliveryType::Direct => "direct",
                DeliveryType::Stored => "stored",
            },
            r#"","seq":"#,
            digits(self.seq, &mut [0; 20]),
            "}",
        ]
        .concat()
    }
}

impl AcceptedFrame<'_> {
    /// Returns the frame's text: every message has one.
    #[must_use]
    pub fn encode(&self) -> String {
        [
            r#"{"type":"accepted","id":""#,
            self.id,
            r#"","expires_at":""#,
            self.expires_at.text(&mut [0; WallTime::LENGTH]),
            if self.duplicate { r#"","duplicate":true"# } else { r#"","duplicate":false"# },
            if self.delivered { r#","delivered":true}"# } else { "}" },
        ]
        .concat()
    }
}

impl ReceiptFrame<'_> {
    /// Returns the frame's text: every message may have one.
    #[must_use]
    pub fn encode(&self) -> String {
        [
            r#"{"type":"receipt","id":""#,
            self.id,
            r#"","to":""#,
            self.to.hex(&mut [0; 64]),
            match self.status {
                ReceiptStatus::Delivered => r#"","status":"delivered","at":""#,
                ReceiptStatus::Expired => r#"","status":"expired","at":""#,
            },
            self.at.text(&mut [0; WallTime::LENGTH]),
            r#""}"#,
        ]
        .concat()
    }
}

/// Returns the digits of a number, in the buffer.
fn digits(mut number: u64, buffer: &mut [u8; 20]) -> &str {
    let mut first = buffer.len();
    for place in buffer.iter_mut().rev() {
        *place = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        first -= 1;
        if number == 0 {
            break;
        }
    }
    std::str::from_utf8(&buffer[first..]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Fingerprint, Millis, WireTime, encode};

    #[test]
    fn a_message_frame_is_json_with_the_fields_of_the_specification() {
        let from = Fingerprint::from_bytes([0xab; 32]);
        let to = Fingerprint::from_bytes([1; 32]);
        let text = MessageOut {
            id: "i-1",
            from,
            to,
            escaped_content: r#"line\n\"quoted\" 🦀"#,
            timestamp: WireTime::Own { at: Millis(41_000), draw: 0 },
            expires_at: WireTime::Given(WallTime(2)),
            delivery_type: DeliveryType::Stored,
            seq: 17,
        }
        .encode(&ClockReading { steady: Millis(1000), wall: WallTime(2000), resolution_ms: 60_000 });
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!({
            "type": "message", "id": "i-1", "from": from.to_string(), "to": to.to_string(),
            "content": "line\n\"quoted\" 🦀", "timestamp": "1970-01-01T00:01:00.000Z",
            "expires_at": "1970-01-01T00:00:00.002Z", "delivery_type": "stored", "seq": 17
        });
        assert_eq!(json, expected);
        assert_eq!(text.len(), text.capacity(), "one allocation of the right size");
    }

    #[test]
    fn what_is_written_by_hand_is_what_serde_writes() {
        for (duplicate, delivered) in [(false, false), (true, false), (true, true)] {
            let frame = AcceptedFrame { id: "i-1", expires_at: WallTime(1_767_355_200_007), duplicate, delivered };
            assert_eq!(frame.encode(), encode(&frame));
        }
        for status in [ReceiptStatus::Delivered, ReceiptStatus::Expired] {
            let to = Fingerprint::from_bytes([0xab; 32]);
            let frame = ReceiptFrame { id: "i_2", to, status, at: WallTime(7) };
            assert_eq!(frame.encode(), encode(&frame));
        }
        for number in [0, 9, 10, 1_234_567_890, u64::MAX] {
            assert_eq!(digits(number, &mut [0; 20]), number.to_string());
        }
    }
}
