//! What is put on a seat is read again, and nothing else is.

#![allow(clippy::unwrap_used)]

use super::*;

#[tokio::test]
async fn what_is_put_is_read_again_whether_it_comes_at_once_or_byte_by_byte() {
    let answer = TextAnswer {
        fault: Some(Fault::RateLimited),
        did_nothing: true,
        acknowledged: u64::MAX,
        frame: "an answer".to_owned(),
    };
    let frames = [
        SeatFrame::Text { again: true, text: "zwölf".to_owned() },
        SeatFrame::Text { again: false, text: String::new() },
        SeatFrame::Answer(answer.clone()),
        SeatFrame::Answer(TextAnswer { fault: None, did_nothing: false, acknowledged: 0, frame: String::new() }),
        SeatFrame::Delivery(Delivered::Receipt, "a receipt".to_owned()),
        SeatFrame::Delivery(Delivered::CaughtUp, "caught up".to_owned()),
        SeatFrame::Delivery(Delivered::Message(1 << 52), "a message".to_owned()),
        SeatFrame::End { reason: CloseReason::Replaced, for_good: true },
        SeatFrame::End { reason: CloseReason::Draining, for_good: false },
    ];
    let mut bytes = Vec::new();
    frames.iter().for_each(|frame| frame.put(&mut bytes).unwrap());
    for pieces in [bytes.len(), 1] {
        let (mut to, from) = tokio::io::duplex(pieces);
        let mut reader = SeatReader::new(from, Some(1000));
        let writing = async {
            tokio::io::AsyncWriteExt::write_all(&mut to, &bytes).await.unwrap();
            drop(to);
        };
        let reading = async {
            for frame in &frames {
                assert_eq!(format!("{:?}", reader.next().await.unwrap()), format!("{frame:?}"));
            }
            assert!(reader.next().await.is_err(), "and nothing else");
        };
        tokio::join!(writing, reading);
    }
}

#[tokio::test]
async fn a_frame_that_is_too_long_or_of_another_version_is_refused_before_it_is_read() {
    let mut bytes = Vec::new();
    let text = "x".repeat(100_000);
    SeatFrame::Text { again: false, text }.put(&mut bytes).unwrap();
    let head = bytes.get(..HEAD_BYTES).unwrap();
    assert!(SeatReader::new(head, Some(70_000)).next().await.is_err_and(|error| error.kind() == invalid().kind()));
    assert!(SeatReader::new(bytes.as_slice(), Some(100_000)).next().await.is_ok());
    for wrong in [&[9, 0, 0, 0, 0][..], &[1, 0, 0, 0, 0], &[1, 0, 0, 0, 2, 0, 0xff], &[5, 0, 0, 0, 2, 99, 0]] {
        let error = SeatReader::new(wrong, None).next().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{wrong:?}");
    }
}
