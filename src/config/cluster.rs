//! The `[cluster]` table: what one of several machines is told.

use std::net::SocketAddr;
use std::path::PathBuf;

use toml::de::DeValue;

use super::document::{Document, Section};
use super::problem::Problem;
use super::setting::Setting;
use super::sources;
use crate::cluster::{self, NatsAddress, NatsTls};

/// The table as the file has it.
struct ClusterTable {
    nats: Setting<Vec<NatsAddress>>,
    node: Setting<Option<String>>,
    secret_file: Setting<Option<PathBuf>>,
    link: Setting<Option<SocketAddr>>,
    link_announced: Setting<Option<SocketAddr>>,
    tls_ca: Setting<Option<PathBuf>>,
    tls_cert: Setting<Option<PathBuf>>,
    tls_key: Setting<Option<PathBuf>>,
}

/// The value of `node` that stands for the host's name: containers have one file, and a name each.
const HOST_NAME: &str = "@hostname";

/// Reads the table; `None`: this server is the only one.
pub(super) fn read(document: &mut Document<'_>) -> Option<cluster::Config> {
    let mut section = document.section("cluster");
    let table = ClusterTable::read(&mut section);
    section.finish();
    if table.nats.refused || table.nats.value.is_empty() {
        document.problems.extend(table.without_effect());
        return None;
    }
    let problems = table.problems();
    let settings = table.settings();
    document.problems.extend(problems);
    settings
}

impl ClusterTable {
    fn read(table: &mut Section<'_, '_>) -> Self {
        let mut file = |key| table.read(key, None, |value| path(value).map(Some));
        let tls_ca = file("tls_ca");
        let tls_cert = file("tls_cert");
        let tls_key = file("tls_key");
        let secret_file = file("secret_file");
        let nats = table.read("nats", Vec::new(), addresses);
        let node = table.read("node", None, |value| name(value).map(Some));
        let link = table.read("link", None, |value| link_address(value).map(Some));
        let link_announced = table.read("link_announced", None, |value| announced_address(value).map(Some));
        Self { nats, node, secret_file, link, link_announced, tls_ca, tls_cert, tls_key }
    }

    fn tls(&self) -> [&Setting<Option<PathBuf>>; 3] {
        [&self.tls_ca, &self.tls_cert, &self.tls_key]
    }

    /// Returns what is missing beside `nats`.
    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.node.value.is_none() && !self.node.refused {
            problems.push(self.nats.problem("needs node as well: what this machine is called, another name on each"));
        }
        if self.secret_file.value.is_none() && !self.secret_file.refused {
            let says =
                "needs secret_file as well: `ephemeral-server cluster secret FILE` makes it once, for all machines";
            problems.push(self.nats.problem(says));
        }
        problems.extend(self.link_problems());
        let some = self.tls().into_iter().find(|setting| setting.value.is_some());
        let all = self.tls().into_iter().all(|setting| setting.value.is_some());
        let refused = self.tls().into_iter().any(|setting| setting.refused);
        match some {
            _ if refused => {}
            Some(some) if !all => {
                problems.push(some.problem("needs the other two of tls_ca, tls_cert and tls_key as well"));
            }
            None if !self.nats.value.iter().all(NatsAddress::is_loopback) => problems.push(self.nats.problem(
                "off loopback without TLS, so that anyone on the way sees who writes when and may write, too: give tls_ca, \
                 tls_cert and tls_key in [cluster]",
            )),
            _ => {}
        }
        problems
    }

    /// Returns what is wrong with where the machine listens, and where the others are told that it
    /// is.
    fn link_problems(&self) -> Option<Problem> {
        let announced = &self.link_announced;
        if self.link.refused || announced.refused {
            return None;
        }
        match (self.link.value, announced.value) {
            (None, Some(_)) => Some(
                announced.problem("has no effect without link: give where this machine listens, or leave this out"),
            ),
            (Some(link), None) if link.ip().is_unspecified() => Some(self.link.problem(
                "is every address of this machine, and none at which the others could reach it: give that one as \
                 link_announced",
            )),
            _ => None,
        }
    }

    /// Returns the settings that were made although there is no cluster.
    fn without_effect(&self) -> Vec<Problem> {
        if self.nats.refused {
            return Vec::new();
        }
        let off = "has no effect without nats: give the addresses of the NATS servers, or leave this out";
        let files = self.tls().into_iter().chain([&self.secret_file]);
        let told = files.filter(|setting| setting.value.is_some()).map(|setting| setting.problem(off));
        let node = self.node.value.is_some().then(|| self.node.problem(off));
        let link = self.link.value.is_some().then(|| self.link.problem(off));
        let announced = self.link_announced.value.is_some().then(|| self.link_announced.problem(off));
        told.chain(node).chain(link).chain(announced).collect()
    }

    fn settings(self) -> Option<cluster::Config> {
        let tls = match (self.tls_ca.value, self.tls_cert.value, self.tls_key.value) {
            (Some(ca), Some(cert), Some(key)) => Some(NatsTls { ca, cert, key }),
            _ => None,
        };
        Some(cluster::Config {
            node: self.node.value?,
            nats: self.nats.value,
            secret_file: self.secret_file.value?,
            link: self.link.value,
            link_announced: self.link_announced.value,
            tls,
        })
    }
}

fn path(value: &DeValue<'_>) -> Result<PathBuf, String> {
    let path = value.as_str().filter(|path| !path.is_empty()).map(PathBuf::from);
    path.ok_or_else(|| "must be the path of a file".into())
}

fn link_address(value: &DeValue<'_>) -> Result<SocketAddr, String> {
    value.as_str().and_then(sources::address).ok_or_else(|| {
        "must be the IP address at which this machine listens for the others, with a port, such as \"10.0.0.1:7443\""
            .into()
    })
}

fn announced_address(value: &DeValue<'_>) -> Result<SocketAddr, String> {
    let address = value.as_str().and_then(sources::address);
    address.filter(|address| !address.ip().is_unspecified() && address.port() != 0).ok_or_else(|| {
        "must be the IP address at which the other machines reach this one, with a port, such as \"203.0.113.1:7443\""
            .into()
    })
}

fn addresses(value: &DeValue<'_>) -> Result<Vec<NatsAddress>, String> {
    let address = |item: &toml::Spanned<DeValue<'_>>| item.get_ref().as_str().and_then(NatsAddress::parse);
    let listed = value.as_array().and_then(|items| items.iter().map(address).collect::<Option<Vec<_>>>());
    listed.filter(|list| list.len() <= 16).ok_or_else(|| {
        "must be a list of at most 16 addresses with a port, such as [\"10.0.0.1:4222\", \"10.0.0.2:4222\", \"10.0.0.3:4222\"]"
            .into()
    })
}

fn name(value: &DeValue<'_>) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim().to_ascii_lowercase();
    let name = value.as_str().map(|name| if name == HOST_NAME { &*host } else { name });
    let name = name.filter(|name| (1..=32).contains(&name.len()) && name.bytes().all(plain));
    name.map(str::to_owned)
        .ok_or_else(|| "must be 1 to 32 of a-z, 0-9 and -, or @hostname where the host's name is that".into())
}

#[cfg(test)]
pub(super) mod tests;
