//! Tests of rosters and deltas.

use super::delta::{Delta, Operation};
use super::*;
use crate::card::{CardKeys, Route};

fn server() -> Authority {
    Authority::from_onion_key(&Key([9; 32]), 80)
}

fn door(authority: Authority) -> Card {
    let keys = CardKeys::generate();
    let route = Route { mailbox: IdentityKeys::generate().ed(), authority };
    let prekey = Some(IdentityKeys::generate().curve());
    Card { no: 1, root: true, psk: keys.psk().clone(), kem: keys.kem(), prekey, route: Some(route) }
}

fn entry(identity: &IdentityKeys, name: &str) -> Entry {
    Entry { proof: identity.proof(), door: door(server()), name: name.to_owned() }
}

fn group() -> (IdentityKeys, Roster) {
    let admin = IdentityKeys::generate();
    let roster = Roster::first([7; 16], entry(&admin, "admin"), server());
    (admin, roster)
}

fn add(identity: &IdentityKeys) -> Operation {
    Operation::Add(Box::new(entry(identity, "member")))
}

#[test]
fn deltas_and_a_full_roster_lead_to_the_same_id() {
    let (admin, first) = group();
    let members: Vec<_> = (0..4).map(|_| IdentityKeys::generate()).collect();
    let (second, one) = first.change(&members.iter().map(add).collect::<Vec<_>>(), &admin).unwrap();
    let moved = Operation::Door(members[1].curve(), Box::new(door(server())));
    let (third, two) = second.change(&[Operation::Remove(members[0].curve()), moved], &admin).unwrap();
    let followed = first.follow(&Delta::from_bytes(&one, &server()).unwrap()).unwrap();
    let followed = followed.follow(&Delta::from_bytes(&two, &server()).unwrap()).unwrap();
    let full = Roster::from_signed(&third.sign(&admin), &admin.ed(), &server()).unwrap();
    assert_eq!(followed, third);
    assert_eq!(full.id(), third.id());
    assert!(full.entry(&members[0].curve()).is_none());
    assert_eq!(full.version, 3);
}

#[test]
fn a_delta_counts_only_for_the_roster_and_admin_it_was_made_for() {
    let (admin, first) = group();
    let (second, bytes) = first.change(&[add(&IdentityKeys::generate())], &admin).unwrap();
    let delta = Delta::from_bytes(&bytes, &server()).unwrap();
    assert_eq!(second.follow(&delta), Err(RosterError::NotNext));
    let (_, stranger) = first.change(&[add(&IdentityKeys::generate())], &IdentityKeys::generate()).unwrap();
    let stranger = Delta::from_bytes(&stranger, &server()).unwrap();
    assert_eq!(first.follow(&stranger), Err(RosterError::Signature));
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        let taken = Delta::from_bytes(&damaged, &server()).and_then(|delta| first.follow(&delta));
        assert!(taken.is_err(), "byte {at}");
    }
}

#[test]
fn the_admin_can_hand_over_to_a_member_and_has_no_say_afterwards() {
    let (admin, first) = group();
    let heir = IdentityKeys::generate();
    assert!(first.change(&[Operation::Admin(heir.ed())], &admin).is_err(), "who is no member is no admin");
    let (second, bytes) = first.change(&[add(&heir), Operation::Admin(heir.ed())], &admin).unwrap();
    assert_eq!(first.follow(&Delta::from_bytes(&bytes, &server()).unwrap()), Ok(second.clone()));
    let out = Operation::Remove(admin.curve());
    let (_, late) = second.change(std::slice::from_ref(&out), &admin).unwrap();
    let late = Delta::from_bytes(&late, &server()).unwrap();
    assert_eq!(second.follow(&late), Err(RosterError::Signature));
    let (third, _) = second.change(&[out], &heir).unwrap();
    assert_eq!(third.entries().len(), 1);
}

#[test]
fn a_roster_has_fifty_members_at_most_none_twice_and_its_admin_among_them() {
    let (admin, first) = group();
    let many: Vec<_> = (0..49).map(|_| IdentityKeys::generate()).collect();
    let (full, bytes) = first.change(&many.iter().map(add).collect::<Vec<_>>(), &admin).unwrap();
    assert!(bytes.len() > 70_000);
    assert_eq!(full.change(&[add(&IdentityKeys::generate())], &admin), Err(RosterError::Members));
    assert_eq!(full.change(&[add(&many[0])], &admin), Err(RosterError::Members));
    assert_eq!(full.change(&[Operation::Remove(admin.curve())], &admin), Err(RosterError::Members));
    let mut disordered = full.clone();
    disordered.entries.swap(0, 1);
    let signed = disordered.sign(&admin);
    assert_eq!(Roster::from_signed(&signed, &admin.ed(), &server()), Err(RosterError::Members));
}

#[test]
fn members_on_another_server_are_refused() {
    let (admin, first) = group();
    let elsewhere = Authority::from_onion_key(&Key([8; 32]), 80);
    let stranger = IdentityKeys::generate();
    let entry = Entry { proof: stranger.proof(), door: door(elsewhere), name: String::new() };
    let (_, bytes) = first.change(&[Operation::Add(Box::new(entry))], &admin).unwrap();
    assert_eq!(Delta::from_bytes(&bytes, &server()), Err(RosterError::Malformed));
}

#[test]
fn a_roster_is_kept_in_the_state_as_it_is() {
    let (_, roster) = group();
    let text = serde_json::to_string(&roster).unwrap();
    assert_eq!(serde_json::from_str::<Roster>(&text).unwrap(), roster);
}
