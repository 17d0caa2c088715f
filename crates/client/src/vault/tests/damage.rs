//! Files that are not what was written: cut off, changed, exchanged, or somebody else's.

use super::*;

fn vault() -> (tempfile::TempDir, PathBuf) {
    let (parent, directory) = place();
    drop(Vault::create(&directory, &right(), b"state").unwrap());
    (parent, directory)
}

/// Lengths to cut a file at: every one near the steps of age's and the padding's, and some of the
/// others.
fn cuts(length: usize) -> impl Iterator<Item = usize> {
    let near = move |cut: &usize| *cut < 200 || *cut + 40 > length || cut % (64 << 10) < 20 || cut.is_multiple_of(4999);
    (0..length).filter(near)
}

#[test]
fn a_temporary_file_cut_anywhere_changes_nothing_and_is_gone_afterwards() {
    let (_parent, directory) = vault();
    let whole = fs::read(directory.join(STATE)).unwrap();
    for cut in cuts(whole.len()) {
        fs::write(directory.join(NEW_STATE), &whole[..cut]).unwrap();
        assert_eq!(state_of(&directory, &right()), b"state", "cut at {cut}");
        assert!(!directory.join(NEW_STATE).exists());
    }
}

#[test]
fn a_new_key_cut_anywhere_changes_nothing_and_is_gone_afterwards() {
    let (_parent, directory) = vault();
    let whole = seal::StateKey::generate().seal_itself(&passphrase("battery")).unwrap();
    for cut in 0..whole.len() {
        fs::write(directory.join(NEW_KEY), &whole[..cut]).unwrap();
        fs::set_permissions(directory.join(NEW_KEY), fs::Permissions::from_mode(0o600)).unwrap();
        assert!(reopen(&directory, &passphrase("neither")).is_err(), "cut at {cut}");
        assert_eq!(state_of(&directory, &right()), b"state", "cut at {cut}");
        assert!(!directory.join(NEW_KEY).exists());
    }
}

#[test]
fn a_state_that_is_cut_off_or_changed_anywhere_is_called_damaged_and_left_as_it_is() {
    let (_parent, directory) = vault();
    let path = directory.join(STATE);
    let whole = fs::read(&path).unwrap();
    let refused = |bytes: &[u8], case: &str| {
        fs::write(&path, bytes).unwrap();
        let error = reopen(&directory, &right()).unwrap_err();
        assert!(matches!(error, VaultError::Damaged { .. }), "{case}: {error}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    };
    for at in cuts(whole.len()) {
        refused(&whole[..at], &format!("cut at {at}"));
        let mut changed = whole.clone();
        changed[at] ^= 1;
        refused(&changed, &format!("byte {at}"));
    }
    let mut longer = whole.clone();
    longer.push(0);
    refused(&longer, "a byte more");
}

#[test]
fn a_missing_file_of_another_vault_or_another_state_is_called_damaged() {
    let (_one, one) = vault();
    let (_two, two) = vault();
    fs::copy(two.join(STATE), one.join(STATE)).unwrap();
    assert!(matches!(reopen(&one, &right()), Err(VaultError::Damaged { .. })));
    fs::remove_file(two.join(STATE)).unwrap();
    assert!(matches!(reopen(&two, &right()), Err(VaultError::Damaged { .. })));
    assert!(matches!(Vault::create(&two, &right(), b""), Err(VaultError::Exists(_))));
}

#[test]
fn a_wrong_passphrase_is_told_apart_from_a_damaged_key() {
    let (_parent, directory) = vault();
    assert!(matches!(reopen(&directory, &passphrase("battery")), Err(VaultError::WrongPassphrase(_))));
    assert_eq!(state_of(&directory, &right()), b"state");
    let path = directory.join(KEY);
    let whole = fs::read(&path).unwrap();
    for bytes in [&whole[..whole.len() - 1], b"", b"hello", &[0; 5000]] {
        fs::write(&path, bytes).unwrap();
        assert!(!matches!(reopen(&directory, &right()), Ok(_) | Err(VaultError::WrongPassphrase(_))));
    }
    assert!(matches!(Passphrase::new(String::new()), Err(VaultError::EmptyPassphrase)));
    assert_eq!(format!("{:?}", right()), "Passphrase(…)");
}

#[test]
fn files_that_are_links_or_that_others_may_read_are_refused() {
    let (_parent, directory) = vault();
    fs::set_permissions(directory.join(KEY), fs::Permissions::from_mode(0o640)).unwrap();
    let error = reopen(&directory, &right()).unwrap_err().to_string();
    assert!(error.contains(&format!("chmod 600 {}", directory.join(KEY).display())), "{error}");
    fs::set_permissions(directory.join(KEY), fs::Permissions::from_mode(0o600)).unwrap();
    for name in [STATE, lock::FILE] {
        let elsewhere = directory.parent().unwrap().join(name);
        fs::rename(directory.join(name), &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, directory.join(name)).unwrap();
        assert!(matches!(reopen(&directory, &right()), Err(VaultError::File(_))), "{name}");
        fs::rename(&elsewhere, directory.join(name)).unwrap();
    }
    assert_eq!(state_of(&directory, &right()), b"state");
}

#[test]
fn a_directory_that_others_may_write_or_with_other_files_is_refused() {
    let (_parent, directory) = vault();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o770)).unwrap();
    assert!(matches!(reopen(&directory, &right()), Err(VaultError::Directory(_))));
    let other = directory.parent().unwrap().join("other");
    fs::create_dir(&other).unwrap();
    fs::set_permissions(&other, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(other.join("letter.txt"), "dear").unwrap();
    assert!(matches!(Vault::create(&other, &right(), b""), Err(VaultError::Occupied(_))));
    assert_eq!(names(&other), ["letter.txt"]);
}

#[test]
fn a_backup_is_never_overwritten_and_read_back_with_its_own_passphrase_only() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("backup.age");
    backup::write(&file, &right(), b"state").unwrap();
    assert!(matches!(backup::write(&file, &right(), b"other"), Err(VaultError::Exists(_))));
    assert_eq!(*backup::read(&file, &right()).unwrap(), b"state");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(backup::read(&file, &passphrase("battery")), Err(VaultError::WrongPassphrase(_))));
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    assert!(matches!(backup::read(&file, &right()), Err(VaultError::NotABackup { .. })));
    assert_eq!(names(parent.path()), ["backup.age"]);
}
