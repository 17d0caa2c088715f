//! Panic: what is on the disk afterwards, and what another process can still do.

use super::*;

/// What must not be found. It is encrypted on the disk, so that the sealed bytes are looked for as
/// well.
const CANARY: &[u8] = b"Alice's secret state";

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[test]
fn nothing_is_left_of_a_vault_and_where_its_files_were_are_zeros() {
    let (parent, directory) = place();
    let mut vault = Vault::create(&directory, &right(), CANARY).unwrap();
    vault.write(CANARY).unwrap();
    fs::write(directory.join(NEW_STATE), CANARY).unwrap();
    fs::create_dir_all(directory.join("tor/state")).unwrap();
    fs::write(directory.join("tor/state/guards"), CANARY).unwrap();
    let files = files_below(&directory);
    assert_eq!(files.len(), 5);
    let opened: Vec<_> = files.iter().map(|path| File::open(path).unwrap()).collect();
    let before: usize = files.iter().map(|path| fs::read(path).unwrap().len()).sum();
    drop(vault);

    let erased = Vault::erase(&directory).unwrap();
    assert!(erased.is_complete(), "{erased:?}");
    assert!(files.iter().all(|file| erased.removed.contains(file)), "{erased:?}");
    assert!(!directory.exists() && !Vault::exists(&directory));
    assert_eq!(files_below(parent.path()), Vec::<PathBuf>::new());
    let contents: Vec<_> = opened.iter().map(content).collect();
    assert!(contents.iter().flatten().all(|byte| *byte == 0));
    // The lock is empty when nobody has it, and its process's id is no secret.
    assert!(before - contents.iter().map(Vec::len).sum::<usize>() <= 10);
    assert!(matches!(Vault::erase(&directory), Err(VaultError::Missing(_))));
}

#[test]
fn a_process_that_has_the_vault_open_cannot_write_any_more_also_when_there_is_a_new_one() {
    let (_parent, directory) = place();
    let mut vault = Vault::create(&directory, &right(), b"one").unwrap();
    assert!(Vault::erase(&directory).unwrap().is_complete());
    assert!(matches!(vault.write(b"two"), Err(VaultError::Erased(_))));
    assert!(!directory.exists(), "nothing comes back");
    drop(Vault::create(&directory, &passphrase("battery"), b"new").unwrap());
    assert!(matches!(vault.write(b"three"), Err(VaultError::Erased(_))));
    assert!(matches!(vault.change_passphrase(&right(), b"four"), Err(VaultError::Erased(_))));
    drop(vault);
    assert_eq!(state_of(&directory, &passphrase("battery")), b"new");
    assert_eq!(names(&directory), [KEY, lock::FILE, STATE]);
}

#[test]
fn a_directory_without_a_vault_is_not_touched_and_links_are_not_followed() {
    let (parent, directory) = place();
    let letter = parent.path().join("letter.txt");
    fs::write(&letter, "dear").unwrap();
    assert!(matches!(Vault::erase(parent.path()), Err(VaultError::Missing(_))));
    drop(Vault::create(&directory, &right(), b"one").unwrap());
    std::os::unix::fs::symlink(&letter, directory.join("link")).unwrap();
    std::os::unix::fs::symlink(parent.path(), directory.join("up")).unwrap();
    assert!(Vault::erase(&directory).unwrap().is_complete());
    assert!(!directory.exists());
    assert_eq!(fs::read(&letter).unwrap(), b"dear");
}
