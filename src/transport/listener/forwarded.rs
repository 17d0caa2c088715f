//! Whom a proxy names: `Forwarded` (RFC 7239), else `X-Forwarded-For` and `X-Forwarded-Proto`.
//! Pure.
//!
//! A client can send these headers too, and a proxy appends to what it received. So they are read
//! from the end, which the proxy nearest to us wrote: an entry counts only if its writer is
//! trusted, that is, the proxy that the connection comes from, or the address in the entry behind
//! it. What an untrusted one wrote is not even parsed, and nothing in it can hide what stands
//! behind it.

use std::net::{IpAddr, Ipv6Addr};

use http::HeaderMap;
use ipnet::IpNet;

/// The client behind a connection, as far as it is known for certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ForwardedClient {
    /// The last address that is not a trusted proxy. If an entry before that names nobody who can
    /// be known (`unknown`, `_hidden`, what is not an address), the trusted proxy that wrote it; if
    /// there is none but proxies, the first.
    pub(super) address: IpAddr,
    /// Whether it came over HTTPS, if a trusted proxy says.
    pub(super) https: Option<bool>,
}

/// A trusted proxy's word about who connected to it.
#[derive(Default)]
struct Entry {
    address: Option<IpAddr>,
    https: Option<bool>,
}

/// Returns whether one of the networks has the address. One of IPv4 in IPv6 is the one of IPv4.
pub(super) fn is_trusted(trusted: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|network| network.contains(&address))
}

/// Returns the client behind `proxy`, the peer of the connection: itself, unless it is trusted.
pub(super) fn client(headers: &HeaderMap, proxy: IpAddr, trusted: &[IpNet]) -> ForwardedClient {
    let known = ForwardedClient { address: proxy.to_canonical(), https: None };
    if !is_trusted(trusted, proxy) {
        return known;
    }
    let mut forwarded = items(headers, "forwarded").map(parameters).peekable();
    let mut found = if forwarded.peek().is_some() {
        behind(known, forwarded, trusted)
    } else {
        let entries = items(headers, "x-forwarded-for").map(|item| Entry { address: identifier(item), https: None });
        behind(known, entries, trusted)
    };
    found.https = found.https.or_else(|| items(headers, "x-forwarded-proto").next().and_then(scheme));
    found
}

/// Follows the entries, the nearest first, for as long as who wrote them is trusted.
fn behind(mut known: ForwardedClient, entries: impl Iterator<Item = Entry>, trusted: &[IpNet]) -> ForwardedClient {
    for entry in entries {
        known.https = entry.https.or(known.https);
        let Some(address) = entry.address else { break };
        known.address = address;
        if !is_trusted(trusted, address) {
            break;
        }
    }
    known
}

/// Returns the items of a list header, the last first: all its lines are one list (RFC 9110,
/// section 5.3), empty items are none.
fn items<'h>(headers: &'h HeaderMap, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
    let lines = headers.get_all(name).iter().rev();
    lines.flat_map(|line| parts(line.as_bytes(), b',')).filter(|item| !item.is_empty())
}

/// Returns what stands between separators that are not within quotes, the last first, trimmed.
///
/// Read from the end, since a quote that somebody left open further in front would hide the rest.
/// Of a list that is well-formed this makes the same parts: a quote is escaped there only within
/// quotes.
fn parts(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut quoted = false;
        let at = (0..text.len()).rev().find(|&at| match text.get(at) {
            Some(b'"') => {
                let before = text.get(..at).unwrap_or_default();
                let backslashes = before.iter().rev().take_while(|&&byte| byte == b'\\').count();
                quoted = !quoted || backslashes % 2 == 1;
                false
            }
            Some(&byte) => byte == separator && !quoted,
            None => false,
        });
        let (before, part) = match at {
            Some(at) => (text.get(..at), text.get(at + 1..)),
            None => (None, Some(text)),
        };
        rest = before;
        part.map(<[u8]>::trim_ascii)
    })
}

/// Reads one element of `Forwarded`: `for=192.0.2.43;proto=https`. A parameter that stands there
/// twice says nothing.
fn parameters(element: &[u8]) -> Entry {
    let mut entry = Entry::default();
    let mut addresses = 0;
    let mut schemes = 0;
    for part in parts(element, b';') {
        let Some(equals) = part.iter().position(|&byte| byte == b'=') else { continue };
        let (name, value) = part.split_at(equals);
        let value = unquoted(value.get(1..).unwrap_or_default());
        if name.eq_ignore_ascii_case(b"for") {
            addresses += 1;
            entry.address = value.and_then(identifier);
        } else if name.eq_ignore_ascii_case(b"proto") {
            schemes += 1;
            entry.https = value.and_then(scheme);
        }
    }
    Entry { address: entry.address.filter(|_| addresses == 1), https: entry.https.filter(|_| schemes == 1) }
}

/// Returns a token, or the text within the quotes. Escapes are for characters that no address and
/// no scheme has.
fn unquoted(value: &[u8]) -> Option<&[u8]> {
    let inner = match value.strip_prefix(b"\"") {
        Some(rest) => rest.strip_suffix(b"\"")?,
        None => value,
    };
    (!inner.iter().any(|byte| matches!(byte, b'"' | b'\\'))).then_some(inner)
}

fn scheme(text: &[u8]) -> Option<bool> {
    let is = |scheme: &[u8]| text.eq_ignore_ascii_case(scheme);
    // A proxy that was asked for an upgrade may call it by the scheme of WebSockets.
    match () {
        () if is(b"https") || is(b"wss") => Some(true),
        () if is(b"http") || is(b"ws") => Some(false),
        () => None,
    }
}

/// Reads an address as proxies write it: alone, in brackets if it is of IPv6, and either with a
/// port, which may be hidden (`_x`) and says nothing here.
fn identifier(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let (address, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (inner, port) = rest.split_once(']')?;
            (IpAddr::V6(inner.parse::<Ipv6Addr>().ok()?), port)
        }
        None => {
            let colon = text.find(':')?;
            let (address, port) = text.split_at(colon);
            (IpAddr::V4(address.parse().ok()?), port)
        }
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let port_is_one = port.strip_prefix(':').is_some_and(|port| !port.is_empty() && port.bytes().all(plain));
    (port.is_empty() || port_is_one).then(|| address.to_canonical())
}

#[cfg(test)]
mod tests;
