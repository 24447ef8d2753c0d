//! What Ward has issued: an array of fingerprints by origin and sequence.
//!
//! A slot is one word, 0 when empty; a bit beside it says whether its token was revoked, so that
//! `revoked` and `never_issued` are never confused. Slots come in segments that are dropped whole
//! after their longest life. Readers use atomics under a swapped snapshot and never wait.
//! Cost: 8 1/8 bytes a slot. Best test: `tests/life.rs` (against a map), `tests/threads.rs`.

use core::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ward_model::{KeyNumber, Origin, UnixMillis};

use crate::limits::DROP_GRACE_MS;

/// No fence yet.
const OPEN: u64 = u64::MAX;

/// A run of slots that lives and is dropped as one.
pub(crate) struct Segment {
    slots: Box<[AtomicU64]>,
    revoked: Box<[AtomicU64]>,
    revoked_count: AtomicUsize,
    longest_ms: AtomicI64,
    by_key: Mutex<Vec<(KeyNumber, u64)>>,
}

/// What stands in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) fingerprint: u64,
    pub(crate) revoked: bool,
}

impl Segment {
    pub(crate) fn new(slots: usize) -> Self {
        Self {
            slots: (0..slots).map(|_| AtomicU64::new(0)).collect(),
            revoked: (0..slots.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
            revoked_count: AtomicUsize::new(0),
            longest_ms: AtomicI64::new(i64::MIN),
            by_key: Mutex::new(Vec::new()),
        }
    }

    /// Enters a fingerprint; `false` if another one stands there.
    pub(crate) fn enter(&self, at: usize, fingerprint: u64, key: KeyNumber, exp_ms: i64) -> bool {
        let Some(slot) = self.slots.get(at) else { return false };
        let before = slot.load(Ordering::Relaxed);
        if before != 0 {
            return before == fingerprint;
        }
        self.longest_ms.fetch_max(exp_ms, Ordering::Relaxed);
        let mut by_key = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        match by_key.iter_mut().find(|(known, _)| *known == key) {
            Some((_, count)) => *count += 1,
            None => by_key.push((key, 1)),
        }
        slot.store(fingerprint, Ordering::Release);
        true
    }

    pub(crate) fn revoke(&self, at: usize) {
        let Some(word) = self.revoked.get(at / 64) else { return };
        let bit = 1u64 << (at % 64);
        if word.fetch_or(bit, Ordering::AcqRel) & bit == 0 {
            self.revoked_count.fetch_add(1, Ordering::Release);
        }
    }

    fn read(&self, at: usize) -> Slot {
        let fingerprint = self.slots.get(at).map_or(0, |slot| slot.load(Ordering::Acquire));
        // WHY the count first: most segments have no revoked token, and the bit is another miss.
        let revoked = self.revoked_count.load(Ordering::Acquire) != 0
            && self
                .revoked
                .get(at / 64)
                .is_some_and(|word| word.load(Ordering::Acquire) & (1u64 << (at % 64)) != 0);
        Slot { fingerprint, revoked }
    }

    fn longest_ms(&self) -> i64 {
        self.longest_ms.load(Ordering::Relaxed)
    }

    fn count(&self, key: KeyNumber) -> u64 {
        let by_key = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        by_key.iter().filter(|(known, _)| *known == key).map(|(_, count)| count).sum()
    }
}

/// Where a segment is.
#[derive(Clone)]
enum Place {
    Live(Arc<Segment>),
    /// Nothing was entered there.
    Void,
    /// Dropped; its longest life ended then, milliseconds.
    Dropped(i64),
}

/// The cut-off of one revocation in one origin: tokens below `below` were issued before it.
#[derive(Clone, Copy)]
struct Mark {
    revocation: u64,
    below: u64,
}

/// How far this view has come in an origin. Shared by every snapshot.
pub(crate) struct Progress {
    /// Everything below is recorded or abandoned, and applied.
    applied_to: AtomicU64,
    /// One past the highest recorded sequence.
    high: AtomicU64,
    /// First sequence never used, or [`OPEN`].
    end: AtomicU64,
    /// Revocations applied when the fence was.
    fenced_at: AtomicU64,
    /// The tail was lost: until then a token of it may be live, ms; [`i64::MIN`]: not lost.
    lost_until: AtomicI64,
    marks: RwLock<Vec<Mark>>,
}

/// The slots of one origin, as one snapshot sees them.
#[derive(Clone)]
pub(crate) struct OriginSlots {
    pub(crate) origin: Origin,
    bits: u32,
    progress: Arc<Progress>,
    /// Number of the first segment still listed; those before were dropped.
    base: u64,
    base_longest_ms: i64,
    segments: Vec<Place>,
}

/// What the ledger knows of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A token stands there.
    Slot(Slot),
    /// Nobody was or will be issued this place.
    Never,
    /// This view has not come that far.
    Behind,
    /// Its segment was dropped; nothing in it lived past this moment, milliseconds.
    Dropped(i64),
}

impl OriginSlots {
    pub(crate) fn new(origin: Origin, bits: u32) -> Self {
        let progress = Progress {
            applied_to: AtomicU64::new(0),
            high: AtomicU64::new(0),
            end: AtomicU64::new(OPEN),
            fenced_at: AtomicU64::new(0),
            lost_until: AtomicI64::new(i64::MIN),
            marks: RwLock::new(Vec::new()),
        };
        let progress = Arc::new(progress);
        Self { origin, bits, progress, base: 0, base_longest_ms: i64::MIN, segments: Vec::new() }
    }

    /// How far the view had come; to be read before the snapshot that [`Self::find`] runs on.
    pub(crate) fn settled(&self, sequence: u64) -> bool {
        sequence < self.progress.applied_to.load(Ordering::Acquire)
            || self.progress.end.load(Ordering::Acquire) != OPEN
    }

    /// Looks a place up. `settled` MUST have been read before this snapshot was taken if `Never` is
    /// to be believed: INVARIANT: an entry is stored before the progress that passes it.
    pub(crate) fn find(&self, sequence: u64, settled: bool) -> Found {
        let (number, at) = self.split(sequence);
        let unknown = if settled { Found::Never } else { Found::Behind };
        let Some(index) = number.checked_sub(self.base) else {
            return Found::Dropped(self.base_longest_ms);
        };
        let place = usize::try_from(index).ok().and_then(|index| self.segments.get(index));
        match place {
            Some(Place::Live(segment)) => match segment.read(at) {
                Slot { fingerprint: 0, .. } => unknown,
                slot => Found::Slot(slot),
            },
            Some(Place::Dropped(longest)) => Found::Dropped(*longest),
            Some(Place::Void) | None => unknown,
        }
    }

    /// The segment of a place and the place in it, if it is live.
    pub(crate) fn segment(&self, sequence: u64) -> Option<(&Segment, usize)> {
        let (number, at) = self.split(sequence);
        let index = usize::try_from(number.checked_sub(self.base)?).ok()?;
        match self.segments.get(index)? {
            Place::Live(segment) => Some((segment, at)),
            Place::Void | Place::Dropped(_) => None,
        }
    }

    /// These slots with a live segment for a place; `None` where that segment was dropped.
    pub(crate) fn with_segment(&self, sequence: u64) -> Option<Self> {
        let (number, _) = self.split(sequence);
        let index = usize::try_from(number.checked_sub(self.base)?).ok()?;
        let mut next = self.clone();
        if next.segments.len() <= index {
            next.segments.resize(index + 1, Place::Void);
        }
        match next.segments.get_mut(index)? {
            place @ Place::Void => *place = Place::Live(Arc::new(Segment::new(1 << self.bits))),
            Place::Live(_) => {}
            Place::Dropped(_) => return None,
        }
        Some(next)
    }

    /// These slots without the segments whose longest life ended before `now`; `None` if none did.
    pub(crate) fn without_ended(&self, now: UnixMillis) -> Option<Self> {
        let ends = |(number, place): (u64, &Place)| match place {
            Place::Live(segment) => {
                let last = ((number + 1) << self.bits) - 1;
                let longest = segment.longest_ms();
                self.settled(last) && longest.saturating_add(DROP_GRACE_MS) < now.ms()
            }
            Place::Void | Place::Dropped(_) => false,
        };
        if !(self.base..).zip(&self.segments).any(ends) {
            return None;
        }
        let mut next = self.clone();
        for (number, place) in (self.base..).zip(&mut next.segments) {
            if ends((number, place))
                && let Place::Live(segment) = place
            {
                *place = match segment.longest_ms() {
                    i64::MIN => Place::Void,
                    longest => Place::Dropped(longest),
                };
            }
        }
        let gone = next.segments.iter().map_while(|place| match place {
            Place::Dropped(longest) => Some(*longest),
            Place::Live(_) | Place::Void => None,
        });
        let gone: Vec<i64> = gone.collect();
        next.segments.drain(..gone.len());
        next.base += u64::try_from(gone.len()).unwrap_or(0);
        next.base_longest_ms = gone.into_iter().fold(next.base_longest_ms, i64::max);
        Some(next)
    }

    /// One past the highest recorded sequence.
    pub(crate) fn high(&self) -> u64 {
        self.progress.high.load(Ordering::Acquire)
    }

    pub(crate) fn is_fenced(&self) -> bool {
        self.progress.end.load(Ordering::Acquire) != OPEN
    }

    /// Everything below is recorded or abandoned, and applied.
    pub(crate) fn applied_to(&self) -> u64 {
        self.progress.applied_to.load(Ordering::Acquire)
    }

    /// The tail was lost with the machine: past [`Self::applied_to`] an empty slot says nothing, and
    /// no fence may ever say otherwise. Tokens of it may be live until `until_ms`.
    pub(crate) fn lose(&self, until_ms: i64) {
        self.progress.lost_until.fetch_max(until_ms, Ordering::AcqRel);
    }

    /// Until when a token of the lost tail may be live, ms; `None` if nothing was lost here.
    pub(crate) fn lost_until(&self) -> Option<i64> {
        let until = self.progress.lost_until.load(Ordering::Acquire);
        (until != i64::MIN).then_some(until)
    }

    /// Moves progress after an entry is stored.
    pub(crate) fn advance(&self, sequence: u64, low_water: u64) {
        self.progress.high.fetch_max(sequence.saturating_add(1), Ordering::AcqRel);
        self.progress.applied_to.fetch_max(low_water, Ordering::AcqRel);
    }

    pub(crate) fn fence(&self, end: u64, revocations: u64) {
        if !self.is_fenced() && self.lost_until().is_none() {
            self.progress.fenced_at.store(revocations, Ordering::Release);
            self.progress.end.store(end, Ordering::Release);
        }
    }

    /// Notes how far this origin had come at a revocation. INVARIANT: marks ascend; equal
    /// positions share one mark, so that a million revocations at rest cost one.
    pub(crate) fn mark(&self, revocation: u64) {
        if self.is_fenced() {
            return;
        }
        let below = self.high();
        let mut marks = self.progress.marks.write().unwrap_or_else(PoisonError::into_inner);
        if marks.last().map_or(0, |last| last.below) != below {
            marks.push(Mark { revocation, below });
        }
    }

    /// Whether a token of this origin was issued before a revocation. 0: no revocation.
    pub(crate) fn is_before(&self, sequence: u64, revocation: u64) -> bool {
        if revocation == 0 {
            return false;
        }
        if self.is_fenced() && self.progress.fenced_at.load(Ordering::Acquire) < revocation {
            return true;
        }
        let marks = self.progress.marks.read().unwrap_or_else(PoisonError::into_inner);
        let upto = marks.partition_point(|mark| mark.revocation <= revocation);
        let last = upto.checked_sub(1).and_then(|last| marks.get(last));
        last.is_some_and(|mark| sequence < mark.below)
    }

    /// Tokens entered under a key in segments not dropped.
    pub(crate) fn count(&self, key: KeyNumber) -> u64 {
        self.live().map(|segment| segment.count(key)).sum()
    }

    /// Live segments.
    pub(crate) fn live(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().filter_map(|place| match place {
            Place::Live(segment) => Some(&**segment),
            Place::Void | Place::Dropped(_) => None,
        })
    }

    fn split(&self, sequence: u64) -> (u64, usize) {
        let at = sequence & ((1 << self.bits) - 1);
        (sequence >> self.bits, usize::try_from(at).unwrap_or(usize::MAX))
    }
}
