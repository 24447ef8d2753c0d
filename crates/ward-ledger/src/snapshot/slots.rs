//! Origins and slots in a snapshot.
//!
//! What still changes is copied under the writer's lock: progress, marks, revocation bits, and the
//! fingerprints of segments into which something may still be entered. INVARIANT: a segment whose
//! last place lies below the origin's low water takes nothing more, so its fingerprints may be read
//! later.

use std::sync::Arc;

use crate::slots::{KeptOrigin, KeptPlace, OriginSlots};
use crate::state::Shared;
use crate::view::Writer;

use super::code::{In, Out};
use super::parts::State;
use super::{Fingerprints, Slots};

pub(crate) fn put_origins(state: &State<'_>, out: &mut Out) {
    for slots in state.writer.master.origins.iter() {
        let KeptOrigin { origin, applied_to, high, end, fenced_at, lost_until, base, base_longest } =
            slots.kept();
        out.put(&origin);
        for word in [applied_to, high, end, fenced_at, base] {
            out.u64(word);
        }
        out.put(&lost_until);
        out.put(&base_longest);
        let marks = slots.kept_marks();
        out.u64(marks.len() as u64);
        for (revocation, below) in marks {
            out.u64(revocation);
            out.u64(below);
        }
        out.u64(slots.kept_places().count() as u64);
        for place in slots.kept_places() {
            put_place(&place, out);
        }
    }
}

fn put_place(place: &KeptPlace, out: &mut Out) {
    match place {
        KeptPlace::Void => out.put(&0u8),
        KeptPlace::Dropped(longest) => {
            out.put(&1u8);
            out.put(longest);
        }
        KeptPlace::Live(segment) => {
            out.put(&2u8);
            out.put(&segment.longest_ms());
            let by_key = segment.kept_by_key();
            out.u64(by_key.len() as u64);
            for (key, count) in by_key {
                out.put(&key);
                out.u64(count);
            }
            let revoked = segment.kept_revoked();
            out.u64(revoked.len() as u64);
            for word in revoked {
                out.u64(word);
            }
        }
    }
}

pub(crate) fn take_origins(input: &mut In<'_>, shared: &mut Shared) -> Option<()> {
    let bits = shared.bits;
    let mut origins: Vec<Arc<OriginSlots>> = Vec::new();
    input.entries(|input| {
        let origin = input.take()?;
        let [applied_to, high, end, fenced_at, base] =
            [input.u64()?, input.u64()?, input.u64()?, input.u64()?, input.u64()?];
        let (lost_until, base_longest) = (input.take()?, input.take()?);
        let kept =
            KeptOrigin { origin, applied_to, high, end, fenced_at, lost_until, base, base_longest };
        let mut marks = Vec::new();
        for _ in 0..input.u64()? {
            marks.push((input.u64()?, input.u64()?));
        }
        let mut slots = OriginSlots::from_kept(kept, marks, bits);
        for _ in 0..input.u64()? {
            take_place(input, &mut slots)?;
        }
        let ascending = origins.last().is_none_or(|last| last.origin < slots.origin);
        origins.push(Arc::new(slots));
        ascending.then_some(())
    })?;
    shared.writer_mut().master.origins = Arc::new(origins);
    Some(())
}

fn take_place(input: &mut In<'_>, slots: &mut OriginSlots) -> Option<()> {
    match input.take::<u8>()? {
        0 => slots.push_void(),
        1 => slots.push_dropped(input.take()?),
        2 => {
            let longest = input.take()?;
            let mut by_key = Vec::new();
            for _ in 0..input.u64()? {
                by_key.push((input.take()?, input.u64()?));
            }
            let mut revoked = Vec::new();
            for _ in 0..input.u64()? {
                revoked.push(input.u64()?);
            }
            slots.push_live(longest, by_key, &revoked)?;
        }
        _ => return None,
    }
    Some(())
}

/// Every live segment with its slots.
pub(crate) fn segments(writer: &Writer) -> Vec<Slots> {
    let mut segments = Vec::new();
    for slots in writer.master.origins.iter() {
        for (number, segment) in slots.numbered() {
            let fingerprints = if slots.takes_more(number) {
                Fingerprints::Copied(segment.fingerprints().collect())
            } else {
                Fingerprints::Settled(Arc::clone(segment))
            };
            segments.push(Slots { origin: slots.origin.0, number, fingerprints });
        }
    }
    segments
}

impl Slots {
    pub(crate) fn encode(self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&self.origin.to_le_bytes());
        out.extend_from_slice(&self.number.to_le_bytes());
        let mut put = |word: u64| out.extend_from_slice(&word.to_le_bytes());
        match self.fingerprints {
            Fingerprints::Settled(segment) => segment.fingerprints().for_each(&mut put),
            Fingerprints::Copied(words) => words.into_iter().for_each(&mut put),
        }
        out
    }
}

pub(crate) fn take_segment(input: &mut In<'_>, shared: &mut Shared) -> Option<()> {
    let origin = ward_model::Origin(input.take()?);
    let number = input.u64()?;
    let (words, rest) = input.0.as_chunks::<8>();
    input.0 = rest;
    let master = &shared.writer_mut().master;
    let slots = master.origin(origin)?;
    slots.fill(number, words.iter().map(|word| u64::from_le_bytes(*word)), words.len())
}
