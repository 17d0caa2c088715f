//! The service, over pipes in memory.
