//! The keys of restricted discovery (rend-spec, "Client authorization" of the descriptor): a
//! service encrypts where it is to be found to the public halves that it was given. The texts are
//! those of C tor, so that either side may be one.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use curve25519_dalek::MontgomeryPoint;
use curve25519_dalek::traits::IsIdentity as _;
use data_encoding::BASE32_NOPAD;
use sha3::{Digest as _, Sha3_256};
use tor_hscrypto::pk::{HsClientDescEncKey, HsClientDescEncSecretKey};
use tor_keymgr::KeystoreSelector;
use tor_llcrypto::pk::curve25519::StaticSecret;
use zeroize::{Zeroize as _, Zeroizing};

use super::{Client, ServiceKey, TorError, TorStep};

/// Bytes of either half.
const KEY_BYTES: usize = 32;
const PREFIX: &str = "descriptor:x25519:";
/// What the key by which a service finds itself is derived with, and nothing else.
const OWN: &[u8] = b"ephemeral-messenger/own-discovery/v1";

/// A client's public half: what the operator of a service adds.
#[derive(Clone, PartialEq, Eq)]
pub struct DiscoveryKey(HsClientDescEncKey);

/// The text is no such key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a discovery key: it looks like descriptor:x25519:… with 52 letters and digits behind it")]
pub struct NotADiscoveryKey;

impl DiscoveryKey {
    /// Returns the key in the type that Arti takes.
    pub fn arti(&self) -> &HsClientDescEncKey {
        &self.0
    }
}

impl From<HsClientDescEncKey> for DiscoveryKey {
    fn from(key: HsClientDescEncKey) -> Self {
        Self(key)
    }
}

impl FromStr for DiscoveryKey {
    type Err = NotADiscoveryKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let encoded = text.trim().strip_prefix(PREFIX).ok_or(NotADiscoveryKey)?;
        let bytes = decode(encoded).ok_or(NotADiscoveryKey)?;
        // What is encrypted to a point of small order, everybody can decrypt (RFC 7748, section
        // 6.1).
        if MontgomeryPoint(*bytes).mul_clamped([1; KEY_BYTES]).is_identity() {
            return Err(NotADiscoveryKey);
        }
        text.trim().parse().map(Self).map_err(|_| NotADiscoveryKey)
    }
}

impl fmt::Display for DiscoveryKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Debug for DiscoveryKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DiscoveryKey(…)")
    }
}

/// A client's secret half, overwritten when it is dropped.
#[derive(Clone)]
pub struct DiscoverySecret(Zeroizing<[u8; KEY_BYTES]>);

impl DiscoverySecret {
    /// Returns a new key.
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut secret = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(secret.as_mut_slice())?;
        Ok(Self(secret))
    }

    /// Returns the key by which a service finds itself. It follows from the service's own key: so
    /// each of several machines that have that key can read what another one has published, and
    /// nobody else learns anything.
    #[must_use]
    pub fn of_service(key: &ServiceKey) -> Self {
        let derived = Sha3_256::new().chain_update(OWN).chain_update(key.expanded()).finalize();
        Self(Zeroizing::new(derived.into()))
    }

    /// Returns the public half.
    #[must_use]
    pub fn public(&self) -> DiscoveryKey {
        DiscoveryKey(HsClientDescEncKey::from(&self.arti()))
    }

    /// Returns the key in the type that Arti takes.
    pub fn arti(&self) -> HsClientDescEncSecretKey {
        StaticSecret::from(*self.0).into()
    }

    /// Returns the line of C tor's `.auth_private` files: for one service, whose name is `onion`
    /// (56 letters, without `.onion`).
    #[must_use]
    pub fn to_line(&self, onion: &str) -> Zeroizing<String> {
        let encoded = BASE32_NOPAD.encode_len(KEY_BYTES);
        let mut line = Zeroizing::new(String::with_capacity(onion.len() + 1 + PREFIX.len() + encoded + 1));
        line.push_str(onion);
        line.push(':');
        line.push_str(PREFIX);
        BASE32_NOPAD.encode_append(self.0.as_slice(), &mut line);
        line.push('\n');
        line
    }

    /// Returns what [`to_line`](Self::to_line) has written for this service; `None` if it is
    /// anything else.
    #[must_use]
    pub fn from_line(line: &str, onion: &str) -> Option<Self> {
        let (name, key) = line.trim().split_once(':')?;
        let encoded = key.strip_prefix(PREFIX)?;
        name.eq_ignore_ascii_case(onion).then(|| decode(encoded).map(Self))?
    }
}

impl fmt::Debug for DiscoverySecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DiscoverySecret(…)")
    }
}

/// Makes a client find a restricted service with this key, and with no other. `onion`: its name,
/// without `.onion`.
pub fn set_discovery_key(
    client: &Client,
    state_dir: &Path,
    onion: &str,
    secret: Option<&DiscoverySecret>,
) -> Result<(), TorError> {
    let failed = |error| TorError::from_arti(TorStep::DiscoveryKey, state_dir, error);
    let Ok(service) = format!("{onion}.onion").parse() else { return Ok(()) };
    let before = client.get_service_discovery_key(service).map_err(failed)?;
    if before == secret.map(|secret| secret.public().0) {
        return Ok(());
    }
    if before.is_some() {
        client.remove_service_discovery_key(KeystoreSelector::Primary, service).map_err(failed)?;
    }
    if let Some(secret) = secret {
        client.insert_service_discovery_key(KeystoreSelector::Primary, service, secret.arti()).map_err(failed)?;
    }
    Ok(())
}

/// Decodes 32 bytes in base 32, in either case.
fn decode(encoded: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    if encoded.len() != BASE32_NOPAD.encode_len(KEY_BYTES) {
        return None;
    }
    let upper = Zeroizing::new(encoded.to_ascii_uppercase());
    let mut decoded = BASE32_NOPAD.decode(upper.as_bytes()).ok()?;
    let bytes = decoded.as_slice().try_into().ok().map(Zeroizing::new);
    decoded.zeroize();
    bytes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// RFC 7748, section 6.1: Alice's keys.
    const SECRET: &str = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
    const PUBLIC: &str = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";

    fn base32(hex: &str) -> String {
        BASE32_NOPAD.encode(&data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).unwrap())
    }

    #[test]
    fn the_public_half_follows_from_the_secret_one() {
        let onion = "a".repeat(56);
        let line = format!("{onion}:{PREFIX}{}", base32(SECRET));
        let secret = DiscoverySecret::from_line(&line, &onion).unwrap();
        assert_eq!(secret.public().to_string(), format!("{PREFIX}{}", base32(PUBLIC)));
        assert_eq!(secret.to_line(&onion).as_str(), format!("{line}\n"));
    }

    #[test]
    fn a_line_for_another_service_is_not_for_this_one() {
        let secret = DiscoverySecret::generate().unwrap();
        let this = "a".repeat(56);
        let other = "b".repeat(56);
        assert!(DiscoverySecret::from_line(&secret.to_line(&this), &other).is_none());
        assert!(DiscoverySecret::from_line(&secret.to_line(&this), &this.to_uppercase()).is_some());
    }

    #[test]
    fn a_service_finds_itself_by_the_same_key_on_each_machine_that_has_its_key() {
        let key = ServiceKey::generate().unwrap();
        let own = DiscoverySecret::of_service(&key).public();
        let restored = ServiceKey::from_c_tor(&key.to_c_tor()).unwrap();
        assert_eq!(DiscoverySecret::of_service(&restored).public(), own);
        let other = ServiceKey::generate().unwrap();
        assert_ne!(DiscoverySecret::of_service(&other).public(), own);
    }

    #[test]
    fn a_key_is_read_as_c_tor_writes_it_and_nothing_else_is() {
        let key = DiscoverySecret::generate().unwrap().public();
        let text = key.to_string();
        assert_eq!(text.parse(), Ok(key.clone()));
        let encoded = text.replace(PREFIX, "");
        assert_eq!(format!("{PREFIX}{}\n", encoded.to_lowercase()).parse(), Ok(key));
        let of_small_order = format!("{PREFIX}{}", "A".repeat(52));
        let another_kind = text.replace("x25519", "ed25519");
        let longer = format!("{text}A");
        for text in ["", PREFIX, &encoded, &another_kind, &longer, &of_small_order] {
            assert_eq!(text.parse::<DiscoveryKey>(), Err(NotADiscoveryKey), "{text}");
        }
    }
}
