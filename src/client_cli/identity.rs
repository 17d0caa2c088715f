//! `ephemeral identity`: make a key, show its fingerprint.

use std::io::Write as _;
use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::json;

use super::exit::Failure;
use super::route::KeyArgs;
use ephemeral_client::text::printable_json;
use ephemeral_client::{Identity, key_file};
use ephemeral_core::protocol::Fingerprint;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make an identity: a new key, in a file that only you can read. It never overwrites one.
    #[command(after_help = "\
Example:
  ephemeral identity new
  ephemeral identity new --key work.pem

It prints the fingerprint: the address that others write to. Whoever has the key file is you: keep a
copy in a safe place, and give it to nobody. The file is an unencrypted PKCS#8 key in PEM, as
`openssl genpkey -algorithm ed25519` makes it too.")]
    New(IdentityOptions),
    /// Show the fingerprint: the address that others write to.
    #[command(
        after_help = "Example:\n  ephemeral identity show\n  ephemeral identity show --json | jq -r .fingerprint"
    )]
    Show(IdentityOptions),
}

#[derive(Args)]
pub(super) struct IdentityOptions {
    #[command(flatten)]
    key: KeyArgs,
    /// Print a JSON object instead.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::New(options) => {
            let path = options.key.path()?;
            let identity =
                Identity::generate().map_err(|error| Failure::local(format!("no random numbers: {error}")))?;
            key_file::create(&path, &identity)?;
            print(identity.fingerprint(), &path, options.json)
        }
        Command::Show(options) => {
            let path = options.key.path()?;
            print(key_file::read(&path)?.fingerprint(), &path, options.json)
        }
    }
}

fn print(fingerprint: Fingerprint, path: &Path, as_json: bool) -> Result<(), Failure> {
    let line = if as_json {
        printable_json(&json!({"fingerprint": fingerprint, "key_file": path.to_string_lossy()}).to_string())
    } else {
        fingerprint.to_string()
    };
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(|error| Failure::output(&error))
}
