//! Hands out sequences: each is used once, and those in flight are known.
//!
//! `low_water` in an issuance tells every view that all below is recorded or abandoned, which is
//! what lets a view say `never_issued`. A sequence is in flight from [`Origins::claim`] until its
//! [`Claim`] is dropped: after its record, or when nobody will release it any more.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ward_model::{Origin, Sequence};

/// The sequences of one origin: one life of this node. The origin MUST be recorded as opened.
#[derive(Clone)]
pub struct Origins(Arc<Inner>);

struct Inner {
    origin: Origin,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: i64,
    in_flight: BTreeSet<i64>,
}

/// A sequence in flight. Not `Clone`; dropping it gives the sequence up or marks it as done.
pub struct Claim {
    origins: Origins,
    sequence: i64,
}

impl Origins {
    /// The sequences of `origin`, from 0. MUST be made once per origin.
    #[must_use]
    pub fn new(origin: Origin) -> Self {
        Self(Arc::new(Inner { origin, state: Mutex::default() }))
    }

    /// The origin.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.0.origin
    }

    /// The next sequence; `None` when there are no more.
    pub(crate) fn claim(&self) -> Option<Claim> {
        let mut state = self.state();
        let sequence = state.next;
        state.next = sequence.checked_add(1)?;
        state.in_flight.insert(sequence);
        drop(state);
        Some(Claim { origins: self.clone(), sequence })
    }

    /// Every sequence below is recorded or abandoned.
    pub(crate) fn low_water(&self) -> Sequence {
        let state = self.state();
        Sequence(state.in_flight.first().copied().unwrap_or(state.next))
    }

    /// First sequence never handed out: where a node that stops cleanly fences its origin.
    #[must_use]
    pub fn end(&self) -> Sequence {
        Sequence(self.state().next)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    /// The origin.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origins.origin()
    }

    /// The sequence.
    #[must_use]
    pub const fn sequence(&self) -> Sequence {
        Sequence(self.sequence)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.origins.state().in_flight.remove(&self.sequence);
    }
}
