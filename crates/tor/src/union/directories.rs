//! Reads a service's descriptor from the directories that have it, and gives them another one.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::JoinSet;
use tokio::time::timeout;
use tor_checkable::TimeBound as _;
use tor_dirclient::request::{HsDescDownloadRequest, HsDescUploadRequest};
use tor_hscrypto::pk::{HsIdKey, HsIdKeypair};
use tor_linkspec::OwnedCircTarget;
use tor_netdir::NetDir;
use tor_netdoc::doc::hsdesc::HsDesc;

use super::descriptor::{self, HeldDescriptor, Made};
use super::{NodePoints, Readers, UnionError};
use crate::Client;

/// How long one directory may take.
const ANSWER: Duration = Duration::from_secs(20);
/// Directories that are asked at once: the newest answer counts.
const ASKED: usize = 3;

/// The fate of a descriptor.
pub(super) struct Uploads {
    pub(super) taken: usize,
    pub(super) refused: usize,
}

pub(super) fn network(client: &Client) -> Result<Arc<NetDir>, UnionError> {
    let directories = client.dirmgr().map_err(|_| UnionError::NotReady)?;
    directories.timely_netdir().map_err(|_| UnionError::NotReady)
}

/// Reads the descriptor of this time period.
pub(super) async fn fetch(
    client: &Arc<Client>,
    identity: &HsIdKeypair,
    readers: Option<&Readers>,
) -> Result<HeldDescriptor, UnionError> {
    let network = network(client)?;
    let period = network.hs_time_period();
    let blinded = HsIdKey::from(identity).compute_blinded_key(period);
    let (blinded, subcredential) = blinded.map_err(|_| UnionError::NotMade("the key cannot be blinded"))?;
    let name = blinded.id();
    let directories = network.hs_dirs_download(name, period, &mut rand::rng()).map_err(|_| UnionError::NotReady)?;
    let mut answers = JoinSet::new();
    for directory in directories.into_iter().take(ASKED) {
        let target = OwnedCircTarget::from_circ_target(&directory);
        let client = Arc::clone(client);
        let network = Arc::clone(&network);
        answers.spawn(timeout(ANSWER, download(client, network, target, name)));
    }
    let mut newest: Option<(u64, HeldDescriptor)> = None;
    while let Some(answer) = answers.join_next().await {
        let Ok(Ok(Some(text))) = answer else { continue };
        let own = readers.map(|readers| &readers.own);
        let Ok(found) = HsDesc::parse_decrypt_validate(&text, &name, &subcredential, own) else { continue };
        let Ok(found) = found.if_valid_at(&SystemTime::now()) else { continue };
        let revision = u64::from(found.revision());
        if newest.as_ref().is_none_or(|(newest, _)| *newest < revision) {
            newest = Some((revision, HeldDescriptor::from(&found)));
        }
    }
    newest.map(|(_, found)| found).ok_or(UnionError::NotFound)
}

async fn download(
    client: Arc<Client>,
    network: Arc<NetDir>,
    target: OwnedCircTarget,
    name: tor_hscrypto::pk::HsBlindId,
) -> Option<String> {
    let circuits = client.hs_circ_pool().ok()?;
    let tunnel = circuits.get_or_launch_client_dir(&network, target).await.ok()?;
    let mut stream = tunnel.begin_dir_stream().await.ok()?;
    let request = HsDescDownloadRequest::new(name);
    let answer = tor_dirclient::send_request(client.runtime(), &request, &mut stream, None).await.ok()?;
    answer.into_output_string().ok()
}

/// Gives the descriptor with these points to every directory of both time periods.
pub(super) async fn publish(
    client: &Arc<Client>,
    identity: &HsIdKeypair,
    points: &NodePoints,
    found: &HeldDescriptor,
    readers: Option<&Readers>,
) -> Result<Uploads, UnionError> {
    let network = network(client)?;
    let now = SystemTime::now();
    let mut uploads = JoinSet::new();
    for period in network.hs_all_time_periods() {
        let Made { name, text } = descriptor::make(identity, &period, points, found, readers, now)?;
        let text: Arc<str> = text.into();
        let directories = network.hs_dirs_upload(name, period.time_period()).map_err(|_| UnionError::NotReady)?;
        for directory in directories {
            let target = OwnedCircTarget::from_circ_target(&directory);
            let client = Arc::clone(client);
            let network = Arc::clone(&network);
            uploads.spawn(timeout(ANSWER, upload(client, network, target, Arc::clone(&text))));
        }
    }
    let mut outcome = Uploads { taken: 0, refused: 0 };
    while let Some(uploaded) = uploads.join_next().await {
        match uploaded {
            Ok(Ok(Some(()))) => outcome.taken += 1,
            _ => outcome.refused += 1,
        }
    }
    if outcome.taken == 0 { Err(UnionError::NotTaken) } else { Ok(outcome) }
}

async fn upload(client: Arc<Client>, network: Arc<NetDir>, target: OwnedCircTarget, text: Arc<str>) -> Option<()> {
    let circuits = client.hs_circ_pool().ok()?;
    let tunnel = circuits.get_or_launch_svc_dir(&network, target).await.ok()?;
    let mut stream = tunnel.begin_dir_stream().await.ok()?;
    let request = HsDescUploadRequest::new(text);
    let answer = tor_dirclient::send_request(client.runtime(), &request, &mut stream, None).await.ok()?;
    answer.into_output_string().ok().map(drop)
}
