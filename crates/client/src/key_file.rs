//! Reads and writes key files: PKCS#8 in PEM (RFC 8410), as `openssl genpkey -algorithm ed25519` writes it too. Only the
//! owner may read one, and nothing here overwrites one. A key may also come through a pipe.

use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::Identity;
use ephemeral_tor::private_file::{self, FileError};

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// What stands before the 32 secret bytes (RFC 8410, section 7): version 0, Ed25519, an octet string in an octet string.
const DER_PREFIX: [u8; 16] = *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
const DER_BYTES: usize = DER_PREFIX.len() + Identity::SEED_BYTES;

/// A key takes 119 bytes; nobody's key file is larger than this.
const MAX_BYTES: usize = 4096;

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is one already.
    #[error("{} exists already: a key is never overwritten. Use another --key FILE, or move it away", .0.display())]
    Exists(PathBuf),
    /// There is none.
    #[error("there is no key file {}: make one with `ephemeral identity new`", .0.display())]
    Missing(PathBuf),
    /// Others than its owner may read or write it.
    #[error("others can read the key file {path}: run `chmod 600 {path}`", path = .0.display())]
    Exposed(PathBuf),
    /// It is something else.
    #[error("{} is not a key file: it needs an unencrypted Ed25519 key in PEM (PKCS#8)", .0.display())]
    NotAKey(PathBuf),
    /// The operating system refuses.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Writes a new key file, readable by its owner alone, and the directories above it where they are missing.
///
/// # Errors
/// [`KeyFileError`]; if the file could not be written to the end, it is removed.
pub fn create(path: &Path, identity: &Identity) -> Result<(), KeyFileError> {
    write_new(path, &encode(identity))
}

/// Writes a secret into a file that did not exist.
pub(super) fn write_new(path: &Path, text: &str) -> Result<(), KeyFileError> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        private_file::create_directory(parent)?;
    }
    private_file::create_new(path, text.as_bytes()).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => KeyFileError::Exists(path.to_owned()),
        _ => error.into(),
    })
}

/// Reads a key file.
///
/// # Errors
/// [`KeyFileError`], also if others may read it.
pub fn read(path: &Path) -> Result<Identity, KeyFileError> {
    decode(&read_text(path)?).ok_or_else(|| KeyFileError::NotAKey(path.to_owned()))
}

/// Reads a secret of some 4 KiB at most, out of a file or a pipe (`--key <(age -d id.age)`): a pipe is read to its end,
/// and may take as long as somebody types a passphrase.
pub(super) fn read_text(path: &Path) -> Result<Zeroizing<String>, KeyFileError> {
    let failed = FileError::of("read", path);
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => KeyFileError::Missing(path.to_owned()),
        _ => failed(error).into(),
    })?;
    // Of the open file, not of the path: what is checked is what is read.
    let metadata = file.metadata().map_err(&failed)?;
    if !metadata.is_file() && !is_pipe(&metadata) {
        return Err(KeyFileError::NotAKey(path.to_owned()));
    }
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0 {
        return Err(KeyFileError::Exposed(path.to_owned()));
    }
    private_file::read_open_text(file, path, MAX_BYTES).map_err(|error| match error.kind() {
        ErrorKind::InvalidData | ErrorKind::FileTooLarge => KeyFileError::NotAKey(path.to_owned()),
        _ => error.into(),
    })
}

#[cfg(unix)]
fn is_pipe(metadata: &Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&metadata.file_type())
}

#[cfg(not(unix))]
fn is_pipe(_: &Metadata) -> bool {
    false
}

fn encode(identity: &Identity) -> Zeroizing<String> {
    let mut der = Zeroizing::new([0; DER_BYTES]);
    let (prefix, seed) = der.split_at_mut(DER_PREFIX.len());
    prefix.copy_from_slice(&DER_PREFIX);
    seed.copy_from_slice(identity.seed());
    let mut text = Zeroizing::new(String::with_capacity(BEGIN.len() + END.len() + BASE64.encode_len(DER_BYTES) + 3));
    text.push_str(BEGIN);
    text.push('\n');
    BASE64.encode_append(der.as_slice(), &mut text);
    text.push('\n');
    text.push_str(END);
    text.push('\n');
    text
}

fn decode(text: &str) -> Option<Identity> {
    let body = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
    let mut base64 = Zeroizing::new(Vec::with_capacity(body.len()));
    base64.extend(body.bytes().filter(|byte| !byte.is_ascii_whitespace()));
    let mut der = Zeroizing::new([0; DER_BYTES]);
    // With padding, fewer bytes come out than the length promises.
    if BASE64.decode_len(base64.len()) != Ok(DER_BYTES)
        || BASE64.decode_mut(&base64, der.as_mut_slice()).ok()? != DER_BYTES
    {
        return None;
    }
    let seed = der.strip_prefix(&DER_PREFIX)?;
    Some(Identity::from_seed(seed.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_key_file_is_0600_and_is_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/identity.pem");
        let identity = Identity::generate().unwrap();
        create(&path, &identity).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(matches!(create(&path, &Identity::generate().unwrap()), Err(KeyFileError::Exists(_))));
        assert_eq!(read(&path).unwrap().fingerprint(), identity.fingerprint());
    }

    #[test]
    fn a_key_file_that_others_can_read_is_refused_with_the_command_that_mends_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        create(&path, &Identity::generate().unwrap()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains(&format!("chmod 600 {}", path.display())), "{error}");
    }

    #[test]
    fn a_key_made_by_openssl_is_read() {
        // The example of RFC 8410, section 10.3; its public key is in section 10.1.
        let text = "-----BEGIN PRIVATE KEY-----\n\
                    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
                    -----END PRIVATE KEY-----\n";
        let identity = decode(text).unwrap();
        let expected = "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";
        assert_eq!(identity.fingerprint().to_string(), expected);
        assert_eq!(encode(&identity).as_str(), text);
        assert_eq!(decode(&text.replace('\n', "\r\n")).unwrap().fingerprint().to_string(), expected);
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        let good = encode(&Identity::from_seed(&[7; 32]));
        for text in [
            String::new(),
            "a".repeat(64),
            good.replace("PRIVATE", "PUBLIC"),
            good.replace("MC4C", "MC4D"),
            good.replace("\n-----END", "AAAA\n-----END"),
            format!("{BEGIN}{END}"),
            BEGIN.to_owned(),
        ] {
            assert!(decode(&text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_directory_or_nothing_in_its_place_is_reported() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(read(directory.path()), Err(KeyFileError::NotAKey(_))));
        assert!(matches!(read(&directory.path().join("none")), Err(KeyFileError::Missing(_))));
        std::fs::write(directory.path().join("binary"), [0xff; 9000]).unwrap();
        std::fs::set_permissions(directory.path().join("binary"), std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(read(&directory.path().join("binary")), Err(KeyFileError::NotAKey(_))));
    }

    #[test]
    fn a_key_may_come_through_a_pipe() {
        let identity = Identity::generate().unwrap();
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(encode(&identity).as_bytes()).unwrap();
        drop(writer);
        let path = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
        assert_eq!(read(Path::new(&path)).unwrap().fingerprint(), identity.fingerprint());
    }
}
