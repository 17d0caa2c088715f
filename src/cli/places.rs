//! Finds the server that a command is about: the one that flags and variables name, or else the
//! user's own or the system's service. No configuration file is needed for that, so none can be in
//! the way.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::config::Places;

/// The admin socket of the system's service.
const SERVICE_SOCKET: &str = "/run/ephemeral-server/admin.sock";
/// The state directory of the system's service.
const SERVICE_STATE: &str = "/var/lib/ephemeral-server";

/// A server, running or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instance {
    /// Its admin socket.
    pub(super) socket: PathBuf,
    /// Its state directory; `None`: only the socket is known.
    pub(super) state_dir: Option<PathBuf>,
    /// Whether systemd starts it, and may hold what waits.
    pub(super) is_service: bool,
}

/// The servers that a command may be about.
#[derive(Debug, Clone)]
pub(super) struct Candidates {
    own: Instance,
    /// `None` where a flag or a variable names the server.
    service: Option<Instance>,
    /// Whether this user may do anything to the service.
    may_change_service: bool,
}

/// It is not clear which server is meant.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PlacesError {
    #[error(
        "there are two servers, and it is not clear which one is meant: give --state-dir {own} for your own, or \
         --state-dir {service} for the system's service",
        own = .own.display(), service = .service.display()
    )]
    Ambiguous { own: PathBuf, service: PathBuf },
}

impl Candidates {
    /// Looks where the flags, the variables and the system say.
    pub(super) fn find(places: &Places) -> Self {
        Self::find_below(places, Path::new(SERVICE_SOCKET), Path::new(SERVICE_STATE))
    }

    fn find_below(places: &Places, service_socket: &Path, service_state: &Path) -> Self {
        let service =
            Instance { socket: service_socket.to_owned(), state_dir: Some(service_state.to_owned()), is_service: true };
        let Places { state_dir, state_is_told, admin_socket, socket_is_told } = places.clone();
        let me = rustix::process::geteuid().as_raw();
        let owner = fs::metadata(service_state).map(|metadata| metadata.uid());
        let may_change_service = me == 0 || owner.is_ok_and(|owner| owner == me);
        let names_service = (!state_is_told || state_dir.as_deref() == Some(service_state))
            && (!socket_is_told || admin_socket == service_socket);
        if (state_is_told || socket_is_told) && names_service {
            return Self { own: service, service: None, may_change_service };
        }
        let told = state_is_told || socket_is_told;
        // A socket does not say whose keys are meant.
        let state_dir = state_dir.filter(|_| state_is_told || !socket_is_told);
        let own = Instance { socket: admin_socket, state_dir, is_service: false };
        Self { own, service: (!told).then_some(service), may_change_service }
    }

    /// Returns the server to ask something that changes nothing: the one that runs.
    pub(super) fn to_ask(&self) -> &Instance {
        match &self.service {
            Some(service) if !self.own.socket.exists() && service.socket.exists() => service,
            _ => &self.own,
        }
    }

    /// Returns the server to change.
    ///
    /// # Errors
    /// If two run, or if none runs and there are two state directories.
    pub(super) fn to_change(&self) -> Result<&Instance, PlacesError> {
        let Some(service) = self.service.as_ref().filter(|_| self.may_change_service) else { return Ok(self.to_ask()) };
        match (self.own.socket.exists(), service.socket.exists()) {
            (true, false) => Ok(&self.own),
            (false, true) => Ok(service),
            (true, true) => Err(self.ambiguous(service)),
            // Between a crash and its restart, the service has neither a socket nor, it may be, a
            // key.
            (false, false) => match (self.own.is_there(), service.is_installed()) {
                (_, false) => Ok(&self.own),
                (false, true) => Ok(service),
                (true, true) => Err(self.ambiguous(service)),
            },
        }
    }

    /// Returns the server whose identity is to go: it may not run, so it is not enough that only
    /// one does.
    ///
    /// # Errors
    /// If there are two.
    pub(super) fn to_destroy(&self) -> Result<&Instance, PlacesError> {
        let Some(service) = self.service.as_ref().filter(|_| self.may_change_service) else { return Ok(self.to_ask()) };
        match (self.own.is_there(), service.is_there()) {
            (false, false) if service.is_installed() => Ok(service),
            (_, false) => Ok(&self.own),
            (false, true) => Ok(service),
            (true, true) => Err(self.ambiguous(service)),
        }
    }

    /// Names every state directory that was looked at.
    pub(super) fn state_dirs(&self) -> String {
        let both = [Some(&self.own), self.service.as_ref()];
        let named = both.into_iter().flatten().filter_map(|instance| instance.state_dir.as_ref());
        named.map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    }

    fn ambiguous(&self, service: &Instance) -> PlacesError {
        let state = |instance: &Instance| instance.state_dir.clone().unwrap_or_default();
        PlacesError::Ambiguous { own: state(&self.own), service: state(service) }
    }
}

impl Instance {
    /// Returns whether the server has a state directory, be it empty.
    fn is_installed(&self) -> bool {
        self.state_dir.as_ref().is_some_and(|path| path.is_dir())
    }

    /// Returns whether the server has left a trace: a socket, or a state directory that is not
    /// empty.
    fn is_there(&self) -> bool {
        let has_entries = |path: &PathBuf| fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
        self.socket.exists() || self.state_dir.as_ref().is_some_and(has_entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Directories of a user and of a service, which may both be touched here.
    struct Machine(tempfile::TempDir);

    impl Machine {
        fn new() -> Self {
            let machine = Self(tempfile::tempdir().unwrap());
            for name in ["own", "service", "run"] {
                fs::create_dir(machine.at(name)).unwrap();
            }
            machine
        }

        fn at(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn put(&self, name: &str) {
            fs::write(self.at(name), "").unwrap();
        }

        fn candidates(&self, state: Option<&str>, socket: Option<&str>) -> Candidates {
            let places = Places {
                state_dir: Some(self.at(state.unwrap_or("own"))),
                state_is_told: state.is_some(),
                admin_socket: self.at(socket.unwrap_or(&format!("{}/admin.sock", state.unwrap_or("own")))),
                socket_is_told: socket.is_some(),
            };
            Candidates::find_below(&places, &self.at("run/admin.sock"), &self.at("service"))
        }
    }

    #[test]
    fn where_nobody_names_one_the_service_is_found_and_two_identities_are_refused() {
        let machine = Machine::new();
        let found = machine.candidates(None, None);
        assert!(found.to_change().unwrap().is_service, "after a crash there may be an empty directory, and no more");
        assert!(found.to_destroy().unwrap().is_service);
        machine.put("service/tor");
        let service = found.to_destroy().unwrap().clone();
        assert_eq!((service.state_dir, service.is_service), (Some(machine.at("service")), true));
        machine.put("run/admin.sock");
        assert_eq!(found.to_ask().socket, machine.at("run/admin.sock"));

        machine.put("own/tor");
        let refused = found.to_destroy().unwrap_err().to_string();
        for name in ["own", "service"] {
            assert!(refused.contains(&format!("--state-dir {}", machine.at(name).display())), "{refused}");
        }
        assert!(found.to_change().unwrap().is_service, "the one that runs has what waits");
        machine.put("own/admin.sock");
        assert!(found.to_change().is_err(), "two run");
        assert!(!found.to_ask().is_service, "the own one goes first where nothing changes");
    }

    #[test]
    fn what_is_named_is_meant_and_the_services_directory_has_the_services_socket() {
        let machine = Machine::new();
        machine.put("service/tor");
        machine.put("own/tor");
        let named = machine.candidates(Some("own"), None);
        assert_eq!(named.to_destroy().unwrap().state_dir, Some(machine.at("own")));
        let named = machine.candidates(Some("service"), None);
        assert_eq!(named.to_destroy().unwrap().socket, machine.at("run/admin.sock"));
        let named = machine.candidates(None, Some("run/admin.sock"));
        assert_eq!(named.to_destroy().unwrap().state_dir, Some(machine.at("service")));
        let named = machine.candidates(None, Some("elsewhere.sock"));
        assert_eq!(named.to_destroy().unwrap().state_dir, None, "a socket does not say whose keys are meant");
        let named = machine.candidates(Some("own"), Some("elsewhere.sock"));
        assert_eq!(named.to_destroy().unwrap().state_dir, Some(machine.at("own")));
    }
}
