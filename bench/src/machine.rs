//! What a measurement runs on: the clock, randomness, a directory on a real disk, and the facts
//! of the machine that stand beside the figures.
//!
//! It must never name a path of this machine in what is written down.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use rustix::time::{ClockId, clock_gettime};
use tempfile::TempDir;
use ward_model::UnixMillis;

/// The wall clock.
#[must_use]
pub fn now() -> UnixMillis {
    let time = clock_gettime(ClockId::Realtime);
    let ms = time.tv_sec.saturating_mul(1000).saturating_add(time.tv_nsec / 1_000_000);
    UnixMillis::new(ms)
}

/// Fills `bytes` from the operating system.
///
/// # Errors
/// It gives none.
pub fn fill(bytes: &mut [u8]) -> std::io::Result<()> {
    let filled = SystemRandom::new().fill(bytes);
    filled.map_err(|_| std::io::Error::other("no randomness"))
}

/// Random bytes.
///
/// # Errors
/// As [`fill`].
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// Numbers that look random and are the same in every run (splitmix64).
#[derive(Debug)]
pub struct Numbers(pub u64);

impl Numbers {
    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// One of `items`; `None` if there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let count = u64::try_from(items.len()).ok().filter(|count| *count > 0)?;
        items.get(usize::try_from(self.draw() % count).ok()?)
    }
}

/// A directory on the disk this program was built on, removed when dropped. WHY not the system's
/// temporary directory: that may be memory, where fdatasync costs nothing.
///
/// # Errors
/// It cannot be made.
pub fn directory() -> Result<TempDir> {
    let program = std::env::current_exe()?;
    let beside = program.parent().context("the program stands in no directory")?;
    let dir = tempfile::Builder::new().prefix("bench-").tempdir_in(beside)?;
    ensure!(
        !in_memory(dir.path())?,
        "the build directory lies in memory: syncs would cost nothing"
    );
    Ok(dir)
}

/// Whether a directory lies on a file system in memory, as the table of mounts tells.
fn in_memory(dir: &Path) -> Result<bool> {
    let mounts = std::fs::read_to_string("/proc/mounts")?;
    let mut found = (0, false);
    for line in mounts.lines() {
        let mut words = line.split(' ').skip(1);
        let (Some(at), Some(kind)) = (words.next(), words.next()) else { continue };
        if dir.starts_with(at) && at.len() >= found.0 {
            found = (at.len(), matches!(kind, "tmpfs" | "ramfs"));
        }
    }
    Ok(found.1)
}

/// Bytes this process holds in memory.
///
/// # Errors
/// The system does not say.
pub fn resident_bytes() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = text.split(' ').nth(1).context("statm")?.parse()?;
    Ok(pages * u64::try_from(rustix::param::page_size())?)
}

/// Microseconds of CPU time a process has used, all its threads, in user and kernel.
///
/// # Errors
/// There is no such process.
pub fn process_cpu_us(pid: u32) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, rest) = text.rsplit_once(") ").context("stat")?;
    let mut words = rest.split(' ').skip(11);
    let mut ticks = 0;
    for what in ["utime", "stime"] {
        ticks += words.next().context(what)?.parse::<u64>()?;
    }
    Ok(ticks * 1_000_000 / rustix::param::clock_ticks_per_second().max(1))
}

/// Cores, model and load, for the table.
#[must_use]
pub fn facts() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, name)| name);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split(' ').take(3).collect();
    format!("{cores} cores, {model}, load average {} at the end", load.join(" "))
}
