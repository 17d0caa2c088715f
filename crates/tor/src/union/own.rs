//! Which introduction points are this machine's: those whose session keys it has.

use tor_hscrypto::pk::HsIntroPtSessionIdKeypair;
use tor_keymgr::KeyPathPattern;
use tor_llcrypto::pk::ed25519::Keypair;

use super::PointName;
use crate::{Keystore, KeystoreError};

impl Keystore {
    /// Returns the public session keys of the introduction points that this machine has made
    /// (`KP_hs_ipt_sid`), those of earlier ones included.
    ///
    /// # Errors
    /// [`KeystoreError`] if they cannot be read.
    pub(super) fn introduction_keys(&self) -> Result<Vec<PointName>, KeystoreError> {
        let manager = self.manager()?;
        let pattern = KeyPathPattern::Arti(format!("hss/{}/ipts/k_sid+*", self.nickname));
        let entries = manager.list_matching(&pattern).map_err(|error| self.failed(&error))?;
        let mut keys = Vec::with_capacity(entries.len());
        for entry in &entries {
            // One that is gone since belongs to a point that is gone.
            let pair = manager.get_entry::<HsIntroPtSessionIdKeypair>(entry).map_err(|error| self.failed(&error))?;
            keys.extend(pair.map(|pair| {
                let pair: &Keypair = pair.as_ref();
                pair.verifying_key().to_bytes()
            }));
        }
        Ok(keys)
    }
}
