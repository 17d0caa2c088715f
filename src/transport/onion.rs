//! The onion service: an in-process Tor client (Arti) that publishes it, and the rendezvous circuits that reach it.
//! The only importer of `arti-*` and `tor-*` on the server's side.

/// How far vanguards go (`[onion] vanguards`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vanguards {
    /// Two pinned hops: Arti's default.
    Lite,
    /// Three pinned hops: the default here, since an onion service is what they are for.
    Full,
}

/// The `[onion]` and `[tor]` tables, validated.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Arti's name for the service: the key's name in the state directory.
    pub nickname: String,
    /// The virtual port.
    pub port: u16,
    /// How far vanguards go.
    pub vanguards: Vanguards,
    /// Introduction points, 1 to 20.
    pub introduction_points: u8,
    /// Streams open at once on one rendezvous circuit.
    pub streams_per_circuit: u32,
    /// Rendezvous circuits open at once.
    pub circuits: usize,
    /// Handed to Arti as it is (`TorClientConfigBuilder`).
    pub tor: toml::Table,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            nickname: "ephemeral".into(),
            port: 80,
            vanguards: Vanguards::Full,
            introduction_points: 3,
            streams_per_circuit: 8,
            circuits: 512,
            tor: toml::Table::new(),
        }
    }
}
