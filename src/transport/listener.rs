//! What holds for every connection of one listener: the names that it answers to, the origins that
//! it lets in, and whom it believes about who its peers are.

mod forwarded;
mod origin;

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

use super::Peer;
pub use ephemeral_core::protocol::host_name;
use ephemeral_core::protocol::{host_address, written_address};
pub use origin::origin;

/// The values that hold for every connection of one listener.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listener {
    /// The names a request's `Host` may have, as [`host_name`] writes them.
    pub names: Vec<String>,
    /// Whether `localhost` and every loopback address are among its names.
    pub answers_to_loopback: bool,
    /// Whether its connections are TLS.
    pub tls: bool,
    /// Proxies that are believed about whom they connect. Networks of IPv4 are written as such.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins that may ask beside its own, as [`origin()`] writes them; or `*` alone: all of them.
    pub allowed_origins: Vec<String>,
}

impl Listener {
    /// Makes a TCP listener: it answers to loopback names, to the address it is bound to, and to
    /// the configured names.
    ///
    /// Bound to every address (`0.0.0.0`, `[::]`) it does not know which are its own, and answers
    /// to the configured ones only: to take any address for its own would let whoever a client
    /// dialled pass that client's signature on.
    #[must_use]
    pub fn clearnet(bound: SocketAddr, server_names: &[String]) -> Self {
        let bound = bound.ip().to_canonical();
        let own = (!bound.is_unspecified()).then(|| written_address(bound));
        let names = own.into_iter().chain(server_names.iter().cloned()).collect();
        Self { names, answers_to_loopback: true, ..Self::default() }
    }

    /// Returns whether a request for this host is for this listener. `host`: without a port, IPv6
    /// in brackets; in whatever form, since the absolute name (`localhost.`) is the same as the
    /// other.
    #[must_use]
    pub fn answers_to(&self, host: &str) -> bool {
        let Some(host) = host_name(host) else { return false };
        let own = match host_address(&host) {
            Some(address) => address.is_loopback(),
            None => host == "localhost",
        };
        (self.answers_to_loopback && own) || self.names.contains(&host)
    }

    /// Returns whether this address is believed about whom it connects. Code that counts
    /// connections by peer does not count those of a proxy, and blocks nobody by its address: they
    /// are everybody's.
    #[must_use]
    pub fn is_trusted_proxy(&self, address: IpAddr) -> bool {
        forwarded::is_trusted(&self.trusted_proxies, address)
    }

    /// Returns who asks: the peer of the connection, or the one that it names if it is a trusted
    /// proxy (`Forwarded` of RFC 7239, else `X-Forwarded-For`). A proxy that names nobody is the
    /// one who asks itself.
    #[must_use]
    pub fn peer_of(&self, connection: Peer, headers: &HeaderMap) -> Peer {
        match connection {
            Peer::Address(address) => Peer::Address(forwarded::client(headers, address, &self.trusted_proxies).address),
            Peer::Circuit(_) => connection,
        }
    }

    /// Returns whether the request came over HTTPS: to the trusted proxy, if that says so (`proto`
    /// of `Forwarded`, else `X-Forwarded-Proto`), else to this listener.
    #[must_use]
    pub fn is_https(&self, connection: Peer, headers: &HeaderMap) -> bool {
        let told = match connection {
            Peer::Address(address) => forwarded::client(headers, address, &self.trusted_proxies).https,
            Peer::Circuit(_) => None,
        };
        told.unwrap_or(self.tls)
    }

    /// Returns whether a page of this `Origin` may ask: it is this server's own (the scheme and the
    /// `Host` that it was asked by, port included), or one of [`Self::allowed_origins`]. `null`,
    /// which stands for any page that hides where it comes from, never may.
    ///
    /// `host`: the request's `Host`, with which an absolute target agrees. `https`: as
    /// [`Self::is_https`] says. A request without `Origin` is no page's, and is not asked about
    /// here.
    #[must_use]
    pub fn allows_origin(&self, origin: &str, host: &str, https: bool) -> bool {
        if self.allows_any_origin() {
            return !origin.is_empty() && !origin.eq_ignore_ascii_case("null");
        }
        let Some(origin) = self::origin(origin) else { return false };
        let scheme = if https { "https" } else { "http" };
        self.allowed_origins.contains(&origin) || self::origin(&format!("{scheme}://{host}")) == Some(origin)
    }

    /// Returns whether every origin may ask: then answers are for everybody
    /// (`Access-Control-Allow-Origin: *`), and carry no credentials.
    #[must_use]
    pub fn allows_any_origin(&self) -> bool {
        self.allowed_origins.iter().any(|allowed| allowed == "*")
    }
}

#[cfg(test)]
mod tests;
