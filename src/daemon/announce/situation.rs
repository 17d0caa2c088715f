//! Says in words how far the onion service has come, for how long that may take, and what comes
//! next.

use std::time::Duration;

use crate::transport::onion_service::{OnionStatus, Phase, Reason};

/// The time without any connection after which the network itself is looked for.
const NO_ROUTE_AFTER: Duration = Duration::from_secs(5);
/// The time without any progress after which something is in the way.
const STALLED_AFTER: Duration = Duration::from_secs(20);
/// The progress from which on Arti has connected to a relay: the directory is missing. Below, but
/// above nothing, something has answered that is not a relay, or a relay that does not fit the
/// clock.
const CONNECTED_PERCENT: u8 = 15;

/// The progress of the onion service, or the obstacle in its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Situation {
    /// The first connection to the Tor network is being made.
    Connecting,
    /// The directory is being fetched.
    Directory,
    /// The descriptor is being published, and the address tried.
    Publishing,
    /// Clients can connect.
    Reachable,
    /// The machine has no network.
    Offline,
    /// There is a network, and nothing of Tor answers.
    NoAnswer,
    /// There is a network, and no relay in it is what it should be.
    NoHandshake,
    /// There is a network, and Arti says that it keeps Tor out.
    Blocked,
    /// Relays answer, and the directory does not come.
    NoDirectory,
    /// The clock is wrong.
    Clock,
    /// The service was published, and a connection to it fails.
    Unreachable,
    /// The service was published, and connections to it come to other machines alone.
    Elsewhere,
}

impl Situation {
    /// Returns the situation. `stalled`: for how long nothing has got on. `has_route`: whether the
    /// machine has a network.
    pub(super) fn of(status: &OnionStatus, stalled: Duration, has_route: impl FnOnce() -> bool) -> Self {
        let is_connected = status.bootstrap_percent >= CONNECTED_PERCENT;
        let reason = match status.phase {
            Phase::Reachable => return Self::Reachable,
            Phase::Degraded(reason) => Some(reason),
            Phase::Starting => status.trouble,
        };
        match reason {
            _ if !is_connected && stalled >= NO_ROUTE_AFTER && !has_route() => Self::Offline,
            Some(Reason::Offline) => Self::Offline,
            Some(Reason::Blocked) if is_connected => Self::NoDirectory,
            Some(Reason::Blocked) => Self::Blocked,
            Some(Reason::Clock) => Self::Clock,
            Some(Reason::Unreachable) if status.bootstrap_percent == 100 => Self::Unreachable,
            Some(Reason::Elsewhere) if status.bootstrap_percent == 100 => Self::Elsewhere,
            _ if status.bootstrap_percent == 100 => Self::Publishing,
            _ if is_connected && stalled >= STALLED_AFTER => Self::NoDirectory,
            _ if stalled >= STALLED_AFTER && status.bootstrap_percent > 0 => Self::NoHandshake,
            _ if stalled >= STALLED_AFTER => Self::NoAnswer,
            _ if is_connected => Self::Directory,
            _ => Self::Connecting,
        }
    }

    /// Returns whether something is in the way that a person may have to mend.
    pub(super) fn is_trouble(self) -> bool {
        !matches!(self, Self::Connecting | Self::Directory | Self::Publishing | Self::Reachable)
    }

    /// Returns what happens, for a line of 80 columns.
    pub(super) fn brief(self) -> &'static str {
        match self {
            Self::Connecting => "connecting to the Tor network",
            Self::Directory => "fetching the Tor network's directory; next: publishing",
            Self::Publishing => "publishing the address; next: trying it as a client",
            Self::Reachable => "reachable: clients can connect",
            Self::Offline => "no network on this machine; it goes on trying",
            Self::NoAnswer => "the Tor network does not answer; it goes on trying",
            Self::NoHandshake => "no Tor relay answers as it should; it goes on trying",
            Self::Blocked => "the network keeps Tor out; it goes on trying",
            Self::NoDirectory => "the Tor network's directory does not come; it goes on trying",
            Self::Clock => "the clock of this machine is wrong; it goes on trying",
            Self::Unreachable => "connections to the own address fail; it goes on trying",
            Self::Elsewhere => "clients come to the other machines only; it goes on trying",
        }
    }

    /// Returns what happens, how long it may take, and what comes next or what to do. `clock`: what
    /// time this machine has.
    pub(super) fn sentence(self, clock: &str) -> String {
        let sentence = match self {
            Self::Connecting => {
                "connecting to the Tor network: a few seconds, the first time up to a minute; then its directory is \
                 fetched"
            }
            Self::Directory => {
                "connected; fetching the Tor network's directory: some megabytes the first time; then the address is \
                 published"
            }
            Self::Publishing => {
                "the Tor network is there; publishing the address, and trying it as a client would: usually less than \
                 a minute; then clients can connect"
            }
            Self::Reachable => "clients can connect",
            Self::Offline => {
                "this machine has no network connection: mend that; the server goes on trying and connects by itself"
            }
            Self::NoAnswer => {
                "nothing of the Tor network answers yet: this network may want a login first (a captive portal: open \
                 any web page), keep Tor out (then set bridges in [tor]), or be very slow; the server goes on trying"
            }
            Self::NoHandshake => {
                "something answers, but not as a Tor relay should: this network may want a login first (a captive \
                 portal: open any web page) or keep Tor out (then set bridges in [tor]), or the clock of this machine \
                 is wrong: it says CLOCK; the server goes on trying"
            }
            Self::Blocked => {
                "there is a network, and it keeps Tor out: log in if it asks for that (a captive portal: open any web \
                 page), or set bridges in [tor]; the server goes on trying"
            }
            Self::NoDirectory => {
                "connected, but no directory of the Tor network comes that could be trusted: the clock of this machine \
                 is wrong (it says CLOCK), or the line is very slow; the server goes on trying"
            }
            Self::Clock => {
                "the clock of this machine is wrong (it says CLOCK), so that no directory of the Tor network can be \
                 trusted: set it, for example with `timedatectl set-ntp true`; the server goes on trying"
            }
            Self::Unreachable => {
                "the address is published, but connections to it fail; the server goes on trying: ten minutes may pass"
            }
            Self::Elsewhere => {
                "the address is published, but without this machine: clients come to the others only; is NATS there, and \
                 an active machine? the server goes on trying"
            }
        };
        sentence.replace("CLOCK", clock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(percent: u8, stalled_s: u64) -> Situation {
        let status = OnionStatus { bootstrap_percent: percent, ..OnionStatus::default() };
        Situation::of(&status, Duration::from_secs(stalled_s), || true)
    }

    #[test]
    fn a_start_has_its_stages() {
        assert_eq!(at(0, 0), Situation::Connecting);
        assert_eq!(at(15, 0), Situation::Directory);
        assert_eq!(at(99, 3), Situation::Directory);
        assert_eq!(at(100, 300), Situation::Publishing, "that it takes its time is no trouble by itself");
        let reachable = OnionStatus { phase: Phase::Reachable, ..OnionStatus::default() };
        assert_eq!(Situation::of(&reachable, Duration::from_secs(9), || false), Situation::Reachable);
    }

    #[test]
    fn a_start_that_does_not_get_on_says_what_may_be_in_the_way() {
        assert_eq!(at(0, 19), Situation::Connecting);
        assert_eq!(at(0, 20), Situation::NoAnswer);
        assert_eq!(at(8, 20), Situation::NoHandshake);
        assert_eq!(at(40, 20), Situation::NoDirectory);
        let offline = |seconds| Situation::of(&OnionStatus::default(), Duration::from_secs(seconds), || false);
        assert_eq!(offline(4), Situation::Connecting);
        assert_eq!(offline(5), Situation::Offline);
    }

    #[test]
    fn artis_reason_is_told_while_it_starts_and_when_it_is_lost() {
        for (reason, situation) in [
            (Reason::Offline, Situation::Offline),
            (Reason::Blocked, Situation::NoDirectory),
            (Reason::Clock, Situation::Clock),
        ] {
            let starting = OnionStatus { trouble: Some(reason), bootstrap_percent: 20, ..OnionStatus::default() };
            assert_eq!(Situation::of(&starting, Duration::ZERO, || true), situation);
            let lost = OnionStatus { phase: Phase::Degraded(reason), bootstrap_percent: 20, ..OnionStatus::default() };
            assert_eq!(Situation::of(&lost, Duration::ZERO, || true), situation);
        }
        let blocked = OnionStatus { trouble: Some(Reason::Blocked), ..OnionStatus::default() };
        assert_eq!(Situation::of(&blocked, Duration::ZERO, || true), Situation::Blocked);
        let phase = Phase::Degraded(Reason::Unreachable);
        let lost = OnionStatus { phase, bootstrap_percent: 100, ..OnionStatus::default() };
        assert_eq!(Situation::of(&lost, Duration::ZERO, || true), Situation::Unreachable);
    }

    #[test]
    fn a_brief_word_fits_a_line_and_a_sentence_says_what_comes_next() {
        for situation in [
            Situation::Connecting,
            Situation::Directory,
            Situation::Publishing,
            Situation::Offline,
            Situation::NoAnswer,
            Situation::NoHandshake,
            Situation::Blocked,
            Situation::NoDirectory,
            Situation::Clock,
            Situation::Unreachable,
            Situation::Elsewhere,
        ] {
            assert!(situation.brief().len() <= 64, "{situation:?}");
            let sentence = situation.sentence("2026-01-02 12:00 UTC");
            let next = if situation.is_trouble() { "the server goes on trying" } else { "; then " };
            assert!(sentence.contains(next), "{sentence}");
        }
    }
}
