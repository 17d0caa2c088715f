//! The `[panic]` table: the dead-man switch.

use super::document::Document;
use ephemeral_core::dead_man::Config;

/// Reads the table.
pub(super) fn read(document: &mut Document<'_>) -> Config {
    let mut table = document.section("panic");
    let after_days = table.number("after_days", 0..=3650, 0).value;
    let keys = table.boolean("keys", false);
    table.finish();
    if keys.value && after_days == 0 {
        document.problems.push(keys.problem("has no effect while after_days is 0: set it, or leave keys out"));
    }
    Config { after_days, keys: keys.value }
}
