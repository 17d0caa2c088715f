//! Says how much is logged: our own lines at a level, those of Arti and rustls only where somebody
//! asks for them.

use super::LogLevel;

/// What Arti says at the levels of every day is about its own parts: attempts, timeouts, circuits.
/// The daemon says in its own words what they mean for the operator. The names are prefixes of
/// targets: `arti_client`, `tor_chanmgr` … And rustls warns of each handshake that fails, so that
/// whoever connects could fill the log.
const QUIET: &str = "arti=error,rustls=error,tor=error";

/// Returns the filter for a level, with the further directives of `RUST_LOG`, of which the later
/// ones win.
///
/// At `info` and `warn`, lines of Arti and rustls are at `error`. A level that stands alone in
/// `RUST_LOG` is for everything, them included.
#[must_use]
pub fn filter(level: LogLevel, detail: Option<&str>) -> String {
    let for_everything = |directive: &str| !directive.trim().is_empty() && !directive.contains(['=', '[', ':']);
    let is_level = |directive: &str| {
        let word = directive.trim();
        ["off", "error", "warn", "info", "debug", "trace"].iter().any(|level| word.eq_ignore_ascii_case(level))
    };
    let is_asked_for = detail.is_some_and(|detail| detail.split(',').any(|one| for_everything(one) && is_level(one)));
    let quiet = matches!(level, LogLevel::Info | LogLevel::Warn) && !is_asked_for;
    let level = level.to_string();
    let parts = [Some(level.as_str()), quiet.then_some(QUIET), detail];
    parts.into_iter().flatten().collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arti_is_quiet_at_the_levels_of_every_day_unless_it_is_asked() {
        assert_eq!(filter(LogLevel::Info, None), "info,arti=error,rustls=error,tor=error");
        assert_eq!(filter(LogLevel::Warn, None), "warn,arti=error,rustls=error,tor=error");
        assert_eq!(filter(LogLevel::Error, None), "error");
        assert_eq!(filter(LogLevel::Debug, None), "debug");
        assert_eq!(
            filter(LogLevel::Info, Some("ephemeral=debug")),
            "info,arti=error,rustls=error,tor=error,ephemeral=debug"
        );
        assert_eq!(
            filter(LogLevel::Info, Some("tor_proto=debug")),
            "info,arti=error,rustls=error,tor=error,tor_proto=debug"
        );
        assert_eq!(filter(LogLevel::Info, Some("debug")), "info,debug");
        assert_eq!(filter(LogLevel::Info, Some("hyper=off, TRACE")), "info,hyper=off, TRACE");
    }
}
