//! Reads the address of a server, `http://HOST[:PORT]`, and says what follows from it for the
//! `Host` header and the signature.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ephemeral_core::protocol::{full_onion_address, host_address, host_name};
use ephemeral_tor::is_onion_address;

/// The address of a server, as the client dials it: one form for all ways to write it.
///
/// An onion address may be written without `http://`, and a final `/` or a final dot of the host
/// changes nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl {
    host: String,
    port: u16,
}

/// The reason why a text is not the address of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// There is no `http://` before it.
    #[error("a server's address looks like NAME.onion, http://NAME.onion or http://127.0.0.1:8443")]
    NoScheme,
    /// TLS.
    #[error("https:// is not supported yet: use the server's onion address (http://NAME.onion), which Tor encrypts")]
    Https,
    /// A user, a path, a query or a fragment.
    #[error("a server's address is http://HOST or http://HOST:PORT, and nothing behind that")]
    NotOnlyAHost,
    /// No host, or one with characters that no host has.
    #[error("the host in the server's address is not a valid name or IP address")]
    Host,
    /// Not an onion address of version 3: its checksum is wrong, if it has one at all.
    #[error(
        "the server's onion address is cut or mistyped: it has 56 letters and digits, and they do not fit together"
    )]
    Onion,
    /// Not 1 to 65535.
    #[error("the port in the server's address is not a number from 1 to 65535")]
    Port,
}

impl ServerUrl {
    /// The port of `http://` where the address names none.
    const DEFAULT_PORT: u16 = 80;

    /// Returns the host that is dialled and signed: lower case, no port. An IPv6 address stands in
    /// brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns what the `Host` header says: the port only where it is not 80.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == Self::DEFAULT_PORT { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    /// Returns whether only Tor leads there.
    #[must_use]
    pub fn is_onion(&self) -> bool {
        self.host.ends_with(".onion")
    }

    /// Returns the name of the onion service, without `.onion` and without the names before it;
    /// `None` for other servers.
    #[must_use]
    pub fn onion_name(&self) -> Option<&str> {
        self.host.strip_suffix(".onion")?.rsplit('.').next()
    }

    /// Returns whether it is this machine, so that nobody can listen on the way.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.ip().is_some_and(|ip| ip.is_loopback())
    }

    /// Returns the host as a resolver or a proxy wants it: without brackets.
    pub(crate) fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    fn ip(&self) -> Option<IpAddr> {
        host_address(&self.host)
    }
}

impl FromStr for ServerUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = full_onion_address(text.trim());
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::NoScheme)?;
        match scheme.to_ascii_lowercase().as_str() {
            "http" => {}
            "https" => return Err(UrlError::Https),
            _ => return Err(UrlError::NoScheme),
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@', '\\']) {
            return Err(UrlError::NotOnlyAHost);
        }
        let (host, port) = split_port(authority)?;
        let url = Self { host: host_name(host).ok_or(UrlError::Host)?, port };
        if url.is_onion() && !is_onion_address(&url.host) {
            return Err(UrlError::Onion);
        }
        Ok(url)
    }
}

fn split_port(authority: &str) -> Result<(&str, u16), UrlError> {
    // The colons of an IPv6 address are inside its brackets.
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            match port.parse() {
                Ok(number) if digits && number != 0 => Ok((host, number)),
                _ => Err(UrlError::Port),
            }
        }
        _ => Ok((authority, ServerUrl::DEFAULT_PORT)),
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "http://{}", self.authority())
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Which onion service somebody uses is nothing for a log.
        formatter.write_str("ServerUrl(…)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(text: &str) -> Result<ServerUrl, UrlError> {
        text.parse()
    }

    #[test]
    fn the_host_is_folded_and_the_port_has_a_default() {
        let url = parse("HTTP://LocalHost/").unwrap();
        assert_eq!((url.host(), url.port(), url.authority()), ("localhost", 80, "localhost".to_owned()));
        let url = parse("http://127.0.0.1:8443").unwrap();
        assert_eq!((url.host(), url.port(), url.authority()), ("127.0.0.1", 8443, "127.0.0.1:8443".to_owned()));
        assert_eq!(parse("http://127.0.0.1:80").unwrap().authority(), "127.0.0.1");
        let url = parse("http://[0:0::1]:8443/").unwrap();
        assert_eq!((url.host(), url.bare_host(), url.to_string().as_str()), ("[::1]", "::1", "http://[::1]:8443"));
    }

    #[test]
    fn an_onion_address_may_be_written_without_a_scheme_and_a_final_dot_or_slash_changes_nothing() {
        let name = "2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid.onion";
        let expected = parse(&format!("http://{name}")).unwrap();
        let upper = name.to_uppercase();
        for text in
            [name, &upper, &format!("{name}/"), &format!("{name}."), &format!("http://{name}./"), &format!(" {name}\n")]
        {
            assert_eq!(parse(text).as_ref(), Ok(&expected), "{text}");
        }
        assert_eq!(parse(&format!("{name}:81")).unwrap().to_string(), format!("http://{name}:81"));
        assert_eq!(parse("http://LocalHost.:80/").unwrap().authority(), "localhost");
        assert!(parse("http://localhost.").unwrap().is_loopback());
        assert_eq!(parse("http://[::ffff:127.0.0.1]").unwrap().host(), "127.0.0.1");
    }

    #[test]
    fn https_is_refused_with_a_sentence_of_its_own() {
        assert_eq!(parse("https://example.org"), Err(UrlError::Https));
        assert!(UrlError::Https.to_string().contains("not supported yet"));
    }

    #[test]
    fn what_is_not_the_address_of_a_server_is_refused() {
        for (text, error) in [
            ("", UrlError::NoScheme),
            ("localhost:8443", UrlError::NoScheme),
            ("ws://localhost", UrlError::NoScheme),
            ("http://", UrlError::Host),
            ("http:///", UrlError::Host),
            ("http://a b", UrlError::Host),
            ("http://a..b", UrlError::Host),
            ("http://bücher.example", UrlError::Host),
            ("http://[::1", UrlError::Host),
            ("http://[nonsense]", UrlError::Host),
            ("http://127.1", UrlError::Host),
            ("http://a..", UrlError::Host),
            ("http://::1", UrlError::Host),
            ("http://host\r\nX: y", UrlError::Port),
            ("http://host:0", UrlError::Port),
            ("http://host:", UrlError::Port),
            ("http://host:+80", UrlError::Port),
            ("http://host:65536", UrlError::Port),
            ("http://host/ws", UrlError::NotOnlyAHost),
            ("http://user@host", UrlError::NotOnlyAHost),
            ("http://host?x", UrlError::NotOnlyAHost),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn an_onion_address_that_is_cut_or_mistyped_is_refused() {
        // The Tor Project's website.
        let name = "2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid";
        assert!(parse(&format!("http://{name}.onion")).unwrap().is_onion());
        let subdomain = parse(&format!("http://a.sub.{}.ONION", name.to_uppercase())).unwrap();
        assert!(subdomain.is_onion());
        assert_eq!(subdomain.onion_name(), Some(name));
        assert_eq!(parse("http://example.com").unwrap().onion_name(), None);
        let swapped = name.replacen("2gzy", "g2zy", 1);
        let cut = name.replacen('2', "", 1);
        for wrong in [&swapped, &cut, &"a".repeat(56), "expyuzz4wqqyqhjn", &format!("{name}.sub"), ""] {
            assert!(
                matches!(parse(&format!("http://{wrong}.onion")), Err(UrlError::Onion | UrlError::Host)),
                "{wrong}"
            );
        }
        assert_eq!(parse(&format!("http://{swapped}.onion")), Err(UrlError::Onion));
        assert_eq!(parse("http://onion").map(|url| url.is_onion()), Ok(false));
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (text, expected) in [
            ("http://localhost", true),
            ("http://127.3.2.1", true),
            ("http://[::1]", true),
            ("http://localhost.example", false),
            ("http://192.168.0.1", false),
            ("http://127.0.0.1.example", false),
        ] {
            assert_eq!(parse(text).unwrap().is_loopback(), expected, "{text}");
        }
    }
}
