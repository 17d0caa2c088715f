//! Tests of invites.

use super::*;

fn onion() -> Authority {
    Authority::from_onion_key(&Key([9; 32]), 80)
}

fn short(authority: Authority, discovery: Option<Secret>) -> Invite {
    let identity = IdentityKeys::generate();
    Invite {
        one_time: true,
        not_after: 29_000_000,
        authority,
        door: IdentityKeys::generate().ed(),
        identity: identity.curve(),
        prekey: IdentityKeys::generate().curve(),
        form: Form::Short { secret: Secret::random(), discovery },
    }
}

fn long(authority: Authority) -> (Invite, CardKeys) {
    let identity = IdentityKeys::generate();
    let keys = CardKeys::generate();
    let mut invite = short(authority, None);
    invite.one_time = false;
    invite.identity = identity.curve();
    (invite.signed(&keys, &identity), keys)
}

#[test]
fn every_form_is_read_as_it_was_written() {
    let local = Authority::loopback("localhost:8080").unwrap();
    let forms = [
        (short(onion(), None), 172),
        (short(onion(), Some(Secret::random())), 204),
        (short(local.clone(), None), 172 - 34 + 15),
        (long(onion()).0, 1_484),
        (long(local.clone()).0, 1_484 - 34 + 15),
    ];
    for (invite, length) in forms {
        assert_eq!(invite.to_bytes().len(), length);
        assert_eq!(Invite::from_text(&invite.to_text(), &local).unwrap(), invite);
    }
}

#[test]
fn the_scheme_may_be_in_capitals_and_white_space_may_stand_around_it() {
    let invite = short(onion(), None);
    let text = invite.to_text().replace("ephemeral:", " \nEphemeral:") + " \n";
    assert_eq!(Invite::from_text(&text, &onion()).unwrap(), invite);
    let inside = text.trim().replacen(':', ": ", 1);
    assert_eq!(Invite::from_text(&inside, &onion()), Err(InviteError::Damaged));
}

#[test]
fn spare_bits_of_the_text_have_to_be_zero() {
    let text = short(onion(), None).to_text();
    let mut other = text.trim_end().to_owned();
    let last = other.pop().unwrap();
    // 172 bytes leave four spare bits in the last character.
    assert!("AQgw".contains(last));
    other.push(char::from(u8::try_from(last).unwrap() + 1));
    assert_eq!(Invite::from_text(&other, &onion()), Err(InviteError::Damaged));
}

fn with_checksum(mut body: Vec<u8>) -> Vec<u8> {
    let sum = checksum(&body);
    body.extend_from_slice(&sum);
    body
}

#[test]
fn unknown_flags_versions_and_lengths_are_not_for_this_version() {
    let invite = short(onion(), None);
    for flags in (0..=255).filter(|flags| *flags != ONE_TIME | SHORT) {
        let mut body = invite.body().to_vec();
        body[1] = flags;
        assert!(Invite::from_bytes(&with_checksum(body), &onion()).is_err(), "flags {flags}");
    }
    let mut later = invite.body().to_vec();
    later[0] = 2;
    assert_eq!(Invite::from_bytes(&with_checksum(later), &onion()), Err(InviteError::Version));
    let mut longer = invite.body().to_vec();
    longer.push(0);
    assert_eq!(Invite::from_bytes(&with_checksum(longer), &onion()), Err(InviteError::Version));
}

#[test]
fn a_long_invite_signed_by_somebody_else_is_not_genuine() {
    let (invite, _) = long(onion());
    for at in [2, 6, 40, 72, 104, 136, 168, 1_384, 1_416] {
        let mut body = invite.body().to_vec();
        body[at] ^= 1;
        assert_eq!(Invite::from_bytes(&with_checksum(body), &onion()), Err(InviteError::NotGenuine), "byte {at}");
    }
}

#[test]
fn an_onion_written_as_text_is_refused_so_that_invites_have_one_spelling() {
    let invite = short(onion(), None);
    let body = invite.body();
    let name = onion();
    let mut spelled = vec![VERSION, ONE_TIME | SHORT | NAMED_HOST];
    spelled.extend_from_slice(&body[2..6]);
    spelled.push(62);
    spelled.extend_from_slice(name.as_str().as_bytes());
    spelled.extend_from_slice(&body[40..]);
    assert_eq!(Invite::from_bytes(&with_checksum(spelled), &onion()), Err(InviteError::Version));
}

#[test]
fn both_sides_derive_the_same_card() {
    let (invite, keys) = long(onion());
    assert_eq!(invite.card().id, *keys.id());
    let invite = short(onion(), None);
    let Form::Short { secret, .. } = &invite.form else { panic!() };
    assert_eq!(invite.card().id, *CardKeys::from_short_invite(secret).id());
}
