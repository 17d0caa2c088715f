//! What can happen to a store.

/// What can happen to a store.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// Begins a session; if there is one, it is taken over.
    Attach {
        who: u8,
        receipts: bool,
    },
    Detach {
        who: u8,
    },
    Send {
        from: u8,
        to: u8,
        id: u8,
        padding: u8,
        ttl_s: u8,
    },
    Deliver {
        who: u8,
        window: u8,
        times: u8,
    },
    Acknowledge {
        who: u8,
        ack: Ack,
    },
    TakeRate {
        who: u8,
    },
    Pass {
        seconds: u16,
    },
    SetBack {
        seconds: u16,
    },
    Expire,
    /// The process is killed, and another one goes on with what was written down. A store on the
    /// heap goes on.
    Restart,
}

/// What is acknowledged.
#[derive(Debug, Clone)]
pub(crate) enum Ack {
    /// One that this session was sent, again perhaps.
    Sent(u8),
    /// The number before that of one that this session was sent.
    JustBefore(u8),
    /// The last that any session acknowledged.
    Earlier,
    /// Beyond everything that could be acknowledged.
    TooHigh(u8),
    Zero,
}
