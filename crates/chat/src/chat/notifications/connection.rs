//! What is told of connections.

use ephemeral_client::api::Notification;

use super::super::{Chat, Uplink};
use crate::layout::{Look, one_line};
use crate::words::say;

impl Chat {
    pub(super) fn notified_of_connection(&mut self, notification: Notification) {
        let now = self.time.unix_s;
        let server = match &notification {
            Notification::Online { server }
            | Notification::Offline { server, .. }
            | Notification::Unusable { server, .. } => server.clone(),
            _ => self.server.clone(),
        };
        // A contact's server has its own line, and changes nothing of one's own.
        if server != self.server {
            if let Notification::Unusable { why, reason, .. } = notification {
                let why = self.why(&why, reason.as_ref());
                let sentence = say!(self.words, "server-unusable", server = one_line(&server), why = why);
                self.notify(sentence, Look::Warn);
            }
            return;
        }
        let uplink = match notification {
            // Others are made while one is there.
            Notification::Connecting {} if self.uplink == Uplink::Online => return,
            Notification::Connecting {} => Uplink::Connecting,
            Notification::TorStarting { percent } => Uplink::Starting(percent),
            Notification::TorSearching {} => Uplink::Searching,
            Notification::Online { .. } => Uplink::Online,
            Notification::Offline { why, retry_in_s, reason, .. } => {
                let next = now.saturating_add(i64::try_from(retry_in_s).unwrap_or(i64::MAX));
                // Each mailbox has a time of its own: the first of them counts.
                let next = match self.uplink {
                    Uplink::Offline { next: known, .. } if known > now => known.min(next),
                    _ => next,
                };
                Uplink::Offline { why: self.why(&why, reason.as_ref()), next }
            }
            Notification::Unusable { why, reason, .. } => Uplink::Unusable(self.why(&why, reason.as_ref())),
            _ => return,
        };
        self.uplink_is(uplink);
    }
}
