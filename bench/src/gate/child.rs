//! The gate that is measured: the rooms of a serving Ward in one process, on a free loopback port.
//!
//! Everything that costs CPU while it serves is here: every view the journal feeds, the follower
//! that keeps the store, the second's tick. It says where it listens and with which tokens, then
//! serves until its input is closed.

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use ward_catalogue::Catalogue;
use ward_gate::counters::Counters;
use ward_gate::exposure::{Budget, Exposures};
use ward_gate::intent::Intents;
use ward_gate::transaction::{MintFailed, MintTransaction, Transaction};
use ward_gate::{Gate, Parts, door};
use ward_journal::Journal;
use ward_keys::{KeyStore, RequestContext, TransactionBody, mint_transaction};
use ward_ledger::Ledger;
use ward_model::word::KeyPurpose;
use ward_model::{AccessId, LeafIndex, PrincipalKind, Secret, View};
use ward_policy::Policies;
use ward_register::{Register, namespace_of};
use ward_store::Store;

use super::{CONNECTIONS, Ready, shop};
use crate::machine;
use crate::world::{self, World};

/// Records the follower takes at once.
const BATCH: usize = 8192;
/// How long requests under way may take at the end.
const GRACE: Duration = Duration::from_secs(5);

/// Serves until the input is closed.
///
/// # Errors
/// A room does not open.
pub fn child(dir: &Path, origin: SocketAddr) -> Result<()> {
    let catalogue = shop::catalogue(origin)?;
    let exposures = Exposures::new(budgets(&catalogue));
    let world = World::open(dir, views(&exposures))?;
    let register = register(dir)?;
    let store = Store::open(&dir.join("store.db"), &Secret::new(machine::random()?))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let tokens = tokens(&world, &register)?;
        let ready = Ready { at: listener.local_addr()?, tokens };
        let gate = gate(&world, register, catalogue, exposures)?;
        tokio::spawn(follow(world.journal.clone(), store));
        tokio::spawn(tick(world.journal.clone()));
        let (ended, end) = oneshot::channel::<()>();
        // WHY a thread: a read of the input cannot be cancelled.
        std::thread::spawn(move || {
            let _closed = std::io::stdin().read_to_end(&mut Vec::new());
            drop(ended);
        });
        println!("{}", serde_json::to_string(&ready)?);
        let stop = async {
            let _dropped = end.await;
        };
        door::serve(gate, listener, stop, GRACE).await;
        anyhow::Ok(())
    })?;
    let health = world.journal.health();
    world.journal.stop();
    ensure!(health.refused == 0 && !health.dead, "the journal refused appends");
    ensure!(world.ledger.faults() == 0, "records did not fit");
    Ok(())
}

/// Whatever a serving Ward keeps in memory from records, beside the ledger.
fn views(exposures: &Exposures) -> Vec<Box<dyn View>> {
    vec![
        Box::new(exposures.view()),
        Box::new(Intents::default().view()),
        Box::new(ward_people::SharedHoldings::new().view()),
        Box::new(ward_watch::SharedWatch::new().view()),
        Box::new(ward_respond::SharedIncidents::new().view()),
        Box::new(ward_archive::ScopeView::new().view()),
    ]
}

fn register(dir: &Path) -> Result<Register> {
    let register = Register::open(&dir.join("register.db"), &Secret::new(machine::random()?))?;
    let customers = shop::CUSTOMERS.map(|id| id.to_string());
    register.import(namespace_of(PrincipalKind::Customer), customers, |_| {})?;
    register.import(namespace_of(PrincipalKind::Seller), [shop::SELLER], |_| {})?;
    Ok(register)
}

fn tokens(world: &World, register: &Register) -> Result<Vec<String>> {
    let key = world.token_key()?;
    let body = world::body(PrincipalKind::Seller, shop::SELLER)?;
    let number = register.principal(&body.principal)?;
    let mut tokens = Vec::new();
    for _ in 0..CONNECTIONS {
        let now = machine::now();
        let withheld = world.signer.sign(&key, &body, number, machine::random()?, now)?;
        let recorded = world.journal.append_blocking(withheld.issuance(), now)?;
        tokens.push(withheld.open(recorded, &world.ledger)?.expose().to_owned());
    }
    Ok(tokens)
}

fn gate(
    world: &World,
    register: Register,
    catalogue: Catalogue,
    exposures: Exposures,
) -> Result<Arc<Gate>> {
    let purpose =
        aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &machine::random::<32>()?);
    let policies = Policies::load(ward_policy::DEFAULTS).map_err(|why| anyhow!("{why:?}"))?;
    Ok(Arc::new(Gate::new(Parts {
        journal: world.journal.clone(),
        ledger: world.ledger.clone(),
        register,
        policies: Arc::new(policies),
        catalogue: Arc::new(ArcSwap::from_pointee(catalogue)),
        exposures,
        bypasses: ward_gate::bypass::Bypasses::default(),
        mint: Arc::new(Mint { keys: Arc::clone(&world.keys), ledger: world.ledger.clone() }),
        doors: ward_model::Networks::default(),
        proofs: Arc::new(ward_proof::Desk::new(&machine::random()?, machine::now(), false)),
        audience: world::AUDIENCE.into(),
        clock: Arc::new(machine::now),
        access_id: Arc::new(|_| AccessId(machine::random().unwrap_or_default())),
        purpose_hash: Arc::new(move |text| {
            let tag = aws_lc_rs::hmac::sign(&purpose, text.as_bytes());
            tag.as_ref().first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes))
        }),
        counters: Counters::default(),
    })))
}

fn budgets(catalogue: &Catalogue) -> Vec<Budget> {
    let budget = |one: &ward_catalogue::Budget| Budget {
        name: one.name.clone(),
        kinds: one.kinds.clone(),
        subjects_max: one.subjects_max,
        window_ms: one.window_ms,
    };
    catalogue.budgets().iter().map(budget).collect()
}

struct Mint {
    keys: Arc<KeyStore>,
    ledger: Ledger,
}

impl MintTransaction for Mint {
    fn mint(&self, it: &Transaction<'_>) -> Result<String, MintFailed> {
        let key = self.keys.active(KeyPurpose::Transaction, world::ISSUER, &self.ledger);
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
        let key = key.map_err(|_| MintFailed)?;
        mint_transaction(&key, &body, machine::now()).map_err(|_| MintFailed)
    }
}

/// The store's follower, as the program runs it.
async fn follow(journal: Journal, store: Store) {
    let mut head = journal.head();
    loop {
        let (journal, store) = (journal.clone(), store.clone());
        let step = tokio::task::spawn_blocking(move || {
            let from = LeafIndex(store.applied().0);
            let batch = journal.read(from, BATCH).unwrap_or_default();
            let applied = store.apply_all(batch.iter().map(|(at, record)| (*at, record)));
            !batch.is_empty() && applied.is_ok()
        });
        if !step.await.unwrap_or(false) && head.changed().await.is_err() {
            return;
        }
    }
}

async fn tick(journal: Journal) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    loop {
        every.tick().await;
        journal.tick(machine::now());
    }
}
