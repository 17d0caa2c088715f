//! The `Host` rule: which server a request is meant for. It defeats DNS rebinding, and it is what a client signs.

use http::uri::Authority;
use hyper::Request;
use hyper::header::HOST;

/// The request's host: without port, lower case. The authority of an absolute request target goes before the header
/// (RFC 9112, section 3.2.2).
pub(super) fn of<B>(request: &Request<B>) -> Result<String, &'static str> {
    let mut headers = request.headers().get_all(HOST).iter();
    let header = headers.next().ok_or("the request has no `Host`")?;
    if headers.next().is_some() {
        return Err("the request has more than one `Host`");
    }
    let header = header.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
    let header = header.filter(|authority| !authority.as_str().contains('@')).ok_or("the `Host` is not a host")?;
    let authority = request.uri().authority().unwrap_or(&header);
    Ok(authority.host().to_ascii_lowercase())
}
