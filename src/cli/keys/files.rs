//! Files that the operator names: never overwritten unless that was asked for.

use std::path::Path;

use super::{Consent, KeysError, ask};
use ephemeral_tor::private_file;

/// Refuses early what [`write`] would refuse, and asks what it would ask.
pub(super) fn may_write(path: &Path, consent: Consent) -> Result<(), KeysError> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    if !consent.force {
        return Err(KeysError::Exists(path.to_owned()));
    }
    ask::to_type(&format!("{} will be overwritten.", path.display()), "yes", consent.yes)
}

/// Writes a file that is new, or that may be replaced: by a new file with its name, so that it is
/// never half one. The bytes of the old one are overwritten, too: it may have been a key.
pub(super) fn write(path: &Path, bytes: &[u8], consent: Consent) -> Result<(), KeysError> {
    if path.symlink_metadata().is_err() {
        return Ok(private_file::create_new(path, bytes)?);
    }
    may_write(path, consent)?;
    Ok(private_file::replace_and_erase(path, bytes)?)
}
