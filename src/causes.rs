//! Errors in one line, and in our own words.

use std::io;

/// Returns an error with its causes, each said once: many of our errors name their cause in their
/// own sentence.
#[must_use]
pub fn with_causes(error: &anyhow::Error) -> String {
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !said.ends_with(&cause) {
            said.push_str(": ");
            said.push_str(&cause);
        }
    }
    said
}

/// Says why a connection over TLS to another machine is no use.
#[must_use]
pub fn of_connection(error: &io::Error) -> String {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::AlertReceived(_)) => "it does not take the key of this machine".to_owned(),
        Some(rustls::Error::InvalidCertificate(_)) => "it has another key than it is said to have".to_owned(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => "it closed the connection".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot listen on port {port}: {source}")]
    struct Listen {
        port: u16,
        source: io::Error,
    }

    #[test]
    fn a_cause_that_the_error_names_itself_is_said_once() {
        let error = Listen { port: 80, source: io::ErrorKind::AddrInUse.into() };
        assert_eq!(with_causes(&error.into()), "cannot listen on port 80: address in use");
    }

    #[test]
    fn of_connections_it_is_said_who_refused_whom() {
        let tls = |error: rustls::Error| of_connection(&io::Error::new(io::ErrorKind::InvalidData, error));
        assert_eq!(
            tls(rustls::Error::AlertReceived(rustls::AlertDescription::UnknownCA)),
            "it does not take the key of this machine"
        );
        let wrong = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        assert_eq!(tls(wrong), "it has another key than it is said to have");
        let eof = io::Error::new(io::ErrorKind::UnexpectedEof, "see https://example.com");
        assert_eq!(of_connection(&eof), "it closed the connection");
        assert_eq!(of_connection(&io::ErrorKind::TimedOut.into()), "timed out");
    }

    #[test]
    fn every_other_cause_is_said_after_what_it_caused() {
        let error = Listen { port: 80, source: io::ErrorKind::AddrInUse.into() };
        let error = Err::<(), _>(error).context("the hub").unwrap_err();
        assert_eq!(with_causes(&error), "the hub: cannot listen on port 80: address in use");
    }
}
