//! What can be wrong with what the program was told. Every sentence says where it was told, what it
//! is, and what is accepted.

use std::fmt;
use std::path::PathBuf;

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file that was asked for cannot be read, or is not there.
    #[error("{}: the configuration file that {named_by} names cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The flag or the variable.
        named_by: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// Something in it is not accepted: every problem that was found.
    #[error("{}", .0.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<Problem>),
}

/// A value that is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it was told, and what: `config.toml:12: [session] window = 0`, `PORT = "x"`,
    /// `--clearnet x`. Empty if nowhere.
    pub told: String,
    /// What is wrong with it, and what is accepted.
    pub says: String,
}

impl Problem {
    pub(super) fn new(told: impl Into<String>, says: impl Into<String>) -> Self {
        Self { told: told.into(), says: says.into() }
    }

    /// Returns whether it leaves open which key the onion service has, or where that is.
    pub(super) fn is_about_the_onion_service(&self) -> bool {
        ["[onion]", "--state-dir", "TOR_ENABLED"].iter().any(|setting| self.told.contains(setting))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.told.is_empty() {
            write!(formatter, "{}: ", self.told)?;
        }
        formatter.write_str(&self.says)
    }
}
