//! The ways to servers: each pseudonym gets one of its own, so that no server can tell two of them
//! to be one person's.

use std::sync::Arc;

use ephemeral_e2e::authority::Authority;

use crate::moved::Book;
use crate::url::UrlError;
use crate::{Dial, DialError, ServerUrl};

/// Makes dialers whose connections have nothing in common.
pub trait Isolate: Send {
    /// Returns a dialer to a server, on circuits that nothing else uses.
    ///
    /// # Errors
    /// [`DialError`], if there can be none.
    fn isolated(&self, to: &ServerUrl) -> Result<Arc<dyn Dial>, DialError>;
}

/// Finds the present address of a server that stands in a card, an invite or the profile.
pub(super) fn address(authority: &Authority, moves: &Book) -> Result<ServerUrl, UrlError> {
    let named: ServerUrl = format!("http://{}", authority.as_str()).parse()?;
    Ok(moves.follow(&named).unwrap_or(named))
}
