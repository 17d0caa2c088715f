//! Chains of proxies, honest and forged.

use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

/// Returns who is behind a connection from 10.0.0.1, where 10.0.0.0/8 and 2001:db8:ffff::/48 are
/// trusted.
fn found(lines: &[(&'static str, &[u8])]) -> ForwardedClient {
    client(&headers(lines), ip("10.0.0.1"), &trusted())
}

fn headers(lines: &[(&'static str, &[u8])]) -> HeaderMap {
    let value = |value| HeaderValue::from_bytes(value).expect("a value");
    lines.iter().map(|(name, bytes)| (HeaderName::from_static(name), value(bytes))).collect()
}

fn trusted() -> [IpNet; 2] {
    ["10.0.0.0/8", "2001:db8:ffff::/48"].map(|network| network.parse().expect("a network"))
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

const FORWARDED: &str = "forwarded";
const FOR: &str = "x-forwarded-for";

#[track_caller]
fn assert_found(lines: &[(&'static str, &str)], address: &str) {
    let bytes: Vec<_> = lines.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    assert_eq!(found(&bytes).address, ip(address), "{lines:?}");
}

#[test]
fn an_address_is_read_however_proxies_write_it() {
    for (written, address) in [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:80", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:DB8:0::1]:80", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
    ] {
        assert_found(&[(FOR, written)], address);
        assert_found(&[(FORWARDED, &format!("for=\"{written}\""))], address);
    }
    for (written, address) in [
        ("for=192.0.2.1", "192.0.2.1"),
        ("FOR=192.0.2.1;Proto=http;BY=203.0.113.43", "192.0.2.1"),
        ("proto=http; host=\"a;for=192.0.2.9, b\" ;for=192.0.2.1", "192.0.2.1"),
        ("for=\"192.0.2.1:_gazonk\"", "192.0.2.1"),
        ("by=\"\\\", for=192.0.2.9\";for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
    ] {
        assert_found(&[(FORWARDED, written)], address);
    }
}

#[test]
fn of_a_chain_the_last_address_counts_that_is_no_trusted_proxy() {
    for chain in [
        &["192.0.2.1"][..],
        &["192.0.2.1, 10.0.0.2"],
        &["198.51.100.7, 192.0.2.1, 10.0.0.2, [2001:db8:ffff::2]:80,10.0.0.3"],
        &["198.51.100.7, 192.0.2.1", "10.0.0.2"],
        &["198.51.100.7", "192.0.2.1, 10.0.0.2", "", " , 10.0.0.3,"],
        // What it says about itself is its own word.
        &["10.0.0.9, 192.0.2.1"],
        &["127.0.0.1", "192.0.2.1"],
    ] {
        let plain: Vec<_> = chain.iter().map(|line| (FOR, *line)).collect();
        assert_found(&plain, "192.0.2.1");
        let elements = |line: &&str| {
            let items = line.split(',').map(|item| match item.trim() {
                "" => String::new(),
                item => format!("for=\"{item}\";proto=http"),
            });
            items.collect::<Vec<_>>().join(",")
        };
        let written: Vec<_> = chain.iter().map(elements).collect();
        let lines: Vec<_> = written.iter().map(|line| (FORWARDED, line.as_str())).collect();
        assert_found(&lines, "192.0.2.1");
    }
}

#[test]
fn where_there_are_only_trusted_proxies_it_is_the_first_of_them() {
    assert_found(&[], "10.0.0.1");
    assert_found(&[(FOR, "10.0.0.3, 10.0.0.2")], "10.0.0.3");
    assert_found(&[(FORWARDED, "for=10.0.0.3, for=10.0.0.2")], "10.0.0.3");
}

#[test]
fn where_an_entry_names_nobody_it_is_the_proxy_that_wrote_it() {
    for nobody in
        ["unknown", "_hidden", "_SEVKISEK", "localhost", "300.0.0.1", "[::1", "192.0.2.1:", "1.2.3.4:a b", "é"]
    {
        assert_found(&[(FOR, nobody)], "10.0.0.1");
        assert_found(&[(FOR, &format!("192.0.2.1, {nobody}, 10.0.0.2"))], "10.0.0.2");
        assert_found(&[(FORWARDED, &format!("for=192.0.2.1, for=\"{nobody}\", for=10.0.0.2"))], "10.0.0.2");
    }
    for element in [
        "proto=https",
        "for",
        "for=",
        "for=\"",
        "for=\"192.0.2.1",
        "for=192.0.2.1\"",
        "for=192.0.2.1;for=192.0.2.2",
        ";",
    ] {
        assert_found(&[(FORWARDED, element)], "10.0.0.1");
        assert_found(&[(FORWARDED, &format!("{element}, for=10.0.0.2"))], "10.0.0.2");
    }
}

#[test]
fn forwarded_goes_before_x_forwarded_for_unless_it_is_empty() {
    assert_found(&[(FOR, "192.0.2.1"), (FORWARDED, "for=192.0.2.2")], "192.0.2.2");
    assert_found(&[(FOR, "192.0.2.1"), (FORWARDED, "for=unknown")], "10.0.0.1");
    assert_found(&[(FOR, "192.0.2.1"), (FORWARDED, " , "), (FORWARDED, "")], "192.0.2.1");
}

#[test]
fn what_a_client_wrote_in_front_cannot_hide_what_its_proxy_wrote_behind() {
    for forged in [
        "for=\"",
        "for=\"10.0.0.2",
        "\"",
        "\\\"",
        "a\\",
        "for=\"\\\"",
        "for=\"\\\\\"",
        "for=_x;for=\"\"\"",
        "for=127.0.0.1",
        "for=10.0.0.9",
        ";;;",
    ] {
        let joined = format!("{forged}, for=192.0.2.1");
        assert_found(&[(FORWARDED, &joined)], "192.0.2.1");
        assert_found(&[(FORWARDED, &joined), (FORWARDED, "for=\"10.0.0.2\"")], "192.0.2.1");
        assert_found(&[(FORWARDED, forged), (FORWARDED, "for=192.0.2.1")], "192.0.2.1");
        assert_found(&[(FOR, &format!("{forged}, 192.0.2.1"))], "192.0.2.1");
    }
    let not_ascii = [(FOR, &b"\xff\xfe, 192.0.2.1"[..])];
    assert_eq!(found(&not_ascii).address, ip("192.0.2.1"));
}

#[test]
fn the_scheme_is_the_one_by_which_the_client_reached_the_first_trusted_proxy() {
    let https = |lines: &[(&'static str, &str)]| {
        let bytes: Vec<_> = lines.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        found(&bytes).https
    };
    assert_eq!(https(&[(FORWARDED, "for=192.0.2.1;proto=https, for=10.0.0.2;proto=http")]), Some(true));
    assert_eq!(https(&[(FORWARDED, "for=192.0.2.1, for=10.0.0.2;proto=https")]), Some(true));
    assert_eq!(https(&[(FORWARDED, "for=1.1.1.1;proto=https, for=192.0.2.1;proto=http")]), Some(false));
    assert_eq!(https(&[(FORWARDED, "for=1.1.1.1;proto=https, for=192.0.2.1")]), None);
    assert_eq!(https(&[("x-forwarded-proto", "http"), ("x-forwarded-proto", "https")]), Some(true));
    assert_eq!(https(&[]), None);
}

/// Generates header lines of pieces that mean something, and of arbitrary bytes.
fn lines() -> impl Strategy<Value = Vec<(&'static str, Vec<u8>)>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "for=",
            "\"",
            "\\",
            ",",
            ";",
            "proto=https",
            "10.0.0.2",
            "192.0.2.1",
            "[2001:db8::1]:80",
            "unknown",
            "_x",
            " "
        ])
        .prop_map(|piece| piece.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>().prop_filter("no header has it", |b| *b >= 32 && *b != 127), 0..4),
    ];
    let value = prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat());
    let name = prop::sample::select(vec![FORWARDED, FOR, "x-forwarded-proto"]);
    prop::collection::vec((name, value), 0..5)
}

proptest! {
    #[test]
    fn an_untrusted_peer_is_itself_whatever_it_says(lines in lines(), peer in any::<[u8; 16]>(), v4 in any::<[u8; 4]>()) {
        let lines: Vec<_> = lines.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        let headers = headers(&lines);
        for peer in [IpAddr::from(peer).to_canonical(), IpAddr::from(v4)] {
            let itself = ForwardedClient { address: peer, https: None };
            prop_assert_eq!(client(&headers, peer, &[]), itself);
            if !is_trusted(&trusted(), peer) {
                prop_assert_eq!(client(&headers, peer, &trusted()), itself);
            }
        }
    }

    #[test]
    fn what_the_proxy_appends_is_found_whatever_stands_before_it(lines in lines(), v4 in any::<[u8; 4]>(), joined in any::<bool>()) {
        let expected = IpAddr::from(v4);
        prop_assume!(!is_trusted(&trusted(), expected));
        let element = format!("for={expected};proto=https");
        let mut lines = lines;
        match lines.iter_mut().rev().find(|(name, _)| *name == FORWARDED) {
            Some((_, last)) if joined => last.extend(format!(", {element}").bytes()),
            _ => lines.push((FORWARDED, element.into_bytes())),
        }
        let lines: Vec<_> = lines.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        prop_assert_eq!(found(&lines), ForwardedClient { address: expected, https: Some(true) });
    }
}
