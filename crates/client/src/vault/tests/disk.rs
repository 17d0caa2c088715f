//! A disk in memory that can lose what was not synced: any subset of the blocks and of the changes
//! of names. It fails or stops at a step, of which every operation has one or more.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::rc::Rc;

use super::super::files::StateFiles;
use super::*;

/// Bytes of a block, which is on the disk as a whole or not at all.
const BLOCK: usize = 32 << 10;
/// Pending blocks and names, at most: each subset of them is a disk that is looked at.
const MOST_PENDING: usize = 14;

/// What happens at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The process ends: nothing is done from there on.
    Kill,
    /// The operation fails, and later ones do not.
    Error,
}

#[derive(Clone)]
enum Change {
    Name(String, usize),
    Rename(String, String, usize),
    Remove(String),
}

#[derive(Clone, Default)]
struct Inode {
    /// What a process reads.
    live: Vec<u8>,
    durable: Vec<u8>,
    /// Blocks that are not on the disk: where, and what.
    pending: Vec<(usize, Vec<u8>)>,
}

#[derive(Clone, Default)]
struct Machine {
    inodes: Vec<Inode>,
    live: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
    pending: Vec<Change>,
    steps: usize,
    fault: Option<(usize, Fault)>,
}

/// What a process sees of a disk: names and contents.
pub(super) type View = BTreeMap<String, Vec<u8>>;

#[derive(Clone, Default)]
pub(super) struct Disk(Rc<RefCell<Machine>>);

fn put(bytes: &mut Vec<u8>, at: usize, block: &[u8]) {
    if bytes.len() < at + block.len() {
        bytes.resize(at + block.len(), 0);
    }
    bytes[at..at + block.len()].copy_from_slice(block);
}

fn apply(names: &mut BTreeMap<String, usize>, change: &Change) {
    match change {
        Change::Name(name, inode) => {
            names.insert(name.clone(), *inode);
        }
        Change::Rename(from, to, inode) => {
            names.insert(to.clone(), *inode);
            if names.get(from) == Some(inode) {
                names.remove(from);
            }
        }
        Change::Remove(name) => {
            names.remove(name);
        }
    }
}

impl Disk {
    /// Makes a disk on which all of this is safe.
    pub(super) fn of(view: &View) -> Self {
        let disk = Self::default();
        {
            let mut machine = disk.0.borrow_mut();
            for (name, bytes) in view {
                let inode = machine.inodes.len();
                machine.inodes.push(Inode { live: bytes.clone(), durable: bytes.clone(), pending: Vec::new() });
                machine.live.insert(name.clone(), inode);
            }
            machine.durable = machine.live.clone();
        }
        disk
    }

    /// Makes another disk with the same on it, and the same pending, and no fault.
    pub(super) fn fork(&self) -> Self {
        let mut machine = self.0.borrow().clone();
        machine.fault = None;
        machine.steps = 0;
        Self(Rc::new(RefCell::new(machine)))
    }

    /// Makes step `at`, counted from here, a fault.
    pub(super) fn fail_at(&self, at: usize, fault: Fault) {
        let mut machine = self.0.borrow_mut();
        machine.fault = Some((at, fault));
        machine.steps = 0;
    }

    pub(super) fn steps(&self) -> usize {
        self.0.borrow().steps
    }

    /// Returns every disk that a power failure may leave.
    pub(super) fn after_power_failures(&self) -> BTreeSet<View> {
        let machine = self.0.borrow();
        let blocks =
            machine.inodes.iter().enumerate().flat_map(|(inode, file)| file.pending.iter().map(move |p| (inode, p)));
        let blocks: Vec<_> = blocks.collect();
        let count = machine.pending.len() + blocks.len();
        assert!(count <= MOST_PENDING, "{count} are pending: too many to try every subset");
        (0..1_usize << count)
            .map(|subset| {
                let mut names = machine.durable.clone();
                let mut contents: Vec<_> = machine.inodes.iter().map(|inode| inode.durable.clone()).collect();
                let kept = |bit: usize| subset >> bit & 1 == 1;
                machine
                    .pending
                    .iter()
                    .enumerate()
                    .filter(|(bit, _)| kept(*bit))
                    .for_each(|(_, change)| apply(&mut names, change));
                for (bit, (inode, (at, block))) in blocks.iter().enumerate() {
                    if kept(machine.pending.len() + bit) {
                        put(&mut contents[*inode], *at, block);
                    }
                }
                names.into_iter().map(|(name, inode)| (name, contents[inode].clone())).collect()
            })
            .collect()
    }

    /// Returns the contents that no name leads to, as a process that had them open would read them.
    pub(super) fn nameless(&self) -> Vec<Vec<u8>> {
        let machine = self.0.borrow();
        let inodes = machine.inodes.iter().enumerate();
        inodes
            .filter(|(at, _)| !machine.live.values().any(|inode| inode == at))
            .map(|(_, file)| file.live.clone())
            .collect()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.0.borrow().live.keys().cloned().collect()
    }

    fn step(&self, name: &str) -> Result<std::cell::RefMut<'_, Machine>, FileError> {
        let mut machine = self.0.borrow_mut();
        machine.steps += 1;
        let step = machine.steps - 1;
        let fails = match machine.fault {
            Some((at, Fault::Kill)) => step >= at,
            Some((at, Fault::Error)) => step == at,
            None => false,
        };
        if fails { Err(FileError::of("write", Path::new(name))(io::Error::other("a fault"))) } else { Ok(machine) }
    }

    fn write_at(&self, inode: usize, at: usize, bytes: &[u8]) -> Result<(), FileError> {
        for (index, block) in bytes.chunks(BLOCK).enumerate() {
            let mut machine = self.step("block")?;
            let at = at + index * BLOCK;
            let file = &mut machine.inodes[inode];
            put(&mut file.live, at, block);
            file.pending.push((at, block.to_vec()));
        }
        Ok(())
    }
}

impl StateFiles for Disk {
    type Handle = usize;

    fn path(&self, name: &str) -> PathBuf {
        Path::new("/disk").join(name)
    }

    fn has(&self, name: &str) -> bool {
        self.0.borrow().live.contains_key(name)
    }

    fn read(&self, name: &str, _: usize) -> Result<Option<Zeroizing<Vec<u8>>>, FileError> {
        let machine = self.0.borrow();
        Ok(machine.live.get(name).map(|inode| Zeroizing::new(machine.inodes[*inode].live.clone())))
    }

    fn create(&mut self, name: &str) -> Result<usize, FileError> {
        let mut machine = self.step(name)?;
        assert!(!machine.live.contains_key(name), "{name} is there, and O_EXCL");
        let inode = machine.inodes.len();
        machine.inodes.push(Inode::default());
        machine.live.insert(name.to_owned(), inode);
        machine.pending.push(Change::Name(name.to_owned(), inode));
        Ok(inode)
    }

    fn write(&mut self, file: &mut usize, bytes: &[u8]) -> Result<(), FileError> {
        let end = self.0.borrow().inodes[*file].live.len();
        self.write_at(*file, end, bytes)
    }

    fn sync(&mut self, file: &mut usize) -> Result<(), FileError> {
        let mut machine = self.step("sync")?;
        let file = &mut machine.inodes[*file];
        file.durable = file.live.clone();
        file.pending.clear();
        Ok(())
    }

    fn open(&mut self, name: &str) -> Result<Option<usize>, FileError> {
        Ok(self.step(name)?.live.get(name).copied())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), FileError> {
        let mut machine = self.step(from)?;
        let change = Change::Rename(from.to_owned(), to.to_owned(), machine.live[from]);
        apply(&mut machine.live, &change);
        machine.pending.push(change);
        Ok(())
    }

    fn sync_directory(&mut self) -> Result<(), FileError> {
        let mut machine = self.step("directory")?;
        machine.durable = machine.live.clone();
        machine.pending.clear();
        Ok(())
    }

    fn overwrite(&mut self, mut file: usize) -> Result<(), FileError> {
        let length = self.0.borrow().inodes[file].live.len();
        self.write_at(file, 0, &vec![0; length])?;
        self.sync(&mut file)
    }

    fn discard(&mut self, name: &str) -> Result<(), FileError> {
        let Some(inode) = self.0.borrow().live.get(name).copied() else { return Ok(()) };
        let overwritten = self.overwrite(inode);
        {
            let mut machine = self.step(name)?;
            let change = Change::Remove(name.to_owned());
            apply(&mut machine.live, &change);
            machine.pending.push(change);
        }
        self.sync_directory()?;
        overwritten
    }

    fn abandon(&mut self, _: usize, name: &str) {
        let _ = self.discard(name);
    }
}
