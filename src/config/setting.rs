//! One value together with where it was told, so that a rule between two settings can name the
//! right one.

use std::fmt::Display;

use super::problem::Problem;

/// A value, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting<T> {
    pub(super) value: T,
    /// The key, the flag or the variable.
    pub(super) name: &'static str,
    /// Where it was told, ready to be shown; `None`: nowhere, it is the default.
    pub(super) told: Option<String>,
    /// What was told is not accepted: `value` is the default, and nothing follows from it.
    pub(super) refused: bool,
}

impl<T> Setting<T> {
    /// Makes a setting of a value that was told at a place.
    pub(super) fn told(name: &'static str, value: T, told: impl Into<String>) -> Self {
        Self { value, name, told: Some(told.into()), refused: false }
    }

    /// Returns the problem that `says` describes, with this setting.
    pub(super) fn problem(&self, says: impl Into<String>) -> Problem {
        Problem::new(self.told.as_deref().unwrap_or(self.name), says)
    }
}

impl<T: Display> Setting<T> {
    /// Returns how another setting's problem refers to this one.
    fn reference(&self) -> String {
        let default = if self.told.is_none() { ", the default" } else { "" };
        format!("{} ({}{default})", self.name, self.value)
    }

    /// Checks a rule between two settings. The first is blamed, unless it was never told: then it
    /// is the other that does not go together with a default.
    pub(super) fn must_be<U: Display>(
        &self,
        relation: &str,
        other: &Setting<U>,
        inverse: &str,
        holds: impl FnOnce(&T, &U) -> bool,
    ) -> Option<Problem> {
        if self.refused || other.refused || holds(&self.value, &other.value) {
            return None;
        }
        Some(match self.told {
            None if other.told.is_some() => other.problem(format!("must be {inverse} {}", self.reference())),
            _ => self.problem(format!("must be {relation} {}", other.reference())),
        })
    }
}
