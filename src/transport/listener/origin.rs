//! Origins of pages (RFC 6454, section 6.2), as they are compared.

use super::host_name;

/// An origin as it is compared: scheme `http` or `https`, host as [`host_name`] writes it, and the port unless it is the
/// scheme's own. Browsers write theirs like that.
///
/// `None` if it is none: another scheme, a path (be it `/`), a user, a wildcard, `null`.
#[must_use]
pub fn origin(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let (scheme, own_port) =
        [("http", 80), ("https", 443)].into_iter().find(|(name, _)| scheme.eq_ignore_ascii_case(name))?;
    // The colons of an IPv6 address stand in brackets.
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let host = host_name(host)?;
    let Some(port) = port else { return Some(format!("{scheme}://{host}")) };
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse::<u16>().ok().filter(|_| digits)?;
    Some(if port == own_port { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{port}") })
}
