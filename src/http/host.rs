//! The `Host` rule: which server a request is meant for. It defeats DNS rebinding, it is what a
//! client signs, and the origin of this server's own pages follows from it.

use http::uri::Authority;
use hyper::Request;
use hyper::header::HOST;

/// The server that a request is meant for, as it says.
pub(super) struct RequestHost {
    /// The host alone: lower case, without port and without the dot of an absolute name.
    pub(super) name: String,
    /// Host and port, as the request writes them.
    pub(super) authority: String,
}

/// Reads the request's host. It stands in the one `Host`; an absolute request target has to agree
/// with it (RFC 9112, section 3.2.2: a client sends the target's authority there).
///
/// # Errors
/// A sentence for the client.
pub(super) fn of<B>(request: &Request<B>) -> Result<RequestHost, &'static str> {
    let mut headers = request.headers().get_all(HOST).iter();
    let header = headers.next().ok_or("the request has no `Host`")?;
    if headers.next().is_some() {
        return Err("the request has more than one `Host`");
    }
    let header = header.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
    let header = header.filter(|authority| !authority.as_str().contains('@')).ok_or("the `Host` is not a host")?;
    if request.uri().authority().is_some_and(|target| *target != header) {
        return Err("the request's target is not of the server that `Host` names");
    }
    let name = header.host().strip_suffix('.').unwrap_or(header.host()).to_ascii_lowercase();
    Ok(RequestHost { name, authority: header.as_str().to_owned() })
}
