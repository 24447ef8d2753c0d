//! Opening a journal, which is recovering it: there is no other way in.
//!
//! First everything is read and judged, and nothing is written; then an unfinished tail is
//! repaired; then the writer and the grower go on from there with the functions they always use.
//! A tail is repaired only when a torn write explains it and no later frame and no checkpoint says
//! that it was durable; anything else is [`OpenError::Corrupt`]. Best test: `sim/tests.rs`.

use std::io;
use std::sync::Arc;

use ward_model::record::{Row as _, TokenEntered, TokenIssued};
use ward_model::{DecodeError, LeafIndex, Position, Record, UnixMillis, View};
use ward_tlog::{Checkpoint, Frontier, Hash, NoteSigner, TileReader, Verifier, root_at};

use crate::disk::{Disk, LockGuard, read_whole, write_all_at};
use crate::error::{Doing as _, OpenError, ReadError};
use crate::frame::{FRAME_MAGIC, Frame};
use crate::framing::is_torn;
use crate::grow::Grower;
use crate::layout::{
    CHECKPOINTS, DIRS, FORMAT_VERSION, Format, LOCK, MAKING, SEGMENTS, TREE_STATE, firsts,
    read_format, segment_path, write_format,
};
use crate::leaf::LeafHasher;
use crate::limits::{HEADER_BYTES, SEGMENT_BYTES_DEFAULT, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
use crate::notes::{self, Kept, Notes};
use crate::segment::{Header, HeaderFault, Key, Stop, synced_beyond, walk};
use crate::shared::{Entropy, Segment, Shared};
use crate::spare::{Spare, adopt};
use crate::tree::{Tree, load_state, read_tile};
use crate::writer::{Context, Writer, apply};

/// How far opening has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Segments read.
    pub segments: usize,
    /// Segments in all.
    pub of_segments: usize,
    /// Records handed to the views.
    pub records: u64,
}

/// What a journal needs to be opened.
pub struct Options {
    /// Opens the segment keys.
    pub root_key: Key,
    /// Signs checkpoints; its name is the log's origin.
    pub signer: NoteSigner,
    /// Keys that signed earlier checkpoints, besides the signer's.
    pub known: Vec<Verifier>,
    /// Bytes of new segments: `SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX`.
    pub segment_bytes: u64,
    /// A checkpoint that left this machine: the journal must contain it.
    pub witnessed: Option<Checkpoint>,
    /// Randomness for ids, keys and nonces.
    pub entropy: Entropy,
    /// The clock, now.
    pub now: UnixMillis,
    /// Told after every segment.
    pub progress: Option<Box<dyn FnMut(Progress)>>,
}

impl Options {
    /// Options with the default segment size and nothing witnessed.
    #[must_use]
    pub fn new(root_key: Key, signer: NoteSigner, entropy: Entropy, now: UnixMillis) -> Self {
        Self {
            root_key,
            signer,
            known: Vec::new(),
            segment_bytes: SEGMENT_BYTES_DEFAULT,
            witnessed: None,
            entropy,
            now,
            progress: None,
        }
    }

    fn check(&self) -> Result<(), OpenError> {
        let size = SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX;
        if !size.contains(&self.segment_bytes) || !self.segment_bytes.is_multiple_of(HEADER_BYTES) {
            return Err(OpenError::Options("segment size"));
        }
        Ok(())
    }

    fn verifiers(&self) -> Vec<Verifier> {
        let mut known = self.known.clone();
        known.push(self.signer.verifier().clone());
        known
    }
}

/// An open journal, taken apart.
pub(crate) struct Parts {
    pub shared: Arc<Shared>,
    pub writer: Writer,
    pub grower: Grower,
    pub lock: LockGuard,
}

/// Makes the files of an empty journal.
pub(crate) fn create(disk: &dyn Disk, options: &mut Options) -> Result<LockGuard, OpenError> {
    options.check()?;
    let doing = "make a journal";
    disk.make_dir("").doing(doing)?;
    if read_format(disk).doing(doing)? != Format::Missing {
        return Err(OpenError::Exists);
    }
    disk.create(LOCK).doing(doing)?;
    let guard = take_lock(disk)?;
    for dir in DIRS {
        disk.make_dir(dir).doing(doing)?;
    }
    // CRASH: if we stop anywhere here, there is no format file and so no journal; making it again
    // replaces the empty first segment. One that holds anything is never replaced.
    for first in firsts(disk, SEGMENTS, ".seg").doing(doing)? {
        let file = disk.open(&segment_path(first)).doing(doing)?;
        let bytes = read_whole(file.as_ref(), SEGMENT_BYTES_MAX).doing(doing)?;
        let body = bytes.iter().skip(4096);
        if first != 0 || body.into_iter().any(|byte| *byte != 0) {
            return Err(OpenError::Exists);
        }
    }
    let context = Context {
        segment_bytes: options.segment_bytes,
        first: 0,
        previous_id: [0; 16],
        previous_crc: 0,
        tree_size: 0,
        tree_root: ward_tlog::EMPTY_ROOT,
        created_ms: options.now.ms(),
    };
    let (header, _) = context
        .header(&options.root_key, &mut options.entropy)
        .ok_or(OpenError::Options("entropy"))?;
    let mut bytes = header.encode().0;
    bytes.resize(usize::try_from(options.segment_bytes).unwrap_or(usize::MAX), 0);
    let file = disk.create(MAKING).doing(doing)?;
    write_all_at(file.as_ref(), &bytes, 0).doing(doing)?;
    file.sync_data().doing(doing)?;
    disk.rename(MAKING, &segment_path(0)).doing(doing)?;
    disk.sync_dir(SEGMENTS).doing(doing)?;
    disk.sync_dir("").doing(doing)?;
    write_format(disk).doing(doing)?;
    Ok(guard)
}

fn take_lock(disk: &dyn Disk) -> Result<LockGuard, OpenError> {
    disk.lock(LOCK).map_err(|source| match source.kind() {
        io::ErrorKind::WouldBlock => OpenError::Locked,
        _ => OpenError::Io { doing: "lock the journal", source },
    })
}

/// Reads, judges, repairs, and hands over.
pub(crate) fn open(
    disk: &Arc<dyn Disk>,
    mut options: Options,
    mut views: Vec<Box<dyn View>>,
    guard: Option<LockGuard>,
) -> Result<Parts, OpenError> {
    options.check()?;
    check_format(disk.as_ref())?;
    let lock_guard = guard.map_or_else(|| take_lock(disk.as_ref()), Ok)?;
    let known = options.verifiers();
    let origin = options.signer.verifier().name().to_owned();
    let latest = notes::last(disk.as_ref(), &origin, &known)?;
    let mut tree = Expected::new(disk.as_ref(), latest.as_ref(), options.witnessed.as_ref())?;
    let base = tree.edge.clone();
    let survey = survey(disk.as_ref(), &mut options, &mut views, &mut tree)?;
    judge(&survey, &tree, latest.as_ref())?;

    // Nothing was written up to here; from here on nothing is refused but by the disk.
    repair(disk.as_ref(), &survey)?;
    if !tree.from_state {
        // WHY: tiles are made again, not yet durable; the old state would vouch for them.
        forget_state(disk.as_ref()).doing("forget the tree's state")?;
    }
    let spare =
        Spare::with(adopt(disk.as_ref(), options.segment_bytes).doing("look at the spare")?);
    let size = options.segment_bytes;
    let shared = Shared::new(Arc::clone(disk), size, options.now, spare, Tree::new(base));
    let shared = Arc::new(shared);
    let stop = survey.stop;
    for segment in &survey.segments {
        shared.add_segment(Arc::clone(segment));
    }
    shared.publish(stop.next, stop.time_ms);
    let signer = options.signer;
    let notes = Notes::new();
    let mut grower = Grower { shared: Arc::clone(&shared), signer, notes, latest };
    grower.grow().map_err(|error| match error {
        ReadError::Io(source) => OpenError::Io { doing: "read the journal back", source },
        error => corrupt("a segment that was just read", error),
    })?;
    let writer = Writer {
        shared: Arc::clone(&shared),
        segment: survey.segments.last().cloned().ok_or(OpenError::Missing)?,
        offset: stop.offset,
        chain: stop.chain,
        next: stop.next,
        time_ms: stop.time_ms,
        previous: survey.previous,
        root_key: options.root_key,
        entropy: options.entropy,
        views,
        grown_at: stop.next,
    };
    Ok(Parts { shared, writer, grower, lock: lock_guard })
}

/// Refuses what is no journal, or a newer one, before anything is written.
pub(crate) fn check_format(disk: &dyn Disk) -> Result<(), OpenError> {
    match read_format(disk).doing("read the format file")? {
        Format::Version(FORMAT_VERSION) => Ok(()),
        Format::Version(found) => Err(OpenError::Newer { what: "the journal".to_owned(), found }),
        Format::Missing => Err(OpenError::Missing),
        Format::Damaged => Err(corrupt("the format file", "not what Ward writes")),
    }
}

fn corrupt(at: impl Into<String>, why: impl ToString) -> OpenError {
    OpenError::Corrupt { at: at.into(), why: why.to_string() }
}

/// What all segments together say.
struct Survey {
    segments: Vec<Arc<Segment>>,
    /// Bytes of the last one.
    last: Vec<u8>,
    /// Where it ends.
    stop: Stop,
    /// Id of the one before, and the chain's value at its end.
    previous: ([u8; 16], u32),
}

fn survey(
    disk: &dyn Disk,
    options: &mut Options,
    views: &mut [Box<dyn View>],
    tree: &mut Expected,
) -> Result<Survey, OpenError> {
    let starts = firsts(disk, SEGMENTS, ".seg").doing("list segments")?;
    let needed = views.iter().map(|view| view.needs_issuances_from().0).min().unwrap_or(0);
    let needed = u64::try_from(needed).unwrap_or(0);
    let mut found: Option<Survey> = None;
    let mut segments = Vec::new();
    for (at, first) in starts.iter().enumerate() {
        let previous = found.as_ref().map_or(([0; 16], 0, 0), |it| {
            let id = segments.last().map_or([0; 16], |it: &Arc<Segment>| it.header.id);
            (id, it.stop.chain, it.stop.next)
        });
        let time_ms = found.as_ref().map_or(i64::MIN, |it| it.stop.time_ms);
        let limit = starts.get(at + 1).copied();
        let (segment, bytes) = load(disk, *first, &options.root_key)?;
        let header = &segment.header;
        if (header.previous_id, header.previous_crc, header.first) != previous {
            return Err(corrupt(segment_path(*first), "does not continue the segment before"));
        }
        let stop = walk(&bytes, header, segment.header_crc, time_ms, limit, |frame, offset| {
            segment.mark(frame.head.first, offset);
            if frame.end() <= needed && frame.payloads().all(is_issuance) {
                pass_over(&segment, frame, views, tree)
            } else {
                replay(&segment, frame, views, tree)
            }
        })?;
        segment.set_end(stop.offset);
        if let (Some(_), Some(fault)) = (limit, stop.fault) {
            let place =
                format!("{}, byte {}, leaf {}", segment_path(*first), stop.offset, stop.next);
            return Err(corrupt(place, fault));
        }
        segments.push(segment);
        let previous = (previous.0, previous.1);
        found = Some(Survey { segments: Vec::new(), last: bytes, stop, previous });
        if let Some(progress) = &mut options.progress {
            let (done, of) = (at + 1, starts.len());
            progress(Progress { segments: done, of_segments: of, records: stop.next });
        }
    }
    let found = found.ok_or_else(|| corrupt(SEGMENTS, "there is no segment"))?;
    Ok(Survey { segments, ..found })
}

fn load(disk: &dyn Disk, first: u64, root: &Key) -> Result<(Arc<Segment>, Vec<u8>), OpenError> {
    let path = segment_path(first);
    let file = disk.open(&path).doing("open a segment")?;
    let bytes = read_whole(file.as_ref(), SEGMENT_BYTES_MAX).doing("read a segment")?;
    let (header, crc) = Header::decode(&bytes).map_err(|fault| match fault {
        HeaderFault::Newer(found) => OpenError::Newer { what: path.clone(), found },
        fault => corrupt(path.clone(), fault),
    })?;
    if header.first != first || header.segment_bytes != bytes.len() as u64 {
        return Err(corrupt(path, "name or length is not that of its header"));
    }
    let key = header.open_key(root).ok_or(OpenError::WrongKey)?;
    Ok((Arc::new(Segment::new(header, crc, key, file)), bytes))
}

/// Whether a payload is a record of an issuance: those that [`View::pass`] stands for.
fn is_issuance(payload: &[u8]) -> bool {
    let kind = payload.first_chunk().map(|kind| u16::from_le_bytes(*kind));
    kind.is_some_and(|kind| [TokenIssued::KIND, TokenEntered::KIND].contains(&kind))
}

/// Takes in a frame of issuances that every view knows already or never looks at: its bytes were
/// checked as any frame's, and its leaves go into the tree; its records are not decoded.
fn pass_over(
    segment: &Segment,
    frame: &Frame<'_>,
    views: &mut [Box<dyn View>],
    tree: &mut Expected,
) -> Result<(), OpenError> {
    let time = UnixMillis::new(frame.head.time_ms);
    for (index, payload) in (frame.head.first..).zip(frame.payloads()) {
        tree.take(segment.key.expose(), index, frame.head.time_ms, payload)?;
        let index = LeafIndex(i64::try_from(index).unwrap_or(i64::MAX));
        for view in views.iter_mut() {
            view.pass(Position { index, time });
        }
    }
    Ok(())
}

/// Takes one frame in, exactly as the writer and the grower do.
fn replay(
    segment: &Segment,
    frame: &Frame<'_>,
    views: &mut [Box<dyn View>],
    tree: &mut Expected,
) -> Result<(), OpenError> {
    let place = |index: u64| format!("{}, leaf {index}", segment_path(segment.header.first));
    let mut records = Vec::with_capacity(usize::try_from(frame.head.count).unwrap_or(0));
    for (index, payload) in (frame.head.first..).zip(frame.payloads()) {
        tree.take(segment.key.expose(), index, frame.head.time_ms, payload)?;
        records.push(Record::decode(payload).map_err(|error| match error {
            DecodeError::UnknownKind { kind } => {
                OpenError::Newer { what: place(index), found: u32::from(kind) }
            }
            error => corrupt(place(index), error),
        })?);
    }
    apply(views, frame.head.first, frame.head.time_ms, &records);
    Ok(())
}

/// Whether the end that was found may be the end.
fn judge(survey: &Survey, tree: &Expected, latest: Option<&Kept>) -> Result<(), OpenError> {
    let (stop, bytes) = (&survey.stop, &survey.last);
    let Some(segment) = survey.segments.last() else { return Err(OpenError::Missing) };
    let path = segment_path(segment.header.first);
    let place = format!("{path}, byte {}, leaf {}", stop.offset, stop.next);
    let at = usize::try_from(stop.offset).unwrap_or(usize::MAX);
    let rest = bytes.get(at..).unwrap_or_default();
    if let Some(fault) = stop.fault {
        if !is_torn(rest, stop.offset, FRAME_MAGIC, fault) {
            return Err(corrupt(place, fault));
        }
        if synced_beyond(bytes, &segment.header, stop.offset).is_some_and(|it| it > stop.next) {
            return Err(corrupt(place, "a later frame says that this one was durable"));
        }
        let signed = latest.map_or(0, |kept| kept.checkpoint.size);
        if signed > stop.next && rest.iter().any(|byte| *byte != 0) {
            return Err(corrupt(place, "a checkpoint says that this was durable"));
        }
    }
    tree.judge(stop.next)
}

/// Makes the tail what it was found to be, on the disk and not only in the page cache.
fn repair(disk: &dyn Disk, survey: &Survey) -> Result<(), OpenError> {
    let doing = "repair the tail of the last segment";
    let Some(segment) = survey.segments.last() else { return Ok(()) };
    let stop = &survey.stop;
    let (unsure, end) = (stop.unsure.min(stop.offset), stop.offset);
    let range = usize::try_from(unsure).unwrap_or(0)..usize::try_from(end).unwrap_or(0);
    let mut bytes = survey.last.get(range).unwrap_or_default().to_vec();
    // WHY: after a failed sync Linux shows pages that are not on the disk, frames as well as
    // zeros. So what is taken as the tail is written again, and all after it zeroed again.
    bytes.resize(survey.last.len().saturating_sub(usize::try_from(unsure).unwrap_or(0)), 0);
    write_all_at(segment.file.as_ref(), &bytes, unsure).doing(doing)?;
    // CRASH: if we stop here, every sector is as before or as meant; the next start sees the same
    // tail, or a shorter one of frames that nobody was told of.
    segment.file.sync_data().doing(doing)?;
    for dir in [SEGMENTS, CHECKPOINTS, ""] {
        disk.sync_dir(dir).doing(doing)?;
    }
    Ok(())
}

fn forget_state(disk: &dyn Disk) -> io::Result<()> {
    match disk.remove(TREE_STATE) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    }
    disk.sync_dir("")
}

/// The tree as the segments give it, held against the heads that were signed.
struct Expected {
    edge: Frontier,
    /// Whether it began at the state file's edge.
    from_state: bool,
    hasher: LeafHasher,
    /// Heads still to be met, the smallest last.
    wanted: Vec<(u64, Hash)>,
    full: Vec<ward_tlog::FullTile>,
}

impl Expected {
    /// Begins at the last state whose tiles are durable, or with nothing.
    fn new(
        disk: &dyn Disk,
        latest: Option<&Kept>,
        witnessed: Option<&Checkpoint>,
    ) -> Result<Self, OpenError> {
        let heads = latest.map(|kept| &kept.checkpoint).into_iter().chain(witnessed);
        let mut wanted: Vec<_> = heads.map(|it| (it.size, it.root)).collect();
        wanted.sort_by_key(|(size, _)| core::cmp::Reverse(*size));
        let signed = latest.map_or(0, |kept| kept.checkpoint.size);
        let state = load_state(disk).doing("read the tree's state")?;
        // INVARIANT: the state is never ahead of the last kept checkpoint; one that is, or that
        // does not lead to a head before it, is not used: the tree is hashed from its first leaf.
        let edge = state.filter(|edge| edge.size() <= signed).filter(|edge| {
            let tiles = OnDisk { disk, edge };
            let mut before = wanted.iter().filter(|(size, _)| *size <= edge.size());
            before.all(|(size, root)| root_at(*size, &tiles).is_ok_and(|it| it == *root))
        });
        let from_state = edge.is_some();
        let edge = edge.unwrap_or_default();
        wanted.retain(|(size, _)| *size > edge.size() || *size == 0);
        let (hasher, full) = (LeafHasher::default(), Vec::new());
        let mut expected = Self { edge, from_state, hasher, wanted, full };
        expected.meet()?;
        Ok(expected)
    }

    fn take(
        &mut self,
        key: &[u8; 32],
        index: u64,
        time_ms: i64,
        payload: &[u8],
    ) -> Result<(), OpenError> {
        if index < self.edge.size() {
            return Ok(());
        }
        self.edge.push(self.hasher.hash(key, index, time_ms, payload), &mut self.full);
        // The tiles are written by the grower, from the same leaves.
        self.full.clear();
        self.meet()
    }

    fn meet(&mut self) -> Result<(), OpenError> {
        while let Some((size, root)) = self.wanted.last().copied() {
            if size != self.edge.size() {
                break;
            }
            if root != self.edge.root() {
                return Err(OpenError::Fork { size });
            }
            self.wanted.pop();
        }
        Ok(())
    }

    fn judge(&self, found: u64) -> Result<(), OpenError> {
        let wanted = self.wanted.first().map(|(size, _)| *size);
        let wanted = wanted.unwrap_or(0).max(self.edge.size());
        if wanted > found { Err(OpenError::Behind { found, wanted }) } else { Ok(()) }
    }
}

/// Tiles of a state that was read, and of the disk.
struct OnDisk<'a> {
    disk: &'a dyn Disk,
    edge: &'a Frontier,
}

impl TileReader for OnDisk<'_> {
    type Error = ReadError;
    fn tile(&self, tile: ward_tlog::Tile) -> Result<Vec<Hash>, ReadError> {
        if let Some(hashes) = self.edge.tile(tile) {
            return Ok(hashes);
        }
        read_tile(self.disk, ward_tlog::Tile::full(tile.level, tile.index))
    }
}
