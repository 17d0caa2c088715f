//! A backup: what makes this server the one that people know, encrypted with a passphrase in the
//! age format (age-encryption.org/v1). Never a message: those are in no backup.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;

use age::armor::ArmoredReader;
use age::secrecy::SecretString;
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::rotate::{read_notices, write_notices};
use super::{Consent, KeysError, Place, complain, files};
use crate::transport::onion_service::clients;
use ephemeral_tor::private_file::{self, FileError};
use ephemeral_tor::{MovedError, Notice, ServiceKey, ServiceKeyError};

/// Bytes of a backup, at most.
pub(super) const MOST_BYTES: usize = 4 * 1024 * 1024;
/// Clients in one, at most, and bytes of the key of each.
const MOST_CLIENTS: usize = 10_000;
const CLIENT_BYTES: usize = 256;
/// The layout of what is encrypted.
const VERSION: u32 = 1;
/// scrypt's cost, 2^18 as the age program has it: 256 MiB of memory, which also the smallest
/// machine has that the backup may have to be restored on.
const WORK: u8 = 18;
/// What is tried at most: a gibibyte.
const MOST_WORK: u8 = 20;

/// Why a backup cannot be used.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum BackupError {
    #[error("the passphrase is wrong")]
    Passphrase,
    #[error("this is no backup in the age format with a passphrase, or it is damaged: {0}")]
    Age(String),
    #[error("it was decrypted, but it is no backup of this program's: {0}")]
    Contents(String),
    #[error("it is of version {0}, and this program reads version {VERSION}: use a newer one")]
    Version(u32),
    #[error("the address in it is not that of the key in it")]
    Address,
    #[error("the key in it: {0}")]
    Key(#[from] ServiceKeyError),
    #[error("the notices of moves in it: {0}")]
    Moved(#[from] MovedError),
}

/// The JSON that is encrypted.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(super) struct Contents {
    #[serde(rename = "type")]
    kind: String,
    version: u32,
    nickname: String,
    address: String,
    /// The expanded secret, base64url without padding.
    key: String,
    /// Who may find the service, by name. These are public keys.
    #[zeroize(skip)]
    #[serde(default)]
    clients: BTreeMap<String, String>,
    /// The notices of earlier moves, as they stand in the file.
    #[serde(default)]
    moved: Option<String>,
}

const KIND: &str = "ephemeral-server keys";

/// Returns the encrypted backup.
pub(super) fn seal(place: &Place<'_>, key: &ServiceKey, passphrase: SecretString) -> Result<Vec<u8>, KeysError> {
    let contents = Contents {
        kind: KIND.to_owned(),
        version: VERSION,
        nickname: place.nickname.to_owned(),
        address: key.address().to_owned(),
        key: BASE64URL_NOPAD.encode(key.expanded()),
        clients: clients_of(place)?,
        moved: Some(read_notices(place)?).filter(|notices| !notices.is_empty()).map(|notices| Notice::write(&notices)),
    };
    let room = 4096 + 2 * Notice::MOST_BYTES + contents.clients.len() * 4 * CLIENT_BYTES;
    // With the capacity from the start, no reallocation leaves a copy behind.
    let mut json = Zeroizing::new(Vec::with_capacity(room));
    let failed = |why: String| KeysError::Backup { path: "the backup".into(), source: BackupError::Age(why) };
    serde_json::to_writer(&mut *json, &contents).map_err(|error| failed(error.to_string()))?;
    let mut recipient = age::scrypt::Recipient::new(passphrase);
    recipient.set_work_factor(WORK);
    age::encrypt(&recipient, &json).map_err(|error| failed(error.to_string()))
}

/// Returns the content of a backup.
pub(super) fn open(sealed: &[u8], passphrase: SecretString) -> Result<Contents, BackupError> {
    if sealed.len() > MOST_BYTES {
        return Err(BackupError::Age(format!("it has more than {MOST_BYTES} bytes")));
    }
    let mut identity = age::scrypt::Identity::new(passphrase);
    identity.set_max_work_factor(MOST_WORK);
    // Also one that went through `age -a`, to be printed or sent.
    let mut binary = Vec::with_capacity(sealed.len());
    let armored = ArmoredReader::new(sealed);
    armored.take(MOST_BYTES as u64).read_to_end(&mut binary).map_err(|error| BackupError::Age(error.to_string()))?;
    let json = age::decrypt(&identity, &binary).map(Zeroizing::new).map_err(|error| match error {
        age::DecryptError::DecryptionFailed | age::DecryptError::KeyDecryptionFailed => BackupError::Passphrase,
        error => BackupError::Age(error.to_string()),
    })?;
    let says: serde_json::Result<Contents> = serde_json::from_slice(&json);
    let contents = says.map_err(|error| BackupError::Contents(error.to_string()))?;
    if contents.kind != KIND {
        return Err(BackupError::Contents("its type is another".into()));
    }
    if contents.version != VERSION {
        return Err(BackupError::Version(contents.version));
    }
    let sound = |(name, key): (&String, &String)| is_file_name(name) && key.len() <= CLIENT_BYTES;
    if contents.clients.len() > MOST_CLIENTS || !contents.clients.iter().all(sound) {
        return Err(BackupError::Contents("its clients have names or keys that cannot be".into()));
    }
    Ok(contents)
}

impl Contents {
    /// Returns the key. Its address is the one that stands beside it.
    pub(super) fn key(&self) -> Result<ServiceKey, BackupError> {
        let mut secret = Zeroizing::new([0; ServiceKey::BYTES]);
        let wrong = || BackupError::Contents("its key is not 64 bytes".into());
        if BASE64URL_NOPAD.decode_len(self.key.len()) != Ok(secret.len()) {
            return Err(wrong());
        }
        BASE64URL_NOPAD.decode_mut(self.key.as_bytes(), secret.as_mut_slice()).map_err(|_| wrong())?;
        let key = ServiceKey::from_expanded(&secret)?;
        if key.address() == self.address { Ok(key) } else { Err(BackupError::Address) }
    }

    /// Returns the name that the key had.
    pub(super) fn nickname(&self) -> &str {
        &self.nickname
    }

    /// Puts back what is there beside the key. What is there already and is another is not
    /// overwritten.
    pub(super) fn restore_rest(&self, place: &Place<'_>, consent: Consent) -> Result<(), KeysError> {
        if !self.clients.is_empty() {
            let directory = clients::directory(place.state_dir);
            private_file::create_directory(&directory)?;
            for (name, key) in &self.clients {
                if !is_usable(name) {
                    continue;
                }
                let path = directory.join(format!("{name}{}", clients::EXTENSION));
                if fs::read(&path).is_ok_and(|there| there == key.as_bytes()) {
                    continue;
                }
                files::write(&path, key.as_bytes(), consent)?;
            }
        }
        if let Some(moved) = &self.moved
            && read_notices(place)?.is_empty()
        {
            let path = place.state_dir.join(Notice::FILE);
            let notices = Notice::read(moved).map_err(|source| KeysError::Moved { path, source })?;
            write_notices(place, &notices)?;
        }
        Ok(())
    }
}

fn clients_of(place: &Place<'_>) -> Result<BTreeMap<String, String>, KeysError> {
    let directory = clients::directory(place.state_dir);
    let io = |source| FileError::of("read", &directory)(source);
    let entries = match fs::read_dir(&directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        entries => entries.map_err(&io)?,
    };
    let mut found = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(&io)?.path();
        let name = path.file_name().and_then(|name| name.to_str()?.strip_suffix(clients::EXTENSION));
        let Some(name) = name.filter(|name| is_usable(name)) else { continue };
        found.insert(name.to_owned(), private_file::read_text(&path, CLIENT_BYTES)?.to_string());
        if found.len() > MOST_CLIENTS {
            return Err(io(std::io::Error::other(format!("more than {MOST_CLIENTS} clients"))).into());
        }
    }
    Ok(found)
}

/// Returns whether the service takes a client of that name. A client that it does not take is
/// named, and left out.
fn is_usable(name: &str) -> bool {
    let usable = clients::is_name(name);
    if !usable {
        complain(format_args!(
            "the client {name:?} is left out, as the service does: {}",
            clients::ClientsError::Name(name.to_owned())
        ));
    }
    usable
}

/// Returns whether the name can be that of a file in one directory: with any other, it is no backup
/// of this program.
fn is_file_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0'])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sealed(json: &str, passphrase: &str) -> Vec<u8> {
        let mut recipient = age::scrypt::Recipient::new(SecretString::from(passphrase));
        recipient.set_work_factor(2);
        age::encrypt(&recipient, json.as_bytes()).unwrap()
    }

    fn opened(json: &str) -> Result<Contents, BackupError> {
        open(&sealed(json, "correct horse"), SecretString::from("correct horse"))
    }

    fn json(key: &ServiceKey) -> serde_json::Value {
        serde_json::json!({"type": KIND, "version": 1, "nickname": "n", "address": key.address(),
            "key": BASE64URL_NOPAD.encode(key.expanded())})
    }

    #[test]
    fn a_backup_of_an_earlier_program_without_clients_is_read() {
        let key = ServiceKey::generate().unwrap();
        let contents = opened(&json(&key).to_string()).unwrap();
        assert_eq!((contents.key().unwrap().address(), contents.nickname()), (key.address(), "n"));
    }

    #[test]
    fn a_backup_that_went_through_armor_is_read() {
        use std::io::Write as _;
        let key = ServiceKey::generate().unwrap();
        let binary = sealed(&json(&key).to_string(), "correct horse");
        let mut armored = age::armor::ArmoredWriter::wrap_output(Vec::new(), age::armor::Format::AsciiArmor).unwrap();
        armored.write_all(&binary).unwrap();
        let armored = armored.finish().unwrap();
        assert!(armored.starts_with(b"-----BEGIN AGE"));
        let contents = open(&armored, SecretString::from("correct horse")).unwrap();
        assert_eq!(contents.key().unwrap().address(), key.address());
    }

    #[test]
    fn a_wrong_passphrase_and_a_damaged_file_are_told_apart() {
        let key = ServiceKey::generate().unwrap();
        let good = sealed(&json(&key).to_string(), "correct horse");
        assert!(matches!(open(&good, SecretString::from("battery")), Err(BackupError::Passphrase)));
        let cut = &good[..good.len() - 1];
        assert!(matches!(open(cut, SecretString::from("correct horse")), Err(BackupError::Age(_))));
        assert!(matches!(open(b"hello", SecretString::from("correct horse")), Err(BackupError::Age(_))));
    }

    #[test]
    fn contents_that_do_not_fit_together_are_refused() {
        let key = ServiceKey::generate().unwrap();
        let other = ServiceKey::generate().unwrap();
        let with = |name: &str, value: serde_json::Value| {
            let mut json = json(&key);
            json[name] = value;
            opened(&json.to_string())
        };
        assert!(matches!(with("type", "other".into()), Err(BackupError::Contents(_))));
        assert!(matches!(with("version", 2.into()), Err(BackupError::Version(2))));
        assert!(matches!(with("address", other.address().into()).unwrap().key(), Err(BackupError::Address)));
        assert!(matches!(with("key", "AAAA".into()).unwrap().key(), Err(BackupError::Contents(_))));
        for name in ["../../etc/passwd", "", ".hidden", "a/b", "a\0b"] {
            let clients = serde_json::json!({name: "descriptor:x25519:…"});
            assert!(matches!(with("clients", clients), Err(BackupError::Contents(_))), "{name:?}");
        }
        assert!(matches!(opened("[]"), Err(BackupError::Contents(_))));
    }
}
