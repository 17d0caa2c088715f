//! Which names stand for one server: a server that got a new key signs with the old one where it
//! can be found. Whoever runs the core checks such notices, and says here what is known.

use std::collections::BTreeMap;

use crate::authority::Authority;
use crate::bytes::Key;

/// Knows where servers have moved to.
#[derive(Clone, Debug, Default)]
pub struct Moves(BTreeMap<Key, Key>);

impl Moves {
    /// Takes pairs of a name and the present one, whose notices were checked. What is no onion
    /// address does not move; ports stay as they are.
    pub fn new(moves: impl IntoIterator<Item = (Authority, Authority)>) -> Self {
        let key = |authority: &Authority| authority.onion_parts().map(|(key, _)| key);
        let pairs = moves.into_iter().filter_map(|(from, to)| Some((key(&from)?, key(&to)?)));
        Self(pairs.collect())
    }

    /// Returns the present name of a server.
    pub fn present(&self, authority: &Authority) -> Authority {
        let moved = authority.onion_parts().and_then(|(key, port)| Some((self.0.get(&key)?, port)));
        moved.map_or_else(|| authority.clone(), |(to, port)| Authority::from_onion_key(to, port))
    }

    /// Tells whether two names stand for one server.
    pub fn same(&self, one: &Authority, other: &Authority) -> bool {
        one == other || self.present(one) == self.present(other)
    }
}

/// Holds one's own server, and what is known of moves: what names of others are compared with.
#[derive(Clone, Copy, Debug)]
pub struct Here<'a> {
    own: &'a Authority,
    moves: Option<&'a Moves>,
}

impl<'a> Here<'a> {
    /// Compares with a server whose moves are known.
    pub fn new(own: &'a Authority, moves: &'a Moves) -> Self {
        Self { own, moves: Some(moves) }
    }

    /// Returns the name of the server.
    pub(crate) fn own(&self) -> &'a Authority {
        self.own
    }

    /// Tells whether a name stands for this server.
    pub(crate) fn is(&self, authority: &Authority) -> bool {
        self.own == authority || self.moves.is_some_and(|moves| moves.same(self.own, authority))
    }
}

impl<'a> From<&'a Authority> for Here<'a> {
    fn from(own: &'a Authority) -> Self {
        Self { own, moves: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(number: u8, port: u16) -> Authority {
        Authority::from_onion_key(&Key([number; 32]), port)
    }

    #[test]
    fn a_server_that_moved_is_the_same_one_on_the_same_port() {
        let moves = Moves::new([(server(1, 80), server(2, 80))]);
        assert_eq!(moves.present(&server(1, 81)), server(2, 81));
        assert_eq!(moves.present(&server(3, 80)), server(3, 80));
        assert!(moves.same(&server(2, 80), &server(1, 80)));
        assert!(!moves.same(&server(1, 80), &server(2, 81)));
        let own = server(2, 80);
        assert!(Here::new(&own, &moves).is(&server(1, 80)) && !Here::from(&own).is(&server(1, 80)));
        let local = Authority::loopback("localhost").unwrap();
        assert_eq!(moves.present(&local), local);
    }
}
