//! Says why a server gave no notice of a move.

use super::{fl, said};
use ephemeral_client::moved::{ANSWER_LIMIT, NoticeRequestError};

/// Says why a server gave no notice.
pub(in super::super) fn notice_request(error: &NoticeRequestError) -> String {
    match error {
        NoticeRequestError::Dial(error) => said::of(error),
        NoticeRequestError::Interrupted => fl!("moved-interrupted"),
        NoticeRequestError::Timeout => fl!("moved-no-answer", seconds = ANSWER_LIMIT.as_secs()),
        NoticeRequestError::Answer => fl!("moved-answer"),
        NoticeRequestError::None(status) => fl!("moved-server-has-none", status = status.to_string()),
        NoticeRequestError::Notice(error) => said::of(error),
    }
}
