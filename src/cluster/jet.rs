//! The journal's far end: two streams that the NATS servers hold in RAM, three times each.
//!
//! `EPHEMERAL` has one subject for each place of the journal, and keeps the newest entry of each.
//! One writer knows the number of the last entry, and names it with the next batch: whoever else
//! has written meanwhile, that batch is refused. `EPHEMERAL_LEASE` says who the writer is, which
//! wipe of the whole cluster was the last, and what the cluster is.

mod fencing;
pub mod replay;

use std::time::Duration;

use data_encoding::{BASE64, HEXLOWER};
use serde_json::{Value, json};

use super::log::{JournalWrite, META};
use super::nats::wire::NatsMessage;
use super::nats::{Nats, Unanswered};

/// The stream of the journal.
const STREAM: &str = "EPHEMERAL";
/// Its subjects: this, and a place, `meta` or `fence`.
const PLACES: &str = "ephemeral.j";
/// Both streams.
pub const STREAMS: [&str; 2] = [STREAM, LEASE_STREAM];
/// The stream of the lease, and its subjects.
const LEASE_STREAM: &str = "EPHEMERAL_LEASE";
const LEASE: &str = "ephemeral.lease";
const WIPE: &str = "ephemeral.wipe";
const CHARTER: &str = "ephemeral.charter";
/// How long a server may take with an answer. Longer than its disk and its peers need, shorter than
/// a lease.
const PATIENCE: Duration = Duration::from_millis(1500);
/// For making a stream: its three servers have to find each other.
const SETUP: Duration = Duration::from_secs(10);
/// Seconds for which a place that was given up is remembered as empty.
const EMPTY_S: u64 = 60;
/// The error of a batch or a lease that names another number than the last one.
const WRONG_LAST: u64 = 10071;
const WRONG_LAST_CONSTANT: u64 = 10164;
const NO_MESSAGE: u64 = 10037;

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JetError {
    /// There was no answer: it may have been done.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
    /// A server refuses.
    #[error("a NATS server refuses: {what} (code {code})")]
    Refused {
        /// The number of the error.
        code: u64,
        /// What it says.
        what: String,
    },
    /// It answers something else.
    #[error("a NATS server answers with something else than JetStream")]
    Foreign,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchOutcome {
    /// It holds, and this is the number of its last entry.
    Holds(u64),
    /// Something else was written meanwhile, or everything was lost: nothing of it holds.
    NotLast,
}

/// The lease, as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeaseEntry {
    /// Who holds it; empty: nobody.
    pub node: String,
    /// It is greater with each holder.
    pub term: u64,
    /// It is another one after each renewal.
    pub revision: u64,
}

/// How a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamState {
    /// The number of the last entry there ever was.
    pub last: u64,
    /// How many entries there are.
    pub entries: u64,
}

/// The newest entry of a subject.
struct Newest {
    number: u64,
    headers: Vec<u8>,
    payload: Vec<u8>,
}

/// The two streams.
#[derive(Clone, Copy)]
pub struct Jet<'nats>(pub &'nats Nats);

impl Jet<'_> {
    /// Makes both streams, unless they are there, and checks that they are as they have to be.
    ///
    /// # Errors
    /// [`JetError`].
    pub async fn prepare(self) -> Result<(), JetError> {
        for config in [stream(STREAM, &[&format!("{PLACES}.>")]), stream(LEASE_STREAM, &[LEASE, WIPE, CHARTER])] {
            let name = config["name"].as_str().unwrap_or_default().to_owned();
            self.ask(&format!("STREAM.CREATE.{name}"), &config, SETUP).await?;
        }
        Ok(())
    }

    /// Returns what the leader of a stream says of it.
    ///
    /// # Errors
    /// [`JetError`].
    pub async fn info(self, stream: &str) -> Result<Value, JetError> {
        self.ask(&format!("STREAM.INFO.{stream}"), &json!({}), PATIENCE).await
    }

    /// Returns how the journal is.
    ///
    /// # Errors
    /// [`JetError`].
    pub async fn state(self) -> Result<StreamState, JetError> {
        let info = self.info(STREAM).await?;
        let number = |name: &str| info["state"][name].as_u64().ok_or(JetError::Foreign);
        Ok(StreamState { last: number("last_seq")?, entries: number("messages")? })
    }

    /// Writes a batch behind the entry with the number `last`: all of it or nothing. `ids`: by
    /// which it is found again, and that of this attempt.
    ///
    /// # Errors
    /// [`JetError::Unanswered`]: it may have been written. [`settle`](Self::settle) finds out.
    pub async fn write(self, batch: &[JournalWrite], ids: (&str, &str), last: u64) -> Result<BatchOutcome, JetError> {
        let Some((end, before)) = batch.split_last() else { return Ok(BatchOutcome::Holds(last)) };
        for (number, what) in (1_u64..).zip(before) {
            let (subject, headers, payload) = message(what, ids, number, (number == 1).then_some(last));
            self.0.publish(&subject, &headers, payload).await?;
        }
        let number = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        let (subject, mut headers, payload) = message(end, ids, number, (number == 1).then_some(last));
        headers.push(("Nats-Batch-Commit", "1".to_owned()));
        let answer = self.0.request(&subject, &headers, payload, PATIENCE).await?;
        match read(&answer) {
            Ok(answer) => answer["seq"].as_u64().map(BatchOutcome::Holds).ok_or(JetError::Foreign),
            Err(JetError::Refused { code: WRONG_LAST | WRONG_LAST_CONSTANT, .. }) => Ok(BatchOutcome::NotLast),
            Err(error) => Err(error),
        }
    }

    /// Finds out whether a batch that was not answered holds: its last entry would be this.
    ///
    /// # Errors
    /// [`JetError`]: it is still not known.
    pub async fn settle(self, batch: &[JournalWrite], id: &str, last: u64) -> Result<bool, JetError> {
        let end = last + u64::try_from(batch.len()).unwrap_or(u64::MAX);
        let asked = json!({ "seq": end });
        let answer = match self.ask(&format!("STREAM.MSG.GET.{STREAM}"), &asked, PATIENCE).await {
            Err(JetError::Refused { code: NO_MESSAGE, .. }) => return Ok(false),
            other => other?,
        };
        let headers = answer["message"]["hdrs"].as_str().unwrap_or_default();
        let headers = BASE64.decode(headers.as_bytes()).map_err(|_| JetError::Foreign)?;
        Ok(headers.windows(id.len()).any(|window| window == id.as_bytes()))
    }

    /// Erases everything.
    ///
    /// # Errors
    /// [`JetError`].
    pub async fn purge(self) -> Result<(), JetError> {
        self.ask(&format!("STREAM.PURGE.{STREAM}"), &json!({}), PATIENCE).await.map(drop)
    }

    /// Erases everything before the entry with this number.
    ///
    /// # Errors
    /// [`JetError`].
    pub async fn purge_before(self, number: u64) -> Result<(), JetError> {
        self.ask(&format!("STREAM.PURGE.{STREAM}"), &json!({ "seq": number }), PATIENCE).await.map(drop)
    }

    /// Writes which wipe of the whole cluster is the last.
    ///
    /// # Errors
    /// [`JetError`].
    pub async fn write_wipe(self, sealed: &[u8]) -> Result<(), JetError> {
        read(&self.0.request(WIPE, &[], sealed, PATIENCE).await?).map(drop)
    }

    /// Returns which wipe of the whole cluster was the last, sealed.
    ///
    /// # Errors
    /// [`JetError`].
    pub async fn newest_wipe(self) -> Result<Option<Vec<u8>>, JetError> {
        Ok(self.newest(LEASE_STREAM, WIPE).await?.map(|newest| newest.payload))
    }

    /// Returns what the cluster is, sealed, and the revision of that.
    ///
    /// # Errors
    /// [`JetError`].
    pub async fn charter(self) -> Result<Option<(u64, Vec<u8>)>, JetError> {
        Ok(self.newest(LEASE_STREAM, CHARTER).await?.map(|newest| (newest.number, newest.payload)))
    }

    /// Writes what the cluster is, if that is as it was read. Returns whether it was.
    ///
    /// # Errors
    /// [`JetError`].
    pub async fn write_charter(self, sealed: &[u8], revision: u64) -> Result<bool, JetError> {
        Ok(self.replace(CHARTER, sealed, revision).await?.is_some())
    }

    /// Returns the newest entry of what is known of the journal as a whole.
    ///
    /// # Errors
    /// [`JetError`].
    pub async fn meta(self) -> Result<Option<Vec<u8>>, JetError> {
        Ok(self.newest(STREAM, &format!("{PLACES}.meta")).await?.map(|newest| newest.payload))
    }

    /// Returns the lease.
    ///
    /// # Errors
    /// [`JetError`].
    pub async fn lease(self) -> Result<LeaseEntry, JetError> {
        let Some(Newest { number: revision, payload, .. }) = self.newest(LEASE_STREAM, LEASE).await? else {
            return Ok(LeaseEntry::default());
        };
        let value: Value = serde_json::from_slice(&payload).map_err(|_| JetError::Foreign)?;
        let term = value["term"].as_u64().ok_or(JetError::Foreign)?;
        Ok(LeaseEntry { node: value["node"].as_str().unwrap_or_default().to_owned(), term, revision })
    }

    /// Takes or renews the lease, if it is as it was read. Returns its revision; `None`: somebody
    /// else was faster.
    ///
    /// # Errors
    /// [`JetError`].
    pub async fn take_lease(self, node: &str, term: u64, revision: u64) -> Result<Option<u64>, JetError> {
        let value = json!({ "node": node, "term": term }).to_string();
        self.replace(LEASE, value.as_bytes(), revision).await
    }

    /// Writes the newest entry of a subject in place of the one with this revision; 0: of none.
    /// Returns its revision; `None`: there is another one.
    async fn replace(self, subject: &str, value: &[u8], revision: u64) -> Result<Option<u64>, JetError> {
        let headers = [("Nats-Expected-Last-Subject-Sequence", revision.to_string())];
        let answer = self.0.request(subject, &headers, value, PATIENCE).await?;
        match read(&answer) {
            Ok(answer) => answer["seq"].as_u64().map(Some).ok_or(JetError::Foreign),
            Err(JetError::Refused { code: WRONG_LAST | WRONG_LAST_CONSTANT, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn newest(self, stream: &str, subject: &str) -> Result<Option<Newest>, JetError> {
        let asked = json!({ "last_by_subj": subject });
        let answer = match self.ask(&format!("STREAM.MSG.GET.{stream}"), &asked, PATIENCE).await {
            Err(JetError::Refused { code: NO_MESSAGE, .. }) => return Ok(None),
            other => other?,
        };
        let message = &answer["message"];
        let bytes = |name: &str| {
            let text = message[name].as_str().unwrap_or_default();
            BASE64.decode(text.as_bytes()).map_err(|_| JetError::Foreign)
        };
        let number = message["seq"].as_u64().ok_or(JetError::Foreign)?;
        Ok(Some(Newest { number, headers: bytes("hdrs")?, payload: bytes("data")? }))
    }

    async fn ask(self, what: &str, asked: &Value, patience: Duration) -> Result<Value, JetError> {
        let subject = format!("$JS.API.{what}");
        let answer = self.0.request(&subject, &[], asked.to_string().as_bytes(), patience).await?;
        read(&answer)
    }
}

/// Returns what both streams have to be: in RAM, on three servers, with the newest entry of each
/// subject.
fn stream(name: &str, subjects: &[&str]) -> Value {
    json!({
        "name": name,
        "subjects": subjects,
        "storage": "memory",
        "num_replicas": 3,
        "retention": "limits",
        "discard": "old",
        "max_msgs_per_subject": 1,
        "max_consumers": -1,
        "max_msgs": -1,
        "max_bytes": -1,
        "max_age": 0,
        "duplicate_window": 60_000_000_000_u64,
        "allow_msg_ttl": true,
        "allow_atomic": true,
        "allow_direct": false,
        "allow_rollup_hdrs": false,
    })
}

fn read(answer: &NatsMessage) -> Result<Value, JetError> {
    let value: Value = serde_json::from_slice(&answer.payload).map_err(|_| JetError::Foreign)?;
    match value.get("error") {
        Some(error) => Err(JetError::Refused {
            code: error["err_code"].as_u64().unwrap_or(0),
            what: error["description"].as_str().unwrap_or_default().to_owned(),
        }),
        None => Ok(value),
    }
}

/// Returns the number of a batch: no other has it.
///
/// # Errors
/// If the operating system has no random numbers.
pub fn batch_id() -> Result<String, getrandom::Error> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)?;
    Ok(HEXLOWER.encode(&random))
}

/// Returns the subject of a place.
fn subject(place: u32) -> String {
    if place == META { format!("{PLACES}.meta") } else { format!("{PLACES}.{place}") }
}

type Published<'what> = (String, Vec<(&'static str, String)>, &'what [u8]);

/// Returns one entry of a batch, as it is published.
fn message<'what>(
    what: &'what JournalWrite,
    (mark, id): (&str, &str),
    number: u64,
    last: Option<u64>,
) -> Published<'what> {
    let mut headers = vec![("Nats-Batch-Id", id.to_owned()), ("Nats-Batch-Sequence", number.to_string())];
    headers.push(("Ephemeral-Batch", mark.to_owned()));
    headers.extend(last.map(|last| ("Nats-Expected-Last-Sequence", last.to_string())));
    match what {
        JournalWrite::Put(place, sealed, ttl_s) => {
            headers.extend(ttl_s.map(|ttl_s| ("Nats-TTL", ttl_s.to_string())));
            (subject(*place), headers, sealed)
        }
        JournalWrite::Forget(place) => {
            headers.push(("Nats-TTL", EMPTY_S.to_string()));
            (subject(*place), headers, &[])
        }
        JournalWrite::Fence(term, mark) => {
            headers.push(mark.header());
            (fencing::subject(), headers, term)
        }
        // It is no entry: who writes has taken it out.
        JournalWrite::Purge => (fencing::subject(), headers, &[]),
    }
}
