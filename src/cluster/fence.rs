//! The fence: the entry with which a writer begins, behind all that an earlier one has written.
//!
//! Each has a mark of its own, and names the mark of the one before it, if its writer goes on with
//! what was there. So a machine that reads along knows whether what it has read still is what there
//! is: it is not, where the journal was lost or erased, and written anew, in the meantime.

use data_encoding::HEXLOWER;

/// The header with the mark, and the one before it.
const MARK: &str = "Ephemeral-Fence";

/// By which a fence is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FenceMark {
    id: String,
    before: Option<String>,
}

/// A fence, as it is in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The number of the entry.
    pub number: u64,
    /// The term of the writer.
    pub term: u64,
    /// Its mark; `None`: its writer knew of none.
    pub mark: Option<FenceMark>,
}

impl FenceMark {
    /// Makes one. `before`: that of the newest fence, if the writer goes on with what is there.
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn new(before: Option<&Self>) -> Result<Self, getrandom::Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)?;
        Ok(Self { id: HEXLOWER.encode(&random), before: before.map(|before| before.id.clone()) })
    }

    /// Returns whether whoever wrote this one went on behind the other one.
    #[must_use]
    pub fn goes_on_from(&self, other: &Self) -> bool {
        self.before.as_ref() == Some(&other.id)
    }

    /// Returns it as a header.
    #[must_use]
    pub fn header(&self) -> (&'static str, String) {
        (MARK, format!("{} {}", self.id, self.before.as_deref().unwrap_or("-")))
    }

    /// Reads it out of the headers of an entry.
    #[must_use]
    pub fn read(headers: &[u8]) -> Option<Self> {
        let headers = std::str::from_utf8(headers).ok()?;
        let value = headers.lines().find_map(|line| line.strip_prefix(MARK)?.strip_prefix(": "))?;
        let (id, before) = value.trim().split_once(' ')?;
        Some(Self { id: id.to_owned(), before: (before != "-").then(|| before.to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_names_the_one_that_its_writer_went_on_from() {
        let first = FenceMark::new(None).unwrap();
        let next = FenceMark::new(Some(&first)).unwrap();
        assert!(next.goes_on_from(&first));
        assert!(!first.goes_on_from(&next) && !first.goes_on_from(&first));
        for mark in [first, next] {
            let (name, value) = mark.header();
            let headers = format!("NATS/1.0\r\nNats-Batch-Sequence: 1\r\n{name}: {value}\r\n\r\n");
            assert_eq!(FenceMark::read(headers.as_bytes()), Some(mark));
        }
        assert_eq!(FenceMark::read(b"NATS/1.0\r\n\r\n"), None, "an earlier version wrote none");
        assert_eq!(FenceMark::read(b""), None);
    }
}
