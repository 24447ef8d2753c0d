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
    /// Numbers.
    pub register: Register,
    /// Rows.
    pub store: Store,
    /// Decisions.
    pub policies: Arc<Policies>,
    /// Routes.
    pub catalogue: Arc<ArcSwap<Catalogue>>,
    /// Custody.
    pub keys: Arc<KeyStore>,
    /// Issuance.
    pub issuance: Issuance,
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
    /// Rates and counts.
    pub pulse: Pulse,
    /// Metrics of this process.
    pub metrics: metrics_exporter_prometheus::PrometheusHandle,
    /// The verifier key of checkpoints.
    pub checkpoint_vkey: String,
}
