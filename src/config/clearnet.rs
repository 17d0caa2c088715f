//! The `[clearnet]` table: its keys, and the rules between them.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::{IpNet, Ipv4Net};
use toml::de::DeValue;

use super::document::Document;
use super::problem::Problem;
use super::setting::Setting;
use super::sources;
use crate::transport::clearnet::{self, TlsFile, TlsFiles};
use crate::{pump, transport};
use ephemeral_core::protocol::full_onion_address;

/// The table as the file has it, before the environment and the flags are asked.
pub(super) struct ClearnetTable {
    pub(super) listen: Setting<Option<SocketAddr>>,
    server_names: Setting<Vec<String>>,
    allow_plaintext: Setting<bool>,
    tls_cert: Setting<Option<PathBuf>>,
    tls_key: Setting<Option<PathBuf>>,
    trusted_proxies: Setting<Vec<IpNet>>,
    proxy_protocol: Setting<bool>,
    allowed_origins: Setting<Vec<String>>,
}

impl ClearnetTable {
    /// Reads the table; what is wrong with a single key is left in the document's problems.
    pub(super) fn read(document: &mut Document<'_>) -> Self {
        let mut table = document.section("clearnet");
        let listen = table.read("listen", None, |value| {
            value.as_str().and_then(sources::address).map(Some).ok_or_else(|| sources::ADDRESS.to_owned())
        });
        let server_names = table.read("server_names", Vec::new(), names);
        let allow_plaintext = table.boolean("allow_plaintext", false);
        let tls_cert = table.read("tls_cert", None, |value| path(value).map(Some));
        let tls_key = table.read("tls_key", None, |value| path(value).map(Some));
        let trusted_proxies = table.read("trusted_proxies", Vec::new(), networks);
        let proxy_protocol = table.boolean("proxy_protocol", false);
        let allowed_origins = table.read("allowed_origins", Vec::new(), origins);
        table.finish();
        Self {
            listen,
            server_names,
            allow_plaintext,
            tls_cert,
            tls_key,
            trusted_proxies,
            proxy_protocol,
            allowed_origins,
        }
    }

    /// Returns the settings that do not go together, and the files that cannot be used. `address`:
    /// where it listens in the end, as `listen` says.
    pub(super) fn problems(&self, listen: &Setting<Option<SocketAddr>>, address: SocketAddr) -> Vec<Problem> {
        let mut problems = Vec::new();
        let refused = self.tls_cert.refused || self.tls_key.refused || self.allow_plaintext.refused;
        match (&self.tls_cert.value, &self.tls_key.value) {
            // What would be said here only follows from what was said about these.
            _ if refused => {}
            (None, None) => {
                if !address.ip().to_canonical().is_loopback() && !self.allow_plaintext.value {
                    problems.push(listen.problem(
                        "off loopback without TLS, so that anyone on the way reads who writes to whom: give \
                         tls_cert and tls_key in [clearnet], listen on 127.0.0.1 behind a proxy that serves TLS, or \
                         accept that with allow_plaintext = true in [clearnet]",
                    ));
                }
            }
            (Some(_), None) => {
                let says = "needs tls_key as well: the PEM file with the certificate's private key";
                problems.push(self.tls_cert.problem(says));
            }
            (None, Some(_)) => {
                let says = "needs tls_cert as well: the PEM file with the certificate of this key";
                problems.push(self.tls_key.problem(says));
            }
            (Some(cert), Some(key)) => {
                if self.allow_plaintext.value {
                    let says = "has no effect with tls_cert and tls_key, since everything is TLS then: remove it";
                    problems.push(self.allow_plaintext.problem(says));
                }
                let files = TlsFiles { cert: cert.clone(), key: key.clone() };
                problems.extend(files.check().err().map(|error| {
                    let blamed = if error.file == TlsFile::Cert { &self.tls_cert } else { &self.tls_key };
                    blamed.problem(error.what.to_string())
                }));
            }
        }
        if self.proxy_protocol.value && self.trusted_proxies.value.is_empty() && !self.trusted_proxies.refused {
            let says = "has no effect without trusted_proxies, since nobody else's PROXY header is believed: give \
                        the addresses of the proxies";
            problems.push(self.proxy_protocol.problem(says));
        }
        problems
    }

    /// Returns the settings that were made although nothing listens. A setting that does nothing is
    /// a mistake that nobody would notice.
    pub(super) fn without_effect(&self) -> Vec<Problem> {
        let off = "has no effect, since nothing listens on TCP: give listen in [clearnet], --clearnet or PORT";
        let told = [
            (!self.server_names.value.is_empty()).then(|| self.server_names.problem(off)),
            self.allow_plaintext.value.then(|| self.allow_plaintext.problem(off)),
            self.tls_cert.value.is_some().then(|| self.tls_cert.problem(off)),
            self.tls_key.value.is_some().then(|| self.tls_key.problem(off)),
            (!self.trusted_proxies.value.is_empty()).then(|| self.trusted_proxies.problem(off)),
            self.proxy_protocol.value.then(|| self.proxy_protocol.problem(off)),
            (!self.allowed_origins.value.is_empty()).then(|| self.allowed_origins.problem(off)),
        ];
        told.into_iter().flatten().collect()
    }

    fn tls(&self) -> Option<TlsFiles> {
        Some(TlsFiles { cert: self.tls_cert.value.clone()?, key: self.tls_key.value.clone()? })
    }

    /// Returns what is in force. The handshakes may take as long as authentication.
    pub(super) fn settings(self, listen: SocketAddr, timing: &pump::Config) -> clearnet::Config {
        clearnet::Config {
            listen,
            tls: self.tls(),
            server_names: self.server_names.value,
            allow_plaintext: self.allow_plaintext.value,
            trusted_proxies: self.trusted_proxies.value,
            proxy_protocol: self.proxy_protocol.value,
            allowed_origins: self.allowed_origins.value,
            preparation: timing.auth_timeout,
        }
    }
}

/// Returns the texts of a list, each converted. `None` if it is not a list, or one of them is not
/// accepted.
fn listed<T>(value: &DeValue<'_>, convert: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    value.as_array()?.iter().map(|item| item.get_ref().as_str().and_then(&convert)).collect()
}

fn names(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let host = |text: &str| match full_onion_address(text) {
        Cow::Owned(address) => address.strip_prefix("http://").and_then(transport::host_name),
        Cow::Borrowed(name) => transport::host_name(name),
    };
    listed(value, host).ok_or_else(|| {
        "must be a list of host names without scheme, port or wildcard, such as [\"chat.example\", \"192.0.2.7\", \"[2001:db8::7]\"]".into()
    })
}

fn path(value: &DeValue<'_>) -> Result<PathBuf, String> {
    let path = value.as_str().filter(|path| !path.is_empty()).map(PathBuf::from);
    path.ok_or_else(|| "must be the path of a PEM file".into())
}

fn networks(value: &DeValue<'_>) -> Result<Vec<IpNet>, String> {
    listed(value, network).ok_or_else(|| {
        "must be a list of addresses or networks, such as [\"127.0.0.1\", \"10.0.0.0/8\", \"2001:db8::/32\"], without \
         bits behind the prefix, and not all there are"
            .into()
    })
}

/// Reads an address or a network. One of IPv4 in IPv6 becomes the one of IPv4, as the addresses of
/// peers do.
///
/// None of no prefix: if everybody is a trusted proxy, nobody is a client. None with bits behind
/// the prefix: its writer meant another prefix, or a single address, and this is about trust.
fn network(text: &str) -> Option<IpNet> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical().into());
    }
    let network = text.parse::<IpNet>().ok().filter(|network| *network == network.trunc())?;
    let network = match (network.addr().to_canonical(), network.prefix_len().checked_sub(96)) {
        (IpAddr::V4(address), Some(prefix)) if network.addr().is_ipv6() => Ipv4Net::new(address, prefix).ok()?.into(),
        _ => network,
    };
    (network.prefix_len() > 0).then_some(network)
}

fn origins(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let any = |list: &Vec<String>| list.as_slice() == ["*"];
    let anyone = listed(value, |text| (text == "*").then(|| text.to_owned())).filter(any);
    let origin = |text: &str| transport::origin(&full_onion_address(text));
    anyone.or_else(|| listed(value, origin)).ok_or_else(|| {
        "must be a list of exact origins with scheme, host and port (if it is not the scheme's own) and nothing behind, \
         such as [\"https://chat.example\", \"http://localhost:3000\"], or [\"*\"] for every page there is"
            .into()
    })
}

#[cfg(test)]
mod tests;
