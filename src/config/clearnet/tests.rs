//! What the `[clearnet]` table accepts, and what does not go together in it.

use super::super::tests::{issued, load, path, problem};
use super::super::{Config, Flags};

#[test]
fn off_loopback_it_listens_only_with_tls_or_where_plaintext_was_accepted() {
    let (_directory, files) = issued();
    let tls = format!("[clearnet]\ntls_cert = {:?}\ntls_key = {:?}", path(&files.cert), path(&files.key));
    let flags = |address: &str| Flags { clearnet: Some(address.into()), ..Flags::default() };
    let without_tor = |address: &str| Flags { no_tor: true, ..flags(address) };
    for address in ["0.0.0.0:80", "[::]:80", "192.0.2.1:80", "[::ffff:192.0.2.1]:80"] {
        let problem = load("", &[], flags(address)).expect_err(address);
        assert!(problem.starts_with(&format!("--clearnet {address}: off loopback without TLS")), "{problem}");
        assert!(load("[clearnet]\nallow_plaintext = true", &[], without_tor(address)).is_ok(), "{address}");
        assert!(load(&tls, &[], without_tor(address)).is_ok(), "{address}");
    }
    for address in ["127.0.0.1:80", "127.9.9.9:80", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
        assert!(load("", &[], flags(address)).is_ok(), "{address}");
    }
    let problem = problem("[clearnet]\nlisten = '0.0.0.0:80'");
    assert!(problem.starts_with("line 2: [clearnet] listen = '0.0.0.0:80': off loopback"), "{problem}");
}

/// Returns the problem with a table that listens on loopback and has these lines from line 3 on.
fn refused(lines: &str) -> String {
    problem(&format!("[clearnet]\nlisten = '127.0.0.1:0'\n{lines}"))
}

fn accepted(lines: &str) -> Config {
    load(&format!("[clearnet]\nlisten = '127.0.0.1:0'\n{lines}"), &[], Flags::default()).expect(lines)
}

#[test]
fn the_certificate_and_its_key_go_together_and_are_read() {
    let (directory, files) = issued();
    let cert = path(&files.cert);
    let key = path(&files.key);
    let config = accepted(&format!("tls_cert = {cert:?}\ntls_key = {key:?}"));
    assert_eq!(config.clearnet.as_ref().and_then(|clearnet| clearnet.tls.clone()), Some(files));
    assert_eq!(load(&config.to_toml(), &[], Flags::default()), Ok(config));

    let says = |lines: &str, line: &str, says: &str| {
        let problem = refused(lines);
        assert!(problem.starts_with(line) && problem.contains(says), "{problem}");
        assert_eq!(problem.lines().count(), 1, "{problem}");
    };
    says(&format!("tls_cert = {cert:?}"), "line 3: [clearnet] tls_cert = ", ": needs tls_key as well");
    says(&format!("tls_key = {key:?}"), "line 3: [clearnet] tls_key = ", ": needs tls_cert as well");
    says("tls_cert = ''", "line 3: [clearnet] tls_cert = ''", ": must be the path of a PEM file");
    says("tls_key = 7", "line 3: [clearnet] tls_key = 7", ": must be the path of a PEM file");

    let (_other, other) = issued();
    let missing = path(&directory.path().join("missing"));
    for (cert, key, line, said) in [
        (&missing, &key, "line 3: [clearnet] tls_cert = ", ": cannot be read: No such file"),
        (&cert, &missing, "line 4: [clearnet] tls_key = ", ": cannot be read: No such file"),
        (&key, &key, "line 3: [clearnet] tls_cert = ", ": has no certificate in it"),
        (&cert, &cert, "line 4: [clearnet] tls_key = ", ": has no private key in it"),
        (&cert, &path(&other.key), "line 4: [clearnet] tls_key = ", ": is not the key of the first certificate in "),
    ] {
        says(&format!("tls_cert = {cert:?}\ntls_key = {key:?}"), line, said);
    }
    says(
        &format!("tls_cert = {cert:?}\ntls_key = {key:?}\nallow_plaintext = true"),
        "line 5: [clearnet] allow_plaintext = true",
        ": has no effect with tls_cert and tls_key",
    );
}

#[test]
fn trusted_proxies_are_addresses_or_networks_but_never_everybody() {
    let says = "must be a list of addresses or networks";
    for value in [
        "'10.0.0.1'",
        "[1]",
        "['']",
        "['localhost']",
        "['10.0.0.1:80']",
        "['10.0.0.0/33']",
        "['10.0.0.1/8']",
        "['2001:db8::1/32']",
        "['0.0.0.0/0']",
        "['::/0']",
        "['::ffff:0.0.0.0/96']",
        "['10.0.0.1', '0.0.0.0/0']",
    ] {
        let problem = refused(&format!("trusted_proxies = {value}"));
        assert!(problem.starts_with(&format!("line 3: [clearnet] trusted_proxies = {value}: {says}")), "{problem}");
    }
    let config =
        accepted("trusted_proxies = ['10.0.0.1', '::1', '192.0.2.0/24', '::ffff:10.1.0.0/112', '2001:db8::/32']");
    let networks = config.clearnet.expect("it listens").trusted_proxies;
    let written: Vec<_> = networks.iter().map(ToString::to_string).collect();
    assert_eq!(written, ["10.0.0.1/32", "::1/128", "192.0.2.0/24", "10.1.0.0/16", "2001:db8::/32"]);
}

#[test]
fn the_proxy_protocol_is_for_trusted_proxies() {
    let problem = refused("proxy_protocol = true");
    let says = "line 3: [clearnet] proxy_protocol = true: has no effect without trusted_proxies";
    assert!(problem.starts_with(says), "{problem}");
    assert!(accepted("proxy_protocol = true\ntrusted_proxies = ['::1']").clearnet.expect("it listens").proxy_protocol);
}

#[test]
fn allowed_origins_are_exact_or_one_wildcard() {
    let says = "must be a list of exact origins";
    for value in [
        "'https://a.example'",
        "['a.example']",
        "['https://a.example/']",
        "['https://*.example']",
        "['ws://a.example']",
        "['null']",
        "['']",
        "['*', 'https://a.example']",
        "['*', '*']",
    ] {
        let problem = refused(&format!("allowed_origins = {value}"));
        assert!(problem.starts_with(&format!("line 3: [clearnet] allowed_origins = {value}: {says}")), "{problem}");
    }
    let origins =
        |value: &str| accepted(&format!("allowed_origins = {value}")).clearnet.expect("it listens").allowed_origins;
    assert_eq!(origins("['*']"), ["*"]);
    assert_eq!(origins("['HTTPS://A.example:443', 'http://[::1]:80']"), ["https://a.example", "http://[::1]"]);
    assert!(origins("[]").is_empty());
}

#[test]
fn without_a_listener_none_of_it_would_have_an_effect() {
    let off = "has no effect, since nothing listens on TCP: give listen in [clearnet], --clearnet or PORT";
    for line in [
        "server_names = ['a']",
        "allow_plaintext = true",
        "tls_cert = 'c'",
        "tls_key = 'k'",
        "trusted_proxies = ['::1']",
        "proxy_protocol = true",
        "allowed_origins = ['*']",
    ] {
        assert_eq!(problem(&format!("[clearnet]\n{line}")), format!("line 2: [clearnet] {line}: {off}"));
    }
}

#[test]
fn a_refused_key_does_not_make_others_look_wrong() {
    for lines in ["tls_cert = 7\ntls_key = 'k'", "tls_key = ''", "allow_plaintext = 7"] {
        let problem = problem(&format!("[clearnet]\nlisten = '0.0.0.0:0'\n{lines}"));
        assert_eq!(problem.lines().count(), 1, "{problem}");
    }
    let problem = refused("trusted_proxies = 7\nproxy_protocol = true");
    assert_eq!(problem.lines().count(), 1, "{problem}");
}
