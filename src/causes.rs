//! An error and its causes in one line.

/// Returns an error with its causes, each said once: many of our errors name their cause in their
/// own sentence.
pub(crate) fn with_causes(error: &anyhow::Error) -> String {
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !said.ends_with(&cause) {
            said.push_str(": ");
            said.push_str(&cause);
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use std::io;

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
    fn every_other_cause_is_said_after_what_it_caused() {
        let error = Listen { port: 80, source: io::ErrorKind::AddrInUse.into() };
        let error = Err::<(), _>(error).context("the hub").unwrap_err();
        assert_eq!(with_causes(&error), "the hub: cannot listen on port 80: address in use");
    }
}
