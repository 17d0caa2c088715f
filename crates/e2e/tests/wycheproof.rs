//! Project Wycheproof's vectors, given to the primitives in the versions and with the features that
//! the core links.
//!
//! X25519 and Ed25519 go through vodozemac, which the core asks for both. ML-KEM and
//! ChaCha20-Poly1305 are below HPKE, which does not show them; `Cargo.lock` has one version of each
//! that both stand on.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hkdf::Hkdf;
use ml_kem::kem::{Decapsulate as _, KeyExport as _, TryKeyInit as _};
use ml_kem::ml_kem_768::Ciphertext;
use ml_kem::{B32, EncapsulationKey768, FromSeed as _, MlKem768, Seed};
use sha2::Sha256;
use vodozemac::{Curve25519PublicKey, Curve25519SecretKey, Ed25519PublicKey, Ed25519Signature};
use wycheproof::{TestResult, aead, eddsa, hkdf as hkdf_vectors, mlkem, xdh};

#[test]
fn x25519_computes_what_wycheproof_says_and_refuses_what_gives_zero() {
    let vectors = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    let mut seen = [0, 0];
    for test in vectors.test_groups.iter().flat_map(|group| &group.tests) {
        let private = Curve25519SecretKey::from_slice(test.private_key[..].try_into().unwrap());
        let public = Curve25519PublicKey::from_slice(&test.public_key).unwrap();
        let shared = private.diffie_hellman(&public);
        let zero = test.shared_secret.iter().all(|byte| *byte == 0);
        seen[usize::from(zero)] += 1;
        // A result of zero is "acceptable" to the vectors, since RFC 7748 leaves the check to the
        // protocol. Ours has it.
        let expected = (!zero).then(|| test.shared_secret.to_vec());
        assert_eq!(shared.map(|shared| shared.as_bytes().to_vec()), expected, "{}: {}", test.tc_id, test.comment);
    }
    assert!(seen[0] > 400 && seen[1] > 10, "{seen:?}");
}

#[test]
fn ed25519_verifies_the_signatures_that_are_genuine_and_no_other() {
    let vectors = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let mut seen = [0, 0];
    for group in &vectors.test_groups {
        let key = Ed25519PublicKey::from_slice(group.key.pk[..].try_into().unwrap()).unwrap();
        for test in &group.tests {
            let signature = Ed25519Signature::from_slice(&test.sig);
            let genuine = signature.is_ok_and(|signature| key.verify(&test.msg, &signature).is_ok());
            assert_eq!(genuine, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
            seen[usize::from(genuine)] += 1;
        }
    }
    assert!(seen.iter().all(|count| *count > 40), "{seen:?}");
}

#[test]
fn chacha20_poly1305_seals_and_opens_as_wycheproof_says() {
    let vectors = aead::TestSet::load(aead::TestName::ChaCha20Poly1305).unwrap();
    let mut seen = [0, 0];
    // With another length of nonce there is no such cipher: the type does not take it.
    for test in vectors.test_groups.iter().filter(|group| group.nonce_size == 96).flat_map(|group| &group.tests) {
        let cipher = ChaCha20Poly1305::new_from_slice(&test.key).unwrap();
        let nonce = Nonce::try_from(&test.nonce[..]).unwrap();
        let sealed = [&test.ct[..], &test.tag[..]].concat();
        let opened = cipher.decrypt(&nonce, Payload { msg: &sealed, aad: &test.aad });
        let valid = test.result == TestResult::Valid;
        let expected = valid.then(|| test.pt.to_vec());
        assert_eq!(opened.ok(), expected, "{}: {}", test.tc_id, test.comment);
        if valid {
            assert_eq!(cipher.encrypt(&nonce, Payload { msg: &test.pt, aad: &test.aad }).unwrap(), sealed);
        }
        seen[usize::from(valid)] += 1;
    }
    assert!(seen.iter().all(|count| *count > 40), "{seen:?}");
}

#[test]
fn hkdf_expands_as_wycheproof_says() {
    let vectors = hkdf_vectors::TestSet::load(hkdf_vectors::TestName::HkdfSha256).unwrap();
    let mut seen = [0, 0];
    for test in vectors.test_groups.iter().flat_map(|group| &group.tests) {
        let mut output = vec![0; test.size];
        let expanded = Hkdf::<Sha256>::new(Some(&test.salt), &test.ikm).expand(&test.info, &mut output);
        let valid = test.result == TestResult::Valid;
        assert_eq!(expanded.is_ok(), valid, "{}: {}", test.tc_id, test.comment);
        if valid {
            assert_eq!(output, test.okm[..], "{}: {}", test.tc_id, test.comment);
        }
        seen[usize::from(valid)] += 1;
    }
    assert!(seen[1] > 70 && seen[0] > 0, "{seen:?}");
}

fn mlkem(name: mlkem::TestName) -> Vec<mlkem::Test> {
    let vectors = mlkem::TestSet::load(name).unwrap();
    vectors.test_groups.into_iter().flat_map(|group| group.tests).collect()
}

#[test]
fn ml_kem_makes_the_key_of_a_seed_and_takes_out_of_a_ciphertext_what_wycheproof_says() {
    let mut opened = 0;
    for test in mlkem(mlkem::TestName::MlKem768).iter().chain(&mlkem(mlkem::TestName::MlKem768KeyGenSeed)) {
        let seed = test.seed.as_ref().and_then(|seed| Seed::try_from(&seed[..]).ok());
        let Some(seed) = seed else {
            assert_eq!(test.result, TestResult::Invalid, "{}", test.tc_id);
            continue;
        };
        let (private, public) = MlKem768::from_seed(&seed);
        if let Some(expected) = &test.encaps_key {
            assert_eq!(public.to_bytes()[..], expected[..], "{}: {}", test.tc_id, test.comment);
        }
        let Some(ciphertext) = &test.ct else { continue };
        let Ok(ciphertext) = Ciphertext::try_from(&ciphertext[..]) else {
            assert_eq!(test.result, TestResult::Invalid, "{}", test.tc_id);
            continue;
        };
        // One that was changed gives another key, and no error: FIPS 203's implicit rejection.
        let shared = private.decapsulate(&ciphertext);
        assert_eq!(shared[..], test.shared_secret.as_ref().unwrap()[..], "{}: {}", test.tc_id, test.comment);
        opened += 1;
    }
    assert!(opened > 50, "{opened}");
}

#[test]
fn ml_kem_encapsulates_as_wycheproof_says_and_refuses_keys_that_are_not_reduced() {
    let mut seen = [0, 0];
    for test in mlkem(mlkem::TestName::MlKem768Encaps) {
        let bytes = test.encaps_key.as_ref().unwrap();
        let key = EncapsulationKey768::new_from_slice(bytes);
        let valid = test.result == TestResult::Valid;
        assert_eq!(key.is_ok(), valid, "{}: {}", test.tc_id, test.comment);
        if let Ok(key) = key {
            let random = B32::try_from(&test.msg.as_ref().unwrap()[..]).unwrap();
            let (ciphertext, shared) = key.encapsulate_deterministic(&random);
            assert_eq!(ciphertext[..], test.ct.as_ref().unwrap()[..], "{}", test.tc_id);
            assert_eq!(shared[..], test.shared_secret.as_ref().unwrap()[..], "{}", test.tc_id);
        }
        seen[usize::from(valid)] += 1;
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}
