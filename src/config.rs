//! Defaults, then the file, the environment and the flags, become one validated [`Config`]. Every error names its key.

use std::path::PathBuf;
use std::time::Duration;

use crate::{conn, pump, session, store, transport};

/// Everything that the daemon was told, validated.
#[derive(Debug, Clone)]
pub struct Config {
    /// Keys and Tor state; never message content. Created 0700.
    pub state_dir: PathBuf,
    /// `[store]`: the bounds.
    pub bounds: store::Bounds,
    /// `[store]`, `[limits]` and `[session]`: what holds for every session.
    pub rules: session::Rules,
    /// `[session]`: how long a session waits for its peer.
    pub timing: pump::Timing,
    /// `[limits]`: how many connections there may be.
    pub limits: conn::Limits,
    /// `[clearnet]`; `None`: off.
    pub clearnet: Option<transport::clearnet::Settings>,
    /// `[onion]` and `[tor]`; `None`: off.
    pub onion: Option<transport::onion::Settings>,
    /// `[shutdown] grace_s`.
    pub grace: Duration,
    /// The log filter: `--log-level`, `LOG_LEVEL`, `RUST_LOG`.
    pub log_filter: String,
    /// `--log-format`.
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// One line a person can read.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}
