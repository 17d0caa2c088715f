//! Origins of pages (RFC 6454, section 6.2), as they are compared.

use super::host_name;

/// Writes an origin as it is compared: the scheme in lower case, the host as [`host_name`] writes
/// it, and the port unless it is the scheme's own. Browsers write theirs like that, and so do apps
/// that are pages in a frame of their own (`capacitor://localhost`).
///
/// Returns `None` if it is none: no scheme (RFC 3986, section 3.1), a path (be it `/`), a user, a
/// wildcard, `null`.
#[must_use]
pub fn origin(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    // No page comes from a WebSocket.
    let is_of_a_page = !matches!(scheme.as_str(), "ws" | "wss");
    if !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) || !scheme.bytes().all(plain) || !is_of_a_page {
        return None;
    }
    let own_port = match scheme.as_str() {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    // The colons of an IPv6 address stand in brackets.
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let host = host_name(host)?;
    let Some(port) = port else { return Some(format!("{scheme}://{host}")) };
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse::<u16>().ok().filter(|_| digits)?;
    Some(if Some(port) == own_port { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{port}") })
}
