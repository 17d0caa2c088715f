//! Groups.
use super::Core;
use crate::bytes::Key;
use crate::effect::LinkId;
use crate::payload::GroupContent;
use crate::roster::GroupId;
impl Core {
    pub(super) fn receive_group(&mut self, _link: LinkId, _group: GroupContent, _at: u32) {}
    pub(super) fn receive_at_group_door(&mut self, _group: GroupId, _mailbox: &Key, _envelope: &[u8]) -> Option<bool> {
        None
    }
}
