//! Something random that is planted and then looked for, as it is and in hexadecimal and base64.

use std::fs;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, Encoding, HEXLOWER, HEXUPPER};

/// A random secret. What it looks like when it is written in another way is found, too.
#[derive(Clone)]
pub struct Canary {
    bytes: Vec<u8>,
}

impl std::fmt::Debug for Canary {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Canary({:?})", String::from_utf8_lossy(&self.bytes))
    }
}

impl Canary {
    /// Returns 32 random bytes.
    pub fn random() -> Self {
        let mut bytes = vec![0; 32];
        getrandom::fill(&mut bytes).unwrap();
        Self { bytes }
    }

    /// Returns a text of letters, digits and hyphens that has never been written before.
    pub fn text(what: &str) -> Self {
        let random = HEXLOWER.encode(&Self::random().bytes()[..12]);
        Self { bytes: format!("canary-{what}-{random}").into_bytes() }
    }

    /// Returns a public key: the server sees its hexadecimal digits.
    pub fn key(bytes: &[u8; 32]) -> Self {
        Self { bytes: bytes.to_vec() }
    }

    /// Returns one that is known already.
    pub fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec() }
    }

    /// Returns what it is made of.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns one that is a text as such.
    pub fn as_text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    /// Returns every form in which it is looked for, by name. Base64 depends on where in a longer
    /// text it stood, so there are three of each, without the characters at the ends that depend on
    /// what was before and after. A text may also be encoded in hexadecimal that was then encoded
    /// in base64, as an identity would be.
    pub fn disguises(&self) -> Vec<(&'static str, Vec<u8>)> {
        let hex = HEXLOWER.encode(&self.bytes);
        let mut all = vec![
            ("raw", self.bytes.clone()),
            ("hex", hex.clone().into_bytes()),
            ("HEX", HEXUPPER.encode(&self.bytes).into_bytes()),
        ];
        for shift in 0..3 {
            all.push(("base64", shifted(&BASE64_NOPAD, &self.bytes, shift)));
            all.push(("base64url", shifted(&BASE64URL_NOPAD, &self.bytes, shift)));
            all.push(("base64 of hex", shifted(&BASE64_NOPAD, hex.as_bytes(), shift)));
        }
        all
    }
}

fn shifted(encoding: &Encoding, bytes: &[u8], shift: usize) -> Vec<u8> {
    let padded = [&vec![0; shift][..], bytes].concat();
    let whole = padded.len() * 8 / 6;
    let encoded = encoding.encode(&padded).into_bytes();
    encoded[(shift * 8).div_ceil(6)..whole].to_vec()
}

/// Returns the files in which it is, in any form.
pub fn search(files: &[PathBuf], canary: &Canary) -> Vec<PathBuf> {
    let disguises = canary.disguises();
    let has = |path: &&PathBuf| {
        let bytes = fs::read(path).unwrap_or_else(|error| panic!("{} cannot be searched: {error}", path.display()));
        disguises.iter().any(|(_, disguise)| memchr::memmem::find(&bytes, disguise).is_some())
    };
    files.iter().filter(has).cloned().collect()
}

/// Returns every file below a directory. What goes through a socket stays in no file.
pub fn everything_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(everything_below(&path));
        } else if !fs::symlink_metadata(&path).is_ok_and(|found| found.file_type().is_socket()) {
            found.push(path);
        }
    }
    found
}
