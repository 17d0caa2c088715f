//! What can happen.

use serde::{Serialize, Serializer};

macro_rules! kinds {
    ($($kind:ident = $name:literal, $sentence:literal;)*) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind {
            $(#[doc = $sentence] $kind,)*
        }

        impl Kind {
            /// All of them.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$kind),*];

            /// For programs: snake case.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// For people.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$kind => $sentence,)* }
            }
        }
    };
}

kinds! {
    RateLimited = "rate_limited", "more requests or messages than the rate allows";
    RateIgnored = "rate_ignored", "a strike: told to wait, and did not";
    Blocked = "blocked", "too many strikes: blocked";
    RefusedBlocked = "refused_blocked", "refused, because it is blocked";
    Unblocked = "unblocked", "a block was ended by the operator";
    OriginRefused = "origin_refused", "a strike: a web page of another origin";
    MisdirectedHost = "misdirected_host", "a request for a host that this server is not";
    AuthFailed = "auth_failed", "a strike: a wrong signature, or none";
    AuthTimeout = "auth_timeout", "connected, and did not say who it is";
    Malformed = "malformed", "a strike: a frame or a request that cannot be read";
    Oversize = "oversize", "a strike: a frame or a request that is too large";
    TooSlow = "too_slow", "does not read what it is sent";
    Takeover = "takeover", "another session of the same fingerprint took over";
    Quota = "quota", "a message was refused: a mailbox, a sender's quota or the store is full";
    Crowded = "crowded", "more connections of one peer than allowed";
    Overload = "overload", "as many connections or sessions as there may be";
    CircuitRefused = "circuit_refused", "a rendezvous circuit or a stream on it was refused";
    Wiped = "wiped", "everything that waited was erased: `panic`, SIGUSR1 or the dead-man switch";
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
