//! How a new machine is given the service's key by one that has it: over NATS, once, for a code
//! that the operator carries from one to the other.
//!
//! A request is sealed under a key of the cluster's secret *and* the code, and has the new
//! machine's fresh public key in it. The answer is sealed to that key, under the secret and the
//! code again, and bound to the request. So neither a NATS server, nor a machine that has the
//! secret and no code, gets the key or can give another one.

mod code;
pub mod parcel;

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, PskBundle, Serializable as _};
use parking_lot::Mutex;
use zeroize::Zeroizing;

use super::keys::NotOpened;
use super::seal::{NONCE, derived};
use super::wipe::WipeSeal;
pub use code::{JoinCode, NotAJoinCode};
use ephemeral_core::protocol::Millis;

type Public = <X25519HkdfSha256 as Kem>::PublicKey;
type Private = <X25519HkdfSha256 as Kem>::PrivateKey;
type Encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey;

/// How long a code is good for.
pub const GOOD_FOR_MS: u64 = 10 * 60 * 1000;
/// Wrong requests that spend a code.
const WRONG: u32 = 5;
/// Bytes of a public key, and of what a request has at most.
const PUBLIC: usize = 32;
const REQUEST_BYTES: usize = 512;
const ASKED: &[u8] = b"ephemeral-messenger/cluster/join/v1";
const PROVEN: &[u8] = b"ephemeral-messenger/cluster/join-code/v1";
const PSK_ID: &[u8] = b"ephemeral-messenger/cluster/join-psk/v1";
const INFO: &[u8] = b"ephemeral-messenger/cluster/service-key/v1";
/// What stands behind the code in the nonce under which the secret gives the key of a request.
const DERIVE: &[u8; 8] = b"joincode";

/// Returns the key of what is proven by a code.
fn proof(secret: &[u8], code: &JoinCode) -> XChaCha20Poly1305 {
    let mut nonce = Zeroizing::new([0; NONCE]);
    for (byte, of_code) in nonce.iter_mut().zip(code.bytes().iter().chain(DERIVE)) {
        *byte = *of_code;
    }
    derived(secret, &nonce)
}

/// Returns what only the two machines have: secret and code.
fn shared(secret: &[u8], code: &JoinCode) -> Zeroizing<Vec<u8>> {
    let mut shared = Zeroizing::new(Vec::with_capacity(secret.len() + code.bytes().len()));
    shared.extend_from_slice(secret);
    shared.extend_from_slice(code.bytes());
    shared
}

/// What a new machine asks, and what opens the answer.
pub struct JoinRequest {
    private: Private,
    shared: Zeroizing<Vec<u8>>,
    sealed: Vec<u8>,
}

impl JoinRequest {
    /// Makes one, with a key pair of its own.
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn new(secret: &[u8], code: &JoinCode) -> Result<Self, NotOpened> {
        let (private, public) = X25519HkdfSha256::gen_keypair();
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| NotOpened)?;
        let payload = Payload { msg: &public.to_bytes(), aad: PROVEN };
        let proven = proof(secret, code).encrypt(&XNonce::from(nonce), payload).map_err(|_| NotOpened)?;
        let sealed = WipeSeal::new(secret).seal(ASKED, &[&nonce[..], &proven].concat())?;
        Ok(Self { private, shared: shared(secret, code), sealed })
    }

    /// Returns what is sent.
    #[must_use]
    pub fn sealed(&self) -> &[u8] {
        &self.sealed
    }

    /// Opens the answer to this request, and to no other.
    ///
    /// # Errors
    /// [`NotOpened`] if it is of nobody who has the secret and the code.
    pub fn open(&self, answer: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
        let (encapsulated, sealed) = answer.split_at_checked(PUBLIC).ok_or(NotOpened)?;
        let encapsulated = Encapsulated::from_bytes(encapsulated).map_err(|_| NotOpened)?;
        let psk = PskBundle::new(&self.shared, PSK_ID).map_err(|_| NotOpened)?;
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Psk(psk),
            &self.private,
            &encapsulated,
            INFO,
            sealed,
            &self.sealed,
        )
        .map(Zeroizing::new)
        .map_err(|_| NotOpened)
    }
}

/// A code that is good for one machine.
struct OpenCode {
    code: JoinCode,
    until: Millis,
    wrong: u32,
}

/// What becomes of a request.
pub enum JoinAsked {
    /// It is of no machine of this cluster, or no code is open: nobody is told anything.
    Nothing,
    /// It does not prove the code. `spent`: that was once too often, and the code is no good any
    /// more.
    Wrong {
        /// Whether the code is spent.
        spent: bool,
    },
    /// It proves the code, which is spent by that.
    Proven(ProvenJoiner),
}

/// A machine that has proven the code.
pub struct ProvenJoiner {
    public: Public,
    shared: Zeroizing<Vec<u8>>,
    request: Vec<u8>,
}

impl ProvenJoiner {
    /// Seals something for this machine.
    ///
    /// # Errors
    /// If it cannot be sealed.
    pub fn answer(&self, plain: &[u8]) -> Result<Vec<u8>, NotOpened> {
        let psk = PskBundle::new(&self.shared, PSK_ID).map_err(|_| NotOpened)?;
        let (encapsulated, sealed) = hpke::single_shot_seal::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Psk(psk),
            &self.public,
            INFO,
            plain,
            &self.request,
        )
        .map_err(|_| NotOpened)?;
        Ok([&encapsulated.to_bytes()[..], &sealed].concat())
    }
}

/// Where a machine lets one other in.
pub struct JoinDoor {
    secret: Zeroizing<Vec<u8>>,
    seal: WipeSeal,
    open: Mutex<Option<OpenCode>>,
}

impl JoinDoor {
    /// Makes one that is closed.
    #[must_use]
    pub fn new(secret: Zeroizing<Vec<u8>>) -> Self {
        Self { seal: WipeSeal::new(&secret), secret, open: Mutex::default() }
    }

    /// Makes a code, and opens the door for who proves it. One that was open is no good any more.
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn open(&self, now: Millis) -> Result<Zeroizing<String>, getrandom::Error> {
        let code = JoinCode::generate()?;
        let written = code.written();
        *self.open.lock() = Some(OpenCode { code, until: Millis(now.0.saturating_add(GOOD_FOR_MS)), wrong: 0 });
        Ok(written)
    }

    /// Closes it: a code that was open is overwritten.
    pub fn close(&self) {
        *self.open.lock() = None;
    }

    /// Takes a request.
    pub fn asked(&self, sealed: &[u8], now: Millis) -> JoinAsked {
        if sealed.len() > REQUEST_BYTES {
            return JoinAsked::Nothing;
        }
        let Ok(inner) = self.seal.open(ASKED, sealed) else { return JoinAsked::Nothing };
        let mut open = self.open.lock();
        // Those whose time is over are overwritten here.
        let Some(mut code) = open.take().filter(|open| now < open.until) else { return JoinAsked::Nothing };
        match self.proven(&code.code, &inner) {
            Ok(public) => {
                let shared = shared(&self.secret, &code.code);
                JoinAsked::Proven(ProvenJoiner { public, shared, request: sealed.to_vec() })
            }
            Err(NotOpened) => {
                code.wrong += 1;
                let spent = code.wrong >= WRONG;
                *open = (!spent).then_some(code);
                JoinAsked::Wrong { spent }
            }
        }
    }

    fn proven(&self, code: &JoinCode, inner: &[u8]) -> Result<Public, NotOpened> {
        let (nonce, msg) = inner.split_first_chunk::<NONCE>().ok_or(NotOpened)?;
        let payload = Payload { msg, aad: PROVEN };
        let public = proof(&self.secret, code).decrypt(&XNonce::from(*nonce), payload).map_err(|_| NotOpened)?;
        Public::from_bytes(&public).map_err(|_| NotOpened)
    }
}

#[cfg(test)]
mod tests;
