//! A new key, and the notice with which the old one says so.

use std::path::Path;

use super::{KeysError, Place, ask, complain};
use crate::clock::Clock;
use crate::transport::onion_service;
use ephemeral_tor::private_file;
use ephemeral_tor::{Keystore, Notice, ServiceKey};

/// Exchanges the key. Returns the new address.
pub(super) fn run(place: &Place<'_>, forget_old: bool, yes: bool) -> Result<String, KeysError> {
    let store = place.to_change()?;
    let old = store.key()?.ok_or_else(|| KeysError::NoKey(place.state_dir.to_owned()))?;
    let mut notices = read_notices(place)?;
    let what = if forget_old { "and the old key is gone for good" } else { "and the old key is kept aside" };
    let question = format!(
        "This server is {} now. It gets a new address, {what}. Nobody finds it at the new one without having been told.",
        old.address()
    );
    ask::to_type(&question, ask::first_letters(old.address()), yes)?;

    let new = ServiceKey::generate().map_err(KeysError::Random)?;
    let path = place.state_dir.join(Notice::FILE);
    // A notice counts only if it is later than the one before, and the clock may have been wrong
    // then.
    let at = Notice::time_after(&notices, Clock::System.wall());
    let notice =
        Notice::sign(&old, new.address(), at).map_err(|source| KeysError::Moved { path: path.clone(), source })?;
    // One that was signed when this was tried before, and that leads to a key which was never used.
    notices.retain(|earlier| earlier.from() != notice.from());
    notices.push(notice);
    let excess = notices.len().saturating_sub(Notice::MOST);
    notices.drain(..excess);
    if !forget_old {
        place.retire(&old)?;
    }
    // The notice can only be made while the old key is there, and is only true when the new one is
    // in its place.
    let staged = private_file::stage(&path, Notice::write(&notices).as_bytes())?;
    store.replace(&new)?;
    private_file::put_in_place(&staged, &path)?;
    complain(format_args!(
        "the notice of the move is {}: publish it where people look for the server; `ephemeral moved FILE` checks and \
         follows it",
        path.display()
    ));
    Ok(new.address().to_owned())
}

pub(super) fn read_notices(place: &Place<'_>) -> Result<Vec<Notice>, KeysError> {
    let path = place.state_dir.join(Notice::FILE);
    Notice::read_file(&path).map_err(|source| KeysError::Moved { path, source })
}

pub(super) fn write_notices(place: &Place<'_>, notices: &[Notice]) -> Result<(), KeysError> {
    let path = place.state_dir.join(Notice::FILE);
    Ok(private_file::replace(&path, Notice::write(notices).as_bytes())?)
}

/// Finishes a rotation that was killed after the new key was in its place, and before its notice
/// was. Whatever goes wrong with it keeps nobody from anything.
pub(super) fn finish_interrupted(state_dir: &Path, onion: &onion_service::Config) {
    let finished =
        Keystore::open(&onion.tor, state_dir, &onion.nickname).and_then(|store| store.finish_move(state_dir));
    match finished {
        Ok(true) => complain(format_args!(
            "an interrupted `keys rotate` is finished: the notice of the move is {}",
            state_dir.join(Notice::FILE).display()
        )),
        Ok(false) => {}
        Err(error) => complain(format_args!("an interrupted `keys rotate` is not finished: {error}")),
    }
}
