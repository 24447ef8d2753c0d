//! How fast backup and restore are on this machine, for a journal of a given size: what the commands
//! do with it, step by step, and the total.
//!
//! `cargo run --release -p ward-backup --example backup_speed -- [DIR] [MIB]`

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a measuring driver")]

use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use ward_backup::{
    FileEntry, Identity, Layout, Manifest, Sink, Source, measure, names, pack, unpack,
};
use ward_journal::{Journal, Options, RealDisk, Upto, VerifyOptions, cut, lay, verify};
use ward_model::record::TokenIssued;
use ward_model::{
    Entry, KeyNumber, Lane, Origin, PrincipalKey, PrincipalNumber, Rows, Secret, Sequence,
    TreeSize, UnixMillis,
};
use ward_tlog::NoteSigner;

type Failure = Box<dyn Error + Send + Sync>;

const LOG: &str = "speed.example/log";
/// Rows of one group.
const GROUP: i64 = 4000;

/// A group of issuances.
struct Many(i64);

impl Entry for Many {
    fn lane(&self) -> Lane {
        Lane::Issuance
    }
    fn rows(&self, rows: &mut Rows) {
        for sequence in self.0..self.0 + GROUP {
            rows.push(&TokenIssued {
                origin: Origin(1),
                sequence: Sequence(sequence),
                low_water: Sequence(sequence),
                fingerprint: sequence,
                key: KeyNumber(1),
                principal: PrincipalNumber(sequence),
                principal_key: PrincipalKey::default(),
                client_key: PrincipalKey::default(),
                issued_at: UnixMillis::new(0),
                expires_at: UnixMillis::new(1),
                revocations_seen: 0,
                login_proven: true,
            });
        }
    }
}

fn fill(bytes: &mut [u8]) -> io::Result<()> {
    SystemRandom::new().fill(bytes).map_err(|_| io::Error::other("no randomness"))
}

fn options(signer: &[u8; 32]) -> Result<Options, Failure> {
    let signer = NoteSigner::from_seed(LOG, signer)?;
    let now = UnixMillis::from_seconds(1_800_000_000);
    Ok(Options::new(Secret::new([7; 32]), signer, Box::new(fill), now))
}

/// Puts files down as `ward restore` does.
struct Down {
    root: PathBuf,
    file: Option<File>,
}

impl Sink for Down {
    fn manifest(&mut self, _manifest: &Manifest) -> io::Result<()> {
        lay(&RealDisk::new(&self.root)).map_err(io::Error::other)
    }
    fn begin(&mut self, file: &FileEntry) -> io::Result<()> {
        let name = file.name.strip_prefix(names::JOURNAL).unwrap_or("other");
        self.file = Some(File::create(self.root.join(name))?);
        Ok(())
    }
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.as_mut().ok_or(io::ErrorKind::NotFound)?.write_all(bytes)
    }
    fn end(&mut self, file: &FileEntry) -> io::Result<()> {
        let Some(mut out) = self.file.take() else { return Ok(()) };
        let zeros = vec![0; usize::try_from(file.length - file.bytes).unwrap_or(0)];
        out.write_all(&zeros)?;
        out.sync_data()
    }
}

fn made(root: &Path, bytes: u64) -> Result<(), Failure> {
    let journal = Journal::create(Arc::new(RealDisk::new(root)), options(&[9; 32])?, Vec::new())?;
    let mut next = 0;
    while journal.health().bytes < bytes {
        journal.append_blocking(Many(next), UnixMillis::from_seconds(1_800_000_000))?;
        next += GROUP;
    }
    journal.stop();
    Ok(())
}

fn manifest(files: Vec<FileEntry>, checkpoint: String, size: TreeSize) -> Manifest {
    let word = str::to_owned;
    Manifest {
        checkpoint,
        created_at: 0,
        files,
        format: 1,
        layout: Layout { catalogue: word("c"), data: word("d"), policies: word("p") },
        log: word(LOG),
        program: word("speed"),
        size: u64::try_from(size.0).unwrap_or(0),
    }
}

fn row(what: &str, bytes: u64, begun: Instant) {
    let (seconds, mega) = (begun.elapsed().as_secs_f64(), bytes as f64 / 1e6);
    println!("{what:<28} {mega:>9.0} MB {seconds:>8.2} s {:>8.0} MB/s", mega / seconds);
}

fn main() -> Result<(), Failure> {
    let mut words = std::env::args().skip(1);
    let dir = PathBuf::from(words.next().unwrap_or_else(|| "backup-speed".to_owned()));
    let mib: u64 = words.next().map_or(Ok(256), |word| word.parse())?;
    std::fs::create_dir(&dir)?;
    let (from, to, sealed) = (dir.join("from"), dir.join("to"), dir.join("sealed"));
    let known = vec![NoteSigner::from_seed(LOG, &[9; 32])?.verifier().clone()];
    let begun = Instant::now();
    made(&from, mib << 20)?;
    row("a journal made", mib << 20, begun);

    let backup = Instant::now();
    let plan = cut(&RealDisk::read_only(&from), Upto::End, &known)?;
    let mut sources: Vec<Source> = plan
        .pieces
        .iter()
        .map(|piece| Source {
            name: format!("{}{}", names::JOURNAL, piece.path),
            place: from.join(&piece.path),
            bytes: piece.bytes,
            length: piece.length,
        })
        .collect();
    let files = measure(&mut sources, &mut |_| ())?;
    let manifest = manifest(files, plan.head.note.encode(), plan.size);
    let bytes = manifest.bytes();
    row("backup: measured", bytes, backup);
    let step = Instant::now();
    let identity = Identity::new(Secret::new([3; 32]));
    let out = BufWriter::with_capacity(1 << 20, File::create(&sealed)?);
    let recipients = [identity.recipient()?];
    let out = pack(out, &manifest, &[0; 32], &sources, &recipients, &mut fill, &mut |_| ())?;
    out.into_inner()?.sync_all()?;
    row("backup: sealed", bytes, step);
    row("backup: total", bytes, backup);

    let restore = Instant::now();
    let input = BufReader::with_capacity(1 << 20, File::open(&sealed)?);
    let mut down = Down { root: to.clone(), file: None };
    unpack(input, &[identity], &mut down, &mut |_| ())?;
    row("restore: opened and put down", bytes, restore);
    let step = Instant::now();
    let outside = Some(plan.head.checkpoint);
    let root_key = Some(Secret::new([7; 32]));
    let options = VerifyOptions { root_key, known, outside, progress: None };
    let report = verify(&RealDisk::read_only(&to), options)?;
    row("restore: recomputed", bytes, step);
    row("restore: total", bytes, restore);
    println!("{} leaves; {}", report.records, if report.is_good() { "intact" } else { "WRONG" });
    std::fs::remove_dir_all(&dir)?;
    if report.is_good() { Ok(()) } else { Err("the restored journal is not intact".into()) }
}
