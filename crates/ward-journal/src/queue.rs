//! Where appends wait for the writer: four bounded lanes, emptied from the highest down.
//!
//! A flood in one lane fills that lane's bound and no other. Best test: `sim/tests.rs`.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, mpsc};

use tokio::sync::oneshot;
use ward_model::{Lane, LeafIndex, Record, UnixMillis};

use crate::error::AppendError;
use crate::frame::frame_len;
use crate::limits::{BATCH_BYTES_MAX, QUEUE_BYTES_MAX, QUEUE_COUNT_MAX};
use crate::shared::lock;

/// Where an entry came to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ack {
    pub first: LeafIndex,
    pub count: u32,
    pub time: UnixMillis,
}

pub(crate) type Answer = Result<Ack, AppendError>;

/// Who waits for the answer.
pub(crate) enum Reply {
    Task(oneshot::Sender<Answer>),
    Thread(mpsc::SyncSender<Answer>),
}

impl Reply {
    /// WHY: the caller may have gone away; the record stands all the same.
    pub(crate) fn send(self, answer: Answer) {
        match self {
            Self::Task(sender) => drop(sender.send(answer)),
            Self::Thread(sender) => drop(sender.try_send(answer)),
        }
    }
}

/// An entry waiting to be recorded.
pub(crate) struct Pending {
    pub lane: Lane,
    /// Payloads with their lengths, as they stand in the frame.
    pub payloads: Vec<u8>,
    /// The same, decoded, for the views.
    pub records: Vec<Record>,
    pub count: u32,
    pub now: UnixMillis,
    pub reply: Reply,
}

impl Pending {
    pub(crate) const fn frame_len(&self) -> usize {
        frame_len(self.payloads.len())
    }
}

/// What the writer says to the next frame of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// It fits.
    Here,
    /// It needs the next segment, which is there.
    Roll,
    /// It needs the next segment, which is being made.
    Wait,
    /// There is no space for this lane.
    Full,
}

/// What was taken out of the lanes.
#[derive(Default)]
pub(crate) struct Taken {
    pub batch: Vec<Pending>,
    /// No space for these.
    pub refused: Vec<Pending>,
    /// Nothing fits before a roll.
    pub roll: bool,
}

#[derive(Default)]
struct State {
    /// Highest lane first.
    lanes: [LaneQueue; 4],
    /// Grows with every push and every poke.
    changes: u64,
    stopped: bool,
}

#[derive(Default)]
struct LaneQueue {
    waiting: VecDeque<Pending>,
    bytes: usize,
}

/// The lanes.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    /// Entries in all lanes, to be looked at without the lock.
    length: AtomicUsize,
}

const fn place(lane: Lane) -> usize {
    match lane {
        Lane::Priority => 0,
        Lane::Issuance => 1,
        Lane::Access => 2,
        Lane::Refusal => 3,
    }
}

impl Queue {
    /// Puts an entry at the end of its lane.
    pub(crate) fn push(&self, pending: Pending) -> Result<(), AppendError> {
        let mut state = lock(&self.state);
        if state.stopped {
            return Err(AppendError::Stopped);
        }
        let (lane, bytes) = (pending.lane, pending.frame_len());
        let full = AppendError::Full { lane };
        let queue = state.lanes.get_mut(place(lane)).ok_or(full)?;
        if queue.waiting.len() >= QUEUE_COUNT_MAX || queue.bytes + bytes > QUEUE_BYTES_MAX {
            return Err(full);
        }
        queue.bytes += bytes;
        queue.waiting.push_back(pending);
        state.changes += 1;
        self.length.fetch_add(1, Ordering::Relaxed);
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    /// Takes the next batch: whole lanes from the highest down, each in order, as `room` allows.
    pub(crate) fn take(&self, mut room: impl FnMut(Lane, usize, usize) -> Room) -> Taken {
        let mut taken = Taken::default();
        let mut batched = 0;
        let mut state = lock(&self.state);
        for queue in &mut state.lanes {
            while let Some(front) = queue.waiting.front() {
                let length = front.frame_len();
                let room = room(front.lane, length, batched);
                if room == Room::Wait || batched >= BATCH_BYTES_MAX {
                    break;
                }
                if room == Room::Roll {
                    taken.roll = taken.batch.is_empty();
                    return taken;
                }
                let Some(pending) = queue.waiting.pop_front() else { break };
                self.length.fetch_sub(1, Ordering::Relaxed);
                queue.bytes -= length;
                if room == Room::Here {
                    batched += length;
                    taken.batch.push(pending);
                } else {
                    taken.refused.push(pending);
                }
            }
        }
        taken
    }

    /// How often something changed: taken before [`Self::take`], handed to [`Self::wait`].
    pub(crate) fn changes(&self) -> u64 {
        lock(&self.state).changes
    }

    /// Waits until something changed since `seen`. `false` when stopped and empty.
    pub(crate) fn wait(&self, seen: u64) -> bool {
        let mut state = lock(&self.state);
        while state.changes == seen && !state.stopped {
            state = self.wake.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        !(state.stopped && state.lanes.iter().all(|lane| lane.waiting.is_empty()))
    }

    /// Something other than a push changed: a spare came, or will not come.
    pub(crate) fn poke(&self) {
        lock(&self.state).changes += 1;
        self.wake.notify_one();
    }

    /// Takes no more; what waits is still written.
    pub(crate) fn stop(&self) {
        lock(&self.state).stopped = true;
        self.wake.notify_one();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        lock(&self.state).stopped
    }

    /// Entries waiting. Costs no lock, may be a moment old.
    pub(crate) fn length(&self) -> usize {
        self.length.load(Ordering::Relaxed)
    }

    /// Entries and bytes waiting.
    pub(crate) fn depth(&self) -> (usize, usize) {
        let state = lock(&self.state);
        state
            .lanes
            .iter()
            .fold((0, 0), |(count, bytes), lane| (count + lane.waiting.len(), bytes + lane.bytes))
    }
}
