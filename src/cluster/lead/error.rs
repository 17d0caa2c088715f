//! Why a machine cannot be one of a cluster at all.

use ephemeral_tor::private_file::FileError;

use super::SECRET;
use crate::cluster::nats::tls;

/// Why a cluster cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The secret cannot be read.
    #[error("secret_file in [cluster]: {0}")]
    Secret(#[from] FileError),
    /// The secret is none.
    #[error(
        "secret_file in [cluster]: it has {0} bytes, and a secret has {SECRET}: `ephemeral-server cluster secret FILE` makes one"
    )]
    NoSecret(usize),
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] tls::TlsFileError),
    /// The operating system has no random numbers.
    #[error("the system has no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}
