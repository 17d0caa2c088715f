//! The keys of the relays, made by Tor's own programs before anything runs: who the authorities are
//! is part of every configuration.

use super::BootError;
use super::process::{command, output};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

/// Who a relay is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// SHA-1 of the RSA identity key, 40 hexadecimal digits in capitals: `$…` in Tor's own
    /// notation.
    pub rsa: String,
    /// The Ed25519 identity key, base64 without padding.
    pub ed25519: String,
}

/// Makes a relay's keys and reads who it became. `directory` is its data directory.
pub(super) fn of_relay(directory: &Path, nickname: &str) -> Result<Identity, BootError> {
    // A configuration of its own: an authority's is not valid before all authorities are known.
    let torrc = directory.join("identity.torrc");
    let text = format!("DataDirectory {}\nNickname {nickname}\nORPort 127.0.0.1:1\n", directory.display());
    fs::write(&torrc, text)?;
    output(command("tor").arg("-f").arg(&torrc).args(["--list-fingerprint", "--quiet"]), "")?;
    let second_word = |file: &str| -> Result<String, BootError> {
        let path = directory.join(file);
        let text = fs::read_to_string(&path)?;
        text.split_whitespace().nth(1).map(str::to_owned).ok_or(BootError::Unreadable { path })
    };
    Ok(Identity { rsa: second_word("fingerprint")?, ed25519: second_word("fingerprint-ed25519")? })
}

/// Makes the keys that sign an authority's votes. Returns their identity, 40 hexadecimal digits.
pub(super) fn of_authority(directory: &Path, dir_address: SocketAddr) -> Result<String, BootError> {
    let keys = directory.join("keys");
    let certificate = keys.join("authority_certificate");
    let mut gencert = command("tor-gencert");
    gencert.args(["--create-identity-key", "-m", "12", "--passphrase-fd", "0", "-a", &dir_address.to_string()]);
    gencert.arg("-i").arg(keys.join("authority_identity_key"));
    gencert.arg("-s").arg(keys.join("authority_signing_key"));
    gencert.arg("-c").arg(&certificate);
    // It insists on a passphrase for a key that nobody needs again.
    output(&mut gencert, "passphrase\n")?;
    let text = fs::read_to_string(&certificate)?;
    let fingerprint = text.lines().find_map(|line| line.strip_prefix("fingerprint "));
    fingerprint.map(str::to_owned).ok_or(BootError::Unreadable { path: certificate })
}
