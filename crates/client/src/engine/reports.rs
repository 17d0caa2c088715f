//! What an engine does with the reports of its lanes.

use std::time::Duration;

use ephemeral_e2e::authority::Authority;
use ephemeral_e2e::bytes::Key;
use ephemeral_e2e::core::{CoreError, IncomingFrame};
use tokio::time::Instant;

use super::agenda::Deferred;
use super::dispatch::{LaneId, Order, Report};
use super::{Engine, EngineError, EngineEvent};
use crate::cause::{Cause, Explanation};

/// Losses within this time of each other are one outage: all mailboxes wait anew.
const OUTAGE: Duration = Duration::from_secs(10);
/// How long a mailbox is left alone that somebody else fetches from.
const ELSEWHERE: Duration = Duration::from_secs(3_600);
/// The close code of a session that another one with the same key replaced (`docs/protocol.md`).
const REPLACED: u16 = 4409;
/// A server that takes less per message, in bytes, cannot carry the envelopes.
const LEAST_CONTENT_BYTES: usize = 16_384;
/// A server that keeps messages for less, in seconds, loses them before they can be fetched.
const LEAST_TTL_S: u64 = 3_600;
/// Below this, mailboxes that are fetched from now and then may lose messages.
const GOOD_TTL_S: u64 = 86_400;

/// Says why the limits of a server are no use.
fn too_little(content_bytes: usize, max_ttl_s: u64) -> Explanation {
    let text = format!(
        "it takes {content_bytes} bytes and keeps them for {max_ttl_s} s at most; \
         {LEAST_CONTENT_BYTES} bytes and {LEAST_TTL_S} s are needed"
    );
    let cause = Cause::UnusableLimits {
        bytes: content_bytes as u64,
        seconds: max_ttl_s,
        least_bytes: LEAST_CONTENT_BYTES as u64,
        least_seconds: LEAST_TTL_S,
    };
    Explanation { text, cause: Some(cause) }
}

impl Engine {
    pub(super) fn handle(&mut self, id: &LaneId, report: Report) -> Result<(), EngineError> {
        let now = Instant::now();
        match report {
            Report::Connecting => self.news.push_back(EngineEvent::Connecting),
            Report::Online { epoch, server_time, limits } => {
                self.online(id, &epoch, server_time.map(|time| time.0), (limits.content_bytes, limits.max_ttl_s))?;
            }
            Report::Lost { .. } | Report::Failed(_) if self.only_looks(id) => {
                // Nobody waits for it: it is tried again at a time of its own.
                self.lookouts.looked(id, now);
                self.end(id, now);
            }
            Report::Lost { why, close_code, retry_in } => self.lost(id, why, close_code, retry_in, now)?,
            Report::Failed(error) => {
                let server = id.authority.clone();
                self.news.push_back(EngineEvent::Unusable { server, why: Explanation::of(&error) });
            }
            Report::Message { seq, from, content } => self.message(id, seq, from.as_ref(), &content, now)?,
            Report::Accepted { frame, epoch } => {
                let owner = self.core().owner_of(frame);
                self.lanes.done(id, frame);
                let wall = self.profile.wall_ms();
                self.profile.core_mut().accepted(frame, &epoch, wall)?;
                self.dirty = true;
                self.news.extend(owner.map(|(link, mid)| EngineEvent::AtServer { link, mid }));
            }
            Report::Dropped { frame, full } => {
                let owner = self.core().owner_of(frame);
                self.lanes.done(id, frame);
                let wall = self.profile.wall_ms();
                self.profile.core_mut().lost(frame, wall)?;
                self.dirty = true;
                let why = full.and_then(|code| serde_json::to_value(code).ok()?.as_str().map(str::to_owned));
                self.news.extend(owner.map(|(link, _)| EngineEvent::Dropped { link, why }));
            }
            Report::CaughtUp => self.mailboxes.fetched(&id.pseudonym),
            Report::Ended => self.end(id, now),
        }
        Ok(())
    }

    pub(super) fn online(
        &mut self,
        id: &LaneId,
        epoch: &str,
        server_ms: Option<u64>,
        (content_bytes, max_ttl_s): (usize, u64),
    ) -> Result<(), EngineError> {
        let own = self.core().authority().clone();
        let authority = Authority::foreign(&id.authority, &own).unwrap_or(own);
        if content_bytes < LEAST_CONTENT_BYTES || max_ttl_s < LEAST_TTL_S {
            let why = too_little(content_bytes, max_ttl_s);
            self.news.push_back(EngineEvent::Unusable { server: id.authority.clone(), why });
            // What it had to send waits for the next process: perhaps the server is another one by
            // then.
            drop(self.lanes.stop(id));
            self.lookouts.ended(id);
            return Ok(());
        }
        self.lookouts.looked(id, Instant::now());
        if max_ttl_s < GOOD_TTL_S && self.forgetful.insert(id.authority.clone()) {
            self.news.push_back(EngineEvent::ShortMemory(authority.clone()));
        }
        let wall = self.profile.wall_ms();
        self.profile.core_mut().welcomed(&id.pseudonym, &authority, epoch, server_ms.unwrap_or(wall), wall)?;
        self.dirty = true;
        self.news.push_back(EngineEvent::Online(authority));
        Ok(())
    }

    fn lost(
        &mut self,
        id: &LaneId,
        why: Explanation,
        close_code: Option<u16>,
        retry_in: Duration,
        now: Instant,
    ) -> Result<(), EngineError> {
        let key = id.pseudonym;
        if close_code == Some(REPLACED) && self.mailboxes.get(&key).is_some() {
            if self.elsewhere {
                return Err(EngineError::Elsewhere);
            }
            self.elsewhere = true;
            self.news.push_back(EngineEvent::Elsewhere);
            self.mailboxes.rest(&key, ELSEWHERE, now);
            drop(self.lanes.order(id, Order::Rest(ELSEWHERE)));
            return Ok(());
        }
        self.news.push_back(EngineEvent::Offline { server: id.authority.clone(), why, retry_in });
        let together = self.lost_at.is_some_and(|(other, at)| other != key && now.duration_since(at) < OUTAGE);
        self.lost_at = Some((key, now));
        if together {
            self.outage(now);
        }
        Ok(())
    }

    /// Lets each mailbox wait anew, so that they do not come back at one moment.
    pub(super) fn outage(&mut self, now: Instant) {
        self.lost_at = None;
        for id in self.lanes.staying(|key| self.mailboxes.stays(key)) {
            let wait = self.fetching.spread();
            self.mailboxes.rest(&id.pseudonym, wait, now);
            drop(self.lanes.order(&id, Order::Rest(wait)));
        }
    }

    fn message(
        &mut self,
        id: &LaneId,
        seq: u64,
        from: Option<&Key>,
        content: &str,
        now: Instant,
    ) -> Result<(), EngineError> {
        let mailbox = id.pseudonym;
        if self.mailboxes.get(&mailbox).is_none() {
            // Who sends from a pseudonym elsewhere is written to by nobody: it is that server's
            // invention, and neither worth a commit nor an acknowledgement.
            return Ok(());
        }
        let incoming = IncomingFrame { mailbox: &mailbox, content, seq, from };
        let wall = self.profile.wall_ms();
        match self.profile.core_mut().receive(incoming, wall) {
            Ok(failed) => {
                self.dirty = true;
                if !failed {
                    self.mailboxes.used(&mailbox);
                } else if self.mailboxes.failed(&mailbox, now) {
                    self.give_up(id, now);
                }
                Ok(())
            }
            // Nothing was acknowledged: it comes again when there is room.
            Err(CoreError::Full(_)) => {
                self.give_up(id, now);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Tells whether a lane has nothing to do but to look at a server of somebody else.
    fn only_looks(&self, id: &LaneId) -> bool {
        self.lookouts.is_looking(id) && !self.lanes.has_frames(id)
    }

    /// Ends a lane, to fetch from its mailbox again later.
    fn give_up(&mut self, id: &LaneId, now: Instant) {
        self.mailboxes.rest(&id.pseudonym, self.fetching.linger(), now);
        self.end(id, now);
    }

    /// Takes a lane away. What it had not sent leaves by another one.
    fn end(&mut self, id: &LaneId, now: Instant) {
        for frame in self.lanes.stop(id) {
            self.agenda.put(now + self.fetching.linger(), Deferred::Send(Box::new(frame)));
        }
        self.mailboxes.ended(&id.pseudonym, now);
        self.lookouts.ended(id);
    }
}
