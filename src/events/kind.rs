//! Everything that is worth counting, and the one table of offences: what is a strike, and what is
//! not.

use serde::{Serialize, Serializer};

macro_rules! kinds {
    ($($kind:ident = $weight:ident $name:literal, $sentence:literal;)*) => {
        /// Names an event.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind {
            $(#[doc = $sentence] $kind,)*
        }

        impl Kind {
            /// Lists all of them.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$kind),*];

            /// Returns the name for programs: snake case.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// Returns the sentence for people.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$kind => $sentence,)* }
            }

            /// Tells whether it counts towards a block. Otherwise it is only counted.
            #[must_use]
            pub const fn is_strike(self) -> bool {
                match self { $(Self::$kind => kinds!(@$weight),)* }
            }
        }
    };
    (@strike) => { true };
    (@note) => { false };
}

kinds! {
    RateLimited = note "rate_limited", "more requests or messages than the rate allows";
    RateIgnored = strike "rate_ignored", "a strike: a session was told to wait, and did not";
    Blocked = note "blocked", "too many strikes: blocked";
    RefusedBlocked = note "refused_blocked", "refused, because it is blocked";
    Unblocked = note "unblocked", "a block was ended by the operator";
    OriginRefused = note "origin_refused", "a web page of another origin was refused";
    MisdirectedHost = note "misdirected_host", "a request for a host that this server is not";
    AuthFailed = strike "auth_failed", "a strike: a wrong signature, or none";
    AuthTimeout = note "auth_timeout", "connected, and did not say who it is";
    Malformed = strike "malformed", "a strike: a frame or a request that cannot be read";
    Oversize = strike "oversize", "a strike: a frame or a request that is too large";
    TooSlow = note "too_slow", "does not read what it is sent, or does not finish what it sends";
    Takeover = note "takeover", "another session of the same fingerprint took over";
    Quota = note "quota", "a message was refused: a mailbox, a sender's quota or the store is full";
    Crowded = note "crowded", "more connections of one peer than allowed";
    GaveWay = note "gave_way", "a connection that had not authenticated gave its slot to a lighter peer's";
    Overload = note "overload", "refused: as many connections or sessions as there may be";
    Coalesced = note "coalesced", "too many peers to remember each: its network shares one rate";
    CircuitRefused = note "circuit_refused", "a rendezvous circuit or a stream on it was refused";
    Wiped = note "wiped", "everything that waited was erased: `panic`, SIGUSR1 or the dead-man switch";
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
