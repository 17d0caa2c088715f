//! `ephemeral contacts`: who they are, and what can be done about them; `ephemeral verify`: whether
//! they are it.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use bip39::Language;
use clap::{Args, Subcommand};
use serde_json::json;

use super::exit::{Exit, Failure};
use super::invite::drawn;
use super::output::{print, print_json};
use super::profile::ProfileArgs;
use ephemeral_client::names;
use ephemeral_client::text::printable;
use ephemeral_e2e::core::ContactView;
use ephemeral_e2e::link::received::AckPace;
use ephemeral_e2e::safety::SafetyNumber;

#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  ephemeral contacts
  ephemeral contacts rename contact-7 carol
  ephemeral contacts block carol"
)]
pub(super) struct ContactsArgs {
    #[command(subcommand)]
    command: Option<Command>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    profile: ProfileArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Call a contact something else. It is not told.
    Rename(RenameArgs),
    /// Delete a contact and its keys at once. It is not told, and what it sends is never fetched.
    Block(ContactArgs),
    /// End a conversation: the contact is told, and its keys are deleted after eight days.
    Forget(ContactArgs),
    /// Write to a contact at the server to which it wants to move.
    Agree(ContactArgs),
    /// Go on with a contact although somebody else used its invite, too.
    Trust(ContactArgs),
    /// Let a contact know only slowly (10 to 60 minutes) that its messages arrived.
    Slow(ContactArgs),
}

#[derive(Args)]
struct RenameArgs {
    /// What it is called.
    #[arg(value_name = "NAME")]
    name: String,
    /// What it is to be called, at most 64 bytes.
    #[arg(value_name = "NEW")]
    new: String,
    #[command(flatten)]
    profile: ProfileArgs,
}

#[derive(Args)]
struct ContactArgs {
    /// What it is called.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    profile: ProfileArgs,
}

pub(super) fn run(args: &ContactsArgs) -> Result<(), Failure> {
    match &args.command {
        None => list(args),
        Some(Command::Rename(args)) => rename(args),
        Some(Command::Block(args)) => change(args, |core, contact, now| core.block(contact.link, now)),
        Some(Command::Forget(args)) => change(args, |core, contact, now| core.leave(contact.link, now)),
        Some(Command::Trust(args)) => change(args, |core, contact, _| core.trust(contact.link)),
        Some(Command::Slow(args)) => change(args, |core, contact, _| core.set_acks(contact.link, AckPace::Slow)),
        Some(Command::Agree(args)) => change(args, |core, contact, now| match &contact.wants_to_move {
            Some(server) => core.agree(contact.link, server.clone(), now),
            None => Err(ephemeral_e2e::core::CoreError::NotNow("it does not want to move")),
        }),
    }
}

fn change(
    args: &ContactArgs,
    action: impl FnOnce(&mut ephemeral_e2e::core::Core, &ContactView, u64) -> Result<(), ephemeral_e2e::core::CoreError>,
) -> Result<(), Failure> {
    let mut profile = args.profile.open()?;
    let contact = names::contact(profile.core(), &args.name)?;
    Ok(profile.change(|core, now| action(core, &contact, now))?)
}

fn rename(args: &RenameArgs) -> Result<(), Failure> {
    let mut profile = args.profile.open()?;
    let contact = names::contact(profile.core(), &args.name)?;
    if args.new.is_empty() || names::contact(profile.core(), &args.new).is_ok_and(|other| other.link != contact.link) {
        return Err(Failure::usage("a contact needs a name that no other one has"));
    }
    Ok(profile.change(|core, _| core.rename(contact.link, &args.new))?)
}

/// Says how a contact stands, in one word.
fn standing(contact: &ContactView) -> &'static str {
    match contact {
        ContactView { contested: true, .. } => "contested: verify",
        ContactView { left: true, .. } => "ended",
        ContactView { answered: false, .. } => "not yet answered",
        ContactView { verified: true, .. } => "verified",
        _ => "new",
    }
}

fn list(args: &ContactsArgs) -> Result<(), Failure> {
    let profile = args.profile.open()?;
    for contact in profile.core().contacts() {
        let name = names::called(&contact);
        if args.json {
            let moving = contact.wants_to_move.as_ref().map(|server| server.as_str());
            print_json(&json!({
                "contact": name, "identity": contact.identity.to_hex(), "answered": contact.answered,
                "verified": contact.verified, "contested": contact.contested, "left": contact.left,
                "wants_to_move": moving, "outgoing": contact.outgoing
            }))?;
            continue;
        }
        let outgoing = match contact.outgoing {
            0 => String::new(),
            count => format!(", {count} on the way"),
        };
        print(&format!("{} ({}{outgoing})\n", printable(&name), standing(&contact)))?;
    }
    Ok(())
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  ephemeral verify alice
  ephemeral verify alice --matches

Compare the words with your contact, best aloud and face to face or on a call: both see the same. If
they are the same, nobody is between you. At a terminal the command asks; --matches answers.")]
pub(super) struct VerifyArgs {
    /// The contact.
    #[arg(value_name = "NAME")]
    name: String,
    /// Take note that the words are the same.
    #[arg(long)]
    matches: bool,
    /// Draw the QR code, too.
    #[arg(long)]
    qr: bool,
    /// The text of the contact's QR code: it counts if it is the same as one's own.
    #[arg(long, value_name = "TEXT")]
    scanned: Option<String>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    profile: ProfileArgs,
}

pub(super) fn verify(args: &VerifyArgs) -> Result<(), Failure> {
    let mut profile = args.profile.open()?;
    let contact = names::contact(profile.core(), &args.name)?;
    let number = profile.change(|core, _| core.safety_number(contact.link))?;
    let words = words(&number);
    if args.json {
        let digits = number.digits();
        let qr = number.qr_text();
        print_json(
            &json!({"contact": args.name, "words": words, "digits": digits, "qr": qr, "verified": contact.verified}),
        )?;
    } else {
        print(&format!("{}\n{}\n\n{}\n", words[..9].join(" "), words[9..].join(" "), number.digits()))?;
        if args.qr {
            print(&format!("{}\n", drawn(&number.qr_text())?))?;
        }
    }
    let scanned = args.scanned.as_ref().map(|text| number.matches_qr(text));
    if scanned == Some(false) || (scanned.is_none() && !args.matches && !asked(args)?) {
        return match (scanned, contact.verified) {
            (Some(false), _) => {
                Err(Failure::new(Exit::Refused, "STOP: the codes are not the same: this is somebody else"))
            }
            _ => Ok(()),
        };
    }
    profile.change(|core, _| core.verify(contact.link))?;
    Ok(())
}

/// Returns the eighteen words of a safety number.
pub(super) fn words(number: &SafetyNumber) -> Vec<&'static str> {
    let list = Language::English.word_list();
    number.words().iter().map(|index| list.get(usize::from(*index)).copied().unwrap_or_default()).collect()
}

/// Asks the person whether the words are the same.
fn asked(args: &VerifyArgs) -> Result<bool, Failure> {
    if args.json || !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "Does your contact see the same words? Type yes: ").and_then(|()| stderr.flush());
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Failure::local(format!("cannot read the answer: {error}")))?;
    Ok(answer.trim().eq_ignore_ascii_case("yes"))
}
