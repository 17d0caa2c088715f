//! Sends a file to a contact, and ends when the contact has all of it.

use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use serde_json::json;
use tokio::time::Instant;

use super::SendArgs;
use crate::client_cli::exit::{Exit, Failure};
use crate::client_cli::output::{hex, print, print_json};
use crate::client_cli::running::{Running, at};
use crate::client_cli::stop;
use ephemeral_client::engine::EngineEvent;
use ephemeral_client::names::{self, Recipient};
use ephemeral_client::source;
use ephemeral_client::text::printable;
use ephemeral_e2e::effect::{Event, LinkId};
use ephemeral_e2e::files::FileId;
use ephemeral_e2e::payload::CHUNK;

/// A file of more parts waits until the contact agrees (`docs/e2e.md`).
const UNASKED_PARTS: u32 = 22;

/// A file on its way to a contact.
struct Transfer {
    file: FileId,
    /// How many parts the contact has, and how many there are.
    arrived: (u32, u32),
    bar: Option<ProgressBar>,
}

pub(super) async fn send(args: &SendArgs, path: &Path) -> Result<(), Failure> {
    // Hashing a large file takes a moment, and the profile is not needed for it.
    let source = source::describe(path)?;
    let mut running = args.run.start(args.run.fetching())?;
    let Recipient::Contact(contact) = names::recipient(running.engine.core(), &args.to)? else {
        return Err(Failure::usage("a file is sent to a contact, not to a group"));
    };
    let size = source.size;
    let sha256 = source.sha256;
    replace_changed(&mut running, contact.link, &source);
    let file = running.engine.act(|core, now| core.send_file(contact.link, source, now))?;
    let bar = args.run.route.is_chatty().then(|| bar(size)).flatten();
    let mut transfer = Transfer { file, arrived: (0, 1), bar };
    let outcome = deliver(&mut running, args, &mut transfer).await;
    running.finish()?;
    outcome?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if args.json {
        return print_json(&json!({
            "file": hex(&file), "contact": args.to, "name": name, "size": size, "sha256": sha256.to_hex(),
            "standing": "arrived"
        }));
    }
    print(&format!("{}\n", hex(&file)))
}

/// Gives up what was begun of the same path and is another file now.
fn replace_changed(running: &mut Running, contact: LinkId, source: &ephemeral_e2e::files::Source) {
    let files = running.engine.core().files_sending();
    let changed = files
        .into_iter()
        .filter(|file| file.link == contact && file.source.path == source.path && file.source.sha256 != source.sha256);
    for file in changed {
        running.note("what was sent of this file before it changed is given up");
        // It cannot fail: nothing comes of it but that less is sent.
        let _ = running.engine.act(|core, _| {
            core.stop_file(contact, &file.id);
            Ok(())
        });
    }
}

async fn deliver(running: &mut Running, args: &SendArgs, transfer: &mut Transfer) -> Result<(), Failure> {
    let deadline = args.timeout.map(|seconds| Instant::now() + Duration::from_secs(seconds.into()));
    let stopped = stop::requested();
    tokio::pin!(stopped);
    loop {
        let notice = tokio::select! {
            notice = running.next() => notice?,
            () = at(deadline) => return Err(transfer.late(running, args)),
            result = &mut stopped => {
                result?;
                return Err(Failure::local(format!(
                    "interrupted: {}; the rest is sent when `ephemeral recv` or the same command runs", transfer.so_far()
                )));
            }
        };
        match notice {
            EngineEvent::FileSent { file } if file.id == transfer.file => {
                transfer.moved(running, (file.arrived, file.count))
            }
            EngineEvent::FileUnreadable { file, why } if file.id == transfer.file => {
                return Err(Failure::local(format!("{}: {}", transfer.so_far(), printable(&why))));
            }
            EngineEvent::Event { id, event: Event::FileDelivered { file, .. } } if file == transfer.file => {
                running.engine.shown(id);
                return Ok(());
            }
            EngineEvent::Event { event: Event::FileNotDelivered { file, .. }, .. } if file == transfer.file => {
                return Err(Failure::new(Exit::Refused, "the file was given up: the contact did not take it"));
            }
            EngineEvent::Unusable { server, why } if running.is_own(&server) => {
                return Err(Failure::new(Exit::Unusable, format!("the file is kept: {why}")));
            }
            _ => {}
        }
    }
}

impl Transfer {
    fn moved(&mut self, running: &Running, arrived: (u32, u32)) {
        if arrived.0 == 0 && arrived.1 > UNASKED_PARTS {
            running.note("a large file waits for the contact's yes; after Ctrl-C it still does");
        }
        self.arrived = arrived;
        if let Some(bar) = &self.bar {
            bar.set_position(u64::from(arrived.0) * CHUNK as u64);
        }
    }

    fn so_far(&self) -> String {
        let (arrived, count) = self.arrived;
        format!("{arrived} of {count} parts of the file have arrived")
    }

    fn late(&self, running: &mut Running, args: &SendArgs) -> Failure {
        let why = running.trouble.take().map(|trouble| format!(": {trouble}")).unwrap_or_default();
        Failure::new(Exit::Unreachable, format!("{} within {} s{why}", self.so_far(), args.timeout_s()))
    }
}

/// Returns the line that shows how much has arrived; nothing, where nobody sees it.
fn bar(size: u64) -> Option<ProgressBar> {
    if !std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        return None;
    }
    let bar =
        ProgressBar::with_draw_target(Some(size), ProgressDrawTarget::stderr()).with_finish(ProgressFinish::AndClear);
    let style = ProgressStyle::with_template("{wide_bar} {bytes} of {total_bytes} have arrived, {eta} left").ok()?;
    bar.set_style(style);
    Some(bar)
}
