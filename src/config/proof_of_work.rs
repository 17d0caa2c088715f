//! `[onion] proof_of_work`: whether clients can be asked for it.

use super::problem::Problem;
use super::setting::Setting;
use crate::transport::onion_service;

/// Returns why clients cannot be asked for proof of work. `is_shared`: other machines have the
/// service's address, too.
pub(super) fn problem(asked: &Setting<bool>, is_shared: bool) -> Option<Problem> {
    if !asked.value {
        return None;
    }
    if !onion_service::PROOF_OF_WORK {
        return Some(asked.problem("this program was built without it: build it with `--features pow`"));
    }
    let why = "beside [cluster]: each machine would ask clients for another proof, and one descriptor can name one only. \
               Set it to false, or leave it out";
    (is_shared && asked.told.is_some()).then(|| asked.problem(why))
}
