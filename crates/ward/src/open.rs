//! Opening the rooms in order: custody, register, store, journal with every view, then what must be
//! recorded before anything is served.
//!
//! CRASH: each step can be stopped after and done again. Secrets are durable before they key
//! anything; the journal is replayed whole before an origin is opened; nothing listens yet.

mod keeping;
mod running;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use ward_archive::ScopeView;
use ward_gate::bypass::Bypasses;
use ward_gate::exposure::{Budget, Exposures};
use ward_gate::intent::Intents;
use ward_journal::{Journal, Options, RealDisk};
use ward_keys::custody::Share;
use ward_keys::{Kek, KeyStore, NewKey, Origins};
use ward_ledger::{Ledger, LedgerSecret};
use ward_model::record::{IssuerModeSet, JournalOpened, NodeStarted, OriginOpened};
use ward_model::word::{Algorithm, CustodyKind, KeyPurpose, KeyState};
use ward_model::{LeafIndex, Position, Record, Secret, Text, View};
use ward_operators::{SharedApprovals, SharedHistory, SharedReads};
use ward_people::SharedHoldings;
use ward_register::Register;
use ward_respond::SharedIncidents;
use ward_store::Store;
use ward_tlog::NoteSigner;
use ward_watch::SharedWatch;
use zeroize::Zeroizing;

use crate::config::Config;
use crate::config::custody::Source;
use crate::declarations::{self, Set};
use crate::exit::{Exit, fail};
use crate::restored::{self, Marker};
use crate::snapshot::{Against, Snapshots};
use crate::view::live::Live;
use crate::view::pulse::Pulse;
use crate::view::recent::Recent;
use crate::view::uses::Uses;
use crate::{clock, hygiene, unlock};

pub use keeping::kept_by;

/// Records applied to the store at once.
const BATCH: usize = 16_384;

/// The rooms below the gate, open.
pub struct Rooms {
    /// What happened.
    pub journal: Journal,
    /// The check.
    pub ledger: Ledger,
    /// What the next start of the ledger begins with.
    pub snapshots: Snapshots,
    /// Numbers.
    pub register: Register,
    /// Rows.
    pub store: Store,
    /// Memory is kept out of swap.
    pub no_swap: bool,
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

/// Makes custody and the journal: an explicit act, done once.
///
/// # Errors
/// They exist already, or the disk refuses.
pub fn create(config: &Config, shares: &Deal) -> Result<Dealt, Exit> {
    std::fs::create_dir_all(&config.data).map_err(|error| fail(73, &config.data, &error))?;
    let is_file = config.custody.source.kind() == CustodyKind::File;
    if is_file && !config.key_file.exists() {
        let _kek = Kek::create(&config.key_file, clock::random())
            .map_err(|error| fail(73, &config.key_file, &error))?;
    }
    let mut dealt = Vec::new();
    if !is_file {
        dealt = unlock::created(config, &shares.holders, shares.need)?;
    }
    let texts: Vec<Share> = dealt.iter().filter_map(|(_, text)| Share::parse(text).ok()).collect();
    let keys = kept_by(config, unlock::unlock(config, &[], &texts)?)?.0;
    let (options, _) = options(config, &keys)?;
    let disk = disk(config)?;
    let journal =
        Journal::create(disk, options, Vec::new()).map_err(|error| opening(config, &error))?;
    let opened = JournalOpened { name: Text::cut(&config.name) };
    let first = append(&journal, vec![opened.into()]);
    journal.stop();
    first.map(|()| dealt)
}

/// Who gets a share of a new custody, and how many are needed.
#[derive(Clone, Debug, Default)]
pub struct Deal {
    /// SCIM user names.
    pub holders: Vec<String>,
    /// How many open it.
    pub need: u8,
}

/// Shares to be given out: each with its holder.
pub type Dealt = Vec<(String, Zeroizing<String>)>;

/// Opens everything; `progress` is told what goes on.
///
/// # Errors
/// With the documented exit code.
pub fn open(
    new: Set,
    file: &Path,
    shares: &[Share],
    progress: &dyn Fn(&str),
) -> Result<(Rooms, Set), Exit> {
    let no_swap = hygiene::forbid_swap();
    if new.config.custody.lock_memory && !no_swap {
        let told = "custody.lock_memory: the limit forbids it; set LimitMEMLOCK=infinity";
        return Err(Exit::new(73, told.to_owned()));
    }
    let kept = declarations::kept(&new.config.data, file);
    let config = &new.config;
    let restore = restored::pending(&config.data)?;
    let Below {
        how,
        mut holders,
        register,
        store,
        ledger,
        snapshots,
        keys,
        purpose_key,
        mut options,
        checkpoint_vkey,
    } = below(&new, &kept, shares, restore.is_some())?;
    // Which set runs is known once the journal is replayed: each counts by its own budgets.
    let counted: Vec<(&Set, Exposures)> =
        kept.iter().chain([&new]).map(|set| (set, Exposures::new(budgets(set)))).collect();
    // Which set runs is known once the journal is replayed: any that wants lists has them.
    let offline = |set: &Set| !set.config.offline_audiences.is_empty();
    let statuses = ward_tokens::Statuses::new(kept.iter().chain([&new]).any(offline));
    let seen = Views { statuses, ..Views::default() };
    let numbers = restored::Numbers::default();
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
    let exposures = counted_by(running.set, &counted);
    let is_new = core::ptr::eq(running.set, &new) || running.set.name == new.name;
    let (mut keys, how) = keeping::as_wanted(&running.set.config, is_new, (keys, how))?;
    let (custody, unsealers) = how.told(config, &store, &ledger)?;
    holders.extend(unsealers);
    keys.keep(holders);
    let rooms = (&journal, &ledger, &keys);
    let origins = begin(&running, rooms, custody, &seen.intents, restore.as_ref())?;
    declare_issuers(&running.set.config, &journal, &ledger, &store)?;
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
        snapshots,
        register,
        store,
        no_swap,
        keys,
        origins,
        exposures,
        seen,
        purpose_key,
        checkpoint_vkey,
    };
    Ok((rooms, set))
}

/// The budgets of the set that runs, as they were counted during the replay.
fn counted_by(running: &Set, counted: &[(&Set, Exposures)]) -> Exposures {
    let of_it = counted.iter().find(|(set, _)| set.name == running.name);
    of_it.map_or_else(|| Exposures::new(budgets(running)), |(_, counted)| counted.clone())
}

/// What is open before the journal is replayed.
struct Below {
    how: keeping::HowOpened,
    holders: keeping::Keepers,
    register: Register,
    store: Store,
    ledger: Ledger,
    snapshots: Snapshots,
    keys: KeyStore,
    purpose_key: Secret<[u8; 32]>,
    options: Options,
    checkpoint_vkey: String,
}

fn below(new: &Set, kept: &[Set], shares: &[Share], restoring: bool) -> Result<Below, Exit> {
    let config = &new.config;
    let others: Vec<&Source> = kept.iter().map(|set| &set.config.custody.source).collect();
    let is_file = |way: &&Source| way.kind() == CustodyKind::File;
    if others.iter().chain([&&config.custody.source]).all(is_file)
        && !config.key_file.exists()
        && config.custody.previous.is_none()
    {
        let place = config.key_file.display();
        return Err(Exit::new(73, format!("{place}: no key file; `ward init` makes one")));
    }
    let (keys, how) = kept_by(config, unlock::unlock(config, &others, shares)?)?;
    let secret = |name: &str| keys.secret(name).map_err(|error| fail(73, &config.data, &error));
    let register = Register::open(&config.data.join("register.db"), &secret("register")?)
        .map_err(|error| database(config, "register.db", &error))?;
    let store = Store::open(&config.data.join("store.db"), &secret("store")?)
        .map_err(|error| database(config, "store.db", &error))?;
    let (options, checkpoint_vkey) = options(config, &keys)?;
    let keyed = secret("ledger")?;
    let (disk, known) = (disk(config)?, [options.signer.verifier().clone()]);
    let against = Against { disk: disk.as_ref(), known: &known };
    let (snapshots, ledger) =
        Snapshots::load(&config.data, config.segment_bytes, &against, restoring, || {
            LedgerSecret::new(Secret::new(*keyed.expose()))
        });
    // Whoever is root by any of the sets holds the keys.
    let roots: BTreeSet<&String> =
        kept.iter().chain([new]).flat_map(|set| &set.config.root_on_hosts).collect();
    let holders = keeping::roots(config, &roots, &store, &ledger)?;
    let purpose_key = secret("purpose")?;
    Ok(Below {
        how,
        holders,
        register,
        store,
        ledger,
        snapshots,
        keys,
        purpose_key,
        options,
        checkpoint_vkey,
    })
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
    /// Live tokens by key.
    pub live: Live,
    /// Who used which credential.
    pub uses: Uses,
    /// Rates.
    pub pulse: Pulse,
    /// The operators' record.
    pub history: SharedHistory,
    /// Ward's own reads of today.
    pub reads: SharedReads,
    /// Revocations, for those who follow them.
    pub feed: ward_tokens::Feed,
    /// What status lists are made from.
    pub statuses: ward_tokens::Statuses,
    /// Client assertions that were used.
    pub assertions: ward_tokens::Assertions,
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
            Box::new(self.live.view()),
            Box::new(self.uses.view()),
            Box::new(self.pulse.view()),
            Box::new(self.history.view()),
            Box::new(self.reads.view()),
            Box::new(self.feed.view()),
            Box::new(self.statuses.view()),
            self.assertions.view(),
        ]
    }
}

fn disk(config: &Config) -> Result<Arc<RealDisk>, Exit> {
    let root = config.data.join("journal");
    std::fs::create_dir_all(&root).map_err(|error| fail(73, &root, &error))?;
    Ok(Arc::new(RealDisk::new(&root)))
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
    (journal, ledger, keys): (&Journal, &Ledger, &KeyStore),
    custody: Vec<Record>,
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
    records.extend(custody);
    records.extend(keys.undeclared(ledger, now));
    append(journal, records)?;
    for (purpose, algorithm) in [
        (KeyPurpose::Token, Algorithm::Es256),
        (KeyPurpose::Transaction, Algorithm::EdDsa),
        (KeyPurpose::Answer, Algorithm::Es256),
    ] {
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

/// What the configuration says of foreign issuers, recorded before anything is served.
fn declare_issuers(
    config: &Config,
    journal: &Journal,
    ledger: &Ledger,
    store: &Store,
) -> Result<(), Exit> {
    let person = |name: &str| store.person_by_user_name(name).ok().flatten().map(|row| row.person);
    let records = crate::issuers::declare(&config.issuers, ledger, &person, clock::now());
    if records.is_empty() { Ok(()) } else { append(journal, records) }
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
