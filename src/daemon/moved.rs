//! The notices of a move to another onion address, which clients are told.

use ephemeral_tor::{Keystore, Notice};

use crate::config::Config;

/// Reads the notices that `keys rotate` has left. A file that is not right keeps nobody from
/// writing messages.
pub(super) fn notices(config: &Config) -> Option<bytes::Bytes> {
    if let Some(onion) = &config.onion {
        let store = Keystore::open(&onion.tor, &config.state_dir, &onion.nickname);
        match store.and_then(|store| store.finish_move(&config.state_dir)) {
            Ok(true) => tracing::warn!("an interrupted `keys rotate` is finished: its notice is in force"),
            Ok(false) => {}
            // The onion service will say what the matter is with its key.
            Err(error) => tracing::debug!("an interrupted `keys rotate` is not finished: {error}"),
        }
    }
    match Notice::read_file(&config.state_dir.join(Notice::FILE)) {
        Ok(notices) => (!notices.is_empty()).then(|| Notice::write(&notices).into()),
        Err(error) => {
            tracing::warn!("{} in the state directory is left out: {error}", Notice::FILE);
            None
        }
    }
}
