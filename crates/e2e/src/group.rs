//! Groups.
use crate::link::Link;
use crate::profile::Profile;
use serde::{Deserialize, Serialize};
#[derive(Serialize, Deserialize)]
pub(crate) struct Group {}
impl Group {
    pub(crate) fn tick(&mut self, _links: &mut Vec<Link>, _profile: &mut Profile) {}
}
