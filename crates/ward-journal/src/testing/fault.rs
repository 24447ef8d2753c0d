//! A disk in memory that loses power, tears, reorders, runs full and lies about failed syncs.
//!
//! What a sync promised survives [`FaultDisk::crash`]; of the rest each 512-byte sector is as it
//! was or as some write since left it, and of the names in a directory that was not synced some
//! are gone. After a sync that failed the pages are clean and still show what is lost, as on
//! Linux. Everything follows from the seed.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex};

use crate::disk::{Disk, DiskFile, LockGuard};
use crate::limits::SECTOR_BYTES;
use crate::shared::lock;

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fail {
    /// It says no, and did it.
    Kept,
    /// It says no, and did not, or only in part.
    Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Dir,
    File(u64),
}

#[derive(Clone, Debug)]
enum NameOp {
    Set(String, Node),
    Remove(String),
    Rename(String, String),
}

#[derive(Clone, Debug, Default)]
struct Inode {
    /// What reads show.
    cache: Vec<u8>,
    durable: Vec<u8>,
    /// Not yet synced, in order.
    writes: Vec<(usize, Vec<u8>)>,
}

#[derive(Clone, Debug)]
struct State {
    random: u64,
    names: BTreeMap<String, Node>,
    durable: BTreeMap<String, Node>,
    /// Not yet synced, by directory.
    changes: BTreeMap<String, Vec<NameOp>>,
    inodes: BTreeMap<u64, Inode>,
    next_inode: u64,
    capacity: u64,
    locks: BTreeSet<String>,
    calls: u64,
    syncs: u64,
    fail_at: Option<(u64, Fail)>,
    /// Chances out of 65,536 per call.
    fail_chance: u32,
    short_chance: u32,
    power_until: u64,
}

/// The disk. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct FaultDisk {
    state: Arc<Mutex<State>>,
}

struct FaultFile {
    state: Arc<Mutex<State>>,
    inode: u64,
}

struct Lock {
    state: Arc<Mutex<State>>,
    path: String,
}

impl Drop for Lock {
    fn drop(&mut self) {
        lock(&self.state).locks.remove(&self.path);
    }
}

fn parent(path: &str) -> String {
    path.rsplit_once('/').map_or_else(String::new, |(dir, _)| dir.to_owned())
}

fn eio() -> io::Error {
    io::Error::other("injected failure")
}

impl State {
    /// The next number of the seed's sequence (splitmix64).
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..=max`.
    fn up_to(&mut self, max: usize) -> usize {
        let draw = self.draw() % (max as u64 + 1);
        usize::try_from(draw).unwrap_or(0)
    }

    fn chance(&mut self, of_65536: u32) -> bool {
        of_65536 > 0 && self.draw() % 65_536 < u64::from(of_65536)
    }

    /// Counts a call; says how it fails. An error when there is no power.
    fn call(&mut self, may_fail: bool) -> io::Result<Option<Fail>> {
        self.calls += 1;
        if self.calls > self.power_until {
            return Err(io::Error::other("no power"));
        }
        if let Some((at, how)) = self.fail_at
            && at == self.calls
        {
            return Ok(Some(how));
        }
        let chance = self.fail_chance;
        let fails = may_fail && self.chance(chance);
        Ok(fails.then(|| if self.draw().is_multiple_of(2) { Fail::Kept } else { Fail::Lost }))
    }

    fn used(&self) -> u64 {
        let live = |id: &&u64| self.names.values().any(|node| *node == Node::File(**id));
        let sizes = self.inodes.iter().filter(|(id, _)| live(id)).map(|(_, it)| it.cache.len());
        sizes.sum::<usize>() as u64
    }

    fn rename_now(names: &mut BTreeMap<String, Node>, op: &NameOp) {
        match op {
            NameOp::Set(path, node) => drop(names.insert(path.clone(), *node)),
            NameOp::Remove(path) => drop(names.remove(path)),
            NameOp::Rename(from, to) => {
                if let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
        }
    }

    fn change(&mut self, dir: String, op: NameOp) {
        Self::rename_now(&mut self.names, &op);
        self.changes.entry(dir).or_default().push(op);
    }

    /// Does `change` as the drawn failure says.
    fn change_or_fail(&mut self, dir: String, op: NameOp, fail: Option<Fail>) -> io::Result<()> {
        if fail != Some(Fail::Lost) {
            self.change(dir, op);
        }
        if fail.is_some() { Err(eio()) } else { Ok(()) }
    }

    fn file(&self, path: &str) -> io::Result<u64> {
        match self.names.get(path) {
            Some(Node::File(inode)) => Ok(*inode),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl Inode {
    /// The durable bytes, with a random part of what was written since.
    fn after_crash(&self, draw: &mut impl FnMut(usize) -> usize) -> Vec<u8> {
        let mut length = self.durable.len();
        let reach = draw(self.writes.len());
        for (offset, bytes) in self.writes.iter().take(reach) {
            length = length.max(offset + bytes.len());
        }
        let mut found = self.durable.clone();
        found.resize(length, 0);
        for (sector, slot) in found.chunks_mut(SECTOR_BYTES).enumerate() {
            let start = sector * SECTOR_BYTES;
            let touches = |(offset, bytes): &&(usize, Vec<u8>)| {
                *offset < start + slot.len() && offset + bytes.len() > start
            };
            let writes: Vec<_> = self.writes.iter().filter(touches).collect();
            for (offset, bytes) in writes.iter().take(draw(writes.len())) {
                let from = (*offset).max(start);
                let to = (offset + bytes.len()).min(start + slot.len());
                let source = bytes.get(from - offset..to - offset);
                let target = slot.get_mut(from - start..to - start);
                if let (Some(target), Some(source)) = (target, source) {
                    target.copy_from_slice(source);
                }
            }
        }
        found
    }
}

impl FaultDisk {
    /// An empty disk without faults.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let names = BTreeMap::from([(String::new(), Node::Dir)]);
        let state = State {
            random: seed,
            durable: names.clone(),
            names,
            changes: BTreeMap::new(),
            inodes: BTreeMap::new(),
            next_inode: 1,
            capacity: u64::MAX,
            locks: BTreeSet::new(),
            calls: 0,
            syncs: 0,
            fail_at: None,
            fail_chance: 0,
            short_chance: 0,
            power_until: u64::MAX,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// The disk as it is found after the power went now. This one stays as it is.
    #[must_use]
    pub fn crash(&self) -> Self {
        let mut state = lock(&self.state).clone();
        for (_, changes) in core::mem::take(&mut state.changes) {
            let kept = state.up_to(changes.len());
            for change in changes.iter().take(kept) {
                State::rename_now(&mut state.durable, change);
            }
        }
        let durable = state.durable.clone();
        state.durable.retain(|path, _| {
            let mut above = path.as_str();
            while let Some((dir, _)) = above.rsplit_once('/') {
                if durable.get(dir) != Some(&Node::Dir) {
                    return false;
                }
                above = dir;
            }
            true
        });
        state.names = state.durable.clone();
        let inodes = core::mem::take(&mut state.inodes);
        for (id, inode) in inodes {
            let found = inode.after_crash(&mut |max| state.up_to(max));
            let inode = Inode { cache: found.clone(), durable: found, writes: Vec::new() };
            state.inodes.insert(id, inode);
        }
        Self { state: Arc::new(Mutex::new(state)) }.restarted()
    }

    /// The same disk for another process: what is not synced still shows; faults are off.
    #[must_use]
    pub fn restarted(&self) -> Self {
        let mut state = lock(&self.state).clone();
        state.locks.clear();
        (state.calls, state.syncs, state.fail_at) = (0, 0, None);
        (state.fail_chance, state.short_chance) = (0, 0);
        state.power_until = u64::MAX;
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Bytes that fit; writing over what is there already always works.
    pub fn set_capacity(&self, bytes: u64) {
        lock(&self.state).capacity = bytes;
    }

    /// Bytes in use.
    #[must_use]
    pub fn used(&self) -> u64 {
        lock(&self.state).used()
    }

    /// Fails call number `at`, counted from 1 since the start.
    pub fn fail_at(&self, at: u64, how: Fail) {
        lock(&self.state).fail_at = Some((at, how));
    }

    /// Chances out of 65,536 that a changing call fails, and that a write is short.
    pub fn set_chances(&self, fail: u32, short: u32) {
        let mut state = lock(&self.state);
        (state.fail_chance, state.short_chance) = (fail, short);
    }

    /// Cuts the power after `calls` more calls: from then on every call fails.
    pub fn power_for(&self, calls: u64) {
        let mut state = lock(&self.state);
        state.power_until = state.calls.saturating_add(calls);
    }

    /// Calls so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        lock(&self.state).calls
    }

    /// Successful syncs of files so far.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        lock(&self.state).syncs
    }

    /// Paths of all files.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        let state = lock(&self.state);
        let files = state.names.iter().filter(|(_, node)| matches!(node, Node::File(_)));
        files.map(|(path, _)| path.clone()).collect()
    }

    /// Flips one bit of what is durable, as a bad sector does.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`]: no such file or bit.
    pub fn flip(&self, path: &str, bit: usize) -> io::Result<()> {
        let mut state = lock(&self.state);
        let inode = state.file(path)?;
        let inode = state.inodes.get_mut(&inode).ok_or(io::ErrorKind::NotFound)?;
        for bytes in [&mut inode.cache, &mut inode.durable] {
            *bytes.get_mut(bit / 8).ok_or(io::ErrorKind::NotFound)? ^= 1 << (bit % 8);
        }
        Ok(())
    }

    /// A copy of the disk as it shows now: what a backup would take.
    #[must_use]
    pub fn copy(&self) -> Self {
        let copy = self.restarted();
        {
            let mut state = lock(&copy.state);
            state.durable = state.names.clone();
            state.changes.clear();
            for inode in state.inodes.values_mut() {
                inode.durable = inode.cache.clone();
                inode.writes.clear();
            }
        }
        copy
    }
}

impl Disk for FaultDisk {
    fn make_dir(&self, path: &str) -> io::Result<()> {
        let mut state = lock(&self.state);
        let fail = state.call(true)?;
        if state.names.contains_key(path) {
            return Ok(());
        }
        if !state.names.contains_key(&parent(path)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.change_or_fail(parent(path), NameOp::Set(path.to_owned(), Node::Dir), fail)
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = lock(&self.state);
        let fail = state.call(true)?;
        if !state.names.contains_key(&parent(path)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        // WHY: emptying a file and making one are the same here: the old bytes may come back only
        // with the old name, as on a file system that orders its own metadata.
        let inode = state.next_inode;
        state.next_inode += 1;
        state.inodes.insert(inode, Inode::default());
        let op = NameOp::Set(path.to_owned(), Node::File(inode));
        state.change_or_fail(parent(path), op, fail)?;
        Ok(Arc::new(FaultFile { state: Arc::clone(&self.state), inode }))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = lock(&self.state);
        if state.call(false)?.is_some() {
            return Err(eio());
        }
        let inode = state.file(path)?;
        Ok(Arc::new(FaultFile { state: Arc::clone(&self.state), inode }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = lock(&self.state);
        let fail = state.call(true)?;
        state.file(from)?;
        let op = NameOp::Rename(from.to_owned(), to.to_owned());
        state.change_or_fail(parent(to), op, fail)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut state = lock(&self.state);
        let fail = state.call(true)?;
        state.file(path)?;
        state.change_or_fail(parent(path), NameOp::Remove(path.to_owned()), fail)
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let mut state = lock(&self.state);
        if state.call(false)?.is_some() {
            return Err(eio());
        }
        if !state.names.contains_key(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = state.names.keys().filter(|path| !path.is_empty() && parent(path) == dir);
        Ok(inside.filter_map(|path| path.rsplit('/').next().map(str::to_owned)).collect())
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        let mut state = lock(&self.state);
        let fail = state.call(true)?;
        if fail != Some(Fail::Lost) {
            for change in state.changes.remove(dir).unwrap_or_default() {
                State::rename_now(&mut state.durable, &change);
            }
        }
        if fail.is_some() { Err(eio()) } else { Ok(()) }
    }

    fn lock(&self, path: &str) -> io::Result<LockGuard> {
        let mut state = lock(&self.state);
        if state.call(false)?.is_some() {
            return Err(eio());
        }
        state.file(path)?;
        if !state.locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(Lock { state: Arc::clone(&self.state), path: path.to_owned() }))
    }
}

impl FaultFile {
    fn write_some(&self, state: &mut State, bytes: &[u8], at: usize) -> io::Result<usize> {
        let capacity = state.capacity;
        let used = if capacity == u64::MAX { 0 } else { state.used() };
        let inode = state.inodes.get_mut(&self.inode).ok_or(io::ErrorKind::NotFound)?;
        let grown = (at + bytes.len()).saturating_sub(inode.cache.len());
        let free = usize::try_from(capacity.saturating_sub(used)).unwrap_or(usize::MAX);
        let fits = bytes.len() - grown.saturating_sub(free);
        let Some(bytes) = bytes.get(..fits).filter(|bytes| !bytes.is_empty()) else {
            return Err(io::ErrorKind::StorageFull.into());
        };
        let end = at + bytes.len();
        if inode.cache.len() < end {
            inode.cache.resize(end, 0);
        }
        if let Some(target) = inode.cache.get_mut(at..end) {
            target.copy_from_slice(bytes);
        }
        inode.writes.push((at, bytes.to_vec()));
        Ok(bytes.len())
    }
}

impl DiskFile for FaultFile {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = lock(&self.state);
        if state.call(false)?.is_some() {
            return Err(eio());
        }
        let inode = state.inodes.get(&self.inode).ok_or(io::ErrorKind::NotFound)?;
        let at = usize::try_from(offset).map_err(io::Error::other)?;
        let rest = inode.cache.get(at..).unwrap_or_default();
        let count = rest.len().min(into.len());
        if let (Some(into), Some(from)) = (into.get_mut(..count), rest.get(..count)) {
            into.copy_from_slice(from);
        }
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = lock(&self.state);
        let fail = state.call(true)?;
        let at = usize::try_from(offset).map_err(io::Error::other)?;
        let chance = state.short_chance;
        let short = state.chance(chance) || fail == Some(Fail::Lost);
        let mut bytes = bytes;
        if short {
            // The kernel stops at a page, never inside a sector.
            let sectors = (at + bytes.len()) / SECTOR_BYTES - at / SECTOR_BYTES;
            let keep = state.up_to(sectors);
            let end = (at / SECTOR_BYTES + keep) * SECTOR_BYTES;
            let end = end.clamp(at, at + bytes.len());
            if end > at || fail.is_some() {
                bytes = bytes.get(..end - at).unwrap_or(bytes);
            }
        }
        let written = if bytes.is_empty() { Ok(0) } else { self.write_some(&mut state, bytes, at) };
        if fail.is_some() { Err(eio()) } else { written }
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        let fail = state.call(true)?;
        let Some(mut inode) = state.inodes.remove(&self.inode) else { return Ok(()) };
        if fail == Some(Fail::Lost) {
            // Some of it made it; the pages are clean now and still show all of it.
            inode.durable = inode.after_crash(&mut |max| state.up_to(max));
        } else {
            inode.durable.clone_from(&inode.cache);
        }
        inode.writes.clear();
        state.inodes.insert(self.inode, inode);
        if fail.is_some() {
            return Err(eio());
        }
        state.syncs += 1;
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        let mut state = lock(&self.state);
        if state.call(false)?.is_some() {
            return Err(eio());
        }
        let inode = state.inodes.get(&self.inode).ok_or(io::ErrorKind::NotFound)?;
        Ok(inode.cache.len() as u64)
    }
}
