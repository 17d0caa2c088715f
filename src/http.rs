//! Routes, error bodies, headers, the `Host` rule.
