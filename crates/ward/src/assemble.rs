//! The one place where the rooms meet: each gets what it asks for, and their routers are nested.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::middleware::from_fn_with_state;
use ward_gate::transaction::{MintFailed, MintTransaction, Transaction};
use ward_gate::{Gate, Parts, counters::Counters};
use ward_keys::{
    KeyStore, RequestContext, StatusLists, TokenSigner, TransactionBody, mint_transaction,
};
use ward_ledger::Ledger;
use ward_model::word::{ApiKeyKind, KeyPurpose};
use ward_model::{ApiKeyId, PrincipalKind, PrincipalName, PrincipalNumber};
use ward_operators::{ReadDesk, ReadRules};
use ward_people::People;
use ward_policy::{OperatorPolicies, Policies};
use ward_respond::Desk;
use ward_tokens::{DeskParts, Issuance, NumberError, SigningPolicy};

use crate::app::App;
use crate::auth::{self, Door, Shape};
use crate::calls::InSession;
use crate::config::Config;
use crate::declarations::Set;
use crate::exit::Exit;
use crate::open::Rooms;
use crate::outside::{Approving, Persons, Responding};
use crate::{api, clock, facts, hold, reads};

/// Joins the open rooms with the gate, people and incidents.
///
/// # Errors
/// The policies of the program or of the set cannot be loaded: a fault of the build.
pub fn app(set: Set, config_file: PathBuf, rooms: Rooms) -> Result<Arc<App>, Exit> {
    let config = set.config.clone();
    let catalogue = Arc::new(ArcSwap::from(Arc::clone(&set.catalogue)));
    let policies = Policies::load(&set.texts.named())
        .map_err(|all| Exit::new(64, all.iter().map(ToString::to_string).collect()))?;
    let policies = Arc::new(policies);
    let door = door(&rooms)?;
    let rules = Arc::new(ArcSwap::from_pointee(config.approvals.clone()));
    let approving = Approving { journal: rooms.journal.clone(), rules: Arc::clone(&rules) };
    let operators = ward_operators::Desk::new(approving, rooms.seen.approvals.clone());
    let purpose_hash = hashing(&rooms);
    let nonce_always = config.oauth.nonce_always;
    let proofs = Arc::new(ward_proof::Desk::new(&clock::random(), clock::now(), nonce_always));
    let gate = gate(&config, &rooms, &policies, &catalogue, &purpose_hash, &proofs);
    let persons = persons(&rooms, operators.clone());
    let base = format!("http://{}/scim/v2", config.control);
    let reports = reports(&rooms);
    let issuance = issuance(&config, &rooms, proofs);
    let signing = ward_tokens::Signing::new(issuance.clone(), config.signing.clone());
    let seen = rooms.seen;
    Ok(Arc::new(App {
        config_file,
        set: ArcSwap::from_pointee(set),
        telling: crate::telling::Telling::new(&config)?,
        rules,
        operators: operators.clone(),
        door,
        people: People::new(persons, seen.holdings.clone(), base),
        desk: Desk::new(Responding(rooms.journal.clone()), seen.incidents.clone()),
        emergencies: ward_gate::bypass::desk::Desk::new(rooms.journal.clone(), seen.bypasses),
        started_at: clock::now(),
        journal: rooms.journal,
        ledger: rooms.ledger,
        snapshots: rooms.snapshots,
        register: rooms.register,
        store: rooms.store,
        live: seen.live,
        memory: crate::hygiene::standing(rooms.no_swap),
        keys: rooms.keys,
        holdings: seen.holdings,
        watch: seen.watch,
        incidents: seen.incidents,
        scope: seen.scope,
        history: seen.history,
        feed: seen.feed,
        statuses: seen.statuses,
        reads: ReadDesk::new(operators.clone(), seen.reads),
        read_rules: read_rules(&config),
        purpose_hash,
        recent: seen.recent,
        uses: {
            seen.uses.live();
            seen.uses
        },
        reports,
        issuers: crate::issuers::Healths::default(),
        issuer_keys: tokio::sync::Mutex::default(),
        leaks: std::sync::Mutex::default(),
        sessions: std::sync::OnceLock::new(),
        pulse: seen.pulse,
        checkpoint_vkey: rooms.checkpoint_vkey,
        metrics: recorder(),
        issuance,
        signing,
        config,
        policies,
        catalogue,
        gate,
    }))
}

fn door(rooms: &Rooms) -> Result<auth::Desk, Exit> {
    Ok(auth::Desk {
        ledger: rooms.ledger.clone(),
        approvals: rooms.seen.approvals.clone(),
        uses: rooms.seen.uses.clone(),
        policies: Arc::new(OperatorPolicies::load().map_err(|told| Exit::new(70, told))?),
    })
}

fn persons(rooms: &Rooms, operators: ward_operators::Desk<Approving>) -> Persons {
    Persons {
        journal: rooms.journal.clone(),
        store: rooms.store.clone(),
        register: rooms.register.clone(),
        ledger: rooms.ledger.clone(),
        operators,
    }
}

const fn read_rules(config: &Config) -> ReadRules {
    ReadRules {
        purpose_required: config.operators.purpose_required,
        per_day: config.operators.reads_per_day,
        at_once: config.operators.reads_at_once,
    }
}

/// The gate over the open rooms.
fn gate(
    config: &Config,
    rooms: &Rooms,
    policies: &Arc<Policies>,
    catalogue: &Arc<ArcSwap<ward_catalogue::Catalogue>>,
    purpose_hash: &PurposeHash,
    proofs: &Arc<ward_proof::Desk>,
) -> Arc<Gate> {
    let mint = Mint {
        keys: Arc::clone(&rooms.keys),
        ledger: rooms.ledger.clone(),
        issuer: config.issuer.clone(),
    };
    Arc::new(Gate::new(Parts {
        journal: rooms.journal.clone(),
        ledger: rooms.ledger.clone(),
        register: rooms.register.clone(),
        policies: Arc::clone(policies),
        catalogue: Arc::clone(catalogue),
        exposures: rooms.exposures.clone(),
        bypasses: rooms.seen.bypasses.clone(),
        mint: Arc::new(mint),
        doors: config.forwarded_from.clone(),
        proofs: Arc::clone(proofs),
        audience: config.audience.clone(),
        clock: Arc::new(clock::now),
        access_id: Arc::new(clock::access_id),
        purpose_hash: Arc::clone(purpose_hash),
        counters: Counters::default(),
    }))
}

/// A stated purpose as records keep it.
type PurposeHash = Arc<dyn Fn(&str) -> i64 + Send + Sync>;

fn hashing(rooms: &Rooms) -> PurposeHash {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, rooms.purpose_key.expose());
    Arc::new(move |text| purpose_hash(&key, text))
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
fn issuance(config: &Config, rooms: &Rooms, proofs: Arc<ward_proof::Desk>) -> Issuance {
    let register = rooms.register.clone();
    let numbers = move |name: &PrincipalName| register.principal(name).map_err(|_| NumberError);
    Issuance::new(ward_tokens::Parts {
        journal: rooms.journal.clone(),
        ledger: rooms.ledger.clone(),
        keys: Arc::clone(&rooms.keys),
        signer: TokenSigner::new(rooms.ledger.clone(), rooms.origins.clone())
            .with_statuses(StatusLists::new(status_base(config), config.offline_audiences.clone())),
        numbers: Arc::new(numbers),
        policy: SigningPolicy {
            issuer: config.issuer.clone(),
            kinds: PrincipalKind::ALL
                .iter()
                .copied()
                .filter(|kind| *kind != PrincipalKind::Unknown)
                .collect(),
            audiences: [&config.audience]
                .into_iter()
                .chain(&config.oauth.audiences)
                .cloned()
                .collect(),
            life_ms_max: config.life_seconds_max.saturating_mul(1000),
        },
        assertions: rooms.seen.assertions.clone(),
        proofs,
        doors: config.forwarded_from.clone(),
        base_url: config.issuer.clone(),
        clock: Arc::new(clock::now),
        entropy: Arc::new(|bytes| {
            clock::fill(bytes);
            Ok(())
        }),
    })
}

/// Where foreign issuers report.
fn reports(rooms: &Rooms) -> ward_tokens::foreign::desk::Desk {
    let register = rooms.register.clone();
    let numbers = move |name: &PrincipalName| register.principal(name).map_err(|_| NumberError);
    let (journal, ledger) = (rooms.journal.clone(), rooms.ledger.clone());
    let clock = Arc::new(clock::now);
    ward_tokens::foreign::desk::Desk::new(journal, ledger, Arc::new(numbers), clock)
}

/// Every route of the control plane, each behind its door.
pub fn router(app: &Arc<App>, deeds: Arc<dyn ward_console::Deeds>) -> Router {
    let door = |kinds, shape| {
        from_fn_with_state(Arc::new(Door::new(app.door.clone(), kinds, shape)), auth::admit)
    };
    let held = || from_fn_with_state(Arc::clone(app), hold::weakening);
    let operators = api::router(Arc::clone(app))
        .merge(ward_respond::router(app.desk.clone()))
        .merge(
            ward_people::api::router(app.people.clone())
                .route_layer(from_fn_with_state(Arc::clone(app), reads::person)),
        )
        .merge(ward_operators::router(app.operators.clone(), Arc::new(clock::random)))
        .merge(ward_operators::history::api::router(record(app)))
        .layer(held())
        .layer(door(&[ApiKeyKind::Operator], Shape::Problem));
    let reporters = ward_tokens::foreign::http::router(app.reports.clone())
        .layer(door(&[ApiKeyKind::Reporter], Shape::Problem));
    let scim = ward_people::scim::http::router(app.people.clone())
        .layer(door(&[ApiKeyKind::Scim], Shape::Scim));
    // Machines authenticate themselves at `/oauth`; `/api` is for operators here as everywhere.
    let api_door = Arc::new(Door::new(app.door.clone(), &[ApiKeyKind::Operator], Shape::Problem));
    let tokens = ward_tokens::router(app.issuance.clone())
        .merge(ward_tokens::typed_router(app.signing.clone()))
        .layer(held())
        .layer(from_fn_with_state(api_door, auth::admit_to_api));
    let transit = ward_tokens::transit_router(app.signing.clone())
        .layer(door(&[ApiKeyKind::Operator], Shape::Vault));
    let facts = Arc::new(facts::Joined(Arc::clone(app)));
    Router::new()
        .merge(ward_tokens::desk_router(tokens_desk(app)))
        .merge(operators)
        .merge(scim)
        .merge(reporters)
        .merge(tokens)
        .merge(transit)
        .merge(api::open_router(Arc::clone(app)))
        .merge(ward_console::router_with(facts, deeds, Arc::new(in_session(app))))
        .layer(from_fn_with_state(Arc::clone(app), auth::confine))
}

/// What the console has done at the API: handing out and taking back API keys.
fn in_session(app: &Arc<App>) -> InSession {
    let routes = ward_tokens::router(app.issuance.clone())
        .layer(from_fn_with_state(Arc::clone(app), hold::weakening))
        .layer(from_fn_with_state(app.door.clone(), auth::permitted));
    InSession::new(Arc::clone(app), routes)
}

/// Where status lists are served.
fn status_base(config: &Config) -> String {
    format!("{}/oauth/status/", config.issuer.trim_end_matches('/'))
}

/// Where tokens are asked about and taken back. An operator who may read accesses may hear why a
/// credential is not live: it is what `GET /api/accesses/{id}` tells him.
fn tokens_desk(app: &App) -> ward_tokens::Desk {
    let (door, register) = (app.door.clone(), app.register.clone());
    let may_read = move |id: ApiKeyId| {
        let caller =
            door.approvals.read(|it| it.operators().caller(id, ApiKeyKind::Operator, clock::now()));
        door.policies.permits(caller.roles, "read_accesses")
    };
    let names = move |number: PrincipalNumber| {
        let (namespace, id) = register.name(number.into()).ok()??;
        let kind = u8::try_from(namespace.0).ok().and_then(PrincipalKind::from_byte)?;
        PrincipalName::new(kind, id).ok()
    };
    ward_tokens::Desk::new(DeskParts {
        issuance: app.issuance.clone(),
        may_read: Arc::new(may_read),
        names: Arc::new(names),
        feed: app.feed.clone(),
        statuses: app.statuses.clone(),
        status_base: status_base(&app.config),
    })
}

/// What the operators' record stands on.
pub fn record(app: &App) -> ward_operators::history::api::Room {
    ward_operators::history::api::Room {
        journal: app.journal.clone(),
        history: app.history.clone(),
        vkey: app.checkpoint_vkey.as_str().into(),
        clock: Arc::new(clock::now),
    }
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
