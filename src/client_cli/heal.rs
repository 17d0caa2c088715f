//! `ephemeral heal`: begins conversations anew, with keys that a copy of the profile does not have.

use clap::Args;

use super::exit::{Failure, say};
use super::profile::ProfileArgs;
use super::words::fl;
use ephemeral_client::api::{HealContacts, Nothing};

#[derive(Args)]
#[command(after_help = "\
Examples:
  ephemeral heal
  ephemeral heal bob

Do this after somebody else had this device, or a copy of its files. Each contact and group gets a new
mailbox, new keys and a new session; invites that were not used are taken back, and so are reusable ones.
It takes effect when `ephemeral recv` runs, with each contact as soon as that has answered: until then
texts wait. Your identity stays, and the copy has it: if that matters, make a new profile. With a
name, it begins anew with this contact alone: that also helps where a conversation does not go on.")]
pub(super) struct HealArgs {
    /// The contact; without a name: all of them, groups and invites.
    #[arg(value_name = "NAME")]
    contact: Option<String>,
    #[command(flatten)]
    profile: ProfileArgs,
}

pub(super) async fn run(args: &HealArgs) -> Result<(), Failure> {
    let Nothing {} = args.profile.ask(HealContacts { contact: args.contact.clone().unwrap_or_default() }).await?;
    say(&fl!("heal-begins"));
    Ok(())
}
