//! A whole house on free ports: the gate with everything real around it but the disk, which can
//! fail, and the clock, which stands still.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::Ed25519KeyPair;
use tokio::net::TcpListener;
use ward_catalogue::Catalogue;
use ward_gate::bypass::Bypasses;
use ward_gate::counters::Counters;
use ward_gate::exposure::{Budget, Exposures};
use ward_gate::intent::Intents;
use ward_gate::transaction::{MintFailed, MintTransaction, Transaction};
use ward_gate::{Gate, Parts, door};
use ward_journal::testing::FaultDisk;
use ward_journal::{Journal, Options};
use ward_keys::{
    Import, Kek, KeyStore, NewKey, Origins, RequestContext, TokenSigner, TransactionBody,
    mint_transaction,
};
use ward_ledger::{Ledger, LedgerSecret, TokenBody, compose_api_key, layout};
use ward_model::record::{
    AccessRow, ApiKeyIssued, BypassOpened, IssuerModeSet, OriginOpened, PrincipalSuspended,
    TokenRevoked,
};
use ward_model::word::{Algorithm, ApiKeyKind, Cause, IssuerMode, KeyPurpose, KeyState};
use ward_model::{
    AccessId, ApiKeyId, BypassId, DataSubjectNumber, Entry, KeyNumber, LeafIndex, NamespaceNumber,
    PersonId, PrincipalKind, PrincipalName, Reason, Record, RouteNumber, Secret, SessionId, Text,
    UnixMillis,
};
use ward_policy::Policies;
use ward_register::{Register, namespace_of};
use ward_tlog::NoteSigner;

use super::origin::Origin;
use super::wire::{Call, Reply};

pub const NOW: UnixMillis = UnixMillis::from_seconds(1_800_000_000);
pub const ISSUER: &str = "https://login.test";
pub const WARD: &str = "https://ward.test";
/// Customers 1 to 99 exist, but for this one.
pub const PHANTOM: &str = "50";

pub struct House {
    pub origin: Origin,
    pub addr: SocketAddr,
    pub gate: Arc<Gate>,
    pub journal: Journal,
    pub disk: FaultDisk,
    pub ledger: Ledger,
    pub register: Register,
    pub policies: Arc<Policies>,
    pub exposures: Exposures,
    pub intents: Intents,
    pub bypasses: Bypasses,
    pub keys: Arc<KeyStore>,
    pub signer: TokenSigner,
    /// The key somebody kept.
    pub kept: Ed25519KeyPair,
    pub imported: KeyNumber,
    clock: Arc<AtomicI64>,
    entropy: AtomicU8,
    _dir: tempfile::TempDir,
}

struct Mint {
    keys: Arc<KeyStore>,
    ledger: Ledger,
}

impl MintTransaction for Mint {
    fn mint(&self, it: &Transaction<'_>) -> Result<String, MintFailed> {
        let key = self.keys.active(KeyPurpose::Transaction, WARD, &self.ledger);
        let body = TransactionBody {
            access: it.access,
            audience: it.audience,
            subject: it.subject,
            kind: it.kind,
            tenant: it.tenant,
            purpose: it.purpose,
            requester: Some("gate"),
            request: RequestContext { method: it.method, path: it.path },
        };
        mint_transaction(&key.map_err(|_| MintFailed)?, &body, NOW).map_err(|_| MintFailed)
    }
}

fn views(
    ledger: &Ledger,
    exposures: &Exposures,
    intents: &Intents,
    bypasses: &Bypasses,
) -> Vec<Box<dyn ward_model::View>> {
    vec![
        Box::new(ledger.view()),
        Box::new(exposures.view()),
        Box::new(intents.view()),
        Box::new(bypasses.view()),
    ]
}

impl House {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let kek = Kek::create(&dir.path().join("kek"), [3; 32]).unwrap();
        let keys = Arc::new(KeyStore::open(&dir.path().join("keys"), kek, Vec::new()).unwrap());
        let path = dir.path().join("register.db");
        let register = Register::open(&path, &Secret::new([9; 32])).unwrap();
        let known = (1..100).map(|id: u32| id.to_string()).filter(|id| id != PHANTOM);
        register.import(namespace_of(PrincipalKind::Customer), known, |_| {}).unwrap();
        let ledger = Ledger::new(LedgerSecret::new(Secret::new([7; 32])));
        let origin = Origin::start().await;
        let catalogue = catalogue(origin.addr);
        let exposures = Exposures::new(budgets(&catalogue));
        let (intents, bypasses) = (Intents::default(), Bypasses::default());
        let disk = FaultDisk::new(1);
        let views = views(&ledger, &exposures, &intents, &bypasses);
        let journal = Journal::create(Arc::new(disk.clone()), options(), views).unwrap();
        let policies = Arc::new(Policies::load(ward_policy::DEFAULTS).unwrap());
        let clock = Arc::new(AtomicI64::new(NOW.ms()));
        let (ids, time) = (AtomicU64::new(1), Arc::clone(&clock));
        let gate = Arc::new(Gate::new(Parts {
            journal: journal.clone(),
            ledger: ledger.clone(),
            register: register.clone(),
            policies: Arc::clone(&policies),
            catalogue: Arc::new(ArcSwap::from_pointee(catalogue)),
            exposures: exposures.clone(),
            bypasses: bypasses.clone(),
            mint: Arc::new(Mint { keys: Arc::clone(&keys), ledger: ledger.clone() }),
            doors: ward_model::Networks::default(),
            proofs: Arc::new(ward_proof::Desk::new(&[4; 32], NOW.plus_ms(-3_600_000), false)),
            audience: "shop".into(),
            clock: Arc::new(move || UnixMillis::new(time.load(Ordering::SeqCst))),
            access_id: Arc::new(move |_| {
                AccessId(u128::from(ids.fetch_add(1, Ordering::SeqCst)).to_be_bytes())
            }),
            purpose_hash: Arc::new(|text| i64::try_from(text.len()).unwrap()),
            counters: Counters::default(),
        }));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let forever = std::future::pending();
        tokio::spawn(door::serve(Arc::clone(&gate), listener, forever, Duration::ZERO));

        let signer = TokenSigner::new(ledger.clone(), Origins::new(ledger.next_origin()));
        append(&journal, OriginOpened { origin: ledger.next_origin() }).await;
        let (kept, imported) = own_keys(&keys, &ledger, &journal).await;
        let (entropy, _dir) = (AtomicU8::new(0), dir);
        Self {
            origin,
            addr,
            gate,
            journal,
            disk,
            ledger,
            register,
            policies,
            exposures,
            intents,
            bypasses,
            keys,
            signer,
            kept,
            imported,
            clock,
            entropy,
            _dir,
        }
    }

    pub async fn append<T: Entry>(&self, entry: T) {
        append(&self.journal, entry).await;
    }

    pub fn at(&self, time: UnixMillis) {
        self.clock.store(time.ms(), Ordering::SeqCst);
    }

    /// A token really issued.
    pub async fn issue(&self, body: &TokenBody) -> String {
        let number = self.register.principal(&body.principal).unwrap();
        let key = self.keys.active(KeyPurpose::Token, ISSUER, &self.ledger).unwrap();
        let entropy = [self.entropy.fetch_add(1, Ordering::SeqCst); 14];
        let withheld = self.signer.sign(&key, body, number, entropy, NOW).unwrap();
        let recorded = self.journal.append(withheld.issuance(), NOW).await.unwrap();
        withheld.open(recorded, &self.ledger).unwrap().expose().to_owned()
    }

    pub async fn token(&self, kind: PrincipalKind, id: &str) -> String {
        self.issue(&body(kind, id)).await
    }

    /// A token signed with the kept key: right in everything, and never issued.
    pub fn forge(&self, body: &TokenBody) -> String {
        let header = layout::header(Algorithm::EdDsa, "kept");
        let input = layout::signing_input(&header, &"A".repeat(40), ISSUER, body, NOW);
        let signature = self.kept.sign(input.as_bytes());
        layout::compact(&input, signature.as_ref().try_into().unwrap())
    }

    /// An API key of a person; its id is `n`.
    pub async fn api_key(&self, kind: PrincipalKind, id: &str, n: u8) -> String {
        let raw = compose_api_key(ApiKeyKind::Person, &[n; 64]).unwrap();
        let owner = self.register.principal(&name(kind, id)).unwrap();
        self.append(ApiKeyIssued {
            api_key: ApiKeyId(i64::from(n)),
            kind: ApiKeyKind::Person,
            hash: self.ledger.secret().api_key_hash(raw.expose()),
            owner_kind: kind,
            owner,
            owner_key: self.ledger.principal_key(kind, id),
            expires_at: NOW.plus_ms(3_600_000),
        })
        .await;
        raw.expose().clone()
    }

    pub async fn revoke(&self, token: &str) {
        let Some(ward_ledger::Entered::Slot(place)) = self.ledger.locate(token) else {
            panic!("not entered")
        };
        let (origin, sequence) = (place.origin, place.sequence);
        self.append(TokenRevoked { origin, sequence, cause: Cause::Operator }).await;
    }

    pub async fn suspend(&self, kind: PrincipalKind, id: &str) {
        let principal = self.register.principal(&name(kind, id)).unwrap();
        let principal_key = self.ledger.principal_key(kind, id);
        self.append(PrincipalSuspended { principal, principal_key, cause: Cause::Left }).await;
    }

    pub async fn mode(&self, mode: IssuerMode) {
        self.append(IssuerModeSet { issuer: Text::cut(ISSUER), mode }).await;
    }

    /// Opens a route from `NOW` on, as one person would.
    pub async fn open(&self, id: i64, route: i32, minutes: i64) {
        let person = PersonId([1; 16]);
        self.append(BypassOpened {
            bypass: BypassId(id),
            route: RouteNumber(route),
            until: NOW.plus_ms(minutes * 60_000),
            person,
            api_key: ApiKeyId::NONE,
            session: SessionId(1),
            note: Text::cut("pages fail"),
        })
        .await;
    }

    pub async fn ask(&self, call: &Call) -> Reply {
        call.send(self.addr).await
    }

    pub fn records(&self) -> Vec<Record> {
        let all = self.journal.read(LeafIndex(0), 60_000).unwrap();
        all.into_iter().map(|(_, record)| record).collect()
    }

    /// The rows of the access an answer belongs to; recorded before it came.
    pub fn rows(&self, reply: &Reply) -> Vec<AccessRow> {
        let of_it = |record| match record {
            Record::AccessRow(row) if row.access.to_string() == reply.access() => Some(row),
            _ => None,
        };
        self.records().into_iter().filter_map(of_it).collect()
    }

    /// The rows of an observed access: recorded after it.
    pub async fn later(&self, reply: &Reply) -> Vec<AccessRow> {
        let mut head = self.journal.head();
        loop {
            head.mark_unchanged();
            let rows = self.rows(reply);
            if rows.first().is_some_and(|row| rows.len() == usize::try_from(row.rows).unwrap()) {
                return rows;
            }
            let changed = tokio::time::timeout(Duration::from_secs(20), head.changed()).await;
            changed.expect("an observed read is recorded").unwrap();
        }
    }

    /// The reason of a refusal that was counted.
    pub fn counted(&self, reply: &Reply) -> Option<Reason> {
        let bytes = data_encoding::HEXLOWER.decode(reply.access().as_bytes()).unwrap();
        self.gate.counted_reason(AccessId(bytes.try_into().unwrap()))
    }

    /// Whose records rows hold, sorted, as `customer:7`.
    pub fn people(&self, rows: &[AccessRow]) -> Vec<String> {
        let one = |row: &AccessRow| self.person(row.data_subject);
        let mut people: Vec<String> = rows.iter().filter_map(one).collect();
        people.sort();
        people
    }

    fn person(&self, number: DataSubjectNumber) -> Option<String> {
        if number.is_none() {
            return None;
        }
        let (NamespaceNumber(namespace), id) = self.register.name(number).unwrap().unwrap();
        Some(format!("{namespace}:{id}"))
    }
}

pub fn name(kind: PrincipalKind, id: &str) -> PrincipalName {
    PrincipalName::new(kind, id).unwrap()
}

pub fn body(kind: PrincipalKind, id: &str) -> TokenBody {
    TokenBody {
        principal: name(kind, id),
        audience: "shop".into(),
        client_id: "web".into(),
        tenant: None,
        scope: None,
        login: Some("L1".into()),
        confirmation: None,
        actors: Vec::new(),
        expires_at: NOW.plus_ms(600_000),
    }
}

pub fn budgets(catalogue: &Catalogue) -> Vec<Budget> {
    let budget = |one: &ward_catalogue::Budget| Budget {
        name: one.name.clone(),
        kinds: one.kinds.clone(),
        subjects_max: one.subjects_max,
        window_ms: one.window_ms,
    };
    catalogue.budgets().iter().map(budget).collect()
}

pub fn catalogue(origin: SocketAddr) -> Catalogue {
    let text = include_str!("catalogue.toml").replace("127.0.0.1:9", &origin.to_string());
    Catalogue::parse("catalogue.toml", &text).unwrap()
}

/// A key that somebody kept a copy of, and one for transaction tokens.
async fn own_keys(
    keys: &KeyStore,
    ledger: &Ledger,
    journal: &Journal,
) -> (Ed25519KeyPair, KeyNumber) {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).unwrap();
    let import = Import {
        passphrase: None,
        kid: Some("kept".into()),
        issuer: ISSUER.into(),
        holders: Vec::new(),
        others_unknown: false,
        grandfathering: None,
    };
    let change = keys.import(pkcs8.as_ref(), &import, ledger, NOW).unwrap();
    let imported = change.key;
    append(journal, change).await;
    let purpose = KeyPurpose::Transaction;
    let (algorithm, state) = (Algorithm::EdDsa, KeyState::Active);
    let new = NewKey { purpose, algorithm, issuer: WARD.into(), state };
    append(journal, keys.generate(&new, ledger, NOW).unwrap()).await;
    (Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap(), imported)
}

fn options() -> Options {
    let signer = NoteSigner::from_seed("test", &[5; 32]).unwrap();
    let mut counter = 0u8;
    let entropy = Box::new(move |bytes: &mut [u8]| {
        counter = counter.wrapping_add(1);
        bytes.fill(counter);
        Ok(())
    });
    let mut options = Options::new(Secret::new([6; 32]), signer, entropy, NOW);
    options.segment_bytes = 256 * 1024;
    options
}

async fn append<T: Entry>(journal: &Journal, entry: T) {
    let _recorded = journal.append(entry, NOW).await.unwrap();
}
