//! `ward restore`: a ceremony. Nothing is believed that was not checked, nothing is lost unsaid.
//!
//! Every file of the backup is put down and held to its hash. The key file opens custody, and custody
//! vouches for the manifest. The journal is recomputed and held against the backup's checkpoint. A
//! younger copy of the journal, if given, must extend it, and takes its place, so that revocations
//! since are in force and leavers stay left. Checkpoints kept outside are held against the result,
//! and what is missing is said in words. Then the first start is told (`restored.rs`).
//! CRASH: until then the directory says that a restore broke off.
//! Best test: `interop/disaster.py`; of the words: `tests` below.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::json;
use ward_backup::{FileEntry, Layout, Manifest, Sink, UnpackError, Unpacked, names, unpack};
use ward_journal::{Disk as _, OpenError, RealDisk, Report, Upto, VerifyOptions, cut, verify};
use ward_tlog::{Checkpoint, SignedNote, Verifier};

use crate::backup::{Meter, Vault, identities, mega, rate, seconds, told};
use crate::cli::Restore;
use crate::exit::{Exit, fail};
use crate::restored::{Marker, Stage};
use crate::{clock, load, progress};

/// Zeros written at a time.
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// `ward restore`.
///
/// # Errors
/// With the documented exit code; what was put down stays, marked as broken off.
pub async fn run(wanted: Restore) -> Result<bool> {
    let work = tokio::task::spawn_blocking(move || restore(&wanted));
    work.await.context("the work ended badly")?
}

fn restore(wanted: &Restore) -> Result<bool> {
    let begun = clock::now();
    if wanted.complete && wanted.accept_loss {
        return Err(
            Exit::new(2, "--complete and --accept-loss contradict each other".into()).into()
        );
    }
    let identities = identities(&wanted.identity)?;
    let witnesses = witnesses(&wanted.checkpoint)?;
    empty(&wanted.into)?;
    let file = File::open(&wanted.backup).map_err(|error| fail(73, &wanted.backup, &error))?;
    let mut meter = Meter::new("unpacking", file.metadata()?.len());
    let mut house = House::new(&wanted.into);
    let input = BufReader::with_capacity(1 << 20, file);
    let read = unpack(input, &identities, &mut house, &mut |bytes| meter.add(bytes))
        .map_err(|error| unpacking(&wanted.backup, &error))?;
    house.settle().map_err(|error| fail(74, &wanted.into, &error))?;
    let data = house.data();
    let (vault, known) = authentic(wanted, &read, &data)?;
    let mut journal = Checked { vault: &vault, known, root: data.join("journal"), size: 0 };
    journal.holds(&read.manifest)?;
    let digest = Manifest::digest(&read.encoded);
    let backup_size = i64::try_from(read.manifest.size)?;
    let mut marker = Marker::new(Stage::Unpacking, digest, backup_size);
    if let Some(younger) = &wanted.journal {
        journal.replace_by(younger, &read.manifest)?;
    }
    marker.size = i64::try_from(journal.size)?;
    marker.complete = wanted.complete;
    marker.lost_leaves = journal.held_against(&witnesses, &read.manifest, wanted)?;
    marker.stage = Stage::Ready;
    marker.write(&data)?;
    report(wanted, &read, &marker, begun)?;
    remarks(wanted, &data, &marker);
    Ok(true)
}

/// The directory, empty; made if it is not there.
fn empty(dir: &Path) -> Result<(), Exit> {
    let told = |error| fail(73, dir, &error);
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(told)?;
    match std::fs::read_dir(dir).map_err(told)?.next() {
        None => Ok(()),
        Some(_) => Err(Exit::new(
            73,
            format!("{}: is not empty; a restore begins with an empty directory", dir.display()),
        )),
    }
}

fn unpacking(backup: &Path, error: &UnpackError) -> Exit {
    let code = match error {
        UnpackError::Manifest(ward_backup::ManifestError::Newer { .. })
        | UnpackError::Open(ward_backup::OpenError::Newer) => 78,
        UnpackError::Sink { .. } | UnpackError::Read(_) => 74,
        UnpackError::Open(_) | UnpackError::Manifest(_) | UnpackError::Damaged { .. } => 73,
    };
    fail(code, backup, error)
}

/// A checkpoint that was kept outside, with the file it came from.
struct Witness {
    file: PathBuf,
    note: SignedNote,
    checkpoint: Checkpoint,
}

fn witnesses(files: &[PathBuf]) -> Result<Vec<Witness>> {
    let read = |file: &PathBuf| {
        let text = std::fs::read(file).map_err(|error| fail(64, file, &error))?;
        let note = SignedNote::parse(&text).map_err(|error| fail(64, file, &error))?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(|error| fail(64, file, &error))?;
        Ok(Witness { file: file.clone(), note, checkpoint })
    };
    files.iter().map(read).collect()
}

/// Opens custody with the key file, and holds the manifest to it.
fn authentic(wanted: &Restore, read: &Unpacked, data: &Path) -> Result<(Vault, Vec<Verifier>)> {
    let config = load::config(&wanted.into.join(names::CONFIG)).ok();
    let file = wanted.key_file.as_deref();
    let vault = Vault::open(&data.join("custody"), file, config.as_ref(), &read.manifest.log)
        .context("the key file is not that of this backup")?;
    if !Manifest::is_authentic(&vault.mac_key()?, &read.encoded, &read.mac) {
        return Err(Exit::new(
            73,
            "the backup was not made by who has this key file: its manifest was put together by \
             somebody else"
                .to_owned(),
        )
        .into());
    }
    let known = vec![vault.signer()?.verifier().clone()];
    Ok((vault, known))
}

/// A journal that was recomputed from its first leaf.
struct Checked<'a> {
    vault: &'a Vault,
    known: Vec<Verifier>,
    root: PathBuf,
    size: u64,
}

impl Checked<'_> {
    fn verified(&self, root: &Path, outside: Option<Checkpoint>) -> Result<Report> {
        let mut told = clock::now();
        let progress = Box::new(move |at: ward_journal::Progress| {
            if clock::now().since(told) >= 2000 {
                told = clock::now();
                progress(&format!(
                    "recomputing the journal: segment {} of {}, {} leaves",
                    at.segments, at.of_segments, at.records
                ));
            }
        });
        let options = VerifyOptions {
            root_key: Some(self.vault.secret("journal-root")?),
            known: self.known.clone(),
            outside,
            progress: Some(progress),
        };
        verify(&RealDisk::read_only(root), options).map_err(|error| journal(root, &error).into())
    }

    /// Holds the unpacked journal against the checkpoint in the manifest.
    fn holds(&mut self, manifest: &Manifest) -> Result<()> {
        let note = SignedNote::parse(manifest.checkpoint.as_bytes())?;
        note.verify(&self.known).context("the backup's checkpoint is not signed by its log")?;
        let checkpoint = Checkpoint::parse(note.text())?;
        let report = self.verified(&self.root, Some(checkpoint.clone()))?;
        let whole = report.records == manifest.size && checkpoint.size == manifest.size;
        if !report.is_good() || !report.outside || !whole {
            return Err(
                Exit::new(1, format!("the backup's journal is not intact:\n{report}")).into()
            );
        }
        self.size = report.records;
        Ok(())
    }

    /// Takes a younger copy in place of the backup's, if it continues it.
    fn replace_by(&mut self, younger: &Path, manifest: &Manifest) -> Result<()> {
        let held = RealDisk::new(younger).lock("LOCK");
        // A copy on a medium that cannot be written has nobody at work on it.
        if held.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
            let what = format!("{}: a Ward is running on it; stop it first", younger.display());
            return Err(Exit::new(75, what).into());
        }
        let note = SignedNote::parse(manifest.checkpoint.as_bytes())?;
        let checkpoint = Checkpoint::parse(note.text())?;
        let report = self.verified(younger, Some(checkpoint))?;
        if !report.is_good() || !report.outside {
            return Err(Exit::new(
                1,
                format!(
                    "{}: does not continue the backup's journal, so it cannot take its \
                     place:\n{report}",
                    younger.display()
                ),
            )
            .into());
        }
        let plan = cut(&RealDisk::read_only(younger), Upto::End, &self.known)
            .map_err(|error| journal(younger, &error))?;
        // CRASH: the marker says `unpacking` until all of this is over.
        std::fs::remove_dir_all(&self.root).map_err(|error| fail(74, &self.root, &error))?;
        let total = plan.pieces.iter().map(|piece| piece.length).sum();
        let mut meter = Meter::new("copying the younger journal", total);
        let to = RealDisk::new(&self.root);
        let from = RealDisk::read_only(younger);
        ward_journal::copy(&from, &to, &plan, &mut |bytes| meter.add(bytes))
            .map_err(|error| journal(&self.root, &error))?;
        let copied = self.verified(&self.root, Some(plan.head.checkpoint))?;
        if !copied.is_good() || copied.records != report.records {
            return Err(Exit::new(74, format!("the copy is not what was read:\n{copied}")).into());
        }
        progress(&format!(
            "the younger journal continues the backup's: {} leaves more, all of them in force",
            copied.records.saturating_sub(self.size)
        ));
        self.size = copied.records;
        Ok(())
    }

    /// Holds the result against checkpoints kept outside; gives how many leaves are accepted as lost.
    fn held_against(
        &self,
        witnesses: &[Witness],
        manifest: &Manifest,
        wanted: &Restore,
    ) -> Result<i64> {
        let mut largest = 0;
        for witness in witnesses {
            let place = witness.file.display();
            witness
                .note
                .verify(&self.known)
                .map_err(|error| fail(1, &witness.file, &error))
                .with_context(|| format!("{place}: not a checkpoint of this log"))?;
            largest = largest.max(witness.checkpoint.size);
            if witness.checkpoint.size > self.size {
                continue;
            }
            let report = self.verified(&self.root, Some(witness.checkpoint.clone()))?;
            if !report.is_good() || !report.outside {
                let what = format!("{place}: names another journal than this backup:\n{report}");
                return Err(Exit::new(1, what).into());
            }
        }
        let lost = largest.saturating_sub(self.size);
        if lost == 0 {
            return Ok(0);
        }
        let loss = Loss { lost, have: self.size, witnessed: largest, since: manifest.created_at() };
        if !wanted.accept_loss {
            return Err(Exit::new(1, loss.refusal(wanted.journal.is_some())).into());
        }
        progress(&loss.words());
        Ok(i64::try_from(lost)?)
    }
}

/// A tree smaller than one that was witnessed.
struct Loss {
    lost: u64,
    have: u64,
    witnessed: u64,
    since: ward_model::UnixMillis,
}

impl Loss {
    fn words(&self) -> String {
        format!(
            "The newest checkpoint kept outside names {} leaves; here stand {}. So {} leaves are \
             lost: what was recorded after about {}.\n\
             - Tokens issued in them are refused as `ledger_behind` until they end; nobody is taken \
             for a forger. Their holders sign in again.\n\
             - Who left in that time has NOT left here: send every leaver since then again by SCIM \
             before anything is served.\n\
             - Revocations of that time are gone: revoke again.\n\
             - Reads of that time can be scoped from nothing else.",
            self.witnessed,
            self.have,
            self.lost,
            crate::api::text_of(self.since),
        )
    }

    fn refusal(&self, had_journal: bool) -> String {
        let other = if had_journal {
            "The younger journal given is older than that checkpoint; is there a newer copy?"
        } else {
            "A younger copy of the journal directory (--journal) brings them back."
        };
        format!(
            "{}\n{other}\nTo go on without them: --accept-loss. It is recorded, and the first start \
             raises an alert.",
            self.words()
        )
    }
}

fn journal(root: &Path, error: &OpenError) -> Exit {
    let code = match error {
        OpenError::Newer { .. } => 78,
        OpenError::Io { .. } => 74,
        OpenError::Missing | OpenError::WrongKey | OpenError::Exists => 73,
        _ => 1,
    };
    fail(code, root, error)
}

/// Where the files go. Names were checked by the manifest's rules before any of this is called.
struct House {
    into: PathBuf,
    layout: Option<Layout>,
    file: Option<File>,
    format: Option<Vec<u8>>,
    in_format: bool,
    dirs: BTreeSet<PathBuf>,
}

impl House {
    fn new(into: &Path) -> Self {
        let (layout, file, format) = (None, None, None);
        let dirs = BTreeSet::from([into.to_owned()]);
        Self { into: into.to_owned(), layout, file, format, in_format: false, dirs }
    }

    fn below(&self, path: impl Fn(&Layout) -> &String) -> PathBuf {
        let path = self.layout.as_ref().map(path).filter(|path| *path != ".");
        path.map_or_else(|| self.into.clone(), |path| self.into.join(path))
    }

    fn data(&self) -> PathBuf {
        self.below(|layout| &layout.data)
    }

    fn place(&self, name: &str) -> PathBuf {
        if name == names::CATALOGUE {
            self.below(|layout| &layout.catalogue)
        } else if let Some(policy) = name.strip_prefix(names::POLICIES) {
            self.below(|layout| &layout.policies).join(policy)
        } else if let Some(rest) = name.strip_prefix(names::DATA) {
            self.data().join(rest)
        } else {
            self.into.join(name)
        }
    }

    fn make_dir(&mut self, dir: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let inside = dir.ancestors().take_while(|it| it.starts_with(&self.into));
        self.dirs.extend(inside.map(Path::to_owned));
        Ok(())
    }

    /// Makes it durable, and a journal last.
    fn settle(&mut self) -> Result<(), Exit> {
        let told = |error| fail(74, &self.into, &error);
        for dir in &self.dirs {
            File::open(dir).and_then(|dir| dir.sync_all()).map_err(told)?;
        }
        let format = self.format.take().unwrap_or_default();
        let path = self.data().join("journal").join("format");
        ward_journal::durable::replace(&path, &format).map_err(told)
    }
}

impl Sink for House {
    fn manifest(&mut self, manifest: &Manifest) -> io::Result<()> {
        self.layout = Some(manifest.layout.clone());
        let data = self.data();
        self.make_dir(&data)?;
        let digest = Manifest::digest(&manifest.encode().map_err(io::Error::other)?);
        let size = i64::try_from(manifest.size).map_err(io::Error::other)?;
        Marker::new(Stage::Unpacking, digest, size).write(&data).map_err(io::Error::other)?;
        ward_journal::lay(&RealDisk::new(data.join("journal"))).map_err(io::Error::other)?;
        for dir in ["journal", "journal/segments", "journal/checkpoints", "custody"] {
            self.make_dir(&data.join(dir))?;
        }
        Ok(())
    }

    fn begin(&mut self, file: &FileEntry) -> io::Result<()> {
        self.in_format = file.name == "data/journal/format";
        if self.in_format {
            self.format = Some(Vec::new());
            return Ok(());
        }
        let place = self.place(&file.name);
        if let Some(dir) = place.parent() {
            self.make_dir(dir)?;
        }
        let mut options = OpenOptions::new();
        self.file = Some(options.write(true).create_new(true).mode(0o600).open(place)?);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match (&mut self.file, &mut self.format) {
            (_, Some(format)) if self.in_format => {
                format.extend_from_slice(bytes);
                Ok(())
            }
            (Some(file), _) => file.write_all(bytes),
            (None, _) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn end(&mut self, entry: &FileEntry) -> io::Result<()> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        // WHY real zeros: an append must not find a hole where there is no space for it.
        let mut left = entry.length.saturating_sub(entry.bytes);
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(ZEROS.len());
            file.write_all(ZEROS.get(..most).unwrap_or_default())?;
            left -= most as u64;
        }
        file.sync_data()
    }
}

fn report(
    wanted: &Restore,
    read: &Unpacked,
    marker: &Marker,
    begun: ward_model::UnixMillis,
) -> Result<()> {
    let bytes = read.manifest.bytes();
    let report = json!({
        "into": wanted.into, "log": read.manifest.log, "backup_leaves": marker.backup_size,
        "leaves": marker.size, "complete": marker.complete, "lost_leaves": marker.lost_leaves,
        "taken_at": crate::api::text_of(read.manifest.created_at()), "bytes": bytes,
        "seconds": seconds(begun), "mb_per_second": rate(bytes, begun), "backup": marker.backup,
    });
    told(
        &report,
        wanted.json,
        &format!(
            "{} leaves of {} stand in {}, recomputed and signed; the backup had {}\n\
             {:.1} MB in {:.1} s, {:.0} MB/s",
            marker.size,
            read.manifest.log,
            wanted.into.display(),
            marker.backup_size,
            mega(bytes),
            seconds(begun),
            rate(bytes, begun),
        ),
    )
}

/// What is left to do by hand.
fn remarks(wanted: &Restore, data: &Path, marker: &Marker) {
    let config = wanted.into.join(names::CONFIG);
    match load::config(&config) {
        Ok(found) if found.data != data => progress(&format!(
            "ward.toml names the state directory {}; it was put into {}: move it, or edit",
            found.data.display(),
            data.display()
        )),
        Ok(found) => {
            if let Some(file) = wanted.key_file.as_ref().filter(|file| **file != found.key_file) {
                let (from, to) = (file.display(), found.key_file.display());
                progress(&format!("the key file is not put down: copy {from} to {to}"));
            }
        }
        Err(mistakes) => progress(&mistakes.join("\n")),
    }
    progress(if marker.complete {
        "the first start goes on from here"
    } else {
        "the first start begins a new origin, answers `ledger_behind` for tokens of the lost tail, and \
         raises an alert. Send every leaver since the backup again by SCIM, and fetch the newest \
         checkpoint from outside to see what is missing"
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smaller_tree_is_explained() {
        let since = ward_model::UnixMillis::from_seconds(1_795_000_000);
        let loss = Loss { lost: 16, have: 100, witnessed: 116, since };
        insta::assert_snapshot!(loss.refusal(false));
    }

    #[test]
    fn names_go_where_the_layout_says() {
        let mut house = House::new(Path::new("into"));
        for (data, name, want) in [
            ("data", "ward.toml", "into/ward.toml"),
            ("data", "data/register.db", "into/data/register.db"),
            (".", "data/register.db", "into/register.db"),
            (".", "data/custody/key-1.sealed", "into/custody/key-1.sealed"),
            ("data", "catalogue.toml", "into/conf/routes.toml"),
            ("data", "policies/a.cedar", "into/rules/a.cedar"),
        ] {
            let (data, catalogue) = (data.to_owned(), "conf/routes.toml".to_owned());
            house.layout = Some(Layout { catalogue, data, policies: "rules".to_owned() });
            assert_eq!(house.place(name), Path::new(want), "{name}");
        }
    }

    #[test]
    fn a_restore_begins_with_an_empty_directory() {
        let dir = std::env::temp_dir().join(format!("ward-restore-{}", std::process::id()));
        assert!(empty(&dir).is_ok() && empty(&dir).is_ok());
        File::create(dir.join("x")).unwrap();
        assert_eq!(empty(&dir).unwrap_err().code, 73);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
