//! Begins to write, and finds who began last.

use super::{Jet, JetError, PATIENCE, PLACES, STREAM, read};
use crate::cluster::fence::{Fence, FenceMark};

impl Jet<'_> {
    /// Writes that a writer begins: nothing of an earlier one is taken from now on. Returns the
    /// number of that entry.
    ///
    /// # Errors
    /// [`JetError`].
    pub async fn fence(self, term: u64, mark: &FenceMark) -> Result<u64, JetError> {
        let answer = self.0.request(&subject(), &[mark.header()], &term.to_le_bytes(), PATIENCE).await?;
        read(&answer)?["seq"].as_u64().ok_or(JetError::Foreign)
    }

    /// Returns the newest fence; `None`: there is none, or everything was lost.
    ///
    /// # Errors
    /// [`JetError`].
    pub async fn newest_fence(self) -> Result<Option<Fence>, JetError> {
        let Some(newest) = self.newest(STREAM, &subject()).await? else { return Ok(None) };
        let term = newest.payload.as_slice().try_into().map_or(0, u64::from_le_bytes);
        Ok(Some(Fence { number: newest.number, term, mark: FenceMark::read(&newest.headers) }))
    }

    /// Returns the term of the newest writer; 0: there was none, or everything was lost.
    ///
    /// # Errors
    /// [`JetError`].
    pub async fn newest_term(self) -> Result<u64, JetError> {
        Ok(self.newest_fence().await?.map_or(0, |fence| fence.term))
    }
}

/// Returns the subject of the fence.
pub(super) fn subject() -> String {
    format!("{PLACES}.fence")
}
