//! TLS of the TCP listener: a certificate and its key from two PEM files, which can be read again
//! while it serves.

mod certificate;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use ephemeral_core::protocol::WallTime;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;
use rustls::{Error as RustlsError, InconsistentKeys};

/// Bytes of a PEM file, at most: far more than any chain of certificates has.
const FILE_BYTES: u64 = 1 << 20;

/// `clearnet.tls_cert` and `clearnet.tls_key`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TlsFiles {
    /// The certificate and what leads from it to one that clients know, in PEM.
    #[serde(rename = "clearnet.tls_cert")]
    pub cert: PathBuf,
    /// The certificate's private key, in PEM.
    #[serde(rename = "clearnet.tls_key")]
    pub key: PathBuf,
}

/// One of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFile {
    /// `tls_cert`.
    Cert,
    /// `tls_key`.
    Key,
}

impl fmt::Display for TlsFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Cert => "tls_cert",
            Self::Key => "tls_key",
        })
    }
}

/// The files do not make a certificate that can be served.
#[derive(Debug, thiserror::Error)]
#[error("{file} in [clearnet]: {} {what}", path.display())]
pub struct TlsError {
    /// The one to mend.
    pub file: TlsFile,
    /// Where it is.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: TlsProblem,
}

/// The fault of one of the files. Each says what to mend, as the end of a sentence that begins with
/// the file.
#[derive(Debug, thiserror::Error)]
pub enum TlsProblem {
    /// It is not there, or not for us.
    #[error("cannot be read: {0}: give a PEM file that the user who runs this server may read")]
    Unreadable(io::Error),
    /// The lines between the markers are not base64, or a marker is missing.
    #[error("is damaged: it has the beginning of a PEM section that cannot be read to its end")]
    NotPem,
    /// Nothing in it is a certificate.
    #[error(
        "has no certificate in it: give the chain in PEM (-----BEGIN CERTIFICATE-----), the server's own certificate first"
    )]
    NoCertificate,
    /// Its first certificate is none.
    #[error("has a first certificate that cannot be read: give the chain in PEM, the server's own certificate first")]
    BadCertificate,
    /// Its first certificate is of X.509 version 1 or 2.
    #[error(
        "has a certificate of X.509 version 1, which TLS does not take: have one of version 3 issued, with the server's \
         names in subjectAltName (with `openssl x509 -req`, by -extfile)"
    )]
    OldVersion,
    /// Nothing in it is a private key.
    #[error("has no private key in it: give one in PEM (-----BEGIN PRIVATE KEY-----) that needs no passphrase")]
    NoKey,
    /// A key that cannot sign here.
    #[error(
        "has a key that cannot be used: give one of ECDSA (P-256 or P-384), Ed25519, or RSA with 2048 to 8192 bits"
    )]
    BadKey,
    /// The two files are of different certificates.
    #[error("is not the key of the first certificate in {}: give the two files that were issued together", .0.display())]
    Mismatch(PathBuf),
}

impl TlsFiles {
    /// Reads both, and whether they belong together.
    ///
    /// # Errors
    /// Which file is to be mended, and how.
    pub fn check(&self) -> Result<(), TlsError> {
        self.load(&ring::default_provider()).map(|_| ())
    }

    /// Returns what clients will hold against the certificate, a sentence each: that it has
    /// expired, or is not for one of `names`. None where it cannot be read: [`check`](Self::check)
    /// says that.
    #[must_use]
    pub fn concerns(&self, names: &[String], now: WallTime) -> Vec<String> {
        let chain = read(&self.cert).unwrap_or_default();
        let Some(Ok(first)) = CertificateDer::pem_slice_iter(&chain).next() else { return Vec::new() };
        let concerns = certificate::concerns(&first, names, now);
        concerns
            .into_iter()
            .map(|concern| format!("tls_cert in [clearnet]: {} {concern}", self.cert.display()))
            .collect()
    }

    fn load(&self, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
        let cert = |what| TlsError { file: TlsFile::Cert, path: self.cert.clone(), what };
        let key = |what| TlsError { file: TlsFile::Key, path: self.key.clone(), what };

        let text = read(&self.cert).map_err(|error| cert(TlsProblem::Unreadable(error)))?;
        let chain = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|_| cert(TlsProblem::NotPem))?;
        if chain.is_empty() {
            return Err(cert(TlsProblem::NoCertificate));
        }
        let text = zeroize::Zeroizing::new(read(&self.key).map_err(|error| key(TlsProblem::Unreadable(error)))?);
        let private = PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
            pem::Error::NoItemsFound => key(TlsProblem::NoKey),
            _ => key(TlsProblem::NotPem),
        })?;
        let private = provider.key_provider.load_private_key(private).map_err(|_| key(TlsProblem::BadKey))?;
        let first = chain.first().map(|first| first.to_vec()).unwrap_or_default();
        let certified = CertifiedKey::new(chain, private);
        match certified.keys_match() {
            // Where it cannot be told, the first handshake will.
            Ok(()) | Err(RustlsError::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
            Err(RustlsError::InconsistentKeys(_)) => Err(key(TlsProblem::Mismatch(self.cert.clone()))),
            Err(_) if certificate::is_of_an_old_version(&first) => Err(cert(TlsProblem::OldVersion)),
            Err(_) => Err(cert(TlsProblem::BadCertificate)),
        }
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(FILE_BYTES).read_to_end(&mut text)?;
    Ok(text)
}

/// The certificate and settings with which the listener serves TLS.
#[derive(Debug)]
pub struct Tls {
    files: TlsFiles,
    provider: Arc<CryptoProvider>,
    served: Arc<Served>,
    config: Arc<ServerConfig>,
}

/// The certificate that new connections get.
#[derive(Debug)]
struct Served(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// Which file is to be mended, and how.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let served = Arc::new(Served(RwLock::new(Arc::new(files.load(&provider)?))));
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let mut config = config
            // It knows TLS 1.2 and 1.3, as this one does: what it can say against them is said of
            // the key.
            .map_err(|_| TlsError { file: TlsFile::Key, path: files.key.clone(), what: TlsProblem::BadKey })?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&served) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { files, provider, served, config: Arc::new(config) })
    }

    /// Returns the files that it was made of.
    #[must_use]
    pub const fn files(&self) -> &TlsFiles {
        &self.files
    }

    /// Reads the files again, for connections that come from now on. Blocks while it reads.
    ///
    /// # Errors
    /// Which file is to be mended, and how; until then the certificate stays the one that it was.
    pub fn reload(&self) -> Result<(), TlsError> {
        let read = Arc::new(self.files.load(&self.provider)?);
        *self.served.0.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(())
    }

    pub(super) fn acceptor(&self) -> tokio_rustls::TlsAcceptor {
        Arc::clone(&self.config).into()
    }
}

#[cfg(test)]
mod tests;
