//! A Tor network of your own, without Internet: `cargo run --example tornet [DIR]`.
//!
//! Boots 3 directory authorities and 12 relays on 127.0.0.1 (Debian: `apt-get install tor`), writes
//! the configuration that leads the server and the client into that network, says what to do next,
//! and stays until Ctrl-C. Then DIR is removed.

#![allow(clippy::print_stdout, reason = "it talks to a person")]

use anyhow::Context as _;
use ephemeral_test_support::tornet::{BootError, TorNetwork};
use std::path::{Path, PathBuf};
use std::time::Instant;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let directory = match std::env::args_os().nth(1) {
        Some(argument) if argument == "--help" || argument == "-h" => {
            println!("cargo run --example tornet [DIR]\n\nDIR must be new or empty (default: target/tornet).");
            return Ok(());
        }
        Some(directory) => PathBuf::from(directory),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tornet"),
    };
    // Ctrl-C in the middle of booting simply ends this program; the network's guardian then cleans
    // up.
    let network = tokio::task::spawn_blocking(|| boot(directory)).await??;
    let config = network.directory().join("ephemeral-server.toml");
    std::fs::write(&config, network.arti_toml()).with_context(|| format!("cannot write {}", config.display()))?;
    let proxy = network.start_client()?;
    println!("{}", next_steps(&config, &network.directory().join("state"), proxy.socks));

    tokio::signal::ctrl_c().await?;
    let directory = network.directory().to_owned();
    drop((proxy, network));
    println!("\nThe network is gone, and so is {}.", directory.display());
    Ok(())
}

fn boot(directory: PathBuf) -> Result<TorNetwork, BootError> {
    let begun = Instant::now();
    let tell = |step: &str| println!("{:6.1} s  {step}", begun.elapsed().as_secs_f32());
    println!("A private Tor network on 127.0.0.1, in {} (takes about 20 s)\n", directory.display());
    let network = TorNetwork::prepare(directory)?;
    tell("the keys of all relays are made");
    if let Err(error) = network.start_reporting(tell) {
        // What the relays logged says why.
        network.keep_directory();
        return Err(error);
    }
    Ok(network)
}

fn next_steps(config: &Path, state: &Path, proxy: std::net::SocketAddr) -> String {
    let config = config.display();
    let state = state.display();
    format!(
        "
The network is up. In another terminal, start the server; it prints its .onion address when it can be reached:

  cargo run --bin ephemeral-server -- --config {config} --state-dir {state}

The client needs the same file. Two people on this machine, with ADDRESS as the server printed it:

  cargo run --bin ephemeral -- init --profile alice --server ADDRESS.onion
  cargo run --bin ephemeral -- init --profile bob --server ADDRESS.onion
  cargo run --bin ephemeral -- invite bob --profile alice
  cargo run --bin ephemeral -- accept INVITE --as alice --text hello --profile bob --tor-config {config}
  cargo run --bin ephemeral -- recv --profile alice --tor-config {config}

Anything that speaks SOCKS5 gets in as well:

  curl --socks5-hostname {proxy} http://ADDRESS.onion/health

Ctrl-C ends the network."
    )
}
