//! What holds for every connection of one listener, and the names that it answers to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What holds for every connection of one listener.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listener {
    /// The names a request's `Host` may have, as [`host_name`] writes them.
    pub names: Vec<String>,
    /// Whether `localhost` and every loopback address are among its names.
    pub answers_to_loopback: bool,
    /// Who is shown the figures.
    pub figures: Audience,
}

/// Who is shown the figures of `/stats`, `/metrics` and `/health`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Audience {
    /// They are answered as if they were not there.
    #[default]
    Nobody,
    /// Peers on this machine.
    Loopback,
    /// Whoever can connect.
    Everybody,
}

impl Listener {
    /// A TCP listener: it answers to loopback names, to the address it is bound to, and to the configured names.
    ///
    /// Bound to every address (`0.0.0.0`, `[::]`) it does not know which are its own, and answers to the configured ones
    /// only: to take any address for its own would let whoever a client dialled pass that client's signature on.
    #[must_use]
    pub fn clearnet(bound: SocketAddr, server_names: &[String]) -> Self {
        let bound = bound.ip().to_canonical();
        let own = (!bound.is_unspecified()).then(|| written(bound));
        let names = own.into_iter().chain(server_names.iter().cloned()).collect();
        Self { names, answers_to_loopback: true, figures: Audience::Loopback }
    }

    /// STUB
    pub fn is_trusted_proxy(&self, _: IpAddr) -> bool {
        false
    }
    /// STUB
    pub fn peer_of(&self, connection: super::Peer, _: &hyper::HeaderMap) -> super::Peer {
        connection
    }
    /// STUB
    pub fn is_https(&self, _: super::Peer, _: &hyper::HeaderMap) -> bool {
        false
    }
    /// STUB
    pub fn allows_origin(&self, origin: &str, host: &str, https: bool) -> bool {
        origin == format!("{}://{host}", if https { "https" } else { "http" })
    }

    /// Whether a request for this host is for this listener. `host`: lower case, without port, IPv6 in brackets.
    #[must_use]
    pub fn answers_to(&self, host: &str) -> bool {
        let named = |host: &str| self.names.iter().any(|name| name == host);
        match literal(host) {
            Some(address) => (self.answers_to_loopback && address.is_loopback()) || named(&written(address)),
            None => (self.answers_to_loopback && host == "localhost") || named(host),
        }
    }
}

/// A host name or address as it is compared: lower case, addresses in their shortest form, IPv6 in brackets.
///
/// `None` if it is neither: a scheme, a port, a wildcard, an empty label, more than 253 characters, or not ASCII
/// (an internationalised name is written with `xn--`).
#[must_use]
pub fn host_name(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    if let Some(address) = literal(&text) {
        return Some(written(address));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(plain);
    // What ends in a number is an address to every client (URL Standard, section 3.5), and not one that was read above.
    let number = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    (text.len() <= 253 && text.split('.').all(label) && !number).then_some(text)
}

/// An address as a `Host` writes it; one of IPv4 in IPv6 is the one of IPv4.
fn literal(host: &str) -> Option<IpAddr> {
    let address = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => IpAddr::V6(inner.parse::<Ipv6Addr>().ok()?),
        None => IpAddr::V4(host.parse::<Ipv4Addr>().ok()?),
    };
    Some(address.to_canonical())
}

fn written(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clearnet(bound: &str, names: &[&str]) -> Listener {
        let names = names.iter().map(|name| host_name(name).expect("a name")).collect::<Vec<_>>();
        Listener::clearnet(bound.parse().expect("an address"), &names)
    }

    #[test]
    fn a_tcp_listener_answers_to_every_loopback_name() {
        let listener = clearnet("127.0.0.1:8443", &[]);
        for host in ["localhost", "127.0.0.1", "127.1.2.3", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]"] {
            assert!(listener.answers_to(host), "{host}");
        }
        for host in [
            "",
            "::1",
            "127.0.0.1:8443",
            "127.1",
            "0.0.0.0",
            "[::]",
            "128.0.0.1",
            "localhost.evil.example",
            "[127.0.0.1]",
        ] {
            assert!(!listener.answers_to(host), "{host}");
        }
    }

    #[test]
    fn it_answers_to_the_address_it_is_bound_to_and_to_the_configured_names() {
        let listener = clearnet("[2001:db8::7]:80", &["Chat.Example", "192.0.2.7", "[2001:DB8:0::8]"]);
        for host in
            ["[2001:db8::7]", "[2001:db8:0:0::7]", "chat.example", "192.0.2.7", "[2001:db8::8]", "[::ffff:192.0.2.7]"]
        {
            assert!(listener.answers_to(host), "{host}");
        }
        for host in ["example", "a.chat.example", "chat.example.", "192.0.2.8", "[2001:db8::9]"] {
            assert!(!listener.answers_to(host), "{host}");
        }
    }

    #[test]
    fn bound_to_every_address_it_takes_none_of_them_for_its_own() {
        for bound in ["0.0.0.0:80", "[::]:80"] {
            let listener = clearnet(bound, &["chat.example"]);
            assert!(listener.answers_to("chat.example") && listener.answers_to("localhost"));
            assert!(
                !listener.answers_to("192.0.2.7") && !listener.answers_to("0.0.0.0") && !listener.answers_to("[::]")
            );
        }
    }

    #[test]
    fn an_onion_listener_answers_to_its_own_name_only() {
        let listener = Listener { names: vec!["abc.onion".into()], ..Listener::default() };
        assert!(listener.answers_to("abc.onion"));
        assert!(
            !listener.answers_to("localhost") && !listener.answers_to("127.0.0.1") && !listener.answers_to("[::1]")
        );
    }

    #[test]
    fn what_is_not_a_host_name_is_refused() {
        let long = format!("{}.example", "a".repeat(64));
        for text in [
            "",
            "http://a",
            "a:80",
            "*.a",
            "a..b",
            ".a",
            "a.",
            "a b",
            "::1",
            "[::1",
            "é",
            "1.2.3",
            "1.2.3.4.5",
            "300.1.1.1",
            &long,
        ] {
            assert_eq!(host_name(text), None, "{text}");
        }
        assert_eq!(host_name("XN--Bcher-Kva.Example").as_deref(), Some("xn--bcher-kva.example"));
    }
}
