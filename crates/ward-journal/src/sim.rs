//! The journal without threads over the disk that fails, driven by a seed, with an oracle.
//!
//! The oracle knows every acknowledged record and every checkpoint that was shown; after each crash
//! the journal must hold all of them, and of the rest only whole groups that were really sent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, mpsc};

use ward_model::record::{JournalOpened, Record};
use ward_model::{Entry, Lane, Position, Rows, Secret, Text, UnixMillis, View};
use ward_tlog::{Checkpoint, NoteSigner, Verifier};

use crate::disk::Disk;
use crate::error::{AppendError, OpenError};
use crate::journal::encode;
use crate::queue::{Answer, Queue, Reply};
use crate::recover::{self, Options, Parts};
use crate::shared::lock;
use crate::spare;
use crate::testing::FaultDisk;
use crate::verify::{Report, VerifyOptions, verify};
use crate::writer::Step;

mod tests;

pub const ORIGIN: &str = "example.com/journal";

pub fn root_key() -> Secret<[u8; 32]> {
    Secret::new([9; 32])
}

pub fn signer() -> NoteSigner {
    NoteSigner::from_seed(ORIGIN, &[7; 32]).unwrap()
}

pub fn known() -> Vec<Verifier> {
    vec![signer().verifier().clone()]
}

pub fn options(segment_bytes: u64, seed: u64) -> Options {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let entropy = Box::new(move |out: &mut [u8]| {
        for byte in out {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *byte = state.to_be_bytes()[0];
        }
        Ok(())
    });
    let now = UnixMillis::new(1_000_000);
    Options { segment_bytes, ..Options::new(root_key(), signer(), entropy, now) }
}

/// A group of rows with ids, in any lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    pub lane: Lane,
    pub ids: Vec<u64>,
    /// Bytes of padding per row.
    pub pad: usize,
}

impl Probe {
    pub fn one(lane: Lane, id: u64) -> Self {
        Self { lane, ids: vec![id], pad: 0 }
    }
}

impl Entry for Probe {
    fn lane(&self) -> Lane {
        self.lane
    }
    fn rows(&self, rows: &mut Rows) {
        for id in &self.ids {
            let name = format!("{id}:{}", "x".repeat(self.pad));
            rows.push(&JournalOpened { name: Text::new(name).unwrap() });
        }
    }
}

pub fn id_of(record: &Record) -> u64 {
    let Record::JournalOpened(row) = record else { panic!("not a probe") };
    row.name.as_str().split_once(':').unwrap().0.parse().unwrap()
}

/// A view that remembers all it was shown.
#[derive(Clone, Default)]
pub struct Seen(pub Arc<Mutex<Vec<(Position, u64)>>>);

impl View for Seen {
    fn apply(&mut self, at: Position, record: &Record) {
        lock(&self.0).push((at, id_of(record)));
    }
}

impl Seen {
    pub fn all(&self) -> Vec<(Position, u64)> {
        lock(&self.0).clone()
    }
}

/// A seeded choice.
pub struct Random(pub u64);

impl Random {
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub fn below(&mut self, n: u64) -> u64 {
        self.draw() % n
    }
    pub fn small(&mut self, n: u64) -> u32 {
        u32::try_from(self.below(n)).unwrap()
    }
}

struct Sent {
    probe: Probe,
    answer: mpsc::Receiver<Answer>,
}

/// A journal in one life after the other.
pub struct World {
    pub disk: FaultDisk,
    pub parts: Option<Parts>,
    pub queue: Queue,
    pub seen: Seen,
    pub segment_bytes: u64,
    pub now: i64,
    seed: u64,
    next_id: u64,
    groups: BTreeMap<u64, Vec<u64>>,
    sent: Vec<Sent>,
    /// First leaf of every acknowledged group, with its ids and time.
    pub acked: BTreeMap<i64, (Vec<u64>, i64)>,
    pub refused: Vec<(Lane, AppendError)>,
    pub shown: Vec<Checkpoint>,
}

impl World {
    pub fn new(seed: u64, segment_bytes: u64) -> Self {
        let disk = FaultDisk::new(seed);
        let guard = recover::create(&disk, &mut options(segment_bytes, seed)).unwrap();
        drop(guard);
        let mut world = Self {
            disk,
            parts: None,
            queue: Queue::default(),
            seen: Seen::default(),
            segment_bytes,
            now: 1_000_000,
            seed,
            next_id: 1,
            groups: BTreeMap::new(),
            sent: Vec::new(),
            acked: BTreeMap::new(),
            refused: Vec::new(),
            shown: Vec::new(),
        };
        world.open().unwrap();
        world
    }

    /// Opens the disk as it is and holds the journal against the oracle.
    pub fn open(&mut self) -> Result<(), OpenError> {
        self.seed += 1;
        self.parts = None;
        let seen = Seen::default();
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let mut options = options(self.segment_bytes, self.seed);
        options.witnessed = self.shown.last().cloned();
        let parts = recover::open(&disk, options, vec![Box::new(seen.clone())], None)?;
        // What was live must come back as it was; more may have come with it.
        let (live, again) = (self.seen.all(), seen.all());
        assert!(
            again.len() >= live.len(),
            "{} records were in force, {} came back",
            live.len(),
            again.len()
        );
        assert_eq!(live, again[..live.len()], "replay is not what was live");
        (self.parts, self.seen) = (Some(parts), seen);
        self.check();
        Ok(())
    }

    pub fn parts(&mut self) -> &mut Parts {
        self.parts.as_mut().unwrap()
    }

    pub fn send(&mut self, lane: Lane, rows: u64, pad: usize) {
        let ids: Vec<u64> = (self.next_id..self.next_id + rows).collect();
        self.next_id += rows;
        let probe = Probe { lane, ids: ids.clone(), pad };
        let (sender, answer) = mpsc::sync_channel(1);
        let now = UnixMillis::new(self.now);
        let pending = encode(&probe, now, Reply::Thread(sender), self.segment_bytes).unwrap();
        self.parts().shared.saw(now);
        self.groups.insert(ids[0], ids);
        match self.queue.push(pending) {
            Ok(()) => self.sent.push(Sent { probe, answer }),
            Err(error) => self.refused.push((lane, error)),
        }
    }

    /// Lets the writer work, and takes note of every answer.
    pub fn write(&mut self) {
        let parts = self.parts.as_mut().unwrap();
        while parts.writer.step(&self.queue) == Step::Worked {}
        let mut open = Vec::new();
        for sent in std::mem::take(&mut self.sent) {
            match sent.answer.try_recv() {
                Ok(Ok(ack)) => {
                    assert_eq!(ack.count as usize, sent.probe.ids.len());
                    let group = (sent.probe.ids, ack.time.ms());
                    assert!(self.acked.insert(ack.first.0, group).is_none(), "leaf given twice");
                }
                Ok(Err(error)) => self.refused.push((sent.probe.lane, error)),
                Err(mpsc::TryRecvError::Empty) => open.push(sent),
                Err(mpsc::TryRecvError::Disconnected) => panic!("an append was never answered"),
            }
        }
        self.sent = open;
    }

    pub fn make_spare(&mut self) -> bool {
        spare::make(&self.parts().shared.clone())
    }

    /// Grows and signs; what was kept is shown.
    pub fn sign(&mut self) {
        let grower = &mut self.parts().grower;
        if grower.grow().is_ok() && grower.checkpoint().is_ok() {
            let latest = grower.latest.as_ref().map(|kept| kept.checkpoint.clone());
            if latest.as_ref() != self.shown.last() {
                self.shown.extend(latest);
            }
        }
    }

    pub fn settle(&mut self) {
        let _ = self.parts().grower.settle();
    }

    /// The process dies; appends that were not answered never will be.
    pub fn die(&mut self) {
        self.parts = None;
        self.sent.clear();
        self.queue = Queue::default();
        // Views die with the process; what they hold must be durable, so the oracle keeps it.
    }

    /// The process dies and the power goes.
    pub fn crash(&mut self) {
        self.die();
        self.disk = self.disk.crash();
    }

    /// The process dies, the machine does not.
    pub fn kill(&mut self) {
        self.die();
        self.disk = self.disk.restarted();
    }

    /// The journal against the oracle.
    pub fn check(&self) {
        let seen = self.seen.all();
        for (at, (position, _)) in seen.iter().enumerate() {
            assert_eq!(position.index.0, at as i64, "indexes are dense");
        }
        assert!(seen.is_sorted_by_key(|(position, _)| position.time), "time runs back");
        for (first, (ids, time)) in &self.acked {
            for (index, id) in (*first..).zip(ids) {
                let found = seen.get(usize::try_from(index).unwrap());
                let found = found.map(|(position, id)| (position.time.ms(), *id));
                assert_eq!(found, Some((*time, *id)), "acknowledged leaf {index}");
            }
        }
        let mut rest = seen.as_slice();
        let mut met = std::collections::BTreeSet::new();
        while let [(_, id), ..] = rest {
            let group = self.groups.get(id).expect("a record nobody sent, or half a group");
            let found: Vec<u64> = rest.iter().take(group.len()).map(|(_, id)| *id).collect();
            assert_eq!(&found, group, "a group stands whole");
            assert!(met.insert(*id), "a group stands once");
            rest = &rest[group.len()..];
        }
    }

    /// The judgement from outside.
    pub fn verify(&self) -> Report {
        let options = VerifyOptions {
            root_key: Some(root_key()),
            known: known(),
            outside: self.shown.last().cloned(),
            progress: None,
        };
        verify(&self.disk, options).unwrap()
    }

    pub fn verify_all(&self) {
        for shown in &self.shown {
            let options = VerifyOptions {
                root_key: Some(root_key()),
                known: known(),
                outside: Some(shown.clone()),
                progress: None,
            };
            let report = verify(&self.disk, options).unwrap();
            assert!(report.is_good() && report.outside, "{report}");
        }
    }
}

/// The bytes of a file.
pub fn content(disk: &FaultDisk, path: &str) -> Vec<u8> {
    crate::disk::read_whole(disk.open(path).unwrap().as_ref(), u64::MAX).unwrap()
}
