//! Sends a file to a contact, and ends when the contact has all of it.

use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use serde_json::json;
use tokio::time::Instant;

use super::SendArgs;
use crate::client_cli::exit::{Exit, Failure};
use crate::client_cli::output::{print, print_json};
use crate::client_cli::running::{Running, at};
use crate::client_cli::stop;
use crate::client_cli::words::{self, fl, said};
use ephemeral_client::api::{EventParams, Notification, SendFile, SentFile, Subscribe, Taking};
use ephemeral_e2e::payload::CHUNK;

/// A file of more parts waits until the contact agrees (`docs/e2e.md`).
const UNASKED_PARTS: u64 = 22;
/// The bytes of a part.
const PART: u64 = CHUNK as u64;

/// A file on its way to a contact.
struct Transfer {
    file: String,
    /// How many parts the contact has, and how many there are.
    arrived: (u64, u64),
    bar: Option<ProgressBar>,
}

pub(super) async fn send(args: &SendArgs, path: &Path) -> Result<(), Failure> {
    let full = std::path::absolute(path)
        .ok()
        .and_then(|path| path.to_str().map(str::to_owned))
        .ok_or_else(|| Failure::usage(fl!("source-path", path = words::path(path))))?;
    let mut running = args.run.start(args.run.fetching()).await?;
    running.call(Subscribe { taking: Taking::Watched }).await?;
    let SentFile { file, name, size, sha256, replaced } =
        running.call(SendFile { contact: args.to.clone(), path: full }).await?;
    if replaced {
        running.note(&fl!("file-given-up-before"));
    }
    let bar = args.run.route.is_chatty().then(|| bar(size)).flatten();
    let mut transfer = Transfer { file, arrived: (0, size.div_ceil(PART)), bar };
    let outcome = deliver(&mut running, args, &mut transfer).await;
    running.finish().await?;
    outcome?;
    let file = &transfer.file;
    if args.json {
        return print_json(&json!({
            "file": file, "contact": args.to, "name": name, "size": size, "sha256": sha256, "standing": "arrived"
        }));
    }
    print(&format!("{file}\n"))
}

async fn deliver(running: &mut Running, args: &SendArgs, transfer: &mut Transfer) -> Result<(), Failure> {
    let deadline = args.timeout.map(|seconds| Instant::now() + Duration::from_secs(seconds.into()));
    let stopped = stop::requested();
    tokio::pin!(stopped);
    if transfer.arrived.1 > UNASKED_PARTS {
        running.note(&fl!("file-waits-for-yes"));
    }
    loop {
        let EventParams { number, event } = tokio::select! {
            news = running.next() => news?,
            () = at(deadline) => return Err(transfer.late(running, args)),
            result = &mut stopped => {
                result?;
                return Err(Failure::local(fl!("file-interrupted", progress = transfer.so_far())));
            }
        };
        match event {
            Notification::FileProgress { file, arrived, .. } if file == transfer.file => transfer.moved(arrived),
            Notification::FileUnreadable { file, why, reason } if file == transfer.file => {
                let why = said::explained(&why, reason.as_ref());
                return Err(Failure::local(format!("{}: {why}", transfer.so_far())));
            }
            Notification::FileArrived { file, .. } if file == transfer.file => return running.shown(number).await,
            Notification::FileDeclined { file, .. } if file == transfer.file => {
                running.shown(number).await?;
                return Err(Failure::new(Exit::Refused, fl!("file-declined")));
            }
            Notification::FileNotDelivered { file, .. } if file == transfer.file => {
                return Err(Failure::new(Exit::Refused, fl!("file-refused")));
            }
            Notification::Unusable { server, why, reason } if running.is_own(&server) => {
                let why = said::explained(&why, reason.as_ref());
                return Err(Failure::new(Exit::Unusable, fl!("file-kept", why = why)));
            }
            _ => {}
        }
    }
}

impl Transfer {
    fn moved(&mut self, bytes: u64) {
        self.arrived.0 = bytes.div_ceil(PART);
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
        }
    }

    fn so_far(&self) -> String {
        let (arrived, count) = self.arrived;
        fl!("file-so-far", arrived = arrived, count = count)
    }

    fn late(&self, running: &mut Running, args: &SendArgs) -> Failure {
        let why = running.why();
        let seconds = args.timeout_s().to_string();
        Failure::new(Exit::Unreachable, fl!("file-late", progress = self.so_far(), seconds = seconds, why = why))
    }
}

/// Returns the line that shows how much has arrived; nothing, where nobody sees it.
fn bar(size: u64) -> Option<ProgressBar> {
    if !std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        return None;
    }
    let bar =
        ProgressBar::with_draw_target(Some(size), ProgressDrawTarget::stderr()).with_finish(ProgressFinish::AndClear);
    let line = fl!("file-bar", bar = "{wide_bar}", bytes = "{bytes}", total = "{total_bytes}", left = "{eta}");
    let style = ProgressStyle::with_template(&line).ok()?;
    bar.set_style(style);
    Some(bar)
}
