//! Every request of the admin socket: its type, its answer, and what answers it.
//!
//! The daemon reads a request and writes its answer as the same types with which a command writes
//! and reads them. A new request is a type with an [`Ask`] and a row of `ROUTES`; the command that
//! sends it stands in `cli`.

mod cluster;
mod senders;

use std::path::PathBuf;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode, Uri};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Plane, scrape};
use crate::cluster::lead::ClusterWipe;
use crate::http::Health;
use crate::metrics::Stats;
pub use cluster::{
    ClusterDrainAnswer, ClusterDrainRequest, ClusterInviteAnswer, ClusterInviteRequest, ClusterStatusRequest,
};
use ephemeral_core::dead_man::DeadManStats;
use ephemeral_core::protocol::WallTime;
pub use senders::{DropAnswer, DropRequest, LargeSender, SendersAnswer, SendersRequest};

/// A request of the operator's.
pub trait Ask: Serialize + DeserializeOwned + 'static {
    /// The answer.
    type Answer: Serialize + DeserializeOwned;
    /// `GET` where nothing changes and nothing is to be said, else `POST`.
    const METHOD: Method;
    /// Where it is sent.
    const PATH: &'static str;

    /// Does what is asked for.
    ///
    /// # Errors
    /// [`AdminRefusal`]: why it was not done, or not whole.
    fn answer(self, plane: &Plane) -> Result<Self::Answer, AdminRefusal>;
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminRefusal {
    /// A sentence for the operator.
    pub error: String,
    /// The same, for programs.
    pub code: RefusalCode,
}

/// The kinds of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// There is no such thing, or no such route.
    NotFound,
    /// The request cannot be read.
    BadRequest,
    /// It was not done, or not all of it.
    NotDone,
}

impl AdminRefusal {
    pub(super) fn new(code: RefusalCode, error: impl Into<String>) -> Self {
        Self { error: error.into(), code }
    }

    fn status(&self) -> StatusCode {
        match self.code {
            RefusalCode::NotFound => StatusCode::NOT_FOUND,
            RefusalCode::BadRequest => StatusCode::BAD_REQUEST,
            RefusalCode::NotDone => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Asks whether clients can connect.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthRequest {}

/// Says whether clients can connect, and which server this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthAnswer {
    /// Whether clients can connect.
    pub status: Health,
    /// Where its keys are.
    pub state_dir: PathBuf,
}

/// Asks for the figures. It is no check-in.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatsRequest {}

/// The figures.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StatsAnswer {
    /// Whether clients can connect.
    pub status: Health,
    /// Where its keys are.
    pub state_dir: PathBuf,
    /// The figures.
    #[serde(flatten)]
    pub stats: Stats,
}

/// Asks who is blocked.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlocksRequest {}

/// Lists who is blocked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlocksAnswer {
    /// One each.
    pub blocks: Vec<BlockedPeer>,
}

/// A peer or a fingerprint that is blocked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockedPeer {
    /// The peer or client, by today's pseudonym.
    pub who: String,
    /// When the block ends by itself.
    pub until: WallTime,
}

/// Ends a block before its time.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnblockRequest {
    /// The pseudonym that [`BlocksAnswer`] gives.
    pub who: String,
}

/// Erases what waits.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PanicRequest {
    /// Whether the identity is erased, too; then the server ends.
    pub keys: bool,
}

/// Says what was erased, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PanicAnswer {
    /// How many messages waited, on all machines.
    pub messages: usize,
    /// Whether the identity was erased, too.
    pub keys: bool,
    /// The server's state directory.
    pub state_dir: PathBuf,
    /// The other machines of the cluster that erased what they had, by name; `None`: it is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machines: Option<Vec<String>>,
}

/// Says that the operator is there.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckInRequest {}

/// Says how the dead-man switch stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckInAnswer {
    /// The state until now; `null` if there is no dead-man switch.
    pub dead_man: Option<DeadManStats>,
}

impl Ask for HealthRequest {
    type Answer = HealthAnswer;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/health";

    fn answer(self, plane: &Plane) -> Result<HealthAnswer, AdminRefusal> {
        let status = *plane.server().health.borrow();
        Ok(HealthAnswer { status, state_dir: plane.actions().state_dir().to_owned() })
    }
}

impl Ask for StatsRequest {
    type Answer = StatsAnswer;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/stats";

    fn answer(self, plane: &Plane) -> Result<StatsAnswer, AdminRefusal> {
        let server = plane.server();
        let status = *server.health.borrow();
        let state_dir = plane.actions().state_dir().to_owned();
        Ok(StatsAnswer { status, state_dir, stats: server.metrics.figures() })
    }
}

impl Ask for BlocksRequest {
    type Answer = BlocksAnswer;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/blocks";

    fn answer(self, plane: &Plane) -> Result<BlocksAnswer, AdminRefusal> {
        let blocks = plane.server().admission.blocks();
        let blocks = blocks.iter().map(|block| BlockedPeer { who: block.who.to_string(), until: block.until });
        Ok(BlocksAnswer { blocks: blocks.collect() })
    }
}

impl Ask for UnblockRequest {
    type Answer = BlocksAnswer;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/unblock";

    fn answer(self, plane: &Plane) -> Result<BlocksAnswer, AdminRefusal> {
        if !plane.server().admission.unblock(&self.who) {
            return Err(AdminRefusal::new(RefusalCode::NotFound, "nobody of that name is blocked"));
        }
        BlocksRequest {}.answer(plane)
    }
}

impl Ask for PanicRequest {
    type Answer = PanicAnswer;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/panic";

    fn answer(self, plane: &Plane) -> Result<PanicAnswer, AdminRefusal> {
        let server = plane.server();
        let (_, waiting) = server.sessions.hub.figures();
        let wiped = plane.actions().wipe(&server, "`panic`", self.keys);
        let others = others_wiped(plane)?;
        wiped.map_err(|error| AdminRefusal::new(RefusalCode::NotDone, error.to_string()))?;
        let state_dir = plane.actions().state_dir().to_owned();
        let there = others.as_ref().map_or(0, |others| usize::try_from(others.messages).unwrap_or(usize::MAX));
        let messages = waiting.messages.saturating_add(there);
        let machines = others.map(|others| others.machines);
        Ok(PanicAnswer { messages, keys: self.keys, state_dir, machines })
    }
}

/// Waits until the other machines are wiped, if there are any. An answer is made on a thread that
/// may wait.
fn others_wiped(plane: &Plane) -> Result<Option<ClusterWipe>, AdminRefusal> {
    let actions = plane.actions();
    if !actions.has_others() {
        return Ok(None);
    }
    let reached = tokio::runtime::Handle::current().block_on(actions.wiped());
    match reached.as_ref().and_then(|reached| reached.left.as_ref()) {
        None => Ok(reached),
        Some(left) => {
            let what = format!("what this machine had is erased, but not what the whole cluster has: {left}");
            Err(AdminRefusal::new(RefusalCode::NotDone, what))
        }
    }
}

impl Ask for CheckInRequest {
    type Answer = CheckInAnswer;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/check-in";

    fn answer(self, plane: &Plane) -> Result<CheckInAnswer, AdminRefusal> {
        let dead_man = plane.server().metrics.dead_man();
        plane.actions().check_in();
        Ok(CheckInAnswer { dead_man })
    }
}

/// A row of the table.
struct Route {
    method: Method,
    path: &'static str,
    answer: fn(&[u8], &Plane) -> Response<Full<Bytes>>,
}

impl Route {
    const fn of<A: Ask>() -> Self {
        Self { method: A::METHOD, path: A::PATH, answer: answer_to::<A> }
    }
}

const ROUTES: [Route; 12] = [
    Route::of::<HealthRequest>(),
    Route::of::<StatsRequest>(),
    Route { method: Method::GET, path: "/metrics", answer: |_, plane| scrape::metrics(plane) },
    Route::of::<BlocksRequest>(),
    Route::of::<UnblockRequest>(),
    Route::of::<SendersRequest>(),
    Route::of::<DropRequest>(),
    Route::of::<PanicRequest>(),
    Route::of::<CheckInRequest>(),
    Route::of::<ClusterStatusRequest>(),
    Route::of::<ClusterDrainRequest>(),
    Route::of::<ClusterInviteRequest>(),
];

/// Answers one request of the admin socket.
#[must_use]
pub fn answer(method: &Method, uri: &Uri, body: &[u8], plane: &Plane) -> Response<Full<Bytes>> {
    if uri.query().is_some() {
        // What was misspelt must not do something else.
        return refuse(&AdminRefusal::new(
            RefusalCode::BadRequest,
            "a request says what it asks for in its body, as JSON",
        ));
    }
    match ROUTES.iter().find(|route| route.method == method && route.path == uri.path()) {
        Some(route) => (route.answer)(body, plane),
        None => refuse(&AdminRefusal::new(RefusalCode::NotFound, format!("there is no {method} {}", uri.path()))),
    }
}

fn answer_to<A: Ask>(body: &[u8], plane: &Plane) -> Response<Full<Bytes>> {
    let body = if body.is_empty() { &b"{}"[..] } else { body };
    let unreadable =
        |why: &str| AdminRefusal::new(RefusalCode::BadRequest, format!("the request cannot be read: {why}"));
    // An array would be read as the fields in their order, and an empty one as a request that says
    // nothing.
    let object = if body.trim_ascii_start().starts_with(b"{") { Ok(body) } else { Err(unreadable("not an object")) };
    let asked =
        object.and_then(|body| serde_json::from_slice::<A>(body).map_err(|error| unreadable(&error.to_string())));
    match asked.and_then(|request| request.answer(plane)) {
        Ok(answer) => json(StatusCode::OK, &answer),
        Err(refusal) => refuse(&refusal),
    }
}

fn refuse(refusal: &AdminRefusal) -> Response<Full<Bytes>> {
    json(refusal.status(), refusal)
}

fn json<T: Serialize>(status: StatusCode, body: &T) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(serde_json::to_vec(body).unwrap_or_default()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
