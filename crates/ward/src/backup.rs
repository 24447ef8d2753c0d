//! `ward backup`: one sealed file with everything a Ward is, but its key file; Ward may be running.
//!
//! Order: the store is copied, then a checkpoint is signed over all it tells of, then the register
//! is copied, which has every number those leaves name; the journal is cut at that checkpoint. A
//! Ward that runs makes the copies itself (`POST /api/backup`), for it holds the register's lock.
//! After it is written the file is read back and held to the hash of what was written.
//! Best test: `interop/disaster.py`.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use ward_backup::manifest::is_inside;
use ward_backup::{
    Discard, Identity, Layout, Manifest, PackError, Recipient, Source, measure, names, pack, unpack,
};
use ward_journal::durable::Staged;
use ward_journal::{Journal, OpenError, Options, RealDisk, Upto, cut};
use ward_model::{Secret, TreeSize};
use ward_register::Register;
use ward_store::Store;
use ward_tlog::NoteSigner;
use zeroize::Zeroizing;

use crate::cli::{Backup, BackupCreate, BackupVerify};
use crate::config::Config;
use crate::config::custody::Source as Lock;
use crate::exit::{Exit, fail};
use crate::{ask, clock, load, open, progress, say};

/// Largest file of keys read, bytes.
const KEYS_BYTES_MAX: u64 = 64 << 10;
/// Progress is told this often, milliseconds.
const TELL_EVERY_MS: i64 = 2000;

/// `ward backup`.
///
/// # Errors
/// With the documented exit code.
pub async fn run(command: Backup) -> Result<bool> {
    match command {
        Backup::Create(wanted) => create(wanted).await,
        Backup::Verify(wanted) => blocking(move || verify(&wanted)).await,
        Backup::Keygen { out } => blocking(move || keygen(&out)).await,
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.context("the work ended badly")?
}

/// Keys of a state directory that backups need.
pub struct Vault {
    keys: ward_keys::KeyStore,
    name: String,
}

impl Vault {
    /// Opens custody; nothing is made.
    ///
    /// # Errors
    /// The key file is not that of this custody, or cannot be read.
    pub fn open(
        custody: &Path,
        key_file: Option<&Path>,
        config: Option<&Config>,
        name: &str,
    ) -> Result<Self> {
        if !custody.is_dir() {
            return Err(Exit::new(73, format!("{}: no custody here", custody.display())).into());
        }
        let kek = crate::unlock::look(custody, key_file, config)?.opened.kek;
        let keys = ward_keys::KeyStore::open(custody, kek, Vec::new())
            .map_err(|error| fail(73, custody, &error))?;
        Ok(Self { keys, name: name.to_owned() })
    }

    /// A secret that must be there.
    ///
    /// # Errors
    /// It does not open.
    pub fn secret(&self, name: &str) -> Result<Secret<[u8; 32]>> {
        self.keys.secret(name).map_err(|error| anyhow!(error))
    }

    /// Signs this log's checkpoints.
    ///
    /// # Errors
    /// The log's name is none.
    pub fn signer(&self) -> Result<NoteSigner> {
        Ok(NoteSigner::from_seed(&self.name, self.secret("checkpoint")?.expose())?)
    }

    /// Keys the MAC of a manifest.
    ///
    /// # Errors
    /// The secret does not open.
    pub fn mac_key(&self) -> Result<aws_lc_rs::hmac::Key> {
        Ok(Manifest::mac_key(&self.secret("journal-root")?))
    }
}

/// The vault of a configuration.
fn vault(config: &Config) -> Result<Vault> {
    let file = match &config.custody.source {
        Lock::File(file) => Some(file.as_path()),
        _ => None,
    };
    Vault::open(&config.data.join("custody"), file, Some(config), &config.name)
}

/// Copies of the databases, and the leaves that cover them.
pub struct Copies {
    dir: PathBuf,
    size: TreeSize,
}

impl Drop for Copies {
    fn drop(&mut self) {
        // Left behind, they go a day later (`api/backup.rs`).
        let _left = std::fs::remove_dir_all(&self.dir);
    }
}

/// Copies the databases into `dir`, which is made; gives the size of the checkpoint that covers them.
///
/// # Errors
/// The disk refuses.
pub fn copy_databases(
    dir: &Path,
    store: &Store,
    journal: &Journal,
    register: &Register,
) -> Result<TreeSize> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().mode(0o700).create(dir)?;
    store.copy_to(&dir.join("store.db"))?;
    // INVARIANT: the store is not ahead of this, and the register is not behind it.
    let kept = journal.checkpoint_now()?.context("nothing is recorded yet")?;
    register.copy_to(&dir.join("register.db"))?;
    Ok(TreeSize(i64::try_from(kept.checkpoint.size)?))
}

/// A name for a directory of copies.
#[must_use]
pub fn copies_name() -> String {
    let random: [u8; 8] = clock::random();
    format!("{COPIES}{}", data_encoding::HEXLOWER.encode(&random))
}

/// How directories of copies are named in the state directory.
pub const COPIES: &str = "backup-copies-";

/// Where the configuration of a command lies, and itself.
fn configured(file: &Path) -> Result<Config> {
    load::config(file).map_err(|mistakes| Exit::new(64, mistakes.join("\n")).into())
}

async fn create(wanted: BackupCreate) -> Result<bool> {
    let file = match &wanted.remote.demo {
        Some(dir) => dir.join("ward.toml"),
        None => wanted.config.clone(),
    };
    let config = configured(&file)?;
    let to = recipients(&wanted)?;
    if wanted.out.exists() {
        return Err(Exit::new(73, format!("{}: is there already", wanted.out.display())).into());
    }
    let vault = vault(&config)?;
    let stopped = {
        let config = config.clone();
        blocking(move || copies_of_stopped(&config)).await?
    };
    let copies = match stopped {
        Some(copies) => copies,
        None => copies_of_running(&config, &wanted).await?,
    };
    let json = wanted.remote.json;
    blocking(move || write(&file, &config, &vault, &copies, &to, &wanted.out, json)).await
}

/// Copies of a Ward that does not run; `None` when one does. Nothing starts there meanwhile.
fn copies_of_stopped(config: &Config) -> Result<Option<Copies>> {
    let vault = vault(config)?;
    let entropy = Box::new(|bytes: &mut [u8]| {
        clock::fill(bytes);
        Ok(())
    });
    let options =
        Options::new(vault.secret("journal-root")?, vault.signer()?, entropy, clock::now());
    let root = config.data.join("journal");
    let journal = match Journal::open(Arc::new(RealDisk::new(&root)), options, Vec::new()) {
        Ok(journal) => journal,
        Err(OpenError::Locked) => return Ok(None),
        Err(error) => return Err(open::opening(config, &error).into()),
    };
    let place = |name: &str| config.data.join(name);
    let register = Register::open(&place("register.db"), &vault.secret("register")?)?;
    let store = Store::open(&place("store.db"), &vault.secret("store")?)?;
    let mut copies = Copies { dir: config.data.join(copies_name()), size: TreeSize(0) };
    copies.size = copy_databases(&copies.dir, &store, &journal, &register)?;
    journal.stop();
    Ok(Some(copies))
}

async fn copies_of_running(config: &Config, wanted: &BackupCreate) -> Result<Copies> {
    progress("Ward runs: asking it for copies of its databases");
    let answer = ask::client(&wanted.remote)?.post("/api/backup", &json!({})).await?.ok()?;
    let word = |key: &str| answer.get(key).and_then(serde_json::Value::as_str);
    let dir = word("copies").filter(|dir| names::is_plain(dir)).context("no copies named")?;
    let size = answer.get("size").and_then(serde_json::Value::as_i64).context("no size named")?;
    Ok(Copies { dir: config.data.join(dir), size: TreeSize(size) })
}

fn recipients(wanted: &BackupCreate) -> Result<Vec<Recipient>> {
    let wrong = |what: &str, error| Exit::new(64, format!("{what}: {error}"));
    let mut to = Vec::new();
    for text in &wanted.recipient {
        to.push(Recipient::parse(text).map_err(|error| wrong(text, error))?);
    }
    for file in &wanted.recipients_file {
        let text = read_small(file)?;
        let named = file.display().to_string();
        to.extend(Recipient::parse_file(&text).map_err(|error| wrong(&named, error))?);
    }
    if to.is_empty() {
        bail!(Exit::new(
            2,
            "whom to seal it to? --recipient age1... (`ward backup keygen` makes a pair)"
                .to_owned()
        ));
    }
    Ok(to)
}

/// The identities in files.
///
/// # Errors
/// 64: a file holds none.
pub fn identities(files: &[PathBuf]) -> Result<Vec<Identity>> {
    let mut all = Vec::new();
    for file in files {
        let wrong = |error| Exit::new(64, format!("{}: {error}", file.display()));
        all.extend(Identity::parse_file(&read_small(file)?).map_err(wrong)?);
    }
    Ok(all)
}

fn read_small(file: &Path) -> Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let opened = File::open(file).map_err(|error| fail(64, file, &error))?;
    opened
        .take(KEYS_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| fail(64, file, &error))?;
    Ok(text)
}

/// Everything to be kept, in no order.
fn sources(file: &Path, config: &Config, vault: &Vault, copies: &Copies) -> Result<Gathered> {
    let known = [vault.signer()?.verifier().clone()];
    let root = config.data.join("journal");
    let plan = cut(&RealDisk::read_only(&root), Upto::Checkpoint(copies.size), &known)
        .map_err(|error| open::opening(config, &error))?;
    let mut sources = vec![
        whole(names::CONFIG, file)?,
        whole(names::CATALOGUE, &config.catalogue)?,
        whole(names::REGISTER, &copies.dir.join("register.db"))?,
        whole(names::STORE, &copies.dir.join("store.db"))?,
    ];
    for (dir, prefix, kind) in [
        (&config.policies, names::POLICIES, "cedar"),
        (&config.data.join("custody"), names::CUSTODY, "sealed"),
        (&config.data.join("in-force"), names::IN_FORCE, "json"),
    ] {
        for entry in std::fs::read_dir(dir).map_err(|error| fail(73, dir, &error))? {
            let path = entry?.path();
            if path.extension().is_none_or(|it| it != kind) {
                continue;
            }
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            sources.push(whole(&format!("{prefix}{name}"), &path)?);
        }
    }
    sources.extend(plan.pieces.iter().map(|piece| Source {
        name: format!("{}{}", names::JOURNAL, piece.path),
        place: root.join(&piece.path),
        bytes: piece.bytes,
        length: piece.length,
    }));
    Ok(Gathered { sources, checkpoint: plan.head.note.encode(), size: plan.size })
}

struct Gathered {
    sources: Vec<Source>,
    checkpoint: String,
    size: TreeSize,
}

fn whole(name: &str, place: &Path) -> Result<Source> {
    let bytes = std::fs::metadata(place).map_err(|error| fail(73, place, &error))?.len();
    let (name, place) = (name.to_owned(), place.to_owned());
    Ok(Source { name, place, bytes, length: bytes })
}

/// Where the configuration looks for its files, when that is beside it.
fn layout(file: &Path, config: &Config) -> Layout {
    let base = file.parent().unwrap_or_else(|| Path::new(""));
    let inside = |path: &Path, otherwise: &str| {
        let path = path.strip_prefix(base).ok().and_then(Path::to_str);
        let path = path.map(|path| if path.is_empty() { "." } else { path });
        path.filter(|path| is_inside(path)).unwrap_or(otherwise).to_owned()
    };
    Layout {
        catalogue: inside(&config.catalogue, "catalogue.toml"),
        data: inside(&config.data, "data"),
        policies: inside(&config.policies, "policies"),
    }
}

fn write(
    file: &Path,
    config: &Config,
    vault: &Vault,
    copies: &Copies,
    to: &[Recipient],
    out: &Path,
    json: bool,
) -> Result<bool> {
    let begun = clock::now();
    let Gathered { mut sources, checkpoint, size } = sources(file, config, vault, copies)?;
    let total: u64 = sources.iter().map(|source| source.bytes).sum();
    let mut meter = Meter::new("measuring", total);
    let files = measure(&mut sources, &mut |bytes| meter.add(bytes)).map_err(packing)?;
    let manifest = Manifest {
        checkpoint,
        created_at: begun.ms(),
        files,
        format: ward_backup::manifest::FORMAT,
        layout: layout(file, config),
        log: config.name.clone(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        size: u64::try_from(size.0)?,
    };
    let encoded = manifest.encode()?;
    let mac = Manifest::mac(&vault.mac_key()?, &encoded);
    let (sealed, hash) = seal(out, &manifest, &mac, &sources, to, total)?;
    let sha256 = data_encoding::HEXLOWER.encode(&hash);
    let report = json!({
        "backup": out, "leaves": size, "files": manifest.files.len(), "bytes": total,
        "sealed_bytes": sealed, "sha256": sha256,
        "manifest_sha256": data_encoding::HEXLOWER.encode(&Manifest::digest(&encoded)),
        "recipients": to.len(), "seconds": seconds(begun), "mb_per_second": rate(total, begun),
        "checkpoint": manifest.checkpoint, "key_file_included": false,
    });
    told(
        &report,
        json,
        &format!(
            "{} leaves in {} files sealed to {} recipient{} and read back: {}\n\
         {:.1} MB in {:.1} s, {:.0} MB/s\nsha256 {}",
            size.0,
            manifest.files.len(),
            to.len(),
            if to.len() == 1 { "" } else { "s" },
            out.display(),
            mega(total),
            seconds(begun),
            rate(total, begun),
            sha256,
        ),
    )?;
    let opens = match &config.custody.source {
        Lock::File(file) => format!("the key file {}. Keep a copy of it", file.display()),
        Lock::Passphrase(_) => "the passphrase of custody. Keep it".to_owned(),
        Lock::Shares => "the shares of custody. Their holders keep them".to_owned(),
        Lock::Token { place, .. } => {
            format!("the PKCS#11 token {}. Keep a copy of it", place.token)
        }
    };
    progress(&format!(
        "NOT in the backup: {opens} elsewhere, apart from the backup and from the identity: without \
         it this backup opens nothing."
    ));
    Ok(true)
}

/// Writes the file, reads it back, and gives it its name: its length and hash.
fn seal(
    out: &Path,
    manifest: &Manifest,
    mac: &[u8],
    sources: &[Source],
    to: &[Recipient],
    total: u64,
) -> Result<(u64, [u8; 32])> {
    let mut staged = Staged::create(out).map_err(|error| fail(74, out, &error))?;
    let mut meter = Meter::new("sealing", total);
    let mut entropy = |bytes: &mut [u8]| {
        clock::fill(bytes);
        Ok(())
    };
    let done = &mut |bytes| meter.add(bytes);
    let hashing = Hashing::new(BufWriter::with_capacity(1 << 20, staged.file()));
    let Hashing { hash, bytes, out: file } =
        pack(hashing, manifest, mac, sources, to, &mut entropy, done).map_err(packing)?;
    drop(file);
    let written: [u8; 32] = hash.finalize().into();
    let found = read_back(staged.file(), bytes).map_err(|error| fail(74, out, &error))?;
    if found != written {
        return Err(Exit::new(74, format!("{}: read back otherwise", out.display())).into());
    }
    staged.commit().map_err(|error| fail(74, out, &error))?;
    Ok((bytes, written))
}

fn packing(error: PackError) -> anyhow::Error {
    let code = match &error {
        PackError::Changed { .. } => 75,
        PackError::Manifest(_) => 64,
        PackError::Read { .. } => 73,
        PackError::Write(_) => 74,
    };
    fail(code, Path::new("backup"), &error).into()
}

fn read_back(file: &mut File, bytes: u64) -> io::Result<[u8; 32]> {
    io::Seek::rewind(file)?;
    let mut read = Hashing::new(io::sink());
    let length = io::copy(&mut BufReader::with_capacity(1 << 20, file), &mut read)?;
    if length != bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(read.hash.finalize().into())
}

fn verify(wanted: &BackupVerify) -> Result<bool> {
    let begun = clock::now();
    let identities = identities(&wanted.identity)?;
    let file = File::open(&wanted.backup).map_err(|error| fail(73, &wanted.backup, &error))?;
    let mut meter = Meter::new("verifying", file.metadata()?.len());
    let input = BufReader::with_capacity(1 << 20, file);
    match unpack(input, &identities, &mut Discard, &mut |bytes| meter.add(bytes)) {
        Ok(read) => {
            let manifest = &read.manifest;
            let bytes = manifest.bytes();
            let report = json!({
                "good": true, "log": manifest.log, "leaves": manifest.size,
                "files": manifest.files.len(), "bytes": bytes, "created_at": manifest.created_at,
                "program": manifest.program, "checkpoint": manifest.checkpoint,
                "seconds": seconds(begun), "mb_per_second": rate(bytes, begun),
            });
            told(
                &report,
                wanted.json,
                &format!(
                    "every file is what its manifest says: {} leaves of {} in {} files, taken {}\n\
                 {:.1} MB in {:.1} s, {:.0} MB/s\nwho made it is told by `ward restore`, which has \
                 the key file",
                    manifest.size,
                    manifest.log,
                    manifest.files.len(),
                    crate::api::text_of(manifest.created_at()),
                    mega(bytes),
                    seconds(begun),
                    rate(bytes, begun),
                ),
            )?;
            Ok(true)
        }
        Err(error) => {
            let what = fail(1, &wanted.backup, &error).message;
            told(&json!({"good": false, "what": what}), wanted.json, &what)?;
            Ok(false)
        }
    }
}

fn keygen(out: &Path) -> Result<bool> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let identity = Identity::new(Secret::new(clock::random()));
    let recipient = identity.recipient()?;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(out)
        .map_err(|error| fail(73, out, &error))?;
    writeln!(file, "# public key: {recipient}\n{}", identity.text().as_str())?;
    file.sync_all()?;
    say(&recipient.to_string());
    progress(&format!("{}: keep it apart from the backups and from the key file", out.display()));
    Ok(true)
}

/// Prints a report as JSON or in words.
///
/// # Errors
/// It cannot be written as JSON.
pub fn told(report: &serde_json::Value, json: bool, words: &str) -> Result<()> {
    say(&if json { serde_json::to_string_pretty(report)? } else { words.to_owned() });
    Ok(())
}

/// Counts and hashes what passes.
struct Hashing<W> {
    out: W,
    hash: Sha256,
    bytes: u64,
}

impl<W> Hashing<W> {
    fn new(out: W) -> Self {
        Self { out, hash: Sha256::new(), bytes: 0 }
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Tells how far long work has come.
pub struct Meter {
    what: &'static str,
    total: u64,
    done: u64,
    begun: ward_model::UnixMillis,
    told: ward_model::UnixMillis,
}

impl Meter {
    /// Work over `total` bytes, if that is known; 0 when not.
    #[must_use]
    pub fn new(what: &'static str, total: u64) -> Self {
        let now = clock::now();
        Self { what, total, done: 0, begun: now, told: now }
    }

    /// Some of it is done.
    pub fn add(&mut self, bytes: u64) {
        self.done += bytes;
        let now = clock::now();
        if now.since(self.told) >= TELL_EVERY_MS {
            self.told = now;
            let (done, rate) = (mega(self.done), rate(self.done, self.begun));
            progress(&match self.total {
                0 => format!("{}: {done:.0} MB, {rate:.0} MB/s", self.what),
                all => format!("{}: {done:.0} of {:.0} MB, {rate:.0} MB/s", self.what, mega(all)),
            });
        }
    }
}

/// Megabytes.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "shown to a person")]
pub fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Seconds since.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "shown to a person")]
pub fn seconds(begun: ward_model::UnixMillis) -> f64 {
    clock::now().since(begun).max(1) as f64 / 1000.0
}

/// Megabytes a second since.
#[must_use]
pub fn rate(bytes: u64, begun: ward_model::UnixMillis) -> f64 {
    mega(bytes) / seconds(begun)
}
