//! `ephemeral files`: the files that contacts send, and a no to one of them.

use clap::Args;
use indicatif::BinaryBytes;
use serde_json::json;

use super::exit::{Failure, say};
use super::output::{print, print_json};
use super::profile::ProfileArgs;
use super::words::fl;
use ephemeral_client::api::{DeclineFile, FileInfo, ListFiles, Nothing};
use ephemeral_client::text::printable;

#[derive(Args)]
#[command(after_help = "\
Examples:
  ephemeral files
  ephemeral files --decline 4f2a9c0180d3b7e65512aa90c3f1e7d8

`ephemeral recv --files DIR` takes what waits. A file that was declined is deleted here, as far as it
was written, and its sender's program stops sending it.")]
pub(super) struct FilesArgs {
    /// Say no to this file, or take no more of it, and tell the contact.
    #[arg(long, value_name = "ID")]
    decline: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    profile: ProfileArgs,
}

pub(super) async fn run(args: &FilesArgs) -> Result<(), Failure> {
    if let Some(file) = args.decline.clone() {
        return decline(args, file).await;
    }
    for file in args.profile.ask(ListFiles {}).await?.iter().filter(|file| !file.mine) {
        if args.json {
            print_json(&json!(file))?;
        } else {
            print(&line(file))?;
        }
    }
    Ok(())
}

async fn decline(args: &FilesArgs, file: String) -> Result<(), Failure> {
    let Nothing {} = args.profile.ask(DeclineFile { file: file.clone() }).await?;
    if args.json {
        return print_json(&json!({"file": file, "declined": true}));
    }
    say(&fl!("files-declined"));
    Ok(())
}

fn line(file: &FileInfo) -> String {
    let FileInfo { file: id, contact, name, size, mine: _, waits, arrived } = file;
    let how = match waits {
        true => fl!("files-waits"),
        false => fl!("files-coming", arrived = BinaryBytes(*arrived).to_string()),
    };
    let id = id.as_str();
    let name = printable(name);
    let contact = printable(contact);
    let size = BinaryBytes(*size).to_string();
    let line = fl!("files-line", id = id, name = name, size = size, contact = contact, how = how);
    format!("{line}\n")
}
