//! `ephemeral`: the client.
fn main() {}
