//! The one place where the rooms meet: each gets what it asks for, and their routers are nested.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::middleware::from_fn_with_state;
use ward_gate::transaction::{MintFailed, MintTransaction, Transaction};
use ward_gate::{Gate, Parts, counters::Counters};
use ward_keys::{KeyStore, RequestContext, TokenSigner, TransactionBody, mint_transaction};
use ward_ledger::Ledger;
use ward_model::word::{ApiKeyKind, KeyPurpose};
use ward_model::{PrincipalKind, PrincipalName};
use ward_people::People;
use ward_respond::Desk;
use ward_tokens::{Issuance, NumberError, SigningPolicy};

use crate::app::App;
use crate::auth::{self, Door, Shape};
use crate::config::Config;
use crate::load::Declared;
use crate::open::Rooms;
use crate::outside::{Persons, Responding};
use crate::{api, clock, facts};

/// Joins the open rooms with the gate, people and incidents.
pub fn app(config: Config, declared: Declared, rooms: Rooms) -> Arc<App> {
    let catalogue = Arc::new(ArcSwap::from_pointee(declared.catalogue));
    let policies = Arc::new(declared.policies);
    let mint = Mint {
        keys: Arc::clone(&rooms.keys),
        ledger: rooms.ledger.clone(),
        issuer: config.issuer.clone(),
    };
    let purpose =
        aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, rooms.purpose_key.expose());
    let gate = Arc::new(Gate::new(Parts {
        journal: rooms.journal.clone(),
        ledger: rooms.ledger.clone(),
        register: rooms.register.clone(),
        policies: Arc::clone(&policies),
        catalogue: Arc::clone(&catalogue),
        exposures: rooms.exposures.clone(),
        mint: Arc::new(mint),
        audience: config.audience.clone(),
        clock: Arc::new(clock::now),
        access_id: Arc::new(clock::access_id),
        purpose_hash: Arc::new(move |text| purpose_hash(&purpose, text)),
        counters: Counters::default(),
    }));
    let persons = Persons {
        journal: rooms.journal.clone(),
        store: rooms.store.clone(),
        register: rooms.register.clone(),
        ledger: rooms.ledger.clone(),
    };
    let base = format!("http://{}/scim/v2", config.control);
    let issuance = issuance(&config, &rooms);
    Arc::new(App {
        people: People::new(persons, rooms.holdings.clone(), base),
        desk: Desk::new(Responding(rooms.journal.clone()), rooms.incidents.clone()),
        started_at: clock::now(),
        journal: rooms.journal,
        ledger: rooms.ledger,
        register: rooms.register,
        store: rooms.store,
        keys: rooms.keys,
        holdings: rooms.holdings,
        watch: rooms.watch,
        incidents: rooms.incidents,
        scope: rooms.scope,
        recent: rooms.recent,
        pulse: rooms.pulse,
        checkpoint_vkey: rooms.checkpoint_vkey,
        metrics: recorder(),
        issuance,
        config,
        policies,
        catalogue,
        gate,
    })
}

/// The process's metrics; a second call in one process shares nothing with the first.
fn recorder() -> metrics_exporter_prometheus::PrometheusHandle {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    // Tests open several programs in one process; the first one's counters are the global ones.
    let _first = metrics::set_global_recorder(recorder);
    handle
}

/// Issuance over the open rooms: tokens of the configured issuer, for the gate's audience.
fn issuance(config: &Config, rooms: &Rooms) -> Issuance {
    let register = rooms.register.clone();
    let numbers = move |name: &PrincipalName| register.principal(name).map_err(|_| NumberError);
    Issuance::new(ward_tokens::Parts {
        journal: rooms.journal.clone(),
        ledger: rooms.ledger.clone(),
        keys: Arc::clone(&rooms.keys),
        signer: TokenSigner::new(rooms.ledger.clone(), rooms.origins.clone()),
        numbers: Arc::new(numbers),
        policy: SigningPolicy {
            issuer: config.issuer.clone(),
            kinds: PrincipalKind::ALL
                .iter()
                .copied()
                .filter(|kind| *kind != PrincipalKind::Unknown)
                .collect(),
            audiences: vec![config.audience.clone()],
            life_ms_max: config.life_seconds_max.saturating_mul(1000),
        },
        base_url: config.issuer.clone(),
        clock: Arc::new(clock::now),
        entropy: Arc::new(|bytes| {
            clock::fill(bytes);
            Ok(())
        }),
    })
}

/// The console's sessions: one-time link, or an operator's API key.
pub fn sessions(app: &Arc<App>) -> ward_console::Sessions {
    let (checking, living) = (app.ledger.clone(), app.ledger.clone());
    let operators = ward_console::Operators {
        check: Arc::new(move |credential: &str| {
            auth::caller(&checking, credential).filter(|one| one.kind == ApiKeyKind::Operator)
        }),
        is_live: Arc::new(move |api_key| {
            living.api_key(api_key).is_some_and(|key| !key.revoked && key.expires_at > clock::now())
        }),
    };
    let random = |bytes: &mut [u8; 32]| {
        clock::fill(bytes);
        true
    };
    ward_console::Sessions::new(Arc::new(clock::now), Arc::new(random), operators)
}

/// Every route of the control plane, each behind its door.
pub fn router(app: &Arc<App>, sessions: ward_console::Sessions) -> Router {
    let door = |kinds, shape| {
        from_fn_with_state(Arc::new(Door::new(app.ledger.clone(), kinds, shape)), auth::admit)
    };
    let operators = api::router(Arc::clone(app))
        .merge(ward_respond::router(app.desk.clone()))
        .merge(ward_people::api::router(app.people.clone()))
        .layer(door(&[ApiKeyKind::Operator], Shape::Problem));
    let scim = ward_people::scim::http::router(app.people.clone())
        .layer(door(&[ApiKeyKind::Scim], Shape::Scim));
    // Machines authenticate themselves at `/oauth`; `/api` is for operators here as everywhere.
    let api_door = Arc::new(Door::new(app.ledger.clone(), &[ApiKeyKind::Operator], Shape::Problem));
    let tokens = ward_tokens::router(app.issuance.clone())
        .layer(from_fn_with_state(api_door, auth::admit_to_api));
    let facts = Arc::new(facts::Joined(Arc::clone(app)));
    Router::new()
        .merge(operators)
        .merge(scim)
        .merge(tokens)
        .merge(api::open_router(Arc::clone(app)))
        .merge(ward_console::router(facts, sessions))
}

/// Signs transaction tokens for the gate with the key of that purpose.
struct Mint {
    keys: Arc<KeyStore>,
    ledger: Ledger,
    issuer: String,
}

impl MintTransaction for Mint {
    fn mint(&self, transaction: &Transaction<'_>) -> Result<String, MintFailed> {
        let key = self
            .keys
            .active(KeyPurpose::Transaction, &self.issuer, &self.ledger)
            .map_err(|_| MintFailed)?;
        let body = TransactionBody {
            access: transaction.access,
            audience: transaction.audience,
            subject: transaction.subject,
            kind: transaction.kind,
            tenant: transaction.tenant,
            purpose: transaction.purpose,
            requester: Some("gate"),
            request: RequestContext { method: transaction.method, path: transaction.path },
        };
        mint_transaction(&key, &body, clock::now()).map_err(|_| MintFailed)
    }
}

/// A stated purpose as records keep it: 63 bits of a keyed hash, never 0.
fn purpose_hash(key: &aws_lc_rs::hmac::Key, text: &str) -> i64 {
    let tag = aws_lc_rs::hmac::sign(key, text.as_bytes());
    let bytes = tag.as_ref().first_chunk::<8>().copied().unwrap_or([1; 8]);
    (i64::from_le_bytes(bytes) & i64::MAX).max(1)
}
