//! The name of a server as it stands in cards and invites.
//!
//! A contact chooses where we connect to, so what it may name is narrow: a version 3 onion address
//! to the letter (Tor's rend-spec-v3, 6), or the very authority that the user configured for a
//! server on this machine.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Serialize};
use sha3::{Digest, Sha3_256};

use crate::bytes::Key;

/// The longest authority in a card, in bytes.
pub const MAX_AUTHORITY: usize = 80;
const SUFFIX: &str = ".onion";
const VERSION: u8 = 3;
const DEFAULT_PORT: u16 = 80;

/// Names a server: `NAME.onion`, with `:port` unless it is 80, or a loopback authority of the
/// user's own.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Authority(String);

/// Says why a name is not one of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// The name is neither a canonical onion address nor one's own server.
    #[error("not an onion address in its canonical form")]
    NotAnOnion,
    /// The name given for one's own server does not lead to this machine.
    #[error("not a loopback authority of at most 80 bytes")]
    NotLoopback,
}

impl Authority {
    /// Reads a version 3 onion address in its only spelling: lower case, right checksum, `:port`
    /// only if not 80.
    pub fn onion(text: &str) -> Result<Self, AuthorityError> {
        let authority = Self(text.to_owned());
        let (key, port) = authority.onion_parts().ok_or(AuthorityError::NotAnOnion)?;
        if Self::from_onion_key(&key, port) == authority { Ok(authority) } else { Err(AuthorityError::NotAnOnion) }
    }

    /// Takes a server on this machine as the *user* named it. Never called with a name from the
    /// network.
    pub fn loopback(text: &str) -> Result<Self, AuthorityError> {
        let host = match text.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => host,
            _ => text,
        };
        let local = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
        if local && text.len() <= MAX_AUTHORITY { Ok(Self(text.to_owned())) } else { Err(AuthorityError::NotLoopback) }
    }

    /// Reads an authority that came from somebody else: an onion address, or `own` to the letter.
    pub fn foreign(text: &str, own: &Authority) -> Result<Self, AuthorityError> {
        if text == own.0 { Ok(own.clone()) } else { Self::onion(text) }
    }

    /// Writes the onion address of a service's key and port.
    pub fn from_onion_key(key: &Key, port: u16) -> Self {
        let mut address = Vec::with_capacity(35);
        address.extend_from_slice(&key.0);
        address.extend_from_slice(&checksum(key));
        address.push(VERSION);
        let name = BASE32_NOPAD.encode(&address).to_ascii_lowercase();
        match port {
            DEFAULT_PORT => Self(format!("{name}{SUFFIX}")),
            port => Self(format!("{name}{SUFFIX}:{port}")),
        }
    }

    /// Returns the service's key and port, if this is an onion address.
    pub fn onion_parts(&self) -> Option<(Key, u16)> {
        let (host, port) = match self.0.split_once(':') {
            Some((host, port)) => (host, port.parse().ok().filter(|port| *port != 0)?),
            None => (self.0.as_str(), DEFAULT_PORT),
        };
        let name = host.strip_suffix(SUFFIX).filter(|name| name.len() == 56)?;
        let address = BASE32_NOPAD.decode(name.to_ascii_uppercase().as_bytes()).ok()?;
        let key = Key(address.get(..32)?.try_into().ok()?);
        let valid = address.get(32..34)? == checksum(&key) && address.get(34) == Some(&VERSION);
        valid.then_some((key, port))
    }

    /// Returns the name as it is dialled.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Returns the two bytes of checksum of rend-spec-v3, 6.
fn checksum(key: &Key) -> [u8; 2] {
    let mut state = Sha3_256::new();
    state.update(b".onion checksum");
    state.update(key.0);
    state.update([VERSION]);
    let digest: [u8; 32] = state.finalize().into();
    [digest[0], digest[1]]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The address of the Tor Project's web site.
    const TOR: &str = "2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid.onion";

    #[test]
    fn a_real_address_is_read_and_written_alike() {
        let authority = Authority::onion(TOR).unwrap();
        let (key, port) = authority.onion_parts().unwrap();
        assert_eq!(port, 80);
        assert_eq!(Authority::from_onion_key(&key, port), authority);
        Authority::onion(&format!("{TOR}:81")).unwrap();
    }

    #[test]
    fn every_other_spelling_of_an_address_is_refused() {
        let own = Authority::loopback("localhost:8080").unwrap();
        let upper = TOR.to_ascii_uppercase();
        let flipped = TOR.replacen("2gz", "2gy", 1);
        let spellings = [
            format!("{TOR}:80"),
            format!("{TOR}:081"),
            format!("{TOR}:0"),
            format!("{TOR}:+81"),
            format!("{TOR}:65536"),
            format!("{TOR}:"),
            format!("x.{TOR}"),
            format!("{TOR}."),
            upper,
            flipped,
            "localhost:631".to_owned(),
            "localhost".to_owned(),
            String::new(),
        ];
        for spelling in spellings {
            assert!(Authority::foreign(&spelling, &own).is_err(), "{spelling}");
        }
        assert_eq!(Authority::foreign("localhost:8080", &own), Ok(own));
    }
}
