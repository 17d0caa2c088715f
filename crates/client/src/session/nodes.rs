//! The other ways to a service that runs on several machines: the list that it has signed, and the
//! race between its own address and one of a node's.
//!
//! A list is this session's alone. If another pseudonym went by it, a server that gives each one a
//! list of its own could tell which are one person's.

use std::future::{Future, pending};
use std::time::Duration;

use ephemeral_core::backoff::random_fraction;
use ephemeral_core::protocol::WallTime;
use ephemeral_tor::NodeList;
use serde_json::Value;
use tokio::time::sleep;

use crate::wall_clock::now_ms;
use crate::{ByteStream, Dial, DialError, ServerUrl};

/// How long the service's own address is tried alone, if it does not fail sooner; up to as much
/// again is left to chance, so that clients which were cut off together do not ask twice together.
/// Where all is well, it answers in less.
const HEAD_START: Duration = Duration::from_secs(2);

/// The nodes of a session's service, as far as they are known and may be dialled.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    list: Option<NodeList>,
}

impl Nodes {
    /// Takes the list out of a `welcome`, if the service has signed it. A server that sends none,
    /// or one that is not to be believed, changes nothing: what was signed before holds to its end.
    pub(super) fn learn(&mut self, list: Option<&Value>, service: &ServerUrl) {
        // Only an onion address is a key that can have signed something.
        let (Some(list), Some(name)) = (list, service.onion_name()) else { return };
        if let Ok(list) = NodeList::read(list, &format!("{name}.onion"), WallTime(now_ms())) {
            self.list = Some(list);
        }
    }

    /// Returns one of the nodes, at random: an onion service, since who is found by Tor alone is
    /// not to be asked for in the clear.
    pub(super) fn pick(&self, service: &ServerUrl) -> Option<ServerUrl> {
        let list = self.list.as_ref().filter(|list| list.ends() > WallTime(now_ms()))?;
        let urls = list.onions().filter_map(|node| node.parse::<ServerUrl>().ok());
        let others: Vec<_> = urls.filter(|node| node.is_onion() && node.host() != service.host()).collect();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index below a small length")]
        #[allow(clippy::cast_precision_loss, reason = "twenty at most")]
        let at = (random_fraction() * others.len() as f64) as usize;
        others.into_iter().nth(at)
    }
}

/// A byte stream, and the address that it leads to.
pub(super) type OpenWay = (Box<dyn ByteStream>, ServerUrl);

/// Reaches the service: at its own address, and beside it at a node's if that takes long or fails.
/// The first byte stream wins, and the other attempt is dropped: two sessions would throw each
/// other out.
///
/// # Errors
/// What was wrong at the service's own address, if there was no way to the node either.
pub(super) async fn reach(
    dialer: &dyn Dial,
    service: &ServerUrl,
    node: Option<&ServerUrl>,
) -> Result<OpenWay, DialError> {
    let Some(node) = node else { return Ok((dialer.dial(service).await?, service.clone())) };
    let delay = HEAD_START.mul_f64(1.0 + random_fraction());
    let (outcome, by_node) = race(dialer.dial(service), delay, || dialer.dial(node)).await;
    Ok((outcome?, if by_node { node.clone() } else { service.clone() }))
}

/// Makes an attempt, and another one beside it after `delay`, or as soon as the first has failed.
/// Returns what the first one to succeed returns, and whether that was the second; where both fail,
/// the first one's error.
async fn race<T, E, First, Second>(
    first: First,
    delay: Duration,
    second: impl FnOnce() -> Second,
) -> (Result<T, E>, bool)
where
    First: Future<Output = Result<T, E>>,
    Second: Future<Output = Result<T, E>>,
{
    let mut first = Box::pin(first);
    let mut failed = None;
    tokio::select! {
        biased;
        outcome = &mut first => match outcome {
            Ok(value) => return (Ok(value), false),
            Err(error) => failed = Some(error),
        },
        () = sleep(delay) => {}
    }
    let mut second = Box::pin(second());
    let mut second_failed = false;
    loop {
        let still_first = async {
            match failed {
                None => first.as_mut().await,
                Some(_) => pending().await,
            }
        };
        tokio::select! {
            biased;
            outcome = still_first => match outcome {
                Ok(value) => return (Ok(value), false),
                Err(error) => failed = Some(error),
            },
            outcome = &mut second, if !second_failed => match outcome {
                Ok(value) => return (Ok(value), true),
                Err(_) => second_failed = true,
            },
        }
        if second_failed && let Some(error) = failed.take() {
            return (Err(error), false);
        }
    }
}

#[cfg(test)]
mod tests;
