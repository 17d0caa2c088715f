//! `ephemeral invite`, `invites`, `revoke`, `admit` and `decline`: how others get in touch.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use qrcode::render::{svg, unicode};
use qrcode::{EcLevel, QrCode};
use serde_json::json;

use super::exit::{Exit, Failure, say};
use super::output::{print, print_json, utc};
use super::profile::ProfileArgs;
use super::words::{files, fl, path};
use ephemeral_client::engine::Profile;
use ephemeral_client::names;
use ephemeral_client::text::printable;
use ephemeral_e2e::core::{InviteOptions, InviteView};
use ephemeral_e2e::effect::{Effect, Event, InviteId};

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
    /// Draw a QR code as well: into this SVG file, which is never overwritten, or - for the
    /// terminal.
    #[arg(long, value_name = "FILE")]
    qr: Option<PathBuf>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    profile: ProfileArgs,
}

pub(super) fn make(args: &InviteArgs) -> Result<(), Failure> {
    let mut profile = args.profile.open()?;
    let options = InviteOptions {
        name: args.name.clone(),
        reusable: args.reusable,
        life_ms: args.expires,
        ..InviteOptions::default()
    };
    let (invite, effects) = profile.act(|core, now| core.invite(options, now))?;
    let shown = effects.into_iter().find_map(|effect| match effect {
        Effect::Show { id, event: Event::Invite { invite: made, text } } if made == invite => Some((id, text)),
        _ => None,
    });
    let (id, text) = shown.ok_or_else(|| Failure::local(fl!("invite-lost")))?;
    match &args.qr {
        Some(file) if file.as_os_str() == "-" => print(&format!("{}\n", drawn(&text)?))?,
        Some(file) => write_svg(file, &text)?,
        None => {}
    }
    if args.json {
        print_json(&json!({"invite": invite, "name": args.name, "reusable": args.reusable, "text": text}))?;
    } else {
        print(&format!("{text}\n"))?;
    }
    // Only now: if the output failed, it is shown again.
    profile.change(|core, _| {
        core.shown(id);
        Ok(())
    })?;
    Ok(())
}

/// Draws a QR code for a terminal, in half blocks.
pub(super) fn drawn(text: &str) -> Result<String, Failure> {
    Ok(code(text)?.render::<unicode::Dense1x2>().build())
}

fn code(text: &str) -> Result<QrCode, Failure> {
    QrCode::with_error_correction_level(text, EcLevel::L)
        .map_err(|error| Failure::local(fl!("invite-too-long-for-qr", why = error.to_string())))
}

fn write_svg(file: &std::path::Path, text: &str) -> Result<(), Failure> {
    let drawing = code(text)?.render::<svg::Color<'_>>().min_dimensions(400, 400).build();
    let failed = |error| Failure::local(fl!("invite-cannot-write", path = path(file), why = files::system(&error)));
    let mut file_made = File::create_new(file).map_err(failed)?;
    file_made.write_all(drawing.as_bytes()).map_err(failed)
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

pub(super) fn list(args: &InvitesArgs) -> Result<(), Failure> {
    let profile = args.profile.open()?;
    for invite in profile.core().invites() {
        if args.json {
            print_json(&object(&profile, &invite))?;
        } else {
            print(&lines(&profile, &invite))?;
        }
    }
    Ok(())
}

fn user(profile: &Profile, invite: &InviteView) -> Option<String> {
    let used_by = invite.used_by?;
    profile.core().contacts().iter().find(|contact| contact.link == used_by).map(names::called)
}

fn object(profile: &Profile, invite: &InviteView) -> serde_json::Value {
    let requests = invite.requests.iter();
    let requests: Vec<_> = requests
        .map(|request| json!({"identity": request.identity.to_hex(), "calls_itself": request.profile}))
        .collect();
    json!({
        "invite": invite.invite, "name": invite.name, "reusable": invite.reusable,
        "not_after": utc(invite.not_after / 60_000), "used_by": user(profile, invite), "requests": requests
    })
}

fn lines(profile: &Profile, invite: &InviteView) -> String {
    let number = invite.invite.to_string();
    let kind = if invite.reusable { fl!("invite-reusable") } else { fl!("invite-once") };
    let name = match invite.name.as_str() {
        "" => String::new(),
        name => fl!("invite-for", name = printable(name)),
    };
    let used = user(profile, invite).map(|user| fl!("invite-used", user = printable(&user))).unwrap_or_default();
    let until = super::output::local_time(invite.not_after / 60_000);
    let mut text = fl!("invite-line", number = number, kind = kind, name = name, until = until, user = used);
    text.push('\n');
    for request in &invite.requests {
        let identity = request.identity.to_hex();
        let short = identity.get(..8).unwrap_or_default();
        text += &fl!("invite-waits", identity = short, name = printable(&request.profile));
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

pub(super) fn revoke(args: &RevokeArgs) -> Result<(), Failure> {
    args.profile.open()?.change(|core, now| core.revoke(args.invite, now))?;
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

pub(super) fn admit(args: &AdmitArgs) -> Result<(), Failure> {
    let mut profile = args.profile.open()?;
    let (identity, wished) = waiting(&profile, args)?;
    let name = args.name.clone().unwrap_or_else(|| names::free(profile.core(), &wished));
    profile.change(|core, now| core.admit(args.invite, &identity, &name, now))?;
    say(&fl!("admit-done"));
    Ok(())
}

pub(super) fn decline(args: &AdmitArgs) -> Result<(), Failure> {
    let mut profile = args.profile.open()?;
    let (identity, _) = waiting(&profile, args)?;
    profile.change(|core, now| core.decline(args.invite, &identity, now))?;
    Ok(())
}

/// Finds the one that waits, and what it calls itself.
fn waiting(profile: &Profile, args: &AdmitArgs) -> Result<(ephemeral_e2e::bytes::Key, String), Failure> {
    let invites = profile.core().invites();
    let invite = invites.iter().find(|invite| invite.invite == args.invite);
    let requests = invite.map(|invite| invite.requests.as_slice()).unwrap_or_default();
    let wanted = args.identity.to_lowercase();
    let mut found = requests.iter().filter(|request| request.identity.to_hex().starts_with(&wanted));
    match (found.next(), found.next()) {
        (Some(request), None) if !wanted.is_empty() => Ok((request.identity, request.profile.clone())),
        (Some(_), Some(_)) => Err(Failure::usage(fl!("admit-several"))),
        _ => Err(Failure::new(Exit::NoSuchName, fl!("admit-nobody"))),
    }
}
