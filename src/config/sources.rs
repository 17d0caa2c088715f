//! The environment and the flags, and which of them wins.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::problem::Problem;
use super::setting::Setting;
use crate::admin::socket;
use crate::logging::{self, LogFormat, LogLevel};

/// What a sentence about an address accepts.
pub(super) const ADDRESS: &str = "must be an IP address with a port, such as 127.0.0.1:8443 or [::1]:8443";

/// Where the TCP listener is when it was only said that there should be one.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8443);

/// The flags of `ephemeral-server`: they win over the environment, which wins over the file.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Flags {
    /// Read settings from this TOML file; a missing file is an error [env: EPHEMERAL_CONFIG]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,

    /// Keep the onion service's keys and Tor's state here, never a message [env:
    /// EPHEMERAL_STATE_DIR, STATE_DIRECTORY] [default: the platform's data directory]
    #[arg(long, value_name = "DIR", global = true)]
    pub state_dir: Option<PathBuf>,

    /// Where `status` and the other commands reach the running server [env: EPHEMERAL_ADMIN_SOCKET]
    /// [default: admin.sock in RUNTIME_DIRECTORY or in the state directory]
    #[arg(long, value_name = "PATH", global = true)]
    pub admin_socket: Option<PathBuf>,

    /// Also listen on TCP; without ADDR where PORT or the file says, else on 127.0.0.1:8443 [env:
    /// PORT, a port on 127.0.0.1]
    #[arg(long, value_name = "ADDR", global = true, num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub clearnet: Option<String>,

    /// Do not start Tor: TCP only [env: TOR_ENABLED=false]
    #[arg(long, global = true)]
    pub no_tor: bool,

    /// How much to log; replaces LOG_LEVEL and RUST_LOG [env: LOG_LEVEL; RUST_LOG adds detail,
    /// "info,ephemeral=debug"] [default: as the file says, else info]
    #[arg(long, value_name = "LEVEL", global = true, ignore_case = true)]
    pub log_level: Option<LogLevel>,

    /// How log lines look, on stderr [default: text]
    #[arg(long, value_name = "FORMAT", global = true)]
    pub log_format: Option<LogFormat>,
}

impl Flags {
    /// Returns the file that settings are read from, if one is named.
    #[must_use]
    pub fn config_file(&self, environment: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
        let sources = Sources { flags: self, environment, problems: Vec::new() };
        sources.config().map(|(path, _)| path)
    }

    /// Returns where the server's state and socket are, by the flags and the environment alone,
    /// which no file can break.
    #[must_use]
    pub fn places(&self, environment: &dyn Fn(&str) -> Option<OsString>) -> Places {
        let mut sources = Sources { flags: self, environment, problems: Vec::new() };
        let is_set = |name: &str| sources.path(name).is_some();
        let state_is_told = self.state_dir.is_some() || is_set("EPHEMERAL_STATE_DIR") || is_set("STATE_DIRECTORY");
        let socket_is_told =
            self.admin_socket.is_some() || is_set("EPHEMERAL_ADMIN_SOCKET") || is_set("RUNTIME_DIRECTORY");
        let state_dir = sources.state_dir();
        let admin_socket = sources.admin_socket(&state_dir);
        // Without a home directory there is no default.
        let state_dir = Some(state_dir).filter(|path| !path.as_os_str().is_empty());
        Places { state_dir, state_is_told, admin_socket, socket_is_told }
    }
}

/// The places of a server's state and socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The state directory; `None`: nobody has named one, and there is no home directory.
    pub state_dir: Option<PathBuf>,
    /// Whether a flag or a variable names it.
    pub state_is_told: bool,
    /// The admin socket.
    pub admin_socket: PathBuf,
    /// Whether a flag or a variable names it.
    pub socket_is_told: bool,
}

/// The environment, the flags, and what is wrong with them.
pub(super) struct Sources<'a> {
    pub(super) flags: &'a Flags,
    pub(super) environment: &'a dyn Fn(&str) -> Option<OsString>,
    pub(super) problems: Vec<Problem>,
}

impl Sources<'_> {
    /// Returns a variable as a path; an empty one is one that is not set, since that is how
    /// container tools write "unset".
    fn path(&self, name: &str) -> Option<PathBuf> {
        (self.environment)(name).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    fn variable<T>(
        &mut self,
        name: &'static str,
        accepted: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<Setting<T>> {
        let value = (self.environment)(name).filter(|value| !value.is_empty())?;
        let told = format!("environment variable {name} = {value:?}");
        match value.to_str().and_then(read) {
            Some(value) => Some(Setting::told(name, value, told)),
            None => {
                self.problems.push(Problem::new(told, accepted));
                None
            }
        }
    }

    /// Returns the file, and who named it.
    pub(super) fn config(&self) -> Option<(PathBuf, &'static str)> {
        let flag = self.flags.config.clone().map(|path| (path, "--config"));
        flag.or_else(|| self.path("EPHEMERAL_CONFIG").map(|path| (path, "EPHEMERAL_CONFIG")))
    }

    /// Returns the state directory: of `--state-dir`, `EPHEMERAL_STATE_DIR`, systemd's
    /// `STATE_DIRECTORY`, the platform's data directory.
    pub(super) fn state_dir(&mut self) -> PathBuf {
        let told = self.flags.state_dir.clone().or_else(|| self.path("EPHEMERAL_STATE_DIR")).or_else(|| {
            // systemd.exec(5): several are separated by colons; the first is ours.
            let listed = (self.environment)("STATE_DIRECTORY")?;
            std::env::split_paths(&listed).next().filter(|path| !path.as_os_str().is_empty())
        });
        let chosen = told.or_else(|| {
            directories::ProjectDirs::from("", "", "ephemeral-server").map(|dirs| dirs.data_local_dir().to_owned())
        });
        let absolute = chosen.and_then(|path| std::path::absolute(path).ok());
        absolute.unwrap_or_else(|| {
            let says = "there is no home directory to keep the keys under, or it cannot be read: give a directory";
            self.problems.push(Problem::new("--state-dir", says));
            PathBuf::new()
        })
    }

    /// Returns the admin socket: of `--admin-socket`, `EPHEMERAL_ADMIN_SOCKET`, a name in systemd's
    /// `RUNTIME_DIRECTORY` or in the state directory.
    pub(super) fn admin_socket(&self, state_dir: &Path) -> PathBuf {
        let told = self.flags.admin_socket.clone().or_else(|| self.path("EPHEMERAL_ADMIN_SOCKET"));
        let told = told.and_then(|path| std::path::absolute(path).ok());
        told.unwrap_or_else(|| {
            let listed = (self.environment)("RUNTIME_DIRECTORY").unwrap_or_default();
            let runtime = std::env::split_paths(&listed).next().filter(|path| !path.as_os_str().is_empty());
            runtime.unwrap_or_else(|| state_dir.to_owned()).join(socket::NAME)
        })
    }

    /// Returns where to listen on TCP, if at all: `--clearnet`, `PORT`, the file.
    pub(super) fn listen(&mut self, file: Setting<Option<SocketAddr>>) -> Setting<Option<SocketAddr>> {
        let port = self.variable("PORT", "must be a port, a whole number from 0 to 65535", |text| {
            text.parse::<u16>().ok().map(|port| Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)))
        });
        match self.flags.clearnet.as_deref() {
            // The bare flag says that, not where.
            Some("") => match port.unwrap_or(file) {
                Setting { value: None, .. } => Setting::told("--clearnet", Some(DEFAULT_LISTEN), "--clearnet"),
                told => told,
            },
            Some(text) => {
                let told = format!("--clearnet {text}");
                let value = address(text);
                if value.is_none() {
                    self.problems.push(Problem::new(told.clone(), ADDRESS));
                }
                Setting::told("--clearnet", value, told)
            }
            None => port.unwrap_or(file),
        }
    }

    /// Returns whether Tor is started: `--no-tor`, `TOR_ENABLED`, the file.
    pub(super) fn tor_enabled(&mut self, file: &Setting<bool>) -> bool {
        let words = "must be one of true, false, yes, no, on, off, 1, 0";
        let variable = self.variable("TOR_ENABLED", words, |text| match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => None,
        });
        !self.flags.no_tor && variable.map_or(file.value, |variable| variable.value)
    }

    /// Returns the level and the filter: `--log-level` alone, or `LOG_LEVEL` (else what the file
    /// says) with `RUST_LOG` behind it, of which the later directive wins. See [`logging::filter`]
    /// for what that leaves of Arti's lines.
    pub(super) fn log_filter(&mut self, file: LogLevel) -> (LogLevel, String) {
        if let Some(level) = self.flags.log_level {
            return (level, logging::filter(level, None));
        }
        let words = "must be one of error, warn, info, debug, trace";
        let level = self.variable("LOG_LEVEL", words, |text| LogLevel::from_str(text, true).ok());
        let level = level.map_or(file, |level| level.value);
        let accepted = "must be directives such as info,ephemeral=debug";
        let detail = self.variable("RUST_LOG", accepted, |text| logging::is_filter(text).then(|| text.to_owned()));
        (level, logging::filter(level, detail.as_ref().map(|detail| detail.value.as_str())))
    }
}

/// Reads an address with a port; `localhost` is 127.0.0.1, whatever the resolver thinks.
pub(super) fn address(text: &str) -> Option<SocketAddr> {
    let literal = || text.parse().ok();
    let local = text.strip_prefix("localhost:").and_then(|port| port.parse().ok());
    local.map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)).or_else(literal)
}

#[cfg(test)]
mod tests;
