//! What is wrong with where and how the server runs, and what to do about it: facts are gathered,
//! and then judged by pure functions.
//!
//! | module | what lives there |
//! | --- | --- |
//! | [`facts`] | what is known about the machine, the state directory, the settings |
//! | [`gather`] | how it gets known: files, `/proc`, systemd, and Tor if asked for |
//! | `checks` | facts in, findings out |
//! | [`report`] | findings for a person, and as JSON |

mod checks;
pub mod facts;
pub mod gather;
pub mod report;

use serde::Serialize;

pub use checks::examine;

/// The severity of a finding. The order is from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// All is as it should be.
    Ok,
    /// Good to know; nothing has to be done.
    Note,
    /// It weakens what the server promises, or will break.
    Warning,
    /// It breaks what the server promises, or keeps it from running.
    Problem,
}

impl Severity {
    /// Returns the exit code for scripts: 0 for nothing worse than a note, 1 for warnings, 2 for
    /// problems.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Ok | Self::Note => 0,
            Self::Warning => 1,
            Self::Problem => 2,
        }
    }
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check: `area.name`, stable for scripts.
    pub check: &'static str,
    /// How bad it is.
    pub level: Severity,
    /// What was found.
    pub what: String,
    /// Why it matters.
    pub why: Option<&'static str>,
    /// What to do.
    pub remedy: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, level: Severity::Ok, what: what.into(), why: None, remedy: None }
    }

    fn problem(check: &'static str, what: impl Into<String>, why: &'static str, remedy: impl Into<String>) -> Self {
        Self::new(Severity::Problem, check, what, why, remedy)
    }

    fn warning(check: &'static str, what: impl Into<String>, why: &'static str, remedy: impl Into<String>) -> Self {
        Self::new(Severity::Warning, check, what, why, remedy)
    }

    fn note(check: &'static str, what: impl Into<String>, why: &'static str, remedy: impl Into<String>) -> Self {
        Self::new(Severity::Note, check, what, why, remedy)
    }

    pub(crate) fn new(
        level: Severity,
        check: &'static str,
        what: impl Into<String>,
        why: &'static str,
        remedy: impl Into<String>,
    ) -> Self {
        let remedy = Some(remedy.into()).filter(|remedy| !remedy.is_empty());
        Self { check, level, what: what.into(), why: Some(why), remedy }
    }
}

/// Returns the worst of the findings.
#[must_use]
pub fn worst(findings: &[Finding]) -> Severity {
    findings.iter().map(|finding| finding.level).max().unwrap_or(Severity::Ok)
}
