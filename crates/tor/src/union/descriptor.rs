//! The descriptor of a union: what of one is kept, and how the next is made, as Arti makes its own
//! but for the points.

use std::time::{Duration, SystemTime};

use tor_bytes::EncodeError;
use tor_cell::chancell::msg::HandshakeType;
use tor_hscrypto::ope::AesOpeKey;
use tor_hscrypto::pk::{HsBlindId, HsIdKeypair};
use tor_llcrypto::pk::{curve25519, ed25519};
use tor_netdir::HsDirParams;
use tor_netdoc::NetdocBuilder as _;
use tor_netdoc::doc::hsdesc::{HsDesc, HsDescBuilder, create_desc_sign_key_cert};

use super::{NodePoints, Readers, UnionError};

/// How long the certificates in it are valid, as those of other implementations.
const CERTIFICATES: Duration = Duration::from_secs(54 * 3600);
/// How long a directory keeps it, in minutes.
const LIFETIME_MINUTES: u16 = 180;
/// Bytes of a descriptor, at most: directories take no more.
const MOST_BYTES: usize = 50_000;

/// The descriptor that the directories have.
pub(super) struct HeldDescriptor {
    pub(super) points: NodePoints,
    pub(super) flow_control: Option<(tor_protover::Protocols, u8)>,
    pub(super) protocols: tor_protover::Protocols,
}

impl From<&HsDesc> for HeldDescriptor {
    fn from(descriptor: &HsDesc) -> Self {
        Self {
            points: NodePoints(descriptor.intro_points().to_vec()),
            flow_control: descriptor.flow_control().map(|(protocols, increment)| (protocols, increment.get())),
            protocols: descriptor.declared_capabilities().clone(),
        }
    }
}

/// A descriptor, and the blinded name that it is for.
pub(super) struct Made {
    pub(super) name: HsBlindId,
    pub(super) text: String,
}

/// Makes the descriptor of a time period. `found`: the one that the directories have, whose
/// capabilities are kept.
pub(super) fn make(
    identity: &HsIdKeypair,
    period: &HsDirParams,
    points: &NodePoints,
    found: &HeldDescriptor,
    readers: Option<&Readers>,
    now: SystemTime,
) -> Result<Made, UnionError> {
    let blinded = identity.compute_blinded_key(period.time_period());
    let (blinded, pair, subcredential) = blinded.map_err(|_| UnionError::NotMade("the key cannot be blinded"))?;
    let expanded: &ed25519::ExpandedKeypair = pair.as_ref();
    let secret = zeroize::Zeroizing::new(expanded.to_secret_key_bytes());
    let scalar = secret.get(..32).unwrap_or_default();
    let offset = period.offset_within_srv_period(now);
    let offset = offset.ok_or(UnionError::NotMade("this machine's clock is not in the time period"))?;
    let revision = AesOpeKey::from_secret(scalar).encrypt(offset);
    let mut seed = zeroize::Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(|_| UnionError::NotMade("the system has no random numbers"))?;
    let signing = ed25519::Keypair::from_bytes(&seed);
    let expiry = now + CERTIFICATES;
    let certificate = create_desc_sign_key_cert(&signing.verifying_key(), &pair, expiry);
    let certificate = certificate.map_err(|_| UnionError::NotMade("its key cannot be certified"))?;
    let keys: Option<Vec<curve25519::PublicKey>> =
        readers.map(|readers| readers.all.iter().map(|key| key.arti().clone().into()).collect());
    let text = HsDescBuilder::default()
        .blinded_id(&blinded)
        .hs_desc_sign(&signing)
        .hs_desc_sign_cert(certificate)
        .create2_formats(&[HandshakeType::NTOR])
        .auth_required(None)
        .is_single_onion_service(false)
        .intro_points(&points.0)
        .intro_auth_key_cert_expiry(expiry)
        .intro_enc_key_cert_expiry(expiry)
        .flow_control(found.flow_control.clone())
        .supported_protocols(found.protocols.clone())
        .auth_clients(keys.as_deref())
        .lifetime(LIFETIME_MINUTES.into())
        .revision_counter(revision.into())
        .subcredential(subcredential)
        .max_generated_len(MOST_BYTES)
        .build_sign(&mut rand::rng())
        .map_err(|error| match error {
            EncodeError::BadLengthValue => UnionError::TooLong,
            _ => UnionError::NotMade("a point in it is not whole"),
        })?;
    Ok(Made { name: blinded.id(), text })
}
