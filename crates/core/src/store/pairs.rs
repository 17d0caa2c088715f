//! What one sender has in one mailbox.

use super::AccountId;
use super::slots::Slots;
use super::table::Table;

/// The share of one sender in one mailbox.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    sender: AccountId,
    recipient: AccountId,
    /// Messages that are remembered.
    pub(super) records: u32,
    /// The messages that count against the sender's share.
    pub(super) messages: usize,
    /// Their bytes of content.
    pub(super) bytes: usize,
}

/// The pairs of which something is remembered.
pub(super) struct Pairs {
    /// The key of the hashes: accounts get the places that are free, and somebody may have many.
    key: [u64; 2],
    pairs: Slots<Pair>,
    table: Table,
}

impl Pairs {
    pub(super) fn new(key: [u64; 2]) -> Self {
        Self { key, pairs: Slots::new(), table: Table::default() }
    }

    pub(super) fn get(&self, sender: AccountId, recipient: AccountId) -> Option<&Pair> {
        self.pairs.get(self.find(sender, recipient, self.hash(sender, recipient))?)
    }

    pub(super) fn get_mut(&mut self, sender: AccountId, recipient: AccountId) -> Option<&mut Pair> {
        let place = self.find(sender, recipient, self.hash(sender, recipient))?;
        self.pairs.get_mut(place)
    }

    /// Returns the pair; one of which nothing is remembered yet, if there was none.
    pub(super) fn get_or_insert(&mut self, sender: AccountId, recipient: AccountId) -> &mut Pair {
        let hash = self.hash(sender, recipient);
        let place = self.find(sender, recipient, hash).unwrap_or_else(|| {
            let pair = Pair { sender, recipient, records: 0, messages: 0, bytes: 0 };
            let place = self.pairs.insert(pair);
            self.table.insert(hash, place);
            place
        });
        &mut self.pairs[place]
    }

    /// Forgets one of the records, and the pair with the last of them.
    pub(super) fn forget_record(&mut self, sender: AccountId, recipient: AccountId) {
        let hash = self.hash(sender, recipient);
        let Some(place) = self.find(sender, recipient, hash) else { return };
        let pair = &mut self.pairs[place];
        pair.records -= 1;
        if pair.records == 0 {
            self.table.remove(hash, place);
            self.pairs.remove(place);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.pairs.len()
    }

    fn hash(&self, sender: AccountId, recipient: AccountId) -> u64 {
        let both = u64::from(sender.0) << 32 | u64::from(recipient.0);
        // A product of more bits than the table looks at, each of which depends on the key.
        let product = u128::from(both ^ self.key[0]) * u128::from(self.key[1] | 1);
        let [a, b, c, d, e, f, g, h, high @ ..] = product.to_le_bytes();
        u64::from_le_bytes([a, b, c, d, e, f, g, h]) ^ u64::from_le_bytes(high)
    }

    fn find(&self, sender: AccountId, recipient: AccountId, hash: u64) -> Option<u32> {
        let is_it = |pair: &Pair| pair.sender == sender && pair.recipient == recipient;
        self.table.find(hash).find(|&place| self.pairs.get(place).is_some_and(is_it))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_neighbouring_places_share_no_more_buckets_than_others() {
        let mut key = [0x0123_4567_89AB_CDEF, 0x9E37_79B9_7F4A_7C15_u64];
        for _ in 0..40 {
            key = key.map(|half| half.wrapping_mul(0x5851_F42D_4C95_7F2D).rotate_left(23) ^ 0xA076_1D64_78BD_642F);
            let mut pairs = Pairs::new(key);
            for (sender, recipient) in (0..30_000).map(|number| (number / 173, number % 173)) {
                pairs.get_or_insert(AccountId(sender), AccountId(recipient));
            }
            let over = pairs.table.overflowing();
            assert!(over * 5 < pairs.len(), "{over} of {} have no room with the key {key:x?}", pairs.len());
        }
    }
}
