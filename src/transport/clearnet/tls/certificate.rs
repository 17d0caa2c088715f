//! What a certificate says of itself: its version, until when it is valid, and for which names.

use std::net::IpAddr;

use ephemeral_core::protocol::WallTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Version;

/// Returns whether this is a certificate of a version before 3, which knows no names and which TLS
/// libraries refuse. `certificate`: DER.
pub(super) fn is_of_an_old_version(certificate: &[u8]) -> bool {
    X509Certificate::from_der(certificate).is_ok_and(|(_, certificate)| certificate.version() != X509Version::V3)
}

/// Returns what clients will hold against a certificate (DER), as the ends of sentences that begin
/// with the file; none if all is well. `names`: those that the server answers to, as they are
/// configured.
pub(super) fn concerns(certificate: &[u8], names: &[String], now: WallTime) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let mut concerns: Vec<_> = validity(&certificate, now).into_iter().collect();
    let listed = listed_names(&certificate);
    for name in names.iter().filter(|name| !listed.iter().any(|listed| covers(listed, name))) {
        let of = if listed.is_empty() { "no name".to_owned() } else { listed.join(", ") };
        concerns.push(format!("is not for {name}, one of server_names: it is for {of}"));
    }
    concerns
}

fn validity(certificate: &X509Certificate<'_>, now: WallTime) -> Option<String> {
    let seconds = i64::try_from(now.0 / 1000).unwrap_or(i64::MAX);
    let validity = certificate.validity();
    if validity.not_after.timestamp() < seconds {
        return Some(format!("expired on {}: clients refuse it, renew it", validity.not_after));
    }
    if validity.not_before.timestamp() > seconds {
        return Some(format!("is valid from {} only: is this machine's clock right?", validity.not_before));
    }
    None
}

/// Returns the subject alternative names, as [`crate::transport::host_name`] writes names.
fn listed_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let written = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    });
    written.collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    let address = match bytes.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?),
        _ => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
    };
    Some(match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    })
}

/// Returns whether a name of a certificate covers a host: itself, or with `*` for its first label
/// (RFC 9525, section 6.3).
fn covers(listed: &str, host: &str) -> bool {
    let below = listed.strip_prefix("*.").zip(host.split_once('.'));
    listed == host || below.is_some_and(|(domain, (_, parent))| domain == parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issued(names: &[&str]) -> Vec<u8> {
        let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        rcgen::generate_simple_self_signed(names).unwrap().cert.der().to_vec()
    }

    /// A time within what `rcgen` gives: from 1975 to 4096.
    const NOW: WallTime = WallTime(1_767_355_200_000);

    #[test]
    fn a_certificate_for_other_names_is_told_with_its_own() {
        let certificate = issued(&["chat.example", "*.group.example", "192.0.2.7"]);
        let names = ["chat.example", "one.group.example", "192.0.2.7"].map(str::to_owned);
        assert_eq!(concerns(&certificate, &names, NOW), Vec::<String>::new());
        for name in ["group.example", "two.one.group.example", "other.example"] {
            let said = concerns(&certificate, &[name.to_owned()], NOW).join("; ");
            assert!(said.starts_with(&format!("is not for {name}")) && said.contains("chat.example"), "{said}");
        }
    }

    #[test]
    fn a_certificate_out_of_its_time_is_told() {
        let certificate = issued(&["localhost"]);
        assert!(concerns(&certificate, &[], WallTime(1_000)).join("").starts_with("is valid from "));
        assert!(concerns(&certificate, &[], WallTime(u64::MAX / 2)).join("").starts_with("expired on "));
        assert!(!is_of_an_old_version(&certificate));
    }
}
