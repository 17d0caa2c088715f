//! This machine's own introduction points, as its Arti keeps them: which relays they are at and
//! which of them it has published, in two files beside its key store; their keys, in that.
//!
//! The directories would not do: where two nodes publish within seconds of each other, they have
//! the later one's points alone. The files are Arti's own affair: what cannot be read in them is no
//! point, and a test notices if they change.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::time::SystemTime;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tor_hscrypto::pk::{HsIntroPtSessionIdKeypair, HsSvcNtorKeypair};
use tor_keymgr::{KeyMgr, KeyPathPattern, ToEncodableKey};
use tor_linkspec::{CircTarget as _, RelayIds};
use tor_llcrypto::pk::ed25519::Keypair;
use tor_netdir::NetDir;
use tor_netdoc::doc::hsdesc::IntroPointDesc;

use super::NodePoints;
use crate::private_file;
use crate::{Keystore, KeystoreError};

/// The files, in the directory of the service's state.
const CHOSEN: &str = "ipts.json";
const PUBLISHED: &str = "iptpub.json";
/// Bytes of one of them, at most.
const MOST_BYTES: usize = 256 * 1024;

/// The points that were chosen.
#[derive(Deserialize)]
struct ChosenRecord {
    ipt_relays: Vec<RelayRecord>,
}

/// The points at one relay: the present one, and earlier ones.
#[derive(Deserialize)]
struct RelayRecord {
    relay: RelayIds,
    ipts: Vec<PointRecord>,
}

/// The points that were in a descriptor.
#[derive(Deserialize)]
struct PublishedRecord {
    ipts: Vec<PointRecord>,
}

#[derive(Deserialize)]
struct PointRecord {
    /// Its name in the key store.
    lid: String,
    #[serde(default)]
    is_current: bool,
}

impl Keystore {
    /// Returns the points that this machine's Arti has tried to publish since then, and still
    /// holds; not those of an earlier process, which may not be there.
    pub(super) fn own_points(&self, network: &NetDir, since: SystemTime) -> Result<NodePoints, KeystoreError> {
        let written = fs::metadata(self.state.join(PUBLISHED)).and_then(|file| file.modified());
        if written.is_ok_and(|written| written < since) {
            return Ok(NodePoints::default());
        }
        let Some(chosen) = self.record::<ChosenRecord>(CHOSEN)? else { return Ok(NodePoints::default()) };
        let Some(published) = self.record::<PublishedRecord>(PUBLISHED)? else { return Ok(NodePoints::default()) };
        let published: HashSet<String> = published.ipts.into_iter().map(|point| point.lid).collect();
        let manager = self.manager()?;
        let mut points = Vec::new();
        for RelayRecord { relay, ipts } in chosen.ipt_relays {
            // One that has left the network is replaced soon.
            let Some(relay) = network.by_ids(&relay) else { continue };
            let Ok(links) = relay.linkspecs() else { continue };
            for point in ipts.iter().filter(|point| point.is_current && published.contains(&point.lid)) {
                let session = self.key_of::<HsIntroPtSessionIdKeypair>(&manager, "k_sid", &point.lid)?;
                let encryption = self.key_of::<HsSvcNtorKeypair>(&manager, "k_hss_ntor", &point.lid)?;
                let (Some(session), Some(encryption)) = (session, encryption) else { continue };
                let session: &Keypair = session.as_ref();
                let built = IntroPointDesc::builder()
                    .link_specifiers(links.clone())
                    .ipt_kp_ntor(*relay.ntor_onion_key())
                    .kp_hs_ipt_sid(session.verifying_key().into())
                    .kp_hss_ntor(encryption.public().clone())
                    .build();
                points.extend(built.ok());
            }
        }
        Ok(NodePoints(points))
    }

    /// Reads one of Arti's files; `None`: there is none, or it is of another version.
    fn record<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, KeystoreError> {
        match private_file::read_text(&self.state.join(name), MOST_BYTES) {
            Ok(text) => Ok(serde_json::from_str(&text).ok()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn key_of<K: ToEncodableKey>(&self, manager: &KeyMgr, role: &str, lid: &str) -> Result<Option<K>, KeystoreError> {
        let pattern = KeyPathPattern::Arti(format!("hss/{}/ipts/{role}+{lid}", self.nickname));
        let entries = manager.list_matching(&pattern).map_err(|error| self.failed(&error))?;
        let Some(entry) = entries.first() else { return Ok(None) };
        // One that is gone since belongs to a point that is gone.
        manager.get_entry::<K>(entry).map_err(|error| self.failed(&error))
    }
}
