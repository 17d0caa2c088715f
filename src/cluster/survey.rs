//! How a whole cluster is: its machines, its NATS servers, and the two streams.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_rustls::TlsConnector;

use super::NatsAddress;
use super::jet::{Jet, STREAMS};
use super::nats::introduce;
use super::talk::MachineReport;

/// The machines of a cluster, and what holds its journal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClusterSurvey {
    /// The machines that answered, this one first.
    pub machines: Vec<MachineReport>,
    /// The machines that were heard of since this process began, and do not answer now.
    pub silent: Vec<SilentMachine>,
    /// The NATS servers, in the order of the configuration.
    pub nats: Vec<NatsReport>,
    /// The streams, as far as their leaders answer.
    pub streams: Vec<StreamReport>,
    /// Why the streams, or the other machines, could not be asked.
    pub left: Option<String>,
}

/// A machine that does not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilentMachine {
    /// What it is called.
    pub node: String,
    /// How long ago it was heard, in seconds.
    pub heard_s: u64,
}

/// A NATS server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatsReport {
    /// Where it is, as the configuration says.
    pub address: String,
    /// What it says of itself; or why it cannot be asked.
    pub server: Result<NatsServer, String>,
}

/// What a NATS server says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NatsServer {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whether JetStream is on.
    pub jetstream: bool,
    /// Bytes of a message, at most.
    pub max_payload: usize,
    /// Whether it asks for a certificate, and shows one.
    pub mutual_tls: bool,
}

/// A stream.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StreamReport {
    /// Its name.
    pub name: String,
    /// Whether it is in memory, and nowhere else.
    pub in_memory: bool,
    /// How many servers are to hold it.
    pub replicas: u64,
    /// How many consumers it may have; -1: any number.
    pub max_consumers: i64,
    /// The server that leads it, by name.
    pub leader: Option<String>,
    /// The servers that follow.
    pub followers: Vec<StreamFollower>,
}

/// A server that holds a copy of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StreamFollower {
    /// Its name.
    pub name: String,
    /// Whether it has everything.
    pub current: bool,
    /// How many entries it is behind.
    pub lag: u64,
}

impl StreamReport {
    /// Returns whether every server that is to hold it has everything.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let current = self.followers.iter().filter(|follower| follower.current && follower.lag == 0).count();
        self.leader.is_some() && current as u64 + 1 >= self.replicas
    }

    /// Reads what the leader of a stream says.
    #[must_use]
    pub fn read(name: &str, info: &Value) -> Self {
        let config = &info["config"];
        let cluster = &info["cluster"];
        let follower = |replica: &Value| StreamFollower {
            name: replica["name"].as_str().unwrap_or_default().to_owned(),
            current: replica["current"] == true && replica["offline"] != true,
            lag: replica["lag"].as_u64().unwrap_or(0),
        };
        Self {
            name: name.to_owned(),
            in_memory: config["storage"] == "memory",
            replicas: config["num_replicas"].as_u64().unwrap_or(0),
            max_consumers: config["max_consumers"].as_i64().unwrap_or(-1),
            leader: cluster["leader"].as_str().filter(|leader| !leader.is_empty()).map(str::to_owned),
            followers: cluster["replicas"].as_array().map(|all| all.iter().map(follower).collect()).unwrap_or_default(),
        }
    }
}

/// Asks each NATS server what it is: at the same time, and each for a bounded time.
pub async fn servers(addresses: &[NatsAddress], tls: Option<&TlsConnector>) -> Vec<NatsReport> {
    let asked = addresses.iter().map(|address| async move {
        let server = introduce(address, tls).await.map_err(|error| error.to_string());
        let server = server.map(|info| NatsServer {
            name: info.server_name,
            version: info.version,
            jetstream: info.jetstream,
            max_payload: info.max_payload,
            mutual_tls: info.tls_required && info.tls_verify,
        });
        NatsReport { address: address.to_string(), server }
    });
    futures::future::join_all(asked).await
}

/// Asks the leader of each stream; or returns why one could not be asked.
///
/// # Errors
/// What a NATS server, or none, answers.
pub async fn streams(jet: Jet<'_>) -> Result<Vec<StreamReport>, super::jet::JetError> {
    let mut reports = Vec::new();
    for name in STREAMS {
        reports.push(StreamReport::read(name, &jet.info(name).await?));
    }
    Ok(reports)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_stream_is_whole_when_each_of_its_servers_has_everything() {
        let info = |current: bool, lag: u64, offline: bool| {
            json!({
                "config": {"storage": "memory", "num_replicas": 3, "max_consumers": -1},
                "cluster": {"leader": "n0", "replicas": [
                    {"name": "n1", "current": true, "lag": 0},
                    {"name": "n2", "current": current, "lag": lag, "offline": offline},
                ]},
            })
        };
        assert!(StreamReport::read("S", &info(true, 0, false)).is_whole());
        for (current, lag, offline) in [(false, 0, false), (true, 9, false), (true, 0, true)] {
            let report = StreamReport::read("S", &info(current, lag, offline));
            assert!(!report.is_whole(), "{report:?}");
        }
        assert!(!StreamReport::read("S", &json!({"config": {"num_replicas": 3}})).is_whole(), "it has no leader");
    }
}
