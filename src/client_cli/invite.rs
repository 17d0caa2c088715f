//! `ephemeral invite`, `invites`, `revoke`, `admit` and `decline`: how others get in touch.

use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use qrcode::render::{svg, unicode};
use qrcode::{EcLevel, QrCode};
use serde_json::json;

use super::exit::{Failure, say};
use super::output::{print, print_json};
use super::picture;
use super::profile::ProfileArgs;
use super::words::{files, fl, path, quoted};
use ephemeral_client::api::{
    AdmitRequest, CreateInvite, DeclineRequest, InviteInfo, InviteText, ListInvites, RevokeInvite,
};
use ephemeral_client::text::printable;
use ephemeral_e2e::effect::InviteId;

#[derive(Args)]
#[command(after_help = "\
Examples:
  ephemeral invite alice
  ephemeral invite alice --qr -
  ephemeral invite --reusable --expires 30d

Give it to one person over a way that nobody else reads: whoever has a one-time invite first can use
it. Who you hand it to in person knows that you are you. A reusable invite may be public: whoever
uses it waits for your yes, and a first message to it is not protected against somebody who gets
your device before the invite has ended.")]
pub(super) struct InviteArgs {
    /// What you call whoever uses it.
    #[arg(value_name = "NAME", default_value = "")]
    name: String,
    /// For many: each of them waits for a yes (`ephemeral admit`).
    #[arg(long)]
    reusable: bool,
    /// How long it can be used: 90m, 12h, 7d; at most 365d. By default 7 days, or 30 if it is
    /// reusable.
    #[arg(long, value_name = "TIME", value_parser = duration_ms, default_value = "0m", hide_default_value = true)]
    expires: u64,
    /// Draw a QR code as well: into this file, SVG or (NAME.png) PNG, which is never overwritten,
    /// or - for the terminal.
    #[arg(long, value_name = "FILE")]
    qr: Option<PathBuf>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    profile: ProfileArgs,
}

pub(super) async fn make(args: &InviteArgs) -> Result<(), Failure> {
    let new = CreateInvite { name: args.name.clone(), reusable: args.reusable, expires_s: args.expires / 1_000 };
    let InviteText { invite, text } = args.profile.ask(new).await?;
    match &args.qr {
        Some(file) if file.as_os_str() == "-" => print(&format!("{}\n", drawn(&text)?))?,
        Some(file) => write_picture(file, &text)?,
        None => {}
    }
    if args.json {
        print_json(&json!({"invite": invite, "name": args.name, "reusable": args.reusable, "text": text}))?;
    } else {
        print(&format!("{text}\n"))?;
    }
    Ok(())
}

/// Black on white, from a palette that no theme changes: a scanner wants dark on light, whatever
/// the terminal's colours are.
const INK: &str = "\x1b[38;5;16;48;5;231m";
/// As it was before.
const NO_INK: &str = "\x1b[0m";

/// Draws a QR code in half blocks: for a terminal with both colours set, also without any other
/// colour, since it could not be read; for a file or another program as it is.
pub(super) fn drawn(text: &str) -> Result<String, Failure> {
    let drawing = code(text)?.render::<unicode::Dense1x2>().build();
    Ok(if std::io::stdout().is_terminal() { inked(&drawing) } else { drawing })
}

fn inked(drawing: &str) -> String {
    let rows = drawing.lines().map(|row| format!("{INK}{row}{NO_INK}"));
    rows.collect::<Vec<_>>().join("\n")
}

fn code(text: &str) -> Result<QrCode, Failure> {
    QrCode::with_error_correction_level(text, EcLevel::L)
        .map_err(|error| Failure::local(fl!("invite-too-long-for-qr", why = error.to_string())))
}

fn write_picture(file: &Path, text: &str) -> Result<(), Failure> {
    let code = code(text)?;
    let png = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png"));
    let drawing = if png {
        picture::png(&code)?
    } else {
        code.render::<svg::Color<'_>>().min_dimensions(400, 400).build().into_bytes()
    };
    let failed = |error| Failure::local(fl!("invite-cannot-write", path = path(file), why = files::system(&error)));
    let mut file_made = File::create_new(file).map_err(failed)?;
    file_made.write_all(&drawing).map_err(failed)
}

/// Takes a time such as 90m, 12h or 7d, and returns milliseconds.
fn duration_ms(text: &str) -> Result<u64, String> {
    let wrong = || fl!("invite-time", text = format!("{text:?}"));
    let unit = text.chars().last().ok_or_else(wrong)?;
    let minutes = match unit {
        'm' => 1,
        'h' => 60,
        'd' => 24 * 60,
        _ => return Err(wrong()),
    };
    let number: u64 = text.trim_end_matches(unit).parse().map_err(|_| wrong())?;
    let minutes = number.checked_mul(minutes).filter(|minutes| *minutes <= 365 * 24 * 60);
    minutes.map(|minutes| minutes * 60_000).ok_or_else(|| fl!("invite-time-most"))
}

#[derive(Args)]
#[command(after_help = "Example:\n  ephemeral invites --json")]
pub(super) struct InvitesArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    profile: ProfileArgs,
}

pub(super) async fn list(args: &InvitesArgs) -> Result<(), Failure> {
    for invite in args.profile.ask(ListInvites {}).await? {
        if args.json {
            print_json(&json!(invite))?;
        } else {
            print(&lines(&invite))?;
        }
    }
    Ok(())
}

fn lines(invite: &InviteInfo) -> String {
    let number = invite.invite.to_string();
    let kind = if invite.reusable { fl!("invite-reusable") } else { fl!("invite-once") };
    let name = match invite.name.as_str() {
        "" => String::new(),
        name => fl!("invite-for", name = printable(name)),
    };
    let used = invite.used_by.as_ref().map(|user| fl!("invite-used", user = printable(user))).unwrap_or_default();
    let until = super::output::local_time(&invite.not_after);
    let mut text = fl!("invite-line", number = number, kind = kind, name = name, until = until, user = used);
    text.push('\n');
    for request in &invite.requests {
        let short = request.identity.get(..8).unwrap_or_default();
        text += &fl!("invite-waits", identity = short, name = quoted(&request.calls_itself));
        text.push('\n');
    }
    text
}

#[derive(Args)]
#[command(after_help = "Example:\n  ephemeral revoke 7\n\n`ephemeral invites` lists the numbers.")]
pub(super) struct RevokeArgs {
    /// The invite's number.
    #[arg(value_name = "INVITE")]
    invite: InviteId,
    #[command(flatten)]
    profile: ProfileArgs,
}

pub(super) async fn revoke(args: &RevokeArgs) -> Result<(), Failure> {
    args.profile.ask(RevokeInvite { invite: args.invite }).await?;
    Ok(())
}

#[derive(Args)]
#[command(after_help = "Example:\n  ephemeral admit 7 4f2a9c01 --as carol")]
pub(super) struct AdmitArgs {
    /// The invite's number.
    #[arg(value_name = "INVITE")]
    invite: InviteId,
    /// The beginning of the identity of the one that waits, as `ephemeral invites` shows it.
    #[arg(value_name = "IDENTITY")]
    identity: String,
    /// What you call the contact; otherwise as it calls itself.
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    profile: ProfileArgs,
}

pub(super) async fn admit(args: &AdmitArgs) -> Result<(), Failure> {
    let name = args.name.clone().unwrap_or_default();
    let mut reached = args.profile.reach().await?;
    let admit = AdmitRequest { invite: args.invite, identity: args.identity.clone(), name };
    let admitted = reached.call(admit).await;
    let is_elsewhere = reached.is_elsewhere();
    reached.finish().await?;
    admitted?;
    if !is_elsewhere {
        say(&fl!("admit-done"));
    }
    Ok(())
}

#[derive(Args)]
#[command(after_help = "Example:\n  ephemeral decline 7 4f2a9c01")]
pub(super) struct DeclineRequestArgs {
    /// The invite's number.
    #[arg(value_name = "INVITE")]
    invite: InviteId,
    /// The beginning of the identity of the one that waits, as `ephemeral invites` shows it.
    #[arg(value_name = "IDENTITY")]
    identity: String,
    #[command(flatten)]
    profile: ProfileArgs,
}

pub(super) async fn decline(args: &DeclineRequestArgs) -> Result<(), Failure> {
    args.profile.ask(DeclineRequest { invite: args.invite, identity: args.identity.clone() }).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
