//! What is written for the processes of the network: each one's `torrc`, and the same network as
//! Arti's configuration.
//!
//! The values are the ones that make so small and so quick a network behave; each says why where
//! the name does not.

use super::identity::Identity;
use std::net::SocketAddr;
use std::path::Path;
use std::time::SystemTime;

/// Seconds between votes until there is a consensus. Tor wants more than twice the two delays of
/// [`AUTHORITY`].
pub(super) const FIRST_VOTING_INTERVAL: u64 = 10;
/// Seconds before the end of an interval at which the authorities vote: the sum of the delays of
/// [`AUTHORITY`].
pub(super) const VOTE_BEFORE_INTERVAL_ENDS: u64 = 4;

/// Seconds of a time period of the onion services: 24 intervals between votes.
pub(super) const TIME_PERIOD: u64 = 24 * 20;
/// Seconds after the full hour at which one begins: 12 intervals.
pub(super) const TIME_PERIOD_BEGINS: u64 = 12 * 20;

/// The lines for every process. The default scheduler (KIST) adds 10 ms a hop; the databases of
/// countries take a second to parse.
const COMMON: &str = "\
TestingTorNetwork 1
PathsNeededToBuildCircuits 0.67
Schedulers Vanilla
Address 127.0.0.1
ShutdownWaitLength 0
SafeLogging 0
Log notice stdout
GeoIPFile /dev/null
GeoIPv6File /dev/null
";

/// Votes every 10 s for the first consensus and every 20 s from then on; everyone gets the flags
/// that a path may need, and is taken to be running: the tests of that take minutes. So a relay
/// that was killed stays in the consensus, as it does for hours in the public network.
///
/// `hsdir_interval` (minutes) follows from the 20 s: an onion service's period is 24 intervals.
/// Without it C tor and Arti disagree about the period, and so about where a descriptor is. So they
/// do about a shared random value, which there would be from the next turn of the period on: Arti
/// takes it to be that of the whole day.
const AUTHORITY: &str = "\
AuthoritativeDirectory 1
V3AuthoritativeDirectory 1
ContactInfo nobody@localhost.invalid
TestingV3AuthInitialVotingInterval 10
TestingV3AuthInitialVoteDelay 2
TestingV3AuthInitialDistDelay 2
V3AuthVotingInterval 20
V3AuthVoteDelay 2
V3AuthDistDelay 2
V3AuthNIntervalsValid 3
AuthDirTestReachability 0
AuthDirSharedRandomness 0
TestingDirAuthVoteExit *
TestingDirAuthVoteHSDir *
TestingDirAuthVoteGuard *
TestingMinExitFlagThreshold 0
MinUptimeHidServDirectoryV2 0
AuthDirVoteStableGuaranteeMinUptime 0
AuthDirVoteStableGuaranteeMTBF 0
ConsensusParams hsdir_interval=8
";

/// Exits reach loopback and nothing else: the network has no way out of this machine.
const RELAY: &str = "\
ContactInfo nobody@localhost.invalid
AssumeReachable 1
ExitRelay 1
ExitPolicyRejectPrivate 0
ExitPolicy accept 127.0.0.0/8:*
ExitPolicy reject *:*
";

/// Asks the authorities for the directory, as Arti does at first. The relays, whom C tor would ask,
/// take another ten seconds to have it, and then C tor waits ten seconds more.
const FROM_AUTHORITIES: &str = "\
FetchDirInfoEarly 1
FetchDirInfoExtraEarly 1
";

/// An authority, as everyone else has to know it.
#[derive(Debug)]
pub(super) struct Authority {
    pub(super) nickname: String,
    pub(super) or_address: SocketAddr,
    pub(super) dir_address: SocketAddr,
    pub(super) identity: Identity,
    /// SHA-1 of the key that signs its votes, in hexadecimal.
    pub(super) v3_identity: String,
}

/// Returns what every process has in its file: where it lives, who it is, and whose end it shares.
pub(super) fn common(directory: &Path, nickname: &str) -> String {
    format!(
        "Nickname {nickname}\nDataDirectory {}\n__OwningControllerProcess {}\n{COMMON}",
        directory.display(),
        std::process::id()
    )
}

/// Returns the lines for a relay that is an authority; `dir_address` is where it serves the
/// directory.
pub(super) fn authority(or_address: SocketAddr, dir_address: SocketAddr, bandwidths: &Path) -> String {
    let own = format!("SocksPort 0\nORPort {or_address}\nDirPort {dir_address}\nAssumeReachable 1\n");
    format!("{own}V3BandwidthsFile {}\n{AUTHORITY}", bandwidths.display())
}

/// Returns the measurements that the authorities vote on: all relays are equal.
///
/// Without them a relay's weight is the bandwidth it has seen used. That is none at first, and a
/// single relay that has seen some is then in every place of every path, which is no path.
pub(super) fn bandwidths<'a>(identities: impl Iterator<Item = &'a Identity>) -> String {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
    let lines = identities.map(|identity| format!("node_id=${} bw=1000\n", identity.rsa));
    format!("{now}\n{}", lines.collect::<String>())
}

/// Returns the lines for an ordinary relay.
pub(super) fn relay(or_address: SocketAddr) -> String {
    format!("SocksPort 0\nORPort {or_address}\n{RELAY}")
}

/// Returns the lines for a client: the kernel chooses its SOCKS port, and the log tells which.
pub(super) fn client() -> String {
    format!("SocksPort auto\n{FROM_AUTHORITIES}")
}

/// Returns the lines for an onion service whose port 80 is `forward_to`. The log has to tell of its
/// descriptors.
pub(super) fn onion_service(keys: &Path, forward_to: SocketAddr) -> String {
    format!(
        "SocksPort 0\nHiddenServiceDir {}\nHiddenServicePort 80 {forward_to}\nLog [rend]info stdout\n{FROM_AUTHORITIES}",
        keys.display()
    )
}

/// Returns the lines for everyone once the authorities have their keys.
pub(super) fn authorities(authorities: &[Authority]) -> String {
    authorities
        .iter()
        .map(|a| {
            let Authority { nickname, or_address, dir_address, v3_identity, identity } = a;
            let port = or_address.port();
            let rsa = &identity.rsa;
            format!("DirAuthority {nickname} orport={port} v3ident={v3_identity} {dir_address} {rsa}\n")
        })
        .collect()
}

/// Returns the network as the daemon's `[tor]` table, which is handed to Arti.
pub(super) fn arti(authorities: &[Authority]) -> String {
    let directories: Vec<_> = authorities.iter().map(|a| format!("[\"{}\"]", a.dir_address)).collect();
    let directories = directories.join(", ");
    let v3_identities: Vec<_> = authorities.iter().map(|a| format!("\"{}\"", a.v3_identity)).collect();
    let v3_identities = v3_identities.join(", ");
    let fallbacks: String = authorities
        .iter()
        .map(|a| {
            let Identity { rsa, ed25519 } = &a.identity;
            let address = a.or_address;
            format!("    {{ rsa_identity = \"{rsa}\", ed_identity = \"{ed25519}\", orports = [\"{address}\"] }},\n")
        })
        .collect();
    format!(
        "\
# A private Tor network on 127.0.0.1. It ends with the program that booted it.

[tor.tor_network]
fallback_caches = [
{fallbacks}]

[tor.tor_network.authorities]
v3idents = [{v3_identities}]
uploads = [{directories}]
downloads = [{directories}]
votes = [{directories}]

# All relays share one address: it is no reason against having two of them in one circuit.
[tor.path_rules]
ipv4_subnet_family_prefix = 33
ipv6_subnet_family_prefix = 129

[tor.address_filter]
allow_local_addrs = true

# On loopback Arti learns that a circuit takes a few milliseconds to build, and under load gives up on every one.
[tor.override_net_params]
cbtmintimeout = 5000
cbtinitialtimeout = 10000
"
    )
}
