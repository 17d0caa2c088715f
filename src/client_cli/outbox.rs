//! `ephemeral outbox`: what is still on its way.

use clap::Args;
use serde_json::json;

use super::exit::Failure;
use super::output::{local_time, message_id, print, print_json, utc};
use super::profile::ProfileArgs;
use ephemeral_client::names;
use ephemeral_client::text::printable;
use ephemeral_e2e::core::{OutgoingView, Standing};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  ephemeral outbox\n  ephemeral outbox alice --json\n\nWhat has arrived is not listed."
)]
pub(super) struct OutboxArgs {
    /// Only what is for this contact.
    #[arg(value_name = "NAME")]
    to: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    profile: ProfileArgs,
}

pub(super) fn run(args: &OutboxArgs) -> Result<(), Failure> {
    let profile = args.profile.open()?;
    let core = profile.core();
    let contacts = match &args.to {
        Some(name) => vec![names::contact(core, name)?],
        None => core.contacts(),
    };
    for contact in contacts {
        let name = names::called(&contact);
        for OutgoingView { mid, at, file, standing } in core.outgoing(contact.link) {
            let id = message_id(mid);
            if args.json {
                let at = utc(at.into());
                let standing = word(standing);
                print_json(&json!({"contact": name, "id": id, "at": at, "file": file, "standing": standing}))?;
            } else {
                let time = local_time(at.into());
                let name = printable(&name);
                let what = if file { "part of a file" } else { "message" };
                let how = match standing {
                    Standing::Sending => "not yet sent",
                    Standing::AtServer => "waiting at the server",
                };
                print(&format!("{time} {id} {what} to {name}: {how}\n"))?;
            }
        }
    }
    Ok(())
}

fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Sending => "sending",
        Standing::AtServer => "at_server",
    }
}
