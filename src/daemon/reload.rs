//! SIGHUP: the configuration is read again. What can change while it runs is applied, and what
//! cannot is named.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::{Config, ConfigError, Flags};
use crate::conn::Server;
use crate::transport::clearnet::Control;
use crate::{hub, logging};
use ephemeral_core::store;

/// The source of the configuration, and what decides about the log.
pub struct ConfigSource {
    /// The flags that the process was started with.
    pub flags: Flags,
    /// The log's filter.
    pub log: logging::Filter,
}

/// The outcome of the last reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Reloaded {
    /// What the file says is in force; or nobody has asked for it to be read again.
    #[default]
    InForce,
    /// Some of what it says waits for a restart.
    InPart,
    /// It cannot be used.
    Refused {
        /// How many problems it has.
        problems: usize,
    },
}

/// The parts that a reload changes.
pub(super) struct Reload {
    pub(super) origin: ConfigSource,
    /// The server, for connections that come from now on.
    pub(super) server: watch::Sender<Arc<Server>>,
    /// The TCP listener, if there is one.
    pub(super) clearnet: Option<Control>,
}

impl Reload {
    /// Reads the configuration again, and changes `config`, which is what is in force, as far as it
    /// can be. What changed is in the log, and what is wrong. Blocks while it reads.
    fn apply(&self, config: &mut Config) -> Reloaded {
        let told = match Config::load(&self.origin.flags, &|name| std::env::var_os(name)) {
            Ok(told) => told,
            Err(error) => return refused(&error),
        };
        let next = in_force(config, &told);
        if let (Some(control), Some(settings)) = (&self.clearnet, &next.clearnet)
            && let Err(error) = control.apply(settings)
        {
            tracing::error!("{error}");
            tracing::error!("the configuration stays as it was");
            return Reloaded::Refused { problems: 1 };
        }
        let concerns = next.clearnet.as_ref().map(|settings| settings.concerns(Clock::System.wall()));
        concerns.unwrap_or_default().iter().for_each(|concern| tracing::warn!("{concern}"));
        if let Err(error) = self.origin.log.set(&next.log_filter) {
            tracing::error!("{error}");
        }
        let before = self.server.borrow().clone();
        before.admission.set_policy(next.policy, next.limits.unauthenticated);
        before.sessions.hub.set_settings(hub::Config::from_config(&next));
        self.server.send_replace(before.renewed(next.rules.clone(), next.timing, next.limits));

        let changed = differences(config, &next);
        let waits = differences(&next, &told);
        *config = next;
        if changed.is_empty() {
            tracing::info!("the configuration was read again: no setting changes, certificates are those of the files");
        } else {
            tracing::info!("the configuration was read again, from now on in force: {}", changed.join(", "));
        }
        if waits.is_empty() {
            return Reloaded::InForce;
        }
        tracing::warn!(
            "what the configuration says of these needs a restart, which loses no message: {}",
            waits.join(", ")
        );
        Reloaded::InPart
    }
}

/// Runs [`Reload::apply`] on a thread that may block.
pub(super) async fn run(reload: &Arc<Reload>, config: &mut Config) -> Reloaded {
    let reload = Arc::clone(reload);
    let mut changing = config.clone();
    let applied = tokio::task::spawn_blocking(move || {
        let outcome = reload.apply(&mut changing);
        (outcome, changing)
    });
    match applied.await {
        Ok((outcome, changed)) => {
            *config = changed;
            outcome
        }
        // The panic hook has logged where.
        Err(_) => Reloaded::Refused { problems: 1 },
    }
}

fn refused(error: &ConfigError) -> Reloaded {
    let text = error.to_string();
    for problem in text.lines() {
        tracing::error!("{problem}");
    }
    tracing::error!("the configuration stays as it was");
    Reloaded::Refused { problems: text.lines().count() }
}

/// Returns what will be in force: `told`, except for what cannot change while the server runs.
fn in_force(now: &Config, told: &Config) -> Config {
    let fixed = now.clone();
    let clearnet = match (&now.clearnet, &told.clearnet) {
        (Some(now), Some(told)) if now.listen == told.listen => Some(told.clone()),
        // What is allowed depends on where it listens.
        _ => fixed.clearnet,
    };
    let store::Config { total_bytes, kept_for_online, .. } = fixed.bounds;
    let mut rules = told.rules.clone();
    if fixed.cluster.is_some() {
        // The NATS servers were asked at the start whether they take such a message.
        rules.content_bytes = fixed.rules.content_bytes;
    }
    // No `..`: a new field does not compile until it is known whether it can change.
    Config {
        dead_man: fixed.dead_man,
        state_dir: fixed.state_dir,
        admin_socket: fixed.admin_socket,
        bounds: store::Config { total_bytes, kept_for_online, ..told.bounds },
        survive_restart: fixed.survive_restart,
        metrics: fixed.metrics,
        cluster: fixed.cluster,
        hub: fixed.hub,
        front: fixed.front,
        onion: fixed.onion,
        log_format: fixed.log_format,
        clearnet,
        rules,
        timing: told.timing,
        limits: told.limits,
        policy: told.policy,
        grace: told.grace,
        log_level: told.log_level,
        log_filter: told.log_filter.clone(),
    }
}

/// Returns the names of the settings in which two configurations differ.
fn differences(one: &Config, other: &Config) -> Vec<String> {
    let read = |config: &Config| config.to_toml().parse::<toml::Table>().unwrap_or_default();
    let one = read(one);
    let other = read(other);
    let tables: BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let mut differing = Vec::new();
    for name in tables {
        if one.contains_key(name) != other.contains_key(name) {
            // It is off in one of them, and has no settings there.
            differing.push(format!("[{name}]"));
            continue;
        }
        let table =
            |config: &toml::Table| config.get(name).and_then(toml::Value::as_table).cloned().unwrap_or_default();
        let one = table(&one);
        let other = table(&other);
        let keys: BTreeSet<_> = one.keys().chain(other.keys()).collect();
        let keys: Vec<_> = keys.into_iter().filter(|key| one.get(*key) != other.get(*key)).cloned().collect();
        if !keys.is_empty() {
            differing.push(format!("[{name}] {}", keys.join(", ")));
        }
    }
    differing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, text).unwrap();
        let flags = Flags { config: Some(path), state_dir: Some("/state".into()), ..Flags::default() };
        Config::load(&flags, &|_| None).unwrap()
    }

    fn changes(now: &str, told: &str) -> (Vec<String>, Vec<String>) {
        let now = config(now);
        let told = config(told);
        let next = in_force(&now, &told);
        (differences(&now, &next), differences(&next, &told))
    }

    #[test]
    fn what_can_change_is_told_from_what_waits_for_a_restart() {
        let told = "[store]\nmailbox_messages = 5\ntotal_bytes = 100000000\n[limits]\nburst = 3\n[block]\nstrikes = 4\n\
                    [session]\nwindow = 6\n[log]\nlevel = 'debug'\n[shutdown]\ngrace_s = 3\n[onion]\ncircuits = 9\n\
                    [tor]\naddress_filter.allow_local_addrs = true\n";
        let (changed, waits) = changes("", told);
        let expected = [
            "[block] strikes",
            "[limits] burst",
            "[log] level",
            "[session] window",
            "[shutdown] grace_s",
            "[store] mailbox_messages",
        ];
        assert_eq!(changed, expected);
        assert_eq!(waits, ["[onion] circuits", "[store] total_bytes", "[tor] address_filter"]);
    }

    #[test]
    fn a_message_of_a_cluster_grows_only_with_a_restart() {
        let cluster = "[cluster]\nnats = ['127.0.0.1:1']\nnode = 'a'\nsecret_file = '/s'\n";
        let (changed, waits) = changes(cluster, &format!("{cluster}[store]\ncontent_bytes = 100000\n"));
        assert_eq!((changed, waits), (vec![], vec!["[store] content_bytes".to_owned()]));
    }

    #[test]
    fn a_listener_is_not_given_what_was_meant_for_another_address() {
        let now = "[clearnet]\nlisten = '127.0.0.1:1'\nserver_names = ['a.example']\n";
        let more = now.replace("['a.example']", "['b.example']\nallowed_origins = ['https://p.example']");
        let (changed, waits) = changes(now, &more);
        assert_eq!((changed, waits), (vec!["[clearnet] allowed_origins, server_names".to_owned()], vec![]));
        let (changed, waits) = changes(now, &more.replace("127.0.0.1:1", "127.0.0.1:2"));
        assert_eq!((changed, waits), (vec![], vec!["[clearnet] allowed_origins, listen, server_names".to_owned()]));
        let (changed, waits) = changes(now, "");
        assert_eq!((changed, waits), (vec![], vec!["[clearnet]".to_owned()]));
    }
}
