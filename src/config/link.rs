//! The `[hub]` and `[front]` tables: several machines that are one server.

use std::net::SocketAddr;

use toml::de::DeValue;

use super::document::Document;
use super::problem::Problem;
use super::sources;
use crate::transport::link::{FrontConfig, HubConfig, LinkMachine, NodeKey};

/// Fronts of one hub, at most.
const MOST_FRONTS: usize = 100;
/// Machines of a cluster that a front may name, at most.
const MOST_HUBS: usize = 16;

/// Reads `[hub]`; `None`: this machine is nobody's hub. `link`: where it listens for the other
/// machines of its cluster, which is where fronts connect, too.
pub(super) fn hub(document: &mut Document<'_>, link: Option<SocketAddr>) -> Option<HubConfig> {
    let mut table = document.section("hub");
    let listen = table.read("listen", None, |value| {
        value.as_str().and_then(sources::address).map(Some).ok_or_else(|| sources::ADDRESS.to_owned())
    });
    let fronts = table.read("fronts", Vec::new(), keys);
    table.finish();
    if listen.refused || fronts.refused {
        return None;
    }
    if let (Some(told), Some(link)) = (listen.value, link)
        && told != link
    {
        let says = "is another address than link in [cluster], where fronts connect, too: leave this out";
        document.problems.push(listen.problem(says));
        return None;
    }
    match (listen.value.or(link), fronts.value.is_empty()) {
        (Some(listen), false) => Some(HubConfig { listen, fronts: fronts.value }),
        (Some(_), true) if listen.value.is_some() => {
            let says = "has no effect without fronts: give the keys of the machines that may connect, each as \
                        `ephemeral-server link-key` prints it there";
            document.problems.push(listen.problem(says));
            None
        }
        (None, false) => {
            document.problems.push(fronts.problem("has no effect without listen: give it, or leave this out"));
            None
        }
        (_, true) => None,
    }
}

/// Reads `[front]`; `None`: this machine is nobody's front.
pub(super) fn front(document: &mut Document<'_>) -> Option<FrontConfig> {
    let mut table = document.section("front");
    let hub = table.read("hub", Vec::new(), |value| one_or_more(value, hub_address));
    let hub_key = table.read("hub_key", Vec::new(), |value| one_or_more(value, key));
    table.finish();
    if hub.refused || hub_key.refused {
        return None;
    }
    let hubs = hub.value.len();
    let is_twice = repeats(&hub.value) || repeats(&hub_key.value);
    match (hubs, hub_key.value.len()) {
        (0, 0) => None,
        (0, _) => {
            document.problems.push(hub_key.problem("has no effect without hub: give it, or leave this out"));
            None
        }
        (_, keys) if keys == hubs && !is_twice => {
            let machine = |(address, key)| LinkMachine { name: String::new(), address, key };
            Some(FrontConfig { hubs: hub.value.into_iter().zip(hub_key.value).map(machine).collect() })
        }
        _ => {
            let says = "needs hub_key as well: the key of that machine, as `ephemeral-server link-key` prints it there; \
                        of several machines a list in the same order, each once";
            document.problems.push(hub.problem(says));
            None
        }
    }
}

fn hub_address(value: &DeValue<'_>) -> Result<SocketAddr, String> {
    let address = value.as_str().and_then(sources::address).filter(|address| address.port() != 0);
    address.ok_or_else(|| sources::ADDRESS.to_owned())
}

/// Reads a value, or a list of some.
fn one_or_more<T>(value: &DeValue<'_>, read: impl Fn(&DeValue<'_>) -> Result<T, String>) -> Result<Vec<T>, String> {
    match value.as_array() {
        Some(items) if (1..=MOST_HUBS).contains(&items.len()) => {
            items.iter().map(|item| read(item.get_ref())).collect()
        }
        Some(_) => Err(format!("must be one, or a list of 1 to {MOST_HUBS}")),
        None => read(value).map(|one| vec![one]),
    }
}

fn repeats<T: PartialEq>(items: &[T]) -> bool {
    items.iter().enumerate().any(|(at, item)| items.iter().take(at).any(|earlier| earlier == item))
}

/// The other tables of the file, for which a front has no use.
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
        let says = "a front holds no messages, so there is nothing of it to be kept elsewhere: remove one of the two tables. A \
             machine of the cluster that stands by is a front by itself, with link in [cluster]";
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
    if repeats(&keys) || keys.len() > MOST_FRONTS { Err(says()) } else { Ok(keys) }
}

#[cfg(test)]
pub(super) mod tests;
