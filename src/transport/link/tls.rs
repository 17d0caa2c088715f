//! TLS 1.3 with raw public keys on both sides (RFC 7250): who has one of the keys that were told is
//! let in, whatever else a certificate could say. No tickets: each connection proves its key anew.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, Error as RustlsError, PeerIncompatible, ServerConfig,
    SignatureScheme,
};

use super::{KnownMachines, LinkKey, NodeKey};

/// The protocol that both sides speak (ALPN).
const PROTOCOL: &[u8] = b"ephemeral-link/1";

/// Knows the keys of the other side.
#[derive(Debug)]
struct Pinned {
    machines: KnownMachines,
    provider: Arc<CryptoProvider>,
}

impl Pinned {
    fn check(&self, presented: &CertificateDer<'_>) -> Result<(), RustlsError> {
        match self.machines.find(presented.as_ref()) {
            Some(_) => Ok(()),
            None => Err(RustlsError::InvalidCertificate(rustls::CertificateError::UnknownIssuer)),
        }
    }

    fn signature(
        &self,
        message: &[u8],
        presented: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        let key = SubjectPublicKeyInfoDer::from(presented.as_ref());
        verify_tls13_signature_with_raw_key(message, &key, signed, &self.provider.signature_verification_algorithms)
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// TLS 1.2 has no raw keys here, and is not spoken.
const OLD: RustlsError = RustlsError::PeerIncompatible(PeerIncompatible::Tls12NotOffered);

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        presented: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, RustlsError> {
        self.check(presented).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        Err(OLD)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        presented: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        self.signature(message, presented, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        presented: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, RustlsError> {
        self.check(presented).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        Err(OLD)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        presented: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        self.signature(message, presented, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// Returns the pinned keys, and this machine's own in the form that is presented.
fn material(own: &LinkKey, machines: KnownMachines) -> Result<(Arc<Pinned>, Arc<CertifiedKey>), RustlsError> {
    let provider = Arc::new(ring::default_provider());
    let secret = own.to_pkcs8();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(secret.as_slice()));
    let private = provider.key_provider.load_private_key(private.clone_key())?;
    let presented = CertificateDer::from(own.public().to_spki());
    Ok((Arc::new(Pinned { machines, provider }), Arc::new(CertifiedKey::new(vec![presented], private))))
}

/// Returns the hub's side: these machines may connect.
pub(super) fn hub(own: &LinkKey, fronts: KnownMachines) -> Result<Arc<ServerConfig>, RustlsError> {
    let (pinned, certified) = material(own, fronts)?;
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&pinned.provider))
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(pinned)
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(certified)));
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(Arc::new(config))
}

/// Returns a front's side: this is its hub.
pub(super) fn front(own: &LinkKey, hub: NodeKey) -> Result<Arc<ClientConfig>, RustlsError> {
    let (pinned, certified) = material(own, KnownMachines::these(&[hub]))?;
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&pinned.provider))
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(pinned)
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(certified)));
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(Arc::new(config))
}
