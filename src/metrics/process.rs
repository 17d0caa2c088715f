//! What this process uses of the machine.

use std::fs;

use serde::{Deserialize, Serialize};

use crate::logging;

/// This process's use of the machine. A figure that cannot be read is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Process {
    /// Bytes of memory that are resident (proc(5), `/proc/self/statm`).
    pub resident_bytes: u64,
    /// Open files, sockets included.
    pub open_files: u64,
    /// Tasks of the async runtime.
    pub tasks: u64,
    /// Log lines that were dropped because nobody read them.
    #[serde(default)]
    pub log_lines_dropped: u64,
}

impl Process {
    pub(super) fn now() -> Self {
        let pages = fs::read_to_string("/proc/self/statm").ok().and_then(|text| text.split(' ').nth(1)?.parse().ok());
        let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
        let files = fs::read_dir("/proc/self/fd").map_or(0, |files| files.count().saturating_sub(1));
        let tasks = tokio::runtime::Handle::try_current().map_or(0, |runtime| runtime.metrics().num_alive_tasks());
        Self {
            resident_bytes: pages.unwrap_or(0_u64).saturating_mul(page),
            open_files: files as u64,
            tasks: tasks as u64,
            log_lines_dropped: logging::dropped(),
        }
    }
}
