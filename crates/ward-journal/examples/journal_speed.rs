//! How fast the journal is on this machine: durable records a second with 64 appends in flight, and
//! the time to an acknowledgement beside a bare fdatasync of the same disk in the same run.
//!
//! `cargo run --release -p ward-journal --example journal_speed [DIR] [SECONDS] [IN FLIGHT]`

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a measuring driver")]

use std::error::Error;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use ward_journal::{Journal, Options, RealDisk};
use ward_model::record::TokenIssued;
use ward_model::{
    Entry, KeyNumber, Lane, Origin, PrincipalKey, PrincipalNumber, Rows, Secret, Sequence,
    UnixMillis,
};
use ward_tlog::NoteSigner;

type Failure = Box<dyn Error + Send + Sync>;

/// A record of the common size: an issuance.
struct Small(i64);

impl Entry for Small {
    fn lane(&self) -> Lane {
        Lane::Issuance
    }
    fn rows(&self, rows: &mut Rows) {
        rows.push(&TokenIssued {
            origin: Origin(1),
            sequence: Sequence(self.0),
            low_water: Sequence(0),
            fingerprint: self.0,
            key: KeyNumber(1),
            principal: PrincipalNumber(self.0),
            principal_key: PrincipalKey::default(),
            client_key: PrincipalKey::default(),
            issued_at: UnixMillis::new(0),
            expires_at: UnixMillis::new(1),
            revocations_seen: 0,
            login_proven: true,
        });
    }
}

fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis::new(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

struct Times(Vec<Duration>);

impl Times {
    fn at(&mut self, percent: usize) -> f64 {
        self.0.sort_unstable();
        let at = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
        self.0.get(at).map_or(0.0, |it| it.as_secs_f64() * 1e3)
    }
}

/// Writes of `bytes` into a zeroed file, each made durable: the floor.
fn bare(dir: &Path, bytes: usize, count: usize) -> io::Result<Times> {
    let path = dir.join("bare");
    let file = std::fs::File::create(&path)?;
    let size = (bytes * count) as u64;
    file.write_all_at(&vec![0; bytes * count], 0)?;
    file.sync_all()?;
    let block = vec![0x5A; bytes];
    let mut times = Vec::new();
    for nth in 0..count {
        let start = Instant::now();
        file.write_all_at(&block, ((nth * bytes) as u64) % size)?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    std::fs::remove_file(path)?;
    Ok(Times(times))
}

fn open(dir: &Path) -> Result<Journal, Failure> {
    let entropy = Box::new(|out: &mut [u8]| {
        SystemRandom::new().fill(out).map_err(|_| io::Error::other("no randomness"))
    });
    let signer = NoteSigner::from_seed("example.com/speed", &[7; 32])?;
    let options = Options::new(Secret::new([9; 32]), signer, entropy, now());
    Ok(Journal::create(Arc::new(RealDisk::new(dir)), options, Vec::new())?)
}

async fn run(journal: Journal, flight: usize, run: Duration) -> Result<(u64, Times), Failure> {
    let end = Instant::now() + run;
    let mut tasks = Vec::new();
    for task in 0..flight {
        let journal = journal.clone();
        tasks.push(tokio::spawn(async move {
            let mut times = Vec::new();
            let mut id = i64::try_from(task)? * 1_000_000_000;
            loop {
                let start = Instant::now();
                if start >= end {
                    return Ok::<_, Failure>(times);
                }
                journal.append(Small(id), now()).await?;
                times.push(start.elapsed());
                id += 1;
            }
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await??);
    }
    Ok((all.len() as u64, Times(all)))
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let parent = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let seconds: u64 = arguments.next().map_or(Ok(5), |it| it.parse())?;
    let flight: usize = arguments.next().map_or(Ok(64), |it| it.parse())?;
    let dir = parent.join(format!("journal-speed-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let mut before = bare(&dir, flight * 160, 2000)?;
    let journal = open(&dir.join("journal"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    let start = Instant::now();
    let (count, mut acks) =
        runtime.block_on(run(journal.clone(), flight, Duration::from_secs(seconds)))?;
    let took = start.elapsed().as_secs_f64();
    let health = journal.health();
    journal.stop();
    let mut after = bare(&dir, flight * 160, 2000)?;
    println!("in flight           {flight}");
    println!(
        "records             {count} in {took:.2} s, {:.1} a batch",
        count as f64 / health.batches as f64
    );
    println!("records a second    {:.0}", count as f64 / took);
    println!("acknowledgement     p50 {:.3} ms, p99 {:.3} ms", acks.at(50), acks.at(99));
    for (when, times) in [("before", &mut before), ("after", &mut after)] {
        println!(
            "bare fdatasync      p50 {:.3} ms, p99 {:.3} ms ({when})",
            times.at(50),
            times.at(99)
        );
    }
    println!("tree behind by      {} leaves", health.records.0 - health.tree.0);
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}
