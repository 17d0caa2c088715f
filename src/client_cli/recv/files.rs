//! Files that come, as `ephemeral recv` has them: taken into a folder, or said to wait.

use std::path::Path;

use serde_json::json;

use super::Told;
use crate::client_cli::exit::Failure;
use crate::client_cli::output::{name_of, object};
use crate::client_cli::running::Running;
use ephemeral_client::downloads::{ChunkFate, Download, DownloadEnd, Downloads};
use ephemeral_client::text::printable;
use ephemeral_e2e::effect::{Event, LinkId};
use ephemeral_e2e::payload::FileChunk;

/// What becomes of files that come.
pub(super) struct FileTaker(Option<Downloads>);

impl FileTaker {
    /// Takes files into a folder; without one, they wait.
    pub(super) fn new(folder: Option<&Path>) -> Result<Self, Failure> {
        Ok(Self(folder.map(Downloads::new).transpose()?))
    }

    /// Ends what a process before this one had not ended.
    pub(super) fn begin(&self, running: &mut Running) -> Result<Vec<Told>, Failure> {
        if self.0.is_none() {
            return Ok(Vec::new());
        }
        place(running)
    }

    /// Takes a chunk, and returns what is told of it.
    pub(super) fn take(
        &self,
        running: &mut Running,
        id: u64,
        link: LinkId,
        chunk: &FileChunk,
    ) -> Result<Vec<Told>, Failure> {
        let Some(downloads) = &self.0 else {
            return Ok(if chunk.index == 0 { vec![waiting(running, id, link, chunk)] } else { Vec::new() });
        };
        match downloads.take(&mut running.engine, id, link, chunk)? {
            ChunkFate::Part if chunk.index == 0 => {
                running.note(&format!("{} sends {}", printable(&name_of(running.engine.core(), link)), told(chunk)));
                Ok(Vec::new())
            }
            ChunkFate::Part | ChunkFate::Dropped => Ok(Vec::new()),
            ChunkFate::Whole => place(running),
            ChunkFate::Waits => {
                running.note(&format!("{} waits until other files are complete: 256 MiB are coming", told(chunk)));
                Ok(Vec::new())
            }
        }
    }
}

/// Returns a file's name and size as people read them.
fn told(chunk: &FileChunk) -> String {
    format!("{} ({})", printable(&chunk.safe_name()), indicatif::BinaryBytes(chunk.size))
}

fn waiting(running: &Running, id: u64, link: LinkId, chunk: &FileChunk) -> Told {
    let core = running.engine.core();
    let event = Event::File { link, mid: id, chunk: FileChunk { data: Vec::new(), ..chunk.clone() } };
    let who = printable(&name_of(core, link));
    let line = format!("* {who} sends the file {}; take it with `ephemeral recv --files DIR`", told(chunk));
    Told { line: Some(line), object: object(core, &event), counts: false }
}

/// Ends the files that are whole, or that will not become it.
fn place(running: &mut Running) -> Result<Vec<Told>, Failure> {
    let ended = Downloads::place(&mut running.engine)?;
    Ok(ended.iter().map(|download| ended_file(running, download)).collect())
}

fn ended_file(running: &Running, Download { file, outcome }: &Download) -> Told {
    let who = name_of(running.engine.core(), file.link);
    let name = printable(&file.name);
    let from = printable(&who);
    let line = match outcome {
        DownloadEnd::Saved(path) => format!("* {from} sent a file: {}", printable(&path.display().to_string())),
        DownloadEnd::Damaged => format!("* the file {name} of {from} is not what was announced: it was deleted"),
        DownloadEnd::Gone => format!("* what was written of the file {name} of {from} is gone: ask for it again"),
        DownloadEnd::Ended => format!("* the rest of the file {name} of {from} did not come: it was deleted"),
    };
    let (event, path) = match outcome {
        DownloadEnd::Saved(path) => ("file_saved", Some(path.display().to_string())),
        DownloadEnd::Damaged => ("file_damaged", None),
        DownloadEnd::Gone | DownloadEnd::Ended => ("file_lost", None),
    };
    let object = json!({
        "event": event, "contact": who, "name": file.name, "size": file.size, "sha256": file.sha256.to_hex(),
        "path": path
    });
    Told { line: Some(line), object, counts: matches!(outcome, DownloadEnd::Saved(_)) }
}
