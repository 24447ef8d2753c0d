//! Everything that is open while Ward runs, for those who answer for it.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use ward_archive::ScopeView;
use ward_catalogue::Catalogue;
use ward_gate::Gate;
use ward_journal::Journal;
use ward_keys::KeyStore;
use ward_ledger::Ledger;
use ward_model::UnixMillis;
use ward_operators::{ReadDesk, ReadRules, SharedHistory};
use ward_people::{People, SharedHoldings};
use ward_policy::Policies;
use ward_register::Register;
use ward_respond::{Desk, SharedIncidents};
use ward_store::Store;
use ward_tokens::Issuance;
use ward_watch::SharedWatch;

use crate::config::Config;
use crate::declarations::Set;
use crate::outside::{Approving, Persons, Responding};
use crate::view::pulse::Pulse;
use crate::view::recent::Recent;

/// The open rooms.
pub struct App {
    /// The configuration this life began with.
    pub config: Config,
    /// Where `ward.toml` lies.
    pub config_file: PathBuf,
    /// The declarations in force.
    pub set: ArcSwap<Set>,
    /// Who is told of what waits.
    pub telling: crate::telling::Telling,
    /// Who must consent to what.
    pub rules: Arc<ArcSwap<ward_operators::Rules>>,
    /// Operators, and what waits for a second one.
    pub operators: ward_operators::Desk<Approving>,
    /// What the control plane asks about credentials.
    pub door: crate::auth::Desk,
    /// When this life began.
    pub started_at: UnixMillis,
    /// What happened.
    pub journal: Journal,
    /// The check.
    pub ledger: Ledger,
    /// What the next start of the ledger begins with.
    pub snapshots: crate::snapshot::Snapshots,
    /// Numbers.
    pub register: Register,
    /// Rows.
    pub store: Store,
    /// Decisions.
    pub policies: Arc<Policies>,
    /// Routes.
    pub catalogue: Arc<ArcSwap<Catalogue>>,
    /// Live tokens by key.
    pub live: crate::view::live::Live,
    /// How this process's memory is kept off disks.
    pub memory: crate::hygiene::Memory,
    /// Custody.
    pub keys: Arc<KeyStore>,
    /// Issuance.
    pub issuance: Issuance,
    /// Signing under the rules of `[signing]`.
    pub signing: ward_tokens::Signing,
    /// Revocations, for those who follow them.
    pub feed: ward_tokens::Feed,
    /// What status lists are made from.
    pub statuses: ward_tokens::Statuses,
    /// The gate.
    pub gate: Arc<Gate>,
    /// Routes opened in an emergency.
    pub emergencies: ward_gate::bypass::desk::Desk,
    /// People.
    pub people: People<Persons>,
    /// What people hold.
    pub holdings: SharedHoldings,
    /// Detectors.
    pub watch: SharedWatch,
    /// Incidents.
    pub incidents: SharedIncidents,
    /// Where incidents are worked on.
    pub desk: Desk<Responding>,
    /// The operators' record.
    pub history: SharedHistory,
    /// Where Ward's own reads are let out, and acts that weaken are proposed.
    pub reads: ReadDesk<Approving>,
    /// What those reads are held to.
    pub read_rules: ReadRules,
    /// Keyed hash of a stated purpose.
    pub purpose_hash: Arc<dyn Fn(&str) -> i64 + Send + Sync>,
    /// Scope.
    pub scope: ScopeView,
    /// Latest accesses.
    pub recent: Recent,
    /// Who used which credential.
    pub uses: crate::view::uses::Uses,
    /// Where foreign issuers report.
    pub reports: ward_tokens::foreign::desk::Desk,
    /// How the keys of foreign issuers stand.
    pub issuers: crate::issuers::Healths,
    /// Held while keys of foreign issuers are numbered and recorded.
    pub issuer_keys: tokio::sync::Mutex<()>,
    /// Reports of leaks in this minute.
    pub leaks: std::sync::Mutex<ward_tokens::leak::Gauge>,
    /// Operators' sessions, once the room is open.
    pub sessions: std::sync::OnceLock<ward_operators::Sessions<Approving>>,
    /// Rates and counts.
    pub pulse: Pulse,
    /// Metrics of this process.
    pub metrics: metrics_exporter_prometheus::PrometheusHandle,
    /// The verifier key of checkpoints.
    pub checkpoint_vkey: String,
}
