//! A passphrase: what a person remembers, and this program forgets as soon as it can.

use std::fmt;

use age::secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::VaultError;

/// Holds a passphrase, which is overwritten when it is dropped.
pub struct Passphrase(SecretString);

impl Passphrase {
    /// Takes a passphrase as it was typed, without the end of the line.
    ///
    /// # Errors
    /// [`VaultError::EmptyPassphrase`].
    pub fn new(text: String) -> Result<Self, VaultError> {
        let text = Zeroizing::new(text);
        if text.is_empty() {
            return Err(VaultError::EmptyPassphrase);
        }
        // Out of a borrowed text, a box of its size is made at once: no reallocation leaves a copy
        // behind.
        Ok(Self(SecretString::from(text.as_str())))
    }

    /// Returns a copy for one use.
    pub(super) fn secret(&self) -> SecretString {
        SecretString::from(self.0.expose_secret())
    }
}

impl TryFrom<String> for Passphrase {
    type Error = VaultError;

    fn try_from(text: String) -> Result<Self, VaultError> {
        Self::new(text)
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Passphrase(…)")
    }
}
