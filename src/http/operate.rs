//! `POST /panic` and `POST /check-in`, for the administrator on this machine: what the server is to do is returned.

use hyper::{Method, Request, StatusCode};
use serde::Serialize;

use super::response::{error, json};
use super::{Act, Context, Outcome, not_allowed};
use ephemeral_core::dead_man::DeadManStats;

const PANIC: &str = "/panic";
const CHECK_IN: &str = "/check-in";

pub(super) fn is_path(path: &str) -> bool {
    matches!(path, PANIC | CHECK_IN)
}

#[derive(Serialize)]
struct Wiped {
    wiped: bool,
    keys: bool,
}

#[derive(Serialize)]
struct CheckedIn {
    /// How it stood until now; `null` if there is no dead-man switch.
    dead_man: Option<DeadManStats>,
}

/// `POST /panic` wipes what waits, `POST /panic?keys=true` the identity as well.
pub(super) fn answer<B>(request: &Request<B>, context: &Context<'_>) -> Outcome {
    if request.method() != Method::POST {
        return Outcome::Response(not_allowed("POST", "the method here is POST"));
    }
    if request.uri().path() == CHECK_IN {
        let body = CheckedIn { dead_man: context.metrics.dead_man() };
        return Outcome::Act(json(StatusCode::OK, &body), Act::CheckIn);
    }
    // Whoever misspells it must not get something else.
    let keys = match request.uri().query() {
        None | Some("keys=false") => false,
        Some("keys=true") => true,
        Some(_) => {
            let sentence = "the only parameter is keys, true or false";
            return Outcome::Response(error(StatusCode::BAD_REQUEST, "bad_request", sentence));
        }
    };
    Outcome::Act(json(StatusCode::OK, &Wiped { wiped: true, keys }), Act::Wipe { keys })
}
