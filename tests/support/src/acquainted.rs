//! Two people who know each other, and their server.

use tempfile::TempDir;

use crate::client::{Client, LocalServer};

/// Alice and Bob, who are contacts at a server on loopback.
pub struct Acquainted {
    /// The folder with both homes, and the state of the server.
    pub home: TempDir,
    /// The one who made the invite.
    pub alice: Client,
    /// The one who used it.
    pub bob: Client,
    /// Their server, killed with this value.
    pub server: LocalServer,
}

impl Acquainted {
    /// Lets them meet. `client` and `server`: the programs.
    pub fn meet(client: &'static str, server: &str) -> Self {
        Self::meet_at(client, server, "")
    }

    /// Lets them meet at a server with this configuration.
    pub fn meet_at(client: &'static str, server: &str, configuration: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("server.toml");
        std::fs::write(&file, configuration).unwrap();
        let arguments = ["--config", file.to_str().unwrap()];
        let server = LocalServer::start_with(server, &home.path().join("state"), "127.0.0.1:0", &arguments);
        let alice = Client::new(client, home.path(), "alice", &server.url);
        let bob = Client::new(client, home.path(), "bob", &server.url);
        alice.meet(&bob);
        Self { home, alice, bob, server }
    }
}
