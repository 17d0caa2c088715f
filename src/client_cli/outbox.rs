//! `ephemeral outbox`: what is still on its way.

use clap::Args;
use serde_json::json;

use super::exit::Failure;
use super::output::{local_time, print, print_json};
use super::profile::ProfileArgs;
use ephemeral_client::api::{ListOutbox, OutboxItem, StandingName};
use ephemeral_client::text::printable;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  ephemeral outbox\n  ephemeral outbox alice --json\n\nWhat has arrived is not listed."
)]
pub(super) struct OutboxArgs {
    /// Only what is for this contact or group.
    #[arg(value_name = "NAME")]
    to: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    profile: ProfileArgs,
}

pub(super) async fn run(args: &OutboxArgs) -> Result<(), Failure> {
    let with = args.to.clone().unwrap_or_default();
    for item in args.profile.ask(ListOutbox { with }).await? {
        if args.json {
            print_json(&json!(item))?;
        } else {
            print(&line(&item))?;
        }
    }
    Ok(())
}

fn line(item: &OutboxItem) -> String {
    let OutboxItem { to, member, id, file, at, standing } = item;
    let time = if at.is_empty() { String::new() } else { local_time(at) + " " };
    let what = file.as_ref().map_or_else(|| "message".to_owned(), |file| format!("file {}", printable(file)));
    let whose = member.as_ref().map(|member| format!(" for {}", printable(member))).unwrap_or_default();
    let how = match standing {
        StandingName::Kept => "kept until the other side has answered",
        StandingName::Sending => "not yet sent",
        StandingName::AtServer => "waiting at the server",
        StandingName::Arrived => "arrived",
        StandingName::NotDelivered => "given up",
    };
    format!("{time}{id} {what} to {}{whose}: {how}\n", printable(to))
}
