//! A person of the simulator: a core, a disk, and a client that carries out effects.

use std::collections::{BTreeMap, BTreeSet};

use super::server::{HostileServer, Malice};
use super::{Dice, trace};
use crate::authority::Authority;
use crate::bytes::{Key, Secret};
use crate::core::{Core, IncomingFrame};
use crate::effect::{Effect, Event, Frame};
use crate::mailbox::public_key;
use crate::payload::FileChunk;
use crate::random::CoreJitter;
use crate::servers::Moves;

pub(crate) struct Person {
    pub(crate) who: usize,
    pub(crate) core: Core,
    /// The state that was committed last.
    pub(crate) disk: Vec<u8>,
    pub(crate) clock_shift: i64,
    frames: Vec<Frame>,
    mailboxes: Vec<(Key, Authority, u64)>,
    shown: BTreeSet<u64>,
    pub(crate) said: Vec<String>,
    pub(crate) heard: Vec<String>,
    pub(crate) invites: Vec<String>,
    pub(crate) events: Vec<Event>,
    /// Whether nobody looks at what is told.
    pub(crate) looks_away: bool,
    /// Whether the user says yes to what it is asked.
    pub(crate) decides: bool,
    /// Whether the user takes files, and the chunks that were written.
    pub(crate) takes_files: bool,
    pub(crate) written: BTreeMap<u32, Vec<u8>>,
    /// How many texts had been said at the rollback.
    pub(crate) marked: usize,
    /// The length of the longest state that was written.
    pub(crate) largest: usize,
    /// When something left for, or was acknowledged to, which mailbox.
    pub(crate) moments: Vec<SeenMoment>,
}

/// Says what a server sees of a profile, on which of its mailboxes' sessions, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SeenMoment {
    /// One's own mailbox acknowledged a frame.
    Acknowledged(Key, u64),
    /// Something left for another's mailbox.
    Sent(Key, u64),
}

impl Person {
    pub(crate) fn new(who: usize, authority: Authority, now: u64, seed: u64) -> Self {
        let mut core = Core::create(authority, "somebody", now).unwrap();
        let mut jitter = [u8::try_from(who).unwrap(); 32];
        jitter[..8].copy_from_slice(&seed.to_be_bytes());
        core.set_jitter(CoreJitter::new(Secret::new(jitter)));
        let mut person = Self {
            who,
            core,
            disk: Vec::new(),
            clock_shift: 0,
            frames: Vec::new(),
            mailboxes: Vec::new(),
            shown: BTreeSet::new(),
            said: Vec::new(),
            heard: Vec::new(),
            invites: Vec::new(),
            events: Vec::new(),
            looks_away: false,
            decides: true,
            takes_files: false,
            written: BTreeMap::new(),
            marked: 0,
            largest: 0,
            moments: Vec::new(),
        };
        person.commit(now);
        person
    }

    /// Returns what this machine's clock shows.
    pub(crate) fn clock(&self, now: u64) -> u64 {
        now.saturating_add_signed(self.clock_shift)
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.core.contacts().first().is_some_and(|contact| contact.answered)
    }

    pub(crate) fn next_text(&mut self) -> String {
        let text = format!("{}:{}", self.who, self.said.len());
        self.said.push(text.clone());
        text
    }

    pub(crate) fn shift_clock(&mut self, shifts: &[i64], dice: &mut Dice) {
        if dice.percent(5) {
            self.clock_shift = shifts[usize::try_from(dice.below(shifts.len() as u64)).unwrap()];
        }
    }

    pub(crate) fn mark(&mut self) {
        self.marked = self.said.len();
    }

    /// Says something and commits it: only then it counts.
    pub(crate) fn talk(&mut self, now: u64) {
        let Some(contact) = self.core.contacts().first().map(|contact| contact.link) else { return };
        let text = format!("{}:{}", self.who, self.said.len());
        if self.core.send(contact, text.clone(), 0, self.clock(now)).is_ok() {
            self.said.push(text);
            self.commit(now);
        }
    }

    /// Says something and is killed, before that was committed or before anything of it was carried
    /// out.
    pub(crate) fn talk_and_die(&mut self, now: u64, dice: &mut Dice) {
        let Some(contact) = self.core.contacts().first().map(|contact| contact.link) else { return };
        let text = format!("{}:{}", self.who, self.said.len());
        let sent = self.core.send(contact, text.clone(), 0, self.clock(now));
        let kept = dice.percent(50);
        if kept && sent.is_ok() {
            self.said.push(text);
        }
        self.die(kept, now);
    }

    /// Ends this process, after it wrote its state or not, and begins the next one.
    fn die(&mut self, kept: bool, now: u64) {
        let mut written = self.disk.clone();
        if kept {
            let effects = self.core.commit(|state| {
                written = state.to_vec();
                Ok::<(), ()>(())
            });
            drop(effects);
        }
        self.disk.clone_from(&written);
        self.reopen(written, now);
    }

    fn commit(&mut self, now: u64) {
        trace::at(self.who, now);
        let mut written = Vec::new();
        let effects = self.core.commit(|state| {
            written = state.to_vec();
            Ok::<(), ()>(())
        });
        self.largest = self.largest.max(written.len());
        self.disk = written;
        for effect in effects.unwrap() {
            self.carry_out(effect, now);
        }
    }

    fn carry_out(&mut self, effect: Effect, now: u64) {
        match effect {
            Effect::Send { frame, after_ms } => {
                self.moments.push(SeenMoment::Sent(frame.to, now + after_ms));
                trace::released(&frame.content);
                if self.frames.iter().all(|known| known.id != frame.id) {
                    self.frames.push(frame);
                }
            }
            Effect::Open(access) => self.mailboxes.push((access.key, access.authority, now + access.after_ms)),
            Effect::Close(key) => self.mailboxes.retain(|(known, ..)| *known != key),
            Effect::Show { id, event } => self.show(id, event, now),
            // The test acknowledges when it likes.
            Effect::Acknowledge { mailbox, after_ms, .. } => {
                self.moments.push(SeenMoment::Acknowledged(mailbox, now + after_ms));
            }
        }
    }

    fn show(&mut self, id: u64, event: Event, now: u64) {
        if self.looks_away {
            return;
        }
        let new = self.shown.insert(id);
        if self.decides {
            self.decide(&event, now);
        }
        if new {
            self.events.push(event.clone());
        }
        match event {
            Event::Text { text, .. } if new => self.heard.push(text),
            Event::Invite { text, .. } if new => self.invites.push(text),
            Event::File { chunk, .. } => {
                self.take(id, chunk, now);
                return;
            }
            _ => {}
        }
        self.core.shown(id);
    }

    /// Writes a chunk of a file, if the user takes files.
    fn take(&mut self, id: u64, chunk: FileChunk, now: u64) {
        if self.takes_files {
            let clock = self.clock(now);
            self.core.begin_file(id, "part", clock).unwrap();
            self.core.wrote_chunk(id, clock).unwrap();
            self.written.insert(chunk.index, chunk.data);
        }
    }

    /// Answers what the user is asked. Killed before the answer was kept, a process asks again;
    /// answered twice, it is an error.
    fn decide(&mut self, event: &Event, now: u64) {
        let clock = self.clock(now);
        match event {
            Event::GroupOffer { group, admin, name } => drop(self.core.join(*group, *admin, name, clock)),
            Event::Request { invite, identity, .. } => drop(self.core.admit(*invite, identity, "peer", clock)),
            Event::WantsToMove { link, authority } => drop(self.core.agree(*link, authority.clone(), clock)),
            _ => {}
        }
    }

    /// Commits, and carries out what is asked for.
    pub(crate) fn settle(&mut self, _servers: &mut [HostileServer], now: u64) {
        self.commit(now);
    }

    /// Begins a new process with a state.
    pub(crate) fn reopen(&mut self, state: Vec<u8>, now: u64) {
        if state != self.disk {
            // A rollback: what was shown under later ids may be other things now.
            self.shown.clear();
        }
        self.core = Core::open(&state, self.clock(now)).unwrap();
        self.disk = state;
        self.frames.clear();
        self.mailboxes.clear();
        self.commit(now);
    }

    /// Begins a new process that knows of moves of servers.
    pub(crate) fn follow(&mut self, moves: Moves, now: u64) {
        self.core = Core::open(&self.disk, self.clock(now)).unwrap();
        self.core.follow(moves);
        self.frames.clear();
        self.mailboxes.clear();
        self.commit(now);
    }

    /// Begins a new process with a backup.
    pub(crate) fn restore(&mut self, backup: &[u8], now: u64) {
        self.core = Core::restore(backup, self.clock(now)).unwrap();
        self.shown.clear();
        self.frames.clear();
        self.commit(now);
    }

    /// Connects, fetches, does what is due, commits, sends, acknowledges. `kill`: dies before the
    /// commit (0), before anything of it is carried out (1), before the frames are sent (2), or
    /// before it is kept that they were (3).
    pub(crate) fn act(
        &mut self,
        servers: &mut [HostileServer],
        malice: Malice,
        now: u64,
        kill: Option<u64>,
        dice: &mut Dice,
    ) {
        let clock = self.clock(now);
        trace::at(self.who, now);
        for server in servers.iter_mut() {
            let epoch = server.welcome(malice, dice);
            let here = |(_, authority, from): &&(Key, Authority, u64)| *authority == server.authority && *from <= now;
            for (mailbox, ..) in self.mailboxes.iter().filter(here) {
                self.core.welcomed(mailbox, &server.authority, &epoch, now, clock).unwrap();
            }
        }
        let mut fetched = Vec::new();
        for (mailbox, authority, from) in self.mailboxes.clone() {
            let Some(server) = servers.iter().position(|server| server.authority == authority) else { continue };
            if from > now {
                continue;
            }
            for (content, seq) in servers[server].fetch(&mailbox, malice, now, dice) {
                let incoming = IncomingFrame { mailbox: &mailbox, content: &content, seq, from: None };
                self.core.receive(incoming, clock).unwrap();
                fetched.push((server, seq));
            }
        }
        self.core.tick(clock).unwrap();
        if let Some(kept @ (0 | 1)) = kill {
            self.die(kept == 1, now);
            return;
        }
        self.commit(now);
        if kill == Some(2) {
            self.reopen(self.disk.clone(), now);
        }
        self.transmit(servers, malice, now, dice);
        for (server, seq) in fetched {
            if !dice.percent(malice.duplicate) {
                servers[server].acknowledge(seq);
            }
        }
        if kill == Some(3) {
            self.reopen(self.disk.clone(), now);
        }
        self.commit(now);
    }

    fn transmit(&mut self, servers: &mut [HostileServer], malice: Malice, now: u64, dice: &mut Dice) {
        for frame in std::mem::take(&mut self.frames) {
            if dice.percent(malice.lose / 4) {
                // The connection broke: sent again the next time.
                self.frames.push(frame);
                continue;
            }
            let server = servers.iter_mut().find(|server| server.authority == frame.authority).unwrap();
            server.submit(frame.to, &frame.content, malice, now, dice);
            let epoch = server.epoch.to_string();
            let clock = self.clock(now);
            if let Some(sender) = frame.sender.as_ref().map(public_key) {
                self.core.welcomed(&sender, &frame.authority, &epoch, now, clock).unwrap();
            }
            if !dice.percent(malice.lose / 4) {
                self.core.accepted(frame.id, &epoch, clock).unwrap();
            } else {
                self.frames.push(frame);
            }
        }
    }

    pub(crate) fn sizes(&self) -> (usize, usize, usize, usize) {
        self.core.only_link().map(crate::link::Link::sizes).unwrap_or_default()
    }

    pub(crate) fn front(&self) -> Option<String> {
        Some(self.core.only_link()?.sessions.front()?.id.clone())
    }

    pub(crate) fn mailboxes(&self) -> Vec<Key> {
        self.mailboxes.iter().map(|(key, ..)| *key).collect()
    }
}
