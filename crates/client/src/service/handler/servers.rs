//! How the connections with servers are, as far as was told.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::api::ServerStatus;
use crate::cause::Explanation;

/// How many servers are remembered: contacts choose theirs.
const MAX_SERVERS: usize = 256;

struct Seen {
    state: &'static str,
    why: Option<Explanation>,
    since: Instant,
    retry_at: Option<Instant>,
}

/// Holds what was told of servers, by their names.
#[derive(Default)]
pub(super) struct Servers(BTreeMap<String, Seen>);

impl Servers {
    pub(super) fn online(&mut self, server: &str) {
        self.put(server, "online", None, None);
    }

    /// Takes note that a connection is being made, if there is none.
    pub(super) fn connecting(&mut self, server: &str) {
        if self.0.get(server).is_none_or(|seen| seen.state != "online") {
            let why = self.0.get(server).and_then(|seen| seen.why.clone());
            self.put(server, "connecting", why, None);
        }
    }

    pub(super) fn offline(&mut self, server: &str, why: &Explanation, retry_in: Duration) {
        let now = Instant::now();
        // Each mailbox has a time of its own: the first of them counts.
        let known = self.0.get(server).and_then(|seen| seen.retry_at).filter(|at| *at > now);
        let next = known.into_iter().chain([now + retry_in]).min();
        self.put(server, "offline", Some(why.clone()), next);
    }

    pub(super) fn unusable(&mut self, server: &str, why: &Explanation) {
        self.put(server, "unusable", Some(why.clone()), None);
    }

    fn put(&mut self, server: &str, state: &'static str, why: Option<Explanation>, retry_at: Option<Instant>) {
        let before = self.0.get(server).filter(|seen| seen.state == state);
        let since = before.map_or_else(Instant::now, |seen| seen.since);
        if self.0.len() < MAX_SERVERS || self.0.contains_key(server) {
            self.0.insert(server.to_owned(), Seen { state, why, since, retry_at });
        }
    }

    pub(super) fn list(&self, own: &str) -> Vec<ServerStatus> {
        let now = Instant::now();
        let seen = self.0.iter().map(|(server, seen)| ServerStatus {
            server: server.clone(),
            own: server == own,
            state: seen.state.to_owned(),
            why: seen.why.as_ref().map(|why| why.text.clone()),
            reason: seen.why.as_ref().and_then(|why| why.cause.clone()),
            for_s: now.duration_since(seen.since).as_secs(),
            retry_in_s: seen.retry_at.map(|at| at.saturating_duration_since(now).as_secs()),
        });
        seen.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_state_says_since_when_it_is_so_and_what_comes_next() {
        let mut servers = Servers::default();
        servers.connecting("a");
        servers.offline("a", &"no answer".into(), Duration::from_secs(10));
        tokio::time::advance(Duration::from_secs(4)).await;
        servers.offline("a", &"no answer".into(), Duration::from_secs(20));
        tokio::time::advance(Duration::from_secs(4)).await;
        let listed = servers.list("a");
        assert_eq!((listed[0].state.as_str(), listed[0].own, listed[0].for_s), ("offline", true, 8));
        assert_eq!((listed[0].retry_in_s, listed[0].why.as_deref()), (Some(2), Some("no answer")));
        servers.online("a");
        servers.connecting("a");
        assert_eq!(servers.list("b")[0].state, "online", "one of several connections is being made");
    }
}
