//! The configuration as Arti takes it, made of `[onion]` and `[tor]`.

use std::path::Path;

use arti_client::TorClientConfig;
use arti_client::config::onion_service::{OnionServiceConfig, OnionServiceConfigBuilder};
use tor_hsservice::HsNickname;
use tor_hsservice::config::TokenBucketConfig;
use tor_hsservice::config::restricted_discovery::HsClientNickname;

use super::circuits::hard_stream_bound;
use super::{Config, OnionError, PROOF_OF_WORK, Vanguards};
use ephemeral_tor::{self as tor, DiscoveryKey, TorError};

/// Returns the `[tor]` table with what `[onion]` says about the client.
pub(super) fn client_config(settings: &Config, state_dir: &Path) -> Result<TorClientConfig, TorError> {
    let mut table = settings.tor.clone();
    let vanguards = table.entry("vanguards").or_insert_with(|| toml::Table::new().into());
    let Some(vanguards) = vanguards.as_table_mut() else {
        return Err(TorError::Table("tor.vanguards must be a table".into()));
    };
    if vanguards.contains_key("mode") {
        return Err(TorError::Table("tor.vanguards.mode cannot be set: use onion.vanguards".into()));
    }
    let mode = match settings.vanguards {
        Vanguards::Lite => "lite",
        Vanguards::Full => "full",
    };
    vanguards.insert("mode".to_owned(), mode.into());
    if let Some(bytes) = settings.memory_bytes {
        limit_memory(&mut table, bytes)?;
    }
    tor::config(table, state_dir)
}

/// Returns whether a `[tor]` table says itself how much memory Arti's queues may take.
pub(super) fn limits_memory(table: &toml::Table) -> bool {
    let memory = table.get("system").and_then(|system| system.get("memory"));
    memory.is_some_and(|memory| memory.get("max").is_some())
}

pub(super) fn limit_memory(table: &mut toml::Table, bytes: usize) -> Result<(), TorError> {
    if limits_memory(table) {
        return Ok(());
    }
    let mut below = table;
    for (key, name) in [("system", "tor.system"), ("memory", "tor.system.memory")] {
        let entry = below.entry(key).or_insert_with(|| toml::Table::new().into());
        let Some(next) = entry.as_table_mut() else { return Err(TorError::Table(format!("{name} must be a table"))) };
        below = next;
    }
    below.insert("max".to_owned(), i64::try_from(bytes).unwrap_or(i64::MAX).into());
    Ok(())
}

/// Returns the service's configuration. With `clients`, only these can find the service; there has
/// to be one at least.
pub(super) fn service_config<'a>(
    settings: &Config,
    clients: Option<&mut dyn Iterator<Item = (&'a str, &'a DiscoveryKey)>>,
) -> Result<OnionServiceConfig, OnionError> {
    let nickname = HsNickname::new(settings.nickname.clone())
        .map_err(|e| OnionError::Setting { key: "nickname", why: e.to_string() })?;
    if settings.proof_of_work && !PROOF_OF_WORK {
        let why = "this program was built without it: build it with `--features pow`".into();
        return Err(OnionError::Setting { key: "proof_of_work", why });
    }
    let mut builder = OnionServiceConfigBuilder::default();
    builder
        .nickname(nickname)
        .num_intro_points(settings.introduction_points)
        .rate_limit_at_intro(Some(TokenBucketConfig::new(settings.introduction_rate, settings.introduction_burst)))
        .max_concurrent_streams_per_circuit(hard_stream_bound(settings.streams_per_circuit))
        .enable_pow(settings.proof_of_work)
        .pow_rend_queue_depth(queue_depth(settings.circuits_per_second))
        // It would need memory that is both writable and executable, which a hardened system
        // forbids.
        .disable_pow_compilation(true);
    if let Some(clients) = clients {
        let restricted = builder.restricted_discovery();
        restricted.enabled(true);
        for (name, key) in clients {
            let name: HsClientNickname = name
                .parse()
                .map_err(|_| OnionError::Setting { key: "restricted", why: "a client's name is refused".into() })?;
            restricted.static_keys().access().push((name, key.arti().clone()));
        }
    }
    builder.build().map_err(|error| {
        let key = if error.to_string().contains("rate_limit") { "introduction_rate" } else { "introduction_points" };
        OnionError::Setting { key, why: error.to_string() }
    })
}

/// Requests that wait for their turn, with proof of work: as many as can be taken on while their
/// clients are patient. Each takes some 4 KiB.
pub(super) fn queue_depth(circuits_per_second: u32) -> usize {
    usize::try_from(circuits_per_second).unwrap_or(usize::MAX).saturating_mul(20).clamp(64, 8192)
}
