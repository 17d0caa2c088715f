//! TLS with the NATS servers: they show a certificate of the configured authority, and so does this
//! machine.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::super::{NatsAddress, NatsTls};

/// Bytes of a PEM file, at most.
const FILE_BYTES: usize = 1 << 20;

/// The files do not make TLS.
#[derive(Debug, thiserror::Error)]
#[error("{file} in [cluster]: {path}: {what}")]
pub struct TlsFileError {
    file: &'static str,
    path: String,
    what: String,
}

fn wrong(file: &'static str, path: &Path, what: impl ToString) -> TlsFileError {
    TlsFileError { file, path: path.display().to_string(), what: what.to_string() }
}

fn certificates(file: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let bytes = ephemeral_tor::private_file::read(path, FILE_BYTES).map_err(|error| wrong(file, path, error))?;
    let certificates = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|_| wrong(file, path, "it is not PEM"))?;
    if certificates.is_empty() {
        return Err(wrong(file, path, "it has no certificate in it: give one in PEM"));
    }
    Ok(certificates)
}

/// Returns what connects by TLS 1.3.
///
/// # Errors
/// Which file is to be mended.
pub fn connector(tls: &NatsTls) -> Result<TlsConnector, TlsFileError> {
    let mut roots = RootCertStore::empty();
    for root in certificates("tls_ca", &tls.ca)? {
        roots.add(root).map_err(|error| wrong("tls_ca", &tls.ca, error))?;
    }
    let chain = certificates("tls_cert", &tls.cert)?;
    let key =
        ephemeral_tor::private_file::read(&tls.key, FILE_BYTES).map_err(|error| wrong("tls_key", &tls.key, error))?;
    let key = PrivateKeyDer::from_pem_slice(&key)
        .map_err(|_| wrong("tls_key", &tls.key, "it has no private key in PEM in it"))?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| wrong("tls_ca", &tls.ca, error))?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(|error| wrong("tls_cert", &tls.cert, error))?;
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Returns the name that a server's certificate has to have.
pub(super) fn name(address: &NatsAddress) -> Option<ServerName<'static>> {
    let text = address.to_string();
    let host = text.rsplit_once(':')?.0.trim_start_matches('[').trim_end_matches(']').to_owned();
    ServerName::try_from(host).ok()
}
