//! `ephemeral contacts`: who they are, and what can be done about them; `ephemeral verify`: whether
//! they are it.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::json;
use zeroize::Zeroizing;

use super::exit::{Exit, Failure};
use super::invite::drawn;
use super::output::{print, print_json};
use super::picture;
use super::profile::ProfileArgs;
use super::reach::Reached;
use super::words::{files, fl};
use ephemeral_client::api::{
    AgreeToMove, BlockContact, ContactInfo, ForgetContact, ListContacts, Method, Nothing, RenameContact, SafetyInfo,
    SafetyWords, SlowContact, TrustContact, VerifyContact,
};
use ephemeral_client::text::printable;

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
    #[command(after_help = "Example:\n  ephemeral contacts rename contact-7 carol")]
    Rename(RenameArgs),
    /// Delete a contact and its keys at once. It is not told, and what it sends is never fetched.
    #[command(after_help = "Example:\n  ephemeral contacts block carol")]
    Block(ContactArgs),
    /// End a conversation: the contact is told, and its keys are deleted after eight days.
    #[command(after_help = "Example:\n  ephemeral contacts forget carol")]
    Forget(ContactArgs),
    /// Write to a contact at the server to which it wants to move.
    #[command(after_help = "Example:\n  ephemeral contacts agree carol")]
    Agree(ContactArgs),
    /// Go on with a contact although somebody else used its invite, too.
    #[command(after_help = "Example:\n  ephemeral contacts trust carol")]
    Trust(ContactArgs),
    /// Let a contact know only slowly (10 to 60 minutes) that its messages arrived.
    #[command(after_help = "Example:\n  ephemeral contacts slow carol")]
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

pub(super) async fn run(args: &ContactsArgs) -> Result<(), Failure> {
    match &args.command {
        None => list(args).await,
        Some(Command::Rename(RenameArgs { name, new, profile })) => {
            let rename = RenameContact { contact: name.clone(), new: new.clone() };
            profile.ask(rename).await.map(|Nothing {}| ())
        }
        Some(Command::Block(args)) => args.ask(|contact| BlockContact { contact }).await,
        Some(Command::Forget(args)) => args.ask(|contact| ForgetContact { contact }).await,
        Some(Command::Trust(args)) => args.ask(|contact| TrustContact { contact }).await,
        Some(Command::Slow(args)) => args.ask(|contact| SlowContact { contact }).await,
        Some(Command::Agree(args)) => args.ask(|contact| AgreeToMove { contact }).await,
    }
}

impl ContactArgs {
    /// Calls a method about the contact.
    async fn ask<M: Method<Answer = Nothing>>(&self, method: impl FnOnce(String) -> M) -> Result<(), Failure> {
        self.profile.ask(method(self.name.clone())).await.map(|Nothing {}| ())
    }
}

/// Says how a contact stands, in one word.
fn standing(contact: &ContactInfo) -> String {
    match contact {
        ContactInfo { contested: true, .. } => fl!("contact-contested"),
        ContactInfo { left: true, .. } => fl!("contact-ended"),
        ContactInfo { answered: false, .. } => fl!("contact-not-answered"),
        ContactInfo { verified: true, .. } => fl!("contact-verified"),
        _ => fl!("contact-new"),
    }
}

async fn list(args: &ContactsArgs) -> Result<(), Failure> {
    for contact in args.profile.ask(ListContacts {}).await? {
        if args.json {
            print_json(&json!(contact))?;
            continue;
        }
        let outgoing = match contact.outgoing {
            0 => String::new(),
            count => fl!("contact-on-the-way", count = count.to_string()),
        };
        print(&format!("{} ({}{outgoing})\n", printable(&contact.contact), standing(&contact)))?;
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
    /// The text of the contact's QR code, or a PNG file (NAME.png) with it: it counts if it is the
    /// same as one's own.
    #[arg(long, value_name = "TEXT")]
    scanned: Option<String>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    profile: ProfileArgs,
}

pub(super) async fn verify(args: &VerifyArgs) -> Result<(), Failure> {
    let mut reached = args.profile.reach().await?;
    let outcome = compare(args, &mut reached).await;
    let finished = reached.finish().await;
    outcome.and(finished)
}

async fn compare(args: &VerifyArgs, reached: &mut Reached) -> Result<(), Failure> {
    let safety = reached.call(SafetyWords { contact: args.name.clone() }).await?;
    let SafetyInfo { words, digits, qr, verified } = safety;
    if args.json {
        print_json(&json!({"contact": args.name, "words": words, "digits": digits, "qr": qr, "verified": verified}))?;
    } else {
        let (first, second) = words.split_at(words.len() / 2);
        print(&format!("{}\n{}\n\n{digits}\n", first.join(" "), second.join(" ")))?;
        if args.qr {
            print(&format!("{}\n", drawn(&qr)?))?;
        }
    }
    let scanned = args.scanned.as_ref().map(|scanned| text_of(scanned)).transpose()?;
    let scanned = scanned.map(|text| text.trim() == qr);
    if scanned == Some(false) {
        return Err(Failure::new(Exit::Refused, fl!("verify-not-same")));
    }
    if scanned.is_none() && !args.matches && !asked(args)? {
        return Ok(());
    }
    reached.call(VerifyContact { contact: args.name.clone() }).await.map(|Nothing {}| ())
}

/// Returns the text of a QR code, which is given or stands in a picture.
fn text_of(scanned: &str) -> Result<Zeroizing<String>, Failure> {
    const SCHEME: &str = "ephemeral-verify:";
    let file = Path::new(scanned);
    let picture = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png"));
    if picture { picture::read(file, SCHEME) } else { Ok(Zeroizing::new(scanned.to_owned())) }
}

/// Asks the person whether the words are the same.
fn asked(args: &VerifyArgs) -> Result<bool, Failure> {
    if args.json || !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "{} ", fl!("verify-ask")).and_then(|()| stderr.flush());
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Failure::local(fl!("answer-unread", why = files::system(&error))))?;
    let answer = answer.trim().to_lowercase();
    Ok(answer == fl!("verify-yes") || answer == "yes")
}
