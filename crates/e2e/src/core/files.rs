//! Files: sending them chunk by chunk, and taking note of what was written of those that come.

use super::{Core, CoreError, Obstacle, Room, State};
use crate::clock::ProfileClock;
use crate::effect::{Event, LinkId};
use crate::files::{Coming, FileId, MAX_FLYING, Sending, Source};
use crate::link::Link;
use crate::payload::{CHUNK, Content, FileChunk, MAX_FILE, MAX_FILE_NAME};

/// Holds how far a file came that is being sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendingView {
    /// Names the file.
    pub id: FileId,
    /// The contact.
    pub link: LinkId,
    /// The file.
    pub source: Source,
    /// How many chunks the contact has.
    pub arrived: u32,
    /// How many there are.
    pub count: u32,
    /// The offset and the length of the chunk that [`Core::send_chunk`] wants now.
    pub wanted: Option<(u64, usize)>,
    /// Whether the contact does not want it: no more is sent, and it is listed for a day.
    pub declined: bool,
}

/// Holds how far a file came that is coming.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComingView {
    /// Names the file.
    pub id: FileId,
    /// The contact that sends it.
    pub link: LinkId,
    /// What it is called: a name without a path.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: crate::bytes::Key,
    /// Where it is written to until it is whole.
    pub part: String,
    /// How many chunks were written.
    pub written: u32,
    /// How many there are.
    pub count: u32,
    /// Whether nothing came for so long that the rest will not come.
    pub stale: bool,
}

/// Holds a file that waits for somebody to take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingView {
    /// Names the file.
    pub id: FileId,
    /// The contact that sends it.
    pub link: LinkId,
    /// What it is called: a name without a path.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
}

impl Core {
    /// Sends a file to a contact, or goes on with it if it is the same. The chunks follow:
    /// [`Self::send_chunk`].
    pub fn send_file(&mut self, id: LinkId, source: Source, wall_ms: u64) -> Result<FileId, CoreError> {
        self.running(wall_ms)?;
        if source.name.len() > MAX_FILE_NAME || !(1..=MAX_FILE).contains(&source.size) {
            return Err(CoreError::TooLong);
        }
        let link = self.contact(id)?;
        if link.left.is_some() || link.first.is_some() {
            return Err(CoreError::NotNow(Obstacle::NoAnswer));
        }
        let files = &mut self.state.profile.files;
        let again = |file: &Sending| {
            file.link == id && file.declined && (file.source.sha256, file.source.size) == (source.sha256, source.size)
        };
        files.sending.retain(|file| !again(file));
        let same = |file: &&mut Sending| {
            file.link == id && (file.source.sha256, file.source.size) == (source.sha256, source.size)
        };
        if let Some(file) = files.sending.iter_mut().find(same) {
            // It may be somewhere else by now. The other side knows it by its first name.
            let name = std::mem::take(&mut file.source.name);
            file.source = Source { name, ..source };
            return Ok(file.id);
        }
        if !files.can_send() {
            return Err(CoreError::Full(Room::FilesSending));
        }
        let file = crate::random::bytes();
        let moved = self.state.profile.clock.settled_age();
        let sending = Sending { id: file, link: id, source, next: 0, moved, declined: false };
        self.state.profile.files.sending.push(sending);
        Ok(file)
    }

    /// Returns the files that are being sent.
    pub fn files_sending(&self) -> Vec<SendingView> {
        let files = self.state.profile.files.sending.iter();
        files
            .filter_map(|file| Some(sending_view(file, self.state.links.iter().find(|link| link.id == file.link)?)))
            .collect()
    }

    /// Puts the chunk that is wanted into the outbox.
    pub fn send_chunk(&mut self, id: LinkId, file: &FileId, data: Vec<u8>, wall_ms: u64) -> Result<(), CoreError> {
        self.running(wall_ms)?;
        let profile = &mut self.state.profile;
        let link = self.state.links.iter_mut().find(|link| link.id == id).ok_or(CoreError::Unknown)?;
        let sending = profile.files.sending_mut(id, file).ok_or(CoreError::Unknown)?;
        let wanted = sending_view(sending, link).wanted.map(|(_, length)| length);
        if wanted != Some(data.len()) {
            return Err(CoreError::NotNow(Obstacle::Chunk));
        }
        let chunk = sending.chunk(data);
        sending.next += 1;
        link.enqueue(Content::File(chunk), 0, profile).ok_or(CoreError::Full(Room::Outbox))?;
        Ok(())
    }

    /// Gives up sending a file, and tells the contact. What that has of it is of no use.
    pub fn stop_file(&mut self, id: LinkId, file: &FileId, wall_ms: u64) -> Result<(), CoreError> {
        self.running(wall_ms)?;
        let profile = &mut self.state.profile;
        let sent = profile.files.sending_mut(id, file).is_some_and(|sending| sending.next > 0 && !sending.declined);
        profile.files.sending.retain(|known| known.link != id || known.id != *file);
        self.end_file(id, file, sent);
        Ok(())
    }

    /// Wants no more of a file that comes, and tells the contact.
    pub fn decline_file(&mut self, id: LinkId, file: &FileId, wall_ms: u64) -> Result<(), CoreError> {
        self.running(wall_ms)?;
        let waiting = self.state.profile.forget_file(id, file).is_some();
        let coming = self.state.profile.files.coming_mut(id, file).is_some();
        self.forget_file(id, file);
        self.end_file(id, file, waiting || coming);
        Ok(())
    }

    fn end_file(&mut self, id: LinkId, file: &FileId, known: bool) {
        let State { version: _, profile, doors: _, links, groups: _ } = &mut self.state;
        if let Some(link) = links.iter_mut().find(|link| link.id == id && known) {
            link.end_file(*file, profile);
        }
    }

    /// Returns the files that wait for somebody to take them, of which nothing was written yet.
    pub fn files_waiting(&self) -> Vec<WaitingView> {
        let profile = &self.state.profile;
        let first = profile.waiting_chunks().filter(|(_, chunk)| chunk.index == 0);
        let begun = |link, id: &FileId| profile.files.coming.iter().any(|known| known.link == link && known.id == *id);
        let waiting = first.filter(|(link, chunk)| !begun(*link, &chunk.id));
        waiting
            .map(|(link, chunk)| WaitingView { id: chunk.id, link, name: chunk.safe_name(), size: chunk.size })
            .collect()
    }

    /// Returns the files that are coming.
    pub fn files_coming(&self) -> Vec<ComingView> {
        self.state.profile.files.coming.iter().map(|file| coming_view(file, &self.state.profile.clock)).collect()
    }

    /// Begins to take a file, whose first chunk is the event `event`. `part`: where it is written
    /// to until it is whole.
    pub fn begin_file(&mut self, event: u64, part: &str, wall_ms: u64) -> Result<(), CoreError> {
        self.running(wall_ms)?;
        let profile = &mut self.state.profile;
        let Some((link, _, chunk)) = profile.waiting_chunk(event) else { return Err(CoreError::Unknown) };
        if profile.files.coming.iter().any(|file| file.link == link && file.id == chunk.id) {
            return Ok(());
        }
        if !profile.files.has_room(chunk.size) {
            return Err(CoreError::Full(Room::FilesComing));
        }
        let coming = Coming::new(link, chunk, part.to_owned(), profile.clock.settled_age());
        profile.files.coming.push(coming);
        Ok(())
    }

    /// Takes note that the chunk which is the event `event` was written and is durable. Returns
    /// whether it was the last one.
    pub fn wrote_chunk(&mut self, event: u64, wall_ms: u64) -> Result<bool, CoreError> {
        self.running(wall_ms)?;
        let profile = &mut self.state.profile;
        let Some((link, _, chunk)) = profile.waiting_chunk(event) else { return Err(CoreError::Unknown) };
        let id = chunk.id;
        let index = chunk.index;
        let age = profile.clock.settled_age();
        let file = profile.files.coming_mut(link, &id).ok_or(CoreError::Unknown)?;
        file.wrote(index, age);
        let complete = file.written() == file.count();
        self.shown(event);
        Ok(complete)
    }

    /// Forgets a file that came, or that is not wanted any more. What still comes of it is dropped.
    pub fn forget_file(&mut self, id: LinkId, file: &FileId) {
        self.state.profile.files.coming.retain(|known| known.link != id || known.id != *file);
    }

    /// Tells whether a chunk belongs to a file as it was begun.
    pub fn is_of_file(&self, id: LinkId, chunk: &FileChunk) -> bool {
        let files = &self.state.profile.files.coming;
        files.iter().any(|file| file.link == id && file.id == chunk.id && file.fits(chunk))
    }

    /// Does what files need from time to time.
    pub(super) fn tick_files(&mut self) {
        let profile = &mut self.state.profile;
        let links = &mut self.state.links;
        let age = profile.clock.age;
        let given_up = profile.files.prune(age, |id| links.iter().any(|link| link.id == id && link.left.is_none()));
        for file in given_up {
            if let Some(link) = links.iter_mut().find(|link| link.id == file.link) {
                link.outbox.drop_file(&file.id);
            }
            let Sending { id, link, source, next: _, moved: _, declined: _ } = file;
            profile.tell(Event::FileNotDelivered { link, file: id, name: source.name });
        }
        // As long as its name is remembered, the other side repeats a chunk.
        profile.forget_chunks(|id, mid| links.iter().any(|link| link.id == id && link.received.knows(mid)));
    }
}

fn sending_view(file: &Sending, link: &Link) -> SendingView {
    let flying = link.outbox.of_file(&file.id).count();
    let first = link.outbox.of_file(&file.id).any(|index| index == 0);
    let offset = u64::from(file.next) * CHUNK as u64;
    let length = usize::try_from((file.source.size - offset.min(file.source.size)).min(CHUNK as u64)).unwrap_or(CHUNK);
    let room = !file.declined && flying < MAX_FLYING && link.outbox.has_room(CHUNK) && link.left.is_none();
    let flying = u32::try_from(flying).unwrap_or(u32::MAX);
    SendingView {
        id: file.id,
        link: file.link,
        source: file.source.clone(),
        arrived: file.next.saturating_sub(flying),
        count: file.count(),
        wanted: (room && !first && length > 0).then_some((offset, length)),
        declined: file.declined,
    }
}

fn coming_view(file: &Coming, clock: &ProfileClock) -> ComingView {
    ComingView {
        id: file.id,
        link: file.link,
        name: file.name.clone(),
        size: file.size,
        sha256: file.sha256,
        part: file.part.clone(),
        written: file.written(),
        count: file.count(),
        stale: crate::files::is_stale(file, clock.age),
    }
}
