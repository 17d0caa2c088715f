//! Says what the operating system refuses.

use std::io;

use super::said;

/// Says what the operating system refuses.
pub(in super::super) fn system(error: &io::Error) -> String {
    said::of(error)
}
