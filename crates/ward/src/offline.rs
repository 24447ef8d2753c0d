//! Commands that need no running Ward: verifying a journal, or a copy of one, by its files.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use ward_journal::{Disk, Journal, Options, RealDisk, Report, VerifyOptions, verify};
use ward_keys::KeyStore;
use ward_model::{LeafIndex, Record};
use ward_tlog::{Checkpoint, NoteSigner, SignedNote};

use crate::cli::{Journal as Command, Offline};
use crate::client::Client;
use crate::{ask, clock, progress, say};

/// Records read at once.
const BATCH: usize = 16_384;

/// What opens a journal's salts and signs its checkpoints, as whoever has the whole disk holds it.
pub struct Insider {
    keys: KeyStore,
    name: String,
}

impl Insider {
    /// Opens custody of a state directory.
    ///
    /// # Errors
    /// The key file or a sealed secret does not open.
    pub fn open(dir: &Path, key_file: Option<&Path>) -> Result<Self> {
        let own = dir.join("key-encryption-key");
        let found = [dir.join("ward.toml"), dir.join("../ward.toml")];
        let known = found.iter().find_map(|file| crate::load::config(file).ok());
        let file = Some(key_file.unwrap_or(&own)).filter(|it| key_file.is_some() || it.exists());
        let kek = crate::unlock::look(&dir.join("custody"), file, known.as_ref())?.opened.kek;
        let keys = KeyStore::open(&dir.join("custody"), kek, Vec::new())
            .map_err(|error| anyhow!(error))?;
        // The log's name stands in its configuration; without one, in its first leaf.
        let config = dir.join("ward.toml");
        let name = crate::load::set(&config).map(|set| set.config.name).unwrap_or_default();
        Ok(Self { keys, name })
    }

    fn signer(&self) -> Result<NoteSigner> {
        let seed = self.keys.secret("checkpoint")?;
        Ok(NoteSigner::from_seed(&self.name, seed.expose())?)
    }

    fn options(&self) -> Result<Options> {
        let entropy = Box::new(|bytes: &mut [u8]| {
            clock::fill(bytes);
            Ok(())
        });
        let root_key = self.keys.secret("journal-root")?;
        Ok(Options::new(root_key, self.signer()?, entropy, clock::now()))
    }

    /// Verifies the journal in `dir`, against a checkpoint from outside if there is one.
    ///
    /// # Errors
    /// The disk fails, or the journal is of a newer format.
    pub fn verify(&self, dir: &Path, outside: Option<Checkpoint>) -> Result<Report> {
        let mut known = Vec::new();
        if !self.name.is_empty() {
            known.push(self.signer()?.verifier().clone());
        }
        let options = VerifyOptions {
            root_key: Some(self.keys.secret("journal-root")?),
            known,
            outside,
            progress: None,
        };
        Ok(verify(&RealDisk::new(dir), options)?)
    }

    /// Every record of the journal in `dir`.
    ///
    /// # Errors
    /// It does not open.
    pub fn records(&self, dir: &Path) -> Result<Vec<Record>> {
        let journal = Journal::open(Arc::new(RealDisk::new(dir)), self.options()?, Vec::new())?;
        let mut records = Vec::new();
        loop {
            let at = i64::try_from(records.len()).context("too many records")?;
            let batch = journal.read(LeafIndex(at), BATCH)?;
            if batch.is_empty() {
                journal.stop();
                return Ok(records);
            }
            records.extend(batch.into_iter().map(|(_, record)| record));
        }
    }

    /// What an insider does who has every key: a new journal of these records, with right
    /// checksums, a right tree and a right signature.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn forge(&self, dir: &Path, records: Vec<Record>) -> Result<()> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(dir));
        let journal = Journal::create(disk, self.options()?, Vec::new())?;
        let mut rest = records.into_iter();
        loop {
            let batch: Vec<Record> = rest.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            let _recorded = journal.append_blocking(batch, clock::now())?;
        }
        let _kept = journal.checkpoint_now()?;
        journal.stop();
        Ok(())
    }
}

/// A checkpoint from a signed note.
///
/// # Errors
/// The text is none.
pub fn checkpoint(note: &str) -> Result<Checkpoint> {
    let note = SignedNote::parse(note.as_bytes())?;
    Ok(Checkpoint::parse(note.text())?)
}

/// `ward journal`.
///
/// # Errors
/// The disk fails, a file is not what it should be, or Ward does not answer.
pub async fn journal(command: Command) -> Result<bool> {
    match command {
        Command::Verify { offline, checkpoint: file, json } => {
            let outside = match file {
                Some(file) => {
                    let text = std::fs::read_to_string(&file)
                        .with_context(|| format!("{}", file.display()))?;
                    Some(checkpoint(&text)?)
                }
                None => None,
            };
            check(&offline, outside, json)
        }
        Command::Fsck { offline } => check(&offline, None, false),
        Command::Prove { index, remote } => {
            let client: Client = ask::client(&remote)?;
            let answer = client.get(&format!("/api/journal/proof?index={index}")).await?.ok()?;
            say(&serde_json::to_string_pretty(&answer)?);
            Ok(true)
        }
        Command::Checkpoint(remote) => {
            let answer = ask::client(&remote)?.get("/journal/checkpoint").await?;
            say(String::from_utf8_lossy(&answer.body).trim_end());
            Ok(answer.status == 200)
        }
    }
}

fn check(offline: &Offline, outside: Option<Checkpoint>, json: bool) -> Result<bool> {
    let insider = Insider::open(&offline.dir, offline.key_file.as_deref())?;
    let report = insider.verify(&offline.dir.join("journal"), outside)?;
    if json {
        let findings: Vec<serde_json::Value> = report
            .findings
            .iter()
            .map(|one| serde_json::json!({"place": one.place, "what": one.what}))
            .collect();
        say(&serde_json::json!({
            "records": report.records, "segments": report.segments, "good": report.is_good(),
            "checkpoints": report.checkpoints, "outside": report.outside, "findings": findings,
            "remarks": report.remarks,
        })
        .to_string());
    } else {
        say(report.to_string().trim_end());
    }
    if !report.is_good() {
        progress("keep everything as it is, and look");
    }
    Ok(report.is_good())
}
