//! How far texts came, and how the connection is: each change is said once.

use ephemeral_client::api::{SentText, StandingName};

use super::{Chat, Uplink, plain};
use crate::layout::in_sentence;
use crate::times;
use crate::words::say;

/// How many texts are remembered that came further before their ids were known.
const MOST_EARLY: usize = 64;

impl Chat {
    /// Takes note that the engine has taken a text.
    pub(crate) fn sent(&mut self, to: &str, seq: u64, sent: &SentText) {
        let earlier = self.early.iter().filter(|(id, _)| *id == sent.id).map(|(_, standing)| *standing).max();
        let standing = earlier.map_or(sent.standing, |earlier| earlier.max(sent.standing));
        let Some(conversation) = self.conversation_mut(to) else { return };
        let Some(message) = conversation.name_message(seq, &sent.id) else { return };
        message.standing = Some(standing);
        message.gone_at = sent.gone_at.as_deref().and_then(times::seconds);
        let standing = plain::standing(&self.words, standing);
        let sentence = say!(self.words, "plain-stands", name = in_sentence(to), standing = standing);
        self.print(sentence);
    }

    /// Takes note of how far a text came.
    pub(crate) fn stands(&mut self, with: &str, id: &str, standing: StandingName) {
        let known = self.conversation_mut(with).is_some_and(|conversation| conversation.message(id).is_some());
        if !known {
            self.early.push_back((id.to_owned(), standing));
            if self.early.len() > MOST_EARLY {
                self.early.pop_front();
            }
            return;
        }
        if self.conversation_mut(with).is_some_and(|conversation| conversation.stands(id, standing)) {
            let standing = plain::standing(&self.words, standing);
            let sentence = say!(self.words, "plain-stands", name = in_sentence(with), standing = standing);
            self.print(sentence);
        }
    }

    pub(crate) fn uplink_is(&mut self, uplink: Uplink) {
        let same = std::mem::discriminant(&self.uplink) == std::mem::discriminant(&uplink);
        if !same {
            self.uplink_since = self.time.unix_s;
        }
        let changed = self.uplink != uplink;
        self.uplink = uplink;
        match self.uplink {
            Uplink::Offline { .. } => self.lost_since = self.lost_since.or(Some(self.time.unix_s)),
            // Another attempt is no connection.
            Uplink::Starting(_) | Uplink::Searching | Uplink::Connecting => {}
            _ => self.lost_since = None,
        }
        if changed && !matches!(self.uplink, Uplink::Starting(percent) if percent % 25 != 0) {
            let (sentence, _) = self.uplink_words();
            self.print(sentence);
        }
    }

    /// Returns when something was written, as the engine says it.
    pub(crate) fn moment(&self, at: &str) -> i64 {
        times::seconds(at).unwrap_or(self.time.unix_s)
    }
}
