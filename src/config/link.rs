//! The `[hub]` and `[front]` tables: several machines that are one server.

use toml::de::DeValue;

use super::document::Document;
use super::problem::Problem;
use super::sources;
use crate::transport::link::{FrontConfig, HubConfig, NodeKey};

/// Fronts of one hub, at most.
const MOST_FRONTS: usize = 100;

/// Reads `[hub]`; `None`: this machine is nobody's hub.
pub(super) fn hub(document: &mut Document<'_>) -> Option<HubConfig> {
    let mut table = document.section("hub");
    let listen = table.read("listen", None, |value| {
        value.as_str().and_then(sources::address).map(Some).ok_or_else(|| sources::ADDRESS.to_owned())
    });
    let fronts = table.read("fronts", Vec::new(), keys);
    table.finish();
    if listen.refused || fronts.refused {
        return None;
    }
    match (listen.value, fronts.value.is_empty()) {
        (Some(listen), false) => Some(HubConfig { listen, fronts: fronts.value }),
        (Some(_), true) => {
            let says = "has no effect without fronts: give the keys of the machines that may connect, each as \
                        `ephemeral-server link-key` prints it there";
            document.problems.push(listen.problem(says));
            None
        }
        (None, false) => {
            document.problems.push(fronts.problem("has no effect without listen: give it, or leave this out"));
            None
        }
        (None, true) => None,
    }
}

/// Reads `[front]`; `None`: this machine is nobody's front.
pub(super) fn front(document: &mut Document<'_>) -> Option<FrontConfig> {
    let mut table = document.section("front");
    let hub = table.read("hub", None, |value| {
        let address = value.as_str().and_then(sources::address).filter(|address| address.port() != 0);
        address.map(Some).ok_or_else(|| sources::ADDRESS.to_owned())
    });
    let hub_key = table.read("hub_key", None, |value| key(value).map(Some));
    table.finish();
    if hub.refused || hub_key.refused {
        return None;
    }
    match (hub.value, hub_key.value) {
        (Some(hub), Some(hub_key)) => Some(FrontConfig { hub, hub_key }),
        (Some(_), None) => {
            let says = "needs hub_key as well: the key of that machine, as `ephemeral-server link-key` prints it there";
            document.problems.push(hub.problem(says));
            None
        }
        (None, Some(_)) => {
            document.problems.push(hub_key.problem("has no effect without hub: give it, or leave this out"));
            None
        }
        (None, None) => None,
    }
}

/// What else the file has that a front has no use for.
pub(super) struct BesideFront {
    /// `[cluster]`.
    pub(super) cluster: bool,
    /// Addresses in `[onion] nodes`.
    pub(super) nodes: bool,
}

/// Returns what does not go together.
pub(super) fn problems(hub: Option<&HubConfig>, front: Option<&FrontConfig>, beside: &BesideFront) -> Vec<Problem> {
    let mut problems = Vec::new();
    if hub.is_some() && front.is_some() {
        let says = "a machine is a hub or a front, and not both: remove one of the two tables";
        problems.push(Problem::new("[hub] and [front]", says));
    }
    if front.is_some() && beside.cluster {
        let says =
            "a front holds no messages, so there is nothing of it to be kept elsewhere: remove one of the two tables";
        problems.push(Problem::new("[cluster] and [front]", says));
    }
    if front.is_some() && beside.nodes {
        let says = "has no effect on a front, since the hub tells clients of the nodes: give it there";
        problems.push(Problem::new("[onion] nodes", says));
    }
    problems
}

fn key(value: &DeValue<'_>) -> Result<NodeKey, String> {
    value.as_str().unwrap_or_default().parse().map_err(str::to_owned)
}

fn keys(value: &DeValue<'_>) -> Result<Vec<NodeKey>, String> {
    let says = || {
        format!(
            "must be a list of at most {MOST_FRONTS} keys of 64 hex digits, each once, as `ephemeral-server link-key` \
             prints them on the fronts"
        )
    };
    let items = value.as_array().ok_or_else(says)?;
    let keys = items.iter().map(|item| key(item.get_ref()).map_err(|_| says())).collect::<Result<Vec<_>, _>>()?;
    let is_twice = keys.iter().enumerate().any(|(at, key)| keys.iter().take(at).any(|earlier| earlier == key));
    if is_twice || keys.len() > MOST_FRONTS { Err(says()) } else { Ok(keys) }
}

#[cfg(test)]
pub(super) mod tests;
