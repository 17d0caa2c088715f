//! A commit that is interrupted at each of its steps: by the end of the process, by an error, by a
//! power failure that loses any part of what was not synced. What is found is the old state or the
//! new one, and never anything else.

use super::super::state_writer::{self, StateWriter};
use super::disk::{Disk, Fault, View};
use super::*;

const OLD: &[u8] = b"the old state";
const NEW: &[u8] = b"the new state";
/// Steps of the longest commit, at most.
const MOST_STEPS: usize = 100;

fn new_passphrase() -> Passphrase {
    passphrase("battery staple")
}

/// Makes a disk with a vault on it that holds [`OLD`].
fn with_vault() -> Disk {
    let disk = Disk::default();
    StateWriter::create(disk.clone(), &right(), OLD).unwrap();
    disk.fork()
}

/// Runs `act` on copies of a disk with a fault at each step, and hands what a process or a machine
/// that starts afterwards may find to `check`, with whether `act` succeeded. Returns how many steps
/// there are.
fn at_each_step(start: &Disk, act: impl Fn(&Disk, &dyn Fn()) -> bool, check: impl Fn(&Disk, bool, &str)) -> usize {
    let mut most = 0;
    for fault in [Fault::Kill, Fault::Error] {
        for at in 0..MOST_STEPS {
            let disk = start.fork();
            let done = act(&disk, &|| disk.fail_at(at, fault));
            let case = format!("{fault:?} at {at}");
            check(&disk.fork(), done, &case);
            for view in disk.after_power_failures() {
                check(&Disk::of(&view), done, &format!("{case}, then a power failure that leaves {:?}", view.keys()));
            }
            if disk.steps() <= at {
                assert!(done, "without a fault, it succeeds");
                break;
            }
            most = most.max(at + 1);
        }
    }
    most
}

/// Returns what opening finds. Checks that a power failure leaves it, and that it is a vault that
/// goes on.
fn found(disk: &Disk, passphrase: &Passphrase, case: &str) -> Option<Vec<u8>> {
    let (mut writer, state) = match StateWriter::open(disk.clone(), passphrase) {
        Ok(opened) => opened,
        Err(VaultError::WrongPassphrase(_) | VaultError::OtherPassphrase(_)) => return None,
        Err(error) => panic!("{case}: {error}"),
    };
    assert_eq!(disk.names(), [KEY, STATE], "{case}");
    for view in disk.after_power_failures() {
        let again =
            StateWriter::open(Disk::of(&view), passphrase).unwrap_or_else(|error| panic!("{case}, opened: {error}"));
        assert_eq!(*again.1, *state, "{case}: what was opened is older after a power failure");
    }
    writer.write(b"next").unwrap();
    assert_eq!(*StateWriter::open(disk.fork(), passphrase).unwrap().1, b"next", "{case}");
    Some(state.to_vec())
}

#[test]
fn an_interrupted_commit_leaves_the_old_state_or_the_new_one() {
    let commit = |disk: &Disk, arm: &dyn Fn()| {
        let mut writer = StateWriter::open(disk.clone(), &right()).unwrap().0;
        arm();
        let done = writer.write(NEW).is_ok();
        assert_eq!(
            matches!(writer.write(NEW), Err(VaultError::Stopped(_))),
            !done,
            "after a failure nothing is written"
        );
        done
    };
    let steps = at_each_step(&with_vault(), commit, |disk, done, case| {
        let state = found(disk, &right(), case).unwrap_or_else(|| panic!("{case}: wrong passphrase"));
        assert!(state == NEW || (state == OLD && !done), "{case}: {}", String::from_utf8_lossy(&state));
    });
    assert!(steps >= 13, "only {steps} steps: this test no longer reaches what is done");
}

#[test]
fn a_commit_over_a_stale_temporary_file_is_safe_as_well() {
    let start = with_vault();
    let mut view = start.after_power_failures().pop_first().unwrap();
    view.insert(NEW_STATE.to_owned(), vec![7; 70_000]);
    let commit = |disk: &Disk, arm: &dyn Fn()| {
        arm();
        StateWriter::open(disk.clone(), &right()).is_ok_and(|(mut writer, _)| writer.write(NEW).is_ok())
    };
    at_each_step(&Disk::of(&view), commit, |disk, done, case| {
        let state = found(disk, &right(), case).unwrap_or_else(|| panic!("{case}: wrong passphrase"));
        assert!(state == NEW || (state == OLD && !done), "{case}");
    });
}

#[test]
fn an_interrupted_change_of_the_passphrase_leaves_one_of_the_two_valid_with_its_state() {
    let change = |disk: &Disk, arm: &dyn Fn()| {
        let mut writer = StateWriter::open(disk.clone(), &right()).unwrap().0;
        arm();
        writer.change_passphrase(&new_passphrase(), NEW).is_ok()
    };
    let steps = at_each_step(&with_vault(), change, |disk, done, case| {
        let old = found(&disk.fork(), &right(), case);
        let new = found(&disk.fork(), &new_passphrase(), case);
        match (old.as_deref(), new.as_deref()) {
            (None, Some(NEW)) => {}
            (Some(OLD), None) if !done => {}
            found => panic!("{case}: {found:?}"),
        }
    });
    assert!(steps >= 20, "only {steps} steps: this test no longer reaches what is done");
}

#[test]
fn ending_an_interrupted_change_of_the_passphrase_may_be_interrupted_too() {
    // With the new state in place, and the new key not yet.
    let view = half_changed();
    let open = |disk: &Disk, arm: &dyn Fn()| {
        arm();
        StateWriter::open(disk.clone(), &new_passphrase()).is_ok()
    };
    let steps = at_each_step(&Disk::of(&view), open, |disk, _, case| {
        assert_eq!(found(&disk.fork(), &new_passphrase(), case).as_deref(), Some(NEW), "{case}");
        assert_eq!(found(&disk.fork(), &right(), case), None, "{case}");
    });
    assert!(steps >= 4, "only {steps} steps: this test no longer reaches what is done");
}

/// Returns a vault whose state is for the new key, while that key still has its temporary name.
fn half_changed() -> View {
    let old = with_vault().after_power_failures().pop_first().unwrap();
    let new = Disk::default();
    StateWriter::create(new.clone(), &new_passphrase(), NEW).unwrap();
    let new = new.after_power_failures().pop_first().unwrap();
    [(KEY, &old[KEY]), (NEW_KEY, &new[KEY]), (STATE, &new[STATE])]
        .map(|(name, file)| (name.to_owned(), file.clone()))
        .into()
}

#[test]
fn the_passphrase_that_is_not_valid_any_more_is_answered_with_a_hint_at_the_other_one() {
    let disk = Disk::of(&half_changed());
    for text in ["correct horse", "neither"] {
        let error = StateWriter::open(disk.fork(), &passphrase(text)).err().unwrap();
        assert!(matches!(error, VaultError::OtherPassphrase(_)), "{error}");
    }
    // The change has taken no effect: the state is still for the old key.
    let mut view = half_changed();
    let old = with_vault().after_power_failures().pop_first().unwrap();
    view.extend([KEY, STATE].map(|name| (name.to_owned(), old[name].clone())));
    let error = StateWriter::open(Disk::of(&view), &new_passphrase()).err().unwrap();
    assert!(matches!(error, VaultError::OtherPassphrase(_)), "{error}");
    assert_eq!(found(&Disk::of(&view), &right(), "no effect").as_deref(), Some(OLD));
}

#[test]
fn an_interrupted_creation_leaves_the_new_vault_or_none_and_then_the_next_one_succeeds() {
    let create = |disk: &Disk, arm: &dyn Fn()| {
        arm();
        StateWriter::create(disk.clone(), &right(), NEW).is_ok()
    };
    at_each_step(&Disk::default(), create, |disk, done, case| {
        if state_writer::exists(disk) {
            assert_eq!(found(disk, &right(), case).as_deref(), Some(NEW), "{case}");
        } else {
            assert!(!done, "{case}");
            StateWriter::create(disk.clone(), &new_passphrase(), OLD).unwrap();
            assert_eq!(found(disk, &new_passphrase(), case).as_deref(), Some(OLD), "{case}");
        }
    });
}

#[test]
fn what_was_replaced_is_zeros_once_the_commit_is_done() {
    let disk = with_vault();
    let mut writer = StateWriter::open(disk.clone(), &right()).unwrap().0;
    writer.write(NEW).unwrap();
    writer.change_passphrase(&new_passphrase(), NEW).unwrap();
    let nameless = disk.nameless();
    assert_eq!(nameless.len(), 3);
    assert!(nameless.iter().flatten().all(|byte| *byte == 0));
}
