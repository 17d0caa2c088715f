//! The server in this process: its connections, hub and store over in-memory streams, nearly always
//! with paused time. The properties of its parts and what the fuzzer checks are here as well.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod acknowledging;
mod authentication;
mod bounds;
mod client_library;
mod content;
mod dashboard;
mod draining;
mod duplicates;
mod end_to_end;
mod exchange;
mod expiry;
mod frames;
mod fuzz_bodies;
mod http;
mod http_connection;
mod hub_properties;
mod keepalive;
mod keystore;
mod limits;
mod lost_elsewhere;
mod malformed;
mod memfd_journal;
mod message_rate;
mod nodes;
mod origins;
mod other_servers;
mod raw;
mod receipts;
mod receiving;
mod sealed_content;
mod seats;
mod sending;
mod server_trouble;
mod servers_view;
mod service;
mod session_properties;
mod statistics;
mod store_properties;
mod takeover;
mod throwaway_keys;
mod unfinished;
mod unread;
mod wall_clock;
mod welcome;
