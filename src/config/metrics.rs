//! The `[metrics]` table: a listener for Prometheus, and for nothing else.

use super::document::Document;
use super::sources;
use crate::admin::scrape;

/// Reads the table; `None`: there is no such listener.
pub(super) fn read(document: &mut Document<'_>) -> Option<scrape::Config> {
    let mut table = document.section("metrics");
    let listen = table.read("listen", None, |value| {
        value.as_str().and_then(sources::address).map(Some).ok_or_else(|| sources::ADDRESS.to_owned())
    });
    let off_loopback = table.boolean("off_loopback", false);
    table.finish();
    let Some(address) = listen.value else {
        // Its default may be written down: that is no mistake.
        if off_loopback.value && !listen.refused {
            document.problems.push(off_loopback.problem("has no effect without listen: give it, or leave this out"));
        }
        return None;
    };
    if !address.ip().to_canonical().is_loopback() && !off_loopback.value && !off_loopback.refused {
        document.problems.push(listen.problem(
            "off loopback, so that anyone who can connect sees how many people are there and write, and when: listen on \
             127.0.0.1, or accept that with off_loopback = true in [metrics]",
        ));
    }
    Some(scrape::Config { listen: address, off_loopback: off_loopback.value })
}
