//! Certificates and keys that are right, wrong, missing and exchanged.

use std::fs;

use super::*;

/// Returns a certificate for `localhost` and its key, as two files in a directory.
fn issue(directory: &Path, name: &str) -> TlsFiles {
    let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let files = TlsFiles { cert: directory.join(format!("{name}.pem")), key: directory.join(format!("{name}.key")) };
    fs::write(&files.cert, issued.cert.pem()).expect("to write");
    fs::write(&files.key, issued.signing_key.serialize_pem()).expect("to write");
    files
}

/// Returns the first certificate that is served.
fn served(tls: &Tls) -> Vec<u8> {
    tls.served.0.read().expect("a lock").end_entity_cert().expect("a certificate").to_vec()
}

#[test]
fn a_file_that_cannot_be_served_is_named_with_what_to_mend() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    let good = issue(directory.path(), "good");
    let other = issue(directory.path(), "other");
    fs::write(at("empty"), "").expect("to write");
    fs::write(at("cut"), "-----BEGIN CERTIFICATE-----\nMIIB").expect("to write");
    fs::write(at("not-base64"), "-----BEGIN CERTIFICATE-----\n???\n-----END CERTIFICATE-----\n").expect("to write");
    fs::write(at("no-certificate"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        .expect("to write");
    fs::write(at("no-key"), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").expect("to write");
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    fs::write(at("locked"), locked).expect("to write");

    for (cert, key, file, says) in [
        (at("missing"), good.key.clone(), TlsFile::Cert, "cannot be read: No such file"),
        (directory.path().to_owned(), good.key.clone(), TlsFile::Cert, "cannot be read: Is a directory"),
        (at("empty"), good.key.clone(), TlsFile::Cert, "has no certificate in it"),
        (good.key.clone(), good.key.clone(), TlsFile::Cert, "has no certificate in it"),
        (at("cut"), good.key.clone(), TlsFile::Cert, "is damaged"),
        (at("not-base64"), good.key.clone(), TlsFile::Cert, "is damaged"),
        (at("no-certificate"), good.key.clone(), TlsFile::Cert, "has a first certificate that cannot be read"),
        (good.cert.clone(), at("missing"), TlsFile::Key, "cannot be read: No such file"),
        (good.cert.clone(), good.cert.clone(), TlsFile::Key, "has no private key in it"),
        (good.cert.clone(), at("locked"), TlsFile::Key, "has no private key in it"),
        (good.cert.clone(), at("no-key"), TlsFile::Key, "has a key that cannot be used"),
        (good.cert.clone(), other.key.clone(), TlsFile::Key, "is not the key of the first certificate in"),
    ] {
        let error = TlsFiles { cert: cert.clone(), key: key.clone() }.check().expect_err(says);
        assert_eq!(error.file, file, "{error}");
        let (name, path) = if file == TlsFile::Cert { ("tls_cert", cert) } else { ("tls_key", key) };
        let said = error.to_string();
        assert!(said.starts_with(&format!("{name} in [clearnet]: {} {says}", path.display())), "{said}");
    }
    good.check().expect("they belong together");
}

/// `openssl x509 -req -signkey`, which makes certificates of version 1, and the key.
const OF_VERSION_1: [&str; 2] = [
    "-----BEGIN CERTIFICATE-----\n\
MIIBJTCBywIULdk0eSDXElO46E+0AEqGxgZtZlgwCgYIKoZIzj0EAwIwFDESMBAG\n\
A1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNzE5NTEyOVoYDzIwODEwODMwMTk1MTI5\n\
WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC\n\
AAT0HeFFXZrbjWixo1QZwH41VQ96dX6I0vM9vO+4TJWXMv7HDB0bY94DoygnEpO0\n\
Wq1sfSJjIdTUZ5fMUH9D8qcPMAoGCCqGSM49BAMCA0kAMEYCIQCtuVtTtYyOa1kN\n\
rrCqUzDW3jnTKXwPqHepHNYB4eopvQIhAOOwTSiIKa1FEy+WpWOCSJL09Xf38X2P\n\
9CWhAP78Q/jo\n\
-----END CERTIFICATE-----\n",
    "-----BEGIN PRIVATE KEY-----\n\
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgl9HTHri1sRanPG2E\n\
37zfA4boVUZuwwaoA6IwbeVfI7ahRANCAAT0HeFFXZrbjWixo1QZwH41VQ96dX6I\n\
0vM9vO+4TJWXMv7HDB0bY94DoygnEpO0Wq1sfSJjIdTUZ5fMUH9D8qcP\n\
-----END PRIVATE KEY-----\n",
];

#[test]
fn a_certificate_of_version_1_is_told_to_be_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let files = TlsFiles { cert: directory.path().join("cert"), key: directory.path().join("key") };
    for (path, text) in [&files.cert, &files.key].into_iter().zip(OF_VERSION_1) {
        fs::write(path, text).expect("to write");
    }
    let said = files.check().expect_err("it cannot be served").to_string();
    assert!(said.contains("X.509 version 1") && said.contains("have one of version 3 issued"), "{said}");
}

#[test]
fn one_file_may_have_the_certificate_and_the_key() {
    let directory = tempfile::tempdir().expect("a directory");
    let files = issue(directory.path(), "a");
    let both = [fs::read(&files.key).expect("to read"), fs::read(&files.cert).expect("to read")].concat();
    fs::write(&files.cert, both).expect("to write");
    TlsFiles { key: files.cert.clone(), cert: files.cert }.check().expect("it has both");
}

#[test]
fn what_is_read_again_is_served_and_what_is_wrong_then_changes_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let files = issue(directory.path(), "a");
    let tls = Tls::load(files.clone()).expect("they are right");
    let first = served(&tls);

    let other = issue(directory.path(), "b");
    fs::copy(&other.cert, &files.cert).expect("to copy");
    let error = tls.reload().expect_err("the key is still that of the first");
    assert!(matches!(error.what, TlsProblem::Mismatch(_)), "{error}");
    assert_eq!(served(&tls), first);

    fs::copy(&other.key, &files.key).expect("to copy");
    tls.reload().expect("they belong together again");
    assert_ne!(served(&tls), first);
}

#[test]
fn it_speaks_http_1_1_and_nothing_else() {
    let directory = tempfile::tempdir().expect("a directory");
    let tls = Tls::load(issue(directory.path(), "a")).expect("they are right");
    assert_eq!(tls.config.alpn_protocols, [b"http/1.1"]);
}
