//! Who is online; takeover; wakes; the lock around the store.
