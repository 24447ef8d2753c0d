//! Opening the rooms in order: custody, register, store, journal with every view, then what must be
//! recorded before anything is served.
//!
//! CRASH: each step can be stopped after and done again. Secrets are durable before they key
//! anything; the journal is replayed whole before an origin is opened; nothing listens yet.

mod running;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use ward_archive::ScopeView;
use ward_gate::bypass::Bypasses;
use ward_gate::exposure::{Budget, Exposures};
use ward_gate::intent::Intents;
use ward_journal::{Journal, Options, RealDisk};
use ward_keys::{DeclaredHolder, Kek, KeyStore, NewKey, Origins};
use ward_ledger::{Ledger, LedgerSecret};
use ward_model::record::{IssuerModeSet, JournalOpened, NodeStarted, OriginOpened};
use ward_model::word::{Algorithm, KeyPurpose, KeyState};
use ward_model::{LeafIndex, Position, PrincipalKind, Record, Secret, Text, View};
use ward_operators::{SharedApprovals, SharedHistory, SharedReads};
use ward_people::SharedHoldings;
use ward_register::Register;
use ward_respond::SharedIncidents;
use ward_store::Store;
use ward_tlog::NoteSigner;
use ward_watch::SharedWatch;

use crate::clock;
use crate::config::Config;
use crate::declarations::{self, Set};
use crate::exit::{Exit, fail};
use crate::restored::{self, Marker};
use crate::view::pulse::Pulse;
use crate::view::recent::Recent;

/// Records applied to the store at once.
const BATCH: usize = 16_384;

/// The rooms below the gate, open.
pub struct Rooms {
    /// What happened.
    pub journal: Journal,
    /// The check.
    pub ledger: Ledger,
    /// Numbers.
    pub register: Register,
    /// Rows.
    pub store: Store,
    /// Custody.
    pub keys: Arc<KeyStore>,
    /// This life's sequences.
    pub origins: Origins,
    /// Budgets.
    pub exposures: Exposures,
    /// What is seen by following the journal.
    pub seen: Views,
    /// Keys the hash of a stated purpose.
    pub purpose_key: Secret<[u8; 32]>,
    /// The verifier key of checkpoints.
    pub checkpoint_vkey: String,
}

/// Makes the key file and the journal: an explicit act, done once.
///
/// # Errors
/// They exist already, or the disk refuses.
pub fn create(config: &Config) -> Result<(), Exit> {
    std::fs::create_dir_all(&config.data).map_err(|error| fail(73, &config.data, &error))?;
    if !config.key_file.exists() {
        let _kek = Kek::create(&config.key_file, clock::random())
            .map_err(|error| fail(73, &config.key_file, &error))?;
    }
    let keys = custody(config, Vec::new())?;
    let (options, _) = options(config, &keys)?;
    let disk = disk(config)?;
    let journal =
        Journal::create(disk, options, Vec::new()).map_err(|error| opening(config, &error))?;
    let opened = JournalOpened { name: Text::cut(&config.name) };
    let first = append(&journal, vec![opened.into()]);
    journal.stop();
    first
}

/// Opens everything; `progress` is told what goes on.
///
/// # Errors
/// With the documented exit code.
pub fn open(new: Set, file: &Path, progress: &dyn Fn(&str)) -> Result<(Rooms, Set), Exit> {
    let kept = declarations::kept(&new.config.data, file);
    let config = &new.config;
    let restore = restored::pending(&config.data)?;
    let Below { register, store, ledger, keys, purpose_key, mut options, checkpoint_vkey } =
        below(&new, &kept)?;
    // Which set runs is known once the journal is replayed: each counts by its own budgets.
    let counted: Vec<(&Set, Exposures)> =
        kept.iter().chain([&new]).map(|set| (set, Exposures::new(budgets(set)))).collect();
    let (seen, numbers) = (Views::default(), restored::Numbers::default());
    let mut views = seen.list(&ledger);
    views.extend(counted.iter().map(|(_, counted)| Box::new(counted.view()) as Box<dyn View>));
    views.extend(restore.iter().map(|_| numbers.view()));
    progress("replaying the journal");
    options.progress = None;
    let journal =
        Journal::open(disk(config)?, options, views).map_err(|error| opening(config, &error))?;
    keys.sweep(&ledger).map_err(|error| fail(73, &config.data, &error))?;
    catch_up(&journal, &store)?;
    store.drop_unsettled().map_err(|error| fail(74, &config.data, &error))?;
    let running = running::choose(&new, &kept, &seen.approvals)?;
    let exposures = counted
        .iter()
        .find(|(set, _)| set.name == running.set.name)
        .map_or_else(|| Exposures::new(budgets(running.set)), |(_, counted)| counted.clone());
    let origins = begin(&running, &journal, &ledger, &keys, &seen.intents, restore.as_ref())?;
    if restore.is_some() {
        progress("ending the restore");
        restored::finish(&config.data, &numbers, &register, &store, &journal)?;
    }
    let name = running.set.name;
    drop(counted);
    let set = kept.into_iter().find(|set| set.name == name).unwrap_or(new);
    set.drop_others();
    let keys = Arc::new(keys);
    let rooms = Rooms {
        journal,
        ledger,
        register,
        store,
        keys,
        origins,
        exposures,
        seen,
        purpose_key,
        checkpoint_vkey,
    };
    Ok((rooms, set))
}

/// What is open before the journal is replayed.
struct Below {
    register: Register,
    store: Store,
    ledger: Ledger,
    keys: KeyStore,
    purpose_key: Secret<[u8; 32]>,
    options: Options,
    checkpoint_vkey: String,
}

fn below(new: &Set, kept: &[Set]) -> Result<Below, Exit> {
    let config = &new.config;
    if !config.key_file.exists() {
        let place = config.key_file.display();
        return Err(Exit::new(73, format!("{place}: no key file; `ward init` makes one")));
    }
    let keys = custody(config, Vec::new())?;
    let secret = |name: &str| keys.secret(name).map_err(|error| fail(73, &config.data, &error));
    let register = Register::open(&config.data.join("register.db"), &secret("register")?)
        .map_err(|error| database(config, "register.db", &error))?;
    let store = Store::open(&config.data.join("store.db"), &secret("store")?)
        .map_err(|error| database(config, "store.db", &error))?;
    let ledger = Ledger::new(LedgerSecret::new(secret("ledger")?));
    // Whoever is root by any of the sets holds the keys.
    let roots: BTreeSet<&String> =
        kept.iter().chain([new]).flat_map(|set| &set.config.root_on_hosts).collect();
    let holders = storage_holders(config, &roots, &store, &ledger)?;
    let purpose_key = secret("purpose")?;
    let (options, checkpoint_vkey) = options(config, &keys)?;
    let keys = if holders.is_empty() { keys } else { custody(config, holders)? };
    Ok(Below { register, store, ledger, keys, purpose_key, options, checkpoint_vkey })
}

/// Everything that is seen by following the journal, but for the ledger.
#[derive(Default)]
pub struct Views {
    /// Operators, proposals, consents.
    pub approvals: SharedApprovals,
    /// Intents without an outcome.
    pub intents: Intents,
    /// Routes opened in an emergency.
    pub bypasses: Bypasses,
    /// What people hold.
    pub holdings: SharedHoldings,
    /// Detectors.
    pub watch: SharedWatch,
    /// Incidents.
    pub incidents: SharedIncidents,
    /// Scope.
    pub scope: ScopeView,
    /// Latest accesses.
    pub recent: Recent,
    /// Rates.
    pub pulse: Pulse,
    /// The operators' record.
    pub history: SharedHistory,
    /// Ward's own reads of today.
    pub reads: SharedReads,
}

impl Views {
    fn list(&self, ledger: &Ledger) -> Vec<Box<dyn View>> {
        vec![
            Box::new(ledger.view()),
            Box::new(self.approvals.view()),
            Box::new(self.intents.view()),
            Box::new(self.bypasses.view()),
            Box::new(self.holdings.view()),
            Box::new(self.watch.view()),
            Box::new(self.incidents.view()),
            Box::new(self.scope.view()),
            Box::new(self.recent.view()),
            Box::new(self.pulse.view()),
            Box::new(self.history.view()),
            Box::new(self.reads.view()),
        ]
    }
}

fn disk(config: &Config) -> Result<Arc<RealDisk>, Exit> {
    let root = config.data.join("journal");
    std::fs::create_dir_all(&root).map_err(|error| fail(73, &root, &error))?;
    Ok(Arc::new(RealDisk::new(&root)))
}

fn custody(config: &Config, storage: Vec<DeclaredHolder>) -> Result<KeyStore, Exit> {
    let kek = Kek::read(&config.key_file).map_err(|error| fail(73, &config.key_file, &error))?;
    KeyStore::open(&config.data.join("custody"), kek, storage).map_err(|error| match error {
        ward_keys::OpenError::Newer { .. } => fail(78, &config.data, &error),
        _ => fail(73, &config.data, &error),
    })
}

fn options(config: &Config, keys: &KeyStore) -> Result<(Options, String), Exit> {
    let secret = |name: &str| keys.secret(name).map_err(|error| fail(73, &config.data, &error));
    let signer = NoteSigner::from_seed(&config.name, secret("checkpoint")?.expose())
        .map_err(|error| fail(64, &config.data, &error))?;
    let vkey = signer.verifier().vkey();
    let entropy = Box::new(|bytes: &mut [u8]| {
        clock::fill(bytes);
        Ok(())
    });
    let mut options = Options::new(secret("journal-root")?, signer, entropy, clock::now());
    options.segment_bytes = config.segment_bytes;
    Ok((options, vkey))
}

fn storage_holders(
    config: &Config,
    roots: &BTreeSet<&String>,
    store: &Store,
    ledger: &Ledger,
) -> Result<Vec<DeclaredHolder>, Exit> {
    let mut holders = Vec::new();
    for name in roots {
        let row =
            store.person_by_user_name(name).map_err(|error| fail(74, &config.data, &error))?;
        // Root who is not a person yet becomes a holder at the first start after he is.
        let Some(row) = row else {
            tracing::warn!("a person of custody.root_on_hosts is not known by SCIM yet");
            continue;
        };
        let id = ward_people::person::id_text(row.person);
        let person_key = ledger.principal_key(PrincipalKind::Person, &id);
        holders.push(DeclaredHolder { person: row.person, person_key, since: clock::now() });
    }
    Ok(holders)
}

fn budgets(set: &Set) -> Vec<Budget> {
    let budget = |one: &ward_catalogue::Budget| Budget {
        name: one.name.clone(),
        kinds: one.kinds.clone(),
        subjects_max: one.subjects_max,
        window_ms: one.window_ms,
    };
    set.catalogue.budgets().iter().map(budget).collect()
}

/// Brings the projection to the journal's head.
fn catch_up(journal: &Journal, store: &Store) -> Result<(), Exit> {
    loop {
        let from = LeafIndex(store.applied().0);
        let batch = journal
            .read(from, BATCH)
            .map_err(|error| Exit::new(74, format!("the journal cannot be read back: {error}")))?;
        if batch.is_empty() {
            return Ok(());
        }
        let records: Vec<(Position, &Record)> = batch.iter().map(|(at, one)| (*at, one)).collect();
        store
            .apply_all(records)
            .map_err(|error| Exit::new(74, format!("the store cannot be brought up: {error}")))?;
    }
}

/// What is recorded before anything is served.
fn begin(
    running: &running::Running<'_>,
    journal: &Journal,
    ledger: &Ledger,
    keys: &KeyStore,
    intents: &Intents,
    restore: Option<&Marker>,
) -> Result<Origins, Exit> {
    let set = running.set;
    let config = &set.config;
    let policies = ward_policy::Policies::load(&set.texts.named())
        .map_err(|all| Exit::new(64, all.iter().map(ToString::to_string).collect()))?;
    let now = clock::now();
    let (origin, mut records) = restored::lives(restore, ledger, now);
    records.push(OriginOpened { origin }.into());
    let version = Text::cut(env!("CARGO_PKG_VERSION"));
    records.push(NodeStarted { version, config_digest: set.name }.into());
    records.extend(running.records.iter().cloned());
    records.push(set.loaded(policies.digest()).into());
    if ledger.next_origin().0 <= 1 {
        let issuer = Text::cut(&config.issuer);
        records.push(IssuerModeSet { issuer, mode: config.issuer_mode }.into());
    }
    records.extend(intents.close_all().into_iter().map(Record::from));
    append(journal, records)?;
    for (purpose, algorithm) in
        [(KeyPurpose::Token, Algorithm::Es256), (KeyPurpose::Transaction, Algorithm::EdDsa)]
    {
        if keys.active(purpose, &config.issuer, ledger).is_ok() {
            continue;
        }
        let new =
            NewKey { purpose, algorithm, issuer: config.issuer.clone(), state: KeyState::Active };
        let change =
            keys.generate(&new, ledger, now).map_err(|error| fail(73, &config.data, &error))?;
        append(journal, change.records().to_vec())?;
    }
    Ok(Origins::new(origin))
}

fn append(journal: &Journal, records: Vec<Record>) -> Result<(), Exit> {
    match journal.append_blocking(records, clock::now()) {
        Ok(_recorded) => Ok(()),
        Err(error) => Err(Exit::new(74, format!("the journal takes no record: {error}"))),
    }
}

/// What a journal that does not open means to the program.
pub fn opening(config: &Config, error: &ward_journal::OpenError) -> Exit {
    use ward_journal::OpenError as E;
    let code = match error {
        E::Locked => 75,
        E::Newer { .. } => 78,
        E::Missing => {
            let place = config.data.display();
            return Exit::new(73, format!("{place}: no journal here; `ward init` makes one"));
        }
        E::Exists | E::WrongKey | E::Options(_) => 73,
        _ => 74,
    };
    fail(code, &config.data.join("journal"), error)
}

fn database(config: &Config, file: &str, error: &(dyn std::error::Error + 'static)) -> Exit {
    let text = error.to_string();
    let code = if text.contains("newer") {
        78
    } else if text.contains("process") || text.contains("in use") {
        75
    } else {
        73
    };
    fail(code, &Path::new(&config.data).join(file), error)
}
