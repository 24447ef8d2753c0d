//! What Ward has issued: an array of fingerprints by origin and sequence.
//!
//! A slot is one word, 0 when empty; a bit beside it says whether its token was revoked, so that
//! `revoked` and `never_issued` are never confused. Slots come in segments that are dropped whole
//! after their longest life. Readers use atomics under a swapped snapshot and never wait.
//! Cost: 8 1/8 bytes a slot. Best test: `tests/life.rs` (against a map), `tests/threads.rs`.

// WHY through `atomics`: `tests/interleave.rs` compiles this file again over loom's.
use super::atomics::{
    Arc, AtomicI64, AtomicU64, AtomicUsize, Mutex, Ordering, PoisonError, RwLock, Words,
};

use ward_model::{KeyNumber, Origin, UnixMillis};

use crate::limits::DROP_GRACE_MS;

/// No fence yet.
const OPEN: u64 = u64::MAX;

/// A run of slots that lives and is dropped as one.
pub(crate) struct Segment {
    slots: Words,
    revoked: Words,
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
            slots: Words::zeros(slots),
            revoked: Words::zeros(slots.div_ceil(64)),
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

    pub(crate) fn longest_ms(&self) -> i64 {
        self.longest_ms.load(Ordering::Relaxed)
    }

    /// Its fingerprints in order, 0 where none is entered.
    pub(crate) fn fingerprints(&self) -> impl Iterator<Item = u64> {
        self.slots.iter().map(|slot| slot.load(Ordering::Acquire))
    }

    /// Tokens entered by key, ascending by key.
    pub(crate) fn kept_by_key(&self) -> Vec<(KeyNumber, u64)> {
        let mut by_key = self.by_key.lock().unwrap_or_else(PoisonError::into_inner).clone();
        by_key.sort_unstable();
        by_key
    }

    /// The revocation bits; none when nothing is revoked.
    pub(crate) fn kept_revoked(&self) -> Vec<u64> {
        if self.revoked_count.load(Ordering::Acquire) == 0 {
            return Vec::new();
        }
        self.revoked.iter().map(|word| word.load(Ordering::Acquire)).collect()
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

/// An origin as a snapshot keeps it, but for its marks and places.
pub(crate) struct KeptOrigin {
    pub(crate) origin: Origin,
    pub(crate) applied_to: u64,
    pub(crate) high: u64,
    pub(crate) end: u64,
    pub(crate) fenced_at: u64,
    pub(crate) lost_until: i64,
    pub(crate) base: u64,
    pub(crate) base_longest: i64,
}

/// A place as a snapshot keeps it.
pub(crate) enum KeptPlace {
    Void,
    Dropped(i64),
    Live(Arc<Segment>),
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

    pub(crate) fn kept(&self) -> KeptOrigin {
        let Self { origin, bits: _, progress, base, base_longest_ms, segments: _ } = self;
        let Progress { applied_to, high, end, fenced_at, lost_until, marks: _ } = &**progress;
        KeptOrigin {
            origin: *origin,
            applied_to: applied_to.load(Ordering::Acquire),
            high: high.load(Ordering::Acquire),
            end: end.load(Ordering::Acquire),
            fenced_at: fenced_at.load(Ordering::Acquire),
            lost_until: lost_until.load(Ordering::Acquire),
            base: *base,
            base_longest: *base_longest_ms,
        }
    }

    /// (revocation, below), ascending.
    pub(crate) fn kept_marks(&self) -> Vec<(u64, u64)> {
        let marks = self.progress.marks.read().unwrap_or_else(PoisonError::into_inner);
        marks.iter().map(|mark| (mark.revocation, mark.below)).collect()
    }

    pub(crate) fn kept_places(&self) -> impl Iterator<Item = KeptPlace> {
        self.segments.iter().map(|place| match place {
            Place::Live(segment) => KeptPlace::Live(Arc::clone(segment)),
            Place::Void => KeptPlace::Void,
            Place::Dropped(longest) => KeptPlace::Dropped(*longest),
        })
    }

    /// These slots again, without places.
    pub(crate) fn from_kept(kept: KeptOrigin, marks: Vec<(u64, u64)>, bits: u32) -> Self {
        let marks = marks.into_iter().map(|(revocation, below)| Mark { revocation, below });
        let progress = Progress {
            applied_to: AtomicU64::new(kept.applied_to),
            high: AtomicU64::new(kept.high),
            end: AtomicU64::new(kept.end),
            fenced_at: AtomicU64::new(kept.fenced_at),
            lost_until: AtomicI64::new(kept.lost_until),
            marks: RwLock::new(marks.collect()),
        };
        Self {
            origin: kept.origin,
            bits,
            progress: Arc::new(progress),
            base: kept.base,
            base_longest_ms: kept.base_longest,
            segments: Vec::new(),
        }
    }

    pub(crate) fn push_void(&mut self) {
        self.segments.push(Place::Void);
    }

    pub(crate) fn push_dropped(&mut self, longest_ms: i64) {
        self.segments.push(Place::Dropped(longest_ms));
    }

    /// Adds a live segment whose slots are still to be filled; `None` if the revocation bits are
    /// not as many as its slots.
    pub(crate) fn push_live(
        &mut self,
        longest_ms: i64,
        by_key: Vec<(KeyNumber, u64)>,
        revoked: &[u64],
    ) -> Option<()> {
        let segment = Segment::new(1 << self.bits);
        if !revoked.is_empty() && revoked.len() != segment.revoked.len() {
            return None;
        }
        segment.longest_ms.store(longest_ms, Ordering::Relaxed);
        *segment.by_key.lock().unwrap_or_else(PoisonError::into_inner) = by_key;
        let mut count = 0;
        for (word, kept) in segment.revoked.iter().zip(revoked) {
            word.store(*kept, Ordering::Relaxed);
            count += usize::try_from(kept.count_ones()).unwrap_or(0);
        }
        segment.revoked_count.store(count, Ordering::Release);
        self.segments.push(Place::Live(Arc::new(segment)));
        Some(())
    }

    /// Live segments with their numbers.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (u64, &Arc<Segment>)> {
        (self.base..).zip(&self.segments).filter_map(|(number, place)| match place {
            Place::Live(segment) => Some((number, segment)),
            Place::Void | Place::Dropped(_) => None,
        })
    }

    /// Whether something may still be entered into a segment.
    pub(crate) fn takes_more(&self, number: u64) -> bool {
        let after = number.saturating_add(1).saturating_mul(1 << self.bits);
        !self.is_fenced() && after > self.applied_to()
    }

    /// Fills a live segment; `None` if there is none, or the slots are not as many as its own.
    pub(crate) fn fill(
        &self,
        number: u64,
        words: impl Iterator<Item = u64>,
        count: usize,
    ) -> Option<()> {
        let (_, segment) = self.numbered().find(|(known, _)| *known == number)?;
        if segment.slots.len() != count {
            return None;
        }
        for (slot, word) in segment.slots.iter().zip(words) {
            slot.store(word, Ordering::Relaxed);
        }
        Some(())
    }

    fn split(&self, sequence: u64) -> (u64, usize) {
        let at = sequence & ((1 << self.bits) - 1);
        (sequence >> self.bits, usize::try_from(at).unwrap_or(usize::MAX))
    }
}
