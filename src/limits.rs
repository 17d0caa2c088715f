//! Rates; no clock.
