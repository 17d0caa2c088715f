//! The one rule for the names of servers: what a client dials and signs, what a `Host` header says,
//! what a listener answers to.

// Addresses as data: `core` can open no socket.
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::borrow::Cow;

/// Writes a host name or an address in the one form in which it is compared, dialled and signed:
/// lower case, without the final dot of an absolute name, addresses in their shortest form, IPv6 in
/// brackets, IPv4 in IPv6 as IPv4.
///
/// Returns `None` for everything else: a scheme, a port, a wildcard, an empty label, more than 253
/// characters, or characters outside ASCII (an internationalised name is written with `xn--`).
#[must_use]
pub fn host_name(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    if let Some(address) = host_address(&text) {
        return Some(written_address(address));
    }
    let name = text.strip_suffix('.').unwrap_or(&text);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(plain);
    // What ends in a number is an address to every client (URL Standard, section 3.5), and not one
    // that was read above.
    let number = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    (name.len() <= 253 && name.split('.').all(label) && !number).then(|| name.to_owned())
}

/// Reads an address as a `Host` header writes it: IPv6 in brackets. One of IPv4 in IPv6 becomes the
/// one of IPv4.
#[must_use]
pub fn host_address(host: &str) -> Option<IpAddr> {
    let address = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => IpAddr::V6(inner.parse::<Ipv6Addr>().ok()?),
        None => IpAddr::V4(host.parse::<Ipv4Addr>().ok()?),
    };
    Some(address.to_canonical())
}

/// Writes an address as a `Host` header does.
#[must_use]
pub fn written_address(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// Writes out an onion address that a person gave in one of its short forms: `NAME.onion`,
/// `http://NAME.onion` and `http://NAME.onion/` all become `http://NAME.onion`, with the port where
/// there is one.
///
/// Every other text comes back as it is: what has neither a scheme nor `.onion` at its end may be
/// anything.
#[must_use]
pub fn full_onion_address(text: &str) -> Cow<'_, str> {
    let bare = text.strip_suffix('/').unwrap_or(text);
    let scheme = bare.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("http://"));
    let authority = scheme.map_or(bare, |scheme| bare.get(scheme.len()..).unwrap_or_default());
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_onion = host.len() > 6 && host.get(host.len() - 6..).is_some_and(|end| end.eq_ignore_ascii_case(".onion"));
    if is_onion && !authority.contains(['/', '?', '#', '@', '\\']) {
        return Cow::Owned(format!("http://{authority}"));
    }
    Cow::Borrowed(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_absolute_form_of_a_name_is_the_same_name() {
        assert_eq!(host_name("Chat.Example.").as_deref(), Some("chat.example"));
        assert_eq!(host_name("localhost.").as_deref(), Some("localhost"));
        assert_eq!(host_name("XN--Bcher-Kva.Example").as_deref(), Some("xn--bcher-kva.example"));
    }

    #[test]
    fn an_address_has_one_form() {
        for (text, written) in [
            ("127.0.0.1", "127.0.0.1"),
            ("[2001:DB8:0::8]", "[2001:db8::8]"),
            ("[::ffff:192.0.2.7]", "192.0.2.7"),
            ("[::1]", "[::1]"),
        ] {
            assert_eq!(host_name(text).as_deref(), Some(written), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_host_name_is_refused() {
        let long = format!("{}.example", "a".repeat(64));
        let longer = ["a".repeat(63).as_str(); 5].join(".");
        for text in [
            "",
            ".",
            "a..",
            "http://a",
            "a:80",
            "*.a",
            "a..b",
            ".a",
            "a b",
            "::1",
            "[::1",
            "[127.0.0.1]",
            "é",
            "1.2.3",
            "1.2.3.4.5",
            "300.1.1.1",
            "127.0.0.1.",
            &long,
            &longer,
        ] {
            assert_eq!(host_name(text), None, "{text}");
        }
    }

    #[test]
    fn an_onion_address_is_the_same_in_each_of_its_forms() {
        for text in ["Name.onion", "Name.onion/", "http://Name.onion", "http://Name.onion/", "HTTP://Name.onion"] {
            assert_eq!(full_onion_address(text), "http://Name.onion", "{text}");
        }
        assert_eq!(full_onion_address("name.ONION:81/"), "http://name.ONION:81");
        assert_eq!(full_onion_address("name.onion."), "http://name.onion.");
        for other in [
            "",
            "/",
            ".onion",
            "onion",
            "example.org",
            "localhost:8443",
            "https://name.onion",
            "http://name.onion/ws",
            "http://user@name.onion",
            "name.onion/x/",
            "http://example.org/",
            "é.onion/é",
            "ééééé",
        ] {
            assert_eq!(full_onion_address(other), other, "{other}");
        }
    }
}
